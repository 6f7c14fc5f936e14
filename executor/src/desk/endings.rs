//! What proves that an order can trade no more: two sources that agree, or silence everywhere for long enough.

use super::{Desk, Effect};
use crate::exposure::{Phase, Tracked};
use crate::outcome::{self, VenueReply};
use crate::rows::Became;
use mm_core::domain::{Nanos, OrderId, Qty, TimeInForce, Timestamp};
use mm_core::venue::rest::plain_status;

/// A GTD order is given this long after its end to vanish.
const EXPIRY_MARGIN: Nanos = Nanos::from_secs(60);
/// Between two readings made for horizons alone: one serves every order whose horizon is past.
const SILENCE_EVERY: Nanos = Nanos::from_secs(1);

impl Desk {
    pub(super) fn look_replied(&mut self, order: OrderId, reply: &VenueReply, out: &mut Vec<Effect>) {
        let at = self.at;
        let Some(again) = self.errands.change(&order, |errand| errand.next_look(at)) else { return };
        match outcome::order(reply, order) {
            Err(_) => self.look_at(order, again),
            Ok(Some(found)) => match plain_status(&found.status).as_str() {
                "LIVE" | "DELAYED" | "UNMATCHED" => {
                    self.errands.change(&order, |errand| {
                        if errand.cancel {
                            errand.acked = None;
                            errand.cancel_at = Some(errand.cancel_at.unwrap_or(at));
                            errand.look_at = Some(again);
                        }
                    });
                    self.land(order, out);
                    self.seen_resting();
                    self.heed_matched(order, found.size_matched);
                }
                status if status == "MATCHED" || is_withdrawn(status) => {
                    self.errands.change(&order, |errand| {
                        errand.look_at = Some(again);
                        let (known, since) = errand.gone.unwrap_or((Qty::ZERO, at));
                        errand.gone = Some((known.max(found.size_matched), since));
                    });
                    self.settle_gone(order, out);
                }
                _ => self.look_at(order, again),
            },
            Ok(None) => {
                self.errands.change(&order, |errand| {
                    errand.look_at = Some(again);
                    errand.missed = Some(errand.missed.unwrap_or(at));
                });
                self.absent(order, out);
            }
        }
    }

    /// What of an order can no longer trade is let go when two sources agree how much of it has: the look-up that said it is
    /// gone, and the stream or a list of trades read whole since. One alone may lag behind a fill.
    pub(super) fn settle_gone(&mut self, order: OrderId, out: &mut Vec<Effect>) {
        let Some(errand) = self.errands.get(&order) else { return };
        let (Some(tracked), Some((matched, since))) = (self.exposure.order(&order), errand.gone) else { return };
        let told_twice = errand.stream_end == Some(matched) || matched >= tracked.row.qty;
        if told_twice || self.readings.trades_read.is_some_and(|read| read >= since) {
            let matched = matched.max(tracked.traded()).max(errand.stream_end.unwrap_or(Qty::ZERO));
            self.end(order, Became::Ended { matched }, out);
        } else if matched > tracked.traded() {
            self.want_trades_of(order);
        } else {
            self.readings.trades_soon = true;
        }
    }

    /// Trades were read whole: enough for the orders that waited for it.
    pub(super) fn settle_all_gone(&mut self, out: &mut Vec<Effect>) {
        let gone = self.errands.iter().filter(|(_, errand)| errand.gone.is_some()).map(|(order, _)| *order);
        for order in gone.collect::<Vec<_>>() {
            self.settle_gone(order, out);
        }
    }

    /// "Not found" does not mean "never landed": only one of a few endpoints said so, and a throttled POST may be late.
    fn absent(&mut self, order: OrderId, out: &mut Vec<Effect>) {
        let Some(tracked) = self.exposure.order(&order) else { return };
        let Some(errand) = self.errands.get(&order) else { return };
        let (posted, doubted, missed) = (errand.posted, errand.doubted, errand.missed.unwrap_or(self.at));
        // Open orders and trades must have been read whole since, and have not told of it.
        let read = self.readings.orders_read.min(self.readings.trades_read);
        if tracked.phase == (Phase::Unknown { likely_rejected: true }) && tracked.fills.is_empty() {
            if read.is_some_and(|read| read >= doubted) {
                self.end(order, Became::NeverLanded, out);
            } else {
                self.readings.probe_at = self.at;
            }
            return;
        }
        // Of one that rested for long, what was read before it was missed says nothing.
        let mut horizon = posted.plus(self.setup.times.late_landing).max(missed);
        if let TimeInForce::Gtd(end) = tracked.row.tif {
            horizon = horizon.max(end.plus(EXPIRY_MARGIN));
        }
        let listed = self.readings.listed.contains(&order);
        if self.at < horizon || read.is_none_or(|read| read < horizon) {
            self.read_at(horizon, order);
        } else if !listed {
            let matched = tracked.traded();
            let became = match tracked.phase {
                Phase::Unknown { .. } if matched.is_zero() => Became::NeverLanded,
                _ => Became::Ended { matched },
            };
            self.end(order, became, out);
        }
    }

    /// Silence counts once everything was read after the horizon: so that is done then, and the order is looked for again.
    fn read_at(&mut self, horizon: Timestamp, order: OrderId) {
        let when = horizon.max(self.readings.probed.plus(SILENCE_EVERY)).max(self.at);
        self.readings.probe_at = self.readings.probe_at.min(when);
        let look = when.plus(self.setup.times.reading_retry);
        self.errands.change(&order, |errand| errand.look_at = errand.look_at.map(|later| later.min(look)));
    }

    /// A list of what rests, begun at `started`, does not show it.
    pub(super) fn missing(&mut self, order: OrderId, started: Timestamp, out: &mut Vec<Effect>) {
        let later = self.at.plus(self.setup.times.zero_gap);
        let nothing_known = Phase::Unknown { likely_rejected: false };
        let unknown = self.exposure.order(&order).is_some_and(|tracked| tracked.phase == nothing_known);
        match self.errands.get(&order) {
            // The venue said that it cancelled it, and shows it no more: trades read a while later tell how much had matched.
            // No look-up: there may be a thousand of them.
            Some(errand) if errand.gone.is_some() || errand.acked.is_some_and(|acked| started >= acked) => {
                self.errands.change(&order, |errand| errand.gone = Some(errand.gone.unwrap_or((Qty::ZERO, later))));
                self.settle_gone(order, out);
            }
            // One that nothing is known of keeps to its own waits.
            Some(errand) if unknown && errand.look_at.is_some() => {}
            _ => self.look_soon(order),
        }
    }

    /// The stream's word alone ends nothing: the answer to our cancel, or a look-up, must say it too. An answer tells no size: then the
    /// stream's needs a second word, of trades that are read from now on or of a look-up. Without a size the stream says nothing of what
    /// can still have traded.
    pub(super) fn stream_end(&mut self, order: OrderId, matched: Option<Qty>, out: &mut Vec<Effect>) {
        let traded = self.exposure.order(&order).map_or(Qty::ZERO, Tracked::traded);
        let at = self.at;
        match (self.errands.get(&order), matched) {
            (Some(errand), Some(matched)) if errand.acked.is_none() => {
                self.errands.change(&order, |errand| {
                    errand.stream_end = Some(matched);
                    errand.look_at = Some(at);
                });
            }
            (Some(_), Some(matched)) => {
                self.errands.change(&order, |errand| {
                    // what it said before is no second word
                    let known = errand.stream_end.take().unwrap_or_default();
                    let (gone, since) = errand.gone.unwrap_or((Qty::ZERO, at));
                    errand.gone = Some((gone.max(known).max(matched), since));
                });
                self.settle_gone(order, out);
            }
            (Some(_), None) => self.look_soon(order),
            (None, Some(matched)) => self.end(order, Became::Ended { matched: matched.max(traded) }, out),
            (None, None) => {}
        }
    }
}

/// Whether a look-up's status says that the order left the book without having traded whole.
fn is_withdrawn(status: &str) -> bool {
    status.starts_with("CANCEL") || status == "INVALID" || status == "EXPIRED"
}
