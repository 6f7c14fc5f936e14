//! The configuration file: read, checked, shown.

use mm_core::config::{Config, ConfigError, RawConfig};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("config {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("config {path}:{line}: {why}")]
    Toml { path: PathBuf, line: usize, why: String },
    #[error("config {path}: {source}")]
    Check { path: PathBuf, source: Box<ConfigError> },
}

/// A checked configuration and the text it came from.
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) text: String,
}

/// Reads and checks a configuration file.
pub(crate) fn load(path: &Path) -> Result<Loaded, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let raw = parse(&text).map_err(|(line, why)| Error::Toml { path: path.to_owned(), line, why })?;
    let config =
        Config::try_from(raw).map_err(|source| Error::Check { path: path.to_owned(), source: Box::new(source) })?;
    Ok(Loaded { config, text })
}

/// The raw form of a configuration's text; otherwise the line and what is wrong with it, in one line.
pub(crate) fn parse(text: &str) -> Result<RawConfig, (usize, String)> {
    toml::from_str(text).map_err(|why| {
        let start = why.span().map_or(0, |span| span.start);
        let line = 1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count();
        (line, why.message().replace('\n', " "))
    })
}

impl Loaded {
    /// What would be used: every value after checking, and the digest that the executor records.
    pub(crate) fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let shown = serde_json::json!({ "config": self.config, "digest": self.config.digest() });
        serde_json::to_writer_pretty(&mut *out, &shown)?;
        writeln!(out)
    }
}

#[cfg(test)]
mod tests {
    use super::load;

    /// What `load` says about the example configuration after one change.
    fn complaint(from: &str, to: &str) -> String {
        let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../config/mm-core.toml"));
        assert!(text.contains(from), "the example has no {from:?}");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mm-core.toml");
        std::fs::write(&path, text.replace(from, to)).expect("written");
        match load(&path) {
            Ok(_) => "fine".to_owned(),
            Err(why) => why.to_string(),
        }
    }

    #[test]
    fn the_example_is_good_and_each_mistake_is_named_on_one_line() {
        assert_eq!(complaint("schema = 1", "schema = 1"), "fine");
        for (from, to, part) in [
            ("schema = 1", "schema = 2", "schema = 2"),
            ("tokens_per_link = 200", "tokens_per_link = 201", "feed.tokens_per_link = 201"),
            ("tokens_per_link = 200", "tokens_per_lnk = 200", "unknown field `tokens_per_lnk`"),
            ("ping_every_ms = 10000", "ping_every_ms = \"10 s\"", "expected u64"),
            ("[executor]", "[executor", ".toml:"),
            ("127.0.0.1:9464", "0.0.0.0:9464", "metrics.listen"),
        ] {
            let said = complaint(from, to);
            assert!(said.contains(part) && !said.contains('\n'), "{to}: {said:?}");
        }
        assert!(load("/nonexistent.toml".as_ref()).is_err_and(|why| why.to_string().contains("/nonexistent.toml")));
    }
}
