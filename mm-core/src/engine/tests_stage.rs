//! A venue of four markets that hashes its books and answers over REST, and the engine that follows it.

use super::Engine;
use super::tests_support::{config_for, market};
use crate::book::in_yes_terms;
use crate::domain::{MarketIx, Outcome, Price, Qty, Side, TickSize, Timestamp, Token, Usdc};
use crate::event::{Action, Alert, BookHash, Input, LinkIx, MarketEvent, Turn};
use crate::protocol::{Caps, FromExecutor, Gate};
use crate::venue::book_hash::{HashInputs, book_hash};
use crate::venue::market_ws::{BookMessage, encode_rest_book};
use std::collections::BTreeMap;

pub(super) const MARKETS: u16 = 4;

/// Venue and engine.
pub(super) struct Stage {
    pub(super) engine: Engine,
    pub(super) ms: u64,
    pub(super) seq: u64,
    pub(super) books: Vec<BTreeMap<(Side, Price), Qty>>,
    pub(super) last_trade: String,
    /// The venue hashes by another rule.
    pub(super) changed_rule: bool,
    pub(super) told: Vec<Action>,
}

impl Stage {
    /// Four welcomed markets with proven books 0.48 / 0.52.
    pub(super) fn new() -> Self {
        let mut stage = Self::unfed();
        let inputs = (0..MARKETS).flat_map(|row| stage.dump(row)).collect();
        stage.turn(inputs);
        stage
    }

    pub(super) fn unfed() -> Self {
        let level = |side, cents: u16, qty| ((side, Price::from_ten_thousandths(cents * 100).expect("a price")), qty);
        let qty = Qty::from_whole(500).expect("small");
        let book = [48, 47, 40, 30].map(|cents| level(Side::Buy, cents, qty)).into_iter();
        let book: BTreeMap<_, _> = book.chain([52, 53, 60, 70].map(|cents| level(Side::Sell, cents, qty))).collect();
        let engine = Engine::new(config_for(&[1, 2, 3, 4], "200"), Vec::new());
        let mut stage = Self {
            engine,
            ms: 1_780_000_000_000,
            seq: 0,
            books: vec![book; usize::from(MARKETS)],
            last_trade: "0.500".to_owned(),
            changed_rule: false,
            told: Vec::new(),
        };
        let cap = Usdc::from_micro(1_000_000_000);
        let caps = Caps { order: cap, market: cap, total: cap };
        let gate = Gate::Open { until: Timestamp::MAX };
        stage.turn(vec![
            Input::Universe((1..=u64::from(MARKETS)).map(market).collect()),
            Input::Link { link: LinkIx(0), up: true },
            Input::Executor(FromExecutor::Welcome { open: Vec::new(), gate, caps }),
            Input::Executor(FromExecutor::Balance { usdc: cap, tokens: Vec::new() }),
        ]);
        stage
    }

    /// Levels of one token, worst first, as the venue hashes them.
    pub(super) fn wire(&self, token: Token, side: Side) -> Vec<(Price, Qty)> {
        let (yes_side, _) = in_yes_terms(token.outcome, side, Price::ZERO);
        let book = self.books[token.market.index()].iter().filter(|((s, _), _)| *s == yes_side);
        let mut levels: Vec<_> = book.map(|((s, p), q)| (in_yes_terms(token.outcome, *s, *p).1, *q)).collect();
        levels.sort();
        if side == Side::Sell {
            levels.reverse();
        }
        levels
    }

    pub(super) fn hash(&self, token: Token) -> BookHash {
        let facts = market(u64::from(token.market.0) + 1);
        let inputs = HashInputs {
            market: facts.condition.as_str(),
            token: facts.token_id(token.outcome).as_str(),
            venue_ms: self.ms,
            min_order: facts.min_order,
            tick: facts.tick,
            neg_risk: facts.neg_risk != self.changed_rule,
        };
        book_hash(&inputs, self.wire(token, Side::Buy), self.wire(token, Side::Sell), &self.last_trade)
    }

    /// The answer to a subscription.
    pub(super) fn dump(&self, row: u16) -> Vec<Input> {
        let of = |outcome| {
            let token = Token { market: MarketIx(row), outcome };
            let best_first = |side| self.wire(token, side).into_iter().rev().collect();
            Input::Market(MarketEvent::Snapshot {
                token,
                bids: best_first(Side::Buy),
                asks: best_first(Side::Sell),
                tick: Some(TickSize::CENT),
                last_trade: Some(self.last_trade.as_str().into()),
                hash: Some(self.hash(token)),
                venue_ms: self.ms,
            })
        };
        [Outcome::Yes, Outcome::No].map(of).into()
    }

    /// Changes a level at the venue; what is told of it.
    pub(super) fn level(&mut self, row: u16, side: Side, cents: u16, shares: u64) -> Vec<Input> {
        let price = Price::from_ten_thousandths(cents * 100).expect("a price");
        let qty = Qty::from_whole(shares).expect("small");
        let book = &mut self.books[usize::from(row)];
        if shares == 0 {
            book.remove(&(side, price))
        } else {
            book.insert((side, price), qty)
        };
        let of = |outcome| {
            let token = Token { market: MarketIx(row), outcome };
            let (side, price) = in_yes_terms(outcome, side, price);
            Input::Market(MarketEvent::Delta {
                token,
                side,
                price,
                qty,
                top: None,
                hash: Some(self.hash(token)),
                venue_ms: self.ms,
            })
        };
        [Outcome::Yes, Outcome::No].map(of).into()
    }

    pub(super) fn rest(&self, row: u16, spoilt: bool) -> Input {
        self.rest_of(Token { market: MarketIx(row), outcome: Outcome::Yes }, spoilt)
    }

    /// The REST book of a token, with its own hash; `spoilt`: a level is missing.
    pub(super) fn rest_of(&self, token: Token, spoilt: bool) -> Input {
        let facts = market(u64::from(token.market.0) + 1);
        let mut bids = self.wire(token, Side::Buy);
        let hash = self.hash(token);
        if spoilt {
            bids.remove(0);
        }
        let body = BookMessage {
            token: facts.token_id(token.outcome).clone(),
            market: facts.condition,
            bids,
            asks: self.wire(token, Side::Sell),
            venue_ms: self.ms,
            hash: Some(hash),
            tick: Some(facts.tick),
            min_order: Some(facts.min_order),
            neg_risk: Some(facts.neg_risk),
            last_trade: Some(self.last_trade.as_str().into()),
        };
        Input::RestBook { token, received: Timestamp::from_ms(self.ms), text: encode_rest_book(&body) }
    }

    pub(super) fn turn(&mut self, inputs: Vec<Input>) {
        self.seq += 1;
        let turn = Turn { seq: self.seq, at: Timestamp::from_ms(self.ms), inputs };
        self.engine.turn(&turn, &mut self.told);
    }

    /// Lives through so many seconds. In each the stream tells a change of every market of `busy`, and REST answers a turn later if
    /// it does. Returns the questions asked, with the second of each.
    pub(super) fn live(&mut self, secs: u64, busy: &[u16], answers: bool) -> Vec<(u64, Token)> {
        let mut asked = Vec::new();
        for second in 0..secs {
            self.ms += 1;
            let mut inputs = Vec::new();
            for row in busy {
                inputs.extend(self.level(*row, Side::Sell, 70, 20 + self.ms % 50));
            }
            self.turn(inputs);
            for quarter in 0..4 {
                self.wait(if quarter == 3 { 249 } else { 250 });
                let questions: Vec<Token> = self
                    .told
                    .drain(..)
                    .filter_map(|a| if let Action::FetchBook { token } = a { Some(token) } else { None })
                    .collect();
                asked.extend(questions.iter().map(|token| (second, *token)));
                let inputs = questions.iter().filter(|_| answers).map(|token| self.rest_of(*token, false)).collect();
                self.turn(inputs);
            }
        }
        asked
    }

    /// Lets time pass with the turns the engine asks for.
    pub(super) fn wait(&mut self, ms: u64) {
        let end = self.ms + ms;
        while let Some(due) = self.engine.next_deadline().filter(|due| due.ms() < end) {
            self.ms = self.ms.max(due.ms() + u64::from(!due.nanos().is_multiple_of(1_000_000)));
            self.turn(Vec::new());
        }
        self.ms = end;
        self.turn(Vec::new());
    }

    /// Proven, unproven, contradicted.
    pub(super) fn counts(&self) -> [u64; 3] {
        let totals = self.engine.snapshot().totals;
        [totals.hashes_proven, totals.hashes_unproven, totals.hashes_contradicted]
    }

    pub(super) fn syncs(&self) -> String {
        self.engine.snapshot().markets.iter().map(|m| m.sync.as_str()).collect::<Vec<_>>().join(" ")
    }

    pub(super) fn alerts(&self) -> Vec<&Alert> {
        self.told
            .iter()
            .filter_map(|action| if let Action::Alert(alert) = action { Some(alert) } else { None })
            .collect()
    }
}
