//! Looks for secrets in bytes, in every form somebody could have printed them in.
//!
//! A secret is cut into parts of at least 64 bits; one part of it in one form is a find. What is found is told by the names of secret and
//! form, never by content.

pub(crate) mod encode;

use encode::ENCODINGS;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

/// Bytes of a part where every bit is drawn: by chance in one place of 2^64.
const PART: usize = 8;
/// Most bytes of a compressed part of a sink that are looked at.
const UNPACKED_MAX: u64 = 256 << 20;

/// One secret, under a name that may be told.
pub(crate) struct Canary {
    pub(crate) name: &'static str,
    /// The forms it exists in, each with the length of a part: 8 bytes where all bits are drawn, 16 hex digits, 12 digits of base64.
    pub(crate) forms: Vec<(Vec<u8>, usize)>,
}

impl Canary {
    /// 32 drawn bytes, which people write as hex.
    pub(crate) fn of_bytes(name: &'static str, bytes: &[u8]) -> Self {
        Self { name, forms: vec![(bytes.to_vec(), PART)] }
    }

    /// Text with six drawn bits in a character.
    pub(crate) fn of_text(name: &'static str, text: &str) -> Self {
        Self { name, forms: vec![(text.as_bytes().to_vec(), 12)] }
    }

    /// URL-safe base64, also as the bytes it stands for.
    pub(crate) fn of_base64(name: &'static str, text: &str) -> Self {
        let digit = |byte: u8| encode::URL.iter().position(|known| *known == byte);
        let mut bits = text.bytes().filter_map(digit).flat_map(|digit| (0..6).rev().map(move |at| digit >> at & 1));
        let mut bytes = Vec::new();
        loop {
            let byte: Vec<usize> = bits.by_ref().take(8).collect();
            if byte.len() < 8 {
                break;
            }
            bytes.push(byte.iter().fold(0u8, |sum, bit| sum << 1 | u8::from(*bit == 1)));
        }
        Self { name, forms: vec![(text.as_bytes().to_vec(), 12), (bytes, PART)] }
    }

    /// Hex digits, maybe with dashes; also as the bytes they stand for.
    pub(crate) fn of_hex(name: &'static str, text: &str) -> Self {
        let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
        let byte = |pair: &[u32]| pair.iter().fold(0, |sum, digit| sum << 4 | u8::try_from(*digit).unwrap_or(0));
        let bytes = digits.chunks(2).map(byte).collect();
        Self { name, forms: vec![(text.as_bytes().to_vec(), 16), (bytes, PART)] }
    }
}

/// Which secret was found, in which of its forms, and how that was written.
pub(crate) type Find = (&'static str, usize, &'static str);

/// Everything that is looked for.
pub(crate) struct Matcher {
    /// Patterns by their first eight bytes, with the place of their rest.
    by_head: BTreeMap<u64, Vec<(Vec<u8>, Find)>>,
    /// Which first two bytes occur: most places are passed over by this alone.
    first: Vec<u64>,
    /// Which hashes of the first eight bytes occur.
    heads: Vec<u64>,
}

impl Matcher {
    pub(crate) fn new(canaries: &[Canary]) -> Self {
        let mut new = Self { by_head: BTreeMap::new(), first: vec![0; 1024], heads: vec![0; 1 << 14] };
        for canary in canaries {
            for (nth, (form, part)) in canary.forms.iter().enumerate() {
                for encoding in ENCODINGS {
                    let find = (canary.name, nth, encoding.name);
                    if encoding.by_parts {
                        form.windows(*part).for_each(|window| new.add((encoding.of)(window), find));
                    } else {
                        // As many digits as the bits of a part take in the sparsest of these forms, decimal digits.
                        let whole = (encoding.of)(form);
                        let len = match encoding.name {
                            "decimal number" => 20,
                            name if name.contains("base64") => (part * 8).div_ceil(6).saturating_sub(1),
                            name if name.contains("hex") => part * 2,
                            _ => *part,
                        };
                        whole.windows(len).for_each(|window| new.add(window.to_vec(), find));
                    }
                }
            }
        }
        new
    }

    fn add(&mut self, pattern: Vec<u8>, find: Find) {
        let Some(head) = head(&pattern) else { return };
        let (at, bit) = first(&pattern);
        self.first[at] |= bit;
        let (at, bit) = slot(head);
        self.heads[at] |= bit;
        let same = self.by_head.entry(head).or_default();
        if !same.iter().any(|known| known.0 == pattern && known.1 == find) {
            same.push((pattern, find));
        }
    }

    /// Patterns that are looked for.
    pub(crate) fn patterns(&self) -> usize {
        self.by_head.values().map(Vec::len).sum()
    }

    /// Finds in `bytes`, and in what compressed parts of it unpack to.
    pub(crate) fn scan(&self, bytes: &[u8]) -> BTreeSet<Find> {
        let mut found = self.scan_plain(bytes);
        for unpacked in unpacked(bytes) {
            found.extend(self.scan_plain(&unpacked));
        }
        found
    }

    fn scan_plain(&self, bytes: &[u8]) -> BTreeSet<Find> {
        let mut found = BTreeSet::new();
        for window in (0..bytes.len()).map(|at| &bytes[at..]) {
            let Some(head) = head(window) else { break };
            let ((a, x), (b, y)) = (first(window), slot(head));
            if self.first[a] & x == 0 || self.heads[b] & y == 0 {
                continue;
            }
            for (pattern, find) in self.by_head.get(&head).into_iter().flatten() {
                if window.starts_with(pattern) {
                    found.insert(*find);
                }
            }
        }
        found
    }
}

fn head(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|head| u64::from_le_bytes(*head))
}

fn first(bytes: &[u8]) -> (usize, u64) {
    let both = usize::from(bytes[0]) << 8 | usize::from(bytes[1]);
    (both / 64, 1 << (both % 64))
}

/// One of a million bits.
fn slot(head: u64) -> (usize, u64) {
    let hash = usize::try_from(head.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44).unwrap_or(0);
    (hash / 64, 1 << (hash % 64))
}

/// What gzip members and zstd frames in `bytes` hold, as far as they can be read.
fn unpacked(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for at in memchr::memmem::find_iter(bytes, &[0x1f, 0x8b, 0x08]) {
        let mut out = Vec::new();
        // What was unpacked until an error counts.
        let _ = flate2::read::MultiGzDecoder::new(&bytes[at..]).take(UNPACKED_MAX).read_to_end(&mut out);
        all.push(out);
    }
    for at in memchr::memmem::find_iter(bytes, &[0x28, 0xb5, 0x2f, 0xfd]) {
        let mut out = Vec::new();
        if let Ok(decoder) = zstd::stream::read::Decoder::new(&bytes[at..]) {
            let _ = decoder.single_frame().take(UNPACKED_MAX).read_to_end(&mut out);
        }
        all.push(out);
    }
    all
}

/// `bytes` with every secret put in, in every form; and what must be found in it.
pub(crate) fn planted(bytes: &[u8], canaries: &[Canary]) -> (Vec<u8>, BTreeSet<Find>) {
    let (mut out, mut expected) = (Vec::with_capacity(bytes.len() + (1 << 16)), BTreeSet::new());
    let middle = bytes.len() / 2;
    out.extend_from_slice(&bytes[..middle]);
    for canary in canaries {
        for (nth, (form, _)) in canary.forms.iter().enumerate() {
            for encoding in ENCODINGS {
                out.extend_from_slice(b" | ");
                out.extend((encoding.of)(form));
                expected.insert((canary.name, nth, encoding.name));
            }
        }
    }
    out.extend_from_slice(&bytes[middle..]);
    (out, expected)
}

/// The end of `bytes` and every form of every secret, packed, so that nothing but unpacking finds it; and what must be found in it.
pub(crate) fn packed(bytes: &[u8], canaries: &[Canary]) -> std::io::Result<(Vec<u8>, BTreeSet<Find>)> {
    use std::io::Write as _;
    let (before, mut expected) = (bytes[bytes.len().saturating_sub(4096)..].to_vec(), BTreeSet::new());
    let mut packer = flate2::write::GzEncoder::new(before, flate2::Compression::best());
    for canary in canaries {
        for (nth, (form, _)) in canary.forms.iter().enumerate() {
            packer.write_all(form)?;
            expected.insert((canary.name, nth, "raw"));
        }
    }
    Ok((packer.finish()?, expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_and_hex_are_looked_for_as_bytes_too() {
        let canary = Canary::of_base64("secret", "UHJvb2ZtYWtlciBrZWVwcyBpdHMgc2VjcmV0cyE=");
        assert_eq!(canary.forms[1].0, b"Proofmaker keeps its secrets!");
        assert_eq!(Canary::of_hex("key", "00ff-7f").forms[1].0, [0x00, 0xff, 0x7f]);
    }

    fn canaries() -> [Canary; 4] {
        let bytes: Vec<u8> = (1..=32u8).map(|n| n.wrapping_mul(151)).collect();
        [
            Canary::of_bytes("bytes", &bytes),
            Canary::of_text("text", "q7+Z0mK2/vXb9TnQ4sLw"),
            Canary::of_hex("uuid", "9d3b5a70-41c6-4e0f-8b27-d1f6a0c93e58"),
            Canary::of_hex("hex", &"6b1fd0937ae2c584".repeat(4)),
        ]
    }

    #[test]
    fn every_plant_is_found_and_nothing_where_nothing_is() {
        let canaries = canaries();
        let matcher = Matcher::new(&canaries);
        let clean: Vec<u8> = (0..200_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        assert_eq!(matcher.scan(&clean), BTreeSet::new());
        let (bytes, expected) = planted(&clean, &canaries);
        let found = matcher.scan(&bytes);
        let missed: Vec<_> = expected.difference(&found).collect();
        assert!(missed.is_empty(), "{missed:?}");
        // each form of each canary for itself
        assert_eq!(expected.len(), 6 * ENCODINGS.len());
    }

    #[test]
    fn what_is_planted_packed_is_found_by_unpacking_alone() {
        let canaries = canaries();
        let matcher = Matcher::new(&canaries);
        let (bytes, expected) = packed(b"the end of an output", &canaries).expect("packed");
        assert!(bytes.starts_with(b"the end of an output"));
        assert!(matcher.scan(&bytes).is_superset(&expected));
        assert_eq!(matcher.scan_plain(&bytes), BTreeSet::new());
    }

    #[test]
    fn a_part_is_enough_and_less_than_a_part_is_not() {
        let canaries = canaries();
        let matcher = Matcher::new(&canaries);
        let bytes = &canaries[0].forms[0].0;
        assert!(matcher.scan(&bytes[5..13]).contains(&("bytes", 0, "raw")));
        assert!(matcher.scan(&bytes[5..12]).is_empty());
        assert!(matcher.scan(b"q7+Z0mK2/vX").is_empty());
        assert!(matcher.scan(b"xq7+Z0mK2/vXb").contains(&("text", 0, "raw")));
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        use std::io::Write as _;
        let canaries = canaries();
        let matcher = Matcher::new(&canaries);
        let mut packer = flate2::write::GzEncoder::new(b"before".to_vec(), flate2::Compression::best());
        packer.write_all(&canaries[0].forms[0].0).expect("packed");
        let packed = packer.finish().expect("packed");
        assert!(matcher.scan(&packed).contains(&("bytes", 0, "raw")));
        let mut packed = b"before".to_vec();
        packed.extend(zstd::stream::encode_all(&b"aaaaaaaaaaaaaaaaaaaaaq7+Z0mK2/vXb9TnQ4sLw"[..], 3).expect("packed"));
        assert!(matcher.scan(&packed).contains(&("text", 0, "raw")));
    }
}
