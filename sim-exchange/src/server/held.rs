//! Orders a market holds back before they match. Where the hold is the short one (`itode`) the answer waits for it, as the
//! venue's does; where it is the long one of sports (`sd`) the answer is `delayed` at once.

use super::front::Front;
use crate::exchange::{AccountIx, Placed, PlacedStatus, Reject};
use mm_core::domain::{Nanos, OrderId};
use std::time::Duration;

/// How often a hold that should be over is looked at again, and how many times: the venue's clock may stand still.
const LOOK_EVERY: Duration = Duration::from_millis(10);
const LOOKS: u32 = 50;

/// A taken order, and the hold its answer waits for.
pub(super) struct Taken {
    pub(super) placed: Placed,
    pub(super) account: AccountIx,
    pub(super) hold: Option<Nanos>,
}

/// Waits out the hold of an order, if its answer does, and says what it has become.
pub(super) async fn wait_out(front: &Front, taken: Taken) -> Result<Placed, Reject> {
    let Taken { placed, account, hold } = taken;
    let Some(hold) = hold.filter(|_| placed.status == PlacedStatus::Delayed) else { return Ok(placed) };
    // several holds of one batch begin together: what is left of this one may be nothing
    if let Some(over) = front.step(|venue, _| outcome(&venue.exchange, account, &placed.id)) {
        return over;
    }
    tokio::time::sleep(Duration::from_nanos(hold.nanos())).await;
    for _ in 0..LOOKS {
        match front.step(|venue, _| outcome(&venue.exchange, account, &placed.id)) {
            Some(outcome) => return outcome,
            None => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
    Ok(placed)
}

/// What became of a held order; `None` while it is held.
fn outcome(exchange: &crate::exchange::Exchange, account: AccountIx, id: &OrderId) -> Option<Result<Placed, Reject>> {
    let placed = exchange.placed(account, id)?;
    if placed.status == PlacedStatus::Delayed {
        return None;
    }
    let status = exchange.order(account, id).map(|order| order.status).unwrap_or_default();
    if !placed.matched.is_zero() || !status.starts_with("CANCELED") {
        return Some(Ok(placed));
    }
    Some(Err(Reject::bad(match status.strip_prefix("CANCELED_") {
        Some("NOT_ENOUGH_BALANCE") => "not enough balance / allowance",
        // the venue keeps its own sentence in the status of an order it has killed
        Some(why) if why.contains(' ') => why,
        _ => "order match delayed due to market conditions",
    })))
}
