//! M2: books. Snapshots, changes, lost messages; never trusted when wrong.

mod feed;
pub(crate) mod injected;
pub(crate) mod recorded;

use crate::proof::{Bench, Evidence, Proof, Verdict};
use crate::recordings;
use mm_core::book::{Book, Sync};
use mm_core::domain::{MarketIx, Nanos, Outcome, Price, Qty, Side, TickSize, Timestamp, Token};
use mm_core::event::{MarketEvent, Top};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "book-equals-last-write-wins",
        milestone: 2,
        claim: "After any history of changes of both tokens, out of order ones included, the book holds exactly the levels \
                of a plain map in which the last write wins.",
        quick: true,
        min_cases: 200,
        run: |bench| equals_model(bench, false),
        sabotage_claim: "one change of each history never reaches the book",
        sabotage: Some(|bench| equals_model(bench, true)),
    },
    Proof {
        id: "recorded-book-proven-by-hash",
        milestone: 2,
        claim: "A book rebuilt from recorded frames of the venue has the venue's own hash after every change, on both tokens.",
        quick: true,
        min_cases: 100,
        run: |bench| recorded(bench, false),
        sabotage_claim: "one recorded change is left out",
        sabotage: Some(|bench| recorded(bench, true)),
    },
    Proof {
        id: "lost-change-is-not-trusted",
        milestone: 2,
        claim: "A book that lost a change of its best price is suspect one second after the announced top contradicts it, \
                stays so under further changes, and is trusted again only after a snapshot.",
        quick: true,
        min_cases: 100,
        run: |bench| lost_change(bench, false),
        sabotage_claim: "the announced tops are withheld from the book",
        sabotage: Some(|bench| lost_change(bench, true)),
    },
];

/// A recording of one market, from its snapshots on.
pub(super) const FIXTURE: &str = "mm-core/testdata/ws-market/one-market-20260519.jsonl";

pub(super) fn refuted(mut evidence: Evidence, name: &str, why: impl std::fmt::Display) -> Verdict {
    evidence.fact(name, why);
    Verdict::Refuted(evidence)
}

/// Numbers that depend on the seed alone.
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) const fn new(seed: u64, case: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ case.wrapping_mul(0xd134_2543_de82_ef95))
    }

    /// A number below `n`.
    pub(super) const fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % n
    }

    fn price(&mut self) -> Price {
        let cents = u16::try_from(1 + self.below(99)).expect("below 100");
        Price::from_ten_thousandths(cents * 100).expect("below one dollar")
    }
}

/// The plain map.
#[derive(Clone, Default)]
struct Model(BTreeMap<(Side, Price), Qty>);

impl Model {
    fn set(&mut self, side: Side, price: Price, qty: Qty) {
        if qty.is_zero() {
            self.0.remove(&(side, price))
        } else {
            self.0.insert((side, price), qty)
        };
    }

    /// Best first.
    fn levels(&self, side: Side) -> Vec<(Price, Qty)> {
        let mut levels: Vec<_> = self.0.iter().filter(|((s, _), _)| *s == side).map(|((_, p), q)| (*p, *q)).collect();
        if side == Side::Buy {
            levels.reverse();
        }
        levels
    }

    fn top(&self) -> Top {
        let best = |side| self.levels(side).first().map(|(price, _)| *price);
        Top { bid: best(Side::Buy), ask: best(Side::Sell) }
    }
}

const fn token(outcome: Outcome) -> Token {
    Token { market: MarketIx(0), outcome }
}

fn snapshot(model: &Model, venue_ms: u64) -> MarketEvent {
    let (bids, asks) = (model.levels(Side::Buy), model.levels(Side::Sell));
    MarketEvent::Snapshot { token: token(Outcome::Yes), bids, asks, tick: None, last_trade: None, hash: None, venue_ms }
}

fn change(outcome: Outcome, side: Side, price: Price, qty: Qty, top: Option<Top>, venue_ms: u64) -> MarketEvent {
    let (side, price, top) = match outcome {
        Outcome::Yes => (side, price, top),
        Outcome::No => (side.other(), price.complement(), top.map(Top::mirrored)),
    };
    MarketEvent::Delta { token: token(outcome), side, price, qty, top, hash: None, venue_ms }
}

fn equals_model(bench: &mut Bench, lose_one: bool) -> Verdict {
    let mut evidence = Evidence::default();
    for case in 0..bench.depth.pick(500, 2_000, 20_000) {
        let mut numbers = Numbers::new(bench.seed, case);
        let (mut book, mut model) = (Book::new(TickSize::CENT), Model::default());
        let mut ms = 1_000;
        if book.apply(Timestamp::from_ms(ms), &snapshot(&model, ms)).is_err() {
            return refuted(evidence, "snapshot refused in case", case);
        }
        let steps = 20 + numbers.below(200);
        let lost = numbers.below(steps);
        for step in 0..steps {
            // Up to three milliseconds back: older than the change before, and at first older than the snapshot.
            ms = (ms + numbers.below(8)).saturating_sub(3);
            let side = if numbers.below(2) == 0 { Side::Buy } else { Side::Sell };
            let price = numbers.price();
            let qty = Qty::from_micro(numbers.below(3) * (1 + numbers.below(1_000_000_000)));
            if ms >= 1_000 {
                model.set(side, price, qty);
            }
            if lose_one && step == lost {
                continue;
            }
            let first = if numbers.below(2) == 0 { Outcome::Yes } else { Outcome::No };
            for outcome in [first, first.other()] {
                if let Err(why) = book.apply(Timestamp::from_ms(ms), &change(outcome, side, price, qty, None, ms)) {
                    return refuted(evidence, "change refused", format!("case {case} step {step}: {why}"));
                }
            }
        }
        evidence.cases += 1;
        for side in [Side::Buy, Side::Sell] {
            if !book.levels(side).eq(model.levels(side)) || book.best(side) != model.levels(side).first().copied() {
                return refuted(evidence, "levels differ", format!("case {case}, {side} side"));
            }
        }
        let digest = Book::digest_of(Outcome::Yes, &model.levels(Side::Buy), &model.levels(Side::Sell));
        if digest != book.level_digest() {
            return refuted(evidence, "digests differ in case", case);
        }
    }
    Verdict::Proved(evidence)
}

fn recorded(bench: &mut Bench, leave_one_out: bool) -> Verdict {
    let path: PathBuf = if leave_one_out {
        let Ok(text) = std::fs::read_to_string(bench.root.join(FIXTURE)) else {
            return Verdict::NotRun(format!("{FIXTURE} cannot be read"));
        };
        let lines: Vec<&str> = text.lines().enumerate().filter(|(i, _)| *i != 3).map(|(_, line)| line).collect();
        let copy = bench.evidence.join("one-left-out.jsonl");
        if let Err(why) = std::fs::write(&copy, lines.join("\n") + "\n") {
            return Verdict::NotRun(format!("{}: {why}", copy.display()));
        }
        copy
    } else {
        bench.root.join(FIXTURE)
    };
    let (proven, failures) = recordings::replay(&path);
    let mut evidence = Evidence { cases: proven, ..Evidence::default() };
    evidence.fact("hashes proven", proven);
    match failures.first() {
        None => Verdict::Proved(evidence),
        Some(first) => refuted(evidence, "first failure", first),
    }
}

fn lost_change(bench: &mut Bench, withhold: bool) -> Verdict {
    let mut evidence = Evidence::default();
    for case in 0..bench.depth.pick(300, 1_000, 10_000) {
        let mut numbers = Numbers::new(bench.seed, case);
        let mut model = Model::default();
        let price = |cents: u64| {
            u16::try_from(cents * 100).ok().and_then(Price::from_ten_thousandths).expect("cents below a dollar")
        };
        let qty = Qty::from_micro(5_000_000);
        let mid = 20 + numbers.below(60);
        for n in 1..=5 {
            model.set(Side::Buy, price(mid - n - 1), qty);
            model.set(Side::Sell, price(mid + n + 1), qty);
        }
        let mut book = Book::new(TickSize::CENT).with_grace(Nanos::from_ms(1_000));
        let mut ms = 1_000;
        let at = Timestamp::from_ms;
        let mut ok = book.apply(at(ms), &snapshot(&model, ms)).is_ok();
        // Lost: a better bid or ask than all known ones.
        let (side, better) = if numbers.below(2) == 0 { (Side::Buy, mid - 1) } else { (Side::Sell, mid + 1) };
        model.set(side, price(better), qty);
        // Seen: a change deep in the book, announcing the top it does not know of.
        ms += 1 + numbers.below(5_000);
        let top = (!withhold).then(|| model.top());
        ok &= book.apply(at(ms), &change(Outcome::Yes, Side::Buy, price(2), qty, top, ms)).is_ok();
        model.set(Side::Buy, price(2), qty);
        ok &= book.judge(at(ms)).is_ok() && book.judge(at(ms + 999)).is_ok() && book.is_synced();
        let told = book.judge(at(ms + 1_000)).is_err();
        let suspect = matches!(book.sync(), Sync::Suspect { .. });
        // Nothing but a snapshot mends it, not even a change that makes it right.
        ms += 1_001;
        ok &= book.apply(at(ms), &change(Outcome::Yes, side, price(better), qty, Some(model.top()), ms)).is_ok();
        ok &= book.judge(at(ms)).is_ok() && (withhold || !book.is_synced());
        ok &= book.apply(at(ms + 1), &snapshot(&model, ms + 1)).is_ok() && book.is_synced();
        evidence.cases += 1;
        if !(ok && told && suspect) {
            let why = format!("case {case}: told {told}, suspect {suspect}, otherwise as expected {ok}");
            return refuted(evidence, "trusted a book that lost a change", why);
        }
    }
    Verdict::Proved(evidence)
}
