//! Readings of open orders and trades, page by page. The stream is an accelerator, REST the witness.

use super::{Desk, Effect, Purpose};
use crate::exposure::{Phase, Tracked, is_settled};
use crate::outcome::{self, Unreadable, VenueCall, VenueReply};
use mm_core::domain::{Nanos, OrderId, Qty, Timestamp, TradeId};
use mm_core::protocol::Stage;
use mm_core::venue::rest::{LAST_CURSOR, Page};
use std::collections::{BTreeMap, BTreeSet};

/// Pages of one reading of open orders, and of trades. A longer list fails the reading: it never proves that anything is absent.
const PAGES_MAX: usize = 64;
const TRADE_PAGES_MAX: usize = 1000;
/// Trades older than this are read for once in a while only: one that never settles must not have everything since read all the time.
const FAR_BACK: Nanos = Nanos::from_secs(600);
const FAR_BACK_EVERY: Nanos = Nanos::from_secs(60);
/// Trades are read from this long before the last reading.
const OVERLAP: Nanos = Nanos::from_secs(60);
/// After a list that may be older than an order's end another one is read.
const STALE_AGAIN: Nanos = Nanos::from_secs(1);
/// Failures in a row of readings of trades after which that is told, and again each time there are as many more.
const FAILED_TOLD: u32 = 20;
/// Between two alerts about trades that cannot be read.
const UNREADABLE_TOLD_EVERY: Nanos = Nanos::from_secs(600);

/// A reading under way.
#[derive(Clone, Debug)]
struct Reading {
    started: Timestamp,
    /// Of trades: those since then.
    since: Timestamp,
    cursors: BTreeSet<Box<str>>,
    resting: BTreeMap<OrderId, Qty>,
    /// Orders that ended since it began: that they are shown says nothing.
    ended: BTreeSet<OrderId>,
}

/// What was read, and when to read again.
#[derive(Clone, Debug, Default)]
pub(super) struct Readings {
    orders: Option<Reading>,
    trades: Option<Reading>,
    /// Start of the last complete reading.
    pub(super) orders_read: Option<Timestamp>,
    pub(super) trades_read: Option<Timestamp>,
    /// What the last complete list of open orders showed.
    pub(super) listed: BTreeSet<OrderId>,
    pub(super) probe_at: Timestamp,
    /// When everything was last read because that was due.
    pub(super) probed: Timestamp,
    /// An order that was given up may yet land until then: what rests is read although nothing should.
    pub(super) watch_until: Timestamp,
    /// The last list showed an order that ended while it was under way: only another one tells whether it rests after all.
    stale: bool,
    pub(super) trades_soon: bool,
    /// When the oldest order was made of which the venue says that more matched than we saw trades for.
    trades_from: Option<Timestamp>,
    trades_at: Timestamp,
    /// Until then no reading reaches far back.
    far_back_at: Timestamp,
    /// Trades that may still settle or fail, and from when on to read for them.
    moving: BTreeMap<TradeId, Timestamp>,
    /// When the stream's connection last came or went: it does not tell what matched before.
    pub(super) stream_since: Timestamp,
    /// The trades of what ended before this start were not read yet.
    pub(super) is_behind: bool,
    /// Readings of trades that failed in a row, and since when they do.
    trades_failed: u32,
    trades_failing: Option<Timestamp>,
    /// Ended orders of which it was told that trades are lacking.
    short_told: BTreeSet<OrderId>,
    /// When it was last told that a trade cannot be read.
    unreadable_told: Option<Timestamp>,
    /// Trades REST told first: the stream has a moment to tell them too.
    pub(super) rest_first: BTreeMap<(OrderId, TradeId), Timestamp>,
}

/// The cursor of the next page; `None` at the end.
fn next<T>(page: &Page<T>) -> Option<Box<str>> {
    (!page.next_cursor.is_empty() && page.next_cursor != LAST_CURSOR).then(|| page.next_cursor.as_str().into())
}

impl Reading {
    fn new(started: Timestamp) -> Self {
        Self {
            started,
            since: Timestamp::EPOCH,
            cursors: BTreeSet::new(),
            resting: BTreeMap::new(),
            ended: BTreeSet::new(),
        }
    }

    /// Whether the cursor leads on, after at most `most` others: one seen before is a loop.
    fn follows(&mut self, cursor: &str, most: usize) -> bool {
        self.cursors.len() < most && self.cursors.insert(cursor.into())
    }
}

impl Readings {
    /// A process before this one wrote its last row then: trades from before it may never have been seen.
    pub(super) fn left_off(&mut self, last: Timestamp) {
        (self.is_behind, self.trades_soon) = (true, true);
        self.trades_from = Some(last.minus(FAR_BACK));
    }

    /// An order can no longer trade. A list that is under way may have been made before.
    pub(super) fn ended(&mut self, order: OrderId) {
        if let Some(reading) = &mut self.orders {
            reading.ended.insert(order);
        }
    }
}

impl Desk {
    pub(super) fn start_reading(&mut self, out: &mut Vec<Effect>) {
        if self.readings.orders.is_none() {
            self.readings.orders = Some(Reading::new(self.at));
            self.call(Purpose::Reading, VenueCall::OpenOrders { cursor: None }, out);
        }
    }

    fn start_trades(&mut self, out: &mut Vec<Effect>) {
        if self.readings.trades.is_none() {
            self.readings.trades_soon = false;
            let since = self.trades_since();
            self.readings.trades = Some(Reading { since, ..Reading::new(self.at) });
            if self.readings.trades_from.is_some_and(|from| since <= from) {
                self.readings.trades_from = None;
            }
            self.call(Purpose::Trades, VenueCall::Trades { since, cursor: None }, out);
        }
    }

    /// Far enough back to see every trade that could still change or was missed; what is far back is looked for once in a while only.
    /// Of an order that is known to rest, the last complete reading told what was older.
    fn trades_since(&mut self) -> Timestamp {
        let read = self.readings.trades_read;
        let untold = |tracked: &&Tracked| read.is_none() || tracked.phase != Phase::Open;
        let open = self.exposure.live_orders().filter(untold).map(|tracked| tracked.row.at);
        let unsettled = self.exposure.unsettled_orders().map(|tracked| self.unsettled_since(tracked));
        // what is younger is not made to wait for what is not
        let far_back = read.map_or(Timestamp::EPOCH, |read| read.minus(FAR_BACK));
        let starts = open.chain(unsettled).chain(read).chain(self.readings.trades_from);
        let from = starts.filter(|from| self.at >= self.readings.far_back_at || *from >= far_back).min();
        if from.is_some_and(|from| from < far_back) {
            self.readings.far_back_at = self.at.plus(FAR_BACK_EVERY);
        }
        from.unwrap_or(self.at).minus(OVERLAP)
    }

    /// From when on a trade of this order may change or be missing.
    fn unsettled_since(&self, tracked: &Tracked) -> Timestamp {
        if tracked.is_short_of_trades() {
            return tracked.row.at;
        }
        let since = |trade| self.readings.moving.get(trade).copied().unwrap_or(tracked.row.at);
        tracked.unsettled_trades().map(since).min().unwrap_or(tracked.row.at)
    }

    /// A trade was told, by the stream or by a reading that began at `since`.
    pub(super) fn note_stage(&mut self, trade: &TradeId, stage: Stage, since: Option<Timestamp>) {
        if is_settled(stage) {
            self.readings.moving.remove(trade);
        } else {
            self.readings.moving.entry(trade.clone()).or_insert(since.unwrap_or(self.at));
        }
    }

    /// The venue counts more of an order as matched than there are trades for.
    pub(super) fn want_trades_of(&mut self, order: OrderId) {
        self.readings.trades_soon = true;
        if let Some(made) = self.exposure.order(&order).map(|tracked| tracked.row.at) {
            self.readings.trades_from = Some(self.readings.trades_from.map_or(made, |from| from.min(made)));
        }
    }

    /// While orders rest or may yet land, open orders and trades are read even if the stream looks healthy: PONG proves nothing.
    pub(super) fn step_readings(&mut self, out: &mut Vec<Effect>) {
        if self.setup.withhold {
            return;
        }
        let at = self.at;
        let live = self.exposure.open_orders() > 0;
        self.health.resting_since = if live { Some(self.health.resting_since.unwrap_or(at)) } else { None };
        let watched = at < self.readings.watch_until || self.readings.stale;
        let unsettled = live || watched || self.exposure.unsettled_orders().next().is_some();
        if unsettled || self.readings.trades_soon {
            if at >= self.readings.probe_at {
                (self.readings.probed, self.readings.probe_at) = (at, at.plus(self.setup.times.user_probe));
                if live || watched {
                    self.start_reading(out);
                }
                self.start_trades(out);
            } else if self.readings.trades_soon && at >= self.readings.trades_at {
                self.readings.trades_at = at.plus(self.setup.times.reading_retry);
                self.start_trades(out);
            }
            self.wake_at(self.readings.probe_at);
            if self.readings.trades_soon {
                self.wake_at(self.readings.trades_at);
            }
        }
        let tell = self.setup.times.user_tell;
        if let Some(first) = self.readings.rest_first.values().min().copied() {
            if at >= first.plus(tell) && !self.health.user_mute && self.health.user_up {
                self.health.user_mute = true;
                self.readings.rest_first.clear();
                out.push(Effect::Alert("the user stream does not tell what REST knows".into()));
                out.push(Effect::RenewUserLink);
                self.wake_at(at);
            } else if at < first.plus(tell) {
                self.wake_at(first.plus(tell));
            }
        }
    }

    pub(super) fn page_replied(&mut self, reply: &VenueReply, out: &mut Vec<Effect>) {
        let Some(mut reading) = self.readings.orders.take() else { return };
        let Ok(page) = outcome::open_orders(reply) else {
            self.sweep_read_failed();
            self.readings.probe_at = self.readings.probe_at.min(self.at.plus(self.setup.times.reading_retry));
            return;
        };
        reading.resting.extend(page.data.iter().map(|order| (order.id, order.size_matched)));
        match next(&page) {
            Some(cursor) if reading.follows(&cursor, PAGES_MAX) => {
                self.readings.orders = Some(reading);
                self.call(Purpose::Reading, VenueCall::OpenOrders { cursor: Some(cursor) }, out);
            }
            Some(_) => self.sweep_read_failed(),
            None => self.orders_read(reading, out),
        }
    }

    /// A complete list of what rests.
    fn orders_read(&mut self, reading: Reading, out: &mut Vec<Effect>) {
        self.readings.orders_read = Some(reading.started);
        self.readings.listed = reading.resting.keys().copied().collect();
        // What rests is half of what the stream tells: trades must be there to read as well.
        let dead = self.setup.times.user_dead;
        if self.readings.trades_failing.is_none_or(|since| self.at < since.plus(dead)) {
            self.health.user_word = Some(self.at);
        }
        self.sweep_read(reading.started, reading.resting.len());
        for (order, matched) in &reading.resting {
            if self.exposure.order(order).is_none() {
                self.foreign(*order, out);
                continue;
            }
            if !reading.ended.contains(order) {
                let at = self.at;
                self.errands.change(order, |errand| errand.rested(reading.started, at));
                self.rests(*order, out);
            }
            self.heed_matched(*order, *matched);
        }
        self.readings.stale = reading.ended.iter().any(|order| reading.resting.contains_key(order));
        if self.readings.stale {
            self.readings.probe_at = self.readings.probe_at.min(self.at.plus(STALE_AGAIN));
        }
        // A list can be stale: what is missing on it is asked for by its hash.
        let missing: Vec<OrderId> = self
            .exposure
            .live_orders()
            .filter(|t| t.row.at < reading.started && !reading.resting.contains_key(&t.row.order))
            .map(|t| t.row.order)
            .collect();
        for order in missing {
            if !self
                .calling(|purpose| matches!(purpose, Purpose::Look(asked) | Purpose::Post(asked) if *asked == order))
            {
                self.missing(order, reading.started, out);
            }
        }
    }

    pub(super) fn trades_replied(&mut self, reply: &VenueReply, out: &mut Vec<Effect>) {
        let Some(mut reading) = self.readings.trades.take() else { return };
        let (page, unreadable) = match outcome::trades(reply) {
            Ok(read) => read,
            Err(why) => {
                self.read_again(&reading, &why, out);
                self.readings.trades_soon = true;
                self.readings.trades_at = self.at.plus(self.setup.times.reading_retry);
                return;
            }
        };
        for row in unreadable {
            self.unreadable(&row, out);
        }
        for trade in &page.data {
            let parts = trade.maker_orders.iter().map(|part| (part.order_id, part.price, part.matched_amount));
            let taker = super::orders::taker_part(&trade.taker_order_id, trade.price, trade.size);
            for (order, price, qty) in parts.chain(taker) {
                let told = (trade.status.as_str(), trade.match_time.as_str().and_then(super::orders::moment));
                self.traded(order, &trade.id, price, qty, told, Some(reading.since), out);
            }
        }
        match next(&page) {
            Some(cursor) if reading.follows(&cursor, TRADE_PAGES_MAX) => {
                let since = reading.since;
                self.readings.trades = Some(reading);
                self.call(Purpose::Trades, VenueCall::Trades { since, cursor: Some(cursor) }, out);
            }
            // As far back it would fail again: the next one that reaches there has to wait.
            Some(_) => {
                self.readings.far_back_at = self.at.plus(FAR_BACK_EVERY);
                let (since, pages) = (reading.since, reading.cursors.len());
                out.push(Effect::Alert(format!("trades since {since} have no end in {pages} pages").into()));
            }
            None => {
                self.readings.trades_read = Some(reading.started);
                (self.readings.is_behind, self.readings.trades_failed) = (false, 0);
                self.readings.trades_failing = None;
                self.tell_short(reading.since, out);
                let moves: BTreeSet<&TradeId> =
                    self.exposure.unsettled_orders().flat_map(Tracked::unsettled_trades).collect();
                self.readings.moving.retain(|trade, _| moves.contains(trade));
                self.settle_all_gone(out);
            }
        }
    }

    /// A reading of trades came to nothing: the next one reaches back as far. One that reached far back has to wait for that, as another
    /// would fail as well, and stand in the way of the younger ones.
    fn read_again(&mut self, reading: &Reading, why: &str, out: &mut Vec<Effect>) {
        let from = reading.since.plus(OVERLAP);
        if self.readings.trades_read.is_some_and(|read| from < read.minus(FAR_BACK)) {
            self.readings.far_back_at = self.at.plus(FAR_BACK_EVERY);
            out.push(Effect::Alert(format!("trades cannot be read since {from}: {why}").into()));
        } else {
            self.readings.trades_failed = self.readings.trades_failed.saturating_add(1);
            self.readings.trades_failing = Some(self.readings.trades_failing.unwrap_or(reading.started));
            if self.readings.trades_failed.is_multiple_of(FAILED_TOLD) {
                let times = self.readings.trades_failed;
                out.push(Effect::Alert(format!("trades cannot be read, {times} times in a row: {why}").into()));
            }
        }
        self.readings.trades_from = Some(self.readings.trades_from.map_or(from, |known| known.min(from)));
    }

    /// Every trade since `since` was read. What an ended order still lacks of them by the venue's own word is nowhere, and counts for ever.
    fn tell_short(&mut self, since: Timestamp, out: &mut Vec<Effect>) {
        let short: BTreeSet<OrderId> =
            self.exposure.unsettled_orders().filter(|t| t.is_short_of_trades()).map(|t| t.row.order).collect();
        let untold: Vec<OrderId> = short.difference(&self.readings.short_told).copied().collect();
        for order in untold {
            let Some(tracked) = self.exposure.order(&order) else { continue };
            let (made, lacking) = (tracked.row.at, tracked.open_qty());
            if made < since || self.at.since(made) < FAR_BACK {
                continue;
            }
            self.readings.short_told.insert(order);
            let what = "shares more matched, by the venue's word, than it lists trades for: they stay reserved";
            out.push(Effect::Alert(format!("{order}: {lacking} {what}").into()));
        }
        self.readings.short_told.retain(|order| short.contains(order));
    }

    /// A row of a list of trades makes no sense. One of other people's is theirs; one of ours may be a fill that nothing counts.
    fn unreadable(&mut self, row: &Unreadable, out: &mut Vec<Effect>) {
        if let Some(order) = row.named.iter().find(|order| self.exposure.order(order).is_some()) {
            self.halt(&format!("a trade of {order} cannot be read: {}", row.why), out);
        } else if self.readings.unreadable_told.is_none_or(|told| self.at >= told.plus(UNREADABLE_TOLD_EVERY)) {
            self.readings.unreadable_told = Some(self.at);
            out.push(Effect::Alert(
                format!("a trade in the venue's list, none of ours, cannot be read: {}", row.why).into(),
            ));
        }
    }
}
