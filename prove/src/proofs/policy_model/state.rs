//! One state of the model: what the executor believes, and what is true at the venue.

use super::house::{MENU, Rows, Wrong, ask, hash, intent, judge, market, noon, order, shares, token};
use executor::exposure::{Exposure, Phase};
use executor::policy::Policy;
use executor::rows::{Became, LedgerRow};
use mm_core::domain::{OrderId, Outcome, Price, Qty, Side, Timestamp, TradeId};
use mm_core::protocol::{Gate, Shut, Stage};

/// Where an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Truth {
    /// Its POST is on its way.
    Leaving,
    /// The POST did not take effect, and may yet.
    Late,
    /// It did not and never will.
    Never,
    /// It rests.
    Rests,
    /// It can no longer trade.
    Gone,
}

/// One share of an order that traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Trade {
    /// The day that was told to run when it happened, and when it was heard to have settled.
    pub(super) day: u64,
    pub(super) settled: Option<u64>,
    /// How far the executor has heard, and the chain has come; `None`: not at all.
    pub(super) stage: Option<Stage>,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Order {
    pub(super) item: usize,
    pub(super) nth: u8,
    pub(super) truth: Truth,
    /// The day that was told to run when it was placed; `None`: it was kept in.
    pub(super) placed: Option<u64>,
    pub(super) trades: Vec<Trade>,
}

impl Order {
    pub(super) fn side(&self) -> Side {
        MENU[self.item].1
    }

    pub(super) fn outcome(&self) -> Outcome {
        MENU[self.item].0
    }

    pub(super) fn cents(&self) -> i64 {
        MENU[self.item].2.into()
    }

    pub(super) fn size(&self) -> usize {
        usize::try_from(MENU[self.item].3).unwrap_or(usize::MAX)
    }

    /// Shares that may still trade.
    pub(super) fn may_trade(&self) -> usize {
        if matches!(self.truth, Truth::Leaving | Truth::Late | Truth::Rests) {
            self.size() - self.trades.len()
        } else {
            0
        }
    }

    pub(super) fn unheard(&self) -> usize {
        self.trades.iter().filter(|trade| trade.stage.is_none()).count()
    }

    pub(super) fn hash(&self) -> OrderId {
        hash(self.item, self.nth)
    }

    fn trade_id(nth: usize) -> TradeId {
        TradeId::parse(&format!("t{nth}")).expect("a name")
    }
}

/// Everything a next step can depend on.
#[derive(Clone)]
pub(super) struct State {
    pub(super) exposure: Exposure,
    rows: Rows,
    /// In the order of their names: which of two was placed first is in the exposure where it matters.
    pub(super) orders: Vec<Order>,
    pub(super) policy: Policy,
    pub(super) tightened: bool,
    /// Days since the first, and how many our clock is off.
    pub(super) day: i8,
    pub(super) off: i8,
    /// Crashes, days, clocks set wrong, policies and failed trades that may still happen.
    mishaps: u8,
}

impl std::hash::Hash for State {
    fn hash<H: std::hash::Hasher>(&self, hasher: &mut H) {
        // The rows are told by what they add up to, and the policy by its digest.
        (&self.exposure, &self.orders, self.policy.digest(), self.tightened).hash(hasher);
        (self.day, self.off, self.mishaps).hash(hasher);
    }
}

/// How far the search goes, and what is done wrong.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    pub(super) intents: usize,
    pub(super) mishaps: u8,
    pub(super) wrong: Option<Wrong>,
}

impl State {
    pub(super) fn first(policy: Policy, mishaps: u8) -> Self {
        let mut state = Self {
            exposure: Exposure::default(),
            rows: Rows::default(),
            orders: Vec::new(),
            policy,
            tightened: false,
            day: 0,
            off: 0,
            mishaps,
        };
        state.write(LedgerRow::Day { at: noon(0) });
        for (outcome, qty) in [(Outcome::Yes, 1), (Outcome::No, 2)] {
            let (at, confirmed) = (noon(0), shares(qty));
            state.write(LedgerRow::Holding { at, token: token(outcome), market: market(), confirmed });
        }
        state
    }

    fn write(&mut self, row: LedgerRow) {
        self.exposure.apply(&row);
        self.rows.push(row);
    }

    /// What our clock shows.
    pub(super) fn at(&self) -> Timestamp {
        noon(self.day + self.off)
    }

    /// The day the executor was told runs. What happens before it is told of a midnight counts to the day before.
    pub(super) const fn today(&self) -> u64 {
        self.exposure.day().day
    }

    pub(super) fn gate(&self) -> Gate {
        if self.off == 0 { Gate::Open { until: Timestamp::MAX } } else { Gate::Shut(Shut::Clock) }
    }

    fn became(&mut self, nth: usize, became: Became) {
        let (at, order) = (self.at(), self.orders[nth].hash());
        self.write(LedgerRow::Outcome { at, order, became });
    }

    /// Begins the day as the desk does: when the venue's clock says so too.
    fn step_day(&mut self, wrong: Option<Wrong>) {
        let at = self.at();
        if (self.off == 0 || wrong == Some(Wrong::RollsByOwnClock)) && self.exposure.is_new_day(at) {
            self.write(LedgerRow::Day { at });
        }
    }

    /// What a share of an order's trade becomes.
    fn trade(&mut self, nth: usize, share: usize, stage: Stage) {
        let today = self.today();
        let order = &mut self.orders[nth];
        order.trades[share].stage = Some(stage);
        order.trades[share].settled = (stage == Stage::Confirmed).then_some(today);
        let price = Price::from_ten_thousandths(MENU[order.item].2 * 100).expect("below one");
        let row = LedgerRow::Fill {
            at: noon(self.day + self.off),
            order: order.hash(),
            trade: Order::trade_id(share),
            price,
            qty: shares(1),
            stage,
            matched: None,
        };
        self.write(row);
    }

    /// Every state one step away, with the step's name.
    pub(super) fn each_next(&self, scope: Scope, policies: &[Policy], mut visit: impl FnMut(&'static str, Self)) {
        let mut go = |name, step: &dyn Fn(&mut Self)| {
            let mut next = self.clone();
            step(&mut next);
            visit(name, next);
        };
        if self.orders.len() < scope.intents {
            for (item, wanted) in MENU.iter().enumerate() {
                let token = token(wanted.0);
                let ask = ask(&token, order(*wanted), self.at());
                if judge(&self.policy, &self.exposure, self.gate(), self.at(), &ask, scope.wrong).is_ok() {
                    go("place", &|next| next.place(item));
                }
            }
        }
        for nth in 0..self.orders.len() {
            self.each_of_order(nth, scope, &mut go);
        }
        if self.mishaps == 0 {
            if self.off != 0 {
                go("clock right", &|next| next.set_clock(0, scope.wrong));
            }
            return;
        }
        go("crash", &|next| next.crash(scope.wrong));
        if self.day < 2 {
            go("midnight", &|next| {
                (next.day, next.mishaps) = (next.day + 1, next.mishaps - 1);
                next.step_day(scope.wrong);
            });
        }
        if self.off == 0 {
            for off in [-1, 1] {
                go("clock wrong", &|next| {
                    next.mishaps -= 1;
                    next.set_clock(off, scope.wrong);
                });
            }
        } else {
            go("clock right", &|next| next.set_clock(0, scope.wrong));
        }
        if !self.tightened {
            for policy in policies {
                go("reload", &|next| next.reload(policy, scope.wrong));
            }
        }
    }

    fn each_of_order(&self, nth: usize, scope: Scope, go: &mut impl FnMut(&'static str, &dyn Fn(&mut Self))) {
        let order = &self.orders[nth];
        let phase = self.exposure.order(&order.hash()).map(|tracked| tracked.phase);
        let unanswered = phase == Some(Phase::InFlight);
        let lives = matches!(phase, Some(Phase::InFlight | Phase::Open | Phase::Unknown { .. }));
        let lost = Became::Unknown { why: "".into(), likely_rejected: false };
        let forgets = scope.wrong == Some(Wrong::ForgetsUnknown);
        let answer_lost = move |next: &mut Self, truth: Truth| {
            next.orders[nth].truth = truth;
            if unanswered {
                next.became(nth, if forgets { Became::NeverLanded } else { lost.clone() });
            }
        };
        match order.truth {
            Truth::Leaving => {
                go("accept", &|next| {
                    next.orders[nth].truth = Truth::Rests;
                    next.became(nth, Became::Accepted);
                });
                if unanswered {
                    go("reject", &|next| {
                        next.orders[nth].truth = Truth::Gone;
                        next.became(
                            nth,
                            match scope.wrong {
                                Some(Wrong::TakesANoForKeptIn) => Became::NotSent { why: "".into() },
                                _ => Became::Rejected { why: "".into() },
                            },
                        );
                    });
                    go("kept in", &|next| {
                        (next.orders[nth].truth, next.orders[nth].placed) = (Truth::Gone, None);
                        next.became(nth, Became::NotSent { why: "".into() });
                    });
                }
                for truth in [Truth::Rests, Truth::Late, Truth::Never] {
                    go("answer lost", &|next| answer_lost(next, truth));
                }
            }
            Truth::Late => go("late landing", &|next| next.orders[nth].truth = Truth::Rests),
            Truth::Never if lives => go("given up", &|next| {
                next.orders[nth].truth = Truth::Gone;
                next.became(nth, Became::NeverLanded);
            }),
            Truth::Rests => {
                go("trade", &|next| {
                    let day = next.today();
                    let order = &mut next.orders[nth];
                    order.trades.push(Trade { day, settled: None, stage: None });
                    if order.trades.len() == order.size() {
                        order.truth = Truth::Gone;
                    }
                });
                go("cancel", &|next| {
                    next.orders[nth].truth = Truth::Gone;
                    if scope.wrong == Some(Wrong::ReleasesAtAck) {
                        let hash = next.orders[nth].hash();
                        let matched = next.exposure.order(&hash).map_or(Qty::ZERO, |tracked| tracked.traded());
                        next.became(nth, Became::Ended { matched });
                    }
                });
                if phase != Some(Phase::Open) {
                    go("found resting", &|next| next.became(nth, Became::Accepted));
                }
            }
            Truth::Gone if lives => go("end is heard of", &|next| {
                let matched = shares(u64::try_from(next.orders[nth].trades.len()).unwrap_or(0));
                next.became(nth, Became::Ended { matched });
            }),
            Truth::Never | Truth::Gone => {}
        }
        for (share, trade) in order.trades.iter().enumerate() {
            match trade.stage {
                None => {
                    go("trade is heard of", &|next| {
                        next.became(nth, Became::Accepted);
                        next.trade(nth, share, Stage::Matched);
                        if next.orders[nth].unheard() + (next.orders[nth].size() - next.orders[nth].trades.len()) == 0 {
                            let matched = shares(u64::try_from(next.orders[nth].size()).unwrap_or(0));
                            next.became(nth, Became::Ended { matched });
                        }
                        if scope.wrong == Some(Wrong::SettlesAtMatch) {
                            next.trade(nth, share, Stage::Confirmed);
                            next.orders[nth].trades[share].stage = Some(Stage::Matched);
                            next.orders[nth].trades[share].settled = None;
                        }
                    });
                    // The next one is heard of after this one: their names are all that differs.
                    break;
                }
                Some(Stage::Matched) => {
                    go("settled", &|next| next.trade(nth, share, Stage::Confirmed));
                    if self.mishaps > 0 {
                        go("failed", &|next| {
                            next.mishaps -= 1;
                            next.trade(nth, share, Stage::Failed);
                        });
                    }
                }
                Some(_) => {}
            }
        }
    }

    fn place(&mut self, item: usize) {
        let nth = self.orders.iter().filter(|order| order.item == item).count();
        let nth = u8::try_from(nth).unwrap_or(u8::MAX);
        self.write(intent(item, nth, self.at()));
        self.orders.push(Order { item, nth, truth: Truth::Leaving, placed: Some(self.today()), trades: Vec::new() });
        self.orders.sort_by_key(|order| (order.item, order.nth));
    }

    fn set_clock(&mut self, off: i8, wrong: Option<Wrong>) {
        self.off = off;
        self.step_day(wrong);
    }

    fn reload(&mut self, policy: &Policy, wrong: Option<Wrong>) {
        self.mishaps -= 1;
        if wrong == Some(Wrong::TakesAnyPolicy) {
            self.policy = policy.clone();
            self.tightened = true;
        } else if self.policy.tighten(policy.clone()).is_ok() {
            self.tightened = true;
        }
    }

    fn crash(&mut self, wrong: Option<Wrong>) {
        self.mishaps -= 1;
        let in_flight = |row: &&LedgerRow| match row {
            LedgerRow::Intent(row) => {
                self.exposure.order(&row.order).is_some_and(|tracked| tracked.phase == Phase::InFlight)
            }
            _ => false,
        };
        let rows = self.rows.in_order();
        let found = rows.into_iter().filter(|row| wrong != Some(Wrong::LosesInFlight) || !in_flight(row));
        let again = Exposure::recover(found);
        self.exposure = again;
    }
}
