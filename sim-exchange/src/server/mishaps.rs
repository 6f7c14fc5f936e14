//! What the venue does to itself when a fault begins, ends or happens. What a fault does to single frames and calls is asked
//! where those pass: `hub` and `answers`.

use super::front::Venue;
use crate::accounts::Answer;
use crate::draws::Draws;
use crate::exchange::{AccountIx, Exchange, Filter, MarketInfo, Notice, Stale, TradeIx};
use crate::faults::{
    AccountFault, BookFault, Call, CallFate, Change, Channel, Channels, Fault, Faults, LinkFault, MarketFault, Phase,
    Told, UserFault,
};
use crate::mode::Mode;
use crate::scenario::Latency;
use mm_core::domain::{ConditionId, MarketIx, Nanos, OrderId, Outcome, Price, Qty, TickSize, Timestamp, TokenId};
use mm_core::event::BookHash;
use mm_core::venue::book_hash::{HashInputs, OpenHash};
use mm_core::venue::market_ws::{BookMessage, WireEvent};
use std::collections::{BTreeMap, BTreeSet};

/// Faults of a served venue and what they need to remember.
pub(super) struct Mishaps {
    pub(super) faults: Faults,
    draws: Draws,
    latency: Latency,
    /// Notices told so far: what `at_event` counts.
    pub(super) events: u64,
    /// Calls that have come in: names their latency draws.
    calls: u64,
    /// Calls that were sent back as they came.
    pub(super) echoed: u64,
    /// Trades whose fate has been chosen.
    trades: u64,
    /// Markets whose resolution nobody hears of.
    untold: BTreeSet<ConditionId>,
    /// REST books as they were when they got stuck.
    stale: BTreeMap<TokenId, BookMessage>,
}

/// How long a call is on its way, and what happens to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub(super) there: Nanos,
    pub(super) back: Nanos,
    pub(super) fate: CallFate,
}

impl Mishaps {
    pub(super) fn new(exchange: &Exchange, draws: Draws, at: Timestamp) -> Self {
        let scenario = exchange.scenario();
        let markets = exchange.markets();
        let tokens = markets.iter().flat_map(|info| [info.market.yes.clone(), info.market.no.clone()]).collect();
        let faults = Faults::new(&scenario.faults, &draws, at, tokens);
        let latency = scenario.venue.latency;
        Self {
            faults,
            draws,
            latency,
            events: 0,
            calls: 0,
            echoed: 0,
            trades: 0,
            untold: BTreeSet::new(),
            stale: BTreeMap::new(),
        }
    }

    /// What happens to a call that comes in now; `None`: nothing, and it is not far.
    pub(super) fn way(&mut self, call: Call) -> Option<Way> {
        if self.faults.active().is_empty() && self.latency == Latency::default() {
            return None;
        }
        let mut fate = self.faults.answer(call);
        let n = self.calls;
        if fate.answer == crate::faults::Answer::SuccessWithError(Told::Drawn) {
            let empty = self.draws.below("faults", "success-with-error/status", n, 2) == 0;
            fate.answer = crate::faults::Answer::SuccessWithError(if empty { Told::Empty } else { Told::Delayed });
        }
        self.calls += 1;
        self.echoed += u64::from(matches!(fate.answer, crate::faults::Answer::Echo(_)));
        let there = if call == Call::Cancel { self.latency.cancel } else { self.latency.order };
        let jitter = self.latency.jitter.nanos();
        let drawn = |link: &str| match jitter {
            0 => 0,
            jitter => self.draws.below("latency", link, n, jitter.saturating_add(1)),
        };
        let plus = |base: Nanos, more: u64| Nanos::from_nanos(base.nanos().saturating_add(more));
        Some(Way {
            there: plus(there, drawn("call").saturating_add(fate.held.nanos())),
            back: plus(self.latency.feed, drawn("answer")),
            fate,
        })
    }

    /// A made-up id of the heartbeat chain.
    pub(super) fn other_beat(&self) -> String {
        self.draws.uuid("heartbeat", "elsewhere", self.calls)
    }
}

impl Venue {
    /// Does what the faults due by now do to the venue itself; whether there were any.
    pub(super) fn happen(&mut self, at: Timestamp) -> bool {
        let changes = self.mishaps.faults.due(at, self.mishaps.events);
        for change in &changes {
            tracing::info!(name = change.name, phase = ?change.phase, fault = ?change.fault, "fault");
            self.happen_one(at, change);
        }
        if !changes.is_empty() {
            self.blocked = self.mishaps.faults.is_blocked();
            self.gate.set_closed_only(self.mishaps.faults.is_closed_only());
        }
        let engine_is_back = changes.iter().any(|c| matches!((c.fault, c.phase), (Fault::Engine(_), Phase::Ends)));
        match self.mishaps.faults.mode(at) {
            Some(mode) => self.gate.set_mode(mode),
            None if engine_is_back => self.gate.set_mode(Mode::Normal),
            None => {}
        }
        !changes.is_empty()
    }

    fn happen_one(&mut self, at: Timestamp, change: &Change) {
        match (change.fault, change.phase) {
            (Fault::Link(channels, LinkFault::Frozen), Phase::Ends) => {
                for (one, channel) in [(Channels::Market, Channel::Market), (Channels::User, Channel::User)] {
                    if channels.includes(channel) && !self.mishaps.faults.is_frozen(channel) {
                        self.hub.thaw(one, at);
                    }
                }
            }
            (Fault::Link(channels, LinkFault::Cut), _) => self.hub.cut(channels),
            (Fault::Link(channels, LinkFault::HalfOpen), _) => self.hub.deafen(channels),
            (Fault::Link(channels, LinkFault::CloseMidBurst { after }), _) => self.hub.close_after(channels, after),
            (Fault::Link(channels, LinkFault::Storm { lives }), Phase::Begins) => {
                self.hub.close_at(channels, at.plus(lives));
            }
            (Fault::Book(BookFault::Stale), Phase::Begins) => {
                let tokens: Vec<TokenId> = self.tokens().cloned().collect();
                let books = tokens.into_iter().filter_map(|token| Some((token.clone(), self.exchange.book(&token)?)));
                self.mishaps.stale = books.collect();
            }
            (Fault::Account(what), _) => self.happen_to_accounts(at, what),
            (Fault::User(_, UserFault::SeveralOrders), _) => self.take_all_of_a_side(at),
            (Fault::Market(row, what), phase) => self.happen_to_market(at, row, what, phase),
            (Fault::Clock(_), _) => self.exchange.set_skew(at, self.mishaps.faults.skew_ms()),
            _ => {}
        }
    }

    /// Only those that keys act for are meant: the others are the venue's own life.
    fn happen_to_accounts(&mut self, at: Timestamp, what: AccountFault) {
        match what {
            AccountFault::Sweep => {
                for account in self.accounts.keyed() {
                    self.exchange.cancel_all(at, account);
                }
            }
            AccountFault::CancelledForBalance { orders } => {
                for account in self.accounts.keyed() {
                    self.exchange.cancel_for_balance(at, account, usize::try_from(orders).unwrap_or(usize::MAX));
                }
            }
            AccountFault::StuckBalance | AccountFault::StaleBalance { .. } => self.heed_accounts(at),
            AccountFault::ClosedOnly => {}
        }
    }

    /// What holds for accounts while a fault is active: asked again when one begins or ends, and when a key begins to act for one.
    pub(super) fn heed_accounts(&mut self, at: Timestamp) {
        let keyed: Vec<AccountIx> = self.accounts.keyed().collect();
        let mut stale: BTreeMap<AccountIx, Stale> = BTreeMap::new();
        for (which, how) in self.mishaps.faults.stale_balances() {
            let one = usize::try_from(which).unwrap_or(usize::MAX).checked_sub(1);
            let whose = one.map_or(&keyed[..], |n| keyed.get(n).map_or(&[], std::slice::from_ref));
            for account in whose {
                let known = stale.entry(*account).or_default();
                known.dollars_too |= how.dollars_too;
                known.deaf |= how.deaf;
            }
        }
        self.exchange.set_stale(at, stale);
        let stuck = self.mishaps.faults.is_stuck();
        for account in keyed {
            self.exchange.stick_dollars(at, account, stuck);
        }
    }

    fn happen_to_market(&mut self, at: Timestamp, row: u64, what: MarketFault, phase: Phase) {
        let markets = self.exchange.markets();
        let count = u64::try_from(markets.len()).expect("markets are numbered in 16 bits");
        let row = usize::try_from(row % count.max(1)).expect("a row of the list");
        let Some(info) = markets.get(row) else { return };
        let market = MarketIx(u16::try_from(row).expect("markets are numbered in 16 bits"));
        match what {
            MarketFault::Tick { finer } => {
                if let Some(tick) = neighbour(info.market.tick, finer) {
                    self.exchange.set_tick(at, market, tick);
                }
            }
            // what has begun and not ended says what holds: another may have changed the same meanwhile
            MarketFault::RewardTerms { .. } | MarketFault::PoolGone => {
                let faults = self.mishaps.faults.terms(u64::from(market.0), count);
                self.exchange.meddle_terms(at, market, faults);
            }
            MarketFault::Closed => {
                if phase == Phase::Begins {
                    // even if it has ended by now: what rested was cancelled
                    self.exchange.set_accepting(at, market, false);
                }
                let accepting = !self.mishaps.faults.is_closed(u64::from(market.0), count);
                self.exchange.set_accepting(at, market, accepting);
            }
            // Gamma's rows ask whether it holds
            MarketFault::AnswerProposed => {}
            MarketFault::GameStart => self.exchange.clear_book(at, market),
            MarketFault::SilentResolution => {
                self.exchange.tick(at);
                let open = (0u16..).map(MarketIx).zip(&markets).filter(|(ix, _)| self.exchange.answered(*ix).is_none());
                let open: Vec<(MarketIx, &MarketInfo)> = open.collect();
                if let Err(why) = self.exchange.resolve(at, market, Answer::Winner(Outcome::Yes)) {
                    tracing::warn!(%why, "nothing is left to resolve");
                }
                // the answer to one market of an event answers its siblings, as silently
                let answered = open.into_iter().filter(|(ix, _)| self.exchange.answered(*ix).is_some());
                self.mishaps.untold.extend(answered.map(|(_, info)| info.market.condition.clone()));
            }
        }
    }

    /// One taker takes every resting order of one side of a wallet, of each wallet of a key that has any.
    fn take_all_of_a_side(&mut self, at: Timestamp) {
        for account in self.accounts.keyed() {
            let open = self.exchange.open_orders(account, &Filter::default());
            let Some(first) = open.first() else { continue };
            let same = open.iter().filter(|order| order.asset_id == first.asset_id && order.side == first.side);
            let parts: Vec<(OrderId, Qty)> = same.map(|order| (order.id, order.original_size)).collect();
            self.exchange.strike(at, &parts);
        }
    }

    /// While a fault wants it, orders about to be cancelled have been filled in part just before; that is told afterwards.
    pub(super) fn fill_before_cancel(&mut self, at: Timestamp, account: AccountIx, ids: &[OrderId]) {
        if self.mishaps.faults.active().is_empty() {
            return;
        }
        for id in ids {
            let Some(order) = self.exchange.order(account, id).filter(|order| order.status == "LIVE") else { continue };
            let left = order.original_size.saturating_sub(order.size_matched);
            // the recorded ones: 1.219511 and 1.341461 of 10
            let parts = [1_219_511, 1_341_461].map(|of_ten| share(left, of_ten, 10_000_000));
            if parts.contains(&Qty::ZERO) || !self.mishaps.faults.fills_before_cancel() {
                continue;
            }
            self.mishaps.faults.keep_fills_back(*id);
            for part in parts {
                self.exchange.strike(at, &[(*id, part)]);
            }
        }
    }

    /// Chooses what becomes of the trades made since the last look.
    pub(super) fn choose_fates(&mut self) {
        let made = self.exchange.trades_made();
        let rules = &self.exchange.scenario().venue;
        let (mined, confirmed) = (rules.mined, rules.confirmed);
        for n in self.mishaps.trades..made {
            if let Some(fault) = self.mishaps.faults.trade_fate() {
                self.exchange.set_fate(TradeIx(n), &fault.fate(mined, confirmed));
            }
        }
        self.mishaps.trades = made;
    }

    /// Whether nobody is to hear of it.
    pub(super) fn is_untold(&self, notice: &Notice) -> bool {
        matches!(notice, Notice::Market(WireEvent::MarketResolved { market, .. }) if self.mishaps.untold.contains(market))
    }

    /// What REST says of a token's book while it lies; `None`: the truth.
    pub(super) fn lying_book(&self, token: &TokenId) -> Option<BookMessage> {
        match self.mishaps.faults.books()? {
            BookFault::Stale => self.mishaps.stale.get(token).cloned(),
            BookFault::Ghost => {
                let mut book = self.exchange.book(token)?;
                let level = |ten_thousandths| {
                    let price =
                        Price::from_ten_thousandths(ten_thousandths).expect("one cent and its complement are prices");
                    vec![(price, Qty::from_micro(100_000_000))]
                };
                (book.bids, book.asks) = (level(100), level(9_900));
                book.hash = hash(&book);
                Some(book)
            }
        }
    }
}

/// The next finer or coarser tick.
fn neighbour(tick: TickSize, finer: bool) -> Option<TickSize> {
    const TICKS: [u16; 6] = [1_000, 100, 50, 25, 10, 1];
    let at = TICKS.iter().position(|ten_thousandths| *ten_thousandths == tick.ten_thousandths())?;
    let next = if finer { at.checked_add(1)? } else { at.checked_sub(1)? };
    TickSize::try_from(*TICKS.get(next)?).ok()
}

/// So many `whole`ths of an amount, rounded down.
fn share(qty: Qty, part: u64, whole: u64) -> Qty {
    let micro = u128::from(qty.micro()) * u128::from(part) / u128::from(whole.max(1));
    Qty::from_micro(u64::try_from(micro).unwrap_or(u64::MAX))
}

/// The venue's hash of a whole book.
fn hash(book: &BookMessage) -> Option<BookHash> {
    let inputs = HashInputs {
        market: book.market.as_str(),
        token: book.token.as_str(),
        venue_ms: book.venue_ms,
        min_order: book.min_order?,
        tick: book.tick?,
        neg_risk: book.neg_risk?,
    };
    let open = OpenHash::new(&inputs, book.bids.iter().copied(), book.asks.iter().copied());
    Some(open.close(book.last_trade.as_deref().unwrap_or_default()))
}
