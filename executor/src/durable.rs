//! Files that are on the disk when a function returns.

use crate::crash_point;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Where a file is written before it gets its name.
fn unnamed(path: &Path) -> PathBuf {
    path.with_extension("new")
}

/// Replaces a file's contents: a crash leaves the old or the new, whole. One
/// writer a file: two would meet in the one that has no name yet.
///
/// # Errors
/// When the disk does not take it; then the old contents stand.
pub fn replace(path: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
    let new = unnamed(path);
    // what a crash left there may have another mode
    forget(&new)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    crash_point!("file.written");
    std::fs::rename(&new, path)?;
    crash_point!("file.renamed");
    sync_folder(folder_of(path))
}

/// Takes a file away, and what a crash left of its replacement. One that is not there is fine.
///
/// # Errors
/// When the disk does not.
pub fn remove(path: &Path) -> io::Result<()> {
    forget(&unnamed(path))?;
    forget(path)?;
    sync_folder(folder_of(path))
}

fn forget(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
        _ => Ok(()),
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// Makes what was renamed in a folder durable.
///
/// # Errors
/// When the disk does not.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}
