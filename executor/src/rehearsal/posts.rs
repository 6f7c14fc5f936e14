//! Orders on their way to the venue: sorted out as the shell sorts them out, answered as the venue answers, and the answer taken
//! apart as the client takes it apart.

use super::{CallKind, Event, OnPost, Rehearsal, mishap};
use crate::desk::DeskInput;
use crate::limits::{Class, SortedOut};
use crate::outcome::{self, Answer, Lost, VenueReply};
use mm_core::domain::{ConditionId, NewOrder, OrderId};
use serde_json::{Value, json};

/// An order that leaves: the desk's call, its hash and the order.
pub type Leaving = (u64, OrderId, NewOrder);

/// An order that is ready to leave, and its market.
pub(super) type Ready = (Leaving, ConditionId);

impl Rehearsal {
    /// Sends the orders of this turn that have tokens, after the calls.
    pub(super) fn send_posts(&mut self) {
        let ready = std::mem::take(&mut self.posts);
        let SortedOut { batches, kept_in } = match self.one_bucket {
            false => {
                let urgent = self.waiting.is_urgent();
                self.places.sort_out(&self.limits, self.at, urgent, ready, |(_, market)| market)
            }
            true => {
                let (batches, kept_in): (Vec<_>, Vec<_>) =
                    ready.into_iter().partition(|_| self.limits.take(self.at, Class::Place, 1).is_ok());
                SortedOut {
                    batches: batches.into_iter().map(|order| vec![order]).collect(),
                    kept_in: kept_in.into_iter().map(|order| (order, "one bucket")).collect(),
                }
            }
        };
        for (((call, ..), _), why) in kept_in {
            self.input(DeskInput::KeptIn { call, why });
        }
        for batch in batches {
            let orders: Vec<Leaving> = batch.into_iter().map(|(order, _)| order).collect();
            self.post(&orders);
            if self.shell_resends && self.venue.on_post == OnPost::TakeAndLose {
                self.venue.posts.extend(orders.iter().map(|(_, id, _)| (self.at, *id)));
            }
        }
    }

    /// The venue is sent orders in one request, and does with each what it does with all.
    pub fn post(&mut self, orders: &[Leaving]) {
        let kind = if orders.len() == 1 { CallKind::Post } else { CallKind::PostMany };
        if self.befalls_post(kind, orders) {
            return;
        }
        let each = orders.iter().map(|(_, id, order)| self.take_one(*id, *order)).collect();
        for ((call, ..), reply) in orders.iter().zip(self.taken_apart(orders, &as_one(each))) {
            self.reply(*call, reply);
        }
    }

    /// The answer to a request as one for each of its orders.
    pub(super) fn taken_apart(&self, orders: &[Leaving], whole: &VenueReply) -> Vec<VenueReply> {
        let ids: Vec<OrderId> = orders.iter().map(|(_, id, _)| *id).collect();
        match whole {
            VenueReply::Answer(answer) if self.shell_blames_each && answer.status >= 400 => {
                vec![whole.clone(); ids.len()]
            }
            whole => outcome::split_batch(whole, &ids),
        }
    }

    /// What the venue does with an order, and what it would answer if the order came alone.
    fn take_one(&mut self, id: OrderId, order: NewOrder) -> VenueReply {
        let on_post = self.venue.on_post;
        if on_post != OnPost::NotSent {
            self.venue.posts.push((self.at, id));
        }
        match on_post {
            OnPost::Accept => {
                self.venue.take(id, order);
                mishap::taken(id)
            }
            OnPost::TakeAndLose => {
                self.venue.take(id, order);
                VenueReply::Lost(Lost::Timeout)
            }
            OnPost::DropAndLose => VenueReply::Lost(Lost::Reset),
            OnPost::TakeLate(after) => {
                self.later(after, Event::Land(id, order));
                VenueReply::Lost(Lost::Timeout)
            }
            OnPost::Reject => {
                let body = json!({ "error": mishap::POOR });
                VenueReply::Answer(Answer::new(400, body.to_string()))
            }
            OnPost::OtherId => {
                self.venue.take(id, order);
                mishap::taken(mishap::STRANGE)
            }
            OnPost::Status(status) => VenueReply::Answer(Answer::new(status, "")),
            OnPost::StatusThenTake(status, after) => {
                self.later(after, Event::Land(id, order));
                VenueReply::Answer(Answer::new(status, ""))
            }
            OnPost::StatusAfterFill(status) => {
                self.venue.take(id, order);
                self.fill(id, order.qty);
                VenueReply::Answer(Answer::new(status, ""))
            }
            OnPost::NotSent => VenueReply::NotSent("connection refused".into()),
        }
    }
}

/// One answer to a request, from what each of its orders would have been answered alone: many that were taken or refused come as a
/// list (`clob-rest.md` section 6), anything else befalls them all.
fn as_one(mut each: Vec<VenueReply>) -> VenueReply {
    let entry = |reply: &VenueReply| match reply {
        VenueReply::Answer(answer) if answer.status == 200 => serde_json::from_slice::<Value>(&answer.body).ok(),
        VenueReply::Answer(answer) if answer.status == 400 => Some(mishap::refused()),
        _ => None,
    };
    match each.iter().map(entry).collect::<Option<Vec<Value>>>() {
        Some(entries) if each.len() > 1 => VenueReply::Answer(Answer::new(200, Value::from(entries).to_string())),
        _ => each.swap_remove(0),
    }
}
