//! Sockets, frames and REST books.

use super::{CHANNEL, DAY_MS, PERCENT, SOME, channels, ms, percent};
use crate::faults::fault::{BookFault, Drift, Fault, FrameFault, LinkFault};
use crate::faults::kind::{Kind, Knob};

const ZOMBIE: &str = "zombie feed";
const CONNECTION: &str = "freeze, silent drop, half-open, close mid-burst";
const FRAMES: &str = "lost, duplicated, reordered, late frames";
const DRIFT: &str = "format drift";
const BOOK: &str = "stale or ghost REST book";

const TOKENS: Knob =
    Knob::number("tokens", (0, 10_000), (0, 0), "so many tokens are dead on every market socket; 0 = all data");
const FRESH: Knob = Knob::words("fresh", &["alive", "dead"], 1, "what connections are that open meanwhile");
const AFTER: Knob = Knob::number("after_frames", (0, 100_000), (1, 20), "frames that still arrive");
const LIVES: Knob = Knob::number("lives_ms", (1, 60_000), (50, 1_500), "how long each connection lives");
const LATE: Knob = Knob::number("by_ms", (1, 60_000), (100, 2_200), "how late");

const fn drift(name: &'static str, says: &'static str, make: fn(&[u64]) -> Fault) -> Kind {
    Kind { name, row: DRIFT, says, lasts_ms: Some((5_000, 60_000)), knobs: &[PERCENT, CHANNEL], make }
}

const fn frames(name: &'static str, says: &'static str, make: fn(&[u64]) -> Fault) -> Kind {
    Kind { name, row: FRAMES, says, lasts_ms: Some((5_000, 60_000)), knobs: &[SOME, CHANNEL], make }
}

fn frame(v: &[u64], what: FrameFault) -> Fault {
    Fault::Frames(channels(v[1]), percent(v[0]), what)
}

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "zombie-feed",
        row: ZOMBIE,
        says: "socket open, PONG answered, no data",
        lasts_ms: Some((10_000, 120_000)),
        knobs: &[TOKENS, FRESH, CHANNEL],
        make: |v| Fault::Link(channels(v[2]), LinkFault::Zombie { tokens: v[0], fresh_too: v[1] == 1 }),
    },
    Kind {
        name: "frozen-feed",
        row: CONNECTION,
        says: "nothing arrives, PONG included; then everything at once",
        lasts_ms: Some((2_000, 60_000)),
        knobs: &[CHANNEL],
        make: |v| Fault::Link(channels(v[0]), LinkFault::Frozen),
    },
    Kind {
        name: "silent-drop",
        row: CONNECTION,
        says: "TCP ends without a close frame",
        lasts_ms: None,
        knobs: &[CHANNEL],
        make: |v| Fault::Link(channels(v[0]), LinkFault::Cut),
    },
    Kind {
        name: "half-open",
        row: CONNECTION,
        says: "open connections are never read or written again; new ones work",
        lasts_ms: None,
        knobs: &[CHANNEL],
        make: |v| Fault::Link(channels(v[0]), LinkFault::HalfOpen),
    },
    Kind {
        name: "close-mid-burst",
        row: CONNECTION,
        says: "the connection is closed after a few more frames",
        lasts_ms: None,
        knobs: &[AFTER, CHANNEL],
        make: |v| Fault::Link(channels(v[1]), LinkFault::CloseMidBurst { after: v[0] }),
    },
    Kind {
        name: "reconnect-storm",
        row: CONNECTION,
        says: "every connection is closed soon after it opens",
        lasts_ms: Some((2_000, 30_000)),
        knobs: &[LIVES, CHANNEL],
        make: |v| Fault::Link(channels(v[1]), LinkFault::Storm { lives: ms(v[0]) }),
    },
    Kind {
        name: "no-snapshot",
        row: CONNECTION,
        says: "no book comes after subscribing; changes flow",
        lasts_ms: Some((5_000, 60_000)),
        knobs: &[],
        make: |_| Fault::Link(channels(0), LinkFault::NoSnapshot),
    },
    frames("lost-frames", "frames never arrive", |v| frame(v, FrameFault::Lost)),
    frames("duplicated-frames", "frames arrive twice", |v| frame(v, FrameFault::Duplicated)),
    frames("reordered-frames", "frames arrive behind the next one", |v| frame(v, FrameFault::Reordered)),
    Kind {
        name: "late-frames",
        row: FRAMES,
        says: "frames arrive late, overtaken by others",
        lasts_ms: Some((5_000, 60_000)),
        knobs: &[SOME, CHANNEL, LATE],
        make: |v| frame(v, FrameFault::Late { by: ms(v[2]) }),
    },
    frames("sibling-only", "of a change only the second token's entries", |v| frame(v, FrameFault::SiblingOnly)),
    frames("crossed-moment", "crossed for a moment inside one timestamp", |v| frame(v, FrameFault::Crossed)),
    drift("drift-old-changes", "the `changes` form of 2025", |v| frame(v, FrameFault::Drift(Drift::OldChanges))),
    drift("drift-unknown-event", "unknown event types", |v| frame(v, FrameFault::Drift(Drift::UnknownEvent))),
    drift("drift-unknown-fields", "unknown fields", |v| frame(v, FrameFault::Drift(Drift::UnknownFields))),
    drift("drift-bare-numbers", "numbers as numbers", |v| frame(v, FrameFault::Drift(Drift::BareNumbers))),
    drift("drift-empty-strings", "empty strings", |v| frame(v, FrameFault::Drift(Drift::EmptyStrings))),
    Kind {
        name: "stale-rest-book",
        row: BOOK,
        says: "REST books stay as they were",
        lasts_ms: Some((5_000, 120_000)),
        knobs: &[],
        make: |_| Fault::Book(BookFault::Stale),
    },
    Kind {
        name: "ghost-rest-book",
        row: BOOK,
        says: "REST books show 0.01 and 0.99 while the stream is right",
        lasts_ms: Some((5_000, 120_000)),
        knobs: &[],
        make: |_| Fault::Book(BookFault::Ghost),
    },
];

const _: () = assert!(DAY_MS >= 120_000, "usual times are inside the bounds");
