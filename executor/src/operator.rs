//! Words on `view.sock` and `op.sock`: one question, one answer, length-prefixed JSON like the core's.
//!
//! Everyone who may connect may make the house safer; only the operator's socket may arm or free a cap.

use crate::desk;
use crate::ledger::{Head, Mirrored};
use serde::{Deserialize, Serialize};

/// A question or a wish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Ask {
    /// The picture of now.
    Status,
    /// Latch and cancel everything.
    Halt {
        /// Shown in `status` and recorded.
        reason: String,
    },
    /// Cancel everything without latching.
    CancelAll,
    /// The first step of opening the latch, answered with every reason of the halt and a code. Only on `op.sock`.
    AskArm,
    /// Open the latch. Only on `op.sock`.
    Arm {
        /// The code of the first step; good once and for a minute.
        code: String,
    },
    /// Take the policy of this configuration if nothing in it is looser than what is in force. Only on `op.sock`.
    Tighten {
        /// The text of an `executor.toml`; nothing but its policy and markets is looked at.
        config: String,
    },
    /// Believe balances that have stood below our trades for minutes. Only on `op.sock`.
    AcceptBalances,
}

/// Most characters of a halt's reason.
pub const REASON_MAX: usize = 200;

/// Six digits for the second step of arming.
///
/// # Errors
/// The system gave no random bytes.
pub fn new_code() -> std::io::Result<Box<str>> {
    let mut bytes = [0; 8];
    crate::key::random(&mut bytes)?;
    Ok(format!("{:06}", u64::from_le_bytes(bytes) % 1_000_000).into())
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Told {
    /// To [`Ask::Status`].
    Status(Box<Status>),
    /// It was done, or is under way.
    Done {
        /// In words.
        what: String,
    },
    /// It was not done, with every reason.
    Refused {
        /// In words.
        why: Vec<String>,
    },
}

/// The picture of now, for one screen. No secret, and nothing a secret could be told from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Profile and what happens to orders.
    pub mode: String,
    /// Address of the key.
    pub address: String,
    /// Address that holds the funds.
    pub funder: String,
    /// Digest of the configuration.
    pub config: String,
    /// `full`, or `partial` or `none` with the reason ([`crate::sandbox`]).
    pub sandbox: String,
    /// `locked in memory`, or `degraded` with the reason ([`crate::key::Key::is_locked`]).
    pub key: String,
    /// How far the ledger goes on the disk. Kept elsewhere, it tells whether rows are missing later.
    pub head: Head,
    /// How far its mirror goes.
    pub mirror: Mirrored,
    /// Age of the API credentials, milliseconds; `None` when there are none. Never their content.
    pub credentials_age_ms: Option<u64>,
    /// Age of the last request to cancel everything, milliseconds.
    pub cancel_all_age_ms: Option<u64>,
    /// Whether the user stream, the ledger and the rest let orders through; caps and orders.
    pub desk: desk::Status,
}
