//! What may befall a call on its way: whether the venue acts on it, and what is seen of that here.

use super::{Event, Leaving, Rehearsal};
use crate::desk::{Desk, DeskInput, Setup};
use crate::limits::{Places, Waiting};
use crate::outcome::{Answer, Lost, VenueCall, VenueReply};
use mm_core::domain::{Nanos, OrderId, Price, Qty, Side};
use serde_json::{Value, json};

/// The calls a desk makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallKind {
    /// `POST /order`.
    Post,
    /// `POST /orders`.
    PostMany,
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
    /// `GET /balance-allowance/update`.
    Refresh,
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
            VenueCall::RefreshBalance(_) => Self::Refresh,
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
    /// Of a request with many orders: it takes every other one, from the first on.
    InPart,
    /// The same, this long afterwards.
    After(Nanos),
    /// Somebody in between sent it twice.
    Twice,
}

/// How the list that answers a request with many orders differs from one entry of its own for each, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entries {
    /// The last is missing.
    TooFew,
    /// One more comes, of an order that is not ours.
    TooMany,
    /// They stand elsewhere.
    Moved,
    /// The second names an order that is not ours.
    Stranger,
    /// The last is the first again.
    FirstTwice,
    /// The second is nothing.
    Null,
    /// The second is refused.
    SecondRefused,
    /// The second is refused, and the first and the second stand in each other's place.
    RefusedAndMoved,
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
    /// Of many orders: a list of entries that is not as it should be.
    List(Entries),
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
            Acts::Not if request.is_cancel() || matches!(request, VenueCall::RefreshBalance(_)) => None,
            Acts::Not | Acts::Once | Acts::InPart => self.venue.answer(request, self.at),
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
        let Some(reply) = self.see(mishap, right, other) else { return true };
        self.tell(mishap, call, reply);
        true
    }

    /// A request with orders meets its mishap, if there is one.
    pub(super) fn befalls_post(&mut self, kind: CallKind, orders: &[Leaving]) -> bool {
        let Some(mishap) = self.next_mishap(kind) else { return false };
        let before = self.venue.posts.last().map(|(_, id)| *id);
        let named = match mishap.seen {
            Seen::Previous => before.filter(|before| orders.iter().all(|(_, id, _)| id != before)),
            _ => None,
        };
        for (nth, (_, id, order)) in orders.iter().enumerate() {
            if mishap.seen != Seen::NotSent {
                self.venue.posts.push((self.at, *id));
            }
            match mishap.acts {
                Acts::InPart if nth % 2 == 1 => {}
                Acts::Not => {}
                Acts::Once | Acts::Twice | Acts::InPart => self.venue.take(*id, *order),
                Acts::After(wait) => self.later(wait, Event::Land(*id, *order)),
            }
        }
        let right: Vec<Value> = orders.iter().map(|(_, id, _)| entry(*id)).collect();
        let strange = vec![entry(named.unwrap_or(STRANGE)); orders.len()];
        let right = match mishap.seen {
            Seen::List(entries) => entries.of(right),
            _ => right,
        };
        let Some(whole) = self.see(mishap, Some(listed(right)), || Some(listed(strange.clone()))) else { return true };
        for ((call, ..), reply) in orders.iter().zip(self.taken_apart(orders, &whole)) {
            self.tell(mishap, *call, reply);
        }
        true
    }

    fn tell(&mut self, mishap: Mishap, call: u64, reply: VenueReply) {
        self.seen.push((mishap.call, reply.clone()));
        let times = if mishap.seen == Seen::RightTwice { 2 } else { 1 };
        for _ in 0..times {
            self.reply(call, reply.clone());
        }
    }

    /// What is told of a call; `None`: nothing.
    fn see(
        &self,
        mishap: Mishap,
        right: Option<VenueReply>,
        other: impl Fn() -> Option<VenueReply>,
    ) -> Option<VenueReply> {
        let page = |rows: &[Value], cursor: &str| {
            answer_of(
                200,
                json!({ "limit": 100, "count": rows.len(), "next_cursor": cursor, "data": rows }).to_string().into(),
            )
        };
        let reply = match mishap.seen {
            Seen::NotSent => Some(VenueReply::NotSent("no connection".into())),
            Seen::Lost(lost) => Some(VenueReply::Lost(lost)),
            Seen::Says(status, body) => answer_of(status, body.into()),
            Seen::LimiterSays(status, body) => {
                Some(VenueReply::Answer(Answer { limiter: true, ..Answer::new(status, body) }))
            }
            Seen::SaysLater(status, body, secs) => {
                Some(VenueReply::Answer(Answer { retry_after_s: Some(secs), ..Answer::new(status, body) }))
            }
            Seen::Deep => answer_of(200, vec![b'['; 10_000]),
            Seen::NoText => answer_of(200, vec![0xff, 0xfe, 0x80, 0x00]),
            Seen::Other | Seen::Previous => other(),
            Seen::Right | Seen::RightTwice | Seen::List(_) => right,
            Seen::Stale | Seen::WithoutOurs => page(&[], "LTE="),
            Seen::WithForeign => page(&[foreign()], "LTE="),
            Seen::Loop => page(&[], "MTAw"),
        };
        match reply {
            Some(VenueReply::Answer(answer))
                if self.shell_trusts_errors && (answer.status == 404 || answer.status >= 500) =>
            {
                answer_of(400, json!({ "error": POOR }).to_string().into())
            }
            reply => reply,
        }
    }
}

impl Entries {
    /// The list, from the one it should be.
    fn of(self, mut entries: Vec<Value>) -> Vec<Value> {
        match self {
            Self::TooFew => drop(entries.pop()),
            Self::TooMany => entries.push(entry(STRANGE)),
            Self::Moved => entries.rotate_left(1),
            Self::Stranger => entries[1] = entry(STRANGE),
            Self::FirstTwice => *entries.last_mut().expect("there are some") = entries[0].clone(),
            Self::Null => entries[1] = Value::Null,
            Self::SecondRefused => entries[1] = refused(),
            Self::RefusedAndMoved => {
                entries[1] = refused();
                entries.swap(0, 1);
            }
        }
        entries
    }
}

/// An order that is nobody's here.
pub(super) const STRANGE: OrderId = OrderId::from_bytes([0xee; 32]);

/// A reason the venue documents.
pub(super) const POOR: &str = "not enough balance / allowance";

fn answer_of(status: u16, body: Vec<u8>) -> Option<VenueReply> {
    Some(VenueReply::Answer(Answer::new(status, body)))
}

/// The answer to one order, or to many.
fn listed(mut entries: Vec<Value>) -> VenueReply {
    let body = if entries.len() == 1 { entries.remove(0) } else { Value::from(entries) };
    VenueReply::Answer(Answer::new(200, body.to_string()))
}

/// The venue's word about one order of many that it does not take.
pub(super) fn refused() -> Value {
    json!({ "errorMsg": POOR, "orderID": "", "takingAmount": "", "makingAmount": "", "status": "", "success": true })
}

/// The venue's word that it has an order.
fn entry(id: OrderId) -> Value {
    json!({ "errorMsg": "", "orderID": id.to_string(), "takingAmount": "", "makingAmount": "", "status": "live",
            "success": true })
}

/// Its answer to that order alone.
pub(super) fn taken(id: OrderId) -> VenueReply {
    listed(vec![entry(id)])
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
