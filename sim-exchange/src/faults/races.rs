//! How the user channel mixes up what it tells.

use super::Faults;
use super::fault::{Fault, UserFault};
use mm_core::domain::{Nanos, OrderId, Qty};
use mm_core::venue::user_ws::{OrderEvent, TradeEvent, UserEvent};
use std::collections::{BTreeMap, VecDeque};

/// Trades whose first telling is remembered, for sending it again; older ones are forgotten.
const REMEMBERED: usize = 1_024;

/// What is remembered between events.
#[derive(Debug, Default)]
pub(super) struct Races {
    /// Cancelled orders whose fills are kept back until the cancellation is told.
    kept: BTreeMap<OrderId, Vec<TradeEvent>>,
    first: BTreeMap<String, TradeEvent>,
    order: VecDeque<String>,
}

impl Races {
    fn remember(&mut self, trade: &TradeEvent) {
        if self.first.contains_key(&trade.id) {
            return;
        }
        self.first.insert(trade.id.clone(), trade.clone());
        self.order.push_back(trade.id.clone());
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.first.remove(&oldest);
        }
    }
}

impl Faults {
    /// From now on the fills of the order are kept back until its cancellation is told.
    pub fn keep_fills_back(&mut self, order: OrderId) {
        self.races.kept.insert(order, Vec::new());
    }

    /// What is told of an event instead, and how much later; `None`: the event itself, now.
    pub fn user_events(&mut self, event: &UserEvent) -> Option<Vec<(Nanos, UserEvent)>> {
        if self.active.is_empty() && self.races.kept.is_empty() {
            return None;
        }
        match event {
            UserEvent::Order(order) => Some(self.order_events(order.clone())),
            UserEvent::Trade(trade) => Some(self.trade_events(trade.clone())),
            UserEvent::Unknown { .. } => None,
        }
    }

    fn order_events(&mut self, order: OrderEvent) -> Vec<(Nanos, UserEvent)> {
        if self.races.kept.contains_key(&order.id) {
            if order.kind != "CANCELLATION" {
                return Vec::new();
            }
            let trades = self.races.kept.remove(&order.id).unwrap_or_default();
            return recorded_order(&order, trades).into_iter().map(|event| (Nanos::ZERO, event)).collect();
        }
        let mut later = Nanos::ZERO;
        for n in 0..self.active.len() {
            if let Fault::User(percent, UserFault::TradeBeforeOrder { by }) = self.active[n].fault
                && self.hits(n, percent, 0)
            {
                later = by;
            }
        }
        vec![(later, UserEvent::Order(order))]
    }

    fn trade_events(&mut self, trade: TradeEvent) -> Vec<(Nanos, UserEvent)> {
        let kept = trade.maker_orders.iter().map(|maker| maker.order_id).find(|id| self.races.kept.contains_key(id));
        if let Some(kept) = kept.and_then(|id| self.races.kept.get_mut(&id)) {
            kept.push(trade);
            return Vec::new();
        }
        self.races.remember(&trade);
        let mut out = vec![(Nanos::ZERO, UserEvent::Trade(trade.clone()))];
        for n in 0..self.active.len() {
            let Fault::User(percent, what) = self.active[n].fault else { continue };
            match what {
                UserFault::DuplicateTrades if self.hits(n, percent, 0) => {
                    out.push((Nanos::ZERO, UserEvent::Trade(trade.clone())));
                }
                UserFault::StatusBackwards => {
                    let first = self.races.first.get(&trade.id).filter(|first| first.status != trade.status).cloned();
                    if let Some(first) = first
                        && self.hits(n, percent, 0)
                    {
                        out.push((Nanos::ZERO, UserEvent::Trade(first)));
                    }
                }
                _ => {}
            }
        }
        out
    }
}

/// The recorded order of a cancellation that met fills (`clob-streams.md` 6.3): cancelled with nothing matched, a fill,
/// cancelled with that, cancelled with everything, the other fills.
fn recorded_order(cancellation: &OrderEvent, trades: Vec<TradeEvent>) -> Vec<UserEvent> {
    let cancelled =
        |matched: Option<Qty>| UserEvent::Order(OrderEvent { size_matched: matched, ..cancellation.clone() });
    let mut trades = trades.into_iter();
    let Some(first) = trades.next() else { return vec![cancelled(cancellation.size_matched)] };
    let mine = first.maker_orders.iter().filter(|maker| maker.order_id == cancellation.id);
    let matched = mine.fold(Qty::ZERO, |sum, maker| sum.saturating_add(maker.matched_amount));
    let mut out = vec![cancelled(Some(Qty::ZERO)), UserEvent::Trade(first), cancelled(Some(matched))];
    out.push(cancelled(cancellation.size_matched));
    out.extend(trades.map(UserEvent::Trade));
    out
}
