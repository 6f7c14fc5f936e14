//! Finds where JSON values begin and end, without building them: enough to take an envelope off and keep the bytes.

use std::borrow::Cow;

/// Deepest nesting that is followed.
const DEPTH_MAX: usize = 64;
/// Keys whose value is the frame.
const ENVELOPES: [&str; 4] = ["frame", "book", "body", "payload"];

/// Why there is no value here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// The text ends inside it.
    Ends,
    /// It is none.
    Syntax,
}

/// The end of the value that begins at `at`.
pub(super) fn value(text: &[u8], at: usize) -> Result<usize, Bad> {
    skip(text, at, 0)
}

/// Where the elements of a list are; a document that is no list is its only element.
pub(super) fn elements(text: &str) -> Result<Vec<(usize, usize)>, Bad> {
    let bytes = text.as_bytes();
    let end = value(bytes, 0)?;
    if end != bytes.len() {
        return Err(Bad::Syntax);
    }
    if bytes[0] != b'[' {
        return Ok(vec![(0, end)]);
    }
    let mut spans = Vec::new();
    let mut at = space(bytes, 1);
    while bytes[at] != b']' {
        let to = value(bytes, at)?;
        spans.push((at, to));
        at = space(bytes, to);
        if bytes[at] == b',' {
            at = space(bytes, at + 1);
        }
    }
    Ok(spans)
}

/// The frame inside a whole value: itself, or what its envelope holds. A frame kept as a JSON string is unescaped.
pub(super) fn unwrap(text: &str) -> String {
    let Some(members) = members(text) else { return text.to_owned() };
    // An event is no envelope, whatever its other keys are called.
    if members.iter().any(|(key, _)| key == "event_type" || key == "asset_id") {
        return text.to_owned();
    }
    let inner = enveloped(&members).or_else(|| {
        members.iter().filter_map(|(_, inside)| self::members(inside)).find_map(|inside| enveloped(&inside))
    });
    match inner {
        None => text.to_owned(),
        Some(inner) if inner.starts_with('"') => serde_json::from_str(inner).unwrap_or_else(|_| inner.to_owned()),
        Some(inner) => inner.to_owned(),
    }
}

type Members<'a> = Vec<(Cow<'a, str>, &'a str)>;

fn enveloped<'a>(members: &Members<'a>) -> Option<&'a str> {
    ENVELOPES.iter().find_map(|name| {
        members.iter().find(|(key, value)| key == name && value.starts_with(['{', '[', '"'])).map(|(_, value)| *value)
    })
}

/// Keys and values of an object; `None` for anything else.
fn members(text: &str) -> Option<Members<'_>> {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&b'{') {
        return None;
    }
    let mut out = Vec::new();
    let mut at = space(bytes, 1);
    while *bytes.get(at)? != b'}' {
        let key_end = value(bytes, at).ok()?;
        let key: Cow<'_, str> = match text.get(at + 1..key_end - 1)? {
            plain if !plain.contains('\\') => plain.into(),
            _ => serde_json::from_str::<String>(text.get(at..key_end)?).ok()?.into(),
        };
        let colon = space(bytes, key_end);
        let from = space(bytes, colon + 1);
        let to = value(bytes, from).ok()?;
        out.push((key, text.get(from..to)?));
        at = space(bytes, to);
        if bytes.get(at) == Some(&b',') {
            at = space(bytes, at + 1);
        }
    }
    Some(out)
}

fn space(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        at += 1;
    }
    at
}

fn skip(text: &[u8], at: usize, depth: usize) -> Result<usize, Bad> {
    if depth > DEPTH_MAX {
        return Err(Bad::Syntax);
    }
    match text.get(at) {
        None => Err(Bad::Ends),
        Some(b'"') => string(text, at),
        Some(b'{') => list(text, at, b'}', |at| {
            if text.get(at).is_some_and(|byte| *byte != b'"') {
                return Err(Bad::Syntax);
            }
            let colon = space(text, string(text, at)?);
            match text.get(colon) {
                Some(b':') => skip(text, space(text, colon + 1), depth + 1),
                Some(_) => Err(Bad::Syntax),
                None => Err(Bad::Ends),
            }
        }),
        Some(b'[') => list(text, at, b']', |at| skip(text, at, depth + 1)),
        Some(b't') => word(text, at, b"true"),
        Some(b'f') => word(text, at, b"false"),
        Some(b'n') => word(text, at, b"null"),
        Some(b'-' | b'0'..=b'9') => {
            let digits = text[at..]
                .iter()
                .take_while(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
                .count();
            Ok(at + digits)
        }
        Some(_) => Err(Bad::Syntax),
    }
}

fn list(text: &[u8], at: usize, close: u8, item: impl Fn(usize) -> Result<usize, Bad>) -> Result<usize, Bad> {
    let mut at = space(text, at + 1);
    if text.get(at) == Some(&close) {
        return Ok(at + 1);
    }
    loop {
        at = space(text, item(at)?);
        match text.get(at) {
            None => return Err(Bad::Ends),
            Some(byte) if *byte == close => return Ok(at + 1),
            Some(b',') => at = space(text, at + 1),
            Some(_) => return Err(Bad::Syntax),
        }
    }
}

fn string(text: &[u8], at: usize) -> Result<usize, Bad> {
    if text.get(at).is_none() {
        return Err(Bad::Ends);
    }
    let mut at = at + 1;
    loop {
        match text.get(at) {
            None => return Err(Bad::Ends),
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
        }
    }
}

fn word(text: &[u8], at: usize, word: &[u8]) -> Result<usize, Bad> {
    let rest = &text[at..];
    if rest.starts_with(word) {
        Ok(at + word.len())
    } else if word.starts_with(rest) {
        Err(Bad::Ends)
    } else {
        Err(Bad::Syntax)
    }
}
