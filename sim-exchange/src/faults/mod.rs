//! What a venue can do to a bot: every fault reported from the field, as data.
//!
//! [`Faults`] says which faults are active at a moment and what they do to a frame, a call or a trade. It has no clock, socket
//! or thread: time and event count are arguments. Only the served venue asks it; a world in virtual time that plans faults is
//! refused. Every draw is named by the fault's own name: the same seed gives the same faults, and a fault added, removed or switched never
//! moves another's. It decides; whoever asks does.

mod calls;
mod drift;
mod fault;
mod feed;
mod kind;
mod level;
mod line;
mod plan;
mod races;
mod table;
#[cfg(test)]
mod tests;

pub use calls::{Answer, Call, CallFate, Run};
pub use drift::rewrite;
pub use fault::{
    AccountFault, BookFault, CallFault, Calls, Channel, Channels, Drift, EngineFault, Fault, FrameFault, LinkFault,
    MarketFault, Percent, PlaceFault, Skew, Told, TradeFault, UserFault,
};
pub use feed::{Deliver, Fate, Frame, Payload};
pub use kind::{Kind, Knob};
pub use line::{Line, LineFull};
pub use plan::{LASTS_MAX_MS, Plan, Range, Setting, Spec, Swarm, When};

use crate::draws::Draws;
use mm_core::domain::{Nanos, Timestamp, TokenId};
use std::collections::{BTreeMap, BTreeSet};

/// Stream of every draw made here.
const STREAM: &str = "faults";
/// Draws reserved for one occurrence: gap, duration, knobs.
const SLOTS: u64 = 16;
/// An hour in nanoseconds.
const HOUR: f64 = 3_600e9;

/// All faults of one world.
pub struct Faults {
    draws: Draws,
    tokens: Vec<TokenId>,
    rows: Vec<Row>,
    active: Vec<Active>,
    news: Vec<Change>,
    /// How often each kind was switched by hand.
    by_hand: BTreeMap<&'static str, u64>,
    races: races::Races,
}

/// One planned row and when it comes next.
struct Row {
    spec: Spec,
    occurrence: u64,
    next: Option<Next>,
}

#[derive(Clone, Copy)]
enum Next {
    At(Timestamp),
    Event(u64),
}

/// A fault that is happening.
#[derive(Clone, Debug)]
pub struct Active {
    /// Row of the plan, `swarm/<kind>`, or `hand/<kind>`.
    pub name: String,
    /// Its kind.
    pub kind: &'static Kind,
    /// What it does.
    pub fault: Fault,
    /// The drawn parameters, one for each knob.
    pub values: Vec<u64>,
    /// Since when.
    pub since: Timestamp,
    /// Until when; `None`: until it is switched off.
    pub until: Option<Timestamp>,
    occurrence: u64,
    /// Tokens a zombie feed is silent about.
    dead: BTreeSet<TokenId>,
    /// Draws taken so far, by connection.
    taken: BTreeMap<u64, u64>,
}

/// Something that begins, ends or happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// Name of the row.
    pub name: String,
    /// What.
    pub fault: Fault,
    /// How.
    pub phase: Phase,
}

/// Where in its life a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It happens and is over.
    Moment,
    /// It begins.
    Begins,
    /// It ends.
    Ends,
}

impl Faults {
    /// The faults of a seed, from `start` on. `tokens` are all tokens the venue lists.
    #[must_use]
    pub fn new(plan: &Plan, draws: &Draws, start: Timestamp, tokens: Vec<TokenId>) -> Self {
        let rows = plan.rows(draws).into_iter().map(|spec| Row::new(spec, draws, start)).collect();
        Self {
            draws: draws.clone(),
            tokens,
            rows,
            active: Vec::new(),
            news: Vec::new(),
            by_hand: BTreeMap::new(),
            races: races::Races::default(),
        }
    }

    /// Does everything due by `at`, when `events` events of the world have happened; returns what began, ended or happened, in
    /// order. At one instant ends come first, then the plan's order.
    pub fn due(&mut self, at: Timestamp, events: u64) -> Vec<Change> {
        for row in &mut self.rows {
            if let Some(Next::Event(n)) = row.next
                && events >= n
            {
                row.next = Some(Next::At(at));
            }
        }
        while let Some(step) = self.next_step().filter(|step| step.0 <= at) {
            match step {
                (when, 0, n) => self.end(n, when),
                (when, _, n) => self.begin_row(n, when),
            }
        }
        std::mem::take(&mut self.news)
    }

    /// When something begins or ends next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        if self.news.is_empty() { self.next_step().map(|step| step.0) } else { Some(Timestamp::from_ms(0)) }
    }

    /// The earliest end (0) or beginning (1) and whose it is.
    fn next_step(&self) -> Option<(Timestamp, u8, usize)> {
        let ends = self.active.iter().enumerate().filter_map(|(n, active)| Some((active.until?, 0, n)));
        let begins = self.rows.iter().enumerate().filter_map(|(n, row)| match row.next {
            Some(Next::At(at)) => Some((at, 1, n)),
            _ => None,
        });
        ends.chain(begins).min()
    }

    fn begin_row(&mut self, n: usize, at: Timestamp) {
        let row = &mut self.rows[n];
        let occurrence = row.occurrence;
        let lasts = row.spec.lasts_ms.pick(&self.draws, &row.spec.name, occurrence * SLOTS + 1);
        let (spec, until) = (row.spec.clone(), at.plus(Nanos::from_ms(lasts)));
        let until = self.begin(at, &spec, spec.name.clone(), occurrence, Some(until));
        let row = &mut self.rows[n];
        row.occurrence += 1;
        row.next = match spec.when {
            When::AtEvent(_) => None,
            When::PerHour { millionths } => Some(Next::At(until.plus(row.gap(&self.draws, millionths)))),
        };
    }

    /// Begins a fault and returns when it ends; one that is over in a moment ends as it begins.
    fn begin(
        &mut self,
        at: Timestamp,
        spec: &Spec,
        name: String,
        occurrence: u64,
        until: Option<Timestamp>,
    ) -> Timestamp {
        let knobs = spec.knobs.iter().zip(2..);
        let values: Vec<u64> =
            knobs.map(|(range, slot)| range.pick(&self.draws, &name, occurrence * SLOTS + slot)).collect();
        let fault = (spec.kind.make)(&values);
        // a restart ends when its two stages have passed
        let until = match fault {
            Fault::Engine(EngineFault::Restart { down, post_only }) => Some(at.plus(down).plus(post_only)),
            _ => until,
        };
        let lasts = !spec.kind.is_moment() || matches!(fault, Fault::Engine(EngineFault::Restart { .. }));
        let phase = if lasts { Phase::Begins } else { Phase::Moment };
        self.news.push(Change { at, name: name.clone(), fault, phase });
        if lasts {
            let dead = self.dead_tokens(&name, occurrence, fault);
            let kind = spec.kind;
            let taken = BTreeMap::new();
            self.active.push(Active { name, kind, fault, values, since: at, until, occurrence, dead, taken });
        }
        if lasts { until.unwrap_or(Timestamp::MAX) } else { at }
    }

    fn end(&mut self, n: usize, at: Timestamp) {
        let Active { name, fault, .. } = self.active.remove(n);
        self.news.push(Change { at, name, fault, phase: Phase::Ends });
    }

    /// The tokens a zombie feed is silent about: those with the smallest draws.
    fn dead_tokens(&self, name: &str, occurrence: u64, fault: Fault) -> BTreeSet<TokenId> {
        let Fault::Link(_, LinkFault::Zombie { tokens, .. }) = fault else { return BTreeSet::new() };
        let drawn = |token: &TokenId| self.draws.value(STREAM, &format!("{name}/token/{token}"), occurrence);
        let mut all: Vec<(u64, &TokenId)> = self.tokens.iter().map(|token| (drawn(token), token)).collect();
        all.sort();
        all.into_iter().take(usize::try_from(tokens).unwrap_or(usize::MAX)).map(|(_, token)| token.clone()).collect()
    }

    /// Switches a fault on by hand, now; one of the same kind that is on by hand gives way. `lasts` of `None` means until it
    /// is switched off. Parameters that are ranges are drawn.
    pub fn switch_on(&mut self, at: Timestamp, spec: &Spec, lasts: Option<Nanos>) {
        let name = format!("hand/{}", spec.kind.name);
        while let Some(n) = self.active.iter().position(|active| active.name == name) {
            self.end(n, at);
        }
        let count = self.by_hand.entry(spec.kind.name).or_insert(0);
        let occurrence = *count;
        *count += 1;
        self.begin(at, spec, name, occurrence, lasts.map(|lasts| at.plus(lasts)));
    }

    /// Ends everything of a kind, or everything; planned occurrences still come. Returns how many it ended.
    pub fn switch_off(&mut self, at: Timestamp, kind: Option<&Kind>) -> usize {
        let before = self.active.len();
        let is = |active: &Active| kind.is_none_or(|kind| active.kind == kind);
        while let Some(n) = self.active.iter().position(is) {
            self.end(n, at);
        }
        before - self.active.len()
    }

    /// What is happening, in order of beginning.
    #[must_use]
    pub fn active(&self) -> &[Active] {
        &self.active
    }

    /// Whether a fault that hits some hits this one. All-hitting ones take no draw.
    fn hits(&mut self, n: usize, percent: Percent, link: u64) -> bool {
        if percent.0 >= 100 {
            return true;
        }
        let active = &mut self.active[n];
        let k = active.taken.entry(link).or_insert(0);
        let entity = format!("{}/hit/{}/{link}", active.name, active.occurrence);
        let hit = self.draws.below(STREAM, &entity, *k, 100) < u64::from(percent.0);
        *k += 1;
        hit
    }
}

impl Row {
    fn new(spec: Spec, draws: &Draws, start: Timestamp) -> Self {
        let mut row = Self { spec, occurrence: 0, next: None };
        row.next = match row.spec.when {
            When::AtEvent(n) => Some(Next::Event(n)),
            When::PerHour { millionths: 0 } => None,
            When::PerHour { millionths } => Some(Next::At(start.plus(row.gap(draws, millionths)))),
        };
        row
    }

    /// Time until the next occurrence: exponential, by inverse transform of one open uniform.
    fn gap(&self, draws: &Draws, millionths: u64) -> Nanos {
        let x = draws.value(STREAM, &self.spec.name, self.occurrence * SLOTS);
        #[expect(clippy::cast_precision_loss, reason = "52 bits and a rate below 2^53 are exact in a double")]
        let (uniform, rate) = (((x >> 12) as f64 + 0.5) / (1u64 << 52) as f64, millionths as f64 / 1e6);
        let nanos = -libm::log(uniform) / rate * HOUR;
        // a rate of one in a million hours gives gaps beyond any run: they count as the end of time
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at least zero; the cast saturates"
        )]
        let nanos = nanos as u64;
        Nanos::from_nanos(nanos.max(1))
    }
}
