//! Rules of the house that no compiler checks: who may import whom, what a file may hold, what every list must name.
//!
//! Works on text held in memory, so a sabotage plants a violation without touching the repository.

use crate::promises;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

/// Longest a source file may grow before a reader loses the way.
const LINES_MAX: usize = 700;

/// Source text by path relative to the repository.
pub(crate) type Tree = BTreeMap<String, String>;

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    /// `path:line`, or a path.
    pub(crate) place: String,
    /// What is wrong there.
    pub(crate) rule: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.rule)
    }
}

/// Reads all Rust sources and configuration files of the repository.
///
/// # Errors
/// Those of the file system, and text that is not UTF-8.
pub(crate) fn read_tree(root: &Path) -> io::Result<Tree> {
    let mut tree = Tree::new();
    for folder in ["mm-core", "executor", "sim-exchange", "prove", "config", "runbooks"] {
        read_folder(root, &root.join(folder), &mut tree)?;
    }
    for file in ["Cargo.toml", "README.md", ".deny.toml"] {
        if root.join(file).exists() {
            tree.insert(file.to_owned(), std::fs::read_to_string(root.join(file))?);
        }
    }
    Ok(tree)
}

fn read_folder(root: &Path, folder: &Path, tree: &mut Tree) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if !path.ends_with("target") && !path.ends_with("testdata") {
                read_folder(root, &path, tree)?;
            }
            continue;
        }
        let wanted = path.extension().is_some_and(|e| e == "rs" || e == "toml" || e == "md");
        if wanted && let Ok(relative) = path.strip_prefix(root) {
            tree.insert(relative.to_string_lossy().into_owned(), std::fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

/// Rows of architecture section 2: a module of `mm-core` imports only from lower rows.
const CORE_ROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("protocol", &["domain"]),
    ("event", &["domain", "protocol"]),
    ("venue", &["domain", "event"]),
    ("book", &["domain", "event", "venue"]),
    ("rewards", &["domain", "book"]),
    ("inventory", &["domain", "book", "protocol"]),
    ("quote", &["domain", "book", "rewards", "inventory", "protocol"]),
    ("orders", &["domain", "event", "protocol", "inventory", "quote"]),
    ("risk", &["domain", "event", "protocol", "inventory", "quote"]),
    (
        "engine",
        &["domain", "protocol", "event", "venue", "book", "rewards", "inventory", "quote", "orders", "risk", "config"],
    ),
    (
        "config",
        &["domain", "protocol", "event", "venue", "book", "rewards", "inventory", "quote", "orders", "risk", "engine"],
    ),
    ("journal", &["domain", "protocol", "event", "engine", "config"]),
];

/// Words that would let a pure module wait, look at a clock, or be random.
const IMPURE: &[&str] = &[
    "tokio",
    "reqwest",
    "rusqlite",
    "axum",
    "std::fs",
    "TcpStream",
    "UdpSocket",
    "ToSocketAddrs",
    "std::env",
    "std::thread",
    "std::process",
    "Instant::now",
    "SystemTime",
    "HashMap",
    "HashSet",
    "getrandom",
    "rand::",
    "tracing::",
];

/// The modules of `executor` that must stay pure.
const PURE_EXECUTOR: &[&str] = &["desk", "policy", "exposure", "gate", "outcome", "recorded", "account"];

/// All rules over the whole tree.
pub(crate) fn check(tree: &Tree, proof_ids: &[&str]) -> Vec<Violation> {
    let mut found = Vec::new();
    for (path, text) in tree.iter().filter(|(path, _)| path.ends_with(".rs")) {
        check_size(path, text, &mut found);
        for (number, line) in code_lines(text) {
            let place = || format!("{path}:{number}");
            check_imports(path, line, &mut |rule| found.push(Violation { place: place(), rule }));
        }
    }
    for (path, text) in tree.iter().filter(|(path, _)| !path.ends_with("prove/src/tidy.rs")) {
        check_words(path, text, &mut found);
    }
    check_registry(tree, &mut found);
    check_milestones(tree, proof_ids, &mut found);
    check_promises(tree, proof_ids, &mut found);
    found.sort();
    found
}

/// Lines that are not comments, with their numbers.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn check_size(path: &str, text: &str, found: &mut Vec<Violation>) {
    let lines = text.lines().count();
    if lines > LINES_MAX {
        found.push(Violation { place: path.to_owned(), rule: format!("{lines} lines, at most {LINES_MAX}") });
    }
}

fn check_imports(path: &str, line: &str, found: &mut dyn FnMut(String)) {
    if let Some(rest) = path.strip_prefix("mm-core/src/") {
        let module = rest.split(['/', '.']).next().unwrap_or_default();
        if let Some((_, allowed)) = CORE_ROWS.iter().find(|(name, _)| *name == module) {
            for used in crate_paths(line) {
                let known = CORE_ROWS.iter().any(|(name, _)| *name == used) || used == "io";
                if known && used != module && !allowed.contains(&used) && !rest.ends_with("tests.rs") {
                    found(format!("`{module}` may not import `{used}` (architecture, who may import whom)"));
                }
            }
            forbid(line, IMPURE, &format!("`{module}` is pure"), found);
        }
    }
    if path.starts_with("executor/src/") {
        let strategy =
            ["mm_core::engine", "mm_core::quote", "mm_core::orders", "mm_core::book", "mm_core::risk", "sim_exchange"];
        forbid(line, &strategy, "the key holder carries no strategy", found);
        let module = path.trim_start_matches("executor/src/").split(['/', '.']).next().unwrap_or_default();
        if PURE_EXECUTOR.contains(&module) {
            forbid(line, IMPURE, &format!("`executor::{module}` is pure"), found);
        }
    }
    if path.starts_with("sim-exchange/src/") {
        let signer = ["executor::key", "executor::auth", "executor::clob"];
        forbid(line, &signer, "the venue checks with code of its own", found);
        // whose orders they are and how they are named is no secret; a signature is
        let harmless = ["executor::sign::Account", "executor::sign::order_id"].iter().any(|word| line.contains(word));
        if line.contains("executor::sign") && !(path.starts_with("sim-exchange/src/world/") && harmless) {
            found("only `world` may name accounts and orders by `executor::sign`, nobody may sign".to_owned());
        }
        let desk = ["executor::desk", "executor::ledger", "executor::config", "executor::rows", "executor::outcome"];
        if !path.starts_with("sim-exchange/src/world/") {
            forbid(line, &desk, "only `world` holds a desk", found);
        }
    }
    if line.contains("unsafe ") && path != "executor/src/harden.rs" && !line.contains("unsafe_code") && !in_quotes(line)
    {
        found("`unsafe` belongs to executor/src/harden.rs alone".to_owned());
    }
}

/// Whether the word `unsafe` on this line stands inside a string literal.
fn in_quotes(line: &str) -> bool {
    line.find("unsafe ").is_some_and(|at| line[..at].matches('"').count() % 2 == 1)
}

fn forbid(line: &str, words: &[&str], why: &str, found: &mut dyn FnMut(String)) {
    for word in words {
        if mentions(line, word) && !line.contains(&format!("\"{word}")) {
            found(format!("{why}: no `{word}`"));
        }
    }
}

/// Whether `word` stands on the line and does not merely end a longer name.
fn mentions(line: &str, word: &str) -> bool {
    let inside_a_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(inside_a_name))
}

/// The first segments of all `crate::` paths on a line.
fn crate_paths(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("crate::").map(|(at, _)| {
        let rest = &line[at + "crate::".len()..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

/// Text that has no place in the repository, wherever it stands.
fn check_words(path: &str, text: &str, found: &mut Vec<Violation>) {
    let banned = [
        ("todo!(", "unfinished code"),
        ("unimplemented!(", "unfinished code"),
        ("#[ignore", "an ignored test"),
        ("/home/", "a path of one machine"),
        ("/root/", "a path of one machine"),
    ];
    for (number, line) in (1..).zip(text.lines()) {
        for (word, what) in banned {
            if line.contains(word) {
                found.push(Violation { place: format!("{path}:{number}"), rule: format!("{what}: `{word}`") });
            }
        }
    }
}

/// Every file in `proofs/` stands in the registry.
fn check_registry(tree: &Tree, found: &mut Vec<Violation>) {
    let registry = tree.get("prove/src/registry.rs").map_or("", String::as_str);
    for path in tree.keys() {
        let Some(name) = path.strip_prefix("prove/src/proofs/").and_then(|p| p.strip_suffix(".rs")) else { continue };
        if name != "mod" && !name.contains('/') && !registry.contains(&format!("proofs::{name}::PROOFS")) {
            found.push(Violation {
                place: path.clone(),
                rule: "its PROOFS are not in prove/src/registry.rs".to_owned(),
            });
        }
    }
}

/// Every requirement in `config/milestones.toml` has a proof, and every proof a requirement.
fn check_milestones(tree: &Tree, proof_ids: &[&str], found: &mut Vec<Violation>) {
    const PATH: &str = "config/milestones.toml";
    let mut violation = |rule: String| found.push(Violation { place: PATH.to_owned(), rule });
    let Some(table) = tree.get(PATH).and_then(|text| text.parse::<toml::Table>().ok()) else {
        violation("missing, or not TOML".to_owned());
        return;
    };
    let listed: BTreeSet<&str> = table
        .values()
        .filter_map(toml::Value::as_table)
        .flat_map(|milestone| milestone.values())
        .filter_map(toml::Value::as_array)
        .flatten()
        .filter_map(toml::Value::as_str)
        .collect();
    let known: BTreeSet<&str> = proof_ids.iter().copied().collect();
    if known.len() != proof_ids.len() {
        violation("two proofs share an id".to_owned());
    }
    for id in listed.difference(&known) {
        violation(format!("names `{id}`, which no proof is called"));
    }
    for id in known.difference(&listed) {
        violation(format!("does not name the proof `{id}`"));
    }
    for id in known {
        if !id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            violation(format!("`{id}` is not kebab-case"));
        }
    }
}

/// Every proof that `config/promises.toml` names exists.
fn check_promises(tree: &Tree, proof_ids: &[&str], found: &mut Vec<Violation>) {
    let place = promises::PATH;
    let mut violation = |rule: String| found.push(Violation { place: place.to_owned(), rule });
    match promises::parse(tree.get(place).map_or("", String::as_str)) {
        Err(why) => violation(why),
        Ok(promises) => {
            for (id, promise) in promises {
                for proof in promise.proofs.iter().filter(|p| !proof_ids.contains(&p.as_str())) {
                    violation(format!("{id} names `{proof}`, which no proof is called"));
                }
            }
        }
    }
}

/// Licences and bans of `.deny.toml` over `cargo metadata`, for machines without the tool that reads the whole file. Only
/// crates that `cargo tree` prints count: the metadata also names optional ones that nobody turns on.
///
/// # Errors
/// When either text is not what it should be.
pub(crate) fn check_dependencies(deny: &str, metadata: &str, tree: &str) -> Result<(usize, Vec<Violation>), String> {
    let deny: toml::Table = deny.parse().map_err(|e| format!(".deny.toml: {e}"))?;
    let metadata: serde_json::Value = serde_json::from_str(metadata).map_err(|e| format!("cargo metadata: {e}"))?;
    let names = |section: &str, key: &str| -> BTreeSet<String> {
        let rows = deny.get(section).and_then(|s| s.get(key)).and_then(toml::Value::as_array);
        rows.into_iter()
            .flatten()
            .filter_map(|row| row.as_str().or_else(|| row.get("crate").and_then(toml::Value::as_str)))
            .map(str::to_owned)
            .collect()
    };
    let (licences, banned) = (names("licenses", "allow"), names("bans", "deny"));
    let packages = metadata["packages"].as_array().ok_or("cargo metadata names no packages")?;
    let used: BTreeSet<&str> = tree.lines().map(|line| line.split(" (").next().unwrap_or_default().trim()).collect();
    let (mut checked, mut found) = (0, Vec::new());
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let place = format!("{name} v{}", package["version"].as_str().unwrap_or_default());
        if !used.contains(place.as_str()) {
            continue;
        }
        checked += 1;
        if banned.contains(name) {
            found.push(Violation { place: place.clone(), rule: "is banned in .deny.toml".to_owned() });
        }
        let licence = package["license"].as_str().unwrap_or_default();
        if !licence_allowed(licence, &licences) {
            found.push(Violation { place: place.clone(), rule: format!("licence {licence:?} is not allowed") });
        }
        let source = package["source"].as_str();
        if source.is_some_and(|s| !s.starts_with("registry+") && !s.starts_with("sparse+")) {
            found.push(Violation { place, rule: "comes from outside the registry".to_owned() });
        }
    }
    Ok((checked, found))
}

/// An SPDX expression is allowed when some choice of its `OR`s has all its `AND` parts on the list.
fn licence_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let flat = expression.replace(['(', ')'], " ").replace('/', " OR ");
    let part_allowed = |part: &str| {
        let part = part.trim();
        allowed.contains(part) || part.split(" WITH ").next().is_some_and(|id| allowed.contains(id.trim()))
    };
    // Splitting on AND first is the stricter reading of an unbracketed mixture.
    !expression.is_empty() && flat.split(" AND ").all(|group| group.split(" OR ").any(part_allowed))
}
