//! M5: what must hold over time: a running policy only gets tighter (P-13), and a day's counters last through restarts and end with
//! the venue's day, once (P-14).

use crate::proof::{Bench, Evidence, Proof, Verdict};
use crate::proofs::executor::{Draws, verdict};
use executor::desk::Op;
use executor::exposure::Exposure;
use executor::ledger::{Ledger as _, MemoryLedger};
use executor::policy::{Policy, PolicyCaps};
use executor::rehearsal::{Rehearsal, Venue, order, policy_with, setup, wide_policy};
use executor::rows::LedgerRow;
use mm_core::domain::{Nanos, OrderId, Outcome, Price, Qty, Side, Timestamp, Usdc};
use std::collections::{BTreeMap, BTreeSet};

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "reload-only-tightens",
        milestone: 5,
        claim: "Random policies, each offered to a running executor: it takes one exactly when every field and every market is as tight as \
                what it holds, judged name by name over the policies as text; and what it refused changes nothing.",
        quick: true,
        min_cases: 1000,
        run: |bench| reloads(bench, false),
        sabotage_claim: "only amounts of dollars are compared",
        sabotage: Some(|bench| reloads(bench, true)),
    },
    Proof {
        id: "day-rolls-once-through-restarts",
        milestone: 5,
        claim: "Orders trade on both sides of two midnights, our clock right or wrong by a millisecond up to three days, the executor \
                restarted after every row: no counter of a day is lost or begins early, each day begins once, and it has all that was \
                bought on it by the venue's own times.",
        quick: true,
        min_cases: 300,
        run: |bench| days(bench, false),
        sabotage_claim: "a restart begins the day its own clock shows",
        sabotage: Some(|bench| days(bench, true)),
    },
];

/// A cap's name and its value, larger being looser.
fn fields(caps: &PolicyCaps) -> BTreeMap<String, i64> {
    let serde_json::Value::Object(fields) = serde_json::to_value(caps).unwrap_or_default() else {
        return BTreeMap::new();
    };
    let signed = |(name, value): (String, serde_json::Value)| {
        let value = value.as_i64().unwrap_or(i64::MAX);
        (name.clone(), if name == "min_price" { -value } else { value })
    };
    fields.into_iter().map(signed).collect()
}

/// The same policy with one to three fields moved.
fn moved(draws: &mut Draws, from: &Policy) -> Option<Policy> {
    let mut caps = *from.caps();
    for _ in 0..=draws.below(3) {
        // Mostly down, so that a walk goes on.
        let up = draws.below(5) == 0;
        let by = 1 + draws.below(3);
        let whole = |n: u64| if up { n.saturating_add(by) } else { n.saturating_sub(by).max(1) };
        let count = |n: u32| u32::try_from(whole(u64::from(n))).unwrap_or(u32::MAX);
        let usdc = |amount: Usdc| Usdc::from_micro(whole(amount.micro()));
        let price = |at: Price| {
            let n = u16::try_from(whole(u64::from(at.ten_thousandths()))).unwrap_or(1);
            Price::from_ten_thousandths(n).unwrap_or(at)
        };
        match draws.below(26) {
            0 => caps.max_order_shares = Qty::from_micro(whole(caps.max_order_shares.micro())),
            1 => caps.max_order_usdc = usdc(caps.max_order_usdc),
            2 => caps.max_market_usdc = usdc(caps.max_market_usdc),
            3 => caps.max_total_usdc = usdc(caps.max_total_usdc),
            4 => caps.max_market_loss_usdc = usdc(caps.max_market_loss_usdc),
            5 => caps.max_event_loss_usdc = usdc(caps.max_event_loss_usdc),
            6 => caps.max_total_loss_usdc = usdc(caps.max_total_loss_usdc),
            7 => caps.max_token_orders = count(caps.max_token_orders),
            8 => caps.max_market_orders = count(caps.max_market_orders),
            9 => caps.max_event_orders = count(caps.max_event_orders),
            10 => caps.max_token_resting_usdc = usdc(caps.max_token_resting_usdc),
            11 => caps.max_market_resting_usdc = usdc(caps.max_market_resting_usdc),
            12 => caps.max_event_resting_usdc = usdc(caps.max_event_resting_usdc),
            13 => caps.max_open_orders = count(caps.max_open_orders),
            14 => caps.max_orders_per_minute = count(caps.max_orders_per_minute),
            15 => caps.max_token_fills_per_minute = count(caps.max_token_fills_per_minute),
            16 => caps.max_rejects_in_a_row = count(caps.max_rejects_in_a_row),
            17 => caps.max_day_bought_usdc = usdc(caps.max_day_bought_usdc),
            18 => caps.max_day_outflow_usdc = usdc(caps.max_day_outflow_usdc),
            19 => caps.max_day_placed_usdc = usdc(caps.max_day_placed_usdc),
            // The other way round: up is tighter.
            20 => {
                let to = if up { caps.min_price.checked_sub(1) } else { caps.min_price.checked_add(1) };
                caps.min_price = to.unwrap_or(caps.min_price);
            }
            21 => caps.max_price = price(caps.max_price),
            22 => caps.reference_band = price(caps.reference_band),
            23 => caps.reference_max_age_ms = whole(caps.reference_max_age_ms),
            24 => caps.intent_max_age_ms = whole(caps.intent_max_age_ms),
            _ => {}
        }
    }
    let mut markets = from.markets().to_vec();
    match draws.below(20) {
        0 => drop(markets.pop()),
        1 => markets.extend(policy_with(caps, 6).markets().get(5).cloned()),
        2 => {
            if let Some(market) = markets.first_mut() {
                market.min_order = market.min_order.saturating_add(Qty::from_micro(1));
            }
        }
        3 => {
            if let Some(market) = markets.first_mut() {
                market.min_order = market.min_order.saturating_sub(Qty::from_micro(1));
            }
        }
        4 => {
            if let Some(market) = markets.last_mut() {
                market.neg_risk = !market.neg_risk;
            }
        }
        _ => {}
    }
    Policy::new(caps, markets).ok()
}

/// Whether `new` is as tight as `old`, read off their texts.
fn is_tighter(old: &Policy, new: &Policy, only_dollars: bool) -> bool {
    let (was, is) = (fields(old.caps()), fields(new.caps()));
    let caps = is.iter().all(|(name, value)| {
        (only_dollars && !name.ends_with("_usdc")) || was.get(name).is_some_and(|before| value <= before)
    });
    let mut markets = new.markets().iter().map(|market| {
        old.markets().iter().any(|held| {
            held.condition == market.condition
                && (&held.yes, &held.no, &held.event, held.neg_risk)
                    == (&market.yes, &market.no, &market.event, market.neg_risk)
                && held.min_order <= market.min_order
        })
    });
    caps && (only_dollars || markets.all(|fits| fits))
}

fn reloads(bench: &mut Bench, only_dollars: bool) -> Verdict {
    let mut evidence = Evidence::default();
    let (mut taken, mut refused, mut wrong) = (0u64, 0u64, 0u64);
    let mut touched = BTreeMap::new();
    for walk in 0..bench.depth.pick(20, 60, 600) {
        let mut draws = Draws::new(bench.seed.wrapping_add(walk));
        let mut stage = Rehearsal::new(setup(wide_policy(), false));
        stage.run_ms(10);
        for _ in 0..100 {
            let held = stage.desk.policy().clone();
            let Some(offered) = moved(&mut draws, &held) else { continue };
            let expected = is_tighter(&held, &offered, false);
            let said = if only_dollars {
                is_tighter(&held, &offered, true)
            } else {
                stage.operate(Op::Tighten(Box::new(offered.clone())));
                stage.run_ms(1);
                stage.answers.pop().is_some_and(|answer| answer.is_ok())
            };
            let kept = stage.desk.policy();
            let stands = only_dollars || *kept == if said { offered.clone() } else { held.clone() };
            wrong += u64::from(said != expected || !stands);
            if !expected {
                refused += 1;
                let (was, is) = (fields(held.caps()), fields(offered.caps()));
                for (name, _) in is.iter().filter(|(name, value)| was.get(*name).is_some_and(|before| *value > before))
                {
                    *touched.entry(name.clone()).or_insert(0u64) += 1;
                }
            } else {
                taken += 1;
            }
            evidence.cases += 1;
        }
    }
    let names = fields(wide_policy().caps()).len();
    evidence.fact("taken", taken);
    evidence.fact("refused", refused);
    evidence.fact("fields", names);
    evidence.fact("fields that alone or with others were looser", touched.len());
    evidence.fact("judged otherwise than by their texts", wrong);
    verdict(evidence, wrong == 0 && touched.len() == names && taken > 0)
}

const DAY_S: u64 = 86_400;

/// Half a minute before a midnight.
const EVE: Timestamp = Timestamp::from_ms(1_780_790_370_000);

/// What a clock shows at a moment.
type Clock = fn(Timestamp) -> Timestamp;

/// Ours: right, and off by a millisecond to three days, ahead and behind.
const CLOCKS: [Clock; 11] = [
    |at| at,
    |at| at.plus(Nanos::from_ms(1)),
    |at| at.minus(Nanos::from_ms(1)),
    |at| at.plus(Nanos::from_secs(2)),
    |at| at.minus(Nanos::from_secs(2)),
    |at| at.plus(Nanos::from_secs(3600)),
    |at| at.minus(Nanos::from_secs(3600)),
    |at| at.plus(Nanos::from_secs(DAY_S)),
    |at| at.minus(Nanos::from_secs(DAY_S)),
    |at| at.plus(Nanos::from_secs(3 * DAY_S)),
    |at| at.minus(Nanos::from_secs(3 * DAY_S)),
];

/// The day's counters after each row.
fn counters(rows: &[LedgerRow]) -> Vec<executor::exposure::Day> {
    let mut fold = Exposure::default();
    rows.iter()
        .map(|row| {
            fold.apply(row);
            fold.day()
        })
        .collect()
}

/// Starts so much later put a trade before midnight, right on it, and in the seconds until the executor is told of the new day.
const LATER_MS: [u64; 3] = [0, 1_500, 3_400];

/// What the rows so far tell was bought on a day, by the venue's own times of its trades.
fn truly_bought(venue: &Venue, rows: &[LedgerRow], day: u64) -> Usdc {
    let told: BTreeSet<&str> = rows
        .iter()
        .filter_map(|row| if let LedgerRow::Fill { trade, .. } = row { Some(trade.as_str()) } else { None })
        .collect();
    let of_day = venue.paid().filter(|(trade, of, _)| *of == day && told.contains(trade.as_str()));
    of_day.fold(Usdc::ZERO, |sum, (_, _, cost)| sum.saturating_add(cost))
}

/// Trades on both sides of a midnight, by a clock that is right.
fn two_days(later_ms: u64) -> Rehearsal {
    let eve = EVE.plus(Nanos::from_ms(later_ms));
    let mut stage = Rehearsal::restarted(setup(wide_policy(), false), MemoryLedger::new(), Venue::default(), eve);
    stage.connect(1, 2);
    stage.run_ms(2000);
    stage.arm();
    stage.run_ms(500);
    for id in 1..=12u64 {
        stage.place(id, order(0, Outcome::Yes, Side::Buy, 30, 10));
        stage.run_ms(1000);
        let live: Vec<OrderId> = stage.venue.orders.iter().filter(|(_, r)| r.live).map(|(id, _)| *id).collect();
        for hash in live {
            stage.fill(hash, Qty::from_whole(if id % 3 == 0 { 10 } else { 4 }).unwrap_or(Qty::ZERO));
        }
        stage.run_ms(4000);
    }
    stage
}

fn days(bench: &mut Bench, by_own_clock: bool) -> Verdict {
    let (mut evidence, mut holds) = (Evidence::default(), true);
    for later_ms in LATER_MS {
        holds &= days_from(bench, later_ms, by_own_clock, &mut evidence);
    }
    verdict(evidence, holds)
}

fn days_from(bench: &Bench, later_ms: u64, by_own_clock: bool, evidence: &mut Evidence) -> bool {
    let stage = two_days(later_ms);
    let rows = stage.ledger.rows();
    let told = counters(rows);
    let begun = rows.iter().filter(|row| matches!(row, LedgerRow::Day { .. })).count();
    let (first, last) = (EVE.day(), stage.at.day());
    let (mut early, mut lost, mut twice, mut back) = (0u64, 0u64, 0u64, 0u64);
    let (mut short, mut late) = (0u64, 0u64);
    for (upto, day) in told.iter().enumerate() {
        short += u64::from(day.bought < truly_bought(&stage.venue, &rows[..=upto], day.day));
        late += u64::from(day.day == first && !truly_bought(&stage.venue, &rows[..=upto], last).is_zero());
    }
    let step = usize::try_from(bench.depth.pick(3, 1, 1)).unwrap_or(1);
    for clock in CLOCKS {
        for upto in (1..=rows.len()).step_by(step) {
            evidence.cases += 1;
            let written = &rows[..upto];
            // The true time of the crash: that of its last row.
            let now = written.iter().map(LedgerRow::at).fold(EVE, Timestamp::max);
            let mut ledger = MemoryLedger::new();
            if ledger.append(written).is_err() {
                lost += 1;
                continue;
            }
            if by_own_clock && Exposure::recover(written).is_new_day(clock(now)) {
                let _ = ledger.append(&[LedgerRow::Day { at: clock(now) }]);
            }
            let mut again = Rehearsal::restarted(setup(wide_policy(), false), ledger, Venue::default(), now);
            again.clock = Some(clock);
            let mut before = told[upto - 1];
            if again.desk.exposure().day() != before && !by_own_clock {
                lost += 1;
            }
            for _ in 0..4 {
                again.run_ms(700);
                let day = again.desk.exposure().day();
                early += u64::from(day.day > again.at.day());
                back += u64::from(day.day < before.day);
                short += u64::from(day.bought < truly_bought(&stage.venue, written, day.day));
                lost += u64::from(day.day == before.day && (day.bought < before.bought || day.placed < before.placed));
                before = day;
            }
            let days: Vec<u64> = again
                .ledger
                .rows()
                .iter()
                .filter_map(|row| match row {
                    LedgerRow::Day { at } => Some(at.day()),
                    _ => None,
                })
                .collect();
            twice += u64::from(days.windows(2).any(|pair| pair[0] == pair[1]));
        }
    }
    evidence.fact("begun so much later, milliseconds", later_ms);
    evidence.fact("rows, each a crash", rows.len());
    evidence.fact("of them with a trade of the day that was not told to run yet", late);
    evidence.fact("days that had less than was bought on them", short);
    evidence.fact("days begun in the first life", begun);
    evidence.fact("bought on the last day, micro-dollars", told.last().map_or(0, |day| day.bought.micro()));
    evidence.fact("days begun early", early);
    evidence.fact("counters lost", lost);
    evidence.fact("days begun twice", twice);
    evidence.fact("days that came back", back);
    let crossed = last == first + 1 && begun == 2 && told.last().is_some_and(|day| !day.bought.is_zero());
    let shows = late > 0 || later_ms == 0;
    crossed && shows && short + early + lost + twice + back == 0
}
