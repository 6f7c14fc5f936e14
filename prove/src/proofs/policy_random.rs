//! M5: the fold and the decision over random worlds, judged by the simulator's own books: its accounts say what left, its lists what
//! rests and what traded. Nothing of the executor's arithmetic is in the judgement.

use crate::proof::{Bench, Evidence, Proof, Verdict};
use crate::proofs::executor::{Draws, verdict};
use executor::exposure::Exposure;
use executor::policy::{Ask, Policy, PolicyCaps, Reference, decide};
use executor::rehearsal::{condition, policy_with, token_id, wide_policy};
use executor::rows::{Became, IntentRow, LedgerRow};
use mm_core::domain::{
    ClientOrderId, Digest, MarketIx, Nanos, NewOrder, OrderId, Outcome, Price, Qty, Side, TimeInForce, Timestamp,
    Token, TradeId, Usdc,
};
use mm_core::protocol::{Gate, Stage};
use sim_exchange::exchange::{AccountIx, Exchange, PlaceRequest};
use sim_exchange::scenario::Scenario;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[Proof {
    id: "policy-holds-over-random-worlds",
    milestone: 5,
    claim: "Twenty tokens, up to two hundred orders a world, three days: answers lost, landings late, trades in parts and heard of late, \
            cancels that cross with trades, restarts. By the simulator's own accounts and lists no day pays out more, no ending of a \
            market loses more and no place holds more orders than the caps say, at any step.",
    quick: true,
    min_cases: 300,
    run: |bench| worlds(bench, false),
    sabotage_claim: "an order counts as ended when a cancel of it is acknowledged",
    sabotage: Some(|bench| worlds(bench, true)),
}];

const MARKETS: u16 = 10;
const CENT: u64 = 10_000;

fn caps() -> PolicyCaps {
    let usdc = |cents: u64| Usdc::from_micro(cents * CENT);
    PolicyCaps {
        max_market_loss_usdc: usdc(3_000),
        max_event_loss_usdc: usdc(3_000),
        max_token_orders: 4,
        max_market_orders: 6,
        max_open_orders: 25,
        max_orders_per_minute: 1000,
        max_day_outflow_usdc: usdc(15_000),
        reference_band: Price::from_ten_thousandths(9_999).unwrap_or(Price::ONE),
        ..*wide_policy().caps()
    }
}

fn scenario() -> Result<Scenario, String> {
    let mut text = "schema = 1\nseed = 1\nstart_utc = \"2026-06-06T22:00:00Z\"\n[venue]\nwallet_usdc = \"100000\"\n\
                    [defaults]\ntick = \"0.01\"\nmin_order_shares = \"5\"\n"
        .to_owned();
    for n in 0..MARKETS {
        let (yes, no) = (token_id(n, Outcome::Yes), token_id(n, Outcome::No));
        text.push_str(&format!("[[market]]\nslug = \"m{n}\"\nbuilt_in_book = false\nyes = \"{yes}\"\nno = \"{no}\"\n"));
    }
    Scenario::parse(&text, Path::new(".")).map_err(|why| why.to_string())
}

/// An order as the harness follows it: where the simulator has it, and what the executor has heard.
struct Sent {
    order: NewOrder,
    /// It may still land.
    late: bool,
    landed: bool,
    cancelled: bool,
}

struct World<'a> {
    policy: &'a Policy,
    exchange: Exchange,
    us: AccountIx,
    street: AccountIx,
    at: Timestamp,
    exposure: Exposure,
    rows: Vec<LedgerRow>,
    sent: BTreeMap<OrderId, Sent>,
    /// Trades by the simulator's word: price, shares, settled.
    traded: BTreeMap<(OrderId, String), (Price, Qty, bool)>,
    /// Trades the executor was told of, and whether they settled.
    heard: BTreeMap<(OrderId, String), bool>,
    /// What could be spent when the day began, reservations aside.
    opened_with: u64,
    draws: Draws,
    ack_ends: bool,
    approved: u64,
    breaches: Vec<String>,
    closest: u64,
}

impl<'a> World<'a> {
    fn new(policy: &'a Policy, scenario: &Scenario, seed: u64, ack_ends: bool) -> Result<Self, String> {
        let mut at = scenario.start_utc;
        let mut exchange = Exchange::new(scenario, at).map_err(|why| why.to_string())?;
        let us = exchange.open_account(at, "0x0000000000000000000000000000000000000a11");
        let street = exchange.open_account(at, "0x0000000000000000000000000000000000000b22");
        for n in 0..MARKETS {
            for outcome in [Outcome::Yes, Outcome::No] {
                let many = Qty::from_whole(100_000).unwrap_or(Qty::MAX);
                exchange.grant(at, street, &token_id(n, outcome), many);
            }
        }
        at = at.plus(Nanos::from_secs(1));
        let opened_with = exchange.free(us, MarketIx(0)).0.micro();
        let mut world = Self {
            policy,
            exchange,
            us,
            street,
            at,
            exposure: Exposure::default(),
            rows: Vec::new(),
            sent: BTreeMap::new(),
            traded: BTreeMap::new(),
            heard: BTreeMap::new(),
            opened_with,
            draws: Draws::new(seed),
            ack_ends,
            approved: 0,
            breaches: Vec::new(),
            closest: 0,
        };
        world.write(LedgerRow::Day { at });
        Ok(world)
    }

    fn write(&mut self, row: LedgerRow) {
        self.exposure.apply(&row);
        self.rows.push(row);
    }

    fn became(&mut self, order: OrderId, became: Became) {
        self.write(LedgerRow::Outcome { at: self.at, order, became });
    }

    fn pass(&mut self, seconds: u64) {
        self.at = self.at.plus(Nanos::from_secs(seconds));
        self.exchange.tick(self.at);
    }

    fn run(&mut self) {
        let steps = 40 + self.draws.below(800);
        let mut midnights = 0;
        for _ in 0..steps {
            let pause = self.draws.below(20);
            self.pass(pause);
            match self.draws.below(20) {
                0..=7 if self.sent.len() < 200 => self.place(),
                8..=11 => self.hit(),
                12 => self.cancel(),
                13..=15 => self.hear_trade(),
                16 => self.hear_end(),
                17 => self.land_late(),
                18 => self.settle(),
                _ if self.draws.below(10) == 0 => self.exposure = Exposure::recover(&self.rows),
                _ if midnights < 2 && self.draws.below(8) == 0 => {
                    midnights += 1;
                    self.midnight();
                }
                _ => {}
            }
            self.judge();
        }
    }

    fn place(&mut self) {
        let market = u16::try_from(self.draws.below(u64::from(MARKETS))).unwrap_or(0);
        let outcome = self.draws.outcome();
        let side = if self.draws.below(4) == 0 { Side::Sell } else { Side::Buy };
        let cents = u16::try_from(20 + self.draws.below(60)).unwrap_or(50);
        let price = Price::from_ten_thousandths(cents * 100).unwrap_or(Price::ONE);
        let qty = Qty::from_micro((500 + self.draws.below(1_000)) * CENT);
        let token = Token { market: MarketIx(market), outcome };
        let order = NewOrder { token, side, price, qty, post_only: true, tif: TimeInForce::Gtc };
        let name = token_id(market, outcome);
        let at = self.at;
        let id = ClientOrderId(self.rows.len() as u64 + 1);
        let reference = Reference::new(price, Price::ONE, at);
        let ask = Ask { id, decided: at, token: Some(&name), order, reference };
        let Ok(approved) = decide(self.policy, &self.exposure, Gate::Open { until: Timestamp::MAX }, at, &ask) else {
            return;
        };
        self.approved += 1;
        let mut hash = [7u8; 32];
        hash[..8].copy_from_slice(&id.0.to_be_bytes());
        let hash = OrderId::from_bytes(hash);
        self.write(LedgerRow::Intent(Box::new(IntentRow {
            at,
            epoch: 1,
            run: 1,
            id,
            payload: Digest([0; 32]),
            order: hash,
            salt: id.0,
            at_ms: at.ms(),
            market: condition(market),
            outcome,
            token: name,
            neg_risk: false,
            side,
            price,
            qty,
            tif: order.tif,
            reserve: approved.reserve(),
            gate: Gate::Unchecked,
            policy: self.policy.digest(),
            exposure: Digest([0; 32]),
            reference,
        })));
        self.sent.insert(hash, Sent { order, late: false, landed: false, cancelled: false });
        let unknown = Became::Unknown { why: "".into(), likely_rejected: false };
        match self.draws.below(10) {
            0 => {
                self.land(hash);
                self.became(hash, unknown);
            }
            1 => {
                if let Some(sent) = self.sent.get_mut(&hash) {
                    sent.late = true;
                }
                self.became(hash, unknown);
            }
            2 => {
                self.became(hash, unknown);
                self.became(hash, Became::NeverLanded);
            }
            3 => self.became(hash, Became::NotSent { why: "".into() }),
            _ => {
                let became = if self.land(hash) { Became::Accepted } else { Became::Rejected { why: "".into() } };
                self.became(hash, became);
            }
        }
    }

    /// The POST reaches the venue.
    fn land(&mut self, hash: OrderId) -> bool {
        let Some(sent) = self.sent.get_mut(&hash) else { return false };
        let NewOrder { token, side, price, qty, tif, post_only } = sent.order;
        let request = PlaceRequest {
            id: hash,
            token: token_id(token.market.0, token.outcome),
            side,
            price,
            qty,
            tif,
            post_only,
            owner: String::new(),
        };
        sent.late = false;
        sent.landed = self.exchange.place(self.at, self.us, request).is_ok();
        sent.landed
    }

    fn land_late(&mut self) {
        let Some(hash) = self.pick(|_, sent| sent.late) else { return };
        if !self.land(hash) {
            self.became(hash, Became::NeverLanded);
        }
    }

    fn pick(&mut self, is: impl Fn(&OrderId, &Sent) -> bool) -> Option<OrderId> {
        let fit: Vec<OrderId> = self.sent.iter().filter(|(id, sent)| is(id, sent)).map(|(id, _)| *id).collect();
        let nth = usize::try_from(self.draws.below(fit.len().max(1) as u64)).unwrap_or(0);
        fit.get(nth).copied()
    }

    /// Somebody takes some of what rests.
    fn hit(&mut self) {
        let resting: BTreeSet<OrderId> = self.exchange.resting_briefly(self.us).into_iter().map(|row| row.id).collect();
        let Some(hash) = self.pick(|id, _| resting.contains(id)) else { return };
        let Some(sent) = self.sent.get(&hash) else { return };
        let part = 5 + self.draws.below(30);
        let qty = Qty::from_whole(part).unwrap_or(Qty::ZERO);
        let (side, tif) = (sent.order.side.other(), TimeInForce::Fak);
        let _ =
            self.exchange.submit(self.at, self.street, &NewOrder { side, qty, tif, post_only: false, ..sent.order });
    }

    fn cancel(&mut self) {
        let Some(hash) = self.pick(|_, sent| sent.landed && !sent.cancelled) else { return };
        self.exchange.cancel(self.at, self.us, &[hash]);
        if let Some(sent) = self.sent.get_mut(&hash) {
            sent.cancelled = true;
        }
        if self.ack_ends {
            let matched = self.exposure.order(&hash).map_or(Qty::ZERO, |tracked| tracked.traded());
            self.became(hash, Became::Ended { matched });
        }
    }

    /// Reads the simulator's trades. They settle within a minute: older ones change no more.
    fn look(&mut self) {
        let since = self.at.minus(Nanos::from_secs(120));
        for trade in self.exchange.trades_since(self.us, since) {
            let settled = trade.status.contains("CONFIRMED");
            for (order, price, qty) in trade.makers {
                if self.sent.contains_key(&order) {
                    self.traded.insert((order, trade.id.clone()), (price, qty, settled));
                }
            }
        }
    }

    /// Every trade so far: order, trade, price, shares, settled.
    fn trades(&self) -> Vec<(OrderId, String, Price, Qty, bool)> {
        let row = |((order, id), (price, qty, settled)): (&(OrderId, String), &(Price, Qty, bool))| {
            (*order, id.clone(), *price, *qty, *settled)
        };
        self.traded.iter().map(row).collect()
    }

    fn hear(&mut self, order: OrderId, trade: &str, price: Price, qty: Qty, stage: Stage) {
        let Ok(id) = TradeId::parse(trade) else { return };
        self.became(order, Became::Accepted);
        self.write(LedgerRow::Fill { at: self.at, order, trade: id, price, qty, stage, matched: None });
        self.heard.insert((order, trade.to_owned()), stage == Stage::Confirmed);
    }

    fn hear_trade(&mut self) {
        let fresh = self.traded.iter().find(|(key, _)| !self.heard.contains_key(*key));
        if let Some(((order, id), (price, qty, _))) = fresh.map(|(key, row)| (key.clone(), *row)) {
            self.hear(order, &id, price, qty, Stage::Matched);
        }
    }

    /// The venue's word on how an order ended.
    fn hear_end(&mut self) {
        let live: BTreeSet<OrderId> = self.exposure.live_orders().map(|tracked| tracked.row.order).collect();
        let Some(hash) = self.pick(|id, sent| sent.landed && live.contains(id)) else { return };
        let Some(row) = self.exchange.order_briefly(self.us, &hash) else { return };
        if row.status != "LIVE" && !self.exchange.resting_briefly(self.us).iter().any(|row| row.id == hash) {
            self.became(hash, Became::Ended { matched: row.matched });
        }
    }

    fn settle(&mut self) {
        for (order, id, price, qty, settled) in self.trades() {
            if settled && self.heard.get(&(order, id.clone())) == Some(&false) {
                self.hear(order, &id, price, qty, Stage::Confirmed);
            }
        }
    }

    /// What sales brought in counts on the day it is heard of: all of it is, before the day ends.
    fn midnight(&mut self) {
        self.pass(60);
        self.look();
        for (order, id, price, qty, _) in self.trades() {
            if self.sent.get(&order).is_some_and(|sent| sent.order.side == Side::Sell)
                && !self.heard.contains_key(&(order, id.clone()))
            {
                self.hear(order, &id, price, qty, Stage::Matched);
            }
        }
        self.settle();
        let next = Timestamp::from_ms((self.at.day() + 1) * 86_400_000 + 5_000);
        self.at = next;
        self.exchange.tick(next);
        self.write(LedgerRow::Day { at: next });
        let resting = self.exchange.resting_briefly(self.us);
        let held = resting.iter().filter_map(|row| Some((row, self.sent.get(&row.id)?)));
        let buys = held.filter(|(_, sent)| sent.order.side == Side::Buy);
        // What the simulator keeps back for them, in its own rounding.
        let kept: u64 = buys
            .map(|(row, sent)| {
                let open = sent.order.qty.micro() - row.matched.micro();
                (open * u64::from(sent.order.price.ten_thousandths())).div_ceil(10_000)
            })
            .sum();
        self.opened_with = self.free().saturating_add(kept);
    }

    fn free(&self) -> u64 {
        self.exchange.free(self.us, MarketIx(0)).0.micro()
    }

    fn judge(&mut self) {
        self.look();
        let caps = *self.policy.caps();
        let out = self.opened_with.saturating_sub(self.free());
        self.closest = self.closest.max(out);
        if out > caps.max_day_outflow_usdc.micro() {
            self.breaches.push(format!("a day pays out {out}"));
        }
        let resting = self.exchange.resting_briefly(self.us);
        if resting.len() > caps.max_open_orders as usize {
            self.breaches.push(format!("{} orders rest", resting.len()));
        }
        let mut on_token: BTreeMap<Token, u32> = BTreeMap::new();
        let mut lost: BTreeMap<MarketIx, [i128; 2]> = BTreeMap::new();
        let mut add = |order: &NewOrder, micro: u64, open: bool| {
            let endings = lost.entry(order.token.market).or_default();
            for (ending, sum) in [Outcome::Yes, Outcome::No].into_iter().zip(endings) {
                let pays = if order.token.outcome == ending { 10_000 } else { 0 };
                let each = i128::from(order.price.ten_thousandths()) - pays;
                let each = if order.side == Side::Buy { each } else { -each };
                *sum += i128::from(micro) * if open { each.max(0) } else { each };
            }
        };
        for row in &resting {
            if let Some(sent) = self.sent.get(&row.id) {
                *on_token.entry(sent.order.token).or_default() += 1;
                add(&sent.order, sent.order.qty.micro() - row.matched.micro(), true);
            }
        }
        for ((order, _), (_, qty, settled)) in &self.traded {
            add(&self.sent[order].order, qty.micro(), !settled);
        }
        if on_token.values().any(|orders| *orders > caps.max_token_orders) {
            self.breaches.push("too many orders on a token".to_owned());
        }
        let worst = lost.values().flatten().max().copied().unwrap_or(0) / 10_000;
        if worst > i128::from(caps.max_market_loss_usdc.micro()) + 100 {
            self.breaches.push(format!("an ending loses {worst}"));
        }
    }
}

fn worlds(bench: &mut Bench, ack_ends: bool) -> Verdict {
    let mut evidence = Evidence::default();
    let policy = policy_with(caps(), MARKETS);
    let scenario = match scenario() {
        Ok(scenario) => scenario,
        Err(why) => return Verdict::NotRun(why),
    };
    let (mut approved, mut trades, mut most_orders, mut closest) = (0, 0, 0, 0);
    let mut breaches: Vec<String> = Vec::new();
    for n in 0..bench.depth.pick(300, 500, 100_000) {
        let mut world = match World::new(&policy, &scenario, bench.seed.wrapping_add(n), ack_ends) {
            Ok(world) => world,
            Err(why) => return Verdict::NotRun(why),
        };
        world.run();
        approved += world.approved;
        trades += world.heard.len();
        most_orders = most_orders.max(world.sent.len());
        closest = closest.max(world.closest);
        if let Some(first) = world.breaches.first() {
            breaches.push(format!("world {n}: {first}"));
        }
        evidence.cases += 1;
    }
    evidence.fact("orders approved", approved);
    evidence.fact("trades heard of", trades);
    evidence.fact("most orders in a world", most_orders);
    evidence.fact("most a day paid out or could, micro-dollars", closest);
    evidence.fact("cap, micro-dollars", policy.caps().max_day_outflow_usdc.micro());
    evidence.fact("worlds with a breach", breaches.len());
    for breach in breaches.iter().take(5) {
        evidence.fact("breach", breach);
    }
    verdict(evidence, breaches.is_empty() && trades > 0)
}
