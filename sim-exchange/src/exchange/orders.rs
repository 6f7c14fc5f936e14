//! Every order the venue remembers: rows in a slab, addressed by [`OrderIx`]; the papers of those that came over the wire beside
//! them; the resting ones of each account in order of acceptance.

mod row;

pub(super) use row::{Fresh, OrderRow, Paper, Status};

use super::AccountIx;
use super::fact::{OrderIx, TradeIx};
use crate::mechanism::Slot;
use mm_core::domain::{OrderId, Qty, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::hint::select_unpredictable;

/// Most orders that may be unfinished at once; behind it placing fails with the venue's own 500.
pub const ORDERS_MAX: usize = 500_000;

/// Finished orders that are remembered unless the caller wants another number: then the oldest is forgotten, its id is unknown to
/// reads, and its row is given to a new order.
pub const ORDERS_KEPT: usize = 65_536;

/// No order. The first row is never given to one: links to nowhere lead there, so following one needs no decision.
const NONE: u32 = 0;

/// What is looked at of other orders than the one at hand, apart from the rows so that it stays near: neighbours in the account's
/// list of resting orders, and what keeps an order from being forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Tie {
    next: u32,
    prev: u32,
    /// Remembered trades that name it: while there are any, so is it.
    pins: u32,
    /// Its turn to be forgotten has come while trades still named it: the last of them takes it along.
    overdue: bool,
}

const LOOSE: Tie = Tie { next: NONE, prev: NONE, pins: 0, overdue: false };

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
    ties: Vec<Tie>,
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
    pub(super) fn new() -> Self {
        Self {
            rows: vec![OrderRow::BLANK],
            ties: vec![LOOSE],
            papers: vec![None],
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
        while self.finished.len() > self.kept {
            self.forget_oldest();
        }
    }

    /// Whether no further order can be taken.
    #[inline]
    pub(super) const fn is_full(&self) -> bool {
        self.unfinished >= ORDERS_MAX
    }

    /// A new row.
    #[inline(always)]
    pub(super) fn insert(&mut self, fresh: &Fresh) -> OrderIx {
        self.accepted += 1;
        self.unfinished += 1;
        let ix = match self.free.pop() {
            Some(ix) => ix,
            None => {
                let ix = OrderIx(u32::try_from(self.rows.len()).expect("orders are limited far below 2^32"));
                self.rows.push(OrderRow::BLANK);
                self.ties.push(LOOSE);
                self.papers.push(None);
                ix
            }
        };
        // field by field, in place: a row that is put together elsewhere and copied costs several times as much
        let row = &mut self.rows[ix.index()];
        row.account = fresh.account;
        row.market = fresh.market;
        row.outcome = fresh.outcome;
        row.side = fresh.side;
        row.price = fresh.price;
        row.status = Status::Live;
        row.qty = fresh.qty;
        row.matched = Qty::ZERO;
        row.tif = fresh.tif;
        row.at = fresh.at;
        row.number = self.accepted;
        self.ties[ix.index()] = LOOSE;
        ix
    }

    /// The papers of a new row.
    pub(super) fn attach(&mut self, ix: OrderIx, paper: Box<Paper>) {
        if let Some(id) = paper.id {
            self.by_id.insert(id, ix);
        }
        self.papers[ix.index()] = Some(paper);
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
    #[inline(always)]
    pub(super) fn list(&mut self, ix: OrderIx, account: AccountIx, slot: Slot) {
        let list = self.list_mut(account);
        let tail = list.tail;
        list.tail = ix.0;
        list.count += 1;
        list.head = select_unpredictable(tail == NONE, ix.0, list.head);
        self.ties[tail as usize].next = ix.0;
        let row = &mut self.rows[ix.index()];
        (row.slot, row.rests) = (slot, true);
        self.ties[ix.index()].prev = tail;
    }

    /// The order has left its book for good.
    #[inline(always)]
    pub(super) fn leave(&mut self, ix: OrderIx, account: AccountIx, status: Status) {
        let row = &mut self.rows[ix.index()];
        assert!(row.rests, "order {} does not rest", ix.0);
        (row.rests, row.status) = (false, status);
        // a tie is made anew with the next order of its row
        let Tie { prev, next, .. } = self.ties[ix.index()];
        self.ties[prev as usize].next = next;
        self.ties[next as usize].prev = prev;
        let list = self.list_mut(account);
        list.count -= 1;
        list.head = select_unpredictable(prev == NONE, next, list.head);
        list.tail = select_unpredictable(next == NONE, prev, list.tail);
        self.retire(ix);
    }

    /// The order, which does not rest, will not change any more.
    #[inline]
    pub(super) fn finish(&mut self, ix: OrderIx, status: Status) {
        self.rows[ix.index()].status = status;
        self.retire(ix);
    }

    /// An order is finished. The oldest of those beyond the limit goes for it, not this one: its end has still to be told.
    #[inline(always)]
    fn retire(&mut self, ix: OrderIx) {
        self.unfinished -= 1;
        if self.finished.len() > self.kept {
            self.forget_oldest();
        }
        self.finished.push_back(ix);
    }

    /// Forgets the oldest finished order; one that a remembered trade names goes with the trade.
    #[inline]
    fn forget_oldest(&mut self) {
        let Some(ix) = self.finished.pop_front() else { return };
        let tie = &mut self.ties[ix.index()];
        let named = tie.pins > 0;
        tie.overdue = named;
        self.forget_unless(named, ix);
    }

    /// Forgets a finished order, or not. Whether it does follows no pattern that a branch could learn: the row is put on the list of
    /// free ones either way and taken off again.
    #[inline]
    fn forget_unless(&mut self, stays: bool, ix: OrderIx) {
        let free = self.free.len();
        self.free.push(ix);
        self.free.truncate(free + usize::from(!stays));
        // behind a wire every order has papers, in a world of agents none: that can be learnt
        if self.papers[ix.index()].is_some() {
            self.drop_paper_unless(stays, ix);
        }
    }

    #[cold]
    fn drop_paper_unless(&mut self, stays: bool, ix: OrderIx) {
        if stays {
            return;
        }
        if let Some(id) = self.papers[ix.index()].take().and_then(|paper| paper.id) {
            self.by_id.remove(&id);
        }
    }

    /// A remembered trade names the order.
    #[inline]
    pub(super) fn pin(&mut self, ix: OrderIx) {
        self.ties[ix.index()].pins += 1;
    }

    /// A trade that names the order has been forgotten.
    #[inline]
    pub(super) fn unpin(&mut self, ix: OrderIx) {
        let tie = &mut self.ties[ix.index()];
        tie.pins -= 1;
        let stays = tie.pins > 0 || !tie.overdue;
        self.forget_unless(stays, ix);
    }

    /// The account's resting orders, oldest first.
    pub(super) fn resting(&self, account: AccountIx) -> impl Iterator<Item = (OrderIx, &OrderRow)> {
        let mut at = self.lists.get(account.0 as usize).map_or(NONE, |list| list.head);
        std::iter::from_fn(move || {
            let row = self.rows.get(at as usize).filter(|_| at != NONE)?;
            let ix = OrderIx(at);
            at = self.ties[ix.index()].next;
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
        self.rows.len() - 1 - self.free.len()
    }
}
