//! A played day: makers who come and go at a venue of two markets.

use mm_core::domain::{MarketIx, Nanos, NewOrder, Outcome, Price, Qty, Side, TimeInForce, Timestamp, Token, Usdc};
use sim_exchange::draws::Draws;
use sim_exchange::exchange::{AccountIx, Exchange, Fact, OrderIx};
use sim_exchange::scenario::Scenario;
use std::path::Path;

/// Two markets of accounts alone from midnight to midnight; `accrual` is the venue's rule.
pub(super) fn world(accrual: &str, seed: u64) -> Result<Exchange, String> {
    let mut text = format!(
        r#"
schema = 1
seed = {seed}
start_utc = "2026-06-06T00:00:00Z"
[venue]
wallet_usdc = "100000"
[rewards]
accrual = "{accrual}"
[defaults]
fee = {{ rate = "0.07", exponent = 1, rebate_share = "0.2" }}
rewards = {{ max_spread_cents = "3", min_size_shares = "20", min_age_ms = 4000, rate_usdc_per_day = "0" }}
"#
    );
    for (slug, rate) in [("one", "137.5"), ("two", "31.4159")] {
        let rewards = format!("rewards = {{ rate_usdc_per_day = \"{rate}\" }}");
        text.push_str(&format!("[[market]]\nslug = \"{slug}\"\nbuilt_in_book = false\n{rewards}\n"));
    }
    let scenario = Scenario::parse(&text, Path::new(".")).map_err(|why| why.to_string())?;
    Exchange::new(&scenario, scenario.start_utc).map_err(|why| why.to_string())
}

/// Makers in each world.
pub(super) const MAKERS: u32 = 6;
/// Markets in each world.
pub(super) const MARKETS: u16 = 2;

/// A maker and when it acts next.
pub(super) struct Hand {
    pub(super) account: AccountIx,
    next: Timestamp,
    turns: u64,
    pub(super) orders: Vec<OrderIx>,
}

/// A day of makers who come, quote somewhere around the middle, trade with one another and rest, all by named draws. Nobody
/// quotes in the third hour.
pub(super) struct Day {
    pub(super) exchange: Exchange,
    draws: Draws,
    pub(super) start: Timestamp,
    pub(super) hands: Vec<Hand>,
    pub(super) paid: Vec<(AccountIx, Usdc)>,
}

impl Day {
    pub(super) fn new(accrual: &str, seed: u64) -> Result<Self, String> {
        let mut exchange = world(accrual, seed)?;
        let start = exchange.now();
        let hands = (0..MAKERS)
            .map(|n| Hand {
                account: exchange.open_account(start, &format!("0x{:040x}", n + 1)),
                next: start.plus(Nanos::from_secs(u64::from(n))),
                turns: 0,
                orders: Vec::new(),
            })
            .collect();
        exchange.set_rendering(false);
        Ok(Self { exchange, draws: Draws::new(seed), start, hands, paid: Vec::new() })
    }

    /// The next thing to happen: a maker's turn or something of the venue's, whichever comes first.
    pub(super) fn next(&self) -> (Timestamp, Option<usize>) {
        let turn = self.hands.iter().enumerate().map(|(n, hand)| (hand.next, Some(n))).min();
        let venue = self.exchange.next_deadline().map(|at| (at, None));
        turn.into_iter().chain(venue).min().unwrap_or((Timestamp::MAX, None))
    }

    pub(super) fn end(&self) -> Timestamp {
        self.start.plus(Nanos::from_secs(86_400))
    }

    /// Lets one thing happen.
    pub(super) fn step(&mut self, at: Timestamp, hand: Option<usize>) -> Result<(), String> {
        match hand {
            None => self.exchange.tick(at),
            Some(n) => self.turn(at, n),
        }
        for fact in self.exchange.facts() {
            if let Fact::Paid { account, amount, .. } = fact {
                self.paid.push((account, amount));
            }
        }
        self.exchange.check().map_err(|why| why.to_string())
    }

    fn turn(&mut self, at: Timestamp, n: usize) {
        let (name, turns) = (format!("maker/{n}"), self.hands[n].turns);
        let draw = |what: &str, below: u64| self.draws.below(what, &name, turns, below);
        let (outcome, side, away, shares) = (draw("token", 2), draw("side", 2), draw("away", 5), draw("size", 180));
        let (market, wait) = (draw("market", u64::from(MARKETS)), 5 + draw("wait", 90));
        let hand = &mut self.hands[n];
        hand.turns += 1;
        hand.next = at.plus(Nanos::from_secs(wait));
        let account = hand.account;
        let rests = at.since(self.start).ms() / 3_600_000 == 2;
        if hand.orders.len() > 3 || rests {
            for order in hand.orders.drain(..) {
                self.exchange.withdraw_order(at, account, order);
            }
        }
        if rests {
            return;
        }
        let market = MarketIx(u16::try_from(market).unwrap_or(0));
        let outcome = if outcome == 0 { Outcome::Yes } else { Outcome::No };
        // some of them cross the middle: makers trade with one another
        let cents = if side == 0 { 51 - away } else { 48 - away / 2 };
        let price = u16::try_from(cents * 100).ok().and_then(Price::from_ten_thousandths).unwrap_or(Price::ZERO);
        let order = NewOrder {
            token: Token { market, outcome },
            side: Side::Buy,
            price,
            qty: Qty::from_micro((5 + shares) * 1_000_000),
            post_only: false,
            tif: TimeInForce::Gtc,
        };
        if let Ok(accepted) = self.exchange.submit(at, account, &order) {
            hand.orders.push(accepted.order);
        }
    }

    /// Runs until just before midnight, looking after each step.
    pub(super) fn run(
        &mut self,
        mut look: impl FnMut(&mut Self, Timestamp) -> Result<(), String>,
    ) -> Result<(), String> {
        loop {
            let (at, hand) = self.next();
            if at >= self.end() {
                return Ok(());
            }
            self.step(at, hand)?;
            look(self, at)?;
        }
    }

    pub(super) fn close(&mut self) -> Result<(), String> {
        self.step(self.end(), None)
    }

    pub(super) fn samples(&self, market: u16) -> u64 {
        self.exchange.programme().epoch(MarketIx(market)).map_or(0, |epoch| epoch.samples())
    }
}
