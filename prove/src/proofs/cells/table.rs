//! The fault matrix as data (executor.md 2.3): calls, faults, what each proves, and what makes no sense.

use executor::outcome::{self, Beat, Geo, Lost, Placed, VenueReply};
use executor::rehearsal::{Acts, CallKind, Entries, Seen};
use mm_core::domain::{Nanos, OrderId};

/// What the answer to a placement proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    NotSent,
    Accepted,
    Rejected,
    RejectedUnconfirmed,
    Unknown,
    IdMismatch,
    /// Of any other call: something was learnt.
    Learnt,
    /// Of any other call: nothing was.
    Nothing,
}

/// One fault.
pub(super) struct Fault {
    pub(super) name: &'static str,
    pub(super) acts: Acts,
    pub(super) seen: Seen,
    /// What a placement proves that meets it.
    pub(super) post: Class,
    /// What any other call proves, [`EXCEPTIONS`] aside.
    pub(super) other: Class,
    /// Only a list can lie in this way.
    pub(super) of_lists: bool,
}

const fn fault(name: &'static str, acts: Acts, seen: Seen, post: Class) -> Fault {
    Fault { name, acts, seen, post, other: Class::Nothing, of_lists: false }
}

const fn learnt(name: &'static str, acts: Acts, seen: Seen, post: Class) -> Fault {
    Fault { name, acts, seen, post, other: Class::Learnt, of_lists: false }
}

const fn lie(name: &'static str, seen: Seen) -> Fault {
    Fault { name, acts: Acts::Once, seen, post: Class::Unknown, other: Class::Learnt, of_lists: true }
}

const fn of_many(name: &'static str, acts: Acts, seen: Seen) -> Fault {
    fault(name, acts, seen, Class::Unknown)
}

const fn after(secs: u64) -> Acts {
    Acts::After(Nanos::from_secs(secs))
}

const HTML: &str = "<html><body>error</body></html>";
const NO_TOKENS: &str = r#"{"error":"Too Many Requests"}"#;
const DUPLICATE: &str = r#"{"error":"INVALID_ORDER_DUPLICATED: order 0x1 is invalid. Duplicated."}"#;
const EMPTY_ID: &str =
    r#"{"success":true,"orderID":"","errorMsg":"","status":"live","takingAmount":"","makingAmount":""}"#;
const POOR: &str = r#"{"error":"not enough balance / allowance"}"#;
const REASON: &str = r#"{"success":false,"orderID":"","errorMsg":"not enough balance / allowance","status":"","takingAmount":"","makingAmount":""}"#;

/// The 58 faults.
pub(super) const FAULTS: [Fault; 58] = [
    // before any byte is sent
    fault("dns-failure", Acts::Not, Seen::NotSent, Class::NotSent),
    fault("connect-refused", Acts::Not, Seen::NotSent, Class::NotSent),
    fault("connect-timeout", Acts::Not, Seen::NotSent, Class::NotSent),
    fault("tls-wrong-host", Acts::Not, Seen::NotSent, Class::NotSent),
    fault("tls-expired", Acts::Not, Seen::NotSent, Class::NotSent),
    fault("tls-plain-text-peer", Acts::Not, Seen::NotSent, Class::NotSent),
    // the client cannot tell these from a request that left
    fault("pooled-connection-closed", Acts::Not, Seen::Lost(Lost::Reset), Class::Unknown),
    fault("h2-goaway", Acts::Not, Seen::Lost(Lost::Reset), Class::Unknown),
    // no effect at the venue
    fault("timeout-no-effect", Acts::Not, Seen::Lost(Lost::Timeout), Class::Unknown),
    fault("reset-after-request", Acts::Not, Seen::Lost(Lost::Reset), Class::Unknown),
    fault("401", Acts::Not, Seen::Says(401, r#"{"error":"Unauthorized/Invalid api key"}"#), Class::RejectedUnconfirmed),
    fault("403-generic", Acts::Not, Seen::Says(403, HTML), Class::RejectedUnconfirmed),
    fault(
        "403-region",
        Acts::Not,
        Seen::Says(403, r#"{"error":"Trading restricted in your region"}"#),
        Class::Rejected,
    ),
    fault("404", Acts::Not, Seen::Says(404, HTML), Class::Unknown),
    fault("405", Acts::Not, Seen::Says(405, HTML), Class::Unknown),
    fault("408", Acts::Not, Seen::Says(408, ""), Class::Unknown),
    fault("413", Acts::Not, Seen::Says(413, HTML), Class::Unknown),
    fault("425", Acts::Not, Seen::Says(425, ""), Class::RejectedUnconfirmed),
    fault("429-limiter", Acts::Not, Seen::LimiterSays(429, NO_TOKENS), Class::RejectedUnconfirmed),
    fault("429-html-retry-after", Acts::Not, Seen::SaysLater(429, HTML, 2), Class::Unknown),
    fault(
        "503-disabled",
        Acts::Not,
        Seen::Says(503, r#"{"error":"Trading is currently disabled."}"#),
        Class::RejectedUnconfirmed,
    ),
    fault(
        "503-cancel-only",
        Acts::Not,
        Seen::Says(503, r#"{"error":"Trading is currently cancel-only."}"#),
        Class::RejectedUnconfirmed,
    ),
    fault("400-documented", Acts::Not, Seen::Says(400, POOR), Class::Rejected),
    fault("400-unparseable", Acts::Not, Seen::Says(400, HTML), Class::Unknown),
    fault("200-empty-id-with-reason", Acts::Not, Seen::Says(200, REASON), Class::Rejected),
    // the effect happened
    fault("timeout", Acts::Once, Seen::Lost(Lost::Timeout), Class::Unknown),
    fault("reset-before-headers", Acts::Once, Seen::Lost(Lost::Reset), Class::Unknown),
    fault("reset-in-headers", Acts::Once, Seen::Lost(Lost::Reset), Class::Unknown),
    fault("reset-in-body", Acts::Once, Seen::Lost(Lost::Truncated), Class::Unknown),
    fault("truncated-length", Acts::Once, Seen::Lost(Lost::Truncated), Class::Unknown),
    fault("truncated-chunks", Acts::Once, Seen::Lost(Lost::Truncated), Class::Unknown),
    fault("500", Acts::Once, Seen::Says(500, r#"{"error":"Internal server error"}"#), Class::Unknown),
    fault("502", Acts::Once, Seen::Says(502, HTML), Class::Unknown),
    fault("504", Acts::Once, Seen::Says(504, HTML), Class::Unknown),
    fault("200-empty", Acts::Once, Seen::Says(200, ""), Class::Unknown),
    fault("200-html", Acts::Once, Seen::Says(200, HTML), Class::Unknown),
    fault("200-malformed", Acts::Once, Seen::Says(200, r#"{"success":tr"#), Class::Unknown),
    fault("200-wrong-types", Acts::Once, Seen::Says(200, r#"[{"success":"yes","orderID":7}]"#), Class::Unknown),
    fault("200-empty-id-no-reason", Acts::Once, Seen::Says(200, EMPTY_ID), Class::Unknown),
    fault("200-other-id", Acts::Once, Seen::Other, Class::IdMismatch),
    fault("previous-response", Acts::Once, Seen::Previous, Class::IdMismatch),
    learnt("response-twice", Acts::Once, Seen::RightTwice, Class::Accepted),
    // the effect comes after the client gave up
    fault("effect-after-5-s", after(5), Seen::Lost(Lost::Timeout), Class::Unknown),
    fault("effect-after-30-s", after(30), Seen::Lost(Lost::Timeout), Class::Unknown),
    fault("effect-after-90-s", after(90), Seen::Lost(Lost::Timeout), Class::Unknown),
    // a proxy sends it twice: one of them is told that it is a duplicate
    fault("sent-twice", Acts::Twice, Seen::Says(400, DUPLICATE), Class::Unknown),
    fault("duplicate-at-first-sight", Acts::Not, Seen::Says(400, DUPLICATE), Class::Unknown),
    // pace and size
    fault("slow-headers", Acts::Once, Seen::Lost(Lost::Timeout), Class::Unknown),
    fault("slow-body", Acts::Once, Seen::Lost(Lost::Timeout), Class::Unknown),
    fault("100-mb-body", Acts::Once, Seen::Lost(Lost::TooLarge), Class::Unknown),
    fault("gzip-bomb", Acts::Once, Seen::NoText, Class::Unknown),
    fault("deep-json", Acts::Once, Seen::Deep, Class::Unknown),
    fault("invalid-utf-8", Acts::Once, Seen::NoText, Class::Unknown),
    fault("redirect", Acts::Not, Seen::Says(307, ""), Class::Unknown),
    // lies of lists
    lie("stale-list", Seen::Stale),
    lie("list-without-ours", Seen::WithoutOurs),
    lie("foreign-order", Seen::WithForeign),
    lie("cursor-loop", Seen::Loop),
];

/// One call of the matrix: as executor.md 2.3 lists them, and what this executor asks besides.
pub(super) struct Call {
    pub(super) name: &'static str,
    /// None: it is not made, for this reason.
    pub(super) kind: Result<CallKind, &'static str>,
}

const fn call(name: &'static str, kind: CallKind) -> Call {
    Call { name, kind: Ok(kind) }
}

const fn not_made(name: &'static str, why: &'static str) -> Call {
    Call { name, kind: Err(why) }
}

pub(super) const CALLS: [Call; 20] = [
    call("POST order", CallKind::Post),
    call("DELETE order", CallKind::CancelOne),
    call("DELETE orders", CallKind::CancelMany),
    call("DELETE cancel-all", CallKind::CancelAll),
    call("DELETE cancel-market-orders", CallKind::CancelMarket),
    call("POST heartbeat", CallKind::Heartbeat),
    call("GET order", CallKind::Order),
    call("GET open orders", CallKind::OpenOrders),
    call("GET trades", CallKind::Trades),
    call("GET time", CallKind::Time),
    not_made("GET version", "this executor never asks for it"),
    call("derive API key", CallKind::Login),
    not_made("create API key", "part of the shell's login: to the desk it is the login"),
    call("GET closed-only", CallKind::ClosedOnly),
    call("GET geoblock", CallKind::Geoblock),
    call("POST books", CallKind::Books),
    call("GET balance", CallKind::Balance),
    call("GET balance update", CallKind::Refresh),
    call("POST orders-scoring", CallKind::Scoring),
    call("GET earnings", CallKind::Earnings),
];

/// Many orders in one request: a matrix of its own.
pub(super) const BATCH: Call = call("POST orders", CallKind::PostMany);

/// What only the answer to many orders can have, besides [`FAULTS`]. See [`of_batch`] for what it proves.
pub(super) const BATCH_FAULTS: [Fault; 11] = [
    of_many("400-and-a-part-rests", Acts::InPart, Seen::Says(400, POOR)),
    of_many("500-and-a-part-rests", Acts::InPart, Seen::Says(500, HTML)),
    of_many("timeout-and-a-part-rests", Acts::InPart, Seen::Lost(Lost::Timeout)),
    of_many("list-too-short", Acts::Once, Seen::List(Entries::TooFew)),
    of_many("list-too-long", Acts::Once, Seen::List(Entries::TooMany)),
    of_many("list-moved", Acts::Once, Seen::List(Entries::Moved)),
    of_many("list-with-a-stranger", Acts::Once, Seen::List(Entries::Stranger)),
    of_many("list-with-one-twice", Acts::Once, Seen::List(Entries::FirstTwice)),
    of_many("list-with-a-null", Acts::Once, Seen::List(Entries::Null)),
    of_many("one-refused", Acts::InPart, Seen::List(Entries::SecondRefused)),
    of_many("one-refused-and-moved", Acts::InPart, Seen::List(Entries::RefusedAndMoved)),
];

/// What each of the three orders of a batch proves that meets a fault.
pub(super) fn of_batch(fault: &Fault) -> [Class; 3] {
    use Class::{Accepted, IdMismatch, Rejected, RejectedUnconfirmed, Unknown};
    match fault.name {
        // whose reason it is cannot be told
        "400-documented" | "400-and-a-part-rests" => [RejectedUnconfirmed; 3],
        // no list
        "200-empty-id-with-reason" => [Unknown; 3],
        "list-moved" => [Accepted; 3],
        "list-with-a-stranger" => [Accepted, IdMismatch, Accepted],
        "list-with-a-null" | "one-refused-and-moved" => [Accepted, Unknown, Accepted],
        "one-refused" => [Accepted, Rejected, Accepted],
        _ => [fault.post; 3],
    }
}

/// Which order's answer halts the desk: whatever else is in flight is in doubt from then on.
pub(super) fn stops_at(fault: &Fault) -> Option<usize> {
    match fault.name {
        "403-region" => Some(0),
        "list-with-a-stranger" => Some(1),
        _ => None,
    }
}

/// Why a fault makes no sense for a call; `None`: it does.
pub(super) fn senseless(call: &Call, fault: &Fault) -> Option<&'static str> {
    let kind = match call.kind {
        Ok(kind) => kind,
        Err(why) => return Some(why),
    };
    let is_list = matches!(kind, CallKind::OpenOrders | CallKind::Trades);
    let has_effect = matches!(
        kind,
        CallKind::Post
            | CallKind::PostMany
            | CallKind::CancelOne
            | CallKind::CancelMany
            | CallKind::CancelAll
            | CallKind::CancelMarket
    );
    if fault.of_lists && !is_list {
        Some("only a list can lie in this way")
    } else if matches!(fault.acts, Acts::After(_) | Acts::Twice) && !has_effect {
        Some("what only asks has no effect that could come late or twice")
    } else if kind == CallKind::Trades && fault.seen == Seen::WithForeign {
        Some("other people's orders are in every list of trades and mean nothing")
    } else {
        None
    }
}

/// Cells that make no sense: their number cannot grow unseen.
pub(super) const SENSELESS: u64 = 1_440;

/// The same of [`BATCH`].
pub(super) const SENSELESS_OF_BATCH: u64 = 16;

const CANCELS_AND_EARNINGS: &[CallKind] =
    &[CallKind::CancelOne, CallKind::CancelMany, CallKind::CancelAll, CallKind::CancelMarket, CallKind::Earnings];

/// Where a call other than a placement learns something although the answer is not its own. An object without a list of what was
/// cancelled cancels nothing, and each order is looked up; one without our markets tells of none of them.
pub(super) const EXCEPTIONS: [(&str, &[CallKind]); 4] = [
    ("200-empty-id-with-reason", CANCELS_AND_EARNINGS),
    ("200-empty-id-no-reason", CANCELS_AND_EARNINGS),
    ("200-other-id", CANCELS_AND_EARNINGS),
    ("previous-response", CANCELS_AND_EARNINGS),
];

/// What a reply proves; `None`: nothing is read from it but its status.
pub(super) fn class_of(kind: CallKind, reply: &VenueReply, ours: OrderId) -> Option<Class> {
    let read = |ok: bool| Some(if ok { Class::Learnt } else { Class::Nothing });
    match kind {
        CallKind::Post | CallKind::PostMany => Some(match outcome::placed(reply, ours) {
            Placed::NotSent(_) => Class::NotSent,
            Placed::Accepted => Class::Accepted,
            Placed::Rejected(_) => Class::Rejected,
            Placed::RejectedUnconfirmed(_) => Class::RejectedUnconfirmed,
            Placed::Unknown(_) => Class::Unknown,
            Placed::IdMismatch(_) => Class::IdMismatch,
        }),
        CallKind::CancelOne | CallKind::CancelMany | CallKind::CancelAll | CallKind::CancelMarket => {
            read(outcome::cancel(reply).is_ok())
        }
        CallKind::Heartbeat => read(!matches!(outcome::heartbeat(reply), Beat::Failed(_))),
        CallKind::Order => {
            let body = match reply {
                VenueReply::Answer(answer) => {
                    serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap_or_default()
                }
                _ => serde_json::Value::Null,
            };
            let asked = body["id"].as_str().and_then(|id| OrderId::parse(id).ok()).unwrap_or(ours);
            read(outcome::order(reply, asked).is_ok())
        }
        CallKind::OpenOrders => read(outcome::open_orders(reply).is_ok()),
        CallKind::Trades => read(outcome::trades(reply).is_ok()),
        CallKind::Time => read(outcome::time(reply).is_ok()),
        CallKind::ClosedOnly => read(outcome::closed_only(reply).is_ok()),
        CallKind::Geoblock => read(!matches!(outcome::geoblock(reply), Geo::Unknown(_))),
        CallKind::Balance => read(outcome::balance(reply).is_ok()),
        CallKind::Scoring => read(outcome::scoring(reply).is_ok()),
        CallKind::Earnings => read(outcome::shares(reply).is_ok() || outcome::earned(reply).is_ok()),
        CallKind::Books => read(outcome::books(reply).is_ok()),
        CallKind::Login | CallKind::Refresh => None,
    }
}
