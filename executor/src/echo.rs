//! Secrets that come back: a gateway that answers with the headers it was sent. Whatever is made of an answer afterwards (a log line, a
//! row, a reason told to the core) is made of one without them.

use zeroize::Zeroizing;

/// Shortest fragment that is found. Twelve hex digits are in a page of order ids by chance once in tens of millions of pages.
const FRAGMENT: usize = 12;

/// Every fragment of some secrets, letter case aside.
pub(crate) struct Echo {
    fragments: Zeroizing<Vec<[u8; FRAGMENT]>>,
    /// Which first two bytes a fragment has: nearly every place of a long answer is passed over by this alone.
    first: Zeroizing<Vec<u64>>,
}

impl Echo {
    pub(crate) fn of(secrets: &[&str]) -> Self {
        let room = secrets.iter().map(|secret| secret.len()).sum();
        let mut fragments = Zeroizing::new(Vec::with_capacity(room));
        let mut first = Zeroizing::new(vec![0; 1024]);
        for window in secrets.iter().flat_map(|secret| secret.as_bytes().windows(FRAGMENT)) {
            let fragment = lower(window);
            let (at, bit) = place(&fragment);
            first[at] |= bit;
            fragments.push(fragment);
        }
        fragments.sort_unstable();
        Self { fragments, first }
    }

    /// Puts asterisks where a fragment is.
    pub(crate) fn scrub(&self, text: &mut [u8]) {
        // Asterisks are written only behind the window that is looked at next, so a longer secret is found to its end.
        let mut pending = 0..0;
        for start in 0..text.len().saturating_sub(FRAGMENT - 1) {
            let (at, bit) = place(&text[start..]);
            let found = self.first[at] & bit != 0
                && self.fragments.binary_search(&lower(&text[start..start + FRAGMENT])).is_ok();
            if found && start <= pending.end {
                pending.end = start + FRAGMENT;
            } else if found {
                text[pending.clone()].fill(b'*');
                pending = start..start + FRAGMENT;
            }
        }
        text[pending].fill(b'*');
    }
}

fn lower(window: &[u8]) -> [u8; FRAGMENT] {
    let mut out = [0; FRAGMENT];
    out.copy_from_slice(window);
    out.make_ascii_lowercase();
    out
}

fn place(text: &[u8]) -> (usize, u64) {
    let both = usize::from(text[0].to_ascii_lowercase()) << 8 | usize::from(text[1].to_ascii_lowercase());
    (both / 64, 1 << (both % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scrubbed(secrets: &[&str], text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        Echo::of(secrets).scrub(&mut bytes);
        String::from_utf8(bytes).expect("asterisks are text")
    }

    #[test]
    fn an_echo_is_blotted_out_and_nothing_else() {
        let secret = "c0ffee00-canary-phrase";
        for (text, left) in [
            ("{\"error\":\"bad c0ffee00-canary-phrase, sorry\"}", "{\"error\":\"bad **********************, sorry\"}"),
            ("C0FFEE00-CANARY-PHRASE", "**********************"),
            ("c0ffee00-canary", "***************"),
            ("c0ffee00-canary-phrasec0ffee00-canary-phrase", "********************************************"),
            ("c0ffee00-ca and anary-phrase", "c0ffee00-ca and ************"),
            ("c0ffee00-ca", "c0ffee00-ca"),
            ("", ""),
        ] {
            assert_eq!(scrubbed(&[secret, "short"], text), left);
        }
    }

    proptest! {
        /// Against the plain meaning: a byte is blotted out exactly if it is in a window of the text that is one of the secret.
        #[test]
        fn blots_out_what_a_window_covers(secret in "[ab]{0,30}", text in "[abA]{0,60}") {
            let mut plain = text.clone().into_bytes();
            for (start, window) in text.as_bytes().windows(FRAGMENT).enumerate() {
                if secret.as_bytes().windows(FRAGMENT).any(|part| part.eq_ignore_ascii_case(window)) {
                    plain[start..start + FRAGMENT].fill(b'*');
                }
            }
            prop_assert_eq!(scrubbed(&[&secret], &text).into_bytes(), plain);
        }
    }
}
