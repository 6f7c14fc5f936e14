//! One market: its facts, its book, and the public messages made from them.

use super::meddle::Meddled;
use crate::mechanism::Mechanism;
use crate::rewards::Plan;
use crate::scenario::{Fee, MarketRules};
use mm_core::domain::{Market, Outcome, Price, Qty, Side};
use mm_core::event::{BookHash, Top};
use mm_core::rewards::Depth;
use mm_core::venue::book_hash::{HashInputs, OpenHash, last_trade_text};
use mm_core::venue::market_ws::{BookMessage, LevelChange, PriceChange, WireEvent};
use mm_core::venue::rest::FeeTerms;

/// One market of the venue.
pub(super) struct MarketState {
    pub(super) facts: Market,
    pub(super) slug: String,
    pub(super) outcomes: [String; 2],
    pub(super) fee: Option<Fee>,
    pub(super) rules: MarketRules,
    /// Whether an order was ever filled by a size that is not in whole hundredths: money then rounds fill by fill.
    pub(super) fractional: bool,
    pub(super) book: Mechanism,
    /// Shown and traded.
    pub(super) open: bool,
    /// Time of the book's state, the venue's milliseconds.
    pub(super) changed_ms: u64,
    /// The last trade price before the first print, in the venue's own digits; empty when there was none.
    pub(super) earlier_trade: String,
    /// The newest print: token, price and the taker's side.
    pub(super) last_print: Option<(Outcome, Price, Side)>,
    /// How its reward terms change and who pays beside the venue: read once, when the programme is made.
    pub(super) reward_plan: Plan,
    /// What faults keep from what it would be.
    pub(super) meddled: Meddled,
}

/// A level of the public book that changed, and the token that is named first.
pub(super) type Changed = (Side, Price, Outcome);

/// A print to announce: the taker's token and side, the price of that token, the size.
pub(super) type Printed = (Outcome, Side, Price, Qty);

impl MarketState {
    #[inline]
    pub(super) fn top(&self) -> Top {
        Top { bid: self.book.best(Side::Buy), ask: self.book.best(Side::Sell) }
    }

    /// The last trade price as the venue writes it: three decimals; empty before the first.
    pub(super) fn last_trade(&self) -> String {
        self.last_print.map_or_else(|| self.earlier_trade.clone(), |(_, price, _)| last_trade_text(price))
    }

    /// The public book of one token with everything REST tells; the stream leaves out two keys.
    pub(super) fn message(&self, outcome: Outcome) -> BookMessage {
        // bids rise and asks fall on the wire; the NO book is the mirror
        let (mut bids, mut asks) = match outcome {
            Outcome::Yes => (self.book.depth(Side::Buy), self.book.depth(Side::Sell)),
            Outcome::No => (mirror(self.book.depth(Side::Sell)), mirror(self.book.depth(Side::Buy))),
        };
        bids.reverse();
        asks.reverse();
        let mut message = BookMessage {
            market: self.facts.condition.clone(),
            token: self.facts.token_id(outcome).clone(),
            bids,
            asks,
            venue_ms: self.changed_ms,
            hash: None,
            tick: Some(self.facts.tick),
            min_order: Some(self.facts.min_order),
            neg_risk: Some(self.facts.neg_risk),
            last_trade: Some(self.last_trade().into()),
        };
        message.hash = hash(&message);
        message
    }

    /// What the stream sends as a `book`.
    pub(super) fn snapshot(&self, outcome: Outcome) -> BookMessage {
        BookMessage { min_order: None, neg_risk: None, ..self.message(outcome) }
    }

    /// One `price_change` for each level, both tokens in it, all with the top and hash after the last of them.
    pub(super) fn changes(&self, levels: &[Changed]) -> Vec<WireEvent> {
        if levels.is_empty() {
            return Vec::new();
        }
        let hashes = [self.message(Outcome::Yes).hash, self.message(Outcome::No).hash];
        let top = self.top();
        let entry = |outcome: Outcome, side: Side, price: Price| {
            let qty = self.book.public(side, price);
            let (side, price) = crate::tape::grow::in_yes_terms(outcome, side, price);
            let hash = hashes[usize::from(outcome == Outcome::No)];
            let token = self.facts.token_id(outcome).clone();
            LevelChange { token, price, qty, side, hash, top: Some(top.in_yes_terms(outcome)) }
        };
        let mut out = Vec::new();
        for (n, (side, price, first)) in levels.iter().enumerate() {
            if levels[..n].iter().any(|(s, p, _)| (s, p) == (side, price)) {
                continue;
            }
            out.push(WireEvent::PriceChange(PriceChange {
                market: self.facts.condition.clone(),
                changes: vec![entry(*first, *side, *price), entry(first.other(), *side, *price)],
                venue_ms: self.changed_ms,
            }));
        }
        out
    }

    /// The taker's fee: shares × rate × (p(1 − p))^exponent, rounded half up to five decimals of a dollar; what rounds to nothing is
    /// free (`rewards.md` 7.1, and the vectors' `fee_5dp_half_up`). The direction is the one rounding of the venue's that is a fact about
    /// the real one, and so not ours to choose.
    #[inline]
    pub(super) fn fee(&self, price: Price, qty: Qty) -> mm_core::domain::Usdc {
        use mm_core::domain::Usdc;
        const STEP_MICRO: u128 = 10;
        /// 10^15 = 2^15 × 5^15: the first factor is a shift, and then nearly every amount fits 64 bits.
        const ODD: u64 = 5u64.pow(15);
        const HALF: u128 = 500_000_000_000_000;
        let Some(fee) = self.fee else { return Usdc::ZERO };
        let p = u128::from(price.ten_thousandths());
        let curve = p * (10_000 - p);
        // curve^exponent is at most 6.25e14, the rate 1e6, an amount 1e15: below 2^128
        let scaled = u128::from(qty.micro()) * (u128::from(fee.rate_micro) * curve);
        if fee.exponent == 1
            && let Ok(halved) = u64::try_from((scaled + HALF) >> 15)
        {
            return Usdc::from_micro(halved / ODD * 10);
        }
        let scaled = scaled * curve.pow(fee.exponent - 1);
        let unit = 1_000_000 * 100_000_000u128.pow(fee.exponent);
        let micro = (scaled + unit * STEP_MICRO / 2) / (unit * STEP_MICRO) * STEP_MICRO;
        Usdc::from_micro(u64::try_from(micro).expect("a fee is at most the shares it is paid on, rounded"))
    }

    /// Most that the fee of a taker can be: the curve is highest at one half, and that lies on the way to some limits.
    #[inline]
    pub(super) fn fee_at_most(&self, qty: Qty) -> mm_core::domain::Usdc {
        self.fee(Price::from_ten_thousandths(5_000).expect("half a dollar is a price"), qty)
    }

    pub(super) fn fee_terms(&self) -> Option<FeeTerms> {
        self.fee.map(|fee| FeeTerms {
            r: mm_core::domain::Usdc::from_micro(fee.rate_micro).to_string(),
            e: fee.exponent.to_string(),
            to: true,
        })
    }
}

/// A side seen from the other token, again best first.
fn mirror(levels: Vec<(Price, Qty)>) -> Vec<(Price, Qty)> {
    levels.into_iter().map(|(price, qty)| (price.complement(), qty)).collect()
}

/// The venue's hash; every input is in the message.
fn hash(message: &BookMessage) -> Option<BookHash> {
    let inputs = HashInputs {
        market: message.market.as_str(),
        token: message.token.as_str(),
        venue_ms: message.venue_ms,
        min_order: message.min_order?,
        tick: message.tick?,
        neg_risk: message.neg_risk?,
    };
    let open = OpenHash::new(&inputs, message.bids.iter().copied(), message.asks.iter().copied());
    Some(open.close(message.last_trade.as_deref().unwrap_or_default()))
}

impl Depth for Mechanism {
    fn levels(&self, side: Side) -> impl Iterator<Item = (Price, Qty)> {
        self.depth(side).into_iter()
    }
}
