//! What proves that an order can trade no more: a word on the order and its trades read since, or silence everywhere for long enough.

use super::errands::LOOK_WAITS;
use super::{Desk, Effect, Purpose};
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
                        errand.rested(at, at);
                        if errand.cancel {
                            errand.cancel_at = Some(errand.cancel_at.unwrap_or(at));
                            errand.look_at = Some(again);
                        }
                    });
                    self.land(order, out);
                    self.seen_resting();
                    self.heed_matched(order, found.size_matched);
                }
                status if status == "MATCHED" || is_withdrawn(status) => {
                    let matched = self.sane(order, found.size_matched, out);
                    self.errands.change(&order, |errand| {
                        errand.look_at = Some(again);
                        let (known, since) = errand.gone.unwrap_or((Qty::ZERO, at));
                        errand.gone = Some((known.max(matched), since));
                    });
                    self.settle_gone(order, out);
                }
                // It may stand for an end or for none: as if nothing had been said.
                status => {
                    let first = self.errands.change(&order, |errand| !std::mem::replace(&mut errand.is_odd, true));
                    if first == Some(true) {
                        let status = outcome::short(status);
                        out.push(Effect::Alert(
                            format!("{order} has a status that nobody here knows: {status}").into(),
                        ));
                    }
                    self.missed(order, again, out);
                }
            },
            Ok(None) => self.missed(order, again, out),
        }
    }

    /// A look-up tells nothing of it.
    fn missed(&mut self, order: OrderId, again: Timestamp, out: &mut Vec<Effect>) {
        let at = self.at;
        let first = self.errands.change(&order, |errand| {
            errand.look_at = Some(again);
            errand.missed.replace(errand.missed.unwrap_or(at)).is_none()
        });
        if first == Some(true) {
            // Whatever it is, it is none to be quoted with: a cancel does no harm to one that is gone.
            self.want_gone(order);
        }
        self.absent(order, out);
    }

    /// How much of an order matched, by the venue's word: more than there is of it says nothing.
    fn sane(&self, order: OrderId, matched: Qty, out: &mut Vec<Effect>) -> Qty {
        match self.exposure.order(&order) {
            Some(tracked) if matched > tracked.row.qty => {
                let whole = tracked.row.qty;
                out.push(Effect::Alert(
                    format!("the venue says that {matched} shares of {order} matched, of {whole}").into(),
                ));
                tracked.traded()
            }
            _ => matched,
        }
    }

    /// What of an order can no longer trade is let go when both were heard, a word on the order and a list of trades read whole since
    /// (executor.md 3.8). Words on the order alone, however many, may all lag behind one fill.
    pub(super) fn settle_gone(&mut self, order: OrderId, out: &mut Vec<Effect>) {
        let Some(errand) = self.errands.get(&order) else { return };
        let (Some(tracked), Some((matched, since))) = (self.exposure.order(&order), errand.gone) else { return };
        if matched >= tracked.row.qty || self.readings.trades_read.is_some_and(|read| read >= since) {
            let told = errand.stream_end.map_or(Qty::ZERO, |(told, _)| told);
            let matched = matched.max(tracked.traded()).max(told);
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
        // Of one that rested, what was read before it was missed says nothing; and it is missed for as long as one that never landed.
        let since = if matches!(tracked.phase, Phase::Unknown { .. }) { posted } else { posted.max(missed) };
        let mut horizon = since.plus(self.setup.times.late_landing).max(missed);
        if let TimeInForce::Gtd(end) = tracked.row.tif {
            horizon = horizon.max(end.plus(EXPIRY_MARGIN));
        }
        let listed = self.readings.listed.contains(&order);
        if self.at < horizon || read.is_none_or(|read| read < horizon) {
            self.read_at(horizon, order);
        } else if !listed {
            let matched = tracked.traded();
            // Nobody said that it is gone.
            self.readings.watch_until = self.readings.watch_until.max(self.at.plus(self.setup.times.late_landing));
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
            Some(errand) if errand.gone.is_some() || errand.ended_before(started) => {
                self.errands.change(&order, |errand| errand.gone = Some(errand.gone.unwrap_or((Qty::ZERO, later))));
                self.settle_gone(order, out);
            }
            // One that nothing is known of keeps to its own waits.
            Some(errand) if unknown && errand.look_at.is_some() => {}
            _ => self.look_soon(order),
        }
    }

    /// The stream's word alone ends nothing: the answer to our cancel, a list or a look-up must say it too, and trades that are read from
    /// then on tell how much had matched. Without a size the stream says nothing of what can still have traded.
    pub(super) fn stream_end(&mut self, order: OrderId, matched: Option<Qty>, out: &mut Vec<Effect>) {
        let traded = self.exposure.order(&order).map_or(Qty::ZERO, Tracked::traded);
        let matched = matched.map(|matched| self.sane(order, matched, out));
        let at = self.at;
        // Its answer is on the way and spares the look-up.
        let answered_soon = self.calling(|purpose| match purpose {
            Purpose::Cancel(ids) => ids.contains(&order),
            purpose => *purpose == Purpose::SweepCancel,
        });
        match (self.errands.get(&order), matched) {
            (Some(errand), Some(matched)) if errand.acked.is_none() => {
                self.errands.change(&order, |errand| {
                    let known = errand.stream_end.map_or(Qty::ZERO, |(known, _)| known);
                    errand.stream_end = Some((known.max(matched), at));
                    errand.look_at = Some(if answered_soon { at.plus(LOOK_WAITS.0) } else { at });
                });
            }
            (Some(_), Some(matched)) => {
                self.errands.change(&order, |errand| {
                    let known = errand.stream_end.take().map_or(Qty::ZERO, |(known, _)| known);
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
