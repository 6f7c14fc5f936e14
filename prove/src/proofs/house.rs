//! M0: the house itself. Format, lints, tests, purity, dependencies, the lists.

use crate::proof::{Bench, Evidence, Proof, Verdict};
use crate::tidy::{self, Tree};
use crate::{elf, registry, shell};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "format",
        milestone: 0,
        claim: "Every source file is formatted as `.rustfmt.toml` says.",
        quick: true,
        min_cases: 1,
        run: |bench| command_holds(&mut shell::cargo(&bench.root, &["fmt", "--all", "--check"]), 120),
        sabotage_claim: "a file with its braces pushed together",
        sabotage: Some(format_sabotage),
    },
    Proof {
        id: "lints",
        milestone: 0,
        claim: "Clippy finds nothing in any crate, test or binary, the bans on clocks and hash order included.",
        quick: true,
        min_cases: 1,
        run: |bench| {
            let args = ["clippy", "--workspace", "--all-targets", "--release", "--quiet", "--", "-D", "warnings"];
            command_holds(&mut shell::cargo(&bench.root, &args), 3600)
        },
        sabotage_claim: "a function of the core that reads the clock",
        sabotage: Some(lints_sabotage),
    },
    Proof {
        id: "tests",
        milestone: 0,
        claim: "Every unit, property and integration test passes.",
        quick: true,
        min_cases: 100,
        run: |bench| tests_pass(&bench.root.clone()),
        sabotage_claim: "a test that fails",
        sabotage: Some(tests_sabotage),
    },
    Proof {
        id: "tidy",
        milestone: 0,
        claim: "Imports follow the table, files stay readable, every proof is listed and required by a milestone.",
        quick: true,
        min_cases: 50,
        run: |bench| tidy_holds(bench, |_| ()),
        sabotage_claim: "the quote module imports the engine",
        sabotage: Some(|bench| {
            tidy_holds(bench, |tree| {
                tree.insert("mm-core/src/quote/planted.rs".to_owned(), "use crate::engine::Engine;\n".to_owned());
            })
        }),
    },
    Proof {
        id: "core-is-pure",
        milestone: 0,
        claim: "mm-core without its `io` feature compiles and has no runtime, HTTP client, alloy or SQLite beneath it.",
        quick: true,
        min_cases: 1,
        run: core_is_pure,
        sabotage_claim: "the same question with the `io` feature on",
        sabotage: Some(|bench| {
            tree_is_free_of(bench, &["tree", "-p", "mm-core", "-e", "normal", "--prefix", "none"], IMPURE_CRATES)
        }),
    },
    Proof {
        id: "core-holds-no-key-code",
        milestone: 0,
        claim: "mm-core's binary links no signing curve, no keccak, no alloy and nothing of the executor, by its dependencies, its paths and \
                its symbols. The executor's symbols show all of them.",
        quick: false,
        min_cases: 3,
        run: |bench| holds_no_key_code(bench, "mm-core"),
        sabotage_claim: "the same scan over the executor's binary",
        sabotage: Some(|bench| holds_no_key_code(bench, "executor")),
    },
    Proof {
        id: "dependencies",
        milestone: 0,
        claim: "Every dependency comes from the registry under an allowed licence and is not banned.",
        quick: true,
        min_cases: 100,
        run: |bench| dependencies_hold(bench, None),
        sabotage_claim: "a ban on a crate that is used",
        sabotage: Some(|bench| dependencies_hold(bench, Some("serde"))),
    },
    Proof {
        id: "report-from-results",
        milestone: 0,
        claim: "The report is a function of results.json: read back, it renders the same bytes.",
        quick: true,
        min_cases: 1,
        run: |bench| report_renders_alike(bench, false),
        sabotage_claim: "one verdict changed between the two",
        sabotage: Some(|bench| report_renders_alike(bench, true)),
    },
];

fn verdict(ok: bool, evidence: Evidence) -> Verdict {
    if ok { Verdict::Proved(evidence) } else { Verdict::Refuted(evidence) }
}

/// The end of a long output, where compilers put what matters.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(12)..].join(" / ")
}

fn command_holds(command: &mut Command, seconds: u64) -> Verdict {
    match shell::run(command, Duration::from_secs(seconds)) {
        Err(why) => Verdict::NotRun(why),
        Ok(output) => {
            let mut evidence = Evidence { cases: 1, ..Evidence::default() };
            if !output.ok {
                evidence.fact("said", tail(&output.text));
            }
            verdict(output.ok, evidence)
        }
    }
}

fn format_sabotage(bench: &mut Bench) -> Verdict {
    let file = bench.evidence.join("planted.rs");
    if let Err(why) = std::fs::write(&file, "fn  f( ){let x=1;x}\n") {
        return Verdict::NotRun(why.to_string());
    }
    let mut command = Command::new("rustfmt");
    command.args(["--check", "--edition", "2024", "--config-path"]).arg(&bench.root).arg(&file);
    command_holds(&mut command, 60)
}

/// A crate of one file under the core's own clippy.toml, without dependencies.
fn tiny_crate(bench: &Bench, source: &str, clippy: Option<&Path>) -> std::io::Result<std::path::PathBuf> {
    let dir = bench.evidence.join("tiny");
    std::fs::create_dir_all(dir.join("src"))?;
    let manifest = "[package]\nname = \"tiny\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n";
    std::fs::write(dir.join("Cargo.toml"), manifest)?;
    std::fs::write(dir.join("src/lib.rs"), source)?;
    if let Some(clippy) = clippy {
        std::fs::copy(clippy, dir.join("clippy.toml"))?;
    }
    Ok(dir)
}

fn in_tiny_crate(bench: &Bench, source: &str, clippy: Option<&Path>, args: &[&str]) -> Verdict {
    match tiny_crate(bench, source, clippy) {
        Err(why) => Verdict::NotRun(why.to_string()),
        Ok(dir) => {
            let mut command = shell::cargo(&dir, args);
            command.arg("--offline").env("CARGO_TARGET_DIR", std::env::temp_dir().join("prove-tiny"));
            let verdict = command_holds(&mut command, 300);
            std::fs::remove_dir_all(&dir).ok();
            verdict
        }
    }
}

fn lints_sabotage(bench: &mut Bench) -> Verdict {
    let source = "//! Planted.\n/// Reads the clock.\n#[must_use]\n#[deny(warnings)]\npub fn now() -> std::time::SystemTime {\n    std::time::SystemTime::now()\n}\n";
    let source = format!("#![deny(clippy::disallowed_methods, clippy::disallowed_types)]\n{source}");
    in_tiny_crate(bench, &source, Some(&bench.root.join("mm-core/clippy.toml")), &["clippy", "--quiet"])
}

fn tests_pass(root: &Path) -> Verdict {
    let mut command = shell::cargo(root, &["test", "--workspace", "--release", "--quiet"]);
    match shell::run(&mut command, Duration::from_secs(3600)) {
        Err(why) => Verdict::NotRun(why),
        Ok(output) => {
            let passed: u64 = output
                .text
                .lines()
                .filter_map(|line| line.strip_prefix("test result: ok. ")?.split(' ').next()?.parse::<u64>().ok())
                .sum();
            let mut evidence = Evidence { cases: passed, ..Evidence::default() };
            if !output.ok {
                let failures: Vec<&str> =
                    output.text.lines().filter(|l| l.contains("FAILED") || l.contains("panicked")).collect();
                evidence.fact("failed", failures.join(" / "));
                evidence.fact("said", tail(&output.text));
            }
            verdict(output.ok, evidence)
        }
    }
}

fn tests_sabotage(bench: &mut Bench) -> Verdict {
    in_tiny_crate(bench, "#[test]\nfn fails() {\n    assert_eq!(1, 2);\n}\n", None, &["test", "--quiet"])
}

fn tidy_holds(bench: &mut Bench, plant: fn(&mut Tree)) -> Verdict {
    let mut tree = match tidy::read_tree(&bench.root) {
        Ok(tree) => tree,
        Err(why) => return Verdict::NotRun(why.to_string()),
    };
    plant(&mut tree);
    let ids: Vec<&str> = registry::all().iter().map(|p| p.id).collect();
    let violations = tidy::check(&tree, &ids);
    let mut evidence = Evidence { cases: tree.len() as u64, ..Evidence::default() };
    for violation in violations.iter().take(40) {
        evidence.fact("broken", violation);
    }
    verdict(violations.is_empty(), evidence)
}

/// Crates that wait, talk, sign or store.
const IMPURE_CRATES: &[&str] = &[
    "tokio",
    "reqwest",
    "hyper",
    "axum",
    "rusqlite",
    "alloy",
    "rustls",
    "tungstenite",
    "governor",
    "tracing",
    "async-",
];

/// Crates that can sign or hold keys.
const KEY_CRATES: &[&str] = &["alloy", "k256", "secp256k1", "keccak", "sha3", "executor", "rusqlite"];

fn tree_is_free_of(bench: &mut Bench, args: &[&str], crates: &[&str]) -> Verdict {
    match shell::run(&mut shell::cargo(&bench.root, args), Duration::from_secs(300)) {
        Err(why) => Verdict::NotRun(why),
        Ok(output) if !output.ok => Verdict::NotRun(tail(&output.text)),
        Ok(output) => {
            let mut names: Vec<&str> = output.text.lines().filter_map(|line| line.split(' ').next()).collect();
            names.sort_unstable();
            names.dedup();
            let found: Vec<&str> =
                names.iter().copied().filter(|name| crates.iter().any(|banned| name.starts_with(banned))).collect();
            let mut evidence = Evidence { cases: names.len() as u64, ..Evidence::default() };
            evidence.fact("crates beneath it", names.len());
            if !found.is_empty() {
                evidence.facts.insert(0, ("found".to_owned(), found.join(", ")));
            }
            verdict(found.is_empty(), evidence)
        }
    }
}

fn core_is_pure(bench: &mut Bench) -> Verdict {
    let check = ["check", "-p", "mm-core", "--lib", "--no-default-features", "--release", "--quiet"];
    match command_holds(&mut shell::cargo(&bench.root, &check), 900) {
        Verdict::Proved(_) => {}
        other => return other,
    }
    let tree = ["tree", "-p", "mm-core", "--no-default-features", "-e", "normal", "--prefix", "none"];
    tree_is_free_of(bench, &tree, IMPURE_CRATES)
}

fn holds_no_key_code(bench: &mut Bench, binary: &str) -> Verdict {
    let tree = ["tree", "-p", binary, "-e", "normal", "--prefix", "none"];
    let by_tree = tree_is_free_of(bench, &tree, KEY_CRATES);
    let bytes = match std::fs::read(bench.binary(binary)) {
        Ok(bytes) => bytes,
        Err(why) => return Verdict::NotRun(format!("{binary}: {why}")),
    };
    // A crate leaves the paths of its sources in a binary, through panic locations. mm-core carries the lock file's text, so
    // a bare name shows nothing.
    let found: Vec<&str> = ["secp256k1-0", "k256-0", "alloy-primitives-", "rusqlite-0", "eip712", "POLY_SIGNATURE"]
        .into_iter()
        .filter(|word| bytes.windows(word.len()).any(|window| window == word.as_bytes()))
        .collect();
    let (ok, mut evidence) = match by_tree {
        Verdict::Proved(evidence) => (true, evidence),
        Verdict::Refuted(evidence) => (false, evidence),
        other @ (Verdict::NotRun(_) | Verdict::Broken(_)) => return other,
    };
    evidence.cases += 1;
    if !found.is_empty() {
        evidence.facts.insert(0, ("found in the binary".to_owned(), found.join(", ")));
    }
    // the executor shows that the words are those to ask for
    let expected = |name| if name == binary { 0 } else { KEY_SYMBOLS.len() };
    let mut clean = found.is_empty();
    for name in [binary, "executor"] {
        match symbols_of(bench, name) {
            Ok(found) => {
                clean &= found.len() == expected(name);
                evidence.cases += 1;
                evidence.fact(&format!("symbols of {name}"), format!("{found:?}"));
            }
            Err(why) => return Verdict::Broken(format!("{name}: {why}")),
        }
    }
    verdict(ok && clean, evidence)
}

/// What names a signing curve, a keystore, a ledger, alloy, and the executor's own library, in symbols.
const KEY_SYMBOLS: &[&str] = &["secp256k1", "scrypt", "rusqlite", "sqlite3_", "keccak", "alloy_", "_ZN8executor"];

/// Which of them are in the names of a binary's symbols.
fn symbols_of(bench: &Bench, binary: &str) -> Result<Vec<&'static str>, String> {
    let bytes = std::fs::read(bench.binary(binary)).map_err(|why| why.to_string())?;
    let names = elf::symbols(&bytes).filter(|names| names.len() > 1_000).ok_or("it has no table of symbols")?;
    let is_there = |word: &&str| names.iter().any(|name| memchr::memmem::find(name, word.as_bytes()).is_some());
    Ok(KEY_SYMBOLS.iter().copied().filter(is_there).collect())
}

fn dependencies_hold(bench: &mut Bench, ban: Option<&str>) -> Verdict {
    let mut deny = match std::fs::read_to_string(bench.root.join(".deny.toml")) {
        Ok(text) => text,
        Err(why) => return Verdict::NotRun(format!(".deny.toml: {why}")),
    };
    if let Some(name) = ban {
        deny = deny.replace("deny = [", &format!("deny = [{{ crate = \"{name}\" }},"));
    }
    // Crates of other platforms are in the lock file and never fetched.
    let host = match Command::new("rustc").arg("-vV").output() {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.lines().find_map(|line| line.strip_prefix("host: ").map(str::to_owned)).unwrap_or_default()
        }
        Err(why) => return Verdict::NotRun(format!("rustc: {why}")),
    };
    let metadata = ["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", &host];
    let metadata = match Command::new("cargo").current_dir(&bench.root).args(metadata).output() {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).into_owned(),
        Ok(output) => return Verdict::NotRun(tail(&String::from_utf8_lossy(&output.stderr))),
        Err(why) => return Verdict::NotRun(why.to_string()),
    };
    let tree = ["tree", "--workspace", "--locked", "--offline", "-e", "normal,build,dev", "--prefix", "none"];
    let tree = match shell::run(&mut shell::cargo(&bench.root, &tree), Duration::from_secs(120)) {
        Ok(output) if output.ok => output.text,
        Ok(output) => return Verdict::NotRun(tail(&output.text)),
        Err(why) => return Verdict::NotRun(why),
    };
    match tidy::check_dependencies(&deny, &metadata, &tree) {
        Err(why) => Verdict::NotRun(why),
        Ok((packages, violations)) => {
            let mut evidence = Evidence { cases: packages as u64, ..Evidence::default() };
            for violation in violations.iter().take(20) {
                evidence.fact("broken", violation);
            }
            verdict(violations.is_empty(), evidence)
        }
    }
}

fn report_renders_alike(bench: &mut Bench, change: bool) -> Verdict {
    use crate::report::{Outcome, Results, SCHEMA, judge, render};
    let proofs = registry::all();
    let results = Results {
        schema: SCHEMA,
        commit: "0".repeat(40),
        dirty: false,
        selection: "all".to_owned(),
        depth: bench.depth,
        seed: bench.seed,
        strict: true,
        proofs: proofs
            .iter()
            .map(|p| judge(p, Verdict::Proved(Evidence { cases: p.min_cases, ..Evidence::default() }), None))
            .collect(),
        promises: match crate::promises::read(&bench.root) {
            Ok(promises) => promises,
            Err(why) => return Verdict::NotRun(why),
        },
    };
    let json = match serde_json::to_string(&results) {
        Ok(json) => json,
        Err(why) => return Verdict::NotRun(why.to_string()),
    };
    let mut back: Results = match serde_json::from_str(&json) {
        Ok(back) => back,
        Err(why) => return Verdict::NotRun(why.to_string()),
    };
    if change && let Some(first) = back.proofs.first_mut() {
        first.outcome = Outcome::Refuted;
    }
    let mut evidence = Evidence { cases: results.proofs.len() as u64, ..Evidence::default() };
    let same = render(&results) == render(&back);
    if !same {
        evidence.fact("differs", "the two renderings are not the same bytes");
    }
    verdict(same, evidence)
}
