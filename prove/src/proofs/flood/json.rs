//! JSON read and written without the library the product uses, so that one is judged by the other.

use crate::proofs::executor::Draws;

/// A JSON value as it stands in the text: numbers unread, keys in order and as often as they come.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum J {
    Null,
    Bool(bool),
    /// The text of a number; written as it is, also when it is none.
    Num(String),
    Str(String),
    Arr(Vec<J>),
    Obj(Vec<(String, J)>),
}

impl J {
    pub(super) fn num(n: impl std::fmt::Display) -> Self {
        Self::Num(n.to_string())
    }

    pub(super) fn text(text: &str) -> Self {
        Self::Str(text.to_owned())
    }

    pub(super) fn obj<const N: usize>(fields: [(&str, J); N]) -> Self {
        Self::Obj(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// Appends the value as text, now and then with white space and escapes that change nothing.
    pub(super) fn write(&self, draws: &mut Draws, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend(b"null"),
            Self::Bool(value) => out.extend(if *value { &b"true"[..] } else { b"false" }),
            Self::Num(text) => out.extend(text.bytes()),
            Self::Str(text) => write_text(text, draws, out),
            Self::Arr(items) => {
                out.push(b'[');
                for (nth, item) in items.iter().enumerate() {
                    out.extend((nth > 0).then_some(b','));
                    item.write(draws, out);
                }
                out.push(b']');
            }
            Self::Obj(fields) => {
                out.push(b'{');
                for (nth, (key, value)) in fields.iter().enumerate() {
                    out.extend((nth > 0).then_some(b','));
                    out.extend((draws.below(64) == 0).then_some(b' '));
                    write_text(key, draws, out);
                    out.push(b':');
                    out.extend((draws.below(64) == 0).then_some(b'\n'));
                    value.write(draws, out);
                }
                out.push(b'}');
            }
        }
    }

    /// Whether some object in it names a field more than once.
    pub(super) fn has_a_field_twice(&self) -> bool {
        match self {
            Self::Arr(items) => items.iter().any(Self::has_a_field_twice),
            Self::Obj(fields) => fields.iter().enumerate().any(|(nth, (key, value))| {
                fields[..nth].iter().any(|(before, _)| before == key) || value.has_a_field_twice()
            }),
            _ => false,
        }
    }

    /// Every place in the tree, itself first.
    pub(super) fn places(&mut self) -> usize {
        1 + match self {
            Self::Arr(items) => items.iter_mut().map(Self::places).sum(),
            Self::Obj(fields) => fields.iter_mut().map(|(_, value)| value.places()).sum(),
            _ => 0,
        }
    }

    /// The nth place of [`Self::places`].
    pub(super) fn place(&mut self, mut nth: usize) -> Option<&mut Self> {
        if nth == 0 {
            return Some(self);
        }
        nth -= 1;
        let children: Vec<&mut Self> = match self {
            Self::Arr(items) => items.iter_mut().collect(),
            Self::Obj(fields) => fields.iter_mut().map(|(_, value)| value).collect(),
            _ => return None,
        };
        for child in children {
            let size = child.places();
            if nth < size {
                return child.place(nth);
            }
            nth -= size;
        }
        None
    }
}

fn write_text(text: &str, draws: &mut Draws, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' => out.extend(br#"\""#),
            '\\' => out.extend(br"\\"),
            c if (c as u32) < 0x20 || draws.below(512) == 0 && (c as u32) < 0xd800 => {
                out.extend(format!("\\u{:04x}", c as u32).bytes());
            }
            c => out.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    out.push(b'"');
}

/// Nesting beyond which the product refuses too.
const DEPTH_MAX: u32 = 127;

/// Reads one JSON value (RFC 8259); `None` for anything else.
pub(super) fn read(bytes: &[u8]) -> Option<J> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.space();
    (reader.at == text.len()).then_some(value)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, word: &str) -> Option<()> {
        self.text[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    fn value(&mut self, depth: u32) -> Option<J> {
        self.space();
        match self.peek()? {
            b'n' => self.eat("null").map(|()| J::Null),
            b't' => self.eat("true").map(|()| J::Bool(true)),
            b'f' => self.eat("false").map(|()| J::Bool(false)),
            b'"' => self.string().map(J::Str),
            b'[' | b'{' if depth >= DEPTH_MAX => None,
            b'[' => self.list(b']', |reader| reader.value(depth + 1)).map(J::Arr),
            b'{' => {
                let field = |reader: &mut Self| {
                    reader.space();
                    let key = reader.string()?;
                    reader.space();
                    reader.eat(":")?;
                    Some((key, reader.value(depth + 1)?))
                };
                self.list(b'}', field).map(J::Obj)
            }
            _ => self.number().map(J::Num),
        }
    }

    fn list<T>(&mut self, end: u8, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek()? == end {
            self.at += 1;
            return Some(items);
        }
        loop {
            items.push(item(self)?);
            self.space();
            let next = self.peek()?;
            self.at += 1;
            match next {
                b',' => {}
                next if next == end => return Some(items),
                _ => return None,
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        self.eat("\"")?;
        let mut out = String::new();
        loop {
            let c = self.text[self.at..].chars().next()?;
            self.at += c.len_utf8();
            match c {
                '"' => return Some(out),
                '\\' => {
                    let escape = self.peek()?;
                    self.at += 1;
                    out.push(match escape {
                        b'"' | b'\\' | b'/' => char::from(escape),
                        b'b' => '\u{8}',
                        b'f' => '\u{c}',
                        b'n' => '\n',
                        b'r' => '\r',
                        b't' => '\t',
                        b'u' => self.escaped()?,
                        _ => return None,
                    });
                }
                c if (c as u32) < 0x20 => return None,
                c => out.push(c),
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        let first = self.hex()?;
        if (0xd800..0xdc00).contains(&first) {
            self.eat("\\u")?;
            let second = self.hex()?;
            let second = (0xdc00..0xe000).contains(&second).then_some(second - 0xdc00)?;
            return char::from_u32(0x10000 + ((first - 0xd800) << 10) + second);
        }
        char::from_u32(first)
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
    }

    fn number(&mut self) -> Option<String> {
        let start = self.at;
        let digits = |reader: &mut Self| {
            let from = reader.at;
            while reader.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                reader.at += 1;
            }
            (reader.at > from).then_some(reader.at - from)
        };
        let _ = self.eat("-");
        let leading_zero = self.peek() == Some(b'0');
        let whole = digits(self)?;
        if leading_zero && whole > 1 {
            return None;
        }
        if self.eat(".").is_some() {
            digits(self)?;
        }
        if self.peek().is_some_and(|byte| matches!(byte, b'e' | b'E')) {
            self.at += 1;
            if self.peek().is_some_and(|byte| matches!(byte, b'+' | b'-')) {
                self.at += 1;
            }
            digits(self)?;
        }
        Some(self.text[start..self.at].to_owned())
    }
}
