//! The fast book against a list of orders sorted by price and arrival.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct One {
    side: Side,
    price: Price,
    order: OrderIx,
    account: AccountIx,
    qty: u64,
    slot: Slot,
}

/// Every waiting order in order of arrival.
#[derive(Default)]
struct Naive(Vec<One>);

impl Naive {
    /// Positions of one side's orders, best price first, then by arrival.
    fn queue(&self, side: Side) -> Vec<usize> {
        let mut at: Vec<usize> = (0..self.0.len()).filter(|n| self.0[*n].side == side).collect();
        at.sort_by_key(|n| match side {
            Side::Buy => 10_000 - self.0[*n].price.ten_thousandths(),
            Side::Sell => self.0[*n].price.ten_thousandths(),
        });
        at
    }

    fn take(&mut self, side: Side, limit: Price, mut qty: u64, except: Option<AccountIx>) -> Vec<Match> {
        let mut out = Vec::new();
        while qty > 0 {
            let Some(at) = self.queue(side.other()).first().copied() else { break };
            if !super::super::crosses(side, limit, self.0[at].price) {
                break;
            }
            let one = &mut self.0[at];
            if Some(one.account) == except {
                out.push(Match { maker: Maker::Own { order: one.order }, price: one.price, qty: Qty::ZERO });
                self.0.remove(at);
                continue;
            }
            let fill = one.qty.min(qty);
            qty -= fill;
            one.qty -= fill;
            let maker = Maker::Order { order: one.order, left: Qty::from_micro(one.qty) };
            out.push(Match { maker, price: one.price, qty: Qty::from_micro(fill) });
            if one.qty == 0 {
                self.0.remove(at);
            }
        }
        out
    }
}

#[derive(Clone, Debug)]
enum Do {
    Rest { buy: bool, ticks: u16, qty: u64, account: u32 },
    Take { buy: bool, ticks: u16, qty: u64, except: Option<u32> },
    Remove(usize),
    Reduce(usize, u64),
    Tick(usize),
}

fn ops() -> impl Strategy<Value = Vec<Do>> {
    let any_tick = 1u16..10;
    let one = prop_oneof![
        5 => (any::<bool>(), any_tick.clone(), 1u64..40, 0u32..3)
            .prop_map(|(buy, ticks, qty, account)| Do::Rest { buy, ticks, qty, account }),
        2 => (any::<bool>(), any_tick, 1u64..90, prop::option::of(0u32..3))
            .prop_map(|(buy, ticks, qty, except)| Do::Take { buy, ticks, qty, except }),
        3 => (0usize..50).prop_map(Do::Remove),
        1 => (0usize..50, 1u64..20).prop_map(|(n, by)| Do::Reduce(n, by)),
        1 => (0usize..6).prop_map(Do::Tick),
    ];
    prop::collection::vec(one, 0..150)
}

proptest! {
    #[test]
    fn the_fast_book_is_the_list_sorted_by_price_and_arrival(first in 0usize..6, ops in ops()) {
        let mut tick = TickSize::ALL[first];
        let (mut book, mut naive, mut next) = (Book::new(tick), Naive::default(), 0u32);
        for op in ops {
            match op {
                Do::Rest { buy, ticks, qty, account } => {
                    let side = if buy { Side::Buy } else { Side::Sell };
                    let n = ticks.saturating_mul(tick.ten_thousandths());
                    let Some(price) = Price::from_ten_thousandths(n).filter(|p| p.is_orderable(tick)) else { continue };
                    if book.best(side.other()).is_some_and(|best| super::super::crosses(side, price, best)) {
                        continue;
                    }
                    let (order, account) = (OrderIx(next), AccountIx(account));
                    next += 1;
                    let (slot, level) = book.rest(side, price, order, account, Qty::from_micro(qty));
                    prop_assert_eq!(level, book.public(side, price));
                    naive.0.push(One { side, price, order, account, qty, slot });
                }
                Do::Take { buy, ticks, qty, except } => {
                    let side = if buy { Side::Buy } else { Side::Sell };
                    let Some(limit) = Price::from_ten_thousandths(ticks.saturating_mul(tick.ten_thousandths())) else { continue };
                    let except = except.map(AccountIx);
                    let reachable = book.reachable(side, limit, except, Qty::MAX);
                    let expected_reach: u64 = (naive.0.iter())
                        .filter(|o| o.side == side.other() && Some(o.account) != except)
                        .filter(|o| super::super::crosses(side, limit, o.price))
                        .map(|o| o.qty)
                        .sum();
                    prop_assert_eq!(reachable.micro(), expected_reach);
                    let mut got = Vec::new();
                    book.take(side, limit, Qty::from_micro(qty), except, &mut got);
                    prop_assert_eq!(got, naive.take(side, limit, qty, except));
                }
                Do::Remove(n) if !naive.0.is_empty() => {
                    let one = naive.0.remove(n % naive.0.len());
                    let (had, left) = book.remove(one.slot);
                    prop_assert_eq!((had.micro(), left), (one.qty, book.public(one.side, one.price)));
                }
                Do::Reduce(n, by) if !naive.0.is_empty() => {
                    let at = n % naive.0.len();
                    let one = &mut naive.0[at];
                    if by < one.qty {
                        one.qty -= by;
                        book.reduce(one.slot, Qty::from_micro(by));
                    }
                }
                Do::Tick(n) => {
                    tick = TickSize::ALL[n];
                    book.admit(tick);
                }
                Do::Remove(_) | Do::Reduce(..) => {}
            }
            prop_assert_eq!(book.check(), Ok(()));
            prop_assert_eq!(book.len(), naive.0.len());
            for side in [Side::Buy, Side::Sell] {
                let expected: Vec<(Price, OrderIx, u64)> =
                    naive.queue(side).into_iter().map(|n| (naive.0[n].price, naive.0[n].order, naive.0[n].qty)).collect();
                let got: Vec<(Price, OrderIx, u64)> =
                    book.queue_of(side).map(|(p, o)| (p, o.order, o.remaining.micro())).collect();
                prop_assert_eq!(got, expected);
            }
        }
    }
}

#[test]
#[should_panic(expected = "is not on the book's grid")]
fn a_price_between_two_ticks_cannot_rest() {
    let price = Price::parse("0.505").expect("a price");
    Book::new(TickSize::CENT).rest(Side::Buy, price, OrderIx(0), AccountIx(0), Qty::from_micro(1));
}

#[test]
fn every_price_of_every_grid_finds_its_rank_and_back() {
    for step in [1000u16, 100, 50, 25, 10, 5, 1] {
        for side in [Side::Buy, Side::Sell] {
            let ladder = Ladder::new(side, step);
            for n in 0..=10_000u16 {
                let price = Price::from_ten_thousandths(n).expect("up to a dollar");
                let away = if side == Side::Buy { 10_000 - n } else { n };
                assert_eq!(ladder.rank(price), u32::from(away / step), "{side} {price} on {step}");
                assert_eq!(ladder.exact(price).map(|rank| ladder.price(rank)), n.is_multiple_of(step).then_some(price));
            }
        }
    }
}
