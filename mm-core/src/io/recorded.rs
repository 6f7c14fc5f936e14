//! What recorded frames themselves tell about their markets: which tokens belong together, tick, neg-risk, last trade.
//!
//! The stream leaves out half of what its hashes are made of; [`Recorded::prove`] tries what is possible. A match proves a
//! book and fixes the facts; no match proves nothing.

use crate::domain::{ConditionId, Market, MarketIx, Outcome, Price, Qty, TickSize, Token, TokenId, Universe};
use crate::event::BookHash;
use crate::venue::book_hash::{HashInputs, OpenHash, last_trade_text};
use crate::venue::market_ws::{BookMessage, WireEvent, WireLevels};

/// Smallest order of every recorded market, in millionths of a share: the stream never says it.
const MIN_ORDER: Qty = Qty::from_micro(5_000_000);
/// Last-trade texts remembered for a market.
const LAST_TRADES_MAX: usize = 64;

/// Facts the hash needs, as far as they are known.
#[derive(Clone, Debug, Default)]
struct Facts {
    tick: Option<TickSize>,
    neg_risk: Option<bool>,
    min_order: Option<Qty>,
    /// Newest first.
    last_trades: Vec<Box<str>>,
}

/// How far a proof may search for the last trade price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// Values told by books and trades, and the complements of trades.
    Told,
    /// Also every three-decimal value there is.
    Every,
}

/// The markets of a recording, learnt while it is read. The first token of a market is YES.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    universe: Universe,
    facts: Vec<Facts>,
}

impl Recorded {
    /// Takes in what an event says about its market. Call before using it.
    pub fn learn(&mut self, event: &WireEvent) {
        match event {
            WireEvent::Book(book) => {
                let Some(row) = self.token(&book.market, &book.token).map(|token| token.market.index()) else { return };
                let facts = &mut self.facts[row];
                facts.tick = book.tick.or(facts.tick);
                facts.neg_risk = book.neg_risk.or(facts.neg_risk);
                facts.min_order = book.min_order.or(facts.min_order);
                if let Some(text) = &book.last_trade {
                    facts.told(text.clone());
                }
            }
            WireEvent::PriceChange(change) => {
                for level in &change.changes {
                    self.token(&change.market, &level.token);
                }
            }
            WireEvent::LastTradePrice { market, token, price, .. } => {
                if let Some(token) = self.token(market, token) {
                    let facts = &mut self.facts[token.market.index()];
                    facts.told(last_trade_text(price.complement()).into());
                    facts.told(last_trade_text(*price).into());
                }
            }
            WireEvent::TickSizeChange { market, token, new, .. } => {
                if let Some(token) = self.token(market, token) {
                    self.facts[token.market.index()].tick = Some(*new);
                }
            }
            WireEvent::BestBidAsk { market, token, .. } => {
                self.token(market, token);
            }
            WireEvent::NewMarket { .. } | WireEvent::MarketResolved { .. } | WireEvent::Unknown { .. } => {}
        }
    }

    /// The markets so far. A market of which only one token was seen has a made-up id for the other.
    #[must_use]
    pub const fn universe(&self) -> &Universe {
        &self.universe
    }

    /// The tick of a market as last told.
    #[must_use]
    pub fn tick(&self, market: MarketIx) -> Option<TickSize> {
        self.facts.get(market.index()).and_then(|facts| facts.tick)
    }

    /// Whether `hash` is the hash of these levels of `token`'s book: bids lowest first, asks highest first. A match fixes
    /// what was unknown for the next time.
    pub fn prove(
        &mut self,
        token: Token,
        venue_ms: u64,
        bids: &WireLevels,
        asks: &WireLevels,
        hash: BookHash,
        search: Search,
    ) -> bool {
        let Some(market) = self.universe.get(token.market) else { return false };
        let facts = &mut self.facts[token.market.index()];
        let on = |tick: &TickSize| bids.iter().chain(asks).all(|(price, _)| price.is_on(*tick));
        // A tick that was told may have changed unseen, so the others stay candidates behind it.
        let ticks =
            facts.tick.into_iter().chain(TickSize::ALL.into_iter().filter(on).filter(|t| Some(*t) != facts.tick));
        let neg_risks: &[bool] = match facts.neg_risk {
            Some(false) => &[false],
            Some(true) => &[true],
            None => &[false, true],
        };
        for tick in ticks {
            for neg_risk in neg_risks {
                let inputs = HashInputs {
                    market: market.condition.as_str(),
                    token: market.token_id(token.outcome).as_str(),
                    venue_ms,
                    min_order: facts.min_order.unwrap_or(MIN_ORDER),
                    tick,
                    neg_risk: *neg_risk,
                };
                let open = OpenHash::new(&inputs, bids.iter().copied(), asks.iter().copied());
                if let Some(last_trade) = facts.search(&open, hash, search) {
                    facts.tick = Some(tick);
                    facts.neg_risk = Some(*neg_risk);
                    facts.told(last_trade);
                    return true;
                }
            }
        }
        false
    }

    /// As [`Self::prove`], for a book message with a hash of its own; `None` without one.
    pub fn prove_book(&mut self, book: &BookMessage, search: Search) -> Option<bool> {
        let token = self.universe.token(book.token.as_str())?;
        Some(self.prove(token, book.venue_ms, &book.bids, &book.asks, book.hash?, search))
    }

    /// The row and outcome of a token, with a new row or the second token of a row if need be. `None` for a third token.
    fn token(&mut self, condition: &ConditionId, id: &TokenId) -> Option<Token> {
        if let Some(token) = self.universe.token(id.as_str()) {
            return (self.universe.get(token.market)?.condition == *condition).then_some(token);
        }
        let mut markets = self.universe.markets().to_vec();
        match self.universe.row(condition) {
            Some(row) => {
                let market = &mut markets[row.index()];
                if market.no != unknown_sibling(row.index()) {
                    return None;
                }
                market.no = id.clone();
            }
            None => markets.push(Market {
                condition: condition.clone(),
                event: None,
                yes: id.clone(),
                no: unknown_sibling(markets.len()),
                tick: TickSize::CENT,
                min_order: MIN_ORDER,
                neg_risk: false,
                ready: false,
                rewards: None,
                resolving: false,
                starts: None,
                ends: None,
            }),
        }
        self.universe.update(markets).ok()?;
        self.facts.resize(self.universe.len(), Facts::default());
        self.universe.token(id.as_str())
    }
}

impl Facts {
    fn told(&mut self, text: Box<str>) {
        self.last_trades.retain(|known| *known != text);
        self.last_trades.insert(0, text);
        self.last_trades.truncate(LAST_TRADES_MAX);
    }

    fn search(&self, open: &OpenHash, hash: BookHash, search: Search) -> Option<Box<str>> {
        let told = self.last_trades.iter().find(|text| open.close(text) == hash).cloned();
        if told.is_some() || search == Search::Told {
            return told;
        }
        let every = (0..=1000u16).filter_map(|n| Price::from_ten_thousandths(n * 10));
        every
            .map(last_trade_text)
            .chain([String::new()])
            .find(|text| open.close(text) == hash)
            .map(String::into_boxed_str)
    }
}

/// Stands for a token not seen yet: larger than any `uint256`, so it can be no real one.
fn unknown_sibling(row: usize) -> TokenId {
    TokenId::parse(&format!("9{row:077}")).expect("78 digits")
}

/// Whether a token of a recording was really seen.
#[must_use]
pub fn is_seen(universe: &Universe, market: MarketIx, outcome: Outcome) -> bool {
    universe.get(market).is_some_and(|row| *row.token_id(outcome) != unknown_sibling(market.index()))
}
