//! One order's way: posted once, cancelled until it is gone. Never sent again. What ends it: [`super::endings`].

use super::errands::{Errand, LOOK_WAITS};
use super::{Desk, Effect, Purpose};
use crate::exposure::{Phase, Tracked, is_settled};
use crate::outcome::{self, Placed, VenueCall, VenueReply};
use crate::policy::Approved;
use crate::recorded::Recorded;
use crate::rows::{Became, LedgerRow};
use mm_core::domain::{Digest, OrderId, Price, Qty, Side, Timestamp, TradeId};
use mm_core::protocol::{FromExecutor, Refusal, Shut, Stage};
use mm_core::venue::rest::plain_status;
use mm_core::venue::user_ws::UserEvent;

/// Look-ups under way at a time; the others wait their turn here, where they cannot stand in the way of lists.
const LOOKS_MAX: usize = 8;

/// Policy's leave, and what it rests on.
#[derive(Debug)]
pub(super) struct Cleared {
    pub(super) approved: Approved,
    /// The core's decision is too old from then on.
    pub(super) until: Timestamp,
    /// The policy that gave it.
    pub(super) policy: Digest,
}

impl Desk {
    pub(super) fn recorded(&mut self, row: Recorded) {
        if let Some(cleared) = self.waiting.remove(&row.order()) {
            self.ready.push((cleared, row));
        }
    }

    /// Whether orders may leave, as of the last turn. What was let out before and has not left must be held back when not.
    #[must_use]
    pub fn lets_out(&self) -> bool {
        self.gate().is_open(self.at) && self.sweep.is_none() && !self.health.draining
    }

    /// The last check before the wire: what was approved and recorded leaves only through an open gate, while it is young, and under
    /// the policy that approved it.
    pub(super) fn post_ready(&mut self, out: &mut Vec<Effect>) {
        let policy = self.setup.policy.digest();
        for (cleared, row) in std::mem::take(&mut self.ready) {
            let order = row.order();
            let wanted = self.errands.get(&order).is_none_or(|errand| !errand.cancel);
            let kept_in = if !wanted {
                Some("cancelled before it left")
            } else if !self.lets_out() {
                Some("the gate shut before it left")
            } else if self.at > cleared.until {
                Some("it was too old before it left")
            } else if cleared.policy != policy {
                Some("the policy changed before it left")
            } else {
                None
            };
            if let Some(why) = kept_in {
                self.kept_in(order, why, out);
            } else if self.setup.withhold {
                self.flat = false;
                out.push(Effect::SignOnly { approved: cleared.approved, row });
                self.land(order, out);
            } else {
                self.flat = false;
                self.errands.insert(order, Errand::posted(self.at));
                let call = self.pend(Purpose::Post(order), self.setup.times.request_timeout);
                let until = cleared.until.min(self.health.until(&self.setup.times, true));
                out.push(Effect::Post { call, approved: cleared.approved, row, until });
            }
        }
    }

    /// It has not left and never will: whether it was wanted is of the moment, and so is what keeps it in.
    pub(super) fn kept_in(&mut self, order: OrderId, why: &str, out: &mut Vec<Effect>) {
        if self.rests_after_all(order, why, out) {
            return;
        }
        self.became(order, Became::NotSent { why: why.into() }, out);
        let wanted = self.errands.remove(&order).is_none_or(|errand| !errand.cancel);
        let say = |id| match wanted {
            true => FromExecutor::Refused { id, why: vec![Refusal::KeptIn(why.into())] },
            false => FromExecutor::Canceled { id, matched: Qty::ZERO },
        };
        self.tell(&order, say, out);
    }

    pub(super) fn post_replied(&mut self, order: OrderId, reply: &VenueReply, out: &mut Vec<Effect>) {
        let in_flight = self.exposure.order(&order).is_some_and(|tracked| tracked.phase == Phase::InFlight);
        match outcome::placed(reply, order) {
            Placed::Accepted => self.land(order, out),
            Placed::NotSent(why) => self.refused(order, Became::NotSent { why: why.clone() }, &why, out),
            Placed::Rejected(why) => self.refused(order, Became::Rejected { why: why.clone() }, &why, out),
            Placed::RejectedUnconfirmed(why) if in_flight => self.doubt(order, why, true, out),
            Placed::Unknown(why) if in_flight => self.doubt(order, why, false, out),
            Placed::RejectedUnconfirmed(_) | Placed::Unknown(_) => {}
            Placed::IdMismatch(other) => {
                self.doubt(order, format!("the answer names {other}").into(), false, out);
                self.halt(&format!("the venue answered for {order} with {other}"), out);
            }
        }
    }

    /// A documented no.
    fn refused(&mut self, order: OrderId, became: Became, why: &str, out: &mut Vec<Effect>) {
        if self.rests_after_all(order, why, out) {
            return;
        }
        if outcome::is_for_want_of_balance(why) {
            let gives = self.exposure.order(&order).map(|tracked| (tracked.row.side, tracked.row.token.clone()));
            if let Some((side, token)) = gives {
                self.refused_for_want((side == Side::Sell).then_some(token));
            }
        }
        self.became(order, became, out);
        self.errands.remove(&order);
        self.tell(&order, |id| FromExecutor::Rejected { id, why: why.into() }, out);
        let rejected = self.exposure.rejected_in_a_row();
        if rejected >= self.setup.policy.caps().max_rejects_in_a_row && self.health.halted.is_none() {
            self.halt(&format!("the venue refused {rejected} orders in a row"), out);
        }
    }

    /// Whether there is evidence that an order rests of which it is now said that it does not: then that is looked into.
    fn rests_after_all(&mut self, order: OrderId, why: &str, out: &mut Vec<Effect>) -> bool {
        let rests = self.exposure.order(&order).is_none_or(|t| t.phase == Phase::Open || !t.fills.is_empty());
        if rests {
            out.push(Effect::Alert(format!("{order} was refused ({why}) and yet it rests").into()));
            self.look_soon(order);
        }
        rests
    }

    /// No proof either way: it holds its reservation, is cancelled by its hash (harmless if absent) and looked for.
    pub(super) fn doubt(&mut self, order: OrderId, why: Box<str>, likely_rejected: bool, out: &mut Vec<Effect>) {
        self.became(order, Became::Unknown { why, likely_rejected }, out);
        self.tell(&order, |id| FromExecutor::Unknown { id }, out);
        self.want_gone(order);
        let at = self.at;
        self.errands.change(&order, |errand| {
            errand.doubted = at;
            errand.look_at = Some(errand.next_look(at));
        });
    }

    /// Evidence that the venue has it. Answers and the stream may come late: of an order that has traded and ended their word is old.
    pub(super) fn land(&mut self, order: OrderId, out: &mut Vec<Effect>) {
        if self.exposure.order(&order).is_some_and(|tracked| !tracked.ended_after_a_match()) {
            self.rests(order, out);
        }
    }

    /// Evidence that it rests now, whatever was said before.
    pub(super) fn rests(&mut self, order: OrderId, out: &mut Vec<Effect>) {
        self.errands.change(&order, |errand| errand.missed = None);
        let Some(tracked) = self.exposure.order(&order) else { return };
        if tracked.phase == Phase::Open || tracked.after(&Became::Accepted).is_none() {
            return;
        }
        let (posted, given_up) = (tracked.row.at, !tracked.is_live());
        self.became(order, Became::Accepted, out);
        self.errands.change_or_post(order, posted, |_| {});
        self.tell(&order, |id| FromExecutor::Accepted { id, order }, out);
        if given_up {
            self.revived(order, out);
        }
    }

    /// It rests after it was given up: its core was told that it is gone, and a desk that counted as flat is not.
    fn revived(&mut self, order: OrderId, out: &mut Vec<Effect>) {
        out.push(Effect::Alert(format!("{order} rests after it was given up; cancelling it").into()));
        self.flat = false;
        self.want_gone(order);
        if self.sweep.is_none() && !self.gate().is_open(self.at) {
            if self.health.halted.is_none() {
                self.health.pausing = Some(Shut::CheckFailed);
            }
            self.start_sweep(out);
        }
    }

    /// It can no longer trade beyond `matched`.
    pub(super) fn end(&mut self, order: OrderId, became: Became, out: &mut Vec<Effect>) {
        let Some(tracked) = self.exposure.order(&order) else { return };
        if tracked.after(&became).is_none() {
            return;
        }
        let whole = tracked.row.qty;
        let matched = match became {
            Became::Ended { matched } => matched,
            _ => Qty::ZERO,
        };
        if became == Became::NeverLanded {
            let posted = self.errands.get(&order).map_or(tracked.row.at, |errand| errand.posted);
            let until = posted.plus(self.setup.times.late_landing);
            self.readings.watch_until = self.readings.watch_until.max(until);
        }
        if matches!(became, Became::Ended { .. }) {
            self.readings.ended(order);
        }
        self.became(order, became, out);
        self.errands.remove(&order);
        if matched < whole {
            self.tell(&order, |id| FromExecutor::Canceled { id, matched }, out);
        }
        if self.exposure.order(&order).is_some_and(Tracked::is_short_of_trades) {
            self.want_trades_of(order);
        }
    }

    fn became(&mut self, order: OrderId, became: Became, out: &mut Vec<Effect>) {
        if self.exposure.order(&order).is_some_and(|tracked| tracked.after(&became).is_some()) {
            self.record(LedgerRow::Outcome { at: self.at, order, became }, out);
        }
    }

    /// Wants an order gone; repeated until it is.
    pub(super) fn want_gone(&mut self, order: OrderId) {
        let at = self.at;
        self.errands.change_or_post(order, at, |errand| {
            errand.cancel = true;
            if errand.cancel_at.is_none() && errand.acked.is_none() {
                errand.cancel_at = Some(at);
            }
        });
    }

    pub(super) fn look_soon(&mut self, order: OrderId) {
        self.look_at(order, self.at);
    }

    /// Has it looked up at this time, where anything is done about it.
    pub(super) fn look_at(&mut self, order: OrderId, when: Timestamp) {
        self.errands.change(&order, |errand| errand.look_at = Some(when));
    }

    /// Sends what is due: cancels first, in as few calls as possible, then look-ups.
    pub(super) fn step_orders(&mut self, out: &mut Vec<Effect>) {
        let at = self.at;
        if self.setup.withhold {
            // Nothing ever left: a cancel succeeds at once.
            let gone: Vec<OrderId> =
                self.errands.iter().filter(|(_, errand)| errand.cancel).map(|(order, _)| *order).collect();
            for order in gone {
                if !self.is_on_its_way(&order) {
                    self.end(order, Became::Ended { matched: Qty::ZERO }, out);
                }
            }
            return;
        }
        let (mut due, mut looks, mut next) = (Vec::new(), Vec::new(), Timestamp::MAX);
        for (order, errand) in self.errands.timed() {
            // An order that has not left is cancelled by not sending it.
            let left = !self.waiting.contains_key(order);
            if left && errand.cancel_at.is_some_and(|when| when <= at) {
                due.push(*order);
            }
            if let Some(when) = errand.look_at.filter(|when| *when <= at) {
                looks.push((when, *order));
            }
            if left {
                let later = [errand.cancel_at, errand.look_at].into_iter().flatten().filter(|when| *when > at);
                next = later.fold(next, Timestamp::min);
            }
        }
        for order in &due {
            self.errands.change(order, |errand| errand.cancel_at = None);
        }
        for ids in due.chunks(VenueCall::CANCEL_MAX) {
            self.call(Purpose::Cancel(ids.to_vec()), VenueCall::Cancel(ids.to_vec()), out);
        }
        // Those due for the longest first; who finds no room is looked up when an answer has made some.
        looks.sort_unstable();
        let under_way = self.calls.values().filter(|pending| matches!(pending.purpose, Purpose::Look(_))).count();
        for (_, order) in looks.into_iter().take(LOOKS_MAX.saturating_sub(under_way)) {
            self.errands.change(&order, |errand| errand.look_at = None);
            self.call(Purpose::Look(order), VenueCall::Order(order), out);
        }
        if next < Timestamp::MAX {
            self.wake_at(next);
        }
    }

    pub(super) fn cancel_replied(&mut self, ids: &[OrderId], reply: &VenueReply) {
        let at = self.at;
        let answer = outcome::cancel(reply);
        let mut trades_soon = false;
        for order in ids {
            self.errands.change(order, |errand| match &answer {
                // A hint: the stream or a look-up must say it too, and how much had matched.
                Ok(answer) if answer.canceled.contains(order) => {
                    errand.acked = Some(at);
                    errand.look_at = Some(at.plus(LOOK_WAITS.0));
                    // The stream said so before: trades are read for it, and no look-up is needed.
                    if let Some((told, _)) = errand.stream_end.take() {
                        let (known, since) = errand.gone.unwrap_or((Qty::ZERO, at));
                        errand.gone = Some((known.max(told), since));
                        trades_soon = true;
                    }
                }
                Ok(_) => {
                    errand.look_at = Some(errand.look_at.unwrap_or(at).min(at));
                    errand.cancel_again(at);
                }
                Err(_) if errand.acked.is_some() => {}
                Err(_) => errand.cancel_again(at),
            });
        }
        self.readings.trades_soon |= trades_soon;
    }

    /// The venue says this much matched: if no trade was seen for it, ask for trades.
    pub(super) fn heed_matched(&mut self, order: OrderId, matched: Qty) {
        if self.exposure.order(&order).is_some_and(|tracked| matched > tracked.traded()) {
            self.want_trades_of(order);
        }
    }

    pub(super) fn user_link(&mut self, up: bool) {
        self.health.user_up = up;
        self.health.user_mute = false;
        self.readings.rest_first.clear();
        self.readings.stream_since = self.at;
        // Nothing is replayed after a gap: read what was missed.
        self.readings.probe_at = self.at;
    }

    pub(super) fn user_says(&mut self, event: UserEvent, out: &mut Vec<Effect>) {
        self.health.user_word = Some(self.at);
        match event {
            UserEvent::Order(event) => {
                let order = event.id;
                if self.exposure.order(&order).is_none() {
                    self.foreign(order, out);
                    return;
                }
                if event.kind.eq_ignore_ascii_case("CANCELLATION") {
                    self.stream_end(order, event.size_matched, out);
                } else {
                    self.land(order, out);
                    self.heed_matched(order, event.size_matched.unwrap_or(Qty::ZERO));
                }
            }
            UserEvent::Trade(event) => {
                let parts = event.maker_orders.iter().map(|part| (part.order_id, part.price, part.matched_amount));
                let parts: Vec<_> = parts.chain(taker_part(&event.taker_order_id, event.price, event.size)).collect();
                for (order, price, qty) in parts {
                    let matched = event.match_time.as_deref().and_then(moment);
                    self.traded(order, &event.id, price, qty, (&event.status, matched), None, out);
                }
            }
            UserEvent::Unknown { .. } => {}
        }
    }

    /// A trade on an order, from the stream (`read_since` is `None`) or from a reading of REST. Other people's orders are in the same
    /// lists and mean nothing.
    #[allow(
        clippy::too_many_arguments,
        reason = "one call site for each source, and every argument is a fact of the trade"
    )]
    pub(super) fn traded(
        &mut self,
        order: OrderId,
        trade: &str,
        price: Price,
        qty: Qty,
        (status, matched): (&str, Option<Timestamp>),
        read_since: Option<Timestamp>,
        out: &mut Vec<Effect>,
    ) {
        let (Some(tracked), Ok(trade)) = (self.exposure.order(&order), TradeId::parse(trade)) else { return };
        let stage = match plain_status(status).as_str() {
            "MATCHED" | "MATCHED_NOT_BROADCASTED" => Stage::Matched,
            "MINED" => Stage::Mined,
            "CONFIRMED" => Stage::Confirmed,
            "RETRYING" => Stage::Retrying,
            "FAILED" => Stage::Failed,
            // A word we do not know: the match itself is what must not be missed.
            _ => Stage::Matched,
        };
        let key = (order, trade.clone());
        if read_since.is_none() {
            self.readings.rest_first.remove(&key);
        } else if !tracked.fills.contains_key(&trade)
            && matched.is_none_or(|matched| matched > self.readings.stream_since)
        {
            self.readings.rest_first.insert(key, self.at);
        }
        if !tracked.would_progress(&trade, stage) {
            return;
        }
        let (token, whole) = (tracked.row.token.clone(), tracked.row.qty);
        let ended_with = match tracked.phase {
            Phase::Ended { matched } => Some(matched),
            _ => None,
        };
        self.note_stage(&trade, stage, read_since);
        self.land(order, out);
        let row = LedgerRow::Fill { at: self.at, order, trade: trade.clone(), price, qty, stage, matched };
        self.record(row, out);
        // As it is counted, and would be told again: a core takes two words on one trade for a contradiction.
        let counted = self.exposure.order(&order).and_then(|tracked| tracked.fills.get(&trade).copied());
        let (price, qty, stage) = counted.unwrap_or((price, qty, stage));
        self.tell(&order, |id| FromExecutor::Fill { id, trade: trade.clone(), price, qty, stage }, out);
        if is_settled(stage) {
            self.want_fresh_balance(&token);
        } else {
            self.want_balances(&token);
        }
        let traded = self.exposure.order(&order).map_or(Qty::ZERO, Tracked::traded);
        if ended_with.is_some_and(|matched| traded > matched) && traded < whole {
            // More than it ended with: then it may not have ended.
            self.rests(order, out);
        }
        if traded > whole {
            self.halt(&format!("{order} traded {traded} shares of {whole}"), out);
        }
        if traded >= whole {
            self.end(order, Became::Ended { matched: traded }, out);
        }
    }

    /// An order of our account that is not in the ledger: somebody else uses the key, or the ledger is not ours.
    pub(super) fn foreign(&mut self, order: OrderId, out: &mut Vec<Effect>) {
        if self.booted {
            self.halt(&format!("order {order} of our account is not in the ledger"), out);
        } else {
            out.push(Effect::Alert(format!("order {order} of our account is not in the ledger; cancelling it").into()));
        }
    }
}

/// Our order as the taker of a trade: it cannot be, since everything is post-only, and is counted all the same.
pub(super) fn taker_part(taker: &str, price: Price, qty: Qty) -> Option<(OrderId, Price, Qty)> {
    OrderId::parse(&taker.to_ascii_lowercase()).ok().map(|order| (order, price, qty))
}

/// A time as the venue writes times: seconds, or milliseconds where there are more than ten digits.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let number: u64 = text.parse().ok().filter(|number| *number > 0)?;
    Some(Timestamp::from_ms(if text.len() > 10 { number } else { number.checked_mul(1000)? }))
}
