//! M3: where `reward` rests is the best there is: every tick and many sizes tried, each judged the plain way.

use super::quotes::{Draws, Scene, price};
use crate::proof::{Bench, Evidence, Proof, Verdict};
use mm_core::domain::{NewOrder, Price, Qty, RewardTerms, Side, TickSize, Usdc};
use mm_core::inventory::Holdings;
use mm_core::quote::{CostKeys, CostModel, NoQuote, Quotes, Strategy, quote};

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "reward-placement-is-the-best",
        milestone: 3,
        claim: "In drawn markets no pair of ticks and sizes, and no single order, is worth a thousandth more than what `reward` rests; where \
                it rests nothing, nothing is worth anything.",
        quick: true,
        min_cases: 200,
        run: |bench| is_best(bench, |_, quotes| quotes),
        sabotage_claim: "every order a quarter smaller",
        sabotage: Some(|bench| is_best(bench, a_quarter_smaller)),
    },
    Proof {
        id: "more-inventory-never-raises-a-quote",
        milestone: 3,
        claim: "Whatever the strategy, holding more YES or less NO raises neither the bid nor the ask.",
        quick: true,
        min_cases: 5_000,
        run: |bench| monotone(bench, |scene| quote(&scene.view())),
        sabotage_claim: "a quoter that leans towards what it holds",
        sabotage: Some(|bench| {
            monotone(bench, |scene| {
                let Holdings { yes, no, usdc_free } = scene.held;
                quote(&Scene { held: Holdings { yes: no, no: yes, usdc_free }, ..scene.clone() }.view())
            })
        }),
    },
];

/// The cost model's keys as numbers: what the judge reckons with.
#[derive(Clone, Copy, Debug)]
struct Costs {
    fills: f64,
    decay: f64,
    markout: f64,
    jumps: f64,
    jump: f64,
}

impl Costs {
    fn draw(d: &mut Draws) -> Self {
        Self {
            fills: d.one_of(&[0.0, 2.0, 8.0, 30.0, 80.0]),
            decay: d.one_of(&[0.3, 0.7, 2.0]),
            markout: d.one_of(&[0.0, 0.5, 1.5, 4.0]),
            jumps: d.one_of(&[0.0, 1.0, 4.0, 12.0, 40.0]),
            jump: d.one_of(&[0.833_333, 2.5, 5.0]),
        }
    }

    fn model(&self) -> CostModel {
        let [fills, decay, markout, jumps, jump] =
            [self.fills, self.decay, self.markout, self.jumps, self.jump].map(|x| x.to_string());
        let keys = CostKeys {
            fills_per_day: &fills,
            fill_decay_per_cent: &decay,
            markout_cents: &markout,
            jumps_per_day: &jumps,
            jump_cents: &jump,
            rebate_cents: "",
            resolutions_per_day: "",
            capital_percent_per_year: "",
        };
        CostModel::read(&keys).expect("decimals").expect("given")
    }

    /// Dollars a share and day, `cents` from the fair price.
    fn of(&self, cents: f64) -> f64 {
        let flow = self.fills * (-self.decay * cents).exp() * (self.markout - cents);
        let leap = self.jumps / 2.0 * self.jump * (-cents / self.jump).exp();
        (flow + leap) / 100.0
    }
}

/// A market with nothing held, and what resting in it costs.
struct Drawn {
    scene: Scene,
    terms: RewardTerms,
    costs: Costs,
    least: Qty,
    most: Qty,
}

impl Drawn {
    fn draw(seed: u64, n: u64) -> Self {
        let mut scene = Scene::draw(seed ^ 0x51ac_e000, n);
        let d = &mut Draws(seed ^ n.wrapping_mul(0x9e6c_63d0_876a_68ee));
        let costs = Costs::draw(d);
        let terms = RewardTerms {
            max_spread: price(d.one_of(&[150, 250, 350, 450])),
            min_size: Qty::from_micro(d.one_of(&[20, 50, 100]) * 1_000_000),
            min_age: mm_core::domain::Nanos::ZERO,
            rate_per_day: Usdc::from_micro(d.one_of(&[1, 5, 20, 50, 200]) * 1_000_000),
        };
        // a cent or a tenth of one: finer ticks have more pairs than can be tried
        if scene.market.tick.ten_thousandths() < 10 {
            let tick = TickSize::parse("0.001").expect("a tick");
            let steps = |levels: &mut Vec<(Price, Qty)>| levels.retain(|(price, _)| price.is_orderable(tick));
            scene.market.tick = tick;
            steps(&mut scene.book.bids);
            steps(&mut scene.book.asks);
        }
        scene.market.rewards = Some(terms.clone());
        scene.market.min_order = Qty::from_micro(5_000_000);
        scene.held = Holdings { usdc_free: Usdc::MAX, ..Holdings::default() };
        scene.own.clear();
        let least = Qty::from_micro(terms.min_size.micro() / 10 * 11);
        let most = Qty::from_micro(least.micro() * d.one_of(&[1, 3, 40]));
        scene.params.strategy = Strategy::Reward;
        scene.params.cost = Some(costs.model());
        scene.params.size = Qty::from_micro(5_000_000);
        scene.params.min_size_headroom_percent = 10;
        scene.params.max_size = most;
        scene.params.max_held = Qty::from_micro(1_000_000_000_000);
        Self { scene, terms, costs, least, most }
    }

    /// The best public level of a side with at least the size that counts, half ten-thousandths; `counts` 0: of any size.
    fn best(&self, side: Side, counts: u64) -> Option<i64> {
        let levels = if side == Side::Buy { &self.scene.book.bids } else { &self.scene.book.asks };
        levels
            .iter()
            .find(|(_, qty)| qty.micro() >= counts.max(1))
            .map(|(price, _)| 2 * i64::from(price.ten_thousandths()))
    }

    /// What a share is worth by sizes and flow, half ten-thousandths.
    fn fair(&self) -> Option<i64> {
        let counts = self.terms.min_size.micro();
        let [bid, ask] = [&self.scene.book.bids, &self.scene.book.asks].map(|levels| {
            let (price, qty) = levels.iter().find(|(_, qty)| qty.micro() >= counts.max(1))?;
            Some((2 * i64::from(price.ten_thousandths()), i128::from(qty.micro())))
        });
        let ((bid, bought), (ask, sold)) = (bid?, ask?);
        let reach = (ask - bid) / 2;
        let part = i128::from(reach) * i128::from(self.scene.params.fair.micro_percent);
        let sizes = i64::try_from(part * (bought - sold) / (100 * (bought + sold))).ok()?;
        Some((bid + ask) / 2 + (sizes + i64::from(self.scene.flow)).clamp(-reach, reach))
    }

    /// What orders (price in half ten-thousandths, shares) are worth a day.
    fn worth(&self, bid: Option<(i64, f64)>, ask: Option<(i64, f64)>) -> f64 {
        let counts = self.terms.min_size.micro();
        let (public_bid, public_ask) = (self.best(Side::Buy, counts), self.best(Side::Sell, counts));
        let (Some(b), Some(a)) = (public_bid, public_ask) else { return f64::NAN };
        let fair = self.fair().expect("both sides are there");
        let (inner_bid, inner_ask) = (b.max(bid.map_or(b, |(p, _)| p)), a.min(ask.map_or(a, |(p, _)| p)));
        let midpoint = (inner_bid + inner_ask) / 2;
        let band = 2 * i64::from(self.terms.max_spread.ten_thousandths());
        let weight = |p: i64| {
            let inside = (band - (p - midpoint).abs()).max(0) as f64 / band as f64;
            inside * inside
        };
        let total = |levels: &[(Price, Qty)]| -> f64 {
            let counting = levels.iter().filter(|(_, qty)| qty.micro() >= counts);
            counting.map(|(p, qty)| weight(2 * i64::from(p.ten_thousandths())) * (qty.micro() as f64 / 1e6)).sum()
        };
        let (one, two) = (total(&self.scene.book.bids), total(&self.scene.book.asks));
        let third = (2_000..=18_000).contains(&midpoint);
        let rivals = one.min(two) + if third { (one - two).abs() / 3.0 } else { 0.0 };
        let [q_one, q_two] = [bid, ask].map(|order| order.map_or(0.0, |(p, shares)| weight(p) * shares));
        let score = q_one.min(q_two).max(if third { q_one.max(q_two) / 3.0 } else { 0.0 });
        let rate = self.terms.rate_per_day.micro() as f64 / 1e6;
        let reward = if score > 0.0 { rate * score / (rivals + score) } else { 0.0 };
        let cost = |order: Option<(i64, f64)>| {
            order.map_or(0.0, |(p, shares)| self.costs.of((p - fair).abs() as f64 / 200.0) * shares)
        };
        reward - cost(bid) - cost(ask)
    }

    /// Ticks of a side that may be quoted and could score, half ten-thousandths.
    fn ticks(&self, side: Side) -> Vec<i64> {
        let counts = self.terms.min_size.micro();
        let (Some(b), Some(a)) = (self.best(Side::Buy, counts), self.best(Side::Sell, counts)) else {
            return Vec::new();
        };
        let fair = self.fair().expect("both sides are there");
        let other = if side == Side::Buy { self.best(Side::Sell, 0) } else { self.best(Side::Buy, 0) };
        let tick = 2 * i64::from(self.scene.market.tick.ten_thousandths());
        let doubled = a + b;
        let band = 2 * i64::from(self.terms.max_spread.ten_thousandths());
        let fine = |p: &i64| match side {
            Side::Buy => *p < fair && other.is_none_or(|ask| *p < ask),
            Side::Sell => *p > fair && other.is_none_or(|bid| *p > bid),
        };
        (1..20_000 / tick).map(|n| n * tick).filter(|p| (2 * p - doubled).abs() < 4 * band).filter(fine).collect()
    }

    fn sizes(&self, steps: u64) -> Vec<f64> {
        let [least, most] = [self.least, self.most].map(|qty| qty.micro() as f64 / 1e6);
        let size = |n: u64| least + (most - least) * n as f64 / steps as f64;
        (0..=if self.most > self.least { steps } else { 0 }).map(size).collect()
    }

    /// The most any pair or single order is worth.
    fn best_of_all(&self) -> Option<f64> {
        let (bids, asks) = (self.ticks(Side::Buy), self.ticks(Side::Sell));
        // every size against every other would be too many where ticks are fine; the largest and least are always there
        let sizes = self.sizes(if bids.len() * asks.len() > 400 { 6 } else { 24 });
        let counts = self.terms.min_size.micro();
        let (b, a) = (self.best(Side::Buy, counts)?, self.best(Side::Sell, counts)?);
        let alone = (2_000..=18_000).contains(&((a + b) / 2));
        let band = 2 * i64::from(self.terms.max_spread.ten_thousandths());
        let scores = |p: i64, midpoint: i64| (p - midpoint).abs() < band;
        let mut best: Option<f64> = None;
        let mut consider = |value: f64| best = Some(best.map_or(value, |known: f64| known.max(value)));
        for &bid in &bids {
            for &ask in &asks {
                let midpoint = (b.max(bid) + a.min(ask)) / 2;
                if !scores(bid, midpoint) || !scores(ask, midpoint) {
                    continue;
                }
                for &m in &sizes {
                    sizes.iter().for_each(|&n| consider(self.worth(Some((bid, m)), Some((ask, n)))));
                }
            }
        }
        let sides = [(bids, Side::Buy), (asks, Side::Sell)];
        for (p, side) in sides.iter().flat_map(|(ticks, side)| ticks.iter().map(move |p| (*p, *side))) {
            let midpoint = if side == Side::Buy { (b.max(p) + a) / 2 } else { (b + a.min(p)) / 2 };
            if alone && (2_000..=18_000).contains(&midpoint) && scores(p, midpoint) {
                for &n in &self.sizes(96) {
                    let order = Some((p, n));
                    consider(if side == Side::Buy { self.worth(order, None) } else { self.worth(None, order) });
                }
            }
        }
        best
    }

    fn worth_of(&self, orders: &[NewOrder]) -> f64 {
        let of = |side: Side| {
            let order = orders.iter().find(|order| order.in_yes_terms().0 == side)?;
            Some((2 * i64::from(order.in_yes_terms().1.ten_thousandths()), order.qty.micro() as f64 / 1e6))
        };
        self.worth(of(Side::Buy), of(Side::Sell))
    }
}

fn a_quarter_smaller(market: &Drawn, mut quotes: Quotes) -> Quotes {
    for order in &mut quotes.orders {
        order.qty = Qty::from_micro(order.qty.micro() / 4 * 3).to_order_size_down().max(market.least);
    }
    quotes
}

fn is_best(bench: &mut Bench, spoil: fn(&Drawn, Quotes) -> Quotes) -> Verdict {
    let mut evidence = Evidence::default();
    let (mut pairs, mut single, mut aside, mut behind) = (0u64, 0u64, 0u64, 0.0f64);
    let markets = bench.depth.pick(250, 1_000, 10_000);
    for n in 0.. {
        if evidence.cases == markets {
            break;
        }
        let market = Drawn::draw(bench.seed, n);
        let answer = quote(&market.scene.view());
        let (rests, worth) = match answer {
            Ok(quotes) => {
                let quotes = spoil(&market, quotes);
                *(if quotes.orders.len() == 2 { &mut pairs } else { &mut single }) += 1;
                (true, market.worth_of(&quotes.orders))
            }
            Err(NoQuote::Unprofitable { .. } | NoQuote::NoRoom { .. }) => (false, 0.0),
            // reasons that come before any placement
            Err(_) => continue,
        };
        evidence.cases += 1;
        aside += u64::from(!rests);
        let best = market.best_of_all().unwrap_or(0.0).max(0.0);
        behind = behind.max((best - worth) / best.max(1e-9));
        // half a millionth a day is what rounding sizes to hundredths may cost where all but nothing is to be earned
        if worth < best * 0.999 - 5e-4 || worth.is_nan() {
            evidence.fact("market", format!("number {n} of seed {}: {:?}", bench.seed, market.scene.view()));
            evidence.fact("costs", format!("{:?}", market.costs));
            evidence.fact("answer", format!("{:?}", quote(&market.scene.view())));
            evidence.fact("found", format!("worth {worth} a day, and {best} can be had"));
            return Verdict::Refuted(evidence);
        }
    }
    evidence.fact("pairs", pairs);
    evidence.fact("single orders", single);
    evidence.fact("stood aside", aside);
    evidence.fact("farthest behind the best of all tried", format!("{:.4} %", behind * 100.0));
    if pairs < markets / 5 || aside == 0 { Verdict::Refuted(evidence) } else { Verdict::Proved(evidence) }
}

fn monotone(bench: &mut Bench, ask: fn(&Scene) -> Result<Quotes, NoQuote>) -> Verdict {
    let mut evidence = Evidence::default();
    let count = bench.depth.pick(20_000, 100_000, 1_000_000);
    let mut moved = 0u64;
    for n in 0..count {
        let scene = Scene::draw(bench.seed, n);
        let d = &mut Draws(bench.seed ^ n.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let mut more = scene.clone();
        let extra = Qty::from_micro(d.below(120_000_000));
        if d.below(2) == 0 {
            more.held.yes.matched = more.held.yes.matched.saturating_add(extra);
        } else {
            more.held.no.matched = more.held.no.matched.saturating_sub(extra);
            more.held.no.confirmed = more.held.no.confirmed.min(more.held.no.matched);
        }
        let (Ok(before), Ok(after)) = (ask(&scene), ask(&more)) else { continue };
        for side in [Side::Buy, Side::Sell] {
            let at = |quotes: &Quotes| quotes.orders.iter().map(NewOrder::in_yes_terms).find(|(s, _)| *s == side);
            let (Some((_, before)), Some((_, after))) = (at(&before), at(&after)) else { continue };
            evidence.cases += 1;
            moved += u64::from(after < before);
            if after > before {
                evidence
                    .fact("raised", format!("{side:?} from {before} to {after}, number {n} of seed {}", bench.seed));
                evidence.fact("view", format!("{:?}", scene.view()));
                evidence.fact("then held", format!("{:?}", more.held));
                return Verdict::Refuted(evidence);
            }
        }
    }
    evidence.fact("quotes moved down", moved);
    if moved < evidence.cases / 50 { Verdict::Refuted(evidence) } else { Verdict::Proved(evidence) }
}
