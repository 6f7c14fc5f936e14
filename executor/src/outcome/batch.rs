//! One answer for many orders, taken apart.

use super::{Answer, VenueReply};
use mm_core::domain::OrderId;
use mm_core::venue::rest::PostOrderReply;
use serde::Deserialize as _;
use serde_json::Value;

/// One answer of `POST /orders` as one reply for each of its orders. An order that left alone, by `POST /order`, has its answer whole.
///
/// An entry belongs to the order whose hash it names, wherever it stands. One that names none belongs to its place in the list,
/// and that only while every entry that names one stands in its own: otherwise it proves nothing. So does a list of another
/// length, and one that names an order twice.
#[must_use]
pub fn split_batch(reply: &VenueReply, ours: &[OrderId]) -> Vec<VenueReply> {
    let answer = match reply {
        VenueReply::Answer(answer) if ours.len() > 1 => answer,
        whole => return vec![whole.clone(); ours.len()],
    };
    if !(200..=299).contains(&answer.status) {
        return vec![VenueReply::Answer(Answer { for_many: true, ..answer.clone() }); ours.len()];
    }
    let with = |body: &str| VenueReply::Answer(Answer { body: body.as_bytes().to_vec(), ..answer.clone() });
    let entries: Vec<Value> = serde_json::from_slice(&answer.body).unwrap_or_default();
    if entries.len() != ours.len() {
        return vec![with(""); ours.len()];
    }
    let place_of = |order: &OrderId| ours.iter().position(|own| own == order);
    let mut replies = vec![None; ours.len()];
    let (mut ordered, mut rest) = (true, Vec::new());
    for (nth, entry) in entries.iter().enumerate() {
        let named = named(entry);
        let Some(own) = named.as_ref().and_then(place_of) else {
            rest.push((entry.to_string(), named.is_some()));
            continue;
        };
        ordered &= own == nth;
        if replies[own].replace(with(&entry.to_string())).is_some() {
            return vec![with(""); ours.len()];
        }
    }
    // As many entries are left as orders, and in their order.
    let mut rest = rest.into_iter();
    for reply in replies.iter_mut().filter(|reply| reply.is_none()) {
        // a stranger's hash must be seen, whoever hears of it
        *reply = rest.next().map(|(entry, named)| with(if ordered || named { &entry } else { "" }));
    }
    replies.into_iter().map(|reply| reply.unwrap_or_else(|| with(""))).collect()
}

/// The hash an entry names.
fn named(entry: &Value) -> Option<OrderId> {
    let entry = PostOrderReply::deserialize(entry).ok()?;
    OrderId::parse(&entry.order_id.to_ascii_lowercase()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Lost, Placed, placed};
    use proptest::prelude::*;
    use serde_json::json;

    fn id(n: u8) -> OrderId {
        OrderId::from_bytes([n; 32])
    }

    fn entry(named: Option<u8>, text: &str) -> Value {
        let named = named.map_or_else(String::new, |n| id(n).to_string());
        json!({ "errorMsg": text, "orderID": named, "success": true, "status": "live" })
    }

    /// What each of orders 1 to `count` is found to be after such an answer.
    fn check(count: u8, status: u16, body: &Value, expected: &[&str]) {
        let ours: Vec<OrderId> = (1..=count).map(id).collect();
        let replies = split_batch(&VenueReply::Answer(Answer::new(status, body.to_string())), &ours);
        let found = ours.iter().zip(&replies).map(|(own, reply)| match placed(reply, *own) {
            Placed::Accepted => "accepted",
            Placed::Rejected(_) => "rejected",
            Placed::RejectedUnconfirmed(_) => "unconfirmed",
            Placed::Unknown(_) => "unknown",
            Placed::IdMismatch(_) => "another",
            Placed::NotSent(_) => "not sent",
        });
        assert_eq!(found.collect::<Vec<_>>(), expected, "{status} {body}");
    }

    const POOR: &str = "not enough balance / allowance";

    #[test]
    fn entries_are_matched_by_hash() {
        let [one, two, three] = [1, 2, 3].map(|n| entry(Some(n), ""));
        let poor = entry(None, POOR);
        check(3, 200, &json!([one, two, three]), &["accepted"; 3]);
        check(3, 200, &json!([three, one, two]), &["accepted"; 3]);
        check(3, 200, &json!([one, poor, three]), &["accepted", "rejected", "accepted"]);
        // somebody stands in the wrong place: where the refusal belongs is not known
        check(3, 200, &json!([three, poor, one]), &["accepted", "unknown", "accepted"]);
        check(3, 200, &json!([poor, one, poor]), &["accepted", "unknown", "unknown"]);
        check(3, 200, &json!([one, entry(Some(9), ""), three]), &["accepted", "another", "accepted"]);
        check(3, 200, &json!([two, one, entry(Some(9), "")]), &["accepted", "accepted", "another"]);
    }

    #[test]
    fn what_is_no_list_of_each_once_proves_nothing() {
        let [one, two] = [1, 2].map(|n| entry(Some(n), ""));
        check(2, 200, &json!([one]), &["unknown"; 2]);
        check(2, 200, &json!([one, two, two]), &["unknown"; 2]);
        check(2, 200, &json!([one, one]), &["unknown"; 2]);
        check(2, 200, &one, &["unknown"; 2]);
        check(2, 200, &json!([]), &["unknown"; 2]);
        check(2, 200, &json!([one, null]), &["accepted", "unknown"]);
    }

    #[test]
    fn an_answer_to_the_whole_is_one_to_each_and_a_reason_may_be_about_another() {
        check(2, 400, &json!({ "error": POOR }), &["unconfirmed"; 2]);
        check(1, 400, &json!({ "error": POOR }), &["rejected"]);
        check(2, 425, &json!({}), &["unconfirmed"; 2]);
        check(2, 500, &json!({ "error": POOR }), &["unknown"; 2]);
        for whole in [VenueReply::NotSent("no connection".into()), VenueReply::Lost(Lost::Timeout)] {
            assert_eq!(split_batch(&whole, &[id(1), id(2)]), [whole.clone(), whole]);
        }
    }

    proptest! {
        /// Against the plain meaning: accepted is who is named without an error exactly once in a list of the right length, whatever
        /// stands where; refused is only who stands in a list that is in order.
        #[test]
        fn nobody_is_taken_for_another(entries in proptest::collection::vec((0u8..5, any::<bool>()), 0..6), count in 2u8..5) {
            let ours: Vec<OrderId> = (1..=count).map(id).collect();
            let list: Vec<Value> = entries.iter().map(|(n, poor)| {
                entry((*n > 0).then_some(*n), if *poor { POOR } else { "" })
            }).collect();
            let replies = split_batch(&VenueReply::Answer(Answer::new(200, Value::from(list).to_string())), &ours);
            prop_assert_eq!(replies.len(), ours.len());
            let times = |n: u8| entries.iter().filter(|(named, _)| *named == n).count();
            let whole = entries.len() == ours.len() && (1..=count).all(|n| times(n) < 2);
            let in_order = entries.iter().zip(1..).all(|((named, _), nth)| *named == nth || *named == 0 || *named > count);
            for (n, reply) in (1..=count).zip(&replies) {
                match placed(reply, id(n)) {
                    Placed::Accepted => prop_assert!(whole && entries.contains(&(n, false))),
                    Placed::Rejected(_) => prop_assert!(whole && in_order && entries[usize::from(n) - 1] == (0, true)),
                    _ => prop_assert!(!(whole && entries.contains(&(n, false)))),
                }
            }
        }
    }
}
