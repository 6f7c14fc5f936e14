//! `config/executor.toml`: raw, then checked together, then typed. Unknown keys are refused and every cap is mandatory.
//!
//! Names secrets, never holds one. The addresses of the live venue are compiled in: a configuration cannot move them.

mod checked;
mod raw;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use checked::is_venue;

use crate::eip712::Chain;
use crate::gate::GateTimes;
use crate::policy::Policy;
use alloy_primitives::Address;
use mm_core::domain::Digest;
use mm_core::venue::order::SignatureType;
use std::path::PathBuf;

/// Everything the executor is told, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Which venue.
    pub profile: Profile,
    /// Whether orders leave.
    pub submit: Submit,
    /// Arm after a clean start. Only where no real order can leave.
    pub auto_arm: bool,
    /// Ledger and marker files; 0700, ours.
    pub state_dir: PathBuf,
    /// The three sockets; 0750.
    pub socket_dir: PathBuf,
    /// Who may connect.
    pub peers: Peers,
    /// Where the venue is.
    pub venue: Endpoints,
    /// Whose orders.
    pub account: AccountConfig,
    /// Times.
    pub times: GateTimes,
    /// Rate limits of the signer.
    pub tier: Tier,
    /// Caps and allow-list.
    pub policy: Policy,
    /// SHA-256 of the file's text.
    pub digest: Digest,
}

/// Which venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// The venue: endpoints, chain and contracts are compiled in.
    Live,
    /// Loopback addresses only.
    Sim,
}

/// Whether orders leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Submit {
    /// They do.
    Post,
    /// Everything but the POST and the authenticated calls.
    Withhold,
}

/// User ids that may connect to each socket; empty means only our own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peers {
    /// `core.sock`.
    pub core: Vec<u32>,
    /// `view.sock`, besides the operator.
    pub view: Vec<u32>,
    /// `op.sock`.
    pub operator: Vec<u32>,
}

/// Where the venue is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// REST base without a trailing slash.
    pub rest: Box<str>,
    /// User channel.
    pub user_ws: Box<str>,
    /// Geoblock check.
    pub geoblock: Box<str>,
    /// Chain of the signatures.
    pub chain: Chain,
}

/// Whose orders, and where the key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountConfig {
    /// Where the key is.
    pub key: KeySource,
    /// How the wallet is bound to the key.
    pub signature_type: SignatureType,
    /// The wallet; `None`: the key's own address.
    pub funder: Option<Address>,
}

/// Where the key is. Never the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A file of 64 hex digits, mode 0400. Only where no real order can leave.
    File(PathBuf),
    /// Made on the spot and never kept. Only where no real order can leave.
    ThrowAway,
    /// A credential the service manager hands over, by name.
    Credential(Box<str>),
    /// An encrypted key file, and the file with its passphrase; `None`: the terminal is asked.
    Keystore(PathBuf, Option<PathBuf>),
}

/// The signer's token buckets (`clob-rest.md` section 16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Its name.
    pub name: &'static str,
    /// Buckets; `None` with `tier = "off"`, which only `profile = "sim"` accepts.
    pub buckets: Option<Buckets>,
}

/// Two buckets, in requests a second and burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buckets {
    /// Orders a second.
    pub orders: u32,
    /// Orders at once.
    pub orders_burst: u32,
    /// Cancels a second.
    pub cancels: u32,
    /// Cancels at once.
    pub cancels_burst: u32,
}

/// Why a file is no configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML, an unknown or missing key, or a value of another type.
    #[error("{file}: {why}")]
    Shape {
        /// The file.
        file: Box<str>,
        /// Line, column and the parser's words without a value: key, what is allowed.
        why: Box<str>,
    },
    /// A value out of range.
    #[error("{file}: {key} = {value:?}: {allowed}")]
    Value {
        /// The file.
        file: Box<str>,
        /// The key with its table.
        key: Box<str>,
        /// What was given, if it cannot be a secret.
        value: Box<str>,
        /// What is allowed.
        allowed: Box<str>,
    },
}

/// Why a policy is not the one that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OtherPolicy {
    /// It is another.
    #[error("the policy's digest is {ours}, --policy-digest names {expected}")]
    Differs {
        /// Of the file.
        ours: Digest,
        /// Of what was looked at.
        expected: Box<str>,
    },
    /// Real orders would leave and nobody said under which policy.
    #[error("real orders would leave: name the policy you have looked at, --policy-digest {0}")]
    Unnamed(Digest),
}

/// The core would be the same user as we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "peers.core_uids names uid {0}, which is the executor's own: real orders would leave, and a core that is taken over could read the \
     key. Run the executor as a user of its own"
)]
pub struct CoreIsUs(pub u32);

impl Config {
    /// Checks a configuration's text. `file` is only used in errors.
    ///
    /// # Errors
    /// [`ConfigError`] names file, key and what is allowed.
    pub fn parse(file: &str, text: &str) -> Result<Self, ConfigError> {
        let shape = |why| ConfigError::Shape { file: file.into(), why };
        if !words::has_schema(text) {
            return Err(shape("no configuration: no line of it begins with `schema =`".into()));
        }
        let raw: raw::Raw = toml::from_str(text).map_err(|why| shape(words::shape(text, &why)))?;
        checked::check(file, raw, Digest::of(text.as_bytes()))
    }

    /// Whether a real order could leave.
    #[must_use]
    pub fn is_real(&self) -> bool {
        self.profile == Profile::Live && self.submit == Submit::Post
    }

    /// Checks that the policy is the one a person has looked at, by its digest in hex.
    ///
    /// # Errors
    /// [`OtherPolicy`] when it is another, or when none was named and real orders would leave.
    pub fn expect_policy(&self, digest: Option<&str>) -> Result<(), OtherPolicy> {
        let ours = self.policy.digest();
        match digest {
            Some(expected) if expected != ours.to_string() => {
                Err(OtherPolicy::Differs { ours, expected: expected.into() })
            }
            None if self.is_real() => Err(OtherPolicy::Unnamed(ours)),
            _ => Ok(()),
        }
    }

    /// Checks that the core is another user than `ours`, if a real order could leave.
    ///
    /// # Errors
    /// [`CoreIsUs`].
    pub fn expect_core_apart(&self, ours: u32) -> Result<(), CoreIsUs> {
        if self.is_real() && self.peers.core.contains(&ours) { Err(CoreIsUs(ours)) } else { Ok(()) }
    }

    /// Whether orders are kept in.
    #[must_use]
    pub fn withholds(&self) -> bool {
        self.submit == Submit::Withhold
    }
}
