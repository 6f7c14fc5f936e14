//! Takes a fill: into holdings, totals, and what fills teach.

use super::{Engine, alert};
use crate::domain::{Outcome, Side, cost_ceil};
use crate::event::{Action, Alert};
use crate::inventory::{FillChange, FillReport};
use crate::protocol::{FromExecutor, Stage};

impl Engine {
    pub(super) fn fill(&mut self, message: &FromExecutor, out: &mut Vec<Action>) {
        let FromExecutor::Fill { id, trade, price, qty, stage } = message else { return };
        let Some(order) = self.orders.get(*id).map(|t| t.order) else { return };
        let report = FillReport {
            id: *id,
            trade,
            token: order.token,
            side: order.side,
            price: *price,
            qty: *qty,
            stage: *stage,
        };
        let cost = cost_ceil(*price, *qty);
        let (side, _) = order.in_yes_terms();
        // a better price than the order's is told in the token's own terms
        let paid = match order.token.outcome {
            Outcome::Yes => 2 * price.ten_thousandths(),
            Outcome::No => 2 * price.complement().ten_thousandths(),
        };
        match self.inventory.apply(&report) {
            Ok(FillChange::New) if *stage != Stage::Failed => {
                self.totals.fills += 1;
                if let Some(state) = self.markets.get_mut(order.token.market.index()) {
                    state.markouts.fill(self.at, side, paid, *qty);
                }
                if order.side == Side::Buy {
                    self.totals.bought = self.totals.bought.saturating_add(cost);
                }
            }
            Ok(FillChange::Reversed) => {
                if let Some(state) = self.markets.get_mut(order.token.market.index()) {
                    state.markouts.undo(side, paid, *qty);
                }
                if order.side == Side::Buy {
                    self.totals.bought = self.totals.bought.saturating_sub(cost);
                }
            }
            Ok(_) => {}
            Err(_) => {
                self.impossible = Some(*id);
                alert(Alert::ImpossibleOrder(*id), out);
            }
        }
    }
}
