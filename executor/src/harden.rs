//! What the process does to itself before it reads a key, and what it will not start on. Linux only. No `unsafe`: the system calls go through `rustix`.

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use std::ffi::{OsStr, OsString};
use std::io::Read as _;
use std::path::Path;

/// The longest policy that is read: some thousand markets.
const POLICY_MAX: u64 = 4 << 20;

/// Why the process will not touch a key here.
#[derive(Debug, thiserror::Error)]
pub enum HardenError {
    /// Orders never travel through a proxy: the geoblock answer must be about the road they take.
    #[error("environment variable {0} is set: orders are never sent through a proxy; unset it")]
    Proxy(String),
    /// A key in the environment can be read by others.
    #[error("environment variable {0} looks like a private key: the environment is no place for one; unset it")]
    KeyInEnvironment(String),
    /// Somebody else could have written it.
    #[error("{path} belongs to uid {owner}; ours ({ours}){or} is required")]
    Owner {
        /// The file or folder.
        path: String,
        /// Who owns it.
        owner: u32,
        /// Who we are.
        ours: u32,
        /// Who else may.
        or: &'static str,
    },
    /// Others may write it, or look into it.
    #[error("{path} has mode {mode:04o}: {what}; chmod {chmod}")]
    Mode {
        /// The file or folder.
        path: String,
        /// What was found.
        mode: u32,
        /// What that means.
        what: &'static str,
        /// What mends it.
        chmod: &'static str,
    },
    /// A link, a pipe, nothing.
    #[error("{path}: {why}")]
    Path {
        /// The file or folder.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The kernel said no.
    #[error("cannot {what}: {why}")]
    Kernel {
        /// What was tried.
        what: &'static str,
        /// The answer.
        why: std::io::Error,
    },
}

/// Refuses an environment with proxies or keys in it. Values are never repeated.
///
/// # Errors
/// [`HardenError::Proxy`], [`HardenError::KeyInEnvironment`].
pub fn check_environment(vars: impl IntoIterator<Item = (OsString, OsString)>) -> Result<(), HardenError> {
    for (name, value) in vars {
        let name = name.to_string_lossy().into_owned();
        let is_proxy = ["http_proxy", "https_proxy", "all_proxy"].iter().any(|p| name.eq_ignore_ascii_case(p));
        if is_proxy && !value.is_empty() {
            return Err(HardenError::Proxy(name));
        }
        if is_key(&value) {
            return Err(HardenError::KeyInEnvironment(name));
        }
    }
    Ok(())
}

fn is_key(value: &OsStr) -> bool {
    let Some(text) = value.to_str() else { return false };
    let digits = text.trim();
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit())
}

/// No core dump, no reading of our memory by processes of the same user, no privileges through an executed file.
///
/// # Errors
/// [`HardenError::Kernel`].
pub fn harden_process() -> Result<(), HardenError> {
    let kernel = |what| move |why: rustix::io::Errno| HardenError::Kernel { what, why: why.into() };
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(kernel("make the process undumpable"))?;
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    rustix::process::setrlimit(Resource::Core, none).map_err(kernel("forbid core files"))?;
    rustix::thread::set_no_new_privs(true).map_err(kernel("give up new privileges"))?;
    if is_hardened() {
        Ok(())
    } else {
        Err(HardenError::Kernel { what: "keep what was set", why: std::io::ErrorKind::Other.into() })
    }
}

/// The text of a policy that nobody but root or we can have written. What was opened is what is checked.
///
/// # Errors
/// [`HardenError::Owner`], [`HardenError::Mode`], [`HardenError::Path`].
pub fn read_policy(path: &Path) -> Result<String, HardenError> {
    let wrong = |why: String| HardenError::Path { path: path.display().to_string(), why };
    // NONBLOCK: opening a pipe must not wait for its other end.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(|why| match why {
        rustix::io::Errno::LOOP => wrong("is a link: name the file itself".to_owned()),
        why => wrong(std::io::Error::from(why).to_string()),
    })?;
    let stat = rustix::fs::fstat(&fd).map_err(|why| wrong(why.to_string()))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(wrong("is no regular file".to_owned()));
    }
    check_owner(path, &stat, true)?;
    check_mode(path, &stat, 0o022, "others may write the policy", "go-w")?;
    let mut text = String::new();
    let read = std::fs::File::from(fd).take(POLICY_MAX + 1).read_to_string(&mut text);
    match read.map_err(|why| wrong(why.to_string()))? {
        length if length as u64 > POLICY_MAX => Err(wrong(format!("is longer than {POLICY_MAX} bytes"))),
        _ => Ok(text),
    }
}

/// Refuses a state folder that is not ours alone. One that is not there yet will be.
///
/// # Errors
/// [`HardenError::Owner`], [`HardenError::Mode`], [`HardenError::Path`].
pub fn check_state_folder(path: &Path) -> Result<(), HardenError> {
    let wrong = |why: String| HardenError::Path { path: path.display().to_string(), why };
    let stat = match rustix::fs::lstat(path) {
        Err(rustix::io::Errno::NOENT) => return Ok(()),
        other => other.map_err(|why| wrong(std::io::Error::from(why).to_string()))?,
    };
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        return Err(wrong("is no folder".to_owned()));
    }
    check_owner(path, &stat, false)?;
    check_mode(path, &stat, 0o077, "others may look into the state folder", "0700")
}

fn check_owner(path: &Path, stat: &Stat, or_root: bool) -> Result<(), HardenError> {
    let ours = rustix::process::geteuid().as_raw();
    if stat.st_uid == ours || (or_root && stat.st_uid == 0) {
        return Ok(());
    }
    let or = if or_root { " or root's" } else { "" };
    Err(HardenError::Owner { path: path.display().to_string(), owner: stat.st_uid, ours, or })
}

fn check_mode(
    path: &Path,
    stat: &Stat,
    forbidden: u32,
    what: &'static str,
    chmod: &'static str,
) -> Result<(), HardenError> {
    let mode = stat.st_mode & 0o7777;
    if mode & forbidden == 0 {
        return Ok(());
    }
    Err(HardenError::Mode { path: path.display().to_string(), mode, what, chmod })
}

/// Whether a folder lies in memory, as the service manager's credentials do: then what is in it is on no disk.
///
/// # Errors
/// The system's.
pub fn is_in_memory(folder: &Path) -> std::io::Result<bool> {
    const RAMFS: i128 = 0x8584_58f6;
    const TMPFS: i128 = 0x0102_1994;
    let kind = rustix::fs::statfs(folder)?.f_type;
    Ok([RAMFS, TMPFS].contains(&i128::from(kind)))
}

/// Whether [`harden_process`] holds now.
#[must_use]
pub fn is_hardened() -> bool {
    matches!(rustix::process::dumpable_behavior(), Ok(DumpableBehavior::NotDumpable))
        && rustix::process::getrlimit(Resource::Core).current == Some(0)
        && matches!(rustix::thread::no_new_privs(), Ok(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: &str) -> Result<(), HardenError> {
        check_environment([(OsString::from(name), OsString::from(value))])
    }

    #[test]
    fn proxies_and_keys_are_refused_and_values_not_repeated() {
        for name in ["http_proxy", "HTTPS_PROXY", "All_Proxy"] {
            assert!(matches!(check(name, "http://127.0.0.1:1"), Err(HardenError::Proxy(_))), "{name}");
            assert!(check(name, "").is_ok());
        }
        let key = "ab".repeat(32);
        for value in [key.clone(), format!("0x{key}"), format!(" {key}\n")] {
            let error = check("ANYTHING", &value).expect_err("refused").to_string();
            assert!(error.contains("ANYTHING") && !error.contains("abab"), "{error}");
        }
        for value in ["", "abab", &"ab".repeat(33), &"zz".repeat(32)] {
            assert!(check("ANYTHING", value).is_ok(), "{value}");
        }
    }
}
