//! JSON with one spelling: keys in UTF-16 order, integers and strings only, no white space, the shortest escapes.
//!
//! [`Writer`] writes it, [`check`] says whether a text is it. Nothing is sorted: a writer that names its keys out of order is our
//! own bug and stops the run.

use std::io::Write as _;

/// Writes one document into a buffer.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    /// For each open object the place of its last key in `bytes`; for each open list `None`.
    open: Vec<Level>,
}

#[derive(Clone, Copy, Debug)]
enum Level {
    List { empty: bool },
    Object { last: Option<(usize, usize)> },
}

impl Writer {
    /// An empty buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), open: Vec::new() }
    }

    /// Forgets what was written and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.open.clear();
    }

    /// What was written.
    ///
    /// # Panics
    /// While an object or a list is open.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        assert!(self.open.is_empty(), "the document is not finished");
        &self.bytes
    }

    /// Begins an object: as the document, or as a value.
    pub fn object(&mut self) -> &mut Self {
        self.value();
        self.bytes.push(b'{');
        self.open.push(Level::Object { last: None });
        self
    }

    /// Begins a list.
    pub fn list(&mut self) -> &mut Self {
        self.value();
        self.bytes.push(b'[');
        self.open.push(Level::List { empty: true });
        self
    }

    /// Ends the innermost object or list.
    ///
    /// # Panics
    /// When none is open.
    pub fn end(&mut self) -> &mut Self {
        match self.open.pop().expect("something is open") {
            Level::Object { .. } => self.bytes.push(b'}'),
            Level::List { .. } => self.bytes.push(b']'),
        }
        self
    }

    /// Names the next value of the innermost object.
    ///
    /// # Panics
    /// When the key does not follow the one before it.
    pub fn key(&mut self, key: &str) -> &mut Self {
        let Some(Level::Object { last }) = self.open.last_mut() else { panic!("key {key:?} outside an object") };
        let first = match last {
            None => true,
            Some((from, to)) => {
                let before = std::str::from_utf8(&self.bytes[*from..*to]).expect("a key is text");
                assert!(utf16_less(before, key), "key {key:?} follows {before:?}");
                false
            }
        };
        if !first {
            self.bytes.push(b',');
        }
        let from = self.bytes.len() + 1;
        *last = Some((from, from + key.len()));
        assert!(is_plain(key), "a key of ours needs no escapes");
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(key.as_bytes());
        self.bytes.extend_from_slice(b"\":");
        self
    }

    /// A whole number.
    pub fn int(&mut self, n: impl Into<i128>) -> &mut Self {
        self.value();
        let n: i128 = n.into();
        match u64::try_from(n) {
            Ok(n) => self.digits(n),
            Err(_) => write!(self.bytes, "{n}").expect("a vector takes everything"),
        }
        self
    }

    /// A string.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.value();
        self.bytes.push(b'"');
        if is_plain(text) {
            self.bytes.extend_from_slice(text.as_bytes());
        } else {
            escape(text, &mut self.bytes);
        }
        self.bytes.push(b'"');
        self
    }

    fn digits(&mut self, mut n: u64) {
        let mut buffer = [0u8; 20];
        let mut from = buffer.len();
        loop {
            from -= 1;
            buffer[from] = b'0' + u8::try_from(n % 10).expect("a digit");
            n /= 10;
            if n == 0 {
                break;
            }
        }
        self.bytes.extend_from_slice(&buffer[from..]);
    }

    /// What stands before a value.
    fn value(&mut self) {
        match self.open.last_mut() {
            Some(Level::List { empty }) => {
                if !std::mem::take(empty) {
                    self.bytes.push(b',');
                }
            }
            Some(Level::Object { .. }) => {
                assert_eq!(self.bytes.last(), Some(&b':'), "a value of an object follows its key");
            }
            None => assert!(self.bytes.is_empty(), "one document a buffer"),
        }
    }
}

/// Whether a string is written as it is.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\')
}

fn escape(text: &str, out: &mut Vec<u8>) {
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            '\r' => out.extend_from_slice(b"\\r"),
            c if u32::from(c) < 0x20 => {
                write!(out, "\\u{:04x}", u32::from(c)).expect("a vector takes everything");
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// Order of the 16-bit units: above U+FFFF it differs from that of the bytes.
fn utf16_less(a: &str, b: &str) -> bool {
    a.encode_utf16().lt(b.encode_utf16())
}

/// Whether `bytes` are one document in its one spelling.
///
/// # Errors
/// What is not.
pub fn check(bytes: &[u8]) -> Result<serde_json::Value, String> {
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|why| why.to_string())?;
    let mut again = Writer::new();
    rewrite(&value, &mut again)?;
    if again.bytes() == bytes { Ok(value) } else { Err("not in canonical form".to_owned()) }
}

fn rewrite(value: &serde_json::Value, out: &mut Writer) -> Result<(), String> {
    use serde_json::Value;
    match value {
        Value::Number(n) => match (n.as_u64(), n.as_i64()) {
            (Some(n), _) => {
                out.int(n);
            }
            (None, Some(n)) => {
                out.int(n);
            }
            (None, None) => return Err(format!("{n} is no integer of 64 bits")),
        },
        Value::String(text) => {
            out.text(text);
        }
        Value::Array(rows) => {
            out.list();
            for row in rows {
                rewrite(row, out)?;
            }
            out.end();
        }
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            if let Some(odd) = keys.iter().find(|key| !is_plain(key)) {
                return Err(format!("key {odd:?} needs escapes"));
            }
            out.object();
            for key in keys {
                out.key(key);
                rewrite(&map[key], out)?;
            }
            out.end();
        }
        Value::Null | Value::Bool(_) => return Err(format!("{value} is neither integer, text, list nor object")),
    }
    Ok(())
}
