//! A run at a glance.

use super::bot::{Bot, BotTotals};
use super::checks::Checks;
use super::tally::{Counts, Kind, Profit, Tally};
use super::trail::Trail;
use crate::accounts::Answer;
use crate::draws::whole;
use crate::exchange::Exchange;
use crate::latent::Latent;
use mm_core::domain::{Digest, MarketIx, Outcome, Price, Timestamp};

/// Half a dollar.
const HALF: Price = match Price::from_ten_thousandths(5_000) {
    Some(half) => half,
    None => Price::ONE,
};

/// What happened so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Where virtual time stands.
    pub at: Timestamp,
    /// Events of the queue.
    pub events: u64,
    /// Facts of the venue.
    pub facts: u64,
    /// Times all invariants were looked at.
    pub looked: u64,
    /// Trades.
    pub trades: u64,
    /// Shares traded, millionths.
    pub volume: u64,
    /// One row for each kind that took part.
    pub kinds: Vec<KindRow>,
    /// Our bot's counters.
    pub bot: Option<BotTotals>,
    /// The bot's newest alerts, oldest first.
    pub alerts: Vec<String>,
    /// Entries and last hash of the log.
    pub log: Option<(u64, Digest)>,
}

/// One kind of party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindRow {
    /// Which.
    pub kind: Kind,
    /// Its orders and fills.
    pub counts: Counts,
    /// What it made from each kind it dealt with, fees not in it, shares at their fair value; where that is not known, at the middle
    /// of the book.
    pub from: Vec<(Kind, Profit)>,
    /// Rewards so far, millionths of a dollar.
    pub rewards: u64,
}

impl KindRow {
    /// Trading, rewards and fees together, millionths of a dollar.
    #[must_use]
    pub fn total(&self) -> i64 {
        let trading: i64 = self.from.iter().map(|(_, profit)| profit.micro).sum();
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        trading.saturating_add(signed(self.rewards)).saturating_sub(signed(self.counts.fees))
    }
}

impl Summary {
    pub(super) fn of(
        exchange: &Exchange,
        tally: &Tally,
        trail: &Trail,
        checks: &Checks,
        latent: &Latent,
        bot: Option<&Bot>,
        at: Timestamp,
    ) -> Self {
        let mark = |market: MarketIx| {
            let known = exchange.answered(market).map(payout).or_else(|| fair(latent, market));
            known.unwrap_or_else(|| mark(exchange, market))
        };
        let mut rewards = [0u64; Kind::ALL.len()];
        for account in exchange.status().accounts {
            rewards[tally.kind(account.account) as usize] += account.rewards.micro();
        }
        let kinds = Kind::ALL.into_iter().filter_map(|kind| {
            let row = KindRow {
                kind,
                counts: tally.counts(kind),
                from: (Kind::ALL.into_iter())
                    .map(|with| (with, tally.profit(kind, with, &mark)))
                    .filter(|(_, profit)| profit.fills > 0)
                    .collect(),
                rewards: rewards[kind as usize],
            };
            (row.counts != Counts::default() || !row.from.is_empty() || row.rewards > 0).then_some(row)
        });
        Self {
            at,
            events: trail.events(),
            facts: trail.facts(),
            looked: checks.looked(),
            trades: tally.trades(),
            volume: tally.volume(),
            kinds: kinds.collect(),
            bot: bot.map(Bot::totals),
            alerts: bot.into_iter().flat_map(Bot::alerts).map(str::to_owned).collect(),
            log: trail.logged(),
        }
    }
}

/// What a share of YES pays once the question is answered.
const fn payout(answer: Answer) -> Price {
    match answer {
        Answer::Winner(Outcome::Yes) => Price::ONE,
        Answer::Winner(Outcome::No) => Price::ZERO,
        Answer::Half => HALF,
    }
}

/// What a share of YES is worth now, to a ten-thousandth: the world knows.
fn fair(latent: &Latent, market: MarketIx) -> Option<Price> {
    let ten_thousandths = whole(latent.probability(market)? * 10_000.0 + 0.5);
    u16::try_from(ten_thousandths).ok().and_then(Price::from_ten_thousandths)
}

/// What it would be taken for: the middle of the book, rounded down; the one best price if there is only one.
fn mark(exchange: &Exchange, market: MarketIx) -> Price {
    let top = exchange.top(market);
    let middle = match (top.bid, top.ask) {
        (Some(bid), Some(ask)) => {
            let sum = u32::from(bid.ten_thousandths()) + u32::from(ask.ten_thousandths());
            u16::try_from(sum / 2).ok().and_then(Price::from_ten_thousandths)
        }
        (one, other) => one.or(other),
    };
    middle.unwrap_or(HALF)
}
