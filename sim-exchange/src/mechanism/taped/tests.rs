//! The book against a naive one that keeps every piece of every queue in a list.

use super::*;
use proptest::prelude::*;

/// One piece of a queue: recorded size, or an order's.
type Piece = (Option<OrderIx>, u64);

#[derive(Default)]
struct Naive {
    queues: BTreeMap<(Side, Price), Vec<Piece>>,
}

impl Naive {
    fn recorded(&self, side: Side, price: Price) -> u64 {
        let pieces = self.queues.get(&(side, price)).into_iter().flatten();
        pieces.filter(|(id, _)| id.is_none()).map(|(_, qty)| qty).sum()
    }

    /// Grows at the back; shrinks from the back, because a cancellation ahead of us cannot be told from one behind.
    fn record(&mut self, side: Side, price: Price, qty: u64) {
        let was = self.recorded(side, price);
        let queue = self.queues.entry((side, price)).or_default();
        if qty > was {
            queue.push((None, qty - was));
        }
        let mut drop = was.saturating_sub(qty);
        for piece in queue.iter_mut().rev().filter(|(id, _)| id.is_none()) {
            let take = piece.1.min(drop);
            piece.1 -= take;
            drop -= take;
        }
        self.tidy();
    }

    fn rest(&mut self, side: Side, price: Price, id: OrderIx, qty: u64) {
        self.queues.entry((side, price)).or_default().push((Some(id), qty));
    }

    /// Takes from the front of one queue; what orders gave, in order.
    fn eat(&mut self, side: Side, price: Price, mut qty: u64) -> Vec<(OrderIx, u64)> {
        let mut out = Vec::new();
        for piece in self.queues.entry((side, price)).or_default() {
            let take = piece.1.min(qty);
            piece.1 -= take;
            qty -= take;
            if let (Some(id), true) = (piece.0, take > 0) {
                out.push((id, take));
            }
        }
        self.tidy();
        out
    }

    fn tidy(&mut self) {
        for queue in self.queues.values_mut() {
            queue.retain(|(_, qty)| *qty > 0);
        }
        self.queues.retain(|_, queue| !queue.is_empty());
    }

    fn best(&self, side: Side) -> Option<Price> {
        let prices = self.queues.keys().filter(|(s, _)| *s == side).map(|(_, p)| *p);
        if side == Side::Buy { prices.max() } else { prices.min() }
    }

    fn orders(&self) -> BTreeMap<OrderIx, u64> {
        self.queues.values().flatten().filter_map(|(id, qty)| id.map(|id| (id, *qty))).collect()
    }
}

#[derive(Clone, Debug)]
enum Do {
    Record(bool, u16, u64),
    Rest(bool, u16, u64),
    Print(bool, u64),
    Take(bool, u16, u64),
    Remove(usize),
}

fn ops() -> impl Strategy<Value = Vec<Do>> {
    let price = 40u16..61;
    let one = prop_oneof![
        3 => (any::<bool>(), price.clone(), 0u64..60).prop_map(|(s, p, q)| Do::Record(s, p, q)),
        3 => (any::<bool>(), price.clone(), 1u64..40).prop_map(|(s, p, q)| Do::Rest(s, p, q)),
        2 => (any::<bool>(), 1u64..60).prop_map(|(s, q)| Do::Print(s, q)),
        1 => (any::<bool>(), price, 1u64..90).prop_map(|(s, p, q)| Do::Take(s, p, q)),
        1 => (0usize..50).prop_map(Do::Remove),
    ];
    prop::collection::vec(one, 0..120)
}

fn side(buy: bool) -> Side {
    if buy { Side::Buy } else { Side::Sell }
}

fn cents(n: u16) -> Price {
    Price::from_ten_thousandths(n * 100).expect("below a dollar")
}

fn given(matches: &[Match]) -> Vec<(OrderIx, u64)> {
    let orders = matches.iter().filter_map(|m| match m.maker {
        Maker::Order { order, .. } => Some((order, m.qty.micro())),
        Maker::Own { .. } | Maker::Recorded => None,
    });
    orders.collect()
}

proptest! {
    #[test]
    fn the_book_fills_whom_the_naive_one_fills(ops in ops()) {
        let (mut book, mut naive) = (TapeBook::default(), Naive::default());
        let (mut next, mut ms) = (0u8, 0u64);
        for op in ops {
            // far enough apart that a shrinking level is known to be a cancellation
            ms += 10 * PRINT_WAIT_MS;
            match op {
                Do::Record(buy, p, q) => {
                    let (side, price) = (side(buy), cents(p));
                    if naive.best(side.other()).is_some_and(|best| crosses(side, price, best)) {
                        continue;
                    }
                    book.record(side, price, Qty::from_micro(q), ms);
                    naive.record(side, price, q);
                }
                Do::Rest(buy, p, q) => {
                    let (side, price) = (side(buy), cents(p));
                    if naive.best(side.other()).is_some_and(|best| crosses(side, price, best)) || next == u8::MAX {
                        continue;
                    }
                    next += 1;
                    let id = OrderIx(u32::from(next));
                    book.rest(side, price, id, AccountIx(0), Qty::from_micro(q));
                    naive.rest(side, price, id, q);
                }
                Do::Print(buy, q) => {
                    // a print at the best price; the recorded part of it leaves the level, as the tape will say
                    let side = side(buy);
                    let Some(price) = naive.best(side) else { continue };
                    let was = naive.recorded(side, price);
                    let expected = naive.eat(side, price, q);
                    let got = book.print(side, price, Qty::from_micro(q), ms);
                    prop_assert_eq!(given(&got), expected);
                    prop_assert!(book.recorded.qty(side, price).micro() == was);
                    book.record(side, price, Qty::from_micro(naive.recorded(side, price)), ms);
                }
                Do::Take(buy, p, q) => {
                    let (side, limit) = (side(buy), cents(p));
                    let (mut left, mut expected) = (q, Vec::new());
                    while let Some(price) = naive.best(side.other()).filter(|best| left > 0 && crosses(side, limit, *best)) {
                        let all: u64 = naive.queues[&(side.other(), price)].iter().map(|(_, qty)| qty).sum();
                        expected.extend(naive.eat(side.other(), price, left));
                        left = left.saturating_sub(all);
                    }
                    let mut got = Vec::new();
                    book.take(side, limit, Qty::from_micro(q), None, &mut got);
                    prop_assert_eq!(given(&got), expected);
                    let total: u64 = got.iter().map(|m| m.qty.micro()).sum();
                    prop_assert_eq!(total, q - left);
                    prop_assert!(got.iter().all(|m| crosses(side, limit, m.price)), "a match beyond the limit");
                }
                Do::Remove(n) => {
                    let found = book.orders().nth(n).map(|(s, p, o)| (s, p, o.order));
                    if let Some((side, price, id)) = found {
                        prop_assert!(book.remove(side, price, id).is_some());
                        let queue = naive.queues.get_mut(&(side, price)).expect("the naive book has it too");
                        queue.retain(|(other, _)| *other != Some(id));
                        naive.tidy();
                    }
                }
            }
            prop_assert!(book.check().is_ok(), "{:?}", book.check());
            let orders: BTreeMap<OrderIx, u64> = book.orders().map(|(_, _, o)| (o.order, o.remaining.micro())).collect();
            prop_assert_eq!(orders, naive.orders());
            for side in [Side::Buy, Side::Sell] {
                prop_assert_eq!(book.best(side), naive.best(side));
            }
        }
    }
}
