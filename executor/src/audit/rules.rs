//! The rules a ledger's rows keep.

use super::Audit;
use crate::policy::{Ask, Policy, decide};
use crate::rows::{IntentRow, LedgerRow, RULES, RefusedRow};
use mm_core::domain::{Digest, MarketIx, NewOrder, OrderId, Token};

impl Audit {
    /// A desk's time never goes back; a machine's may between two starts.
    pub(super) fn check_time(&mut self, row: &LedgerRow) {
        let at = row.at();
        match row {
            // It is dated by the venue's clock, some seconds behind ours.
            LedgerRow::Day { .. } => return,
            LedgerRow::Epoch { .. } | LedgerRow::DaySpent { .. } if at < self.last => self.report.clock_back += 1,
            _ if at < self.last => self.broken(format!("it is of {at}, the row before it of {}", self.last)),
            _ => {}
        }
        self.last = at;
    }

    /// Against everything before it, itself not counted.
    pub(super) fn check(&mut self, row: &LedgerRow) {
        if self.in_force.is_none() && !matches!(row, LedgerRow::Epoch { .. } | LedgerRow::DaySpent { .. }) {
            self.broken(format!("a row about {} before any start", row.kind()));
        }
        match row {
            LedgerRow::Epoch { epoch, policy, .. } => {
                let known = self.exposure.epoch();
                if *epoch <= known {
                    self.broken(format!("start {epoch} follows start {known}"));
                }
                self.report.starts += 1;
                self.armed = false;
                self.now_in_force(*policy);
            }
            LedgerRow::Policy { rules, text, .. } => self.check_policy(*rules, text),
            LedgerRow::Tightened { policy, .. } => {
                let before = self.policy.take();
                self.now_in_force(*policy);
                self.before = before;
            }
            LedgerRow::Run { .. } | LedgerRow::Holding { .. } | LedgerRow::Balance { .. } => {}
            LedgerRow::Day { .. } | LedgerRow::DaySpent { .. } => {}
            LedgerRow::Intent(intent) => self.check_intent(intent),
            LedgerRow::Refused(refused) => self.check_refused(refused),
            LedgerRow::Outcome { order, .. } => {
                self.report.outcomes += 1;
                self.check_known(order);
            }
            LedgerRow::Fill { order, .. } => {
                self.report.fills += 1;
                self.check_known(order);
            }
            LedgerRow::Halt { .. } => {
                // Further reasons of the same halt have rows of their own.
                self.report.halts += u64::from(self.exposure.halted().is_none());
                self.armed = false;
            }
            LedgerRow::Arm { .. } => {
                self.report.arms += 1;
                let open = self.exposure.open_orders();
                if open > 0 {
                    self.broken(format!("armed while {open} orders rested, might rest or were unknown"));
                }
                self.armed = true;
            }
        }
    }

    fn now_in_force(&mut self, policy: Digest) {
        self.in_force = Some(policy);
        if self.policy.as_ref().is_some_and(|known| known.digest() != policy) {
            self.policy = None;
        }
        self.before = None;
    }

    fn check_policy(&mut self, rules: u32, text: &str) {
        if Some(Digest::of(text.as_bytes())) != self.in_force {
            self.broken("the policy's contents are not those whose digest is in force");
            return;
        }
        // Another program's rules are not ours to judge by.
        self.policy = if rules == RULES { Policy::of_text(text).ok() } else { None };
        if let (Some(mut before), Some(now)) = (self.before.take(), self.policy.clone())
            && let Err(loosened) = before.tighten(now)
        {
            let loosened: Vec<String> = loosened.iter().map(ToString::to_string).collect();
            self.broken(format!("the policy was not tightened: {}", loosened.join(", ")));
        }
    }

    /// What became of an order, or traded, belongs to one that was recorded before it was sent.
    fn check_known(&mut self, order: &OrderId) {
        if self.exposure.order(order).is_none() {
            self.broken(format!("{order} was never recorded as an order"));
        }
    }

    fn check_intent(&mut self, row: &IntentRow) {
        self.report.intents += 1;
        let order = row.order;
        if !self.armed {
            self.broken(format!("{order} was approved while halted"));
        }
        if self.exposure.order(&order).is_some() || self.exposure.intent(row.run, row.id).is_some() {
            self.broken(format!("{order} was approved twice"));
        }
        if (row.epoch, row.run) != (self.exposure.epoch(), self.exposure.run()) {
            self.broken(format!("{order} names start {} and run {}", row.epoch, row.run));
        }
        self.check_basis(row.policy, row.exposure);
        let Some(policy) = self.policy.as_ref().filter(|policy| policy.digest() == row.policy) else { return };
        self.report.judged += 1;
        let token = Token { market: MarketIx(0), outcome: row.outcome };
        let asked = NewOrder { token, side: row.side, price: row.price, qty: row.qty, post_only: true, tif: row.tif };
        // When the core decided is in no row: it counts as young.
        let ask = Ask { id: row.id, decided: row.at, token: Some(&row.token), order: asked, reference: row.reference };
        match decide(policy, &self.exposure, row.gate, row.at, &ask) {
            Err(why) => {
                let why: Vec<String> = why.iter().map(|why| why.to_string()).collect();
                self.broken(format!("{order} was approved against the policy: {}", why.join(", ")));
            }
            Ok(approved) => {
                let same = *approved.market() == row.market
                    && approved.reserve() == row.reserve
                    && approved.token().neg_risk() == row.neg_risk;
                if !same {
                    self.broken(format!(
                        "{order} is recorded with another market, reserve or exchange than the policy's"
                    ));
                }
            }
        }
    }

    fn check_refused(&mut self, row: &RefusedRow) {
        self.report.refused += 1;
        if row.why.is_empty() {
            self.broken("an order was refused without a reason");
        }
        self.check_basis(row.policy, row.exposure);
    }

    /// What a decision says it rests on is what the rows before it add up to.
    fn check_basis(&mut self, policy: Digest, exposure: Digest) {
        if Some(policy) != self.in_force {
            self.broken(format!("decided under policy {policy}, which was not in force"));
        }
        // Another program may have added up otherwise; without its contents we do not know whose it was.
        if self.policy.is_some() && exposure != self.exposure.digest() {
            self.broken("decided on other sums than the rows before it add up to");
        }
    }

    /// Whether more is at risk in all or in a market, or more orders are open, than allowed, after a row that approved nothing.
    pub(super) fn measure(&mut self, row: &LedgerRow) {
        let (LedgerRow::Outcome { order, .. } | LedgerRow::Fill { order, .. }) = row else { return };
        let (Some(policy), Some(tracked)) = (&self.policy, self.exposure.order(order)) else { return };
        let caps = policy.caps();
        let beyond = self.exposure.total().worst_case() > caps.max_total_usdc
            || self.exposure.market(&tracked.row.market).worst_case() > caps.max_market_usdc
            || self.exposure.open_orders() > caps.max_open_orders;
        if beyond {
            let (first, count) = self.report.beyond.unwrap_or((self.report.rows, 0));
            self.report.beyond = Some((first, count + 1));
        }
    }
}
