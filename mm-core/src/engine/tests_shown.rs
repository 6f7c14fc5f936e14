//! What of the book is ours, while the executor and the market channel tell of it at different moments.

use super::tests::{Rig, price, qty};
use crate::domain::{ClientOrderId, MarketIx, Outcome, Price, Qty, Side, Token};
use crate::event::{Input, MarketEvent};
use crate::protocol::FromExecutor;

const YES: Token = Token { market: MarketIx(0), outcome: Outcome::Yes };

fn levels(levels: &[(&str, u64)]) -> Vec<(Price, Qty)> {
    levels.iter().map(|(at, size)| (price(at), qty(*size))).collect()
}

/// A whole book, best first.
fn whole(rig: &Rig, bids: &[(&str, u64)], asks: &[(&str, u64)]) -> Input {
    Input::Market(MarketEvent::Snapshot {
        token: YES,
        bids: levels(bids),
        asks: levels(asks),
        tick: None,
        last_trade: None,
        hash: None,
        venue_ms: rig.ms,
    })
}

fn level(rig: &Rig, side: Side, at: &str, size: u64) -> Input {
    let (price, qty) = (price(at), qty(size));
    Input::Market(MarketEvent::Delta { token: YES, side, price, qty, top: None, hash: None, venue_ms: rig.ms })
}

fn bid(rig: &Rig, at: &str, size: u64) -> Input {
    level(rig, Side::Buy, at, size)
}

fn ask(rig: &Rig, at: &str, size: u64) -> Input {
    level(rig, Side::Sell, at, size)
}

/// Quoting in a book whose best bid counts by ten shares only.
fn thin() -> Rig {
    let mut rig = Rig::new();
    let book = whole(&rig, &[("0.50", 30), ("0.45", 200)], &[("0.53", 200)]);
    let actions = rig.turn(vec![rig.welcome(true), Rig::balance(0), book]);
    assert_eq!(rig.told(&actions), "place 1 BUY YES 0.5x22, place 2 BUY NO 0.47x22");
    rig
}

fn midpoint(rig: &Rig) -> Option<String> {
    rig.engine.snapshot().markets[0].midpoint.clone()
}

#[test]
fn an_order_is_not_taken_out_of_a_book_it_is_not_in_yet() {
    let mut rig = thin();
    assert_eq!(rig.after(10, vec![Rig::accept(1), Rig::accept(2)]), "");
    assert_eq!(midpoint(&rig).as_deref(), Some("0.515"));
    assert_eq!(rig.after(10, vec![bid(&rig, "0.45", 210)]), "");
    assert_eq!(rig.after(10, vec![bid(&rig, "0.50", 52), ask(&rig, "0.53", 222)]), "");
    assert_eq!(midpoint(&rig).as_deref(), Some("0.515"));
    assert_eq!(rig.after(5_000, vec![bid(&rig, "0.45", 200)]), "");
    assert_eq!(midpoint(&rig).as_deref(), Some("0.515"));
    // all that the others had there goes: ours alone holds no price
    assert_eq!(rig.after(10, vec![bid(&rig, "0.50", 22)]), "cancel 1, cancel 2");
    assert_eq!(midpoint(&rig).as_deref(), Some("0.49"));
}

#[test]
fn nor_on_the_other_side_where_it_is_a_bid_for_no() {
    let mut rig = Rig::new();
    let book = whole(&rig, &[("0.47", 200)], &[("0.50", 30), ("0.55", 200)]);
    let actions = rig.turn(vec![rig.welcome(true), Rig::balance(0), book]);
    assert_eq!(rig.told(&actions), "place 1 BUY YES 0.47x22, place 2 BUY NO 0.5x22");
    assert_eq!(rig.after(10, vec![Rig::accept(1), Rig::accept(2)]), "");
    assert_eq!(rig.after(10, vec![ask(&rig, "0.55", 210)]), "");
    assert_eq!(rig.after(10, vec![ask(&rig, "0.50", 52), bid(&rig, "0.47", 222)]), "");
    assert_eq!(rig.after(4_000, vec![bid(&rig, "0.47", 221)]), "");
    assert_eq!(midpoint(&rig).as_deref(), Some("0.485"));
}

#[test]
fn an_order_of_which_nothing_is_known_holds_no_price_while_it_is_not_seen() {
    let mut rig = thin();
    let unknown = |n| Input::Executor(FromExecutor::Unknown { id: ClientOrderId(n) });
    assert_eq!(rig.after(10, vec![unknown(1), Rig::accept(2)]), "alert OrderUnknown(ClientOrderId(1))");
    assert_eq!(rig.after(4_000, vec![bid(&rig, "0.45", 210)]), "");
    assert_eq!(midpoint(&rig).as_deref(), Some("0.515"));
}
