//! What the process can no longer do once it has its key: start a program, listen on TCP, connect to other ports than the venue's, read or
//! write files outside of a few folders. Landlock, so it takes a Linux that has it; without, the status says so.
//!
//! Whoever gets code into the process can still use what it needs itself. UDP and what was open before are not held.

use crate::config::Endpoints;
use landlock::{
    ABI, Access, AccessFs, AccessNet, LandlockStatus, NetPort, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    Scope, path_beneath_rules,
};
use std::path::{Path, PathBuf};

/// The newest rules asked for: devices, TCP, signals and abstract sockets.
const ASKED: ABI = ABI::V6;
/// What looking up a host's name reads, libraries for it included; those in `/run` and `/mnt` are where systems keep what
/// `/etc/resolv.conf` links to.
const READ: [&str; 10] = [
    "/etc",
    "/usr/lib",
    "/usr/lib64",
    "/lib",
    "/lib64",
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/run/connman",
    "/mnt/wsl",
];
/// What a look-up reads that may be a link.
const LINKS: [&str; 3] = ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"];
/// Folders for what programs keep while the system runs.
const KEPT: [&str; 2] = ["/run", "/mnt"];
/// Name servers, when an answer is too long for UDP.
const DNS: u16 = 53;

/// How much of it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sandbox {
    /// All that was asked for.
    Full,
    /// What this kernel knows of it.
    Partial(Box<str>),
    /// Nothing, and why.
    None(Box<str>),
}

impl std::fmt::Display for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Full => f.write_str("full"),
            Self::Partial(why) => write!(f, "partial ({why})"),
            Self::None(why) => write!(f, "none ({why})"),
        }
    }
}

/// Shuts this thread, and every thread it starts from now on, into `folders` and the TCP `ports`. There is no way back.
#[must_use]
pub fn enter(folders: &[&Path], ports: &[u16]) -> Sandbox {
    match restrict(folders, ports) {
        Ok(status) => match (status.ruleset, status.landlock) {
            (RulesetStatus::FullyEnforced, _) => Sandbox::Full,
            (RulesetStatus::PartiallyEnforced, LandlockStatus::Available { effective_abi, .. }) => {
                Sandbox::Partial(format!("this kernel has Landlock {effective_abi:?}, {ASKED:?} was asked for").into())
            }
            (RulesetStatus::PartiallyEnforced, _) => Sandbox::Partial("Landlock".into()),
            (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => Sandbox::None("Landlock is off here".into()),
            (RulesetStatus::NotEnforced, _) => Sandbox::None("this kernel has no Landlock".into()),
        },
        Err(why) => Sandbox::None(why.to_string().into()),
    }
}

/// What may be read besides because a file of the look-up leads there, all links followed. Its folder, if that is one of its own
/// among those of running programs, which replace the file; elsewhere the file alone: a folder may hold anything.
fn behind(target: &Path) -> Option<PathBuf> {
    let folder = target.parent().filter(|_| target.is_absolute())?;
    if READ.iter().any(|read| target.starts_with(read)) {
        return None;
    }
    let own = KEPT.iter().any(|kept| folder.starts_with(kept) && folder != Path::new(kept));
    Some(if own { folder } else { target }.to_owned())
}

fn restrict(folders: &[&Path], ports: &[u16]) -> Result<landlock::RestrictionStatus, landlock::RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let linked: Vec<PathBuf> = LINKS.iter().filter_map(|link| behind(&Path::new(link).canonicalize().ok()?)).collect();
    Ruleset::default()
        .handle_access(AccessFs::from_all(ASKED))?
        .handle_access(AccessNet::from_all(ASKED))?
        .scope(Scope::from_all(ASKED))?
        .create()?
        .add_rules(path_beneath_rules(READ, read))?
        .add_rules(path_beneath_rules(linked, read))?
        .add_rules(path_beneath_rules(folders, AccessFs::from_all(ASKED) & !AccessFs::Execute))?
        .add_rules(
            ports
                .iter()
                .chain(&[DNS])
                .map(|port| Ok::<_, landlock::RulesetError>(NetPort::new(*port, AccessNet::ConnectTcp))),
        )?
        .restrict_self()
}

/// The TCP ports of a venue.
#[must_use]
pub fn ports(venue: &Endpoints) -> Vec<u16> {
    [&venue.rest, &venue.user_ws, &venue.geoblock].into_iter().filter_map(|url| port(url)).collect()
}

fn port(url: &str) -> Option<u16> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((_, port)) if !port.ends_with(']') => port.parse().ok(),
        _ if scheme == "https" || scheme == "wss" => Some(443),
        _ => Some(80),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_look_up_of_names_links_to_may_be_read_and_no_more() {
        for (target, expected) in [
            ("/etc/resolv.conf", None),
            ("/usr/lib/systemd/resolv.conf", None),
            ("/run/systemd/resolve/stub-resolv.conf", None),
            ("/run/NetworkManager/resolv.conf", None),
            ("/run/resolvconf/resolv.conf", None),
            ("/mnt/wsl/resolv.conf", None),
            ("/run/other/resolv.conf", Some("/run/other")),
            ("/run/a/b/resolv.conf", Some("/run/a/b")),
            // nothing so wide: the file itself, as long as it is not replaced
            ("/resolv.conf", Some("/resolv.conf")),
            ("/run/resolv.conf", Some("/run/resolv.conf")),
            ("/mnt/resolv.conf", Some("/mnt/resolv.conf")),
            ("/opt/somebody/resolv.conf", Some("/opt/somebody/resolv.conf")),
            ("/nix/store/1-etc/etc/nsswitch.conf", Some("/nix/store/1-etc/etc/nsswitch.conf")),
            ("relative/resolv.conf", None),
        ] {
            assert_eq!(behind(Path::new(target)).as_deref(), expected.map(Path::new), "{target}");
        }
    }

    #[test]
    fn a_port_is_the_one_named_or_the_schemes() {
        for (url, expected) in [
            ("https://clob.polymarket.com", Some(443)),
            ("wss://ws.example/ws/user", Some(443)),
            ("http://127.0.0.1:41004/api/geoblock", Some(41004)),
            ("ws://[::1]:9/ws", Some(9)),
            ("http://[::1]", Some(80)),
            ("nonsense", None),
        ] {
            assert_eq!(port(url), expected, "{url}");
        }
    }
}
