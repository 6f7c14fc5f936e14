//! Files that are on the disk when a function returns.

use crate::crash_point;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Replaces a file's contents, mode 0600: a crash leaves the old or the new, whole.
///
/// # Errors
/// When the disk does not take it; then the old contents stand.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    crash_point!("file.written");
    std::fs::rename(&new, path)?;
    crash_point!("file.renamed");
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Makes what was renamed in a folder durable.
///
/// # Errors
/// When the disk does not.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}
