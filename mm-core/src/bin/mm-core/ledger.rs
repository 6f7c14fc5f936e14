//! `mm-core ledger RUN`: the minute ledger of a run. One JSON line for each sample of each quoted market, its three series side by side and
//! never mixed: what the book lets expect, what the venue said of our orders, what it said of our part. Then one line for each day.

use crate::replay::{Error, Recorded};
use mm_core::domain::{ConditionId, MarketIx, Nanos, Side, Timestamp, Usdc};
use mm_core::engine::{Day, Engine, Gap, Minute, Verdict};
use mm_core::journal::{ReplayReport, Replayer};
use mm_core::rewards::Fixed12;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// One sample. `null` is "not known", never a zero and never a no.
#[derive(Serialize)]
struct Sample<'a> {
    at_ms: u64,
    market: MarketIx,
    condition: &'a ConditionId,
    midpoint: Option<String>,
    q_one: Fixed12,
    q_two: Fixed12,
    q_min: Fixed12,
    share: Fixed12,
    share_low: Option<Fixed12>,
    share_high: Option<Fixed12>,
    narrowed_low: Option<Fixed12>,
    narrowed_high: Option<Fixed12>,
    reward_usd: Fixed12,
    reward_low_usd: Option<Fixed12>,
    reward_high_usd: Option<Fixed12>,
    expected: Option<bool>,
    told: Option<bool>,
    earning_percent: Option<String>,
    earning_beyond: Option<bool>,
    verdict: Verdict,
    gap: Option<Gap>,
    orders: Vec<Order>,
}

#[derive(Serialize)]
struct Order {
    id: u64,
    side: Side,
    age_ms: u64,
    expected: bool,
    told: Option<bool>,
}

#[derive(Serialize)]
struct DayLine {
    day: String,
    samples: u32,
    expected_usd: Fixed12,
    expected_low_usd: Fixed12,
    expected_high_usd: Fixed12,
    earned_usd: Option<Usdc>,
}

/// Replays the run in `folder` and prints its ledger.
pub(crate) fn ledger(folder: &Path, out: &mut dyn Write) -> Result<(), Error> {
    let Recorded { config, markets, lines } = Recorded::open(folder)?;
    let mut replayer = Replayer::new(config, markets, None);
    let mut printed: BTreeMap<MarketIx, Timestamp> = BTreeMap::new();
    let mut days: BTreeMap<u32, Day> = BTreeMap::new();
    for line in lines {
        if !replayer.line(&line?).map_err(|source| Error::in_journal(folder, source))? {
            break;
        }
        samples(replayer.engine(), &mut printed, out)?;
        days.extend(replayer.engine().days().map(|day| (day.day, *day)));
    }
    for day in days.values() {
        print(&day_line(day), out)?;
    }
    // up to the first difference it was that run; what came after it nobody told
    match replayer.finish() {
        ReplayReport::Identical { .. } => Ok(()),
        _ => Err(Error::Differs { path: folder.to_owned() }),
    }
}

/// Prints what has not been printed yet.
fn samples(engine: &Engine, printed: &mut BTreeMap<MarketIx, Timestamp>, out: &mut dyn Write) -> Result<(), Error> {
    for (ix, market) in engine.universe().iter() {
        let Some(minute) = engine.minutes(ix).last() else { continue };
        if printed.insert(ix, minute.at) != Some(minute.at) {
            print(&sample(ix, &market.condition, minute), out)?;
        }
    }
    Ok(())
}

fn print(line: &impl Serialize, out: &mut dyn Write) -> Result<(), Error> {
    serde_json::to_writer(&mut *out, line).map_err(std::io::Error::from)?;
    Ok(writeln!(out)?)
}

fn sample<'a>(market: MarketIx, condition: &'a ConditionId, minute: &Minute) -> Sample<'a> {
    let (low, high) = (minute.range.map(|range| range.low), minute.range.map(|range| range.high));
    let orders = minute.orders.iter().flatten().map(|rested| Order {
        id: rested.id.0,
        side: rested.side,
        age_ms: rested.age.ms(),
        expected: rested.expected,
        told: rested.told,
    });
    Sample {
        at_ms: minute.at.ms(),
        market,
        condition,
        midpoint: minute.midpoint.map(|midpoint| midpoint.to_string()),
        q_one: minute.q_one,
        q_two: minute.q_two,
        q_min: minute.q_min,
        share: minute.share,
        share_low: low.map(|end| end.share),
        share_high: high.map(|end| end.share),
        narrowed_low: minute.narrowed.map(|range| range.low.share),
        narrowed_high: minute.narrowed.map(|range| range.high.share),
        reward_usd: minute.reward,
        reward_low_usd: low.map(|end| end.minute_reward),
        reward_high_usd: high.map(|end| end.minute_reward),
        expected: minute.expected,
        told: minute.told,
        earning_percent: minute.earning.map(|share| share.to_string()),
        earning_beyond: minute.beyond,
        verdict: minute.verdict,
        gap: minute.gap,
        orders: orders.collect(),
    }
}

fn day_line(row: &Day) -> DayLine {
    let mut day = Timestamp::EPOCH.plus(Nanos::from_secs(u64::from(row.day) * 86_400)).to_string();
    day.truncate("YYYY-MM-DD".len());
    let [low, high] = row.expected_between;
    DayLine {
        day,
        samples: row.samples,
        expected_usd: row.expected,
        expected_low_usd: low,
        expected_high_usd: high,
        earned_usd: row.earned,
    }
}
