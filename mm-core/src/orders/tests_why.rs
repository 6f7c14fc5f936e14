//! Every edit says why: one golden line a reason, told by whole scenes of the manager.

use super::{Band, EditRules, OrderManager, Wish};
use crate::domain::{
    ClientOrderId, MarketIx, Nanos, NewOrder, OrderId, Outcome, Price, Qty, Side, TickSize, TimeInForce, Timestamp,
    Token, TradeId,
};
use crate::event::Action;
use crate::protocol::{FromExecutor, Stage};
use crate::quote::NoQuote;

const MARKET: MarketIx = MarketIx(0);

fn shares(whole: u64) -> Qty {
    Qty::from_whole(whole).expect("fits")
}

fn order(outcome: Outcome, price: u16, whole: u64) -> NewOrder {
    NewOrder {
        token: Token { market: MARKET, outcome },
        side: Side::Buy,
        price: Price::from_ten_thousandths(price).expect("below a dollar"),
        qty: shares(whole),
        post_only: true,
        tif: TimeInForce::Gtc,
    }
}

fn manager() -> OrderManager {
    OrderManager::new(EditRules {
        min_edit_interval: Nanos::from_ms(2_000),
        do_nothing_price: 100,
        do_nothing_size_percent: 25,
        no_wait: Nanos::from_ms(1_000),
    })
}

fn accept(orders: &mut OrderManager, id: ClientOrderId) {
    let order = OrderId::from_bytes([u8::try_from(id.0).expect("small"); 32]);
    orders.apply(Timestamp::EPOCH, &FromExecutor::Accepted { id, order }).expect("possible");
}

/// YES 0.48 × 20 and NO 0.48 × 20 rest; then this is wished for. What is cancelled, and why.
fn check<'a>(change: impl FnOnce(&mut Wish<'a>), want: &'a [NewOrder], expected: &str) {
    let mut orders = manager();
    for order in [order(Outcome::Yes, 4_800, 20), order(Outcome::No, 4_800, 20)] {
        let id = orders.place(Timestamp::EPOCH, order, &mut Vec::new());
        accept(&mut orders, id);
    }
    let at = Timestamp::from_ms(10_000);
    let mut wish = Wish {
        want,
        refused: None,
        cut: None,
        reservation2x: None,
        most: [Qty::MAX; 2],
        band: None,
        tick: TickSize::CENT,
    };
    change(&mut wish);
    let plan = orders.plan(at, MARKET, &wish);
    let told: Vec<String> = plan
        .cancels
        .iter()
        .map(|edit| format!("{}{} {}: {}", if edit.dangerous { "!" } else { "" }, edit.id, edit.why.name(), edit.why))
        .collect();
    assert_eq!(told.join("; "), expected);
    let mut out = Vec::new();
    for edit in &plan.cancels {
        orders.cancel(at, *edit, &mut out);
        assert_eq!(orders.get(edit.id).and_then(|t| t.cancel_why), Some(edit.why));
    }
}

#[test]
fn every_cancel_says_why() {
    let (yes, no) = (order(Outcome::Yes, 4_800, 20), order(Outcome::No, 4_800, 20));
    check(|_| (), &[yes, no], "");
    check(
        |w| w.refused = Some(NoQuote::BookBroken),
        &[],
        "!1 not-quoted: nothing is wanted here: the book is not trusted; \
         !2 not-quoted: nothing is wanted here: the book is not trusted",
    );
    check(|_| (), &[yes], "!2 side-not-wanted: nothing is wanted on this side");
    let cut = [no];
    check(|w| w.cut = Some(("market", &cut)), &[yes], "!2 limit-cut: no room under the market cap");
    let up = order(Outcome::Yes, 5_000, 20);
    check(|_| (), &[up, no], "1 moved: moved by +2 ticks: 0.48 rests, 0.5 is wanted");
    check(
        |w| w.tick = TickSize::parse("0.001").expect("a tick"),
        &[order(Outcome::Yes, 4_650, 20), no],
        "1 moved: moved by -15 ticks: 0.48 rests, 0.465 is wanted",
    );
    check(
        |w| w.tick = TickSize::parse("0.1").expect("a tick"),
        &[order(Outcome::Yes, 5_000, 20)],
        "1 off-tick: 0.48 is not on the tick 0.1; !2 side-not-wanted: nothing is wanted on this side",
    );
    check(|_| (), &[order(Outcome::Yes, 4_800, 30), no], "1 resized: resized: 20 shares rest, 30 are wanted");
    check(
        |w| w.reservation2x = Some(9_550),
        &[order(Outcome::Yes, 4_700, 20), no],
        "!1 through-reservation: 0.48 is at or through the reservation price 0.4775, 0.47 is wanted (YES terms)",
    );
    check(
        |w| w.most = [shares(100), shares(19)],
        &[yes, no],
        "!2 too-much-held: 20 shares are left of it, 19 may still be bought",
    );
    let gtd = NewOrder { tif: TimeInForce::Gtd(Timestamp::from_ms(1)), ..yes };
    check(|_| (), &[gtd, no], "1 other-kind: another kind of order is wanted");
    let band = |min_size| Band { midpoint2x: 10_150, reach2x: 400, min_size };
    let near = order(Outcome::Yes, 4_890, 20);
    check(
        |w| w.band = Some(band(shares(5))),
        &[near, no],
        "1 out-of-band: 0.48 scores nothing: not within 0.02 of 0.5075, 0.489 is wanted (YES terms)",
    );
    check(
        |w| w.band = Some(band(shares(21))),
        &[order(Outcome::Yes, 4_890, 22), order(Outcome::No, 4_800, 22)],
        "1 out-of-band: 0.48 scores nothing: not within 0.02 of 0.5075, 0.489 is wanted (YES terms); \
         2 too-small: 20 shares are left, 21 score, 22 are wanted",
    );
}

#[test]
fn every_placement_says_what_was_there_before() {
    let mut orders = manager();
    let (mut at, mut told) = (Timestamp::from_ms(10_000), Vec::new());
    let yes = order(Outcome::Yes, 4_800, 20);
    let place = |orders: &mut OrderManager, at, told: &mut Vec<String>| {
        let id = orders.place(at, yes, &mut Vec::new());
        told.push(orders.get(id).expect("just placed").place_why.to_string());
        id
    };
    let ends: [fn(ClientOrderId) -> FromExecutor; 3] = [
        |id| FromExecutor::Rejected { id, why: "no".into() },
        |id| FromExecutor::Fill {
            id,
            trade: TradeId::parse("a").expect("visible"),
            price: Price::from_ten_thousandths(4_800).expect("below a dollar"),
            qty: shares(20),
            stage: Stage::Matched,
        },
        |id| FromExecutor::Canceled { id, matched: Qty::ZERO },
    ];
    for end in ends {
        at = at.plus(Nanos::from_ms(5_000));
        let id = place(&mut orders, at, &mut told);
        orders.apply(at, &end(id)).expect("possible");
    }
    place(&mut orders, at, &mut told);
    // the other token has a history of its own
    let other = orders.place(at, order(Outcome::No, 4_800, 20), &mut Vec::new());
    told.push(orders.get(other).expect("just placed").place_why.to_string());
    assert_eq!(
        told,
        [
            "wanted, and none of ours was there before",
            "wanted after order 1 (rejected)",
            "wanted after order 2 (filled)",
            "wanted after order 3 (expired)",
            "wanted, and none of ours was there before",
        ]
    );
}

#[test]
fn a_cancel_sent_again_keeps_its_reason() {
    let mut orders = manager();
    let (yes, wide) = ([order(Outcome::Yes, 4_800, 20)], [order(Outcome::Yes, 4_400, 20)]);
    let id = orders.place(Timestamp::EPOCH, yes[0], &mut Vec::new());
    accept(&mut orders, id);
    let wish = |want| Wish {
        want,
        refused: None,
        cut: None,
        reservation2x: None,
        most: [Qty::MAX; 2],
        band: None,
        tick: TickSize::CENT,
    };
    let (mut at, mut cancels) = (Timestamp::from_ms(10_000), 0);
    for want in [&wide[..], &[], &[]] {
        let mut out = Vec::new();
        for edit in orders.plan(at, MARKET, &wish(want)).cancels {
            orders.cancel(at, edit, &mut out);
        }
        cancels += out.iter().filter(|action| matches!(action, Action::Cancel { .. })).count();
        at = at.plus(Nanos::from_ms(3_000));
    }
    assert_eq!(cancels, 2, "at once, and again when no answer has come for five seconds");
    let why = orders.get(id).and_then(|t| t.cancel_why).expect("it is being cancelled");
    assert_eq!(why.to_string(), "moved by -4 ticks: 0.48 rests, 0.44 is wanted");
}
