//! What wallets do besides trading: split, merge, redeem, convert, deposits, withdrawals, rewards; and the undoing of a trade.
//!
//! An operation looks at what the wallet holds, not at what its open orders hold of that: the chain knows no orders. What matched
//! trades will take stays. The exchange then cancels the orders that are no longer covered.

use super::{Accounts, Answer, Asset, Column, FITS, MatchKind, Party, Settlement, add, given, got, sub};
use crate::exchange::AccountIx;
use mm_core::domain::{Outcome, Qty, Usdc};
use serde::{Deserialize, Serialize};

/// Why an operation on a wallet was refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Less is there than is needed.
    #[error("{has} of {asset:?} is there, {needs} is needed")]
    NotEnough {
        /// Of what.
        asset: Asset,
        /// What may be used, in millionths.
        has: u64,
        /// What is needed.
        needs: u64,
    },
    /// Only resolved markets pay.
    #[error("the market is not resolved")]
    NotResolved,
    /// A resolved market's tokens are only redeemed.
    #[error("the market is resolved")]
    Resolved,
    /// Conversion needs at least one market of one neg-risk event, each once, and none of it resolved.
    #[error("the markets are not distinct, open and of one event")]
    NotOneEvent,
    /// An answer that contradicts the event: it needs exactly one YES.
    #[error("the event would have no winner, or two")]
    Contradiction,
    /// Nothing was asked for, or a market that does not exist.
    #[error("nothing to do")]
    Nothing,
    /// The pool or the fees do not hold what was to be paid.
    #[error("{has} is there to pay from, {needs} was to be paid")]
    PoolEmpty {
        /// What is there.
        has: u64,
        /// What was to be paid.
        needs: u64,
    },
}

/// Markets of which exactly one resolves YES, and what conversion has parked in them.
///
/// A conversion takes NO of some markets and gives YES of the others. The missing NO of the others is minted along and parked,
/// together with the NO taken: a full set of NO, worth n − 1 dollars whoever wins. That is what the wallet was paid and what the
/// fresh pairs were backed with, so the set is a debt of n − 1 dollars that the answers pay back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Events {
    rows: Vec<Event>,
    /// Row of the event a market belongs to, by market row.
    of: Vec<Option<usize>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Event {
    markets: Vec<usize>,
    /// Parked NO of each of its markets, millionths.
    sets: u64,
    /// Dollars the parked sets are owed.
    debt: u64,
}

impl Events {
    /// Groups of market rows, in a venue of that many markets.
    ///
    /// # Panics
    /// If a market is in two groups or does not exist: the scenario has been checked.
    #[must_use]
    pub fn new(groups: Vec<Vec<usize>>, markets: usize) -> Self {
        let mut events = Self { rows: Vec::new(), of: vec![None; markets] };
        for group in groups {
            for market in &group {
                let before = events.of[*market].replace(events.rows.len());
                assert!(before.is_none(), "market {market} is in two events");
            }
            events.rows.push(Event { markets: group, sets: 0, debt: 0 });
        }
        events
    }

    fn of(&self, market: usize) -> Option<&Event> {
        self.of.get(market).copied().flatten().map(|row| &self.rows[row])
    }

    /// The markets of the same event, this one among them; empty for a market on its own.
    #[must_use]
    pub fn siblings(&self, market: usize) -> &[usize] {
        self.of(market).map_or(&[], |event| &event.markets)
    }

    pub(super) fn debt(&self) -> u64 {
        self.rows.iter().map(|event| event.debt).sum()
    }

    /// NO of a market that is parked in sets.
    pub(super) fn parked(&self, market: usize) -> u64 {
        self.of(market).map_or(0, |event| event.sets)
    }
}

impl Accounts {
    /// Says which markets belong together. Before anything was converted.
    pub fn group(&mut self, events: Events) {
        assert!(self.events.debt() == 0, "events are grouped before anything is converted");
        self.events = events;
    }

    /// Which markets belong together.
    #[must_use]
    pub const fn events(&self) -> &Events {
        &self.events
    }

    /// What a wallet may use of an asset: all but what matched trades will take.
    #[must_use]
    pub fn movable(&self, ix: AccountIx, asset: impl Into<Column>) -> u64 {
        let purse = self.purse(ix, asset);
        purse.balance.saturating_sub(purse.matched)
    }

    fn needs(&self, ix: AccountIx, asset: Asset, needs: u64) -> Result<(), Refused> {
        let has = self.movable(ix, asset);
        if has < needs { Err(Refused::NotEnough { asset, has, needs }) } else { Ok(()) }
    }

    fn open_market(&self, market: usize) -> Result<(), Refused> {
        match self.answers.get(market) {
            None => Err(Refused::Nothing),
            Some(None) => Ok(()),
            Some(Some(_)) => Err(Refused::Resolved),
        }
    }

    /// Dollars come in from outside.
    pub fn deposit(&mut self, ix: AccountIx, amount: Usdc) {
        add(&mut self.deposits, amount.micro());
        add(self.till(Party::Account(ix), Asset::Usdc), amount.micro());
    }

    /// Dollars leave.
    ///
    /// # Errors
    /// The wallet has less.
    pub fn withdraw(&mut self, ix: AccountIx, amount: Usdc) -> Result<(), Refused> {
        self.needs(ix, Asset::Usdc, amount.micro())?;
        sub(self.till(Party::Account(ix), Asset::Usdc), amount.micro());
        add(&mut self.withdrawals, amount.micro());
        Ok(())
    }

    /// One dollar becomes one YES and one NO.
    ///
    /// # Errors
    /// The wallet has less, or the market is resolved.
    pub fn split(&mut self, ix: AccountIx, market: usize, qty: Qty) -> Result<(), Refused> {
        self.open_market(market)?;
        self.needs(ix, Asset::Usdc, qty.micro())?;
        sub(self.till(Party::Account(ix), Asset::Usdc), qty.micro());
        add(&mut self.collateral[market], qty.micro());
        for outcome in [Outcome::Yes, Outcome::No] {
            add(self.till(Party::Account(ix), Asset::Share(market, outcome)), qty.micro());
        }
        Ok(())
    }

    /// One YES and one NO become a dollar.
    ///
    /// # Errors
    /// The wallet has less, or the market is resolved.
    pub fn merge(&mut self, ix: AccountIx, market: usize, qty: Qty) -> Result<(), Refused> {
        self.open_market(market)?;
        for outcome in [Outcome::Yes, Outcome::No] {
            self.needs(ix, Asset::Share(market, outcome), qty.micro())?;
        }
        for outcome in [Outcome::Yes, Outcome::No] {
            sub(self.till(Party::Account(ix), Asset::Share(market, outcome)), qty.micro());
        }
        sub(&mut self.collateral[market], qty.micro());
        add(self.till(Party::Account(ix), Asset::Usdc), qty.micro());
        Ok(())
    }

    /// NO of each of `markets` becomes `markets − 1` dollars and YES of every other market of their event.
    ///
    /// # Errors
    /// The markets are not distinct and of one event, one is resolved, or the wallet has less.
    pub fn convert(&mut self, ix: AccountIx, markets: &[usize], qty: Qty) -> Result<(), Refused> {
        let first = *markets.first().ok_or(Refused::Nothing)?;
        let row = self.events.of.get(first).copied().flatten().ok_or(Refused::NotOneEvent)?;
        let all = self.events.rows[row].markets.clone();
        let distinct = markets.iter().enumerate().all(|(n, m)| all.contains(m) && !markets[..n].contains(m));
        if !distinct || all.iter().any(|m| self.answers[*m].is_some()) {
            return Err(Refused::NotOneEvent);
        }
        let amount = qty.micro();
        for market in markets {
            self.needs(ix, Asset::Share(*market, Outcome::No), amount)?;
        }
        for market in &all {
            if markets.contains(market) {
                sub(self.till(Party::Account(ix), Asset::Share(*market, Outcome::No)), amount);
            } else {
                add(self.till(Party::Account(ix), Asset::Share(*market, Outcome::Yes)), amount);
                add(&mut self.collateral[*market], amount);
            }
        }
        let times = |n: usize| amount.checked_mul(u64::try_from(n).unwrap_or(u64::MAX)).expect(FITS);
        add(self.till(Party::Account(ix), Asset::Usdc), times(markets.len() - 1));
        let event = &mut self.events.rows[row];
        add(&mut event.sets, amount);
        add(&mut event.debt, times(all.len() - 1));
        Ok(())
    }

    /// Writes down the answer to a market's question; in an event, YES for one is NO for all others. Returns the rows that have
    /// just been answered.
    ///
    /// # Errors
    /// The market is resolved already, does not exist, or the event would be left without exactly one YES.
    pub fn answer(&mut self, market: usize, answer: Answer) -> Result<Vec<(usize, Answer)>, Refused> {
        self.open_market(market)?;
        let siblings = self.events.siblings(market).to_vec();
        let open = siblings.iter().filter(|m| self.answers[**m].is_none()).count();
        let mut new = vec![(market, answer)];
        match answer {
            _ if siblings.is_empty() => {}
            Answer::Half => return Err(Refused::Contradiction),
            Answer::Winner(Outcome::No) if open < 2 => return Err(Refused::Contradiction),
            Answer::Winner(Outcome::No) => {}
            Answer::Winner(Outcome::Yes) => {
                let others = siblings.iter().filter(|m| **m != market && self.answers[**m].is_none());
                new.extend(others.map(|m| (*m, Answer::Winner(Outcome::No))));
            }
        }
        for (market, answer) in &new {
            self.answers[*market] = Some(*answer);
            if let (Answer::Winner(Outcome::No), Some(row)) = (*answer, self.events.of.get(*market).copied().flatten())
            {
                // the parked NO of this market is paid, and pays back its part of the debt
                let event = &mut self.events.rows[row];
                let paid = event.sets;
                sub(&mut event.debt, paid);
                sub(&mut self.collateral[*market], paid);
            }
        }
        Ok(new)
    }

    /// The answer to a market's question, once known.
    #[must_use]
    pub fn answered(&self, market: usize) -> Option<Answer> {
        self.answers.get(market).copied().flatten()
    }

    /// Burns all tokens of a resolved market in the wallet and pays what they are worth; half dollars are rounded down.
    ///
    /// # Errors
    /// The market is not resolved.
    pub fn redeem(&mut self, ix: AccountIx, market: usize) -> Result<Usdc, Refused> {
        let answer = self.answered(market).ok_or(Refused::NotResolved)?;
        let [yes, no] = [Outcome::Yes, Outcome::No].map(|outcome| self.movable(ix, Asset::Share(market, outcome)));
        let paid = match answer {
            Answer::Winner(Outcome::Yes) => yes,
            Answer::Winner(Outcome::No) => no,
            Answer::Half => yes.checked_add(no).expect(FITS) / 2,
        };
        sub(self.till(Party::Account(ix), Asset::Share(market, Outcome::Yes)), yes);
        sub(self.till(Party::Account(ix), Asset::Share(market, Outcome::No)), no);
        sub(&mut self.collateral[market], paid);
        add(self.till(Party::Account(ix), Asset::Usdc), paid);
        Ok(Usdc::from_micro(paid))
    }

    /// Puts dollars into the pool that rewards are paid from.
    pub fn fund_pool(&mut self, amount: Usdc) {
        add(&mut self.deposits, amount.micro());
        add(&mut self.pool, amount.micro());
    }

    /// What is left in the pool.
    #[must_use]
    pub const fn pool(&self) -> Usdc {
        Usdc::from_micro(self.pool)
    }

    /// Dollars leave the pool unpaid, back to whoever funded it.
    ///
    /// # Errors
    /// The pool holds less.
    pub fn refund_pool(&mut self, amount: Usdc) -> Result<(), Refused> {
        self.pool = drawn(self.pool, amount)?;
        add(&mut self.withdrawals, amount.micro());
        Ok(())
    }

    /// Pays a reward out of the pool.
    ///
    /// # Errors
    /// The pool holds less.
    pub fn pay_reward(&mut self, ix: AccountIx, amount: Usdc) -> Result<(), Refused> {
        self.pool = drawn(self.pool, amount)?;
        add(self.till(Party::Account(ix), Asset::Usdc), amount.micro());
        Ok(())
    }

    /// Pays a maker's rebate out of the fees.
    ///
    /// # Errors
    /// The fees hold less.
    pub fn pay_rebate(&mut self, ix: AccountIx, amount: Usdc) -> Result<(), Refused> {
        self.fees = drawn(self.fees, amount)?;
        add(self.till(Party::Account(ix), Asset::Usdc), amount.micro());
        Ok(())
    }

    /// Whether a mined trade can be undone: both parties still have what they got, and the pair still stands.
    #[must_use]
    pub fn can_unsettle(&self, trade: &Settlement) -> bool {
        let have = [&trade.taker, &trade.maker].into_iter().all(|leg| {
            let (asset, amount) = got(trade.market, leg);
            match leg.party {
                Party::Account(ix) => self.movable(ix, asset) >= amount,
                Party::House => self.house[asset.0] >= amount,
            }
        });
        // both legs of an account that traded with itself draw on the same purse
        let itself = trade.taker.party == trade.maker.party;
        have && !itself && self.answers[trade.market].is_none() && self.fees >= trade.taker.fee.micro()
    }

    /// Undoes a mined trade to the last millionth; what it gave is promised again. Ask [`Self::can_unsettle`] first.
    pub fn unsettle(&mut self, trade: &Settlement) {
        for leg in [&trade.taker, &trade.maker] {
            let (asset, amount) = got(trade.market, leg);
            sub(self.till(leg.party, asset), amount);
            sub(&mut self.fees, leg.fee.micro());
        }
        let qty = trade.maker.qty.micro();
        match trade.kind() {
            MatchKind::Direct => {}
            MatchKind::Mint => sub(&mut self.collateral[trade.market], qty),
            MatchKind::Merge => add(&mut self.collateral[trade.market], qty),
        }
        for leg in [&trade.taker, &trade.maker] {
            let (asset, amount) = given(trade.market, leg);
            add(self.till(leg.party, asset), amount);
            if let Party::Account(ix) = leg.party {
                add(&mut self.purse_mut(ix, asset).matched, amount);
            }
        }
    }

    /// Feeds every amount that is not zero to a digest, in a fixed order.
    pub fn fold(&self, out: &mut impl FnMut(u64)) {
        for (at, purse) in (0u64..).zip(&self.purses) {
            if *purse != super::Purse::default() {
                for n in [at, purse.balance, purse.reserved, purse.matched, purse.stuck] {
                    out(n);
                }
            }
        }
        self.house.iter().chain(&self.collateral).for_each(|n| out(*n));
        for n in [self.deposits, self.withdrawals, self.fees, self.pool, self.events.debt()] {
            out(n);
        }
    }
}

/// A till after a payment.
fn drawn(till: u64, amount: Usdc) -> Result<u64, Refused> {
    till.checked_sub(amount.micro()).ok_or(Refused::PoolEmpty { has: till, needs: amount.micro() })
}
