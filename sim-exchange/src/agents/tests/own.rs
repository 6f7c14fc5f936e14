use super::super::*;
use super::scene::{MARKET, Scene, price, qty};

fn buy(tag: u64, at: &str, size: &str) -> Request {
    let (outcome, side, tif) = (Outcome::Yes, Side::Buy, TimeInForce::Gtc);
    Request::Place { market: MARKET, outcome, side, price: price(at), qty: qty(size), tif, post_only: true, tag }
}

#[test]
fn what_is_sent_is_spent_until_it_is_answered() {
    let Scene { board, mut own, .. } = Scene::parse("cash 100");
    own.sent(&buy(1, "0.5", "100"), &board);
    own.sent(&buy(2, "0.2", "50"), &board);
    assert_eq!((own.cash(), own.in_flight().count()), (Usdc::from_micro(40_000_000), 2));
    own.apply(&News::Rejected { tag: 1 });
    assert_eq!(own.cash(), Usdc::from_micro(90_000_000));
    own.apply(&News::Accepted { tag: 2, order: OrderIx(9) });
    // the venue holds it now, and says so with the next refresh
    own.refresh(Usdc::from_micro(90_000_000), Qty::ZERO, Qty::ZERO);
    assert_eq!((own.cash(), own.is_waiting(), own.orders().len()), (Usdc::from_micro(90_000_000), false, 1));
}

#[test]
fn a_taker_s_fee_is_spent_with_it() {
    let Scene { board, mut own, .. } = Scene::parse("cash 100; fee 0.05");
    own.sent(&buy(1, "0.5", "100"), &board);
    assert_eq!(own.cash(), Usdc::from_micro(50_000_000), "post-only never takes");
    let (outcome, side, tif) = (Outcome::Yes, Side::Buy, TimeInForce::Fak);
    let (at, size) = (price("0.1"), qty("100"));
    own.sent(
        &Request::Place { market: MARKET, outcome, side, price: at, qty: size, tif, post_only: false, tag: 2 },
        &board,
    );
    assert_eq!(own.cash(), Usdc::from_micro(38_749_990));
}

#[test]
fn orders_and_position_follow_what_is_heard() {
    let Scene { board, mut own, .. } = Scene::parse("");
    own.sent(&buy(1, "0.5", "100"), &board);
    own.apply(&News::Accepted { tag: 1, order: OrderIx(4) });
    let fill = |order, outcome, side, size: &str| News::Filled {
        order: OrderIx(order),
        market: MARKET,
        outcome,
        side,
        price: price("0.5"),
        qty: qty(size),
        fee: Usdc::ZERO,
    };
    own.apply(&fill(4, Outcome::Yes, Side::Buy, "30"));
    assert_eq!((own.orders()[0].left, own.orders()[0].qty), (qty("70"), qty("100")));
    assert_eq!(own.position(Outcome::Yes), qty("30"));
    own.apply(&fill(77, Outcome::No, Side::Buy, "50"));
    assert_eq!((own.net_yes(), own.orders().len()), (-20_000_000, 1), "an unknown order still moves the position");
    own.apply(&News::Merged { market: MARKET, qty: qty("30") });
    assert_eq!([Outcome::Yes, Outcome::No].map(|o| own.position(o)), [Qty::ZERO, qty("20")]);
    own.apply(&News::Split { market: MARKET, qty: qty("5") });
    own.apply(&fill(78, Outcome::No, Side::Sell, "25"));
    assert_eq!(own.net_yes(), 5_000_000);
    own.apply(&News::Ended { order: OrderIx(4) });
    own.apply(&News::Ended { order: OrderIx(4) });
    assert!(own.orders().is_empty());
}
