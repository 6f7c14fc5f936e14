//! What happens to a call and to its answer.

use super::Faults;
use super::fault::{CallFault, Calls, Fault, Told};
use mm_core::domain::Nanos;

/// A call, by what it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `POST /order` and `/orders`.
    Place,
    /// Every kind of cancel.
    Cancel,
    /// Reads of an account: orders, trades, balances, scoring.
    Read,
    /// `POST /v1/heartbeats`.
    Heartbeat,
    /// Anything else on the CLOB host.
    Other,
}

impl Calls {
    /// Whether the fault concerns this call.
    #[must_use]
    pub const fn includes(self, call: Call) -> bool {
        match self {
            Self::All => true,
            Self::Trading => matches!(call, Call::Place | Call::Cancel),
            Self::Orders => matches!(call, Call::Place),
            Self::Cancels => matches!(call, Call::Cancel),
            Self::Reads => matches!(call, Call::Read),
            Self::Heartbeats => matches!(call, Call::Heartbeat),
        }
    }
}

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallFate {
    /// How long it is held back before anybody looks at it.
    pub held: Nanos,
    /// Whether and when it takes effect.
    pub run: Run,
    /// What the client gets.
    pub answer: Answer,
}

/// Whether a call takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// As it should.
    Once,
    /// Two times in a row.
    Twice,
    /// Never.
    Never,
    /// So much later.
    Later(Nanos),
}

/// What a client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The truth.
    True,
    /// Nothing, on an open connection.
    Nothing,
    /// A status instead of the truth.
    Status(u16),
    /// Half of the truth, and the end of the connection.
    Truncated,
    /// Something that is no JSON.
    Malformed,
    /// The truth with empty ids.
    EmptyId,
    /// The truth with the ids of other orders.
    OtherId,
    /// The truth with refused entries of a batch called a success.
    SuccessWithError(Told),
    /// A page for people.
    Html(u16),
    /// 429 and the signer limiter's headers.
    SignerLimit {
        /// Value of `Poly-RateLimit-Remaining`.
        remaining: i64,
    },
    /// 429 and nothing else.
    BareLimit,
    /// A status, and the request with its headers.
    Echo(u16),
    /// 400 with the id of another chain.
    OtherBeat,
}

impl CallFate {
    /// Nothing happens to it.
    pub const PASS: Self = Self { held: Nanos::ZERO, run: Run::Once, answer: Answer::True };
}

impl Faults {
    /// Whether a user channel gets its first frame back instead of events.
    #[must_use]
    pub fn echoes(&self) -> bool {
        self.active.iter().any(|active| matches!(active.fault, Fault::Call(Calls::All, _, CallFault::Echo { .. })))
    }

    /// What happens to a call now. The first active fault that hits decides; being held back adds up.
    pub fn answer(&mut self, call: Call) -> CallFate {
        let mut fate = CallFate::PASS;
        for n in 0..self.active.len() {
            let Fault::Call(calls, percent, what) = self.active[n].fault else { continue };
            if !calls.includes(call) || !self.hits(n, percent, 0) {
                continue;
            }
            if let CallFault::Held { by } = what {
                fate.held = Nanos::from_nanos(fate.held.nanos().saturating_add(by.nanos()));
                continue;
            }
            if (fate.run, fate.answer) != (Run::Once, Answer::True) {
                continue;
            }
            (fate.run, fate.answer) = match what {
                CallFault::LostAnswer => (Run::Once, Answer::Nothing),
                CallFault::AppliedLate { after } => (Run::Later(after), Answer::Nothing),
                CallFault::AppliedTwice => (Run::Twice, Answer::True),
                CallFault::ErrorAfterEffect { status } => (Run::Once, Answer::Status(status)),
                CallFault::Truncated => (Run::Once, Answer::Truncated),
                CallFault::Malformed => (Run::Once, Answer::Malformed),
                CallFault::EmptyId => (Run::Once, Answer::EmptyId),
                CallFault::OtherId => (Run::Once, Answer::OtherId),
                CallFault::SuccessWithError { status } => (Run::Once, Answer::SuccessWithError(status)),
                CallFault::Html { status } => (Run::Once, Answer::Html(status)),
                CallFault::SignerLimit { remaining } => (Run::Never, Answer::SignerLimit { remaining }),
                CallFault::BareLimit { applied } => (if applied { Run::Once } else { Run::Never }, Answer::BareLimit),
                CallFault::Echo { status } => (Run::Never, Answer::Echo(status)),
                CallFault::OtherBeat => (Run::Never, Answer::OtherBeat),
                CallFault::Held { .. } => (fate.run, fate.answer),
            };
        }
        fate
    }
}
