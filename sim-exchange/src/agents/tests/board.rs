use super::super::*;
use super::scene::{MARKET, START, Scene, price, qty};
use mm_core::domain::{Nanos, TickSize};
use mm_core::rewards::Depth as _;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn board(latency: Nanos) -> Board {
    let facts = MarketFacts { tick: TickSize::CENT, min_order: qty("5"), fee: None, rewards: None };
    Board::new(vec![facts; 2], latency)
}

fn level(side: Side, cents: u16, shares: u64) -> Change {
    let price = Price::from_ten_thousandths(cents).expect("a price");
    Change::Level { market: MARKET, side, price, qty: Qty::from_micro(shares) }
}

proptest! {
    /// Against the plainest book there is, at a moment one latency later.
    #[test]
    fn a_board_is_the_last_written_levels_one_latency_ago(
        changes in prop::collection::vec((0u64..50, any::<bool>(), 0u16..60, 0u64..4), 0..300),
        latency in 0u64..200,
        look in 0u64..3_000,
    ) {
        let latency = Nanos::from_nanos(latency);
        let look = START.plus(Nanos::from_nanos(look));
        let (mut board, mut at) = (board(latency), START);
        let mut plain: [BTreeMap<u16, u64>; 2] = Default::default();
        for (gap, buy, cents, shares) in changes {
            at = at.plus(Nanos::from_nanos(gap));
            if at > look {
                break;
            }
            let side = if buy { Side::Buy } else { Side::Sell };
            board.tell(at, level(side, cents, shares));
            if at.plus(latency) <= look {
                let side = &mut plain[usize::from(!buy)];
                if shares == 0 { side.remove(&cents) } else { side.insert(cents, shares) };
            }
        }
        board.advance(look);
        let book = board.book(MARKET).expect("there is one");
        let told = |side| book.levels(side).map(|(p, q)| (p.ten_thousandths(), q.micro())).collect::<Vec<_>>();
        prop_assert_eq!(told(Side::Buy), plain[0].iter().rev().map(|(p, q)| (*p, *q)).collect::<Vec<_>>());
        prop_assert_eq!(told(Side::Sell), plain[1].iter().map(|(p, q)| (*p, *q)).collect::<Vec<_>>());
        prop_assert_eq!(book.best(Side::Buy).map(|(p, _)| p.ten_thousandths()), plain[0].keys().next_back().copied());
        let limit = Price::from_ten_thousandths(30).expect("a price");
        prop_assert_eq!(book.depth(Side::Sell, limit).micro(), plain[1].range(..=30).map(|(_, q)| q).sum::<u64>());
        prop_assert_eq!(book.depth(Side::Buy, limit).micro(), plain[0].range(30..).map(|(_, q)| q).sum::<u64>());
    }
}

#[test]
fn nothing_is_seen_before_its_time() {
    let mut board = board(Nanos::from_ms(40));
    board.tell(START, level(Side::Buy, 4_800, 5));
    board.tell(START, Change::Trading { market: MARKET, open: true });
    board.tell(START, Change::Tick { market: MARKET, tick: TickSize::ALL[4] });
    board.tell(START, Change::Print { market: MARKET, side: Side::Buy, price: price("0.5"), qty: qty("1") });
    board.advance(START.plus(Nanos::from_nanos(39_999_999)));
    let book = board.book(MARKET).expect("there is one");
    assert_eq!(
        (book.best(Side::Buy), book.is_open(), book.facts().tick, book.last()),
        (None, false, TickSize::CENT, None)
    );
    board.advance(START.plus(Nanos::from_ms(40)));
    let book = board.book(MARKET).expect("there is one");
    assert_eq!(book.best(Side::Buy), Some((price("0.48"), Qty::from_micro(5))));
    assert_eq!((book.is_open(), book.facts().tick), (true, TickSize::ALL[4]));
    assert_eq!(book.last(), Some((Side::Buy, price("0.5"), qty("1"))));
    assert_eq!(board.book(MarketIx(1)).map(PublicBook::is_open), Some(false), "the other market is untouched");
    assert_eq!(board.book(MarketIx(2)), None);
}

#[test]
fn a_fee_is_an_estimate_from_above() {
    let scene = Scene::parse("fee 0.05");
    let facts = scene.board.book(MARKET).expect("there is one").facts();
    assert!((facts.fee_per_share(price("0.5")) - 0.0125).abs() < 1e-12);
    assert!((facts.fee_per_share(price("0.1")) - 0.0045).abs() < 1e-12);
    assert_eq!(facts.fee_at_most(qty("100")), Usdc::from_micro(1_250_010));
    let free = Scene::parse("");
    assert_eq!(free.board.book(MARKET).expect("there is one").facts().fee_at_most(qty("100")), Usdc::ZERO);
}
