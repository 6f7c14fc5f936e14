//! What became ready in the same turn goes out together and never waits for more.

use super::Shell;
use executor::crash_point;
use executor::desk::DeskInput;
use executor::limits::SortedOut;
use executor::policy::Approved;
use executor::recorded::Recorded;
use executor::sign::sign;
use mm_core::domain::Timestamp;

/// An order that is recorded and may leave.
pub(super) struct Post {
    pub(super) call: u64,
    pub(super) approved: Approved,
    pub(super) row: Recorded,
    /// It leaves before this moment or not at all.
    pub(super) until: Timestamp,
}

impl Shell {
    /// Signs and sends what has tokens. The rest is told that it was not sent: what was decided now may be wrong in a second, or
    /// forbidden, so a place waits for nothing. Comes after [`Self::pump`]: cancels leave first.
    pub(super) fn send_posts(&mut self, at: Timestamp) {
        if self.posts.is_empty() {
            return;
        }
        let urgent = self.waiting.is_urgent();
        let posts = std::mem::take(&mut self.posts);
        let SortedOut { batches, kept_in } =
            self.places.sort_out(&self.limits, at, urgent, posts, |post| post.approved.market());
        for (post, why) in kept_in {
            self.pending.push(DeskInput::KeptIn { call: post.call, why });
        }
        for batch in batches {
            self.send_batch(batch);
        }
    }

    /// One request. It is whole or not at all, so it leaves before the first of its orders has to.
    fn send_batch(&self, posts: Vec<Post>) {
        let Some(until) = posts.iter().map(|post| post.until).min() else { return };
        let (mut calls, mut orders) = (Vec::with_capacity(posts.len()), Vec::with_capacity(posts.len()));
        for Post { call, approved, row, .. } in posts {
            calls.push(call);
            orders.push(sign(&self.key, &self.account, approved, row));
            crash_point!("post.signed");
        }
        let (clob, inbox, leave) = (self.clob.clone(), self.inbox.clone(), self.way.leave(until));
        tokio::spawn(async move {
            for (call, reply) in calls.into_iter().zip(clob.post(orders, leave).await) {
                let _ = inbox.send(DeskInput::Reply { call, reply }).await;
                crash_point!("post.told");
            }
        });
    }
}
