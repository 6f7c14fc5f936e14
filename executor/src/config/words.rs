//! What an error may say of a file. One with a key in the wrong place, or a key file in place of the configuration, is refused like any other,
//! and what is said about it goes to a terminal and a journal: nothing of it is repeated that may be a secret.

use std::fmt::Write as _;

/// The longest value that is repeated: the venue's token ids have 78 digits.
const VALUE_MAX: usize = 80;
/// The longest word of a message of the parser, and of the keys that it names.
const WORD_MAX: usize = 24;
/// Hex digits of a private key.
const KEY_DIGITS: usize = 64;

/// Whether a line gives the schema. Without one the file is something else, and its parser's words are of no use to anybody.
pub(super) fn has_schema(text: &str) -> bool {
    text.lines().any(|line| {
        let rest = line.trim_start().strip_prefix("schema");
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    })
}

/// What is wrong with a file's shape, and where: the parser's words without a value.
pub(super) fn shape(text: &str, why: &toml::de::Error) -> Box<str> {
    let mut told = String::new();
    if let Some(before) = why.span().and_then(|span| text.get(..span.start)) {
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        write!(told, "line {line}, column {column}: ").expect("writing to a string cannot fail");
    }
    told.push_str(&without_value(why.message()));
    told.into()
}

/// serde quotes the value between what kind of thing it is and what was expected instead. A key that is a plain word stays.
fn without_value(message: &str) -> String {
    let (what, given, allowed) = match (message.find(['"', '`']), message.rfind(", expected ")) {
        (Some(from), Some(to)) if from < to => (&message[..from], &message[from..to], &message[to..]),
        _ => ("", "", message),
    };
    let names_key = what == "unknown field ";
    let is_plain = names_key && given.trim_matches('`').bytes().all(is_of_key) && short_words(given) == given;
    let given = if given.is_empty() || is_plain { given } else { "(not repeated here)" };
    short_words(what) + given + &short_words(allowed)
}

fn is_of_key(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'
}

/// A text without its long words.
fn short_words(text: &str) -> String {
    let mut short = String::with_capacity(text.len());
    for word in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        short.push_str(if word.len() > WORD_MAX { "(not repeated here) " } else { word });
    }
    short
}

/// A value, or a text about one, if it cannot be a secret.
pub(super) fn value(text: &str) -> Box<str> {
    if holds_key(text) {
        "(64 hex digits, not repeated here)".into()
    } else if text.len() > VALUE_MAX {
        format!("({} bytes, not repeated here)", text.len()).into()
    } else {
        text.into()
    }
}

/// Whether so many hex digits stand in a row as a private key has. Digits alone are a token's.
pub(super) fn holds_key(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_hexdigit())
        .any(|run| run.len() >= KEY_DIGITS && run.bytes().any(|b| b.is_ascii_alphabetic()))
}
