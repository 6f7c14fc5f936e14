//! M3: quotes and the scores they are made for.

use crate::proof::{Bench, Evidence, Proof, Verdict};
use crate::vectors::{CaseResult, rewards};
use mm_core::domain::{
    ConditionId, Market, MarketIx, Nanos, NewOrder, Outcome, Price, Qty, RewardTerms, Side, TickSize, TimeInForce,
    Timestamp, Token, TokenId, Usdc,
};
use mm_core::inventory::Holdings;
use mm_core::protocol::Held;
use mm_core::quote::{
    Adjust, CostKeys, CostModel, FairRule, InventoryModel, NoQuote, QuoteParams, Quotes, Recent, Room, Strategy, View,
    broken_promise, quote,
};
use mm_core::rewards::{Ladder, Rule};
use std::collections::BTreeMap;

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "quotes-keep-their-promises",
        milestone: 3,
        claim: "Every quote is on the tick, in the venue's range, strictly inside the reward band, large enough to score, \
                within inventory bounds and never at or through the other side, our own or the fair value, wherever sizes and flow \
                have moved that.",
        quick: true,
        min_cases: 10_000,
        run: |bench| promises_hold(bench, |_, answer| answer),
        sabotage_claim: "each bid one tick farther from the midpoint, as if rounding outward could not reach the band's edge",
        sabotage: Some(|bench| promises_hold(bench, one_tick_outward)),
    },
    Proof {
        id: "quotes-are-pure",
        milestone: 3,
        claim: "The same view gives the same answer, whatever was asked before and in whatever order.",
        quick: true,
        min_cases: 10_000,
        run: |bench| pure(bench, |_, view| quote(view)),
        sabotage_claim: "a quoter that answers with its previous quotes while they still keep every promise",
        sabotage: Some(|bench| {
            pure(bench, |last, view| match last.take().filter(|quotes| broken_promise(view, quotes).is_none()) {
                Some(kept) => Ok(last.insert(kept).clone()),
                None => quote(view).inspect(|quotes| *last = Some(quotes.clone())),
            })
        }),
    },
    Proof {
        id: "reward-scores-equal-the-vectors",
        milestone: 3,
        claim: "Every score, epoch and rebate vector comes out to the last of twelve decimals.",
        quick: true,
        min_cases: 76,
        run: |bench| vectors_hold(bench, rewards::run),
        sabotage_claim: "the two sides added instead of the smaller one taken",
        sabotage: Some(|bench| vectors_hold(bench, |document| rewards::scores_under(document, Rule::SidesAdded))),
    },
    Proof {
        id: "wrong-reward-formulas-are-refuted",
        milestone: 3,
        claim: "The vectors tell the published formula from averaging the sides, adding them, and letting the band edge score.",
        quick: true,
        min_cases: 3,
        run: |bench| refuted(bench, &[Rule::SidesAveraged, Rule::SidesAdded, Rule::EdgeScores]),
        sabotage_claim: "the published formula put among the wrong ones",
        sabotage: Some(|bench| refuted(bench, &[Rule::SidesAveraged, Rule::Published])),
    },
];

/// Numbers from a seed: SplitMix64, whose sequence is fixed by its definition.
pub(super) struct Draws(pub(super) u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In `0..n`.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub(super) fn one_of<T: Copy>(&mut self, from: &[T]) -> T {
        let ix = usize::try_from(self.below(from.len() as u64)).expect("an index of a slice");
        from[ix]
    }
}

/// Everything a [`View`] borrows.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) market: Market,
    pub(super) book: Ladder,
    pub(super) held: Holdings,
    pub(super) own: Vec<NewOrder>,
    pub(super) params: QuoteParams,
    /// What order flow says, half ten-thousandths.
    pub(super) flow: i16,
}

const ROW: MarketIx = MarketIx(0);

impl Scene {
    /// A market, its book, our holdings and orders and the settings, from the `n`th draw of a seed.
    pub(super) fn draw(seed: u64, n: u64) -> Self {
        let mut draws = Draws(seed ^ n.wrapping_mul(0xd6e8_feb8_6659_fd93));
        let d = &mut draws;
        let tick = d.one_of(&TickSize::ALL);
        let book = book(d, tick);
        let own = (0..d.below(3)).filter_map(|_| resting(d, tick)).collect();
        let held = |d: &mut Draws| {
            let matched = d.below(250_000_000);
            Held { matched: Qty::from_micro(matched), confirmed: Qty::from_micro(d.below(matched + 1)) }
        };
        Self {
            market: market(d, tick),
            book,
            held: Holdings { yes: held(d), no: held(d), usdc_free: Usdc::MAX },
            own,
            params: params(d),
            flow: d.one_of(&[0, 0, 0, -600, -120, -15, 40, 200]),
        }
    }

    pub(super) fn view(&self) -> View<'_, Ladder> {
        View {
            at: Timestamp::from_ms(1_780_000_000_000),
            row: ROW,
            market: &self.market,
            book: &self.book,
            book_trusted: true,
            stale: false,
            held: self.held,
            linked: &[],
            own: &self.own,
            shown: &self.own,
            room: Room::ALL,
            params: &self.params,
            adjust: Adjust::default(),
            recent: Recent { flow: self.flow, ..Recent::default() },
            gate_open: true,
            paused: false,
        }
    }
}

/// The price of the `n`th tick, if an order may carry it.
fn on_tick(n: u64, tick: TickSize) -> Option<Price> {
    let p = u16::try_from(n.checked_mul(u64::from(tick.ten_thousandths()))?).ok()?;
    Price::from_ten_thousandths(p).filter(|p| p.is_orderable(tick))
}

fn book(d: &mut Draws, tick: TickSize) -> Ladder {
    let ticks = 10_000 / u64::from(tick.ten_thousandths());
    let (mut bid, mut ask) = (d.below(ticks), 0);
    ask += bid + 1 + d.below(6);
    let mut book = Ladder::default();
    for _ in 0..d.below(8) + 1 {
        // sizes down to dust, so that some levels do not count for the midpoint
        let size =
            |d: &mut Draws| Qty::from_micro(d.one_of(&[1_000_000, 20_000_000, 500_000_000]) + d.below(90_000_000));
        book.bids.extend(on_tick(bid, tick).map(|p| (p, size(d))));
        book.asks.extend(on_tick(ask, tick).map(|p| (p, size(d))));
        bid = bid.saturating_sub(1 + d.below(4));
        ask += 1 + d.below(4);
    }
    book.bids.dedup_by_key(|(p, _)| *p);
    book
}

fn resting(d: &mut Draws, tick: TickSize) -> Option<NewOrder> {
    let ticks = 10_000 / u64::from(tick.ten_thousandths());
    Some(NewOrder {
        token: Token { market: ROW, outcome: d.one_of(&[Outcome::Yes, Outcome::No]) },
        side: Side::Buy,
        price: on_tick(d.below(ticks), tick)?,
        qty: Qty::from_micro(10_000 * (1 + d.below(5_000))),
        post_only: true,
        tif: TimeInForce::Gtc,
    })
}

pub(super) fn price(ten_thousandths: u64) -> Price {
    u16::try_from(ten_thousandths).ok().and_then(Price::from_ten_thousandths).expect("drawn below a dollar")
}

fn market(d: &mut Draws, tick: TickSize) -> Market {
    let terms = RewardTerms {
        max_spread: price(d.one_of(&[100, 150, 250, 300, 350, 450, 550, 1_000])),
        min_size: Qty::from_micro(d.one_of(&[0, 5, 20, 50, 100]) * 1_000_000),
        min_age: Nanos::ZERO,
        rate_per_day: Usdc::from_micro(d.one_of(&[0, 50, 50, 50, 50, 50]) * 1_000_000),
    };
    Market {
        condition: ConditionId::parse(&format!("0x{}", "0".repeat(64))).expect("64 hex digits"),
        event: None,
        yes: TokenId::parse("1").expect("digits"),
        no: TokenId::parse("2").expect("digits"),
        tick,
        min_order: Qty::from_micro(d.one_of(&[1, 5, 15]) * 1_000_000),
        neg_risk: false,
        ready: true,
        rewards: Some(terms),
        resolving: false,
        starts: None,
        ends: None,
    }
}

fn params(d: &mut Draws) -> QuoteParams {
    let strategy = d.one_of(&[Strategy::Fixed, Strategy::Reward, Strategy::AvellanedaStoikov]);
    QuoteParams {
        strategy,
        inventory: InventoryModel::read(d.one_of(&["0.01", "0.05", "1"]), d.one_of(&["0", "0.1", "0.5"]))
            .expect("decimals"),
        cost: Some(cost(d)),
        toxic_markout: None,
        learn: None,
        news: None,
        distance: price(1 + d.below(600)),
        size: Qty::from_micro(10_000 * (1 + d.below(3_000))),
        max_size: Qty::from_micro(100_000_000),
        max_book_spread: price(5_000),
        max_held: Qty::from_micro(200_000_000),
        skew_per_100_shares: price(d.below(300)),
        min_midpoint: Price::ZERO,
        max_midpoint: Price::ONE,
        stop_before_end: Nanos::ZERO,
        require_rewards: false,
        min_size_headroom_percent: d.one_of(&[0, 10]),
        sell_from: d.one_of(&[None, Some(Qty::from_micro(150_000_000))]),
        fair: FairRule::read(d.one_of(&[0, 0, 40, 100]), "", 10, "").expect("allowed"),
    }
}

/// Little flow and few jumps or much of both, so that resting pays in some scenes and not in others.
fn cost(d: &mut Draws) -> CostModel {
    let [fills, jumps] = [0, 1].map(|_| d.below(40).to_string());
    let keys = CostKeys {
        fills_per_day: &fills,
        fill_decay_per_cent: d.one_of(&["0.3", "0.7", "2"]),
        markout_cents: d.one_of(&["0", "0.5", "1", "3"]),
        jumps_per_day: &jumps,
        jump_cents: d.one_of(&["1", "2.5"]),
        rebate_cents: "",
        resolutions_per_day: d.one_of(&["", "0.01"]),
        capital_percent_per_year: d.one_of(&["", "5"]),
    };
    CostModel::read(&keys).expect("decimals").expect("all given")
}

fn count(bench: &Bench) -> u64 {
    bench.depth.pick(20_000, 100_000, 1_000_000)
}

/// Quotes `count` drawn views and asks of each answer, perhaps spoilt, whether it keeps every promise.
fn promises_hold(bench: &mut Bench, spoil: fn(&Scene, Quotes) -> Quotes) -> Verdict {
    let mut evidence = Evidence::default();
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut pairs, mut single, mut moved) = (0u64, 0u64, 0u64);
    for n in 0..count(bench) {
        let scene = Scene::draw(bench.seed, n);
        evidence.cases += 1;
        match quote(&scene.view()) {
            Err(why) => *reasons.entry(why.name()).or_default() += 1,
            Ok(quotes) => {
                *(if quotes.orders.len() == 2 { &mut pairs } else { &mut single }) += 1;
                moved += u64::from(quotes.why.fair.value != quotes.why.reference);
                let quotes = spoil(&scene, quotes);
                if let Some(broken) = broken_promise(&scene.view(), &quotes) {
                    evidence.fact("broken", broken);
                    evidence.fact("view", format!("number {n} of seed {}: {:?}", bench.seed, scene.view()));
                    return Verdict::Refuted(evidence);
                }
            }
        }
    }
    evidence.fact("quoted both sides", pairs);
    evidence.fact("quoted one side", single);
    evidence.fact("around a fair value off the midpoint", moved);
    for (reason, times) in reasons {
        evidence.fact(reason, times);
    }
    // a quoter that always refuses would keep every promise
    if pairs < evidence.cases / 10 || single == 0 || moved < evidence.cases / 10 {
        Verdict::Refuted(evidence)
    } else {
        Verdict::Proved(evidence)
    }
}

/// Every bid in YES terms one tick farther out, every ask too.
fn one_tick_outward(scene: &Scene, mut quotes: Quotes) -> Quotes {
    let tick = scene.market.tick;
    for order in &mut quotes.orders {
        let step = tick.ten_thousandths();
        let outward = match order.side {
            Side::Buy => order.price.checked_sub(step),
            Side::Sell => order.price.checked_add(step),
        };
        order.price = outward.filter(|p| p.is_orderable(tick)).unwrap_or(order.price);
    }
    quotes
}

/// Asks a quoter that may remember about all views forwards, then backwards, and compares.
fn pure(bench: &mut Bench, ask: fn(&mut Option<Quotes>, &View<'_, Ladder>) -> Result<Quotes, NoQuote>) -> Verdict {
    let mut evidence = Evidence::default();
    let mut memory = None;
    let count = count(bench).min(200_000);
    let answers: Vec<_> = (0..count).map(|n| (n, ask(&mut memory, &Scene::draw(bench.seed, n).view()))).collect();
    for (n, first) in answers.iter().rev() {
        evidence.cases += 1;
        let again = ask(&mut memory, &Scene::draw(bench.seed, *n).view());
        if again != *first {
            evidence.fact("view", n);
            evidence.fact("first", format!("{first:?}"));
            evidence.fact("again", format!("{again:?}"));
            return Verdict::Refuted(evidence);
        }
    }
    evidence.fact("answers with orders", answers.iter().filter(|(_, answer)| answer.is_ok()).count());
    Verdict::Proved(evidence)
}

/// The vector file kept in the repository.
fn document(bench: &Bench) -> Result<serde_json::Value, Verdict> {
    let path = bench.root.join("mm-core/testdata/rewards.json");
    std::fs::read_to_string(&path)
        .map_err(|e| e.to_string())
        .and_then(|text| serde_json::from_str(&text).map_err(|e| e.to_string()))
        .map_err(|why| {
            let mut evidence = Evidence::default();
            evidence.fact("vectors", format!("{}: {why}", path.display()));
            Verdict::Refuted(evidence)
        })
}

fn vectors_hold(bench: &mut Bench, run: fn(&serde_json::Value) -> Vec<CaseResult>) -> Verdict {
    let document = match document(bench) {
        Ok(document) => document,
        Err(verdict) => return verdict,
    };
    let results = run(&document);
    let mut evidence = Evidence { cases: results.len() as u64, ..Evidence::default() };
    let wrong: Vec<_> = results.iter().filter_map(|r| Some((&r.id, r.outcome.as_ref().err()?))).collect();
    evidence.fact("wrong", wrong.len());
    for (id, why) in wrong.iter().take(5) {
        evidence.fact("vector", format!("{id}: {why}"));
    }
    if wrong.is_empty() { Verdict::Proved(evidence) } else { Verdict::Refuted(evidence) }
}

fn refuted(bench: &mut Bench, rules: &[Rule]) -> Verdict {
    let document = match document(bench) {
        Ok(document) => document,
        Err(verdict) => return verdict,
    };
    let mut evidence = Evidence::default();
    let mut survived = false;
    for rule in rules {
        let wrong = rewards::scores_under(&document, *rule).iter().filter(|r| r.outcome.is_err()).count();
        evidence.cases += 1;
        evidence.fact("vectors that refute", format!("{rule:?}: {wrong}"));
        survived |= wrong == 0;
    }
    if survived { Verdict::Refuted(evidence) } else { Verdict::Proved(evidence) }
}
