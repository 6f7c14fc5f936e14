//! `mm-core score FILE`: reward scores of cases as JSON lines, for comparing with any other program.

use mm_core::rewards::{CaseError, read_cases};
use std::fs::File;
use std::io::{self, Read, Write};

/// Largest file that is read: a thousand times the published vectors.
const FILE_MAX: u64 = 128 * 1024 * 1024;

/// Why nothing, or not everything, was scored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file cannot be read.
    #[error("{path}: cannot be read: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It is larger than what is read.
    #[error("{path}: larger than {FILE_MAX} bytes")]
    TooLarge {
        /// The file.
        path: String,
    },
    /// It is not a case, an array of cases or a vector file, or a case is wrong.
    #[error("{path}: {source}")]
    Case {
        /// The file.
        path: String,
        /// The case and what is wrong with it.
        source: CaseError,
    },
    /// The answer cannot be written.
    #[error("cannot write the answer: {0}")]
    Write(#[from] io::Error),
}

/// Scores every case of the file at `path` (`-`: standard input), one line each, in the file's order.
///
/// # Errors
/// [`Error`], which names the file, the case and what is wrong. The whole file is read and checked before the first
/// line is written.
pub(crate) fn score(path: &str, out: &mut dyn Write) -> Result<(), Error> {
    let text = read(path)?;
    let wrong = |source| Error::Case { path: path.to_owned(), source };
    let cases = read_cases(&text).map_err(wrong)?;
    let scores = cases.iter().map(|case| case.score().map_err(wrong)).collect::<Result<Vec<_>, _>>()?;
    for score in scores {
        serde_json::to_writer(&mut *out, &score).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(())
}

fn read(path: &str) -> Result<String, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let input: Box<dyn Read> =
        if path == "-" { Box::new(io::stdin().lock()) } else { Box::new(File::open(path).map_err(failed)?) };
    let mut text = String::new();
    input.take(FILE_MAX + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > FILE_MAX {
        return Err(Error::TooLarge { path: path.to_owned() });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::score;

    fn run(text: &str) -> Result<String, String> {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text).expect("written");
        let path = file.path().to_str().expect("plain path").to_owned();
        let mut out = Vec::new();
        score(&path, &mut out).map_err(|e| e.to_string().replace(&path, "FILE"))?;
        Ok(String::from_utf8(out).expect("JSON is text"))
    }

    const CASE: &str = r#"{"id":"one","market":{"tick_size":"0.01","rewards_min_size":"50","rewards_max_spread":"3",
        "rate_per_day":"100","in_game_multiplier":"1","c":"3","min_order_age_ms":0},"midpoint_mode":"level",
        "others_mode":"by_maker","mine":[{"token":"YES","side":"BUY","price":"0.49","size":"100"},
        {"token":"NO","side":"BUY","price":"0.49","size":"100"}],"others":[]}"#;

    #[test]
    fn one_case_and_a_list_of_it_come_out_alike() {
        let line = run(CASE).expect("scored");
        let head = r#"{"id":"one","best_qualifying_bid":"0.490000000000","best_qualifying_ask":"0.510000000000","#;
        assert!(line.starts_with(head), "{line}");
        assert!(line.ends_with("\"minute_reward\":\"0.069444444444\"}\n"), "{line}");
        assert_eq!(run(&format!("[{CASE}]")).expect("scored"), line);
        assert_eq!(run(&format!("{{\"cases\":[{CASE},{CASE}]}}")).expect("scored"), line.repeat(2));
    }

    #[test]
    fn errors_name_file_case_and_key() {
        assert_eq!(
            run(&CASE.replace("\"3\",\n", "\"three\",\n")).expect_err("refused"),
            "FILE: case one: market.rewards_max_spread is \"three\": unexpected character 't'"
        );
        assert!(run("nonsense").expect_err("refused").starts_with("FILE: not JSON: "));
        let missing = score("/nonexistent/cases.json", &mut Vec::new()).expect_err("refused").to_string();
        assert!(missing.starts_with("/nonexistent/cases.json: cannot be read: "), "{missing}");
    }
}
