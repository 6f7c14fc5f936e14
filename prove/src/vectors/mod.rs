//! `prove vectors DIR`: every vector file we know by name, through the product's own code.

mod amounts;
mod book_hash;
pub(crate) mod clob_auth;
pub(crate) mod hmac;
mod matching;
pub(crate) mod rewards;
mod rewards_venue;
pub(crate) mod signing_orders;
pub(crate) mod wallets;

use serde_json::Value;
use std::io::{self, Write};
use std::path::Path;

/// What one case came to: nothing, or what was expected and what came.
pub(crate) struct CaseResult {
    /// The case's id in its file.
    pub(crate) id: String,
    /// `Err` holds "expected …, came …".
    pub(crate) outcome: Result<(), String>,
}

/// Runs every case of one parsed vector file.
type Runner = fn(&Value) -> Vec<CaseResult>;

/// A file this version knows.
struct VectorFile {
    name: &'static str,
    /// `Err` says why there is no runner.
    runner: Result<Runner, &'static str>,
}

const FILES: &[VectorFile] = &[
    VectorFile { name: "signing-orders.json", runner: Ok(signing_orders::run) },
    VectorFile { name: "clob-auth.json", runner: Ok(clob_auth::run) },
    VectorFile { name: "hmac.json", runner: Ok(hmac::run) },
    VectorFile { name: "amounts.json", runner: Ok(amounts::run) },
    VectorFile { name: "wallets.json", runner: Ok(wallets::run) },
    VectorFile { name: "rewards.json", runner: Ok(rewards::run) },
    VectorFile { name: "book_hash.json", runner: Ok(book_hash::run) },
    VectorFile { name: "matching.json", runner: Ok(matching::run) },
];

/// Totals over all files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Cases that matched.
    pub(crate) passed: u64,
    /// Cases that did not, and files that could not be read.
    pub(crate) failed: u64,
    /// Files without a runner.
    pub(crate) not_run: u64,
}

/// Runs the known files found in `dir` and prints a line for each.
///
/// # Errors
/// When `dir` cannot be read, holds no known file, or `out` cannot be written. Failing cases are counted, not errors.
pub(crate) fn run(dir: &Path, out: &mut dyn Write) -> io::Result<Totals> {
    let mut totals = Totals::default();
    let mut seen = 0;
    for file in FILES {
        let path = dir.join(file.name);
        if !path.exists() {
            continue;
        }
        seen += 1;
        let runner = match file.runner {
            Ok(runner) => runner,
            Err(why) => {
                totals.not_run += 1;
                writeln!(out, "{}: not run ({why})", file.name)?;
                continue;
            }
        };
        let cases = match std::fs::read_to_string(&path)
            .map_err(|e| e.to_string())
            .and_then(|text| serde_json::from_str::<Value>(&text).map_err(|e| format!("not JSON: {e}")))
        {
            Ok(document) => runner(&document),
            Err(why) => vec![CaseResult { id: "file".to_owned(), outcome: Err(why) }],
        };
        let failed = cases.iter().filter(|c| c.outcome.is_err()).count() as u64;
        let passed = cases.len() as u64 - failed;
        writeln!(out, "{}: {passed} passed, {failed} failed", file.name)?;
        for case in &cases {
            if let Err(why) = &case.outcome {
                writeln!(out, "  {}: {why}", case.id)?;
            }
        }
        totals.passed += passed;
        totals.failed += failed;
        if cases.is_empty() {
            totals.failed += 1;
            writeln!(out, "  no case found: the file's schema is not the known one")?;
        }
    }
    if seen == 0 {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("{} holds no known vector file", dir.display())));
    }
    writeln!(out, "{} passed, {} failed", totals.passed, totals.failed)?;
    Ok(totals)
}

/// Compares a JSON value with what came; `Err` shows both.
pub(crate) fn expect_equal(what: &str, expected: &Value, came: &Value) -> Result<(), String> {
    if expected == came { Ok(()) } else { Err(format!("{what}: expected {expected}, came {came}")) }
}

/// Runs `check` over the document's `vectors`.
pub(crate) fn cases(document: &Value, check: impl Fn(&Value) -> Result<(), String>) -> Vec<CaseResult> {
    let vectors = document.get("vectors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    vectors
        .iter()
        .map(|case| CaseResult { id: text(case, "/id").unwrap_or("(no id)").to_owned(), outcome: check(case) })
        .collect()
}

/// The value at a JSON pointer.
pub(crate) fn field<'a>(case: &'a Value, pointer: &str) -> Result<&'a Value, String> {
    case.pointer(pointer).ok_or_else(|| format!("{pointer} is missing"))
}

/// The string at a JSON pointer.
pub(crate) fn text<'a>(case: &'a Value, pointer: &str) -> Result<&'a str, String> {
    field(case, pointer)?.as_str().ok_or_else(|| format!("{pointer} is not a string"))
}

/// The unsigned number at a JSON pointer.
pub(crate) fn number(case: &Value, pointer: &str) -> Result<u64, String> {
    field(case, pointer)?.as_u64().ok_or_else(|| format!("{pointer} is not an unsigned number"))
}
