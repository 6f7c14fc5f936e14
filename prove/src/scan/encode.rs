//! The forms a secret can leak in: each turns bytes into the text or bytes somebody would have printed.

use std::fmt::Write as _;

/// One form.
pub(crate) struct Encoding {
    pub(crate) name: &'static str,
    pub(crate) of: fn(&[u8]) -> Vec<u8>,
    /// A part of a secret, encoded alone, is a part of the whole, encoded; so each part is looked for. Otherwise the whole is encoded first
    /// and its parts are looked for.
    pub(crate) by_parts: bool,
}

const fn parts(name: &'static str, of: fn(&[u8]) -> Vec<u8>) -> Encoding {
    Encoding { name, of, by_parts: true }
}

const fn whole(name: &'static str, of: fn(&[u8]) -> Vec<u8>) -> Encoding {
    Encoding { name, of, by_parts: false }
}

/// All forms.
pub(crate) const ENCODINGS: &[Encoding] = &[
    parts("raw", <[u8]>::to_vec),
    parts("hex", |bytes| each(bytes, "", |byte| format!("{byte:02x}"))),
    parts("upper-case hex", |bytes| each(bytes, "", |byte| format!("{byte:02X}"))),
    parts("0x-hex list", |bytes| each(bytes, ", ", |byte| format!("0x{byte:02x}"))),
    parts("colon hex", |bytes| each(bytes, ":", |byte| format!("{byte:02x}"))),
    parts("upper-case colon hex", |bytes| each(bytes, ":", |byte| format!("{byte:02X}"))),
    parts("spaced hex", |bytes| each(bytes, " ", |byte| format!("{byte:02x}"))),
    parts("hex of the hex", |bytes| {
        let hex = each(bytes, "", |byte| format!("{byte:02x}"));
        each(&hex, "", |byte| format!("{byte:02x}"))
    }),
    whole("base64", |bytes| base64(bytes, STANDARD, 0)),
    whole("base64 one byte on", |bytes| base64(bytes, STANDARD, 1)),
    whole("base64 two bytes on", |bytes| base64(bytes, STANDARD, 2)),
    whole("url base64", |bytes| base64(bytes, URL, 0)),
    whole("url base64 one byte on", |bytes| base64(bytes, URL, 1)),
    whole("url base64 two bytes on", |bytes| base64(bytes, URL, 2)),
    parts("percent", |bytes| each(bytes, "", |byte| format!("%{byte:02X}"))),
    parts("lower-case percent", |bytes| each(bytes, "", |byte| format!("%{byte:02x}"))),
    parts("percent where needed", |bytes| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        each(bytes, "", |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
    }),
    parts("JSON escapes", |bytes| each(bytes, "", |byte| format!("\\u{byte:04x}"))),
    parts("JSON text", |bytes| {
        let text: String = bytes.iter().copied().map(char::from).collect();
        let quoted = serde_json::to_string(&text).unwrap_or_default();
        quoted.trim_matches('"').as_bytes().to_vec()
    }),
    parts("decimal list", |bytes| each(bytes, ", ", |byte| byte.to_string())),
    parts("close decimal list", |bytes| each(bytes, ",", |byte| byte.to_string())),
    parts("Rust byte string", |bytes| bytes.escape_ascii().to_string().into_bytes()),
    parts("UTF-16", |bytes| bytes.iter().flat_map(|byte| [*byte, 0]).collect()),
    whole("reversed", |bytes| bytes.iter().rev().copied().collect()),
    whole("hex reversed", |bytes| each(bytes, "", |byte| format!("{byte:02x}")).into_iter().rev().collect()),
    whole("words the other way round", |bytes| bytes.chunks(4).flat_map(|word| word.iter().rev().copied()).collect()),
    whole("hex of words the other way round", |bytes| {
        let words: Vec<u8> = bytes.chunks(4).flat_map(|word| word.iter().rev().copied()).collect();
        each(&words, "", |byte| format!("{byte:02x}"))
    }),
    whole("long words the other way round", |bytes| {
        bytes.chunks(8).flat_map(|word| word.iter().rev().copied()).collect()
    }),
    whole("decimal number", decimal),
];

fn each(bytes: &[u8], between: &str, show: impl Fn(u8) -> String) -> Vec<u8> {
    let mut out = String::new();
    for (nth, byte) in bytes.iter().enumerate() {
        let _ = write!(out, "{}{}", if nth > 0 { between } else { "" }, show(*byte));
    }
    out.into_bytes()
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
pub(super) const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The digits that depend on `bytes` alone when `before` other bytes come first and others may follow.
fn base64(bytes: &[u8], alphabet: &[u8; 64], before: usize) -> Vec<u8> {
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
    let skip = (6 - before * 8 % 6) % 6;
    let digits = (bytes.len() * 8 - skip) / 6;
    let digit = |nth: usize| (0..6).fold(0u8, |value, at| value << 1 | bit(skip + nth * 6 + at));
    (0..digits).map(|nth| alphabet[usize::from(digit(nth))]).collect()
}

/// The bytes as one number, the first the highest.
fn decimal(bytes: &[u8]) -> Vec<u8> {
    let mut digits = vec![0u8];
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in digits.iter_mut().rev() {
            carry += u32::from(*digit) * 256;
            *digit = u8::try_from(carry % 10).unwrap_or(0);
            carry /= 10;
        }
        while carry > 0 {
            digits.insert(0, u8::try_from(carry % 10).unwrap_or(0));
            carry /= 10;
        }
    }
    digits.into_iter().map(|digit| b'0' + digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, bytes: &[u8]) -> String {
        let encoding = ENCODINGS.iter().find(|encoding| encoding.name == name).expect("known");
        String::from_utf8((encoding.of)(bytes)).expect("text")
    }

    #[test]
    fn encodings_are_what_others_make_of_the_same_bytes() {
        let bytes = [0x00, 0x7f, 0xff, 0x22, 0x41];
        for (name, text) in [
            ("hex", "007fff2241"),
            ("upper-case hex", "007FFF2241"),
            ("0x-hex list", "0x00, 0x7f, 0xff, 0x22, 0x41"),
            ("colon hex", "00:7f:ff:22:41"),
            ("spaced hex", "00 7f ff 22 41"),
            ("hex of the hex", "30303766666632323431"),
            ("percent", "%00%7F%FF%22%41"),
            ("percent where needed", "%00%7F%FF%22A"),
            ("JSON escapes", "\\u0000\\u007f\\u00ff\\u0022\\u0041"),
            ("decimal list", "0, 127, 255, 34, 65"),
            ("Rust byte string", "\\x00\\x7f\\xff\\\"A"),
            ("hex reversed", "1422fff700"),
            ("hex of words the other way round", "22ff7f0041"),
            ("decimal number", "2147426881"),
        ] {
            assert_eq!(of(name, &bytes), text, "{name}");
        }
        assert!(ENCODINGS.len() >= 18);
    }

    #[test]
    fn base64_is_a_part_of_what_comes_of_more_bytes() {
        // "ab" + "Proofmaker" + "cd" and so on, by another program.
        let whole = ["UHJvb2ZtYWtlcmNk", "YVByb29mbWFrZXJj", "YWJQcm9vZm1ha2Vy"];
        for (name, whole) in ["base64", "base64 one byte on", "base64 two bytes on"].into_iter().zip(whole) {
            let part = of(name, b"Proofmaker");
            assert!(part.len() >= 12 && whole.contains(&part), "{name}: {part} in {whole}");
        }
        assert_eq!(of("url base64", &[0xfb, 0xff, 0xfe]), "-__-");
        assert_eq!(of("base64", &[0xfb, 0xff, 0xfe]), "+//+");
    }
}
