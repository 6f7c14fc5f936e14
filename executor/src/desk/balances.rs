//! The venue's word on balances against our own trades (`clob-rest.md` section 10: the endpoint tells a cache, which is refreshed where
//! it may be old: at a start, when shares settled, when it differs from our trades, when an order was refused for want of a balance).
//!
//! One answer that is too low would free a cap that is used, one that is too high would have shares sold that nobody holds.
//! So a lower word bounds what may be sold, at once, and takes no cost away; that needs a word that has stood for minutes
//! and a person who knows why. A higher word counts once it has stood: shares that came cost nothing.

use super::checks::RETRY;
use super::{Desk, Effect, Purpose};
use crate::outcome::{self, VenueCall, VenueReply};
use crate::rows::LedgerRow;
use mm_core::domain::{ConditionId, Nanos, Qty, Timestamp, TokenId, Usdc};
use mm_core::protocol::FromExecutor;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Fills settle in bursts: balances are asked this long after the first.
const DELAY: Nanos = Nanos::from_secs(1);
/// Between two readings of a balance that count as two.
const APART_EVERY: Nanos = Nanos::from_secs(60);
/// Readings that must agree before a difference is believed.
const APART_READINGS: u32 = 3;
/// Between two refreshes of the same balance that a refused order asks for.
const REFUSED_EVERY: Nanos = Nanos::from_secs(60);

/// What is asked, and how the answers differ from our trades.
#[derive(Clone, Debug, Default)]
pub(super) struct Balances {
    at: Option<Timestamp>,
    again_at: Option<Timestamp>,
    wanted: BTreeSet<TokenId>,
    /// What the venue looks at anew before it is asked for.
    stale: BTreeSet<Option<TokenId>>,
    /// Dollars were refreshed since the start.
    began: bool,
    /// When an order was last refused for want of what.
    refused: BTreeMap<Option<TokenId>, Timestamp>,
    asked: BTreeSet<Option<TokenId>>,
    usdc: Option<Usdc>,
    apart: BTreeMap<TokenId, Apart>,
}

/// A token of which the venue's word and our trades tell different numbers of settled shares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apart {
    /// By our trades.
    pub ours: Qty,
    /// By the venue's word.
    pub theirs: Qty,
    /// Since when, without a reading that said otherwise.
    pub since: Timestamp,
    /// The last reading that counted.
    read: Timestamp,
    /// Readings that agreed, a minute or more apart.
    pub readings: u32,
}

impl Apart {
    /// Whether it has stood for long enough to be no lag of the venue's cache.
    #[must_use]
    pub const fn has_stood(&self) -> bool {
        self.readings >= APART_READINGS
    }
}

impl Desk {
    pub(super) fn want_all_balances(&mut self, out: &mut Vec<Effect>) {
        if self.setup.withhold {
            // No wallet stands behind withheld orders: the core is shown what policy would let it use.
            let usdc = self.setup.policy.caps().max_total_usdc;
            out.push(Effect::Tell(FromExecutor::Balance { usdc, tokens: Vec::new() }));
            return;
        }
        let known =
            self.session.tokens().map(|(_, token)| token).filter(|token| self.setup.policy.token(token).is_some());
        // Of a market that is no longer traded the cost still counts, and only the venue's word can end that.
        self.balances.wanted = known.chain(self.exposure.costed_tokens()).cloned().collect();
        // What is not held is not sold: hundreds of markets must not be refreshed for nothing.
        let held = self.balances.wanted.iter().filter(|token| !self.exposure.settled(token).0.is_zero());
        self.balances.stale.extend(held.cloned().map(Some));
        if !std::mem::replace(&mut self.balances.began, true) {
            self.balances.stale.insert(None);
        }
        self.balances.at = Some(self.at);
    }

    /// Shares of a token came or went for good: the venue's cache has not heard of it before it is refreshed.
    pub(super) fn want_fresh_balance(&mut self, token: &TokenId) {
        self.balances.stale.insert(Some(token.clone()));
        self.want_balances(token);
    }

    /// The venue refused an order for want of what it gives. It may know less than there is.
    pub(super) fn refused_for_want(&mut self, gives: Option<TokenId>) {
        let last = self.balances.refused.get(&gives);
        if last.is_some_and(|last| self.at < last.plus(REFUSED_EVERY)) {
            return;
        }
        self.balances.refused.insert(gives.clone(), self.at);
        self.balances.wanted.extend(gives.clone());
        self.balances.stale.insert(gives);
        let soon = self.at.plus(DELAY);
        self.balances.at = Some(self.balances.at.unwrap_or(soon).min(soon));
    }

    pub(super) fn want_balances(&mut self, token: &TokenId) {
        self.balances.wanted.insert(token.clone());
        let soon = self.at.plus(DELAY);
        self.balances.at = Some(self.balances.at.unwrap_or(soon).min(soon));
    }

    pub(super) fn step_balances(&mut self, out: &mut Vec<Effect>) {
        let at = self.at;
        if let Some(again) = self.balances.again_at {
            if at >= again {
                self.balances.again_at = None;
                self.balances.wanted.extend(self.balances.apart.keys().cloned());
                self.balances.stale.extend(self.balances.apart.keys().cloned().map(Some));
                self.balances.at = Some(at);
            } else {
                self.wake_at(again);
            }
        }
        let Some(when) = self.balances.at else { return };
        if at < when {
            self.wake_at(when);
            return;
        }
        if !self.balances.asked.is_empty() {
            return;
        }
        self.balances.at = None;
        let wanted = std::mem::take(&mut self.balances.wanted);
        for token in std::iter::once(None).chain(wanted.into_iter().map(Some)) {
            self.balances.asked.insert(token.clone());
            if self.balances.stale.remove(&token) {
                self.call(Purpose::RefreshBalance(token.clone()), VenueCall::RefreshBalance(token), out);
            } else {
                self.call(Purpose::Balance(token.clone()), VenueCall::Balance(token), out);
            }
        }
    }

    /// Whatever came of it: a balance that is still old is found to differ, and refreshed again.
    pub(super) fn balance_refreshed(&mut self, token: Option<TokenId>, out: &mut Vec<Effect>) {
        self.call(Purpose::Balance(token.clone()), VenueCall::Balance(token), out);
    }

    pub(super) fn balance_replied(&mut self, token: Option<TokenId>, reply: &VenueReply, out: &mut Vec<Effect>) {
        self.balances.asked.remove(&token);
        match (outcome::balance(reply), token) {
            (Ok((usdc, _)), None) => self.balances.usdc = Some(usdc),
            (Ok((_, shares)), Some(token)) => self.compare(token, shares, out),
            (Err(_), token) => {
                self.balances.wanted.extend(token);
                self.balances.at = Some(self.at.plus(RETRY));
            }
        }
        if !self.balances.apart.is_empty() {
            let again = self.at.plus(APART_EVERY);
            self.balances.again_at = Some(self.balances.again_at.unwrap_or(again).min(again));
        }
        if self.balances.asked.is_empty() {
            self.tell_balances(out);
        }
    }

    fn tell_balances(&self, out: &mut Vec<Effect>) {
        if let Some(usdc) = self.balances.usdc
            && self.session.is_up()
        {
            let tokens = self.session.tokens().map(|(number, token)| (*number, self.exposure.held(token)));
            let tokens = tokens.filter(|(_, held)| !held.matched.is_zero() || !held.confirmed.is_zero()).collect();
            out.push(Effect::Tell(FromExecutor::Balance { usdc, tokens }));
        }
    }

    /// Of a token that may be traded, or once was and is held.
    fn market_of(&self, token: &TokenId) -> Option<ConditionId> {
        let listed = self.setup.policy.token(token).map(|(market, _, _)| &market.condition);
        listed.or_else(|| self.exposure.market_of(token)).cloned()
    }

    /// The venue says `theirs` of a token are there. Compared only while nothing is under way that explains a difference.
    fn compare(&mut self, token: TokenId, theirs: Qty, out: &mut Vec<Effect>) {
        let at = self.at;
        let Some(market) = self.market_of(&token) else { return };
        let (ours, told) = self.exposure.settled(&token);
        if !self.exposure.is_settled(&token) {
            // a word that was too low is taken back whatever is under way: that frees no cap
            if told.is_some() && theirs >= ours {
                self.balances.apart.remove(&token);
                self.record(LedgerRow::Balance { at, token, shares: theirs }, out);
            }
            return;
        }
        if told != (theirs < ours).then_some(theirs) {
            self.record(LedgerRow::Balance { at, token: token.clone(), shares: theirs }, out);
        }
        if theirs == ours {
            self.balances.apart.remove(&token);
            return;
        }
        let new = Apart { ours, theirs, since: at, read: at, readings: 1 };
        let apart = self.balances.apart.entry(token.clone()).or_insert_with(|| new.clone());
        if (apart.ours, apart.theirs) != (ours, theirs) {
            *apart = new;
        }
        if at < apart.read.plus(APART_EVERY) {
            return;
        }
        apart.read = at;
        apart.readings = apart.readings.saturating_add(1);
        if !apart.has_stood() {
            return;
        }
        if theirs > ours {
            self.balances.apart.remove(&token);
            self.record(LedgerRow::Holding { at, token, market, confirmed: theirs }, out);
        } else if apart.readings == APART_READINGS {
            let what = format!(
                "the venue has said for minutes that {theirs} of token {token} are there, where our trades say {ours}: \
                 their cost counts until an operator accepts the balance"
            );
            out.push(Effect::Alert(what.into()));
        }
    }

    /// A person knows why shares left: what has stood is believed, and takes its cost along.
    pub(super) fn accept_balances(&mut self, out: &mut Vec<Effect>) -> Result<Box<str>, Vec<Box<str>>> {
        let mut accepted: Vec<String> = Vec::new();
        let mut refused: Vec<Box<str>> = Vec::new();
        for (token, apart) in self.balances.apart.clone() {
            let Some(market) = self.market_of(&token) else { continue };
            let (ours, _) = self.exposure.settled(&token);
            if apart.has_stood() && apart.ours == ours && self.exposure.is_settled(&token) {
                self.balances.apart.remove(&token);
                accepted.push(format!("{token}: {ours} shares became {}", apart.theirs));
                self.record(LedgerRow::Holding { at: self.at, token, market, confirmed: apart.theirs }, out);
            } else if apart.has_stood() {
                refused.push(format!("{token}: an order or a trade of it is under way").into());
            } else {
                refused.push(
                    format!("{token}: the difference was read {} times of {APART_READINGS}", apart.readings).into(),
                );
            }
        }
        if accepted.is_empty() {
            if refused.is_empty() {
                refused.push("no balance differs from our trades".into());
            }
            return Err(refused);
        }
        self.tell_balances(out);
        Ok(accepted.join("; ").into())
    }

    /// Balances that differ, for `status`.
    pub(super) fn balances_apart(&self) -> Vec<(TokenId, Apart)> {
        self.balances.apart.iter().map(|(token, apart)| (token.clone(), apart.clone())).collect()
    }
}
