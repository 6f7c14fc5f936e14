//! What the process does to itself before it reads a key. Linux only. No `unsafe`: the system calls go through `rustix`.

use rustix::process::{DumpableBehavior, Resource, Rlimit};
use std::ffi::{OsStr, OsString};

/// Why the process will not touch a key here.
#[derive(Debug, thiserror::Error)]
pub enum HardenError {
    /// Orders never travel through a proxy: the geoblock answer must be about the road they take.
    #[error("environment variable {0} is set: orders are never sent through a proxy; unset it")]
    Proxy(String),
    /// A key in the environment can be read by others.
    #[error("environment variable {0} looks like a private key: the environment is no place for one; unset it")]
    KeyInEnvironment(String),
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
    rustix::thread::set_no_new_privs(true).map_err(kernel("give up new privileges"))
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
