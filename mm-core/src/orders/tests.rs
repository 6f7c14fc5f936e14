//! Every message in every state, and generated histories against a venue too plain to be wrong.

use super::{CancelWhy, Done, Edit, EditRules, ORDERS_PER_MARKET_MAX, OrderManager, OrderState, Tracked, Wish};
use crate::domain::{
    ClientOrderId, MarketIx, Nanos, NewOrder, OrderId, Outcome, Price, Qty, Side, TickSize, TimeInForce, Timestamp,
    Token, TradeId,
};
use crate::event::Action;
use crate::protocol::{FromExecutor, Refusal, Stage};
use proptest::prelude::*;
use std::collections::BTreeMap;

const MARKET: MarketIx = MarketIx(0);
const ID: ClientOrderId = ClientOrderId(1);

fn rules() -> EditRules {
    EditRules {
        min_edit_interval: Nanos::from_ms(2_000),
        do_nothing_price: 100,
        do_nothing_size_percent: 25,
        no_wait: Nanos::from_ms(1_000),
    }
}

fn order(outcome: Outcome, cents: u16, shares: u64) -> NewOrder {
    NewOrder {
        token: Token { market: MARKET, outcome },
        side: Side::Buy,
        price: Price::from_ten_thousandths(cents * 100).expect("below a dollar"),
        qty: Qty::from_whole(shares).expect("fits"),
        post_only: true,
        tif: TimeInForce::Gtc,
    }
}

fn fill(shares: u64, name: &str, stage: Stage) -> FromExecutor {
    let trade = TradeId::parse(name).expect("visible");
    FromExecutor::Fill {
        id: ID,
        trade,
        price: Price::from_ten_thousandths(4_800).expect("below a dollar"),
        qty: Qty::from_whole(shares).expect("fits"),
        stage,
    }
}

fn accepted() -> FromExecutor {
    FromExecutor::Accepted { id: ID, order: OrderId::from_bytes([1; 32]) }
}

fn canceled(shares: u64) -> FromExecutor {
    FromExecutor::Canceled { id: ID, matched: Qty::from_whole(shares).expect("fits") }
}

fn rejected() -> FromExecutor {
    FromExecutor::Rejected { id: ID, why: "no".into() }
}

/// Plays messages to one order of 20 shares; a `!` behind a state says that the message was impossible.
fn check(messages: &[FromExecutor], expected: &str) {
    let mut orders = OrderManager::new(rules());
    orders.place(Timestamp::EPOCH, order(Outcome::Yes, 48, 20), &mut Vec::new());
    let mut told = Vec::new();
    for message in messages {
        let result = orders.apply(Timestamp::from_ms(1), message);
        let tracked = orders.get(ID).expect("remembered");
        let mark = if result.is_err() { "!" } else { "" };
        told.push(format!("{}{mark} {}", tracked.state.name(), tracked.matched_so_far()));
    }
    assert_eq!(told.join(", "), expected);
}

#[test]
fn fills_come_before_the_acceptance_and_after_the_cancel() {
    check(&[fill(5, "a", Stage::Matched), accepted()], "pending-new 5, open 5");
    check(
        &[canceled(0), fill(1, "a", Stage::Matched), canceled(1), canceled(3), fill(2, "b", Stage::Matched)],
        "expired 0, expired 1, expired 1, expired 3, expired 3",
    );
    check(&[fill(20, "a", Stage::Matched), accepted(), canceled(20)], "filled 20, filled 20, filled 20");
}

#[test]
fn a_trade_counts_once_and_what_failed_does_not_rest_again() {
    check(
        &[accepted(), fill(5, "a", Stage::Matched), fill(5, "a", Stage::Mined), fill(5, "a", Stage::Failed)],
        "open 0, open 5, open 5, open 5",
    );
    check(&[accepted(), fill(5, "a", Stage::Confirmed), fill(5, "a", Stage::Failed)], "open 0, open 5, open! 5");
    check(&[accepted(), fill(25, "a", Stage::Matched)], "open 0, filled! 25");
}

/// The one order of 20 shares after these messages.
fn after(messages: &[FromExecutor]) -> Tracked {
    let mut orders = OrderManager::new(rules());
    orders.place(Timestamp::EPOCH, order(Outcome::Yes, 48, 20), &mut Vec::new());
    for message in messages {
        orders.apply(Timestamp::from_ms(1), message).expect("possible");
    }
    orders.get(ID).expect("remembered").clone()
}

#[test]
fn a_failed_trade_owes_no_shares() {
    let failed = [fill(12, "a", Stage::Matched), fill(12, "a", Stage::Failed)];
    let in_any_order = [
        [accepted(), failed[0].clone(), canceled(12), failed[1].clone()],
        [accepted(), failed[0].clone(), failed[1].clone(), canceled(12)],
        [accepted(), canceled(12), failed[0].clone(), failed[1].clone()],
        [accepted(), canceled(12), failed[1].clone(), failed[0].clone()],
    ];
    for history in in_any_order {
        let told = after(&history);
        assert_eq!((told.filled, told.owed()), (Qty::ZERO, Qty::ZERO), "{history:?}");
    }
    // what rests is told with all trades counted, failed ones too
    let mut told = after(&[accepted(), failed[0].clone(), failed[1].clone()]);
    told.adopt(Timestamp::from_ms(2), OrderId::from_bytes([1; 32]), Qty::from_whole(12).expect("fits"));
    assert_eq!((told.owed(), told.remaining()), (Qty::ZERO, Qty::from_whole(8).expect("fits")));
}

#[test]
fn an_order_whose_trades_reach_its_size_has_ended_though_one_failed() {
    check(
        &[
            accepted(),
            fill(12, "a", Stage::Matched),
            fill(12, "a", Stage::Failed),
            fill(8, "b", Stage::Matched),
            fill(8, "b", Stage::Confirmed),
        ],
        "open 0, open 12, open 12, filled 20, filled 20",
    );
}

#[test]
fn what_contradicts_itself_is_told_and_counts_as_resting() {
    check(&[rejected(), accepted()], "rejected 0, open! 0");
    check(&[accepted(), canceled(0), accepted(), accepted()], "open 0, expired 0, open! 0, open 0");
    let gone_in_part = [accepted(), fill(5, "a", Stage::Matched), canceled(7), accepted()];
    check(&gone_in_part, "open 0, open 5, expired 7, open! 7");
    check(&[canceled(20), accepted()], "expired 20, expired 20");
    check(&[accepted(), rejected()], "open 0, open! 0");
    check(&[FromExecutor::Unknown { id: ID }, rejected()], "unknown 0, rejected 0");
    check(&[canceled(0), FromExecutor::Unknown { id: ID }], "expired 0, expired 0");
}

#[test]
fn more_orders_than_a_market_may_have_are_cancelled_down_to_them() {
    let both = [Side::Buy, Side::Sell];
    let slots = [Outcome::Yes, Outcome::No].into_iter().flat_map(|outcome| both.map(|side| (outcome, side)));
    let want: Vec<NewOrder> = slots.map(|(outcome, side)| NewOrder { side, ..order(outcome, 48, 20) }).collect();
    assert_eq!(want.len(), ORDERS_PER_MARKET_MAX);
    let found = want.iter().chain(&want).chain(&want[..2]);
    let open = (1u8..)
        .zip(found)
        .map(|(n, order)| (ClientOrderId(u64::from(n)), OrderId::from_bytes([n; 32]), *order, Qty::ZERO))
        .collect();
    let mut orders = OrderManager::new(rules());
    let welcome =
        FromExecutor::Welcome { open, gate: crate::protocol::Gate::Unchecked, caps: crate::protocol::Caps::default() };
    orders.apply(Timestamp::EPOCH, &welcome).expect("it names every order");
    let plan = orders.plan(Timestamp::from_ms(1), MARKET, &wish(&want));
    let mut cancelled: Vec<u64> = plan.cancels.iter().map(|edit| edit.id.0).collect();
    cancelled.sort_unstable();
    assert_eq!(cancelled, [5, 6, 7, 8, 9, 10], "of each slot the first stays");
    assert!(plan.places.is_empty());
}

/// Every message there is about an order.
fn messages() -> Vec<FromExecutor> {
    vec![
        accepted(),
        FromExecutor::Accepted { id: ID, order: OrderId::from_bytes([2; 32]) },
        FromExecutor::Refused { id: ID, why: Vec::new() },
        rejected(),
        FromExecutor::Unknown { id: ID },
        fill(5, "a", Stage::Matched),
        fill(5, "a", Stage::Failed),
        fill(30, "b", Stage::Confirmed),
        canceled(0),
        canceled(7),
        FromExecutor::CancelFailed { id: ID, why: "no".into() },
        FromExecutor::Scoring { id: ID, scoring: None },
    ]
}

#[test]
fn every_sequence_of_four_messages_is_survived_and_ends_are_final() {
    let all = messages();
    let mut count = 0;
    for code in 0..all.len().pow(4) {
        let mut orders = OrderManager::new(rules());
        orders.place(Timestamp::EPOCH, order(Outcome::Yes, 48, 20), &mut Vec::new());
        if code % 2 == 1 {
            let edit = Edit { id: ID, dangerous: true, why: CancelWhy::Surplus };
            orders.cancel(Timestamp::EPOCH, edit, &mut Vec::new());
        }
        let mut rest = code;
        for _ in 0..4 {
            let before = orders.get(ID).expect("remembered").state;
            let result = orders.apply(Timestamp::from_ms(1), &all[rest % all.len()]);
            let after = orders.get(ID).expect("remembered").state;
            let reborn = !before.is_live() && after.is_live();
            assert!(!reborn || result.is_err(), "{before:?} became {after:?} without a word");
            assert_eq!(orders.live_count(), usize::from(after.is_live()));
            rest /= all.len();
            count += 1;
        }
    }
    assert_eq!(count, 4 * 12usize.pow(4));
}

#[test]
fn a_stranger_is_impossible_and_nothing_more() {
    let mut orders = OrderManager::new(rules());
    let why = orders.apply(Timestamp::EPOCH, &accepted()).expect_err("it was never placed");
    assert_eq!(why.to_string(), "Accepted makes no sense for order 1 in state never placed");
}

/// A market with one YES and one NO slot.
fn wish(want: &[NewOrder]) -> Wish<'_> {
    Wish { want, refused: None, cut: None, reservation2x: None, most: [Qty::MAX; 2], band: None, tick: TickSize::CENT }
}

#[test]
fn nothing_replaces_an_unknown_order_and_nothing_cancels_it() {
    let mut orders = OrderManager::new(rules());
    orders.place(Timestamp::EPOCH, order(Outcome::Yes, 48, 20), &mut Vec::new());
    orders.apply(Timestamp::EPOCH, &FromExecutor::Unknown { id: ID }).expect("possible");
    for want in [vec![order(Outcome::Yes, 40, 20)], vec![]] {
        let plan = orders.plan(Timestamp::from_ms(60_000), MARKET, &wish(&want));
        assert!(plan.cancels.is_empty() && plan.places.is_empty(), "{plan:?}");
    }
}

#[test]
fn a_no_waits_longer_each_time() {
    let mut orders = OrderManager::new(rules());
    let want = [order(Outcome::Yes, 48, 20)];
    let mut at = Timestamp::from_ms(10_000);
    let mut waits = Vec::new();
    for _ in 0..4 {
        let id = orders.place(at, want[0], &mut Vec::new());
        orders.apply(at, &FromExecutor::Rejected { id, why: "no".into() }).expect("possible");
        let plan = orders.plan(at, MARKET, &wish(&want));
        let again = plan.again.expect("it waits");
        waits.push(again.since(at).ms());
        at = again;
        assert_eq!(orders.plan(at, MARKET, &wish(&want)).places.len(), 1);
    }
    assert_eq!(waits, [2_000, 2_000, 4_000, 8_000], "the edit floor first, then the growing wait");
}

#[test]
fn a_no_of_the_moment_waits_no_longer_the_next_time() {
    let mut orders = OrderManager::new(rules());
    let want = [order(Outcome::Yes, 48, 20)];
    let mut at = Timestamp::from_ms(10_000);
    let mut waits = Vec::new();
    let passing = || vec![Refusal::NoReference("no book".into()), Refusal::KeptIn("no call left".into())];
    let also_a_rule = || [passing(), vec![Refusal::NotPostOnly]].concat();
    for why in [passing(), passing(), passing(), also_a_rule(), passing(), also_a_rule(), also_a_rule()] {
        let id = orders.place(at, want[0], &mut Vec::new());
        orders.apply(at, &FromExecutor::Refused { id, why }).expect("possible");
        let again = orders.plan(at, MARKET, &wish(&want)).again.expect("it waits");
        waits.push(again.since(at).ms());
        at = again;
    }
    assert_eq!(
        waits,
        [2_000, 2_000, 2_000, 2_000, 2_000, 2_000, 4_000],
        "a rule's no grows by itself; the others wait the edit floor"
    );
}

/// What the naive venue does with the next thing in its hand.
#[derive(Clone, Debug)]
enum Whim {
    Answer,
    Forget,
    Lose,
    Trade(u64),
    Want(u16, u64),
    Withdraw,
    Wait(u64),
}

fn whims() -> impl Strategy<Value = Vec<Whim>> {
    let whim = prop_oneof![
        6 => Just(Whim::Answer),
        1 => Just(Whim::Forget),
        1 => Just(Whim::Lose),
        1 => (1u64..20).prop_map(Whim::Trade),
        3 => (40u16..56, 18u64..30).prop_map(|(cents, shares)| Whim::Want(cents, shares)),
        1 => Just(Whim::Withdraw),
        4 => (1u64..3_000).prop_map(Whim::Wait),
    ];
    prop::collection::vec(whim, 0..80)
}

/// The venue: what rests, and the answers on their way.
#[derive(Default)]
struct Naive {
    resting: BTreeMap<ClientOrderId, (NewOrder, Qty)>,
    answers: Vec<FromExecutor>,
    trades: u32,
}

impl Naive {
    fn take(&mut self, actions: &[Action]) {
        for action in actions {
            match action {
                Action::Place { id, order } => {
                    self.resting.insert(*id, (*order, Qty::ZERO));
                    self.answers.push(FromExecutor::Accepted {
                        id: *id,
                        order: OrderId::from_bytes([u8::try_from(id.0 % 251).expect("small"); 32]),
                    });
                }
                Action::Cancel { id } => {
                    let matched = self.resting.remove(id).map_or(Qty::ZERO, |(_, matched)| matched);
                    self.answers.push(FromExecutor::Canceled { id: *id, matched });
                }
                _ => {}
            }
        }
    }

    fn trade(&mut self, shares: u64) -> Option<FromExecutor> {
        let (id, (order, matched)) = self.resting.iter_mut().next()?;
        let qty = Qty::from_whole(shares).expect("fits").min(order.qty.saturating_sub(*matched));
        *matched = matched.saturating_add(qty);
        self.trades += 1;
        let trade = TradeId::parse(&format!("t{}", self.trades)).expect("visible");
        let fill = FromExecutor::Fill { id: *id, trade, price: order.price, qty, stage: Stage::Matched };
        let id = *id;
        self.resting.retain(|other, (order, matched)| *other != id || *matched < order.qty);
        (!qty.is_zero()).then_some(fill)
    }
}

/// One look of the manager: cancels, then placements, all of them.
fn look(orders: &mut OrderManager, venue: &mut Naive, at: Timestamp, want: &[NewOrder]) {
    let plan = orders.plan(at, MARKET, &wish(want));
    let mut out = Vec::new();
    for edit in &plan.cancels {
        orders.cancel(at, *edit, &mut out);
    }
    for order in &plan.places {
        orders.place(at, *order, &mut out);
    }
    venue.take(&out);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Never two orders in one slot at the venue, whatever is answered, lost or traded; and when it calms down, what is
    /// wanted rests.
    #[test]
    fn the_venue_never_holds_two_orders_for_one_slot(history in whims()) {
        let (mut orders, mut venue) = (OrderManager::new(rules()), Naive::default());
        let mut at = Timestamp::from_ms(1_000_000);
        let mut want = vec![order(Outcome::Yes, 48, 20), order(Outcome::No, 48, 20)];
        for whim in history {
            match whim {
                Whim::Answer if !venue.answers.is_empty() => {
                    let answer = venue.answers.remove(0);
                    orders.apply(at, &answer).expect("the venue tells the truth");
                }
                // The executor reports silence first and the truth later.
                Whim::Forget if !venue.answers.is_empty() => {
                    if let FromExecutor::Accepted { id, .. } = venue.answers[0] {
                        orders.apply(at, &FromExecutor::Unknown { id }).expect("it was asked for");
                    }
                }
                // The connection breaks; the next one tells what rests, and old answers are void.
                Whim::Lose => {
                    orders.lose(at);
                    venue.answers.clear();
                    let open = venue.resting.iter().map(|(id, (order, matched))| (*id, OrderId::from_bytes([u8::try_from(id.0 % 251).expect("small"); 32]), *order, *matched)).collect();
                    let welcome = FromExecutor::Welcome { open, gate: crate::protocol::Gate::Unchecked, caps: crate::protocol::Caps::default() };
                    orders.apply(at, &welcome).expect("a welcome is always possible");
                }
                Whim::Trade(shares) => {
                    if let Some(fill) = venue.trade(shares) {
                        orders.apply(at, &fill).expect("within the order");
                    }
                }
                Whim::Want(cents, shares) => want = vec![order(Outcome::Yes, cents, shares), order(Outcome::No, 96 - cents, shares)],
                Whim::Withdraw => want.clear(),
                Whim::Wait(ms) => at = at.plus(Nanos::from_ms(ms)),
                Whim::Answer | Whim::Forget => {}
            }
            look(&mut orders, &mut venue, at, &want);
            for outcome in [Outcome::Yes, Outcome::No] {
                let resting = venue.resting.values().filter(|(o, _)| o.token.outcome == outcome).count();
                prop_assert!(resting <= 1, "{resting} orders rest for {outcome}");
            }
        }
        for _ in 0..12 {
            at = at.plus(Nanos::from_ms(2_500));
            look(&mut orders, &mut venue, at, &want);
            for answer in std::mem::take(&mut venue.answers) {
                orders.apply(at, &answer).expect("the venue tells the truth");
            }
        }
        let resting: Vec<NewOrder> = venue.resting.values().map(|(o, m)| NewOrder { qty: o.qty.saturating_sub(*m), ..*o }).collect();
        prop_assert_eq!(resting.len(), want.len());
        for (have, wanted) in want.iter().map(|w| (resting.iter().find(|r| r.token == w.token), w)) {
            let have = have.expect("one for each slot");
            prop_assert!(have.price.distance(wanted.price) < 100, "{} rests, {} is wanted", have.price, wanted.price);
        }
        prop_assert!(orders.live().all(|(_, t)| matches!(t.state, OrderState::Open(_))));
        prop_assert!(orders.done().all(|(_, t)| matches!(t.state, OrderState::Done(Done::Canceled | Done::Expired | Done::Filled))));
    }
}
