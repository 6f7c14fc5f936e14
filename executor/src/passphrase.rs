//! Passphrases: from a file of ours alone or from the terminal, without an echo. Never from an argument or the environment, which others
//! can read.

use crate::secret_file::{self, Keeper, SecretFileError};
use rustix::fs::{Mode, OFlags};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use std::os::fd::OwnedFd;
use std::path::Path;
use zeroize::Zeroizing;

/// Longest passphrase, in bytes.
const MAX: usize = 1024;

/// Why there is none. Never carries what was read.
#[derive(Debug, thiserror::Error)]
pub enum PassphraseError {
    /// Its file is not one to read secrets from.
    #[error("passphrase file {0}")]
    File(#[from] SecretFileError),
    /// Empty, or more than can be meant.
    #[error("the passphrase is empty or longer than {MAX} bytes")]
    Length,
    /// Nobody to ask.
    #[error("no terminal to ask for the passphrase: {0}; name a file with it instead")]
    Terminal(std::io::Error),
    /// Ctrl-C, Ctrl-D or the end of the terminal.
    #[error("no passphrase was given")]
    GivenUp,
    /// The second is not the first.
    #[error("the two passphrases differ")]
    Differ,
}

/// The first line of a file; one line end is not part of it.
///
/// # Errors
/// [`PassphraseError`].
pub fn from_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, PassphraseError> {
    let mut text = secret_file::read(path, Keeper::Us, MAX + 2)?;
    for end in [b'\n', b'\r'] {
        if text.last() == Some(&end) {
            text.pop();
        }
    }
    checked(text)
}

/// Asks at the terminal; twice for a new one, which nobody could correct later.
///
/// # Errors
/// [`PassphraseError`].
pub fn from_terminal(what: &str, is_new: bool) -> Result<Zeroizing<Vec<u8>>, PassphraseError> {
    let terminal = Silent::open().map_err(|why| PassphraseError::Terminal(why.into()))?;
    let first = checked(terminal.ask(&format!("passphrase of {what}: "))?)?;
    if is_new && *terminal.ask("once more: ")? != *first {
        return Err(PassphraseError::Differ);
    }
    Ok(first)
}

fn checked(text: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, PassphraseError> {
    if (1..=MAX).contains(&text.len()) { Ok(text) } else { Err(PassphraseError::Length) }
}

/// The terminal while it neither shows what is typed nor turns keys into signals: it is as before whatever happens.
struct Silent {
    terminal: OwnedFd,
    before: Termios,
}

impl Silent {
    fn open() -> rustix::io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let terminal = rustix::fs::open("/dev/tty", flags, Mode::empty())?;
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }

    fn ask(&self, prompt: &str) -> Result<Zeroizing<Vec<u8>>, PassphraseError> {
        let wrong = |why: rustix::io::Errno| PassphraseError::Terminal(why.into());
        rustix::io::write(&self.terminal, prompt.as_bytes()).map_err(wrong)?;
        // one allocation, and one byte more than is allowed
        let mut line = Line(Zeroizing::new(Vec::with_capacity(MAX + 1)));
        let given = loop {
            let mut byte = [0];
            match rustix::io::read(&self.terminal, &mut byte) {
                Ok(0) => break Err(PassphraseError::GivenUp),
                Ok(_) => match line.take(byte[0]) {
                    Typed::More => {}
                    Typed::Done => break Ok(line.0),
                    Typed::GivenUp => break Err(PassphraseError::GivenUp),
                },
                Err(rustix::io::Errno::INTR) => {}
                Err(why) => break Err(wrong(why)),
            }
        };
        rustix::io::write(&self.terminal, b"\n").map_err(wrong)?;
        given
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // Nobody to tell.
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}

struct Line(Zeroizing<Vec<u8>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Typed {
    More,
    Done,
    GivenUp,
}

impl Line {
    /// One key.
    fn take(&mut self, byte: u8) -> Typed {
        match byte {
            b'\n' | b'\r' => return Typed::Done,
            // Ctrl-C, Ctrl-D
            3 | 4 => return Typed::GivenUp,
            // Backspace takes a whole character, whatever its bytes are.
            8 | 127 => while self.0.pop().is_some_and(|last| last & 0xc0 == 0x80) {},
            // Ctrl-U
            21 => self.0.clear(),
            _ if self.0.len() <= MAX => self.0.push(byte),
            _ => {}
        }
        Typed::More
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_file_gives_its_line_and_only_if_it_is_ours_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("passphrase");
        let read = |text: &[u8], mode: u32| {
            // left by the case before
            std::fs::remove_file(&path).ok();
            std::fs::write(&path, text).expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("mode set");
            from_file(&path).map(|text| String::from_utf8_lossy(&text).into_owned()).map_err(|why| why.to_string())
        };
        for (text, given) in [("word", "word"), ("two words \n", "two words "), ("word\r\n", "word"), ("a\n\n", "a\n")]
        {
            assert_eq!(read(text.as_bytes(), 0o400).as_deref(), Ok(given));
        }
        for text in [&b""[..], b"\n", &[b'x'; MAX + 1]] {
            assert!(read(text, 0o400).is_err_and(|why| why.contains("empty or longer")), "{} bytes", text.len());
        }
        assert!(read(b"canary", 0o644).is_err_and(|why| why.contains("0644") && !why.contains("canary")));
    }

    #[test]
    fn keys_are_taken_as_a_terminal_would() {
        let typed = |keys: &[u8]| {
            let mut line = Line(Zeroizing::new(Vec::new()));
            let end = keys.iter().map(|key| line.take(*key)).find(|typed| *typed != Typed::More);
            (String::from_utf8_lossy(&line.0).into_owned(), end)
        };
        assert_eq!(typed("word\n".as_bytes()), ("word".to_owned(), Some(Typed::Done)));
        assert_eq!(typed("wä\u{7f}ord\r".as_bytes()), ("word".to_owned(), Some(Typed::Done)));
        assert_eq!(typed(b"\x7f\x08wrong\x15word\n"), ("word".to_owned(), Some(Typed::Done)));
        assert_eq!(typed(b"wo\x03rd\n").1, Some(Typed::GivenUp));
        assert_eq!(typed(&vec![b'x'; 5000]).0.len(), MAX + 1, "too long is told, not cut");
    }
}
