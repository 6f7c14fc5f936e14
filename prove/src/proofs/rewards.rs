//! M1: the venue's rewards. Whole days of competing makers at the venue: what is earned, paid and refunded adds up, and every
//! answer about scoring is the sample's.

mod day;

use crate::proof::{Bench, Evidence, Proof, Verdict};
use day::{Day, MAKERS, MARKETS, world};
use mm_core::domain::{MarketIx, Nanos, NewOrder, Outcome, Price, Qty, Side, TimeInForce, Timestamp, Token};
use mm_core::rewards::Fixed12;
use sim_exchange::draws::Draws;
use sim_exchange::exchange::Exchange;
use sim_exchange::rewards::{MICRO, Maker, PaymentKind, SAMPLES_PER_DAY};

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "rewards-of-a-day-sum-to-the-pool",
        milestone: 1,
        claim: "Under day-normalised accrual what all makers earn is each market's whole pool, empty minutes or not, up to half \
                a unit of the twelfth decimal a maker; the money paid is theirs rounded down to a millionth.",
        quick: true,
        min_cases: 2_880,
        run: |bench| sums_to_the_pool(bench, "day"),
        sabotage_claim: "empty minutes are lost, as under the other accrual",
        sabotage: Some(|bench| sums_to_the_pool(bench, "minute")),
    },
    Proof {
        id: "rewards-by-the-minute-are-paid-or-refunded",
        milestone: 1,
        claim: "Under per-minute accrual a pool is what makers earn plus what goes back for minutes in which nobody scored, and \
                every dollar put in is paid, refunded or still there.",
        quick: true,
        min_cases: 2_880,
        run: |bench| paid_or_refunded(bench, "minute"),
        sabotage_claim: "empty minutes go to those who scored in others",
        sabotage: Some(|bench| paid_or_refunded(bench, "day")),
    },
    Proof {
        id: "rewards-replaced-order-starts-anew",
        milestone: 1,
        claim: "An order scores from its minimum age on and not a nanosecond sooner, and one that replaces it at the same price \
                and size waits as long again.",
        quick: true,
        min_cases: 400,
        run: |bench| age(bench, true),
        sabotage_claim: "the order is left where it is",
        sabotage: Some(|bench| age(bench, false)),
    },
    Proof {
        id: "rewards-answers-are-the-samples",
        milestone: 1,
        claim: "At every sample of a day the percentages and scoring answers of all makers are those of the sample that is taken.",
        quick: true,
        min_cases: 2_880,
        run: |bench| answers(bench, 0),
        sabotage_claim: "the answers are 45 seconds old",
        sabotage: Some(|bench| answers(bench, 45_000)),
    },
];

fn refuted(mut evidence: Evidence, why: impl std::fmt::Display) -> Verdict {
    evidence.fact("why", why);
    Verdict::Refuted(evidence)
}

/// A day; how many of its samples found nobody, by market.
fn whole_day(accrual: &str, seed: u64) -> Result<(Day, [u64; MARKETS as usize]), String> {
    let mut day = Day::new(accrual, seed)?;
    let (mut empty, mut seen) = ([0u64; MARKETS as usize], [0u64; MARKETS as usize]);
    day.run(|day, at| {
        for market in 0..MARKETS {
            let (row, taken) = (usize::from(market), day.samples(market));
            if taken > seen[row] {
                seen[row] = taken;
                let sample = day.exchange.reward_sample(at, MarketIx(market));
                empty[row] += u64::from(sample.is_none_or(|sample| sample.total == 0));
            }
        }
        Ok(())
    })?;
    if seen != [SAMPLES_PER_DAY; MARKETS as usize] {
        return Err(format!("a day has 1440 samples, taken were {seen:?}"));
    }
    day.close()?;
    Ok((day, empty))
}

/// Days a proof plays.
fn days(bench: &Bench) -> u64 {
    bench.depth.pick(1, 3, 10)
}

/// The rates of [`world`] in units of the twelfth decimal.
const POOLS: [u128; MARKETS as usize] = [137_500_000_000_000, 31_415_900_000_000];

fn sums_to_the_pool(bench: &mut Bench, accrual: &str) -> Verdict {
    let mut evidence = Evidence::default();
    let mut empty_minutes = 0;
    for n in 0..days(bench) {
        let (day, empty) = match whole_day(accrual, bench.seed + n) {
            Ok(played) => played,
            Err(why) => return refuted(evidence, why),
        };
        evidence.cases += 2 * SAMPLES_PER_DAY;
        empty_minutes += empty.iter().sum::<u64>();
        let Some(book) = day.exchange.programme().day(day.start.day()) else {
            return refuted(evidence, "the day was not closed");
        };
        for (market, _, pool) in &book.pools {
            let earned: u128 = pool.earned.values().map(|amount| amount.units()).sum();
            let off = earned.abs_diff(POOLS[market.index()]);
            if off > pool.earned.len() as u128 {
                evidence.fact("market", market.0);
                return refuted(
                    evidence,
                    format!("makers earned {}, the pool is {}", Fixed12::from_units(earned), pool.funded),
                );
            }
        }
        // per maker over both markets, at least a dollar, rounded down
        for hand in &day.hands {
            let maker = Maker::Account(hand.account);
            let own = book.earnings.iter().filter(|e| e.maker == maker).map(|e| e.amount.units()).sum::<u128>();
            let paid = book.payments.iter().find(|p| p.maker == maker && p.kind == PaymentKind::Reward);
            let wanted = if own >= 1_000_000 * MICRO { own / MICRO } else { 0 };
            if paid.map_or(0, |p| u128::from(p.amount.micro())) != wanted {
                return refuted(evidence, format!("{maker:?} earned {own} units, was paid {paid:?}"));
            }
        }
    }
    evidence.fact("days", days(bench));
    evidence.fact("samples in which nobody scored", empty_minutes);
    if empty_minutes == 0 {
        refuted(evidence, "no minute was empty: the run shows nothing")
    } else {
        Verdict::Proved(evidence)
    }
}

fn paid_or_refunded(bench: &mut Bench, accrual: &str) -> Verdict {
    let mut evidence = Evidence::default();
    let mut back = 0u128;
    for n in 0..days(bench) {
        let (day, empty) = match whole_day(accrual, bench.seed + n) {
            Ok(played) => played,
            Err(why) => return refuted(evidence, why),
        };
        evidence.cases += 2 * SAMPLES_PER_DAY;
        let Some(book) = day.exchange.programme().day(day.start.day()) else {
            return refuted(evidence, "the day was not closed");
        };
        let (mut filled, mut refunded) = (0u128, 0u128);
        for (market, _, pool) in &book.pools {
            let row = market.index();
            // counted by asking at each sample, not by the programme
            let unscored = POOLS[row] * u128::from(empty[row]) / u128::from(SAMPLES_PER_DAY);
            if pool.unscored.units().abs_diff(unscored) > 1 {
                let told = Fixed12::from_units(unscored);
                return refuted(evidence, format!("{} goes back, the empty minutes were worth {told}", pool.unscored));
            }
            let earned: u128 = pool.earned.values().map(|amount| amount.units()).sum();
            if (earned + pool.unscored.units()).abs_diff(POOLS[row]) > pool.earned.len() as u128 + 1 {
                return refuted(evidence, format!("market {row}: earned and refunded are not the pool"));
            }
            filled += pool.funded.units().div_ceil(MICRO);
            refunded += pool.unscored.units() / MICRO;
        }
        back += refunded;
        let rewards = book.payments.iter().filter(|p| p.kind == PaymentKind::Reward);
        let paid: u128 = rewards.map(|p| u128::from(p.amount.micro())).sum();
        let told: u128 = day.paid.iter().map(|(_, amount)| u128::from(amount.micro())).sum();
        let all: u128 = book.payments.iter().map(|p| u128::from(p.amount.micro())).sum();
        let left = u128::from(day.exchange.accounts().pool().micro());
        if filled != paid + refunded + left || told != all {
            return refuted(
                evidence,
                format!("{filled} put in, {paid} paid, {refunded} refunded, {left} left; {told} told of {all}"),
            );
        }
    }
    evidence.fact("days", days(bench));
    evidence.fact("refunded, millionths", back);
    if back == 0 { refuted(evidence, "nothing went back: the run shows nothing") } else { Verdict::Proved(evidence) }
}

fn age(bench: &mut Bench, replace: bool) -> Verdict {
    let mut evidence = Evidence::default();
    let played = replacements(bench, replace, &mut evidence);
    match played {
        Ok(()) => Verdict::Proved(evidence),
        Err(why) => refuted(evidence, why),
    }
}

/// Replaces a maker's bid many times at drawn moments and asks about it around its age.
fn replacements(bench: &Bench, replace: bool, evidence: &mut Evidence) -> Result<(), String> {
    let mut exchange = world("minute", bench.seed)?;
    let start = exchange.now();
    let draws = Draws::new(bench.seed);
    let account = exchange.open_account(start, "0x0000000000000000000000000000000000000a11");
    let place = |exchange: &mut Exchange, at: Timestamp, outcome: Outcome| {
        let order = NewOrder {
            token: Token { market: MarketIx(0), outcome },
            side: Side::Buy,
            price: Price::from_ten_thousandths(4_900).unwrap_or(Price::ZERO),
            qty: Qty::from_micro(50_000_000),
            post_only: true,
            tif: TimeInForce::Gtc,
        };
        exchange.submit(at, account, &order).map(|accepted| accepted.order).map_err(|why| format!("{why:?}"))
    };
    place(&mut exchange, start, Outcome::No)?;
    let mut bid = place(&mut exchange, start, Outcome::Yes)?;
    let mut placed = start;
    let min_age = Nanos::from_ms(4_000);
    for n in 0..bench.depth.pick(200, 2_000, 20_000) {
        for (age, scores) in [(Nanos::ZERO, false), (Nanos::from_nanos(min_age.nanos() - 1), false), (min_age, true)] {
            evidence.cases += 1;
            let answer = exchange.scoring_of(placed.plus(age), account, &[Some(bid)])[0];
            if answer != scores {
                return Err(format!("replacement {n}: {} ns old, the venue says {answer}", age.nanos()));
            }
        }
        placed = placed.plus(min_age).plus(Nanos::from_nanos(draws.below("wait", "maker", n, 60_000_000_000)));
        if replace {
            exchange.withdraw_order(placed, account, bid);
            bid = place(&mut exchange, placed, Outcome::Yes)?;
        }
    }
    exchange.check().map_err(|why| why.to_string())
}

/// Compares, sample by sample, what the programme booked with what the venue answers `late_ms` before.
fn answers(bench: &mut Bench, late_ms: u64) -> Verdict {
    let (mut evidence, mut scored) = (Evidence::default(), 0);
    for n in 0..days(bench) {
        match answers_of(bench.seed + n, late_ms, &mut evidence) {
            Ok(shares) => scored += shares,
            Err(why) => return refuted(evidence, why),
        }
    }
    evidence.fact("days", days(bench));
    evidence.fact("shares above zero", scored);
    if scored == 0 { refuted(evidence, "nobody ever scored: the run shows nothing") } else { Verdict::Proved(evidence) }
}

/// One day; how many shares above zero were compared.
fn answers_of(seed: u64, late_ms: u64, evidence: &mut Evidence) -> Result<u64, String> {
    let mut day = Day::new("minute", seed)?;
    let mut booked = [[Fixed12::ZERO; MAKERS as usize]; MARKETS as usize];
    let (mut taken, mut scored) = ([0u64; MARKETS as usize], 0u64);
    let (mut heard, mut heard_for) = (Vec::new(), 0);
    loop {
        let (at, hand) = day.next();
        let sample_ms = day.exchange.programme().next_sample_ms();
        let ask_at = Timestamp::from_ms(sample_ms.saturating_sub(late_ms)).max(day.exchange.now());
        if late_ms > 0 && heard_for != sample_ms && at >= ask_at {
            (heard, heard_for) = (questions(&mut day, ask_at), sample_ms);
            continue;
        }
        if at >= day.end() {
            break;
        }
        day.step(at, hand)?;
        for row in 0..usize::from(MARKETS) {
            let market = MarketIx(u16::try_from(row).map_err(|why| why.to_string())?);
            if day.samples(market.0) == taken[row] {
                continue;
            }
            taken[row] = day.samples(market.0);
            evidence.cases += 1;
            if late_ms == 0 {
                heard = questions(&mut day, at);
            }
            let epoch = day.exchange.programme().epoch(market).ok_or("the market is there")?;
            for (n, hand) in day.hands.iter().enumerate() {
                let sum = epoch.q_epoch(Maker::Account(hand.account));
                let share = sum.units() - booked[row][n].units();
                booked[row][n] = sum;
                scored += u64::from(share > 0);
                let (told, scoring) = heard[row * day.hands.len() + n];
                // the booked share is the difference of two sums, each rounded to the twelfth decimal
                if told.units().abs_diff(share) > 1 || (share > 0 && !scoring) {
                    let (sample, share) = (taken[row], Fixed12::from_units(share));
                    return Err(format!("sample {sample}, maker {n}: share {share}, told {told}, scoring {scoring}"));
                }
            }
        }
    }
    Ok(scored)
}

/// Each maker's share and whether any of its orders scores, by market and maker.
fn questions(day: &mut Day, at: Timestamp) -> Vec<(Fixed12, bool)> {
    let mut out = Vec::new();
    for market in 0..MARKETS {
        let sample = day.exchange.reward_sample(at, MarketIx(market)).unwrap_or_default();
        for hand in &day.hands {
            let own: Vec<_> = hand.orders.iter().map(|order| Some(*order)).collect();
            let scores = day.exchange.scoring_of(at, hand.account, &own).contains(&true);
            out.push((sample.share_of(Maker::Account(hand.account)), scores));
        }
    }
    out
}
