//! What may befall a call on its way: whether the venue acts on it, and what is seen of that here.

use super::{Event, Rehearsal};
use crate::desk::{Desk, DeskInput, Setup};
use crate::limits::{Places, Waiting};
use crate::outcome::{Answer, Lost, VenueCall, VenueReply};
use mm_core::domain::{Nanos, NewOrder, OrderId, Price, Qty, Side};
use serde_json::{Value, json};

/// The calls a desk makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallKind {
    /// `POST /order`.
    Post,
    /// `DELETE /order`.
    CancelOne,
    /// `DELETE /orders`.
    CancelMany,
    /// `DELETE /cancel-all`.
    CancelAll,
    /// `DELETE /cancel-market-orders`.
    CancelMarket,
    /// `POST /v1/heartbeats`.
    Heartbeat,
    /// `GET /data/order/{id}`.
    Order,
    /// `GET /data/orders`.
    OpenOrders,
    /// `GET /data/trades`.
    Trades,
    /// `GET /time`.
    Time,
    /// The login.
    Login,
    /// `GET /auth/ban-status/closed-only`.
    ClosedOnly,
    /// The geoblock endpoint.
    Geoblock,
    /// `GET /balance-allowance`.
    Balance,
    /// `POST /orders-scoring`.
    Scoring,
    /// What is earned.
    Earnings,
    /// `POST /books`.
    Books,
}

impl CallKind {
    fn of(call: &VenueCall) -> Self {
        match call {
            VenueCall::Cancel(ids) if ids.len() == 1 => Self::CancelOne,
            VenueCall::Cancel(_) => Self::CancelMany,
            VenueCall::CancelAll => Self::CancelAll,
            VenueCall::CancelMarket(_) => Self::CancelMarket,
            VenueCall::OpenOrders { .. } => Self::OpenOrders,
            VenueCall::Order(_) => Self::Order,
            VenueCall::Trades { .. } => Self::Trades,
            VenueCall::Heartbeat { .. } => Self::Heartbeat,
            VenueCall::Scoring(_) => Self::Scoring,
            VenueCall::Shares | VenueCall::Earned(_) => Self::Earnings,
            VenueCall::Balance(_) => Self::Balance,
            VenueCall::Books(_) => Self::Books,
            VenueCall::Geoblock => Self::Geoblock,
            VenueCall::ClosedOnly => Self::ClosedOnly,
            VenueCall::Time => Self::Time,
            VenueCall::RenewCredentials => Self::Login,
        }
    }
}

/// What the venue does about the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acts {
    /// Nothing: it never hears of it, or refuses it.
    Not,
    /// What it always does.
    Once,
    /// The same, this long afterwards.
    After(Nanos),
    /// Somebody in between sent it twice.
    Twice,
}

/// What the desk is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The shell knows that nothing left.
    NotSent,
    /// No answer.
    Lost(Lost),
    /// An answer with this status and body.
    Says(u16, &'static str),
    /// The same by the signer's limiter, whose headers it carries.
    LimiterSays(u16, &'static str),
    /// An answer with `Retry-After`, in seconds.
    SaysLater(u16, &'static str, u64),
    /// 200 and as many brackets as a stack may not take.
    Deep,
    /// 200 and bytes that are no text.
    NoText,
    /// Of a placement: it names another order. Of anything else: the answer to another call.
    Other,
    /// Of a placement: it names the order before. Of anything else: the answer to the call before.
    Previous,
    /// The right answer.
    Right,
    /// The right answer, and again.
    RightTwice,
    /// A list as it was three seconds ago, before anything of now: empty.
    Stale,
    /// A list without what is ours.
    WithoutOurs,
    /// A list with an order that is not in the ledger.
    WithForeign,
    /// A list whose next page is itself.
    Loop,
}

/// What befalls the next calls of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Mishap {
    /// Which.
    pub call: CallKind,
    /// What the venue does.
    pub acts: Acts,
    /// What is told.
    pub seen: Seen,
    /// How many calls; then all is well.
    pub times: u32,
}

impl Rehearsal {
    /// The process dies and starts again on its ledger. What is on its way to the venue still gets there; answers do not come back.
    pub fn restart(&mut self, setup: Setup) {
        self.desk = Desk::recover(setup, self.ledger.rows(), None);
        self.inbox.retain(|_, event| matches!(event, Event::Land(..) | Event::Reach(_)));
        (self.waiting, self.places, self.pump_at) = (Waiting::default(), Places::default(), None);
        self.posts.clear();
        self.input(DeskInput::UserLink { up: true });
    }

    fn next_mishap(&mut self, call: CallKind) -> Option<Mishap> {
        let mishap = self.mishaps.iter_mut().find(|mishap| mishap.call == call && mishap.times > 0)?;
        mishap.times -= 1;
        Some(*mishap)
    }

    /// A call meets its mishap, if there is one.
    pub(super) fn befalls_call(&mut self, call: u64, request: &VenueCall) -> bool {
        let Some(mishap) = self.next_mishap(CallKind::of(request)) else { return false };
        let right = match mishap.acts {
            // a read has no effect: its answer is what it would have been
            Acts::Not if request.is_cancel() => None,
            Acts::Not | Acts::Once => self.venue.answer(request, self.at),
            Acts::After(wait) => {
                self.later(wait, Event::Reach(request.clone()));
                None
            }
            Acts::Twice => {
                self.venue.answer(request, self.at);
                self.venue.answer(request, self.at)
            }
        };
        if request.is_cancel() {
            self.tell_cancels();
        }
        let body = match request {
            VenueCall::Heartbeat { .. } => json!({ "closed_only": false }),
            _ => json!({ "heartbeat_id": "another" }),
        };
        let other = || Some(VenueReply::Answer(Answer::new(200, body.to_string())));
        self.see(call, mishap, right, other);
        true
    }

    /// An order meets its mishap, if there is one.
    pub(super) fn befalls_post(&mut self, call: u64, id: OrderId, order: NewOrder) -> bool {
        let Some(mishap) = self.next_mishap(CallKind::Post) else { return false };
        let before = self.venue.posts.last().map(|(_, id)| *id);
        if mishap.seen != Seen::NotSent {
            self.venue.posts.push((self.at, id));
        }
        match mishap.acts {
            Acts::Not => {}
            Acts::Once | Acts::Twice => self.venue.take(id, order),
            Acts::After(wait) => self.later(wait, Event::Land(id, order)),
        }
        let named = match mishap.seen {
            Seen::Previous => before.filter(|before| *before != id),
            _ => None,
        };
        let other = || Some(taken(named.unwrap_or(OrderId::from_bytes([0xee; 32]))));
        self.see(call, mishap, Some(taken(id)), other);
        true
    }

    fn see(&mut self, call: u64, mishap: Mishap, right: Option<VenueReply>, other: impl Fn() -> Option<VenueReply>) {
        let answer = |status, body: Vec<u8>| Some(VenueReply::Answer(Answer::new(status, body)));
        let page = |rows: &[Value], cursor: &str| {
            answer(
                200,
                json!({ "limit": 100, "count": rows.len(), "next_cursor": cursor, "data": rows }).to_string().into(),
            )
        };
        let reply = match mishap.seen {
            Seen::NotSent => Some(VenueReply::NotSent("no connection".into())),
            Seen::Lost(lost) => Some(VenueReply::Lost(lost)),
            Seen::Says(status, body) => answer(status, body.into()),
            Seen::LimiterSays(status, body) => {
                Some(VenueReply::Answer(Answer { limiter: true, ..Answer::new(status, body) }))
            }
            Seen::SaysLater(status, body, secs) => {
                Some(VenueReply::Answer(Answer { retry_after_s: Some(secs), ..Answer::new(status, body) }))
            }
            Seen::Deep => answer(200, vec![b'['; 10_000]),
            Seen::NoText => answer(200, vec![0xff, 0xfe, 0x80, 0x00]),
            Seen::Other | Seen::Previous => other(),
            Seen::Right | Seen::RightTwice => right,
            Seen::Stale | Seen::WithoutOurs => page(&[], "LTE="),
            Seen::WithForeign => page(&[foreign()], "LTE="),
            Seen::Loop => page(&[], "MTAw"),
        };
        let reply = match reply {
            Some(VenueReply::Answer(answer))
                if self.shell_trusts_errors && (answer.status == 404 || answer.status >= 500) =>
            {
                VenueReply::Answer(Answer::new(400, r#"{"error":"not enough balance / allowance"}"#))
            }
            Some(reply) => reply,
            None => return,
        };
        self.seen.push((mishap.call, reply.clone()));
        let times = if mishap.seen == Seen::RightTwice { 2 } else { 1 };
        for _ in 0..times {
            let reply = reply.clone();
            self.later(self.latency, Event::Input(Box::new(DeskInput::Reply { call, reply })));
        }
    }
}

/// The venue's word that it has an order.
pub(super) fn taken(id: OrderId) -> VenueReply {
    let body = json!({ "errorMsg": "", "orderID": id.to_string(), "takingAmount": "", "makingAmount": "",
                       "status": "live", "success": true });
    VenueReply::Answer(Answer::new(200, body.to_string()))
}

/// An order of our account that no ledger of ours has.
fn foreign() -> Value {
    let id = OrderId::from_bytes([0xf0; 32]).to_string();
    let (price, qty) = (Price::from_ten_thousandths(1000), Qty::from_whole(5));
    json!({ "id": id, "status": "LIVE", "owner": "", "maker_address": "", "side": Side::Buy.as_str(),
            "market": super::condition(0), "asset_id": super::token_id(0, mm_core::domain::Outcome::Yes),
            "original_size": qty.expect("small").to_string(), "size_matched": "0",
            "price": price.expect("below one").to_string(), "associate_trades": null, "outcome": "", "created_at": 0,
            "expiration": "0", "order_type": "GTC" })
}
