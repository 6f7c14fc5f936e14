//! How an agent takes: what it may send, from which purse, and what is too small or too dear.

use super::board::{MarketFacts, PublicBook};
use super::{Request, Seen};
use mm_core::domain::{MarketIx, Outcome, Price, Qty, Side, TimeInForce, Usdc, cost_ceil};
use mm_core::rewards::Depth;

/// The venue's smallest marketable buy: one dollar (`clob-rest.md` section 13).
const MARKETABLE_MIN: Usdc = Usdc::from_micro(1_000_000);

/// Pairs are merged from this many on: each merge is a transaction, so small change waits.
const MERGE_FROM: Qty = Qty::from_micro(20_000_000);

/// Sends fill-and-kill orders into one market.
#[derive(Clone, Debug)]
pub(super) struct Taker {
    market: MarketIx,
    tag: u64,
}

impl Taker {
    pub(super) const fn new(market: MarketIx) -> Self {
        Self { market, tag: 0 }
    }

    pub(super) const fn market(&self) -> MarketIx {
        self.market
    }

    /// The market's public book while it takes orders.
    pub(super) fn book<'a>(&self, seen: &Seen<'a>) -> Option<&'a PublicBook> {
        seen.board.book(self.market).filter(|book| book.is_open())
    }

    /// Buys or sells up to `qty` YES at `limit` or better, both in YES terms. Shares of the matching token are sold first; the rest
    /// is bought for dollars, of the other token if that is what it takes. Less than the venue takes is raised to what it takes;
    /// what cannot be paid for is left out.
    pub(super) fn take(&mut self, seen: &Seen<'_>, side: Side, limit: Price, qty: Qty, out: &mut Vec<Request>) {
        let Some(book) = self.book(seen) else { return };
        let facts = book.facts();
        // giving away `held` at `sell_at` is the same trade as buying `bought` at `buy_at`
        let (bought, buy_at) = match side {
            Side::Buy => (Outcome::Yes, limit),
            Side::Sell => (Outcome::No, limit.complement()),
        };
        let (held, sell_at) = (bought.other(), buy_at.complement());
        if !buy_at.is_orderable(facts.tick) {
            return;
        }
        let smallest = smallest_buy(facts, buy_at);
        let sold = seen.own.free(held).min(qty).to_order_size_down();
        let sold = if sold >= facts.min_order { sold } else { Qty::ZERO };
        if !sold.is_zero() {
            self.send(held, Side::Sell, sell_at, sold, out);
        }
        let rest = qty.saturating_sub(sold).to_order_size_down();
        let rest = if sold.is_zero() { rest.max(smallest) } else { rest };
        let rest = rest.min(affordable(seen.own.cash(), buy_at, facts, true));
        if rest >= smallest {
            self.send(bought, Side::Buy, buy_at, rest, out);
        }
    }

    /// Turns pairs back into dollars once there are enough. Not in a wake that also sells.
    pub(super) fn tidy(&self, seen: &Seen<'_>, out: &mut Vec<Request>) {
        let qty = seen.own.pairs();
        if qty >= MERGE_FROM {
            out.push(Request::Merge { market: self.market, qty });
        }
    }

    fn send(&mut self, outcome: Outcome, side: Side, price: Price, qty: Qty, out: &mut Vec<Request>) {
        let (market, tag) = (self.market, self.tag);
        self.tag += 1;
        let tif = TimeInForce::Fak;
        out.push(Request::Place { market, outcome, side, price, qty, tif, post_only: false, tag });
    }
}

/// The smallest buy that may match on arrival, in whole hundredths.
pub(super) fn smallest_buy(facts: &MarketFacts, price: Price) -> Qty {
    // micro-dollars over ten-thousandths, up to a hundredth of a share
    let worth = (MARKETABLE_MIN.micro() * 10_000).div_ceil(u64::from(price.ten_thousandths().max(1)));
    facts.min_order.max(Qty::from_micro(worth.div_ceil(10_000) * 10_000))
}

/// The most shares `cash` can buy at `price`, with the fee where the order may take, in whole hundredths.
pub(super) fn affordable(cash: Usdc, price: Price, facts: &MarketFacts, taker: bool) -> Qty {
    let fee = |qty| if taker { facts.fee_at_most(qty) } else { Usdc::ZERO };
    let fixed = fee(Qty::ZERO).micro() + 1;
    let a_share = Qty::from_micro(1_000_000);
    let per_share = cost_ceil(price, a_share).micro() + fee(a_share).micro() + u64::from(taker);
    let micro = u128::from(cash.micro().saturating_sub(fixed)) * 1_000_000 / u128::from(per_share.max(1));
    Qty::from_micro(u64::try_from(micro).unwrap_or(u64::MAX)).to_order_size_down()
}

/// The farthest price on `side` of the book whose levels from the best on are all `worth` taking, and the shares up to there.
pub(super) fn reach(book: &PublicBook, side: Side, worth: impl Fn(Price) -> bool) -> Option<(Price, Qty)> {
    book.levels(side).take_while(|(price, _)| worth(*price)).fold(None, |so_far, (price, qty)| {
        let before = so_far.map_or(Qty::ZERO, |(_, sum)| sum);
        Some((price, qty.saturating_add(before)))
    })
}
