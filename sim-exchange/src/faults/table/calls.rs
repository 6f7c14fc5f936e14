//! Calls and their answers, engine modes, limits, heartbeats.

use super::{DAY_MS, PERCENT, calls, ms, on, percent};
use crate::faults::fault::{AccountFault, CallFault, Calls, EngineFault, Fault, Told};
use crate::faults::kind::{Kind, Knob};

const LOST: &str = "lost answer";
const WRONG: &str = "wrong answer";
const ENGINE: &str = "engine modes";
const BEAT: &str = "heartbeat lost, id mismatch, sweep";
const LIMITS: &str = "signer buckets, IP delay, 429 with and without headers";

const ORDERS: Knob = on(0);
const CANCELS: Knob = on(1);
const TRADING: Knob = on(2);
const APPLIED_AFTER: Knob =
    Knob::number("after_ms", (1, DAY_MS), (5_000, 90_000), "when it is applied, from the call on");
const STATUS: Knob = Knob::words("status", &["500", "502", "503", "504"], 0, "HTTP status");
const HTML_STATUS: Knob = Knob::words("status", &["200", "502", "503"], 0, "HTTP status");
const ECHO_STATUS: Knob = Knob::words("status", &["400", "401", "500", "502"], 0, "HTTP status");
const TOLD: Knob = Knob::words("status", &["empty", "delayed", "drawn"], 2, "status of such an entry");
const HELD: Knob = Knob::number("by_ms", (1, 60_000), (200, 4_000), "how long calls are held back");
const DEBT: Knob = Knob::number("debt", (1, 100_000), (5, 400), "cancels to be repaid first");
const APPLIED: Knob = Knob::words("applied", &["no", "yes"], 0, "processed all the same");
const DOWN: Knob = Knob::number("down_ms", (1, DAY_MS), (20_000, 90_000), "how long order endpoints answer 425");
const POST_ONLY: Knob =
    Knob::number("post_only_ms", (0, DAY_MS), (120_000, 120_000), "how long only post-only orders pass after that");

const fn wrong(name: &'static str, says: &'static str, knobs: &'static [Knob], make: fn(&[u64]) -> Fault) -> Kind {
    Kind { name, row: WRONG, says, lasts_ms: Some((1_000, 30_000)), knobs, make }
}

const fn mode(name: &'static str, says: &'static str, make: fn(&[u64]) -> Fault) -> Kind {
    Kind { name, row: ENGINE, says, lasts_ms: Some((5_000, 180_000)), knobs: &[], make }
}

fn call(v: &[u64], what: CallFault) -> Fault {
    Fault::Call(calls(v[1]), percent(v[0]), what)
}

fn status(text: u64, of: &[u16]) -> u16 {
    usize::try_from(text).ok().and_then(|n| of.get(n)).copied().unwrap_or(500)
}

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "lost-answer",
        row: LOST,
        says: "applied, the answer never arrives",
        lasts_ms: Some((1_000, 30_000)),
        knobs: &[PERCENT, ORDERS],
        make: |v| call(v, CallFault::LostAnswer),
    },
    Kind {
        name: "applied-late",
        row: LOST,
        says: "applied long after the client gave up; no answer",
        lasts_ms: Some((1_000, 10_000)),
        knobs: &[PERCENT, ORDERS, APPLIED_AFTER],
        make: |v| call(v, CallFault::AppliedLate { after: ms(v[2]) }),
    },
    Kind {
        name: "applied-twice",
        row: LOST,
        says: "applied twice, answered by the second",
        lasts_ms: Some((1_000, 30_000)),
        knobs: &[PERCENT, ORDERS],
        make: |v| call(v, CallFault::AppliedTwice),
    },
    wrong("error-after-effect", "applied, then a 5xx", &[PERCENT, ORDERS, STATUS], |v| {
        call(v, CallFault::ErrorAfterEffect { status: status(v[2], &[500, 502, 503, 504]) })
    }),
    wrong("truncated-answer", "applied, the body ends in the middle", &[PERCENT, ORDERS], |v| {
        call(v, CallFault::Truncated)
    }),
    wrong("malformed-answer", "applied, the body is no JSON", &[PERCENT, ORDERS], |v| call(v, CallFault::Malformed)),
    wrong("empty-id", "success with an empty order id", &[PERCENT], |v| {
        Fault::Call(Calls::Orders, percent(v[0]), CallFault::EmptyId)
    }),
    wrong("other-id", "success with another order's id", &[PERCENT], |v| {
        Fault::Call(Calls::Orders, percent(v[0]), CallFault::OtherId)
    }),
    wrong(
        "success-with-error",
        "entries of a batch that were refused say success beside their error",
        &[PERCENT, TOLD],
        |v| {
            let status = [Told::Empty, Told::Delayed, Told::Drawn][usize::try_from(v[1].min(2)).unwrap_or(2)];
            Fault::Call(Calls::Orders, percent(v[0]), CallFault::SuccessWithError { status })
        },
    ),
    wrong("html-answer", "applied, an HTML page", &[PERCENT, ORDERS, HTML_STATUS], |v| {
        call(v, CallFault::Html { status: status(v[2], &[200, 502, 503]) })
    }),
    wrong(
        "echoed-request",
        "refused; the request comes back with its headers; with all calls a subscription does too",
        &[PERCENT, on(5), ECHO_STATUS],
        |v| call(v, CallFault::Echo { status: status(v[2], &[400, 401, 500, 502]) }),
    ),
    Kind {
        name: "engine-restart",
        row: ENGINE,
        says: "425 on order endpoints, then post-only",
        lasts_ms: None,
        knobs: &[DOWN, POST_ONLY],
        make: |v| Fault::Engine(EngineFault::Restart { down: ms(v[0]), post_only: ms(v[1]) }),
    },
    mode("post-only-mode", "503 with code; post-only orders and cancels pass", |_| {
        Fault::Engine(EngineFault::PostOnly)
    }),
    mode("cancel-only-mode", "503 for orders; cancels pass", |_| Fault::Engine(EngineFault::CancelOnly)),
    mode("trading-disabled", "503 for orders and cancels", |_| Fault::Engine(EngineFault::Disabled)),
    Kind {
        name: "lost-heartbeat",
        row: BEAT,
        says: "the beat counts, its answer never arrives",
        lasts_ms: Some((1_000, 20_000)),
        knobs: &[PERCENT],
        make: |v| Fault::Call(Calls::Heartbeats, percent(v[0]), CallFault::LostAnswer),
    },
    Kind {
        name: "heartbeat-mismatch",
        row: BEAT,
        says: "the beat is refused with another id and refreshes nothing",
        lasts_ms: Some((1_000, 20_000)),
        knobs: &[PERCENT],
        make: |v| Fault::Call(Calls::Heartbeats, percent(v[0]), CallFault::OtherBeat),
    },
    Kind {
        name: "heartbeat-sweep",
        row: BEAT,
        says: "every order is swept although the beats were in time",
        lasts_ms: None,
        knobs: &[],
        make: |_| Fault::Account(AccountFault::Sweep),
    },
    Kind {
        name: "signer-limit",
        row: LIMITS,
        says: "429 with the signer limiter's headers; not processed",
        lasts_ms: Some((1_000, 15_000)),
        knobs: &[PERCENT, TRADING],
        make: |v| call(v, CallFault::SignerLimit { remaining: 0 }),
    },
    Kind {
        name: "cancel-debt",
        row: LIMITS,
        says: "the cancel bucket is below zero: every cancel waits",
        lasts_ms: Some((1_000, 15_000)),
        knobs: &[PERCENT, CANCELS, DEBT],
        make: |v| call(v, CallFault::SignerLimit { remaining: -i64::try_from(v[2]).unwrap_or(i64::MAX) }),
    },
    Kind {
        name: "ip-delay",
        row: LIMITS,
        says: "calls are held back before they are looked at",
        lasts_ms: Some((5_000, 60_000)),
        knobs: &[PERCENT, on(5), HELD],
        make: |v| call(v, CallFault::Held { by: ms(v[2]) }),
    },
    Kind {
        name: "bare-limit",
        row: LIMITS,
        says: "429 without headers",
        lasts_ms: Some((1_000, 15_000)),
        knobs: &[PERCENT, TRADING, APPLIED],
        make: |v| call(v, CallFault::BareLimit { applied: v[2] == 1 }),
    },
];
