//! Trades: their rows, their way through settlement, and the user-channel words for them and for orders.

use super::{AccountIx, Exchange, Notice};
use crate::accounts::{Party, Settlement};
use mm_core::domain::{OrderId, Outcome, Price, Qty, Side, TimeInForce, Timestamp};
use mm_core::venue::order::order_type_and_expiration;
use mm_core::venue::rest::{MakerOrder, OpenOrder, Trade};
use mm_core::venue::user_ws::{OrderEvent, TradeEvent, UserEvent};

/// How far a trade has settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Matched,
    Mined,
    Confirmed,
}

impl Stage {
    const fn word(self) -> &'static str {
        match self {
            Self::Matched => "MATCHED",
            Self::Mined => "MINED",
            Self::Confirmed => "CONFIRMED",
        }
    }
}

/// The order that arrived: an account's, or a made-up one of the recorded world.
#[derive(Clone, Debug)]
pub(super) struct Taker {
    pub(super) party: Party,
    pub(super) outcome: Outcome,
    pub(super) side: Side,
    pub(super) order: OrderId,
    pub(super) owner: String,
    pub(super) address: String,
}

/// One order that rested.
#[derive(Clone, Debug)]
pub(super) struct MakerPart {
    pub(super) party: Party,
    pub(super) order: OrderId,
    pub(super) owner: String,
    pub(super) address: String,
    pub(super) outcome: Outcome,
    pub(super) side: Side,
    /// Of its own token.
    pub(super) price: Price,
    pub(super) qty: Qty,
}

/// One match at one price.
#[derive(Clone, Debug)]
pub(super) struct TradeRow {
    pub(super) id: String,
    pub(super) market: usize,
    pub(super) taker: Taker,
    /// Of the taker's token.
    pub(super) price: Price,
    pub(super) qty: Qty,
    pub(super) makers: Vec<MakerPart>,
    pub(super) legs: Vec<Settlement>,
    pub(super) at: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) stage: Stage,
    pub(super) transaction: Option<String>,
}

impl TradeRow {
    /// Whether and how the account took part; as taker if both.
    pub(super) fn role(&self, account: AccountIx) -> Option<&'static str> {
        if self.taker.party == Party::Account(account) {
            Some("TAKER")
        } else if self.makers.iter().any(|m| m.party == Party::Account(account)) {
            Some("MAKER")
        } else {
            None
        }
    }

    /// Accounts in it, each once.
    pub(super) fn accounts(&self) -> Vec<AccountIx> {
        let mut out: Vec<AccountIx> = (self.makers.iter().map(|m| m.party).chain([self.taker.party]))
            .filter_map(|party| match party {
                Party::Account(ix) => Some(ix),
                Party::House => None,
            })
            .collect();
        out.sort_unstable();
        out.dedup();
        out
    }
}

/// One order ever accepted.
#[derive(Clone, Debug)]
pub(super) struct OrderRow {
    pub(super) account: AccountIx,
    pub(super) owner: String,
    pub(super) market: usize,
    pub(super) outcome: Outcome,
    pub(super) side: Side,
    pub(super) price: Price,
    pub(super) qty: Qty,
    pub(super) matched: Qty,
    pub(super) tif: TimeInForce,
    pub(super) at: Timestamp,
    /// Position in the order of acceptance.
    pub(super) number: u64,
    pub(super) status: &'static str,
    pub(super) trades: Vec<String>,
}

impl OrderRow {
    pub(super) const fn left(&self) -> Qty {
        self.qty.saturating_sub(self.matched)
    }

    pub(super) fn is_live(&self) -> bool {
        self.status == LIVE
    }
}

/// It rests.
pub(super) const LIVE: &str = "LIVE";
/// It was filled.
pub(super) const MATCHED: &str = "MATCHED";
/// It was cancelled, by its owner or by the dead-man's switch.
pub(super) const CANCELED: &str = "CANCELED";
/// Its GTD time came.
pub(super) const EXPIRED: &str = "CANCELED_EXPIRED_ORDER";
/// Its market closed.
pub(super) const MARKET_GONE: &str = "CANCELED_MARKET_NOT_FOUND";

const fn outcome_index(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Yes => 0,
        Outcome::No => 1,
    }
}

impl Exchange {
    fn outcome_name(&self, market: usize, outcome: Outcome) -> String {
        self.markets[market].outcomes[usize::from(outcome_index(outcome))].clone()
    }

    pub(super) fn maker_orders(&self, trade: &TradeRow, stream: bool) -> Vec<MakerOrder> {
        let facts = &self.markets[trade.market].facts;
        let one = |m: &MakerPart| MakerOrder {
            order_id: m.order,
            owner: m.owner.clone(),
            maker_address: m.address.clone(),
            matched_amount: m.qty,
            price: m.price,
            fee_rate_bps: "0".to_owned(),
            asset_id: facts.token_id(m.outcome).clone(),
            outcome: self.outcome_name(trade.market, m.outcome),
            outcome_index: stream.then_some(outcome_index(m.outcome)),
            side: m.side.to_string(),
        };
        trade.makers.iter().map(one).collect()
    }

    /// Tells every account in the trade where it stands.
    pub(super) fn tell_trade(&mut self, trade: &TradeRow) {
        let facts = &self.markets[trade.market].facts;
        let event = TradeEvent {
            id: trade.id.clone(),
            kind: "TRADE".to_owned(),
            status: trade.stage.word().to_owned(),
            trader_side: String::new(),
            market: facts.condition.clone(),
            asset_id: facts.token_id(trade.taker.outcome).clone(),
            side: trade.taker.side.to_string(),
            price: trade.price,
            size: trade.qty,
            outcome: self.outcome_name(trade.market, trade.taker.outcome),
            fee_rate_bps: "0".to_owned(),
            taker_order_id: trade.taker.order.to_string(),
            owner: trade.taker.owner.clone(),
            trade_owner: trade.taker.owner.clone(),
            maker_address: trade.taker.address.clone(),
            bucket_index: 0,
            match_time: Some(trade.at.secs().to_string()),
            last_update: Some(trade.updated.secs().to_string()),
            timestamp: Some(trade.updated.ms().to_string()),
            transaction_hash: trade.transaction.clone(),
            maker_orders: self.maker_orders(trade, true),
        };
        for account in trade.accounts() {
            let trader_side = trade.role(account).unwrap_or_default().to_owned();
            let event = Box::new(UserEvent::Trade(TradeEvent { trader_side, ..event.clone() }));
            self.notices.push(Notice::User { account, event });
        }
    }

    /// Tells an order's owner what became of it.
    pub(super) fn tell_order(&mut self, id: OrderId, kind: &str) {
        let Some(row) = self.orders.get(&id) else { return };
        let facts = &self.markets[row.market].facts;
        let (order_type, expiration) = order_type_and_expiration(row.tif);
        let event = OrderEvent {
            id,
            kind: kind.to_owned(),
            market: facts.condition.clone(),
            asset_id: facts.token_id(row.outcome).clone(),
            side: row.side.to_string(),
            price: row.price,
            original_size: Some(row.qty),
            size_matched: Some(row.matched),
            outcome: self.outcome_name(row.market, row.outcome),
            status: row.status.to_owned(),
            order_type: order_type.to_owned(),
            expiration: Some(expiration.to_string()),
            owner: row.owner.clone(),
            order_owner: row.owner.clone(),
            maker_address: self.accounts.address(row.account).to_owned(),
            associate_trades: if row.trades.is_empty() { None } else { Some(row.trades.clone()) },
            created_at: Some(row.at.secs().to_string()),
            timestamp: Some(self.now.ms().to_string()),
        };
        let notice = Notice::User { account: row.account, event: Box::new(UserEvent::Order(event)) };
        self.notices.push(notice);
    }

    /// An order as REST lists it.
    pub(super) fn open_order(&self, id: &OrderId, row: &OrderRow) -> OpenOrder {
        let facts = &self.markets[row.market].facts;
        let (order_type, expiration) = order_type_and_expiration(row.tif);
        OpenOrder {
            id: *id,
            status: row.status.to_owned(),
            owner: row.owner.clone(),
            maker_address: self.accounts.address(row.account).to_owned(),
            market: facts.condition.clone(),
            asset_id: facts.token_id(row.outcome).clone(),
            side: row.side.to_string(),
            original_size: row.qty,
            size_matched: row.matched,
            price: row.price,
            associate_trades: Some(row.trades.clone()),
            outcome: self.outcome_name(row.market, row.outcome),
            created_at: row.at.secs(),
            expiration: expiration.to_string(),
            order_type: order_type.to_owned(),
        }
    }

    /// A trade as REST lists it for one account.
    pub(super) fn listed_trade(&self, trade: &TradeRow, role: &str) -> Trade {
        let facts = &self.markets[trade.market].facts;
        Trade {
            id: trade.id.clone(),
            taker_order_id: trade.taker.order.to_string(),
            market: facts.condition.clone(),
            asset_id: facts.token_id(trade.taker.outcome).clone(),
            side: trade.taker.side.to_string(),
            size: trade.qty,
            fee_rate_bps: "0".to_owned(),
            price: trade.price,
            status: trade.stage.word().to_owned(),
            match_time: trade.at.secs().to_string(),
            last_update: trade.updated.secs().to_string(),
            outcome: self.outcome_name(trade.market, trade.taker.outcome),
            bucket_index: 0,
            owner: trade.taker.owner.clone(),
            maker_address: trade.taker.address.clone(),
            transaction_hash: Some(trade.transaction.clone().unwrap_or_default()),
            trader_side: role.to_owned(),
            maker_orders: self.maker_orders(trade, false),
        }
    }

    /// A trade has reached a stage of settlement: balances move when it is mined.
    pub(super) fn settle(&mut self, ix: usize, stage: Stage) {
        if stage == Stage::Mined {
            for leg in &self.trades[ix].legs {
                self.accounts.settle(leg);
            }
            let hash = OrderId::from_bytes(self.draws.bytes32("transaction", "venue", u64::try_from(ix).unwrap_or(0)));
            self.trades[ix].transaction = Some(hash.to_string());
        }
        self.trades[ix].stage = stage;
        self.trades[ix].updated = self.now;
        let trade = self.trades[ix].clone();
        self.tell_trade(&trade);
    }
}
