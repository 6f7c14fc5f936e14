//! `matching.json`: price-time priority scripts through the venue's own engine.
//!
//! Prices are cents of YES, sizes shares, the tick is one cent; an agent that meets itself loses its resting order; IOC is the
//! venue's FAK, and a placement without a price a FAK at the last tick. The venue's dollar minimum and its size minimum are off: the
//! scripts know neither.

use super::CaseResult;
use mm_core::domain::{MarketIx, NewOrder, Outcome, Price, Qty, Side, TimeInForce, Timestamp, Token};
use serde_json::{Value, json};
use sim_exchange::exchange::{Accepted, AccountIx, Ended, Exchange, Fact, OrderChange, OrderIx, RejectWhy};
use sim_exchange::scenario::Scenario;
use std::collections::BTreeMap;
use std::path::Path;

const WORLD: &str = r#"
schema = 1
seed = 1
start_utc = "2026-01-01T00:00:00Z"
[venue]
self_trade = "cancel-resting"
wallet_usdc = "1000000"
marketable_min_usdc = "0"
[[market]]
slug = "vectors"
min_order_shares = "0.01"
built_in_book = false
"#;

/// Shares of each outcome an agent starts with: more than any script sells.
const STOCK: u64 = 100_000;

/// Runs every case of the file.
pub(crate) fn run(document: &Value) -> Vec<CaseResult> {
    let cases = document["cases"].as_array().map(Vec::as_slice).unwrap_or_default();
    let one = |case: &Value| CaseResult { id: case["id"].as_str().unwrap_or("?").to_owned(), outcome: check(case) };
    cases.iter().map(one).collect()
}

/// The venue and the names a script gives its agents and orders.
struct Stage {
    exchange: Exchange,
    start: Timestamp,
    agents: BTreeMap<String, AccountIx>,
    /// Newest first: a row of the venue may be used again.
    orders: Vec<(OrderIx, String, AccountIx)>,
    trades: Vec<Value>,
    rejects: Vec<Value>,
}

fn check(case: &Value) -> Result<(), String> {
    let scenario = Scenario::parse(WORLD, Path::new(".")).map_err(|why| why.to_string())?;
    let start = scenario.start_utc;
    let mut exchange = Exchange::new(&scenario, start).map_err(|why| why.to_string())?;
    exchange.set_rendering(false);
    exchange.facts().for_each(drop);
    let (agents, orders) = (BTreeMap::new(), Vec::new());
    let mut stage = Stage { exchange, start, agents, orders, trades: Vec::new(), rejects: Vec::new() };
    let mut tops = Vec::new();
    for command in case["commands"].as_array().ok_or("commands is not a list")? {
        stage.obey(command)?;
        stage.exchange.check().map_err(|why| why.to_string())?;
        let top = stage.exchange.top(MarketIx(0));
        tops.push(json!([top.bid.map(cents), top.ask.map(cents)]));
    }
    let book = json!({ "bids": stage.side(Side::Buy)?, "asks": stage.side(Side::Sell)? });
    for (what, came) in
        [("trades", json!(stage.trades)), ("rejects_and_expiries", json!(stage.rejects)), ("book", book)]
    {
        super::expect_equal(what, &case[what], &came)?;
    }
    // the long random scripts name only the last of the tops
    match case.get("final_top") {
        Some(last) => super::expect_equal("final_top", last, &json!(tops.last())),
        None => super::expect_equal("top_of_book_after_each", &case["top_of_book_after_each"], &json!(tops)),
    }
}

const YES: Token = Token { market: MarketIx(0), outcome: Outcome::Yes };

fn cents(price: Price) -> u16 {
    price.ten_thousandths() / 100
}

fn whole(qty: Qty) -> u64 {
    qty.micro() / 1_000_000
}

impl Stage {
    fn obey(&mut self, command: &Value) -> Result<(), String> {
        let id = super::text(command, "/id")?.to_owned();
        let op = super::text(command, "/op")?;
        match op {
            "place" => self.place(&id, command)?,
            "cancel" => {
                let done = self
                    .order(&id)
                    .is_some_and(|(order, account)| self.exchange.withdraw_order(self.start, account, order));
                if !done {
                    self.rejects.push(json!({ "id": id, "reason": "unknown_or_done" }));
                }
            }
            "reduce" => {
                let to = Qty::from_whole(super::number(command, "/qty")?).ok_or("qty is too large")?;
                let (order, account) = self.order(&id).ok_or("a reduce of an unknown order")?;
                let has = self.resting(order).ok_or("a reduce of an order that does not rest")?;
                if !self.exchange.reduce(self.start, account, order, has.saturating_sub(to)) {
                    return Err(format!("{id} cannot be reduced to {to}"));
                }
            }
            other => return Err(format!("unknown op {other:?}")),
        }
        self.listen(&id, op == "cancel")
    }

    fn place(&mut self, id: &str, command: &Value) -> Result<(), String> {
        let agent = super::text(command, "/agent")?;
        let account = self.agent(agent)?;
        let side = Side::parse(super::text(command, "/side")?).ok_or("side is neither buy nor sell")?;
        let qty = Qty::from_whole(super::number(command, "/qty")?).ok_or("qty is too large")?;
        let tif = match command["tif"].as_str() {
            Some("IOC") => TimeInForce::Fak,
            Some("FOK") => TimeInForce::Fok,
            None => TimeInForce::Gtc,
            Some(other) => return Err(format!("unknown tif {other:?}")),
        };
        let taken = match command["px"].as_u64() {
            None => self.exchange.submit_market(self.start, account, (YES, side, qty), false),
            Some(px) => {
                let price = u16::try_from(px * 100).ok().and_then(Price::from_ten_thousandths);
                let price = price.ok_or("px is not below a dollar")?;
                let post_only = command["post_only"].as_bool().unwrap_or(false);
                self.exchange.submit(self.start, account, &NewOrder { token: YES, side, price, qty, post_only, tif })
            }
        };
        match taken {
            Ok(Accepted { order, .. }) => self.orders.insert(0, (order, id.to_owned(), account)),
            Err(RejectWhy::WouldCross) => self.rejects.push(json!({ "id": id, "reason": "post_only_would_cross" })),
            Err(RejectWhy::NotFillable) => self.rejects.push(json!({ "id": id, "reason": "fok_not_fillable" })),
            Err(RejectWhy::NothingToMatch) => {
                self.rejects.push(json!({ "id": id, "reason": "remainder_expired", "qty": whole(qty) }));
            }
            Err(other) => {
                return Err(format!("{id}: {}", other.reject(&mm_core::domain::OrderId::from_bytes([0; 32]))));
            }
        }
        Ok(())
    }

    fn agent(&mut self, name: &str) -> Result<AccountIx, String> {
        if let Some(known) = self.agents.get(name) {
            return Ok(*known);
        }
        let account = self.exchange.open_account(self.start, name);
        let stock = Qty::from_whole(STOCK).ok_or("the stock is too large")?;
        self.exchange.split(self.start, account, MarketIx(0), stock).map_err(|why| why.to_string())?;
        self.agents.insert(name.to_owned(), account);
        Ok(account)
    }

    fn order(&self, id: &str) -> Option<(OrderIx, AccountIx)> {
        self.orders.iter().find(|(_, name, _)| name == id).map(|(order, _, account)| (*order, *account))
    }

    fn name(&self, order: OrderIx) -> Result<&str, String> {
        let found = self.orders.iter().find(|(known, _, _)| *known == order);
        found.map(|(_, name, _)| name.as_str()).ok_or_else(|| format!("order {} has no name", order.0))
    }

    fn resting(&self, order: OrderIx) -> Option<Qty> {
        let all = [Side::Buy, Side::Sell].into_iter().flat_map(|side| self.exchange.queue(MarketIx(0), side));
        all.into_iter().find(|(_, resting)| resting.order == order).map(|(_, resting)| resting.remaining)
    }

    /// One side of the book, best price first, then by arrival.
    fn side(&self, side: Side) -> Result<Value, String> {
        let rows = self
            .exchange
            .queue(MarketIx(0), side)
            .into_iter()
            .map(|(price, resting)| Ok(json!([self.name(resting.order)?, cents(price), whole(resting.remaining)])));
        rows.collect::<Result<Vec<Value>, String>>().map(Value::from)
    }

    /// What the venue told about the last command, in the script's words.
    fn listen(&mut self, command: &str, cancels: bool) -> Result<(), String> {
        let facts: Vec<Fact> = self.exchange.facts().collect();
        for fact in facts {
            match fact {
                Fact::Fill { order, price, qty, taker: false, .. } => {
                    let maker = self.name(order)?;
                    let row = json!({ "maker": maker, "taker": command, "px": cents(price), "qty": whole(qty) });
                    self.trades.push(row);
                }
                Fact::Order { order, change: OrderChange::Ended(Ended::Canceled), left, .. } if !cancels => {
                    let name = self.name(order)?.to_owned();
                    self.rejects.push(if name == command {
                        json!({ "id": name, "reason": "remainder_expired", "qty": whole(left) })
                    } else {
                        json!({ "id": name, "reason": "stp_cancel_resting" })
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }
}
