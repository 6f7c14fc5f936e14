//! Every order the venue remembers: rows in a slab, addressed by [`OrderIx`]; the papers of those that came over the wire beside
//! them; the resting ones of each account in order of acceptance.

use super::AccountIx;
use super::fact::{Ended, OrderIx, TradeIx};
use crate::mechanism::Slot;
use mm_core::domain::{MarketIx, OrderId, Outcome, Price, Qty, Side, TimeInForce, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Most orders that may be unfinished at once; behind it placing fails with the venue's own 500.
pub const ORDERS_MAX: usize = 500_000;

/// Finished orders that are remembered unless the caller wants another number: then the oldest is forgotten, its id is unknown to
/// reads, and its row is given to a new order.
pub const ORDERS_KEPT: usize = 65_536;

const NONE: u32 = u32::MAX;

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Status {
    /// It rests, or is on its way through matching.
    Live,
    /// Its market holds it back for a moment.
    Delayed,
    /// It was held back, found nothing to match, and rests.
    Unmatched,
    /// Filled.
    Matched,
    /// Gone with something left.
    Ended(Ended),
}

impl Status {
    /// The venue's word.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Live => "LIVE",
            Self::Delayed => "DELAYED",
            Self::Unmatched => "UNMATCHED",
            Self::Matched => "MATCHED",
            Self::Ended(Ended::Canceled) => "CANCELED",
            Self::Ended(Ended::Expired) => "CANCELED_EXPIRED_ORDER",
            Self::Ended(Ended::MarketClosed) => "CANCELED_MARKET_NOT_FOUND",
            Self::Ended(Ended::MarketResolved) => "CANCELED_MARKET_RESOLVED",
            Self::Ended(Ended::NotEnoughBalance) => "CANCELED_NOT_ENOUGH_BALANCE",
            Self::Ended(Ended::NotFillable) => {
                "CANCELED_order couldn't be fully filled. FOK orders are fully filled or killed."
            }
            Self::Ended(Ended::NothingToMatch) => {
                "CANCELED_no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
            }
        }
    }
}

/// One order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OrderRow {
    pub(super) account: AccountIx,
    pub(super) market: MarketIx,
    pub(super) outcome: Outcome,
    pub(super) side: Side,
    pub(super) price: Price,
    pub(super) status: Status,
    pub(super) qty: Qty,
    pub(super) matched: Qty,
    pub(super) tif: TimeInForce,
    pub(super) at: Timestamp,
    /// Position in the order of acceptance, from 1.
    pub(super) number: u64,
    /// Where it waits in its book; a restored book tells it anew.
    #[serde(skip)]
    pub(super) slot: Slot,
    /// Remembered trades that name it: while there are any, so is it.
    pub(super) pins: u32,
    /// Neighbours in its account's list of resting orders.
    next: u32,
    prev: u32,
    rests: bool,
    /// Its turn to be forgotten has come while trades still named it: the last of them takes it along.
    overdue: bool,
}

impl OrderRow {
    pub(super) const fn left(&self) -> Qty {
        self.qty.saturating_sub(self.matched)
    }

    /// Whether it waits in a book.
    pub(super) const fn rests(&self) -> bool {
        self.rests
    }
}

/// What an order is made of at its acceptance.
pub(super) struct Fresh {
    pub(super) account: AccountIx,
    pub(super) market: MarketIx,
    pub(super) outcome: Outcome,
    pub(super) side: Side,
    pub(super) price: Price,
    pub(super) qty: Qty,
    pub(super) tif: TimeInForce,
    pub(super) at: Timestamp,
}

/// What only the wire needs of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Paper {
    /// Its hash; `None` for an order that came without one.
    pub(super) id: Option<OrderId>,
    /// API key it was placed with.
    pub(super) owner: String,
    /// Trades it took part in.
    pub(super) trades: Vec<TradeIx>,
}

/// An account's resting orders: first, last, how many; and its fills so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct List {
    head: u32,
    tail: u32,
    count: u32,
    fills: u64,
}

const EMPTY: List = List { head: NONE, tail: NONE, count: 0, fills: 0 };

/// The table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Orders {
    rows: Vec<OrderRow>,
    papers: Vec<Option<Box<Paper>>>,
    free: Vec<OrderIx>,
    by_id: BTreeMap<OrderId, OrderIx>,
    lists: Vec<List>,
    unfinished: usize,
    /// Oldest first.
    finished: VecDeque<OrderIx>,
    kept: usize,
    accepted: u64,
}

impl Orders {
    pub(super) const fn new() -> Self {
        Self {
            rows: Vec::new(),
            papers: Vec::new(),
            free: Vec::new(),
            by_id: BTreeMap::new(),
            lists: Vec::new(),
            unfinished: 0,
            finished: VecDeque::new(),
            kept: ORDERS_KEPT,
            accepted: 0,
        }
    }

    /// How many finished orders are remembered from now on.
    pub(super) fn keep(&mut self, kept: usize) {
        self.kept = kept;
        self.forget_old();
    }

    /// Whether no further order can be taken.
    #[inline]
    pub(super) const fn is_full(&self) -> bool {
        self.unfinished >= ORDERS_MAX
    }

    /// A new row, with its papers if it has any.
    #[inline]
    pub(super) fn insert(&mut self, fresh: &Fresh, paper: Option<Paper>) -> OrderIx {
        self.forget_old();
        self.accepted += 1;
        self.unfinished += 1;
        let row = OrderRow {
            account: fresh.account,
            market: fresh.market,
            outcome: fresh.outcome,
            side: fresh.side,
            price: fresh.price,
            status: Status::Live,
            qty: fresh.qty,
            matched: Qty::ZERO,
            tif: fresh.tif,
            at: fresh.at,
            number: self.accepted,
            slot: Slot(NONE),
            pins: 0,
            next: NONE,
            prev: NONE,
            rests: false,
            overdue: false,
        };
        let ix = match self.free.pop() {
            Some(ix) => {
                self.rows[ix.index()] = row;
                ix
            }
            None => {
                let ix = OrderIx(u32::try_from(self.rows.len()).expect("orders are limited far below 2^32"));
                self.rows.push(row);
                self.papers.push(None);
                ix
            }
        };
        if let Some(paper) = paper {
            if let Some(id) = paper.id {
                self.by_id.insert(id, ix);
            }
            self.papers[ix.index()] = Some(Box::new(paper));
        }
        ix
    }

    #[inline]
    pub(super) fn row(&self, ix: OrderIx) -> &OrderRow {
        &self.rows[ix.index()]
    }

    #[inline]
    pub(super) fn row_mut(&mut self, ix: OrderIx) -> &mut OrderRow {
        &mut self.rows[ix.index()]
    }

    /// The row of an index a caller made up, perhaps long ago.
    #[inline]
    pub(super) fn get(&self, ix: OrderIx) -> Option<&OrderRow> {
        self.rows.get(ix.index())
    }

    pub(super) fn paper(&self, ix: OrderIx) -> Option<&Paper> {
        self.papers[ix.index()].as_deref()
    }

    /// Notes that the order took part in a trade, for its papers and its account's count.
    #[inline]
    pub(super) fn note_trade(&mut self, ix: OrderIx, trade: TradeIx) {
        if let Some(paper) = self.papers[ix.index()].as_mut() {
            paper.trades.push(trade);
        }
    }

    pub(super) fn find(&self, id: &OrderId) -> Option<OrderIx> {
        self.by_id.get(id).copied()
    }

    #[inline]
    fn list_mut(&mut self, account: AccountIx) -> &mut List {
        let at = account.0 as usize;
        if at >= self.lists.len() {
            self.lists.resize(at + 1, EMPTY);
        }
        &mut self.lists[at]
    }

    /// The order now waits in its book.
    #[inline]
    pub(super) fn list(&mut self, ix: OrderIx, slot: Slot) {
        let account = self.rows[ix.index()].account;
        let list = self.list_mut(account);
        let tail = list.tail;
        list.tail = ix.0;
        list.count += 1;
        if tail == NONE {
            list.head = ix.0;
        } else {
            self.rows[tail as usize].next = ix.0;
        }
        let row = &mut self.rows[ix.index()];
        (row.slot, row.prev, row.next, row.rests) = (slot, tail, NONE, true);
    }

    /// The order has left its book.
    #[inline]
    pub(super) fn unlist(&mut self, ix: OrderIx) {
        let row = &mut self.rows[ix.index()];
        assert!(row.rests, "order {} does not rest", ix.0);
        let (account, prev, next) = (row.account, row.prev, row.next);
        (row.rests, row.prev, row.next) = (false, NONE, NONE);
        if prev != NONE {
            self.rows[prev as usize].next = next;
        }
        if next != NONE {
            self.rows[next as usize].prev = prev;
        }
        let list = self.list_mut(account);
        list.count -= 1;
        if prev == NONE {
            list.head = next;
        }
        if next == NONE {
            list.tail = prev;
        }
    }

    /// The order will not change any more.
    #[inline]
    pub(super) fn finish(&mut self, ix: OrderIx, status: Status) {
        self.rows[ix.index()].status = status;
        self.unfinished -= 1;
        self.finished.push_back(ix);
    }

    /// Forgets the oldest finished orders beyond the limit; one that a remembered trade names goes with the trade.
    #[inline]
    fn forget_old(&mut self) {
        let over = self.finished.len().saturating_sub(self.kept);
        for _ in 0..over {
            let Some(ix) = self.finished.pop_front() else { return };
            let row = &mut self.rows[ix.index()];
            if row.pins > 0 {
                row.overdue = true;
            } else {
                self.forget(ix);
            }
        }
    }

    fn forget(&mut self, ix: OrderIx) {
        if let Some(paper) = self.papers[ix.index()].take()
            && let Some(id) = paper.id
        {
            self.by_id.remove(&id);
        }
        self.free.push(ix);
    }

    /// A trade that names the order has been forgotten.
    #[inline]
    pub(super) fn unpin(&mut self, ix: OrderIx) {
        let row = &mut self.rows[ix.index()];
        row.pins -= 1;
        if row.pins == 0 && row.overdue {
            self.forget(ix);
        }
    }

    /// The account's resting orders, oldest first.
    pub(super) fn resting(&self, account: AccountIx) -> impl Iterator<Item = (OrderIx, &OrderRow)> {
        let mut at = self.lists.get(account.0 as usize).map_or(NONE, |list| list.head);
        std::iter::from_fn(move || {
            let row = self.rows.get(at as usize)?;
            let ix = OrderIx(at);
            at = row.next;
            Some((ix, row))
        })
    }

    pub(super) fn resting_count(&self, account: AccountIx) -> u32 {
        self.lists.get(account.0 as usize).map_or(0, |list| list.count)
    }

    pub(super) fn resting_total(&self) -> usize {
        self.lists.iter().map(|list| list.count as usize).sum()
    }

    #[inline]
    pub(super) fn count_fill(&mut self, account: AccountIx) {
        self.list_mut(account).fills += 1;
    }

    pub(super) fn fills(&self, account: AccountIx) -> u64 {
        self.lists.get(account.0 as usize).map_or(0, |list| list.fills)
    }

    /// Every remembered order that came over the wire, in order of acceptance.
    pub(super) fn papers(&self) -> Vec<(u64, OrderId, Timestamp)> {
        let known = self.by_id.iter().map(|(id, ix)| (self.row(*ix).number, *id, self.row(*ix).at));
        let mut rows: Vec<_> = known.collect();
        rows.sort_unstable();
        rows
    }

    /// Rows in use: resting, on their way, and remembered.
    pub(super) fn len(&self) -> usize {
        self.rows.len() - self.free.len()
    }
}
