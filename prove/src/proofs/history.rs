//! M5: keys in what git holds, all of its history included.
//!
//! A run's own secrets cannot be in there ([`super::scan`] looks for those); what people commit by mistake is a key in one of the forms
//! keys have.

use crate::proof::{Bench, Evidence, Proof, Verdict};
use crate::proofs::{judged, unless_broken};
use crate::shell;
use mm_core::domain::Digest;
use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[Proof {
    id: "no-key-in-the-repository",
    milestone: 5,
    claim: "No file of the repository and no line of its history holds anything in the form of a private key, a keystore's content, an API \
            secret or a token of a known service, but for published test values; one of each form, put in, is found.",
    quick: true,
    min_cases: 2,
    run: |bench| unless_broken(searched(bench, &PUBLISHED)),
    sabotage_claim: "the published test values count as keys",
    sabotage: Some(|bench| unless_broken(searched(bench, &[]))),
}];

/// Values that everybody knows, or that are no key at all, by the start of their text's SHA-256.
const PUBLISHED: [&str; 10] = [
    // the first three accounts of Hardhat and Anvil
    "bc1a50966c9e6486",
    "8335c55334821eef",
    "b26ab6529d20ebeb",
    // the keystores of the Web3 secret storage definition, and the key in both
    "d8ae63bf4305a657",
    "2114a8bdfeddbbf1",
    "e5bf758d48577d77",
    // made up for vectors of requests, and in both alphabets
    "b73a949d2231b88c",
    "45d223ef0c77be5e",
    "b7e93715cebf178c",
    "e1cea6e922a8c21c",
];

/// A form that keys have.
struct Form {
    name: &'static str,
    /// What stands before it on its line, in small letters, at most [`NEAR`] bytes away; nothing: it is known by itself.
    before: &'static [&'static str],
    /// Its first characters.
    starts: &'static str,
    /// Which characters it consists of, and how many there are.
    of: fn(u8) -> bool,
    length: std::ops::RangeInclusive<usize>,
}

/// How far from the word for it a key may stand.
const NEAR: usize = 32;

const fn hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

/// Without what fills it up: `=` is a sign between a name and its value, too.
const fn base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

const fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

const fn form(
    name: &'static str,
    before: &'static [&'static str],
    starts: &'static str,
    of: fn(u8) -> bool,
    length: std::ops::RangeInclusive<usize>,
) -> Form {
    Form { name, before, starts, of, length }
}

const FORMS: [Form; 7] = [
    form("private key", &["priv", "key", "secret", "mnemonic"], "", hex, 64..=64),
    form("content of a keystore", &["ciphertext"], "", hex, 64..=64),
    form("API secret", &["secret"], "", base64, 43..=43),
    form("GitHub token", &[], "ghp_", word, 40..=40),
    form("GitHub token, fine-grained", &[], "github_pat_", word, 80..=100),
    form("AWS key", &[], "AKIA", word, 20..=20),
    form("Slack token", &[], "xoxb-", word, 30..=80),
];

const PEM: &str = "PEM private key";

/// A text in which fewer characters than this differ is no key.
const DIFFERENT_MIN: usize = 6;

/// What on a line has the form of a key: which form, and the text.
fn found(line: &str) -> Vec<(&'static str, &str)> {
    let mut found = Vec::new();
    if let Some((_, rest)) = line.split_once("-----BEGIN ")
        && let Some((what, _)) = rest.split_once("-----")
        && what.ends_with("PRIVATE KEY")
    {
        found.push((PEM, what));
    }
    for form in &FORMS {
        let mut at = 0;
        while let Some(start) = line.as_bytes()[at..].iter().position(|byte| (form.of)(*byte)).map(|skip| at + skip) {
            let length = line.as_bytes()[start..].iter().take_while(|byte| (form.of)(**byte)).count();
            at = start + length;
            let text = &line[start..at];
            let alone = [start.checked_sub(1), Some(at)].into_iter().flatten();
            let alone = alone.filter_map(|near| line.as_bytes().get(near)).all(|byte| *byte == b'x' || !word(*byte));
            let near = line.as_bytes()[start.saturating_sub(NEAR)..start].to_ascii_lowercase();
            let announced = form.before.is_empty()
                || form.before.iter().any(|word| memchr::memmem::find(&near, word.as_bytes()).is_some());
            let different = text.bytes().collect::<BTreeSet<u8>>().len();
            if alone
                && announced
                && different >= DIFFERENT_MIN
                && text.starts_with(form.starts)
                && form.length.contains(&text.len())
            {
                found.push((form.name, text));
            }
        }
    }
    found
}

/// One of each form, made up on the spot.
fn plants() -> Vec<(&'static str, String)> {
    let digits = Digest::of(b"a plant").to_string();
    let digits = digits.trim_start_matches("0x");
    let mut plants: Vec<(&str, String)> = FORMS
        .iter()
        .map(|form| {
            let filler = digits.repeat(2);
            let text = format!("{}{filler}", form.starts);
            let announced = form.before.first().map_or(String::new(), |word| format!("{word}: "));
            (form.name, format!("{announced}{}", &text[..*form.length.start()]))
        })
        .collect();
    plants.push((PEM, format!("-----BEGIN EC {}-----", "PRIVATE KEY")));
    plants
}

fn searched(bench: &Bench, published: &[&str]) -> Result<Verdict, String> {
    let git = |words: &[&str]| {
        let mut command = Command::new("git");
        let output = shell::run(command.current_dir(&bench.root).args(words), Duration::from_secs(120))?;
        if output.ok { Ok(output.text) } else { Err(output.text) }
    };
    let shallow = match git(&["rev-parse", "--is-shallow-repository"]) {
        Ok(answer) => answer.trim() == "true",
        Err(why) => return Ok(Verdict::NotRun(format!("not in a checkout: {}", why.trim()))),
    };
    let mut files = String::new();
    for name in git(&["ls-files", "-z"])?.split('\0').filter(|name| !name.is_empty()) {
        // one that is not there was taken away and not committed yet
        files += &String::from_utf8_lossy(&std::fs::read(bench.root.join(name)).unwrap_or_default());
        files.push('\n');
    }
    let history =
        git(&["log", "-p", "--cc", "--text", "--unified=0", "--no-color", "--no-ext-diff", "--no-textconv", "HEAD"])?;
    let (mut evidence, mut wrong) = (Evidence::default(), Vec::new());
    let mut spared = BTreeSet::new();
    for (place, text) in [("the files", &files), ("the history", &history)] {
        let mut seen = BTreeSet::new();
        for (form, text) in text.lines().flat_map(found) {
            let hash = Digest::of(text.as_bytes()).to_string();
            let known = published.iter().find(|known| hash.trim_start_matches("0x").starts_with(*known));
            match known {
                Some(known) => drop(spared.insert(*known)),
                // told by its hash alone
                None if seen.insert((form, hash.clone())) => wrong.push(format!("{place}: {form}, SHA-256 {hash}")),
                None => {}
            }
        }
        if text.len() < 100_000 {
            wrong.push(format!("{place}: next to nothing was there to look at"));
        }
        evidence.cases += 1;
    }
    for (form, plant) in plants() {
        if !found(&format!("+ let it = \"{plant}\";")).iter().any(|(known, _)| *known == form) {
            wrong.push(format!("a planted {form} was missed"));
        }
    }
    evidence.fact("forms", FORMS.len() + 1);
    evidence.fact("published test values in it", spared.len());
    if shallow {
        evidence.fact("the history", "shallow: as far as it goes");
    }
    Ok(judged(evidence, &wrong))
}
