//! M6: whether our orders score, sample by sample, and what is done when they do not.
//!
//! A plain ledger beside the venue knows the books, what rests, and every answer that was given; it is judged by the engine's minutes in
//! a replay of the journal, and judges what the engine lets rest.

mod earned;
mod plain;
mod stage;

use crate::noise::{Draws, MARKETS, Rules, STRICT, market};
use crate::proof::{Bench, Evidence, Proof, Verdict as Proved};
use earned::Whose;
use mm_core::domain::{MarketIx, Price, Qty, Share, Side, Usdc};
use mm_core::engine::{Minute, Verdict};
use mm_core::event::Input;
use mm_core::journal::{ReplayReport, Replayer};
use plain::{Resting, resting};
use stage::{Mood, Scene};

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "scoring-minute-by-minute",
        milestone: 6,
        claim: "Fed to a fresh engine, the journal of a market maker whose venue answers yes, no, late, wrongly, twice or not \
                at all gives in every sample the score, the answer, the verdict and the gap of a plain ledger.",
        quick: true,
        min_cases: 300,
        run: |bench| replayed(bench, ADJUST, |journal| journal),
        sabotage_claim: "one answer in the journal is turned around",
        sabotage: Some(|bench| {
            replayed(bench, ADJUST, |journal| {
                let at = journal.rfind("\"scoring\":true").expect("some answers are yes") + "\"scoring\":".len();
                format!("{}false{}", &journal[..at], &journal[at + "true".len()..])
            })
        }),
    },
    Proof {
        id: "unscored-adjusts-then-leaves",
        milestone: 6,
        claim: "Two unscored samples without a scored one between make quotes a tick nearer and a fifth larger, twice; then, \
                or where that would mend nothing, nothing is quoted for four minutes; and what is configured rests again after.",
        quick: true,
        min_cases: 300,
        run: |bench| judged(bench, ADJUST),
        sabotage_claim: "an engine that keeps its quotes as they are",
        sabotage: Some(|bench| judged(bench, Rules { when_unscored: "keep", ..ADJUST })),
    },
    Proof {
        id: "unknown-is-never-a-yes",
        milestone: 6,
        claim: "Without an answer no sample counts as scored, however long that lasts, and a no is not forgotten for an answer \
                that did not come.",
        quick: true,
        min_cases: 60,
        run: |bench| silence(bench, None),
        sabotage_claim: "the executor says yes where the venue said nothing",
        sabotage: Some(|bench| silence(bench, Some(true))),
    },
    Proof {
        id: "changed-terms-replan-within-a-sample",
        milestone: 6,
        claim: "When a market's band, minimum or pool changes, within one sample every order that rests scores under the new \
                terms, or none rests where nothing is paid or the configured distance lies beyond the band.",
        quick: true,
        min_cases: 20,
        run: |bench| drift(bench, true),
        sabotage_claim: "the news of the terms is lost",
        sabotage: Some(|bench| drift(bench, false)),
    },
    Proof {
        id: "earned-is-what-the-venue-knows",
        milestone: 6,
        claim: "In a world with everybody in it our part of each market and the dollars of the day, as asked for by the executor and kept \
                by the engine, are those the venue knew when it was asked, and the venue's own share is at least the low end of the \
                share's interval in 98 of 100 samples.",
        quick: true,
        min_cases: 80,
        run: |bench| earned::as_the_venue_knows(bench, Whose::Ours),
        sabotage_claim: "the others' part is taken for ours",
        sabotage: Some(|bench| earned::as_the_venue_knows(bench, Whose::Others)),
    },
    Proof {
        id: "unknown-share-is-not-zero",
        milestone: 6,
        claim: "A sample has the last word on our part of its minute: an error, silence and a late word are none, a zero is one; and \
                whatever is said of it, score, answers, verdict and gap stay those of a plain ledger that does not hear it.",
        quick: true,
        min_cases: 150,
        run: |bench| earned::unknown_is_not_zero(bench, None),
        sabotage_claim: "an error is told as nothing earned",
        sabotage: Some(|bench| earned::unknown_is_not_zero(bench, Some(Share::default()))),
    },
];

const ADJUST: Rules = Rules { calm: true, calls_per_second: 20, burst: 40, when_unscored: "adjust", ..STRICT };
fn finish(mut evidence: Evidence, result: Result<(), String>) -> Proved {
    match result {
        Ok(()) => Proved::Proved(evidence),
        Err(why) => {
            evidence.facts.insert(0, ("failed".to_owned(), why.chars().take(900).collect()));
            Proved::Refuted(evidence)
        }
    }
}

fn facts(evidence: &mut Evidence, scene: &Scene) {
    let rows = || scene.plains.iter().flat_map(|plain| &plain.rows);
    let count = |verdict| rows().filter(|row| row.verdict == verdict).count();
    evidence.cases = rows().count() as u64;
    evidence.fact("scored", count(Verdict::Scored));
    evidence.fact("unscored", count(Verdict::Unscored));
    evidence.fact("unknown", count(Verdict::Unknown));
    evidence.fact("idle", count(Verdict::Idle));
    evidence.fact("adjusted", scene.plains.iter().map(|plain| plain.adjusted).sum::<u64>());
    evidence.fact("left", scene.plains.iter().map(|plain| plain.left).sum::<u64>());
}

fn replayed(bench: &Bench, rules: Rules, touch: fn(String) -> String) -> Proved {
    let mut evidence = Evidence::default();
    let result = Scene::new(bench.seed, rules).and_then(|mut scene| {
        scene.play(bench.seed, bench.depth.pick(120, 240, 2_400), |_| Ok(()))?;
        scene.world.close();
        facts(&mut evidence, &scene);
        compare(&scene, &touch(scene.world.journal.clone()))
    });
    finish(evidence, result)
}

/// Replays a journal and holds each sample against the plain ledgers.
fn compare(scene: &Scene, journal: &str) -> Result<(), String> {
    let mut replayer = Replayer::new(scene.world.config.clone(), Vec::new(), None);
    let mut seen = vec![0; usize::from(MARKETS)];
    for line in journal.lines() {
        if !replayer.line(line).map_err(|why| why.to_string())? {
            break;
        }
        for (ix, seen) in (0..MARKETS).zip(&mut seen) {
            let rows = &scene.plains[usize::from(ix)].rows;
            let Some(minute) = replayer.engine().minutes(MarketIx(ix)).last() else { continue };
            if *seen > 0 && rows[*seen - 1].at_ms == minute.at.ms() {
                continue;
            }
            let row = rows.get(*seen).ok_or("a sample that nobody took")?;
            if let Some(why) = row.differs(minute) {
                return Err(format!("market {ix}: {why}"));
            }
            *seen += 1;
        }
    }
    if let Some((ix, _)) = (0..MARKETS).zip(&seen).find(|(ix, n)| scene.plains[usize::from(*ix)].rows.len() != **n) {
        return Err(format!(
            "market {ix}: {} samples, {} were due",
            seen[usize::from(ix)],
            scene.plains[usize::from(ix)].rows.len()
        ));
    }
    match replayer.finish() {
        ReplayReport::Identical { .. } => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

fn judged(bench: &Bench, rules: Rules) -> Proved {
    let mut evidence = Evidence::default();
    let result = Scene::new(bench.seed, rules).and_then(|mut scene| {
        let result = scene.play(bench.seed, bench.depth.pick(120, 240, 2_400), rests_as_due);
        facts(&mut evidence, &scene);
        result
    });
    finish(evidence, result)
}

/// What rests just before a sample: nothing while a market is left, else both sides as near and as large as the steps say.
fn rests_as_due(scene: &Scene) -> Result<(), String> {
    for ix in 0..MARKETS {
        let plain = &scene.plains[usize::from(ix)];
        let rests = resting(&scene.world, ix);
        let at = scene.world.now();
        let away = match plain.steps {
            _ if plain.left_until.is_some() && rests.is_empty() => continue,
            _ if plain.left_until.is_some() => return Err(format!("market {ix} is left and {rests:?} rest at {at}")),
            0 => 1.5,
            // half a cent is as near as the tick allows
            _ => 0.5,
        };
        let middle = f64::from(scene.world.midpoint2x(MarketIx(ix))) / 200.0;
        let least = 30.0 * (1.0 + 0.2 * f64::from(plain.steps)) * 0.75;
        let due = |side: Side, sign: f64| {
            let mut here = rests.iter().filter(|o| o.1 == side);
            let fits = |o: &Resting| (o.2 - (middle + sign * away)).abs() < 0.99 && o.3 > least;
            matches!((here.next(), here.next()), (Some(order), None) if fits(order))
        };
        if !due(Side::Buy, -1.0) || !due(Side::Sell, 1.0) {
            let steps = plain.steps;
            return Err(format!("market {ix}, {steps} steps, middle {middle}: {rests:?} rest at {at}"));
        }
    }
    Ok(())
}

fn silence(bench: &Bench, instead: Option<bool>) -> Proved {
    let mut evidence = Evidence::default();
    let result = Scene::new(bench.seed, ADJUST).and_then(|mut scene| {
        let mut draws = Draws(bench.seed);
        for n in 0..bench.depth.pick(20, 60, 600) {
            let mood = if draws.below(2) == 0 { Mood::Error } else { Mood::Silent };
            scene.idle()?;
            if instead.is_some() {
                for ix in 0..MARKETS {
                    for order in resting(&scene.world, ix) {
                        scene.say(ix, order.0, instead)?;
                    }
                }
            }
            // one no, then silence, then the second
            let no = n % 10 == 4 || n % 10 == 6;
            let moods = vec![if no { Mood::No } else { mood }; usize::from(MARKETS)];
            scene.minute(&moods)?;
            evidence.cases += u64::from(MARKETS);
            for ix in (0..MARKETS).map(MarketIx) {
                let minutes: Vec<&Minute> = scene.world.engine.minutes(ix).collect();
                if let Some(minute) = minutes.iter().find(|m| m.verdict == Verdict::Scored || m.told == Some(true)) {
                    return Err(format!("market {}: no yes was ever said: {minute:?}", ix.0));
                }
            }
            if n == 6 {
                let markets = scene.world.engine.snapshot().markets;
                // the third has other noes: its orders were too young at first
                let counts: Vec<_> = markets.iter().take(2).map(|m| m.scoring.counts.adjusted).collect();
                if counts.iter().any(|adjusted| *adjusted != 1) {
                    return Err(format!("two noes with silence between are two: {counts:?} adjustments"));
                }
            }
        }
        Ok(())
    });
    finish(evidence, result)
}

/// New terms for one market, then whatever rests at the next sample is held against them.
fn drift(bench: &Bench, told: bool) -> Proved {
    let mut evidence = Evidence::default();
    let mut scene_of = |seed: u64| -> Result<(), String> {
        let mut scene = Scene::new(seed, Rules { when_unscored: "keep", ..ADJUST })?;
        scene.minute(&[Mood::Yes; MARKETS as usize])?;
        let mut draws = Draws(seed);
        let mut markets: Vec<_> = (0..MARKETS).map(market).collect();
        let ix = u16::try_from(draws.below(u64::from(MARKETS))).expect("below three");
        let terms = markets[usize::from(ix)].rewards.as_mut().ok_or("every market is rewarded")?;
        let kind = draws.below(4);
        let whole = |n: u64| Qty::from_whole(n).ok_or("fits");
        match kind {
            // the configured distance is a cent and a half
            0 => terms.max_spread = Price::from_ten_thousandths(100).ok_or("a cent")?,
            3 => terms.max_spread = Price::from_ten_thousandths(160).ok_or("a price")?,
            1 => terms.min_size = whole(60)?,
            _ => terms.rate_per_day = Usdc::ZERO,
        }
        scene.advance(5_000)?;
        if told {
            scene.turn(vec![Input::Universe(markets.clone())])?;
        }
        scene.idle()?;
        scene.advance(3_000)?;
        let rests = resting(&scene.world, ix);
        let middle = f64::from(scene.world.midpoint2x(MarketIx(ix))) / 200.0;
        let fits = match kind {
            3 => rests.len() == 2 && rests.iter().all(|o| (o.2 - middle).abs() < 1.6),
            1 => rests.len() == 2 && rests.iter().all(|o| o.3 >= 60.0),
            _ => rests.is_empty(),
        };
        evidence.cases += 1;
        if fits { Ok(()) } else { Err(format!("change {kind} of market {ix}, middle {middle}: {rests:?} rest")) }
    };
    let result = (0..bench.depth.pick(24, 60, 600)).try_for_each(|n| scene_of(bench.seed.wrapping_add(n)));
    finish(evidence, result)
}
