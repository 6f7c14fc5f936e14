//! The bot and the venue of one proof, and what "healthy" means.

use super::Sabotage;
use super::cases::Case;
use crate::demo::ledger::known_before_sent;
use crate::proof::Bench;
use crate::stack::{Options, Stack, StackError};
use mm_core::domain::{OrderId, Price, Timestamp, TokenId};
use mm_core::engine::Snapshot;
use mm_core::event::Top;
use mm_core::venue::rest::OpenOrder;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long a bot may take to be healthy, after a fault or at first: longer than an executor waits after the venue said that it takes no
/// orders (30 s, `executor/src/desk/checks.rs`).
const HEALTHY: Duration = Duration::from_secs(45);
/// Between two times that the venue fills orders of ours.
const BETWEEN_FILLS: Duration = Duration::from_millis(1_500);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// Watchdogs and probes faster than in production, so that a case takes seconds.
const CORE: &[(&str, &str, i64)] = &[
    ("feed", "ping_every_ms", 1_000),
    ("feed", "pong_timeout_ms", 2_500),
    ("feed", "probe_after_ms", 700),
    ("feed", "dead_after_ms", 3_000),
    ("feed", "snapshot_wait_ms", 1_000),
    ("feed", "reconnect_max_ms", 1_000),
    ("risk", "cool_down_ms", 500),
    ("orders", "min_edit_interval_ms", 300),
];
const SLEEPY: &[(&str, &str, i64)] = &[
    ("feed", "pong_timeout_ms", 300_000),
    ("feed", "probe_after_ms", 600_000),
    ("feed", "dead_after_ms", 3_600_000),
    ("feed", "witness_every_ms", 3_600_000),
];
const EXECUTOR: &[(&str, &str, i64)] = &[
    ("gate", "user_probe_ms", 500),
    ("gate", "user_tell_ms", 1_000),
    ("gate", "user_dead_ms", 6_000),
    ("gate", "heartbeat_every_ms", 1_000),
    ("gate", "heartbeat_max_age_ms", 6_000),
    ("gate", "clock_every_ms", 1_000),
    ("gate", "closed_only_every_ms", 1_000),
    ("gate", "request_timeout_ms", 2_000),
    ("gate", "late_landing_ms", 10_000),
    ("gate", "pauses_max", 1_000),
];

pub(super) struct Stage {
    stack: Stack,
    sabotage: Sabotage,
}

/// What ends a case before it is through.
pub(super) enum Failure {
    /// Bot or venue are not as they must be.
    Wrong(String),
    /// The stage does not answer: nothing is shown.
    Broken(StackError),
}

impl From<StackError> for Failure {
    fn from(why: StackError) -> Self {
        Self::Broken(why)
    }
}

impl Stage {
    /// Two recorded markets at four times their time, and the bot, which offers what it holds if it `sells`.
    pub(super) async fn set(bench: &Bench, sabotage: Sabotage, sells: bool) -> Result<Self, StackError> {
        let mut options = Options::new(bench.root.clone(), bench.bin_dir.clone(), bench.evidence.clone());
        (options.speed, options.markets) = (4.0, Some(2));
        (options.witness_ms, options.geoblock_every_ms) = (500, 1_000);
        let keys = |table: &[(&'static str, &'static str, i64)]| {
            table.iter().map(|(section, key, value)| (*section, *key, toml::Value::Integer(*value))).collect::<Vec<_>>()
        };
        options.core_keys = keys(CORE);
        if sabotage == Sabotage::SleepyWatchdogs {
            options.core_keys.extend(keys(SLEEPY));
        }
        options.executor_keys = keys(EXECUTOR);
        if sabotage == Sabotage::PatientWithTheStream {
            options.executor_keys.extend(keys(&[("gate", "user_tell_ms", 60_000)]));
        }
        // what is bought by one case must not keep the next one from quoting
        let much = |section, key, dollars: &str| (section, key, toml::Value::String(dollars.to_owned()));
        options.core_keys.extend([
            much("quote", "max_held_shares", "20000"),
            much("risk", "max_market_usdc", "9000"),
            much("risk", "max_total_usdc", "18000"),
        ]);
        if sells {
            options.core_keys.push(much("quote", "sell_from_shares", "20"));
        }
        options.executor_keys.extend([
            much("policy", "max_market_usdc", "10000"),
            much("policy", "max_total_usdc", "20000"),
            much("policy", "max_market_loss_usdc", "10000"),
            much("policy", "max_event_loss_usdc", "10000"),
            much("policy", "max_total_loss_usdc", "20000"),
            much("policy", "max_token_resting_usdc", "10000"),
            much("policy", "max_market_resting_usdc", "20000"),
            much("policy", "max_event_resting_usdc", "20000"),
            much("policy", "max_day_bought_usdc", "20000"),
        ]);
        Ok(Self { stack: Stack::start(options).await?, sabotage })
    }

    /// Switches the case's fault on, to last until it is switched off.
    pub(super) async fn switch_on(&self, case: &Case) -> Result<(), StackError> {
        let mut body: Value =
            serde_json::from_str(case.with).map_err(|why| StackError(format!("{}: {why}", case.with)))?;
        body["kind"] = json!(case.kind);
        if self.sabotage == Sabotage::DeafToUpdates {
            body["update"] = json!("ignored");
        }
        self.stack.switch_fault(&body).await?;
        match case.beside {
            Some(kind) => self.stack.switch_fault(&json!({ "kind": kind })).await,
            None => Ok(()),
        }
    }

    pub(super) async fn switch_off(&self) -> Result<(), StackError> {
        self.stack.end_faults().await
    }

    /// Lets the fault act.
    pub(super) async fn lives(&self, case: &Case) -> Result<(), Failure> {
        tokio::time::sleep(case.acts()).await;
        Ok(())
    }

    /// Every order is withdrawn while the fault acts.
    pub(super) async fn withdraws(&self, case: &Case) -> Result<(), Failure> {
        self.stack.wait_for(case.acts(), "the bot to withdraw", |open| open == 0).await?.map_err(Failure::Wrong)
    }

    /// Looks again and again until all is as it should be; after `limit` it tells what is not. From `fill_from` on the venue takes
    /// resting orders of ours meanwhile, until the executor halts.
    async fn until(
        &self,
        limit: Duration,
        fill_from: Option<Duration>,
        look: impl AsyncFn() -> Result<Result<(), String>, StackError>,
    ) -> Result<(), Failure> {
        let begun = Instant::now();
        let mut fill_at = fill_from.map(|after| begun + after);
        loop {
            let Err(why) = look().await? else { return Ok(()) };
            if begun.elapsed() > limit {
                return Err(Failure::Wrong(why));
            }
            let is_due = fill_at.is_some_and(|at| Instant::now() >= at);
            if is_due && !self.is_halted()? && self.stack.open_orders_at_venue().await? > 0 {
                self.stack.switch_fault(&json!({"kind": "several-orders"})).await?;
                fill_at = Some(Instant::now() + BETWEEN_FILLS);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// No order rests in the venue's first market, for an answer that is proposed, which keeps the other from nothing.
    pub(super) async fn leaves_first(&self, case: &Case) -> Result<(), Failure> {
        let first = &self.stack.ready.markets[0].condition;
        let look = async || {
            let markets = self.stack.snapshot().await?.markets;
            let left = markets.iter().all(|market| {
                let resolving = market.no_quote.as_deref() == Some("resolving");
                let is_first = market.condition.as_str() == first;
                is_first == resolving && (!is_first || market.orders.is_empty())
            });
            let told = markets.iter().map(|market| (&market.condition, market.orders.len(), &market.no_quote));
            Ok(if left { Ok(()) } else { Err(format!("orders and reasons: {:?}", told.collect::<Vec<_>>())) })
        };
        self.until(case.acts(), None, look).await
    }

    /// The executor halts, and nothing rests. Whoever rests well posts nothing, and meets no fault of posts: after half the time orders
    /// are filled, so that others are placed.
    pub(super) async fn halts(&self, case: &Case) -> Result<(), Failure> {
        let look = async || {
            let (halted, open) = (self.is_halted()?, self.stack.open_orders_at_venue().await?);
            Ok(if halted && open == 0 { Ok(()) } else { Err(format!("halted: {halted}, {open} orders rest")) })
        };
        self.until(case.acts(), Some(case.acts() / 2), look).await
    }

    /// Orders are filled until the executor says that it does not trust its user stream, with nothing resting.
    pub(super) async fn distrusts(&self, case: &Case) -> Result<(), Failure> {
        let look = async || {
            let gate = self.stack.executor_status()?["desk"]["gate"].to_string();
            let open = self.stack.open_orders_at_venue().await?;
            let distrusts = gate.contains("UserStream") && open == 0;
            Ok(if distrusts { Ok(()) } else { Err(format!("the gate is {gate}, {open} orders rest")) })
        };
        self.until(case.acts(), Some(Duration::ZERO), look).await
    }

    /// Whether the executor waits for a person.
    pub(super) fn is_halted(&self) -> Result<bool, StackError> {
        self.stack.is_halted()
    }

    /// A person lets the executor trade again, once it is flat.
    pub(super) async fn arm(&self) -> Result<(), Failure> {
        self.stack.arm(HEALTHY).await?.map_err(Failure::Wrong)
    }

    /// Lets the venue take our resting orders until some have been filled, and for as long as the fault acts.
    pub(super) async fn is_filled(&self, case: &Case) -> Result<(), Failure> {
        let (before, begun) = (self.fills().await?, Instant::now());
        let look = async || {
            let filled = self.fills().await? > before;
            let through = filled && begun.elapsed() >= case.acts();
            Ok(if through { Ok(()) } else { Err("nothing was filled".to_owned()) })
        };
        self.until(HEALTHY, Some(Duration::ZERO), look).await
    }

    /// Lets the venue take our resting orders until a token is for sale of which nothing had been bought before.
    pub(super) async fn sells(&self, case: &Case) -> Result<(), Failure> {
        let ours = async || self.stack.orders_of(&self.stack.address).await;
        let bought = |order: &OpenOrder| order.side == "BUY" && !order.size_matched.is_zero();
        let before: BTreeSet<TokenId> = ours().await?.into_iter().filter(bought).map(|order| order.asset_id).collect();
        let look = async || {
            let for_sale = ours().await?.iter().any(|order| order.side == "SELL" && !before.contains(&order.asset_id));
            Ok(if for_sale { Ok(()) } else { Err("nothing that was bought meanwhile is for sale".to_owned()) })
        };
        self.until(case.acts(), Some(Duration::ZERO), look).await
    }

    /// Fills of our account so far, as the venue counts them.
    async fn fills(&self) -> Result<u64, StackError> {
        let status = self.stack.venue_status().await?;
        Ok(account(&status, &self.stack.address).and_then(|row| row["fills"].as_u64()).unwrap_or(0))
    }

    /// Waits until the bot is healthy; says what was not.
    pub(super) async fn healthy(&self, when: &str) -> Result<(), Failure> {
        let look = async || Ok(self.look().await?.map_err(|why| format!("not healthy {when}: {why}")));
        self.until(HEALTHY, None, look).await
    }

    /// One look: books, quotes, orders, shares. The inner error says what is not as it should be.
    async fn look(&self) -> Result<Result<(), String>, StackError> {
        let before = self.stack.venue_status().await?;
        let snapshot = self.stack.snapshot().await?;
        let executor = self.stack.executor_status()?;
        let after = self.stack.venue_status().await?;
        let desk = &executor["desk"];
        if !desk["halted"].is_null() {
            return Ok(Err(format!("halted: {}", desk["halted"])));
        }
        let checks = [
            // the market moves on meanwhile: the core's books may be those of either look
            self.books(&before, &snapshot).or_else(|_| self.books(&after, &snapshot)),
            orders(&after, &self.stack.address, desk, &snapshot),
            self.shares(&snapshot).await?,
        ];
        Ok(checks.into_iter().collect())
    }

    /// The core's books are synced and show the venue's tops.
    fn books(&self, venue: &Value, snapshot: &Snapshot) -> Result<(), String> {
        for market in &snapshot.markets {
            let mut rows = venue["markets"].as_array().into_iter().flatten();
            let row = rows.find(|row| row["condition"] == market.condition.as_str());
            let row = row.ok_or_else(|| format!("{} is not listed", market.condition))?;
            if row["open"] != true {
                return Err(format!("{} is closed", market.condition));
            }
            let price = |key: &str| row[key].as_str().and_then(|text| Price::parse(text).ok());
            let mut told = Top { bid: price("bid"), ask: price("ask") };
            if self.sabotage == Sabotage::OtherToken {
                told = told.mirrored();
            }
            let top = Top { bid: market.bid, ask: market.ask };
            if market.sync != "synced" || top != told {
                return Err(format!("{}: {} with {top:?}, the venue shows {told:?}", row["slug"], market.sync));
            }
        }
        Ok(())
    }

    /// What the core believes to hold is what the venue says, fills that are not settled yet included.
    async fn shares(&self, snapshot: &Snapshot) -> Result<Result<(), String>, StackError> {
        for market in &snapshot.markets {
            let url = format!(
                "{}/v2/positions?user={}&condition_id={}",
                self.stack.ready.data, self.stack.address, market.condition
            );
            let body = self.stack.get(&url).await?;
            let rows = body["data"].as_array().cloned().unwrap_or_default();
            for (outcome, held) in [(0, &market.yes), (1, &market.no)] {
                let row = rows.iter().find(|row| row["outcome_index"] == outcome);
                let text = row.and_then(|row| row["current_size"].as_str()).unwrap_or("0");
                let mut venue =
                    mm_core::domain::Qty::parse(text).map_err(|why| StackError(format!("{text}: {why}")))?;
                if self.sabotage == Sabotage::OneShareMore && !venue.is_zero() {
                    venue = venue.saturating_add(mm_core::domain::Qty::from_micro(1_000_000));
                }
                if held.matched != venue {
                    return Ok(Err(format!(
                        "{}: {outcome}: the core holds {held:?}, the venue says {venue}",
                        market.condition
                    )));
                }
            }
        }
        Ok(Ok(()))
    }

    /// Makes the account flat, and holds the ledger against everything the venue accepted.
    pub(super) async fn end(mut self) -> Result<(), Failure> {
        self.switch_off().await?;
        self.stack.executor_command(&["cancel-all"], Duration::from_secs(30))?;
        self.stack.wait_for(HEALTHY, "cancel-all", |open| open == 0).await?.map_err(Failure::Wrong)?;
        let accepted: Vec<(OrderId, Timestamp)> = self.stack.accepted_orders().await?;
        let ledger = self.stack.dir().join("executor/ledger.sqlite");
        let complaints = self.stack.stop_core_and_executor().await;
        let known = known_before_sent(&ledger, &accepted);
        let others = self.stack.stop().await;
        if let Some(what) = complaints.into_iter().chain(others).next() {
            return Err(Failure::Wrong(what));
        }
        let known = known?;
        match (known.missing, known.late) {
            (0, 0) => Ok(()),
            (missing, late) => {
                Err(Failure::Wrong(format!("of {} orders {missing} are unknown, {late} late", known.accepted)))
            }
        }
    }
}

/// The row of a wallet in the venue's status.
fn account<'a>(venue: &'a Value, address: &str) -> Option<&'a Value> {
    let is_ours = |row: &&Value| row["address"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(address));
    venue["accounts"].as_array()?.iter().find(is_ours)
}

/// Quotes rest, and venue, executor and core count the same orders.
fn orders(venue: &Value, address: &str, desk: &Value, snapshot: &Snapshot) -> Result<(), String> {
    let open = account(venue, address).and_then(|row| row["open_orders"].as_u64()).unwrap_or(0);
    let core: Vec<&str> = snapshot.markets.iter().flat_map(|m| &m.orders).map(|order| order.state.as_str()).collect();
    let states: BTreeSet<&str> = core.iter().copied().collect();
    if open == 0 {
        return Err(format!(
            "nothing rests; core: {:?} {:?}",
            snapshot.halted_by,
            snapshot.markets.iter().map(|m| m.no_quote.clone()).collect::<Vec<_>>()
        ));
    }
    let counts = (desk["open_orders"].as_u64(), desk["unknown"].as_u64(), u64::try_from(core.len()).ok());
    if counts != (Some(open), Some(0), Some(open)) || states != BTreeSet::from(["open"]) {
        return Err(format!(
            "the venue holds {open} orders; executor {}, unknown {}; core {core:?}",
            desk["open_orders"], desk["unknown"]
        ));
    }
    Ok(())
}
