//! Whole turns against expected actions, told in short lines.

use super::Engine;
use super::tests_support::{book, config, market};
use crate::domain::{
    ClientOrderId, MarketIx, OrderId, Outcome, Price, Qty, Side, TickSize, Timestamp, Token, TradeId, Usdc,
};
use crate::event::{Action, Alert, Command, Input, LinkIx, MarketEvent, Turn};
use crate::protocol::{Caps, FromExecutor, Gate, Held, Shut, Stage};
use crate::quote::Markout;

pub(super) fn price(text: &str) -> Price {
    Price::parse(text).expect("a price")
}

pub(super) fn qty(whole: u64) -> Qty {
    Qty::from_whole(whole).expect("fits")
}

/// Drives an engine and remembers its clock.
pub(super) struct Rig {
    pub(super) engine: Engine,
    seq: u64,
    pub(super) ms: u64,
}

impl Rig {
    pub(super) fn new() -> Self {
        let mut rig = Self { engine: Engine::new(config(), Vec::new()), seq: 0, ms: 1_780_000_000_000 };
        rig.turn(vec![Input::Universe(vec![market(1)]), Input::Link { link: LinkIx(0), up: true }]);
        rig
    }

    /// Welcomed, gate open, book 0.48 / 0.52.
    fn quoting() -> Self {
        let mut rig = Self::new();
        let actions = rig.turn(vec![rig.welcome(true), Self::balance(0), rig.book("0.48", "0.52", 500)]);
        assert_eq!(rig.told(&actions), "place 1 BUY YES 0.48x22, place 2 BUY NO 0.48x22");
        rig
    }

    pub(super) fn welcome(&self, open: bool) -> Input {
        let gate = if open { Gate::Open { until: Timestamp::MAX } } else { Gate::Shut(Shut::Halted) };
        let cap = Usdc::from_micro(1_000_000_000);
        Input::Executor(FromExecutor::Welcome {
            open: Vec::new(),
            gate,
            caps: Caps { order: cap, market: cap, total: cap },
        })
    }

    /// Dollars, and this many settled shares of YES.
    pub(super) fn balance(yes: u64) -> Input {
        let token = Token { market: MarketIx(0), outcome: Outcome::Yes };
        let held = Held { matched: qty(yes), confirmed: qty(yes) };
        let tokens = if yes == 0 { Vec::new() } else { vec![(token, held)] };
        Input::Executor(FromExecutor::Balance { usdc: Usdc::from_micro(1_000_000_000), tokens })
    }

    fn book(&self, bid: &str, ask: &str, size: u64) -> Input {
        book(price(bid), price(ask), qty(size), self.ms)
    }

    pub(super) fn turn(&mut self, inputs: Vec<Input>) -> Vec<Action> {
        self.seq += 1;
        let turn = Turn { seq: self.seq, at: Timestamp::from_ms(self.ms), inputs };
        let mut out = Vec::new();
        self.engine.turn(&turn, &mut out);
        out
    }

    pub(super) fn after(&mut self, ms: u64, inputs: Vec<Input>) -> String {
        self.ms += ms;
        let actions = self.turn(inputs);
        self.told(&actions)
    }

    pub(super) fn accept(n: u64) -> Input {
        let id = crate::domain::ClientOrderId(n);
        Input::Executor(FromExecutor::Accepted {
            id,
            order: OrderId::from_bytes([u8::try_from(n).expect("small"); 32]),
        })
    }

    pub(super) fn canceled(n: u64) -> Input {
        Input::Executor(FromExecutor::Canceled { id: crate::domain::ClientOrderId(n), matched: Qty::ZERO })
    }

    pub(super) fn told(&self, actions: &[Action]) -> String {
        let one = |action: &Action| match action {
            Action::Place { id, order } => {
                format!("place {id} {} {} {}x{}", order.side, order.token.outcome, order.price, order.qty)
            }
            Action::Cancel { id } => format!("cancel {id}"),
            Action::CancelAll { market: None } => "cancel-all".to_owned(),
            Action::CancelAll { market: Some(ix) } => format!("cancel-all {}", ix.0),
            Action::Resync { token, .. } => format!("resync {}", token.outcome),
            Action::FetchBook { token } => format!("fetch {}", token.outcome),
            Action::Alert(Alert::BookBroken(_)) => "alert broken".to_owned(),
            Action::Alert(alert) => format!("alert {alert:?}"),
        };
        actions.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

#[test]
fn two_buys_around_the_midpoint_and_nothing_twice() {
    let mut rig = Rig::quoting();
    assert_eq!(rig.after(10, vec![]), "");
    assert_eq!(rig.after(10, vec![Rig::accept(1), Rig::accept(2)]), "");
    let snapshot = rig.engine.snapshot();
    assert_eq!(snapshot.totals.placed, 2);
    assert_eq!(snapshot.markets[0].midpoint.as_deref(), Some("0.5"));
    assert_eq!(snapshot.markets[0].no_quote, None);
}

#[test]
fn a_replacement_waits_for_the_edit_floor_and_for_the_cancel() {
    let mut rig = Rig::quoting();
    assert_eq!(rig.after(100, vec![Rig::accept(1), Rig::accept(2)]), "");
    // 1.5 s after the placements: too early for an edit.
    let moved = rig.book("0.49", "0.53", 500);
    assert_eq!(rig.after(1_400, vec![moved]), "");
    assert_eq!(rig.after(500, vec![]), "cancel 1, cancel 2");
    assert_eq!(rig.after(50, vec![]), "");
    assert_eq!(rig.after(50, vec![Rig::canceled(1)]), "place 3 BUY YES 0.49x22");
    assert_eq!(rig.after(50, vec![Rig::canceled(2)]), "place 4 BUY NO 0.47x22");
}

#[test]
fn an_order_at_the_midpoint_goes_past_every_floor() {
    let mut rig = Rig::quoting();
    rig.after(100, vec![Rig::accept(1), Rig::accept(2)]);
    let moved = rig.book("0.50", "0.54", 500);
    assert_eq!(rig.after(100, vec![moved]), "cancel 2", "an ask at 0.52 with the midpoint at 0.52");
}

#[test]
fn a_suspect_book_withdraws_at_once_and_asks_for_a_new_one() {
    let mut rig = Rig::quoting();
    rig.after(100, vec![Rig::accept(1), Rig::accept(2)]);
    let yes = Token { market: MarketIx(0), outcome: Outcome::Yes };
    let crossing = MarketEvent::Delta {
        token: yes,
        side: Side::Buy,
        price: price("0.55"),
        qty: qty(10),
        top: None,
        hash: None,
        venue_ms: rig.ms + 5,
    };
    assert_eq!(rig.after(10, vec![Input::Market(crossing)]), "", "inside a timestamp this is normal");
    assert_eq!(rig.after(1_100, vec![]), "alert broken, resync YES, cancel 1, cancel 2");
    assert_eq!(rig.after(100, vec![Rig::canceled(1), Rig::canceled(2)]), "");
}

#[test]
fn a_shut_gate_cancels_all_once_and_cools_down() {
    let mut rig = Rig::quoting();
    rig.after(100, vec![Rig::accept(1), Rig::accept(2)]);
    let shut = Input::Executor(FromExecutor::Gate(Gate::Shut(Shut::HeartbeatLost)));
    assert_eq!(rig.after(100, vec![shut.clone()]), "cancel-all");
    assert_eq!(rig.after(100, vec![shut, Rig::canceled(1), Rig::canceled(2)]), "");
    let open = Input::Executor(FromExecutor::Gate(Gate::Open { until: Timestamp::MAX }));
    let book = rig.book("0.48", "0.52", 500);
    assert_eq!(rig.after(3_000, vec![book, open]), "");
    assert_eq!(rig.engine.snapshot().halted_by.as_deref(), Some("cool-down after gate-shut"));
    assert_eq!(rig.after(5_000, vec![]), "fetch YES", "a quiet link is probed");
    assert_eq!(rig.after(5_000, vec![]), "fetch YES, place 3 BUY YES 0.48x22, place 4 BUY NO 0.48x22");
}

#[test]
fn an_impossible_order_cancels_all_and_stops_until_it_has_ended_and_cooled_down() {
    let mut rig = Rig::quoting();
    rig.after(100, vec![Rig::accept(1), Rig::accept(2)]);
    // it is accepted under another hash
    let other = FromExecutor::Accepted { id: ClientOrderId(1), order: OrderId::from_bytes([9; 32]) };
    let told = rig.after(100, vec![Input::Executor(other)]);
    assert!(told.contains("ImpossibleOrder") && told.contains("cancel-all"), "{told}");
    assert_eq!(rig.engine.snapshot().halted_by.as_deref(), Some("impossible-order"));
    rig.after(100, vec![Rig::canceled(1), Rig::canceled(2)]);
    assert_eq!(rig.engine.snapshot().halted_by.as_deref(), Some("cool-down after impossible-order"));
    // of an order that was never placed
    let mut rig = Rig::quoting();
    rig.after(100, vec![Rig::accept(1), Rig::accept(2)]);
    let told = rig.after(100, vec![Rig::accept(99)]);
    assert!(told.contains("ImpossibleOrder") && told.contains("cancel-all"), "{told}");
    assert_eq!(rig.engine.snapshot().halted_by.as_deref(), Some("cool-down after impossible-order"));
    rig.after(100, vec![Rig::canceled(1), Rig::canceled(2)]);
    let book = rig.book("0.48", "0.52", 500);
    let told = rig.after(10_000, vec![book]);
    assert!(told.contains("place 3"), "{told}");
}

#[test]
fn a_lost_executor_gets_no_orders_until_it_welcomes() {
    let mut rig = Rig::quoting();
    rig.after(100, vec![Rig::accept(1), Rig::accept(2)]);
    assert_eq!(rig.after(100, vec![Input::ExecutorLost]), "");
    let moved = rig.book("0.40", "0.44", 500);
    assert_eq!(rig.after(3_000, vec![moved]), "");
    let welcome = rig.welcome(true);
    assert_eq!(rig.after(100, vec![welcome]), "");
    assert_eq!(rig.engine.orders().live_count(), 0, "what the executor does not name has ended");
}

#[test]
fn nothing_is_quoted_before_the_first_balance_of_a_session() {
    let mut rig = Rig::new();
    let inputs = vec![rig.welcome(true), rig.book("0.48", "0.52", 500)];
    assert_eq!(rig.after(0, inputs), "");
    assert_eq!(rig.engine.snapshot().halted_by.as_deref(), Some("no-balance"));
    assert_eq!(rig.after(100, vec![Rig::balance(0)]), "place 1 BUY YES 0.48x22, place 2 BUY NO 0.48x22");
    assert_eq!(rig.engine.snapshot().halted_by, None);
    // what was known of the session before may be wrong by now
    rig.after(100, vec![Rig::accept(1), Rig::accept(2)]);
    rig.after(100, vec![Input::ExecutorLost]);
    let welcome = rig.welcome(true);
    rig.after(100, vec![welcome]);
    let book = rig.book("0.48", "0.52", 500);
    let told = rig.after(20_000, vec![book]);
    assert!(!told.contains("place"), "{told}");
    assert_eq!(rig.engine.snapshot().halted_by.as_deref(), Some("no-balance"));
    rig.after(100, vec![Rig::balance(0)]);
    let book = rig.book("0.48", "0.52", 500);
    let told = rig.after(10_000, vec![book]);
    assert!(told.ends_with("place 3 BUY YES 0.48x22, place 4 BUY NO 0.48x22"), "{told}");
}

#[test]
fn a_holding_that_a_balance_names_no_more_leaves_its_room() {
    let mut rig = Rig::new();
    let full = vec![rig.welcome(true), Rig::balance(200), rig.book("0.48", "0.52", 500)];
    let told = rig.after(0, full);
    assert!(!told.contains("BUY YES"), "{told}");
    // merged, redeemed, or sold while nobody listened
    let told = rig.after(5_000, vec![Rig::balance(0)]);
    assert_eq!(rig.engine.snapshot().markets[0].yes, Held::default());
    assert!(told.contains("BUY YES 0.48x22"), "{told}");
}

#[test]
fn a_tick_that_the_catalogue_tells_first_asks_for_a_new_book() {
    let mut rig = Rig::quoting();
    rig.after(100, vec![Rig::accept(1), Rig::accept(2)]);
    let mut finer = market(1);
    finer.tick = TickSize::parse("0.001").expect("a tick");
    assert_eq!(rig.after(100, vec![Input::Universe(vec![finer.clone()])]), "resync YES, cancel 1, cancel 2");
    rig.after(100, vec![Rig::canceled(1), Rig::canceled(2)]);
    assert_eq!(
        rig.after(5_000, vec![]),
        "fetch YES, resync YES, fetch YES",
        "the snapshot does not come; and the link is quiet"
    );
    assert_eq!(rig.after(100, vec![Input::Universe(vec![finer])]), "", "no news");
}

#[test]
fn a_pause_withdraws_and_a_resume_quotes_again() {
    let mut rig = Rig::quoting();
    rig.after(100, vec![Rig::accept(1), Rig::accept(2)]);
    assert_eq!(rig.after(100, vec![Input::Operator(Command::Pause)]), "cancel-all");
    rig.after(100, vec![Rig::canceled(1), Rig::canceled(2)]);
    assert_eq!(
        rig.after(2_000, vec![Input::Operator(Command::Resume)]),
        "place 3 BUY YES 0.48x22, place 4 BUY NO 0.48x22"
    );
}

#[test]
fn a_malformed_frame_unsyncs_the_book_it_names() {
    let mut rig = Rig::quoting();
    let text = r#"{"event_type":"price_change","market":"0x0000000000000000000000000000000000000000000000000000000000000001","price_changes":[{"asset_id":"1002","price":"x"}],"timestamp":"1"}"#;
    let frame = Input::MarketFrame { link: LinkIx(0), received: Timestamp::EPOCH, text: text.to_owned() };
    assert_eq!(rig.after(10, vec![frame]), "alert BadFrame(LinkIx(0)), alert broken, resync YES, cancel 1, cancel 2");
    assert_eq!(rig.engine.snapshot().markets[0].sync, "unsynced");
}

#[test]
fn a_book_lost_again_before_a_new_one_may_be_asked_for_is_asked_for_later() {
    let mut rig = Rig::quoting();
    let bad = || {
        let text = r#"{"event_type":"price_change","market":"0x0000000000000000000000000000000000000000000000000000000000000001","price_changes":[{"asset_id":"1002","price":"x"}],"timestamp":"1"}"#;
        Input::MarketFrame { link: LinkIx(0), received: Timestamp::EPOCH, text: text.to_owned() }
    };
    assert!(rig.after(0, vec![bad()]).contains("resync YES"));
    let book = rig.book("0.48", "0.52", 500);
    rig.after(300, vec![book, Rig::canceled(1), Rig::canceled(2)]);
    assert!(!rig.after(1_700, vec![bad()]).contains("resync"), "the last one is two seconds old");
    // the stream says nothing more of this market, so that REST cannot mend it
    let mut told = String::new();
    for _ in 0..50 {
        told.push_str(&rig.after(100, vec![]));
    }
    assert_eq!(told.matches("resync YES").count(), 1, "{told}");
    // nor is that the last time
    for _ in 0..50 {
        told.push_str(&rig.after(100, vec![]));
    }
    assert_eq!(told.matches("resync YES").count(), 2, "{told}");
}

#[test]
fn a_frame_from_far_ahead_is_a_bad_one_and_freezes_no_book() {
    let mut rig = Rig::quoting();
    rig.after(100, vec![Rig::accept(1), Rig::accept(2)]);
    let top = |rig: &Rig| rig.engine.book(MarketIx(0)).map(|book| (book.is_synced(), book.top().bid));
    let now = rig.ms;
    // a minute is a clock; this is another unit
    let ahead = book(price("0.48"), price("0.52"), qty(500), now * 1_000);
    let told = rig.after(100, vec![ahead]);
    assert_eq!(told, "alert BadFrame(LinkIx(0)), alert broken, resync YES, cancel 1, cancel 2");
    assert_eq!(top(&rig).map(|(synced, _)| synced), Some(false));
    let delta = |bid: &str, venue_ms: u64| {
        Input::Market(MarketEvent::Delta {
            token: Token { market: MarketIx(0), outcome: Outcome::Yes },
            side: Side::Buy,
            price: price(bid),
            qty: qty(100),
            top: None,
            hash: None,
            venue_ms,
        })
    };
    // one of them in between is not kept for the book to come either
    let (early, late) = (delta("0.49", rig.ms), delta("0.51", now * 1_000));
    rig.after(100, vec![early, late, Rig::canceled(1), Rig::canceled(2)]);
    let clean = rig.book("0.48", "0.52", 500);
    rig.after(3_000, vec![clean]);
    assert_eq!(top(&rig), Some((true, Some(price("0.48")))));
    let moved = delta("0.49", rig.ms);
    rig.after(100, vec![moved]);
    assert_eq!(top(&rig), Some((true, Some(price("0.49")))));
}

#[test]
fn a_late_stage_of_an_order_that_is_forgotten_stops_nothing() {
    let mut rig = Rig::quoting();
    rig.after(100, vec![Rig::accept(1), Rig::accept(2)]);
    let fill = |n: u64, trade: &str, stage| {
        let trade = TradeId::parse(trade).expect("visible");
        Input::Executor(FromExecutor::Fill { id: ClientOrderId(n), trade, price: price("0.48"), qty: qty(22), stage })
    };
    rig.after(100, vec![fill(1, "t1", Stage::Matched)]);
    // orders come and go
    let done = crate::orders::DONE_KEPT as u64 + 1;
    let mut ended = 0;
    let mut ids = vec![2];
    while ended < done {
        rig.ms += 10_000;
        let mut inputs: Vec<Input> = ids.drain(..).map(Rig::canceled).collect();
        ended += inputs.len() as u64;
        let (bid, ask) = if ended % 4 < 2 { ("0.47", "0.53") } else { ("0.40", "0.46") };
        inputs.push(rig.book(bid, ask, 500));
        for action in rig.turn(inputs) {
            if let Action::Place { id, .. } = action {
                ids.push(id.0);
            }
        }
        if ids.is_empty() {
            let live: Vec<u64> = rig.engine.orders().live().map(|(id, _)| id.0).collect();
            ids.extend(live);
        }
    }
    let told = rig.after(100, vec![fill(1, "t1", Stage::Confirmed)]);
    assert!(!told.contains("cancel-all") && !told.contains("Impossible"), "{told}");
    let yes = rig.engine.snapshot().markets[0].yes;
    assert_eq!((yes.matched, yes.confirmed), (qty(22), qty(22)));
    // of one that is forgotten all the same, the next balance tells; of one that never was, somebody else told
    let told = rig.after(100, vec![fill(2, "t2", Stage::Confirmed)]);
    assert!(told.contains("ImpossibleOrder") && !told.contains("cancel-all"), "{told}");
    assert_eq!(rig.engine.snapshot().halted_by, None);
    let told = rig.after(100, vec![fill(1_000_000, "t3", Stage::Matched)]);
    assert!(told.contains("ImpossibleOrder"), "{told}");
    assert!(rig.engine.snapshot().halted_by.is_some());
}

#[test]
fn no_snapshot_and_no_data_are_asked_about_and_given_up() {
    let mut rig = Rig::new();
    assert_eq!(rig.after(5_000, vec![]), "fetch YES, fetch YES");
    let actions = rig.after(25_001, vec![]);
    assert!(actions.contains("alert LinkStale"), "{actions}");
}

#[test]
fn a_link_that_was_given_up_is_believed_when_it_speaks_again() {
    let mut rig = Rig::quoting();
    rig.after(100, vec![Rig::accept(1), Rig::accept(2)]);
    let given_up = rig.after(30_000, vec![]);
    assert!(given_up.contains("alert LinkStale") && given_up.contains("cancel-all"), "{given_up}");
    rig.after(100, vec![Rig::canceled(1), Rig::canceled(2)]);
    // typed data is data as a frame is
    let speaks = rig.book("0.48", "0.52", 500);
    assert_eq!(rig.after(1_000, vec![speaks]), "", "the risk brake cools down first");
    let again = rig.book("0.48", "0.52", 500);
    assert_eq!(rig.after(10_001, vec![again]), "place 3 BUY YES 0.48x22, place 4 BUY NO 0.48x22");
}

#[test]
fn rest_answers_that_come_faster_than_the_grace_do_not_put_off_the_verdict() {
    let mut rig = Rig::quoting();
    let silent_since = rig.ms;
    let rest = |ms: u64| Input::RestBook {
        token: Token { market: MarketIx(0), outcome: Outcome::Yes },
        received: Timestamp::from_ms(ms),
        text: format!(
            r#"{{"market":"0x{:064x}","asset_id":"1002","timestamp":"{ms}","hash":"","bids":[{{"price":"0.6","size":"500"}}],"asks":[{{"price":"0.64","size":"500"}}],"min_order_size":"5","tick_size":"0.01","neg_risk":false,"last_trade_price":""}}"#,
            1
        ),
    };
    // the stream is silent; REST shows another book, asked for twice in every grace
    let mut told = String::new();
    while rig.ms < silent_since + 1_500 {
        let ms = rig.ms + 500;
        told = rig.after(500, vec![rest(ms)]);
        if told.contains("WitnessDiffers") {
            break;
        }
    }
    assert!(told.contains("WitnessDiffers") && told.contains("cancel 1, cancel 2"), "{told}");
    assert_eq!(rig.engine.snapshot().markets[0].sync, "unsynced");
}

#[test]
fn a_fill_is_followed_by_its_markouts_and_the_lesson_fades() {
    let mut rig = Rig::quoting();
    rig.after(10, vec![Rig::accept(1), Rig::accept(2)]);
    let fill = Input::Executor(FromExecutor::Fill {
        id: ClientOrderId(2),
        trade: TradeId::parse("t1").expect("visible"),
        price: price("0.48"),
        qty: qty(22),
        stage: Stage::Matched,
    });
    rig.after(10, vec![fill]);
    // NO bought at 0.48 is YES sold at 0.52; the middle goes to 0.54
    let mut means = |seconds: u64| {
        for _ in 0..seconds / 10 {
            let moved = book(price("0.52"), price("0.56"), qty(500), rig.ms + 10_000);
            rig.after(10_000, vec![moved]);
        }
        rig.engine.snapshot().markets[0].markouts
    };
    let [second, tens, minute, five] = means(60);
    // a whole minute's sample may have faded a part in a hundred of it
    let lost =
        |mean: Option<Markout>| mean.is_some_and(|m| m.gain == -200 && m.shares <= qty(22) && m.shares > qty(21));
    assert!(second.is_none(), "the turn that could tell came ten seconds late: {second:?}");
    assert!(lost(tens) && lost(minute) && five.is_none(), "{tens:?} {minute:?} {five:?}");
    let [_, _, minute, five] = means(7_200);
    let half = minute.expect("still known");
    assert_eq!(half.gain, -200);
    assert!(half.shares > qty(10) && half.shares < qty(12), "half of it after two hours: {half:?}");
    assert!(five.is_some_and(|m| m.gain == -200));
}
