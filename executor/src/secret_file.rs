//! Files that hold a secret: no link is followed, what was opened is what is checked, and what is read is wiped on drop.

use rustix::fs::{FileType, Mode, OFlags};
use std::io::Read as _;
use std::path::Path;
use zeroize::Zeroizing;

/// Whose a file must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// Ours, mode 0400 or 0600.
    Us,
    /// As [`Us`](Self::Us), and root takes anybody's: for what must work in an emergency, whoever is there.
    UsOrAnybodyForRoot,
    /// Handed over by the service manager: ours, or root's and opened to us by an access list. Where there is such a list, the group
    /// bits of the mode show its mask, so 0440 does not mean that a group may read it.
    ServiceManager,
}

/// Why a file with a secret is not read. Never carries what is in it.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// It is not there, is a link, or may not be read.
    #[error("{path}: {why}")]
    Open {
        /// The file.
        path: String,
        /// The system's reason.
        why: std::io::Error,
    },
    /// A folder, a pipe, a device.
    #[error("{path} is no regular file")]
    NotAFile {
        /// The file.
        path: String,
    },
    /// Others may read or change it.
    #[error("{path} has mode {mode:04o}; {allowed} is required")]
    Mode {
        /// The file.
        path: String,
        /// What was found.
        mode: u32,
        /// What is allowed.
        allowed: &'static str,
    },
    /// Somebody else's.
    #[error("{path} belongs to uid {owner}, we are uid {ours}")]
    Owner {
        /// The file.
        path: String,
        /// Who owns it.
        owner: u32,
        /// Who we are.
        ours: u32,
    },
    /// More than there can be in such a file.
    #[error("{path} is longer than {max} bytes")]
    TooLong {
        /// The file.
        path: String,
        /// The most that is read.
        max: usize,
    },
}

/// Reads a file of at most `max` bytes that nobody but its keeper can have written and nobody but us can read.
///
/// # Errors
/// [`SecretFileError`]; the file is checked after it is opened, so it cannot be swapped in between.
pub fn read(path: &Path, keeper: Keeper, max: usize) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
    let name = || path.display().to_string();
    let open = |why: std::io::Error| SecretFileError::Open { path: name(), why };
    // NONBLOCK: opening a pipe must not wait for its other end.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| open(e.into()))?;
    let stat = rustix::fs::fstat(&fd).map_err(|e| open(e.into()))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(SecretFileError::NotAFile { path: name() });
    }
    let ours = rustix::process::geteuid().as_raw();
    judge(keeper, ours, stat.st_uid, stat.st_mode & 0o7777).map_err(|wrong| match wrong {
        Wrong::Owner => SecretFileError::Owner { path: name(), owner: stat.st_uid, ours },
        Wrong::Mode(allowed) => SecretFileError::Mode { path: name(), mode: stat.st_mode & 0o7777, allowed },
    })?;
    // One allocation of the final size: growing would leave copies behind.
    let mut bytes = Zeroizing::new(vec![0; max + 1]);
    let mut file = std::fs::File::from(fd);
    let mut length = 0;
    while length < bytes.len() {
        match file.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(n) => length += n,
            Err(why) if why.kind() == std::io::ErrorKind::Interrupted => {}
            Err(why) => return Err(open(why)),
        }
    }
    if length > max {
        return Err(SecretFileError::TooLong { path: name(), max });
    }
    bytes.truncate(length);
    Ok(bytes)
}

#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    Owner,
    Mode(&'static str),
}

fn judge(keeper: Keeper, ours: u32, owner: u32, mode: u32) -> Result<(), Wrong> {
    let handed_over = keeper == Keeper::ServiceManager && owner == 0;
    let root_may = keeper == Keeper::UsOrAnybodyForRoot && ours == 0;
    if owner != ours && !handed_over && !root_may {
        return Err(Wrong::Owner);
    }
    match mode {
        0o400 | 0o600 => Ok(()),
        0o440 if handed_over => Ok(()),
        _ if handed_over => Err(Wrong::Mode("0400 or 0440")),
        _ => Err(Wrong::Mode("0400 or 0600")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_service_manager_may_own_it_besides_us_and_only_its_list_may_show_as_a_group() {
        let us = |owner, mode| judge(Keeper::Us, 1000, owner, mode);
        let manager = |owner, mode| judge(Keeper::ServiceManager, 1000, owner, mode);
        assert_eq!((us(1000, 0o400), us(1000, 0o600)), (Ok(()), Ok(())));
        for owner in [0, 1001] {
            assert_eq!(us(owner, 0o400), Err(Wrong::Owner), "{owner}");
        }
        assert_eq!(manager(1001, 0o400), Err(Wrong::Owner));
        assert_eq!((manager(1000, 0o400), manager(0, 0o400), manager(0, 0o440)), (Ok(()), Ok(()), Ok(())));
        for mode in [0o444, 0o460, 0o640, 0o644, 0o700, 0o4400, 0o404] {
            assert!(matches!(us(1000, mode), Err(Wrong::Mode(_))), "{mode:o}");
            assert!(matches!(manager(0, mode), Err(Wrong::Mode(_))), "{mode:o}");
        }
        // ours, with a group that may read it: no list explains that
        assert!(matches!(manager(1000, 0o440), Err(Wrong::Mode(_))));
    }

    #[test]
    fn root_takes_somebody_elses_only_where_that_is_allowed_and_only_if_nobody_else_may_read_it() {
        let emergency = |ours, owner, mode| judge(Keeper::UsOrAnybodyForRoot, ours, owner, mode);
        assert_eq!(
            (emergency(0, 998, 0o400), emergency(0, 0, 0o600), emergency(998, 998, 0o400)),
            (Ok(()), Ok(()), Ok(()))
        );
        for (ours, owner) in [(998, 0), (998, 999), (1000, 998)] {
            assert_eq!(emergency(ours, owner, 0o400), Err(Wrong::Owner), "{ours} reads {owner}'s");
        }
        for mode in [0o440, 0o444, 0o604, 0o620, 0o644] {
            assert!(matches!(emergency(0, 998, mode), Err(Wrong::Mode(_))), "{mode:o}");
        }
        assert_eq!(judge(Keeper::Us, 0, 998, 0o400), Err(Wrong::Owner), "a key is its owner's alone");
    }
}
