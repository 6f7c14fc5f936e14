//! The third series: what the venue says we earn, against what the venue knows.

use super::stage::Scene;
use super::{ADJUST, finish};
use crate::noise::{Draws, MARKETS};
use crate::proof::{Bench, Evidence, Verdict as Proved};
use mm_core::domain::{MarketIx, Nanos, Share, Timestamp};
use mm_core::engine::Minute;
use mm_core::event::Input;
use mm_core::protocol::FromExecutor;
use mm_core::rewards::Fixed12;
use sim_exchange::rewards::Maker;
use sim_exchange::scenario::Scenario;
use sim_exchange::world::{Options, World};
use std::collections::VecDeque;

/// Units of a share in a millionth.
const MILLIONTH: u128 = 1_000_000;
/// An answer is of the minute before the sample, and was on its way for less than this.
const WINDOW_S: usize = 62;
/// Days are asked for every five minutes.
const DAY_WINDOW_S: usize = 302;

/// What the venue knew in each of the last seconds.
#[derive(Default)]
struct Truth {
    shares: VecDeque<u128>,
}

/// Whose share is held against what was told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Ours,
    Others,
}

/// Seconds of a world with everybody in it, each looked at.
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
    let mut truths: Vec<Truth> = scenario.markets.iter().map(|_| Truth::default()).collect();
    let mut days: VecDeque<u128> = VecDeque::new();
    let (mut told, mut inside, mut ranges, mut sums) = (0u64, 0u64, 0u64, 0u64);
    let mut sampled = vec![Timestamp::EPOCH; truths.len()];
    for second in 1..=60 * bench.depth.pick(15, 40, 240) {
        let at = start.plus(Nanos::from_secs(second));
        world.advance(at).map_err(|why| why.to_string())?;
        let (shares, earned) = world
            .call(|exchange| {
                let rows = (0u16..).map(MarketIx).take(truths.len());
                let share =
                    |row| exchange.reward_sample(at, row).map_or(0, |s| s.share_of(Maker::Account(account)).units());
                let shares: Vec<u128> = rows.map(share).collect();
                let today = exchange.programme().earnings(at.day(), Maker::Account(account));
                (shares, today.iter().fold(Fixed12::ZERO, |sum, row| sum.saturating_add(row.amount)))
            })
            .map_err(|why| why.to_string())?;
        days.push_back(earned.units() / MILLIONTH);
        if days.len() > DAY_WINDOW_S {
            days.pop_front();
        }
        let bot = world.crowd().bot().ok_or("the world has no bot")?;
        for (row, (truth, share)) in truths.iter_mut().zip(shares).enumerate() {
            truth.shares.push_back(share);
            if truth.shares.len() > WINDOW_S {
                truth.shares.pop_front();
            }
            let ix = MarketIx(u16::try_from(row).map_err(|why| why.to_string())?);
            let Some(minute) = bot.engine().minutes(ix).last().filter(|minute| minute.at != sampled[row]) else {
                continue;
            };
            sampled[row] = minute.at;
            evidence.cases += 1;
            if let Some(share) = minute.earning {
                told += 1;
                was_true(share, truth, whose).map_err(|why| format!("second {second}, market {row}: {why}"))?;
            }
            if let Some(holds) = holds(minute, share) {
                ranges += 1;
                inside += u64::from(holds);
            }
        }
        for day in bot.engine().days().filter(|day| u64::from(day.day) == at.day()) {
            let Some(amount) = day.earned else { continue };
            sums += 1;
            let micro = u128::from(amount.micro());
            let (least, most) = (days.iter().min(), days.iter().max());
            if least.is_none_or(|least| micro < *least) || most.is_none_or(|most| micro > *most) {
                return Err(format!("second {second}: {amount} earned today, the venue knew {least:?} to {most:?}"));
            }
        }
    }
    evidence.fact("told", format_args!("{told} shares of {} samples", evidence.cases));
    evidence.fact("interval", format_args!("{inside} of {ranges} hold the venue's own share of that second"));
    evidence.fact("days", format_args!("{sums} looks at what today earned"));
    if 2 * told < evidence.cases || sums == 0 {
        return Err("too little was told".into());
    }
    if 100 * inside < 95 * ranges || ranges == 0 {
        return Err("the share's interval does not hold it".into());
    }
    Ok(())
}

/// Whether the venue knew this share in one of the last seconds, or one between two that followed each other.
fn was_true(share: Share, truth: &Truth, whose: Whose) -> Result<(), String> {
    let told = u128::from(share.millionths()) * MILLIONTH;
    let of = |share: u128| if whose == Whose::Ours { share } else { Fixed12::ONE.units() - share };
    let seen: Vec<u128> = truth.shares.iter().map(|share| of(*share)).collect();
    let known = seen.windows(2).any(|pair| {
        let (least, most) = (pair[0].min(pair[1]), pair[0].max(pair[1]));
        told + MILLIONTH >= least && told <= most + MILLIONTH
    });
    if known { Ok(()) } else { Err(format!("{share} % were told, the venue knew {seen:?}")) }
}

/// Whether the interval of a sample holds the venue's share; `None` where there is none to hold.
fn holds(minute: &Minute, share: u128) -> Option<bool> {
    let range = minute.range.filter(|_| share > 0 && minute.q_min != Fixed12::ZERO)?;
    Some(range.low.share.units() <= share && share <= range.high.share.units())
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
        for _ in 0..bench.depth.pick(60, 120, 1_200) {
            scene.books()?;
            scene.idle()?;
            let mut due = Vec::new();
            let mut late = Vec::new();
            for market in (0..MARKETS).map(MarketIx) {
                let (before, after) = words(&mut draws);
                for share in &before {
                    let share = share.or(instead);
                    scene.turn(vec![Input::Executor(FromExecutor::Share { market, share })])?;
                }
                due.push(before.last().copied().flatten());
                late.push(after);
            }
            let moods: Vec<_> = (0..MARKETS).map(|_| super::Mood::draw(&mut draws)).collect();
            scene.minute(&moods)?;
            for (market, (due, late)) in (0..MARKETS).map(MarketIx).zip(due.into_iter().zip(late)) {
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
