//! The life of one order, told from a run's journal: why it was placed, what became of it, why it was cancelled, and what followed it,
//! with the numbers of those turns.
//!
//! Nothing of this is in the journal: the turns are replayed, and the engine that decides again is asked for its reasons. Where the
//! replay does something else than the run did, the telling ends and says so.

use super::JournalError;
use super::replay::{ReplayReport, Replayer};
use crate::config::Config;
use crate::domain::{ClientOrderId, Market, MarketIx, Timestamp};
use crate::engine::{Engine, Verdict};
use crate::event::{Action, Input, Turn};
use crate::protocol::FromExecutor;
use std::fmt::Write as _;

/// What is known of the order after a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    state: &'static str,
    canceling: bool,
    market: MarketIx,
    placed: Timestamp,
}

/// A telling in progress: hand it the journal's lines in order, then [`Self::finish`].
pub struct Explainer {
    replayer: Replayer,
    id: ClientOrderId,
    seen: Option<Seen>,
    /// The last sample told of: when, and what it came to.
    sample: Option<(Timestamp, Verdict)>,
    samples: [u64; 4],
    /// An edit of it was not worth it when last looked at.
    kept: bool,
    followed: bool,
}

impl Explainer {
    /// A telling of the order `id`, from the first turn on.
    #[must_use]
    pub fn new(config: Config, universe: Vec<Market>, id: ClientOrderId) -> Self {
        let replayer = Replayer::new(config, universe, None);
        Self { replayer, id, seen: None, sample: None, samples: [0; 4], kept: false, followed: false }
    }

    /// Takes the next line and appends what it tells of the order. `Ok(false)` says that no further line matters.
    ///
    /// # Errors
    /// [`JournalError`] when the journal itself is broken; as [`Replayer::line`].
    pub fn line(&mut self, text: &str, out: &mut String) -> Result<bool, JournalError> {
        let goes_on = self.replayer.line(text)?;
        if let (true, Some(turn)) = (goes_on, self.replayer.take_turn()) {
            self.tell(&turn, out);
        }
        Ok(goes_on)
    }

    /// The end of the telling; `false` when the run has no such order or the replay left it.
    #[must_use]
    pub fn finish(self, out: &mut String) -> bool {
        let Self { replayer, id, seen, samples, .. } = self;
        if let Some(seen) = &seen {
            let [scored, unscored, unknown, idle] = samples;
            say(
                out,
                format_args!(
                    "at the end: order {id} is {}; of its samples {scored} scored, {unscored} did not, {unknown} are unknown, {idle} idle",
                    seen.state
                ),
            );
        } else {
            say(out, format_args!("order {id} is not in this run"));
        }
        match replayer.finish() {
            ReplayReport::Identical { .. } => seen.is_some(),
            ReplayReport::FirstDifference { seq, .. } | ReplayReport::CheckDiffers { seq, .. } => {
                say(
                    out,
                    format_args!("the replay differs from the journal at turn {seq}: what comes after is not told"),
                );
                false
            }
        }
    }

    fn tell(&mut self, turn: &Turn, out: &mut String) {
        let engine = self.replayer.engine();
        let actions = self.replayer.actions();
        let before = self.seen.clone();
        self.seen = engine.orders().get(self.id).map(|tracked| Seen {
            state: tracked.state.name(),
            canceling: tracked.cancel_sent.is_some_and(|sent| sent == turn.at) && tracked.state.is_live(),
            market: tracked.order.token.market,
            placed: tracked.placed,
        });
        let Some(now) = self.seen.clone() else { return };
        let mut lines = String::new();
        // of an order that is placed only now nothing can have been heard
        for input in turn.inputs.iter().filter(|_| before.is_some()) {
            if let Some(heard) = heard(self.id, input) {
                say(&mut lines, format_args!("  heard: {heard}"));
            }
        }
        if before.is_none() {
            placed(engine, self.id, actions, &mut lines);
        } else if before.as_ref().is_some_and(|was| was.state != now.state) && !now.canceling {
            say(&mut lines, format_args!("  now {}", now.state));
        }
        let canceled = |action: &Action| match action {
            Action::Cancel { id } => *id == self.id,
            Action::CancelAll { market } => now.canceling && market.is_none_or(|m| m == now.market),
            _ => false,
        };
        if let Some(action) = actions.iter().find(|action| canceled(action)) {
            let again = before.is_some_and(|was| was.state == "pending-cancel");
            let what = match (action, again) {
                (Action::CancelAll { .. }, _) => "cancelled with everything",
                (_, true) => "cancelled again: no answer had come",
                _ => "cancelled",
            };
            let why = engine.orders().get(self.id).and_then(|tracked| tracked.cancel_why);
            let why = why.map_or_else(|| "no reason is known".to_owned(), |why| why.to_string());
            say(&mut lines, format_args!("  {what}: {why}"));
            numbers(engine, now.market, &mut lines);
        }
        let kept = engine.kept(now.market).filter(|_| now.state == "open");
        if let Some(kept) = kept.filter(|_| !self.kept) {
            say(&mut lines, format_args!("  {kept}"));
            numbers(engine, now.market, &mut lines);
        }
        self.kept = kept.is_some();
        let next = actions.iter().find_map(|action| match action {
            Action::Place { id, order } => {
                let follows = engine.orders().get(*id)?.place_why.follows() == Some(self.id);
                follows.then_some((id, order))
            }
            _ => None,
        });
        if let Some((id, order)) = next.filter(|_| !self.followed) {
            self.followed = true;
            say(&mut lines, format_args!("  order {id} takes its place: {} x {}", order.price, order.qty));
        }
        sampled(engine, &now, self.id, &mut self.sample, &mut self.samples, &mut lines);
        if lines.is_empty() {
            return;
        }
        let age = turn.at.since(now.placed).ms();
        say(out, format_args!("turn {}  {}  +{}.{:03} s", turn.seq, turn.at, age / 1000, age % 1000));
        out.push_str(&lines);
    }
}

fn say(out: &mut String, line: std::fmt::Arguments<'_>) {
    // a String takes everything
    let _ = writeln!(out, "{line}");
}

/// What the order is and why it was placed.
fn placed(engine: &Engine, id: ClientOrderId, actions: &[Action], lines: &mut String) {
    let Some(tracked) = engine.orders().get(id) else { return };
    let (order, row) = (&tracked.order, tracked.order.token.market);
    let condition = engine.universe().get(row).map(|market| market.condition.to_string()).unwrap_or_default();
    let (side, outcome) = (order.side, order.token.outcome);
    say(
        lines,
        format_args!("  order {id}: {side} {outcome} {} x {}, market {} {condition}", order.price, order.qty, row.0),
    );
    let ours = actions.iter().any(|action| matches!(action, Action::Place { id: placed, .. } if *placed == id));
    say(lines, format_args!("  {}: {}", if ours { "placed" } else { "known" }, tracked.place_why));
    let last = tracked.place_why.follows().and_then(|last| Some((last, engine.orders().get(last)?)));
    if let Some((last, before)) = last {
        let (price, qty, filled) = (before.order.price, before.order.qty, before.matched_so_far());
        say(lines, format_args!("  order {last} was {price} x {qty}, {filled} of it filled"));
        if let Some(why) = before.cancel_why {
            say(lines, format_args!("  order {last} was cancelled: {why}"));
        }
    }
    numbers(engine, row, lines);
}

/// What a decision rests on: quote, book, holdings.
fn numbers(engine: &Engine, market: MarketIx, lines: &mut String) {
    let snapshot = engine.snapshot();
    let Some(m) = snapshot.markets.get(market.index()) else { return };
    if let Some(why) = &snapshot.halted_by {
        say(lines, format_args!("    stopped everywhere: {why}"));
    }
    if let Some(why) = &m.why {
        say(lines, format_args!("    quote: {why}"));
    }
    let price = |p: Option<crate::domain::Price>| p.map_or_else(|| "none".to_owned(), |p| p.to_string());
    say(
        lines,
        format_args!(
            "    book: {}, bid {}, ask {}, midpoint without ours {}",
            m.sync,
            price(m.bid),
            price(m.ask),
            m.midpoint.as_deref().unwrap_or("none")
        ),
    );
    say(
        lines,
        format_args!(
            "    held: YES {} ({} confirmed), NO {} ({} confirmed)",
            m.yes.matched, m.yes.confirmed, m.no.matched, m.no.confirmed
        ),
    );
    let adjust = m.scoring.adjust;
    if adjust != Default::default() {
        let (ticks, percent) = (adjust.tighten_ticks, adjust.raise_size_percent);
        say(lines, format_args!("    adjusted because it did not score: {ticks} ticks nearer, {percent} % larger"));
    }
}

/// A new sample that lists the order: counted, and told if it came to something else than the one before.
fn sampled(
    engine: &Engine,
    now: &Seen,
    id: ClientOrderId,
    last: &mut Option<(Timestamp, Verdict)>,
    counts: &mut [u64; 4],
    lines: &mut String,
) {
    let Some(minute) = engine.minutes(now.market).last() else { return };
    let Some(order) = minute.orders.iter().flatten().find(|order| order.id == id) else { return };
    if last.is_some_and(|(at, _)| at == minute.at) {
        return;
    }
    counts[minute.verdict as usize] += 1;
    let news = last.is_none_or(|(_, verdict)| verdict != minute.verdict);
    *last = Some((minute.at, minute.verdict));
    if !news {
        return;
    }
    let word = |told: Option<bool>| told.map_or("no answer", |yes| if yes { "yes" } else { "no" });
    let age = order.age.ms() / 1000;
    say(
        lines,
        format_args!(
            "  sample: it scores by the book: {}, by the venue: {}; {age} s old; the market's sample is {}{}",
            if order.expected { "yes" } else { "no" },
            word(order.told),
            minute.verdict.name(),
            minute.gap.map_or_else(String::new, |gap| format!(", gap: {}", gap.name()))
        ),
    );
    let midpoint = minute.midpoint.map_or_else(|| "none".to_owned(), |midpoint| midpoint.to_string());
    say(
        lines,
        format_args!(
            "    scoring midpoint {midpoint}, score {:.2} (bids {:.2}, asks {:.2}), share {:.4}, {:.6} USD",
            minute.q_min, minute.q_one, minute.q_two, minute.share, minute.reward
        ),
    );
}

/// What an input says of the order.
fn heard(order: ClientOrderId, input: &Input) -> Option<String> {
    let message = match input {
        Input::Executor(message) => message,
        Input::ExecutorLost => return Some("the executor is gone: nothing is known of what rests".to_owned()),
        _ => return None,
    };
    let about = |id: &ClientOrderId| *id == order;
    Some(match message {
        FromExecutor::Welcome { open, .. } => match open.iter().find(|(id, ..)| about(id)) {
            Some((.., matched)) => format!("the executor is back and names it as resting, {matched} matched"),
            None => "the executor is back and does not name it".to_owned(),
        },
        FromExecutor::Refused { id, why } if about(id) => {
            let rules: Vec<String> = why.iter().map(ToString::to_string).collect();
            format!("refused by our policy: {}", rules.join("; "))
        }
        FromExecutor::Rejected { id, why } if about(id) => format!("rejected: {why}"),
        FromExecutor::Accepted { id, order } if about(id) => format!("accepted by the venue as {order}"),
        FromExecutor::Unknown { id } if about(id) => "sent, and its outcome is not known".to_owned(),
        FromExecutor::Fill { id, trade, price, qty, stage } if about(id) => {
            format!("filled {qty} at {price}, {}, trade {trade}", format!("{stage:?}").to_lowercase())
        }
        FromExecutor::Canceled { id, matched } if about(id) => format!("rests no more, {matched} matched"),
        FromExecutor::CancelFailed { id, why } if about(id) => format!("its cancel failed: {why}"),
        FromExecutor::Scoring { id, scoring } if about(id) => {
            let said = scoring.map_or("nothing", |yes| if yes { "yes" } else { "no" });
            format!("asked whether it scores, the venue says {said}")
        }
        _ => return None,
    })
}
