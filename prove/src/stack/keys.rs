//! Keys nobody ever used: drawn anew, so that no run meets the executor of another one on the same host.

use super::StackError;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Bytes that nobody knows.
pub(crate) fn drawn<const N: usize>() -> Result<[u8; N], StackError> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|why| StackError(format!("random bytes: {why}")))?;
    Ok(bytes)
}

/// Writes a new file with a key as the executor reads it; returns the key.
pub(crate) fn key_file(path: &Path, mode: u32) -> Result<[u8; 32], StackError> {
    let key = drawn()?;
    let digits = key.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    });
    let file = File::options().write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(digits.as_bytes()))
        .map_err(|why| StackError(format!("{}: {why}", path.display())))?;
    Ok(key)
}
