//! What goes into a desk's turn and what comes out of it.

use crate::outcome::{VenueCall, VenueReply};
use crate::policy::{Approved, Policy};
use crate::reasons::Author;
use crate::recorded::Recorded;
use crate::rows::LedgerRow;
use mm_core::domain::{ClientOrderId, Nanos, Timestamp};
use mm_core::protocol::{FromExecutor, ToExecutor};
use mm_core::venue::user_ws::UserEvent;

/// Something that happened.
#[derive(Debug)]
pub enum DeskInput {
    /// A core connected. Another one while the first lives is refused by the shell as busy.
    CoreUp {
        /// The peer's user id.
        uid: u32,
    },
    /// The core's connection is gone.
    CoreLost,
    /// A message of the core.
    Core(ToExecutor),
    /// The intent row of this order is durable.
    Recorded(ClientOrderId, Recorded),
    /// A row could not be written, or the ledger is damaged. Latches.
    LedgerFailed(Box<str>),
    /// The reply to [`Effect::Call`] or [`Effect::Post`] number `call`.
    Reply {
        /// Number of the call.
        call: u64,
        /// What came.
        reply: VenueReply,
    },
    /// Instead of a reply to [`Effect::Post`] number `call`: our own rate limit kept it in.
    KeptIn {
        /// Number of the call.
        call: u64,
        /// What the limit was wanted for.
        why: &'static str,
    },
    /// An event of the user stream.
    User(Box<UserEvent>),
    /// The user stream is subscribed (`true`) or broken (`false`). A frame that does not decode breaks it.
    UserLink {
        /// Whether it is up.
        up: bool,
    },
    /// The machine slept this long.
    Slept(Nanos),
    /// The machine's time of day was set, and is this far from what the desk goes by.
    ClockSet(Nanos),
    /// A person's wish, answered by [`Effect::Answer`] with the same ticket.
    Operator {
        /// The shell's number for the question.
        ticket: u64,
        /// What is wished.
        op: Op,
    },
}

/// A person's wish.
#[derive(Debug)]
pub enum Op {
    /// The first step of arming, if every precondition holds: tells why it is halted, and keeps `code`.
    AskArm {
        /// Six digits that nobody could know before.
        code: Box<str>,
    },
    /// The second step: open the latch, if every precondition holds and the code is the one that was told.
    Arm {
        /// As it was typed.
        code: Box<str>,
    },
    /// Latch and cancel everything.
    Halt {
        /// Who wants it.
        by: Author,
        /// Why; shown in `status`, behind who said it.
        why: Box<str>,
    },
    /// Cancel everything; the gate opens again by itself when nothing rests.
    CancelAll,
    /// Take a policy that is tighter in every field.
    Tighten(Box<Policy>),
    /// Believe balances that have stood below our trades for minutes: the shares left, and take their cost along.
    AcceptBalances,
    /// Place nothing more, cancel everything. `status().flat` says when it is confirmed and the process may end.
    Drain,
}

/// Something to do, in this order.
#[derive(Debug)]
pub enum Effect {
    /// Append a row, in order and durably. Answered by [`DeskInput::Recorded`] for an intent, by
    /// [`DeskInput::LedgerFailed`] when any row cannot be written.
    Record(LedgerRow),
    /// Sign and post once. Answered by [`DeskInput::Reply`] or [`DeskInput::KeptIn`], always.
    Post {
        /// Number of the call.
        call: u64,
        /// Leave to sign.
        approved: Approved,
        /// Its durable row.
        row: Recorded,
        /// It leaves before this moment, and while [`Desk::lets_out`](super::Desk::lets_out), or stays.
        until: Timestamp,
    },
    /// With `submit = "withhold"`: sign as if to post, and do not. No answer is expected.
    SignOnly {
        /// Leave to sign.
        approved: Approved,
        /// Its durable row.
        row: Recorded,
    },
    /// Call the venue. Answered by [`DeskInput::Reply`], always.
    Call {
        /// Number of the call.
        call: u64,
        /// The call.
        request: VenueCall,
        /// It leaves before this moment or not at all: the desk gives it up soon after.
        leave_by: Timestamp,
    },
    /// Tell the core. Dropped when none is connected.
    Tell(FromExecutor),
    /// Close the core's connection after what was told.
    Hangup,
    /// Break and renew the user stream: it does not tell what REST knows.
    RenewUserLink,
    /// Write the marker file that holds the latch even without a ledger.
    Latch {
        /// Every reason, parted by tabs.
        why: Box<str>,
    },
    /// Remove the marker file: an operator armed.
    Unlatch,
    /// Answer an operator.
    Answer {
        /// The question's number.
        ticket: u64,
        /// Done, or every reason why not.
        result: Result<Box<str>, Vec<Box<str>>>,
    },
    /// Tell people.
    Alert(Box<str>),
}
