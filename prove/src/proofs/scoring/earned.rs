//! The third series: what the venue says we earn, against what the venue knows.

use super::stage::Scene;
use super::{ADJUST, finish};
use crate::noise::{Draws, MARKETS};
use crate::proof::{Bench, Evidence, Verdict as Proved};
use mm_core::domain::{MarketIx, Nanos, Share, Timestamp};
use mm_core::event::Input;
use mm_core::protocol::FromExecutor;
use mm_core::rewards::{Fixed12, Interval};
use sim_exchange::rewards::Maker;
use sim_exchange::scenario::Scenario;
use sim_exchange::world::{Options, World};
use std::collections::VecDeque;

/// Units of a share in a millionth.
const MILLIONTH: u128 = 1_000_000;
/// An answer is of the minute before the sample, and was on its way for less than this.
const WINDOW: Nanos = Nanos::from_secs(62);
/// Days are asked for every five minutes.
const DAY_WINDOW: Nanos = Nanos::from_secs(302);

/// What the venue knew lately, and since when.
type Truth = VecDeque<(Timestamp, u128)>;

/// Notes what the venue knows now. What it knew before the window is forgotten.
fn note(truth: &mut Truth, at: Timestamp, known: u128, window: Nanos) {
    if truth.back().is_none_or(|(_, last)| *last != known) {
        truth.push_back((at, known));
    }
    while truth.get(1).is_some_and(|(until, _)| at.since(*until) > window) {
        truth.pop_front();
    }
}

/// Whose share is held against what was told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Ours,
    Others,
}

/// A world with everybody in it, looked at after each event.
pub(super) fn as_the_venue_knows(bench: &Bench, whose: Whose) -> Proved {
    let mut evidence = Evidence::default();
    let result = lived(bench, whose, &mut evidence);
    finish(evidence, result)
}

fn lived(bench: &Bench, whose: Whose, evidence: &mut Evidence) -> Result<(), String> {
    let mut scenario = Scenario::load(&bench.root.join("config/sim/informed.toml")).map_err(|why| why.to_string())?;
    scenario.seed = bench.seed;
    let start = scenario.start_utc;
    let mut world = World::new(&scenario, start, Options::default()).map_err(|why| why.to_string())?;
    let account = world.crowd().bot().ok_or("the world has no bot")?.account();
    let mut truths: Vec<Truth> = scenario.markets.iter().map(|_| Truth::new()).collect();
    let mut days = Truth::new();
    let (mut told, mut above, mut inside, mut close, mut ranges, mut sums) = (0u64, 0u64, 0u64, 0u64, 0u64, 0u64);
    let mut sampled = vec![Timestamp::EPOCH; truths.len()];
    let end = start.plus(Nanos::from_secs(60 * bench.depth.pick(15, 40, 240)));
    let mut at = start;
    while at < end {
        // from event to event: what the venue knows changes at no other moment
        at = world.next_deadline().unwrap_or(end).max(at.plus(Nanos::from_nanos(1))).min(end);
        world.advance(at).map_err(|why| why.to_string())?;
        let (shares, earned) = world
            .call(|exchange| {
                let mut shares = Vec::with_capacity(truths.len());
                for row in (0u16..).map(MarketIx).take(truths.len()) {
                    let sample = exchange.reward_sample(at, row);
                    shares.push(sample.map_or(0, |sample| sample.share_of(Maker::Account(account)).units()));
                }
                let today = exchange.programme().earnings(at.day(), Maker::Account(account));
                (shares, today.iter().fold(Fixed12::ZERO, |sum, row| sum.saturating_add(row.amount)))
            })
            .map_err(|why| why.to_string())?;
        note(&mut days, at, earned.units() / MILLIONTH, DAY_WINDOW);
        let bot = world.crowd().bot().ok_or("the world has no bot")?;
        for (row, (truth, share)) in truths.iter_mut().zip(shares).enumerate() {
            note(truth, at, share, WINDOW);
            let ix = MarketIx(u16::try_from(row).map_err(|why| why.to_string())?);
            let Some(minute) = bot.engine().minutes(ix).last().filter(|minute| minute.at != sampled[row]) else {
                continue;
            };
            sampled[row] = minute.at;
            evidence.cases += 1;
            if let Some(share) = minute.earning {
                told += 1;
                was_true(share, truth, whose).map_err(|why| format!("{at}, market {row}: {why}"))?;
            }
            if share > 0 && minute.q_min != Fixed12::ZERO && minute.range.is_some() {
                ranges += 1;
                above += u64::from(minute.range.is_some_and(|range| range.low.share.units() <= share));
                inside += u64::from(holds(minute.range, share));
                close += u64::from(holds(minute.narrowed, share));
            }
        }
        for day in bot.engine().days().filter(|day| u64::from(day.day) == at.day()) {
            let Some(amount) = day.earned else { continue };
            sums += 1;
            let micro = u128::from(amount.micro());
            if days.iter().all(|(_, known)| *known != micro) {
                return Err(format!("{at}: {amount} earned today, the venue knew {days:?}"));
            }
        }
    }
    let samples = evidence.cases;
    evidence.fact("told", format_args!("{told} shares of {samples} samples"));
    evidence
        .fact("low end", format_args!("{above} of {ranges} have the venue's own share of that moment at or above it"));
    evidence.fact("interval", format_args!("{inside} of {ranges} hold it"));
    evidence.fact("narrowed", format_args!("{close} of {ranges} do when the venue's word narrows them"));
    evidence.fact("days", format_args!("{sums} looks at what today earned"));
    if 2 * told < evidence.cases || sums == 0 {
        return Err("too little was told".into());
    }
    // The high end is no bound: others' orders that are still too young score nothing, and no book tells their age.
    if 100 * above < 98 * ranges || ranges == 0 {
        return Err("the venue's share lies below the interval's low end".into());
    }
    Ok(())
}

/// Whether the venue knew this share at some moment of the window.
fn was_true(share: Share, truth: &Truth, whose: Whose) -> Result<(), String> {
    let told = u128::from(share.millionths()) * MILLIONTH;
    let of = |share: u128| if whose == Whose::Ours { share } else { Fixed12::ONE.units() - share };
    let known = truth.iter().any(|(_, share)| told.abs_diff(of(*share)) <= MILLIONTH);
    if known { Ok(()) } else { Err(format!("{share} % were told, the venue knew {truth:?}")) }
}

/// Whether an interval holds the venue's share.
fn holds(range: Option<Interval>, share: u128) -> bool {
    range.is_some_and(|range| range.low.share.units() <= share && share <= range.high.share.units())
}

/// What is said of a share in one minute: before the sample, and after it.
fn words(draws: &mut Draws) -> (Vec<Option<Share>>, Option<Share>) {
    let mut share = || Share::from_millionths(u32::try_from(draws.below(1_000_001)).expect("a million"));
    let (one, two) = (share(), share());
    match draws.below(8) {
        0 => (vec![], None),
        1 => (vec![None], None),
        2 => (vec![one, None], None),
        3 => (vec![None, one], two),
        4 => (vec![], two),
        5 => (vec![Some(Share::default())], None),
        6 => (vec![one, two], one),
        _ => (vec![one], None),
    }
}

/// Shares are told, not told, told late or told to be nothing, while the venue's other answers come in moods: each sample has the last word
/// of its minute and none of another, and the plain ledgers, which hear nothing of it, are still right in everything else.
pub(super) fn unknown_is_not_zero(bench: &Bench, instead: Option<Share>) -> Proved {
    let mut evidence = Evidence::default();
    let result = Scene::new(bench.seed, ADJUST).and_then(|mut scene| {
        let mut draws = Draws(bench.seed);
        let mut late = vec![None; usize::from(MARKETS)];
        for _ in 0..bench.depth.pick(60, 120, 1_200) {
            scene.books()?;
            scene.idle()?;
            let mut due = Vec::new();
            let mut later = Vec::new();
            for market in (0..MARKETS).map(MarketIx) {
                let (before, after) = words(&mut draws);
                for share in &before {
                    let share = share.or(instead);
                    scene.turn(vec![Input::Executor(FromExecutor::Share { market, share })])?;
                }
                // a word after the sample is one of the next minute
                due.push(before.last().copied().unwrap_or(late[market.index()]));
                later.push(after);
            }
            let moods: Vec<_> = (0..MARKETS).map(|_| super::Mood::draw(&mut draws)).collect();
            scene.minute(&moods)?;
            late = later;
            for (market, (due, late)) in (0..MARKETS).map(MarketIx).zip(due.into_iter().zip(late.clone())) {
                evidence.cases += 1;
                let minute = scene.world.engine.minutes(market).last().ok_or("no sample")?;
                if minute.earning != due || minute.beyond.is_some() != (due.is_some() && minute.range.is_some()) {
                    return Err(format!("market {}: {minute:?} where {due:?} was told", market.0));
                }
                let plain = scene.plains[market.index()].rows.last().ok_or("no row")?;
                if let Some(why) = plain.differs(minute) {
                    return Err(format!("market {}: {why}", market.0));
                }
                if late.is_some() {
                    scene.turn(vec![Input::Executor(FromExecutor::Share { market, share: late })])?;
                }
            }
        }
        Ok(())
    });
    finish(evidence, result)
}
