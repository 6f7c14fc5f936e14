//! A venue put down as data, taken up again, and continued beside the first; and memory that stays flat.

use super::arena::{arena, scenario, shares, told, wants};
use super::*;
use crate::accounts::Answer;
use mm_core::domain::{MarketIx, Outcome};

/// Some trading from a seed: places, cancels, waits; the same script for the same number.
fn stir(exchange: &mut Exchange, from_ms: u64, steps: u64, salt: u64) -> String {
    let draws = crate::draws::Draws::new(salt);
    let mut out = String::new();
    let mut live: Vec<(AccountIx, OrderIx)> = Vec::new();
    for k in 0..steps {
        let now = at(from_ms + 40 * k);
        let draw = |what: &str, n: u64| draws.below("stir", what, k, n);
        let account = AccountIx(u32::try_from(draw("account", 3)).expect("small"));
        if draw("cancel", 3) == 0 && !live.is_empty() {
            let nth = usize::try_from(draw("nth", u64::try_from(live.len()).expect("small"))).expect("small");
            let (owner, order) = live.swap_remove(nth);
            exchange.withdraw_order(now, owner, order);
        } else {
            let market = draw("market", 2);
            let outcome = if draw("outcome", 2) == 0 { "yes" } else { "no" };
            let side = if draw("side", 2) == 0 { "buy" } else { "sell" };
            let life =
                if draw("life", 4) == 0 { format!("gtd{}", from_ms + 40 * k + 185_000) } else { "gtc".to_owned() };
            let text =
                format!("{market}:{outcome} {side} 0.{} {} {life}", 45 + draw("price", 11), 5 + draw("size", 20));
            if let Ok(accepted) = exchange.submit(now, account, &wants(&text)) {
                live.push((account, accepted.order));
            }
        }
        out += &told(exchange);
    }
    out
}

fn busy() -> (Scenario, Exchange) {
    let fee = "fee = { rate = \"0.05\", exponent = 1 }";
    let event = "event = \"race\"\nneg_risk = true";
    let plans = format!("{event}\ntaker_delay_ms = 250\ntick_changes = [{{ at_s = 20, tick = \"0.001\" }}]");
    let scenario = scenario("self_trade = \"cancel-resting\"", fee, &[event, &plans]);
    let mut exchange = Exchange::with_tape(&scenario, None, START).expect("the world begins");
    for n in 0..3 {
        let account = exchange.open_account(at(0), &format!("0x{n}"));
        for market in 0..2 {
            exchange.split(at(0), account, MarketIx(market), shares(200)).expect("rich enough");
        }
    }
    let key = exchange.made_up.owner.uuid(2);
    exchange.heartbeat(at(0), &key, None).expect("armed: it will be swept");
    exchange.plan(at(40_000), Planned::Resolve(MarketIx(0), Answer::Winner(Outcome::Yes)));
    (scenario, exchange)
}

#[test]
fn a_restored_venue_continues_as_the_first_would_have() {
    let (scenario, mut first) = busy();
    let before = stir(&mut first, 0, 300, 1);
    assert!(before.contains("MATCHED") && before.contains("MINED") && before.contains("Ended"), "nothing to keep");
    let text = serde_json::to_string(&first.snapshot()).expect("plain data");
    let kept: Snapshot = serde_json::from_str(&text).expect("as it was written");
    let mut second = Exchange::restore(&scenario, None, kept).expect("the same world");
    assert_eq!(second.state_hash(), first.state_hash());
    assert_eq!(serde_json::to_string(&second.snapshot()).expect("plain data"), text, "nothing is lost on the way");
    let (left, right) = (stir(&mut first, 12_000, 1_000, 2), stir(&mut second, 12_000, 1_000, 2));
    assert!(left.contains("resolved 0") && left.contains("tick 0.01 -> 0.001") && left.lines().count() > 1_000);
    assert_eq!(left, right);
    assert_eq!(first.state_hash(), second.state_hash());
}

#[test]
fn a_snapshot_of_another_world_or_a_damaged_one_is_refused() {
    let (scenario, mut first) = busy();
    stir(&mut first, 0, 100, 1);
    let mut other = scenario.clone();
    other.seed += 1;
    assert!(matches!(Exchange::restore(&other, None, first.snapshot()), Err(RestoreError::Other { what: "seed", .. })));
    other = scenario.clone();
    other.markets.pop();
    assert!(matches!(
        Exchange::restore(&other, None, first.snapshot()),
        Err(RestoreError::Other { what: "markets", .. })
    ));
    let text = serde_json::to_string(&first.snapshot()).expect("plain data");
    let damaged = text.replacen("\"balance\":", "\"balance\":1", 1);
    let kept: Snapshot = serde_json::from_str(&damaged).expect("still a snapshot");
    assert!(matches!(Exchange::restore(&scenario, None, kept), Err(RestoreError::Damaged(_))));
}

#[test]
fn a_recorded_world_is_restored_in_the_middle_of_its_tape() {
    let script = format!(
        "{OPENING} 3000 print YES SELL 0.40 110\n 3300 BUY 0.40 20 0.40/0.60\n 3400 print YES SELL 0.40 30\n 3800 SELL 0.35 3 0.30/0.35"
    );
    let scenario = Scenario::parse(HEAD, Path::new(".")).expect("the scenario is sound");
    let mut first = Exchange::with_tape(&scenario, Some(tape(&script)), START).expect("the world begins");
    let account = first.open_account(at(0), "0xAA");
    first.place(at(2_500), account, order(1, "yes buy 0.40 30")).expect("rests");
    first.tick(at(3_350));
    first.drain();
    let text = serde_json::to_string(&first.snapshot()).expect("plain data");
    let kept: Snapshot = serde_json::from_str(&text).expect("as it was written");
    let mut second = Exchange::restore(&scenario, Some(tape(&script)), kept).expect("the same world");
    first.tick(at(30_000));
    second.tick(at(30_000));
    let notices = first.drain();
    assert!(notices.len() > 4, "something happens after the snapshot");
    assert_eq!(notices, second.drain());
}

#[test]
fn memory_stays_flat_while_orders_and_trades_come_and_go() {
    let mut exchange = arena("", "", &["", ""]);
    for n in 0..3 {
        let account = exchange.open_account(at(0), &format!("0x{n}"));
        exchange.split(at(0), account, MarketIx(0), shares(200)).expect("rich enough");
    }
    exchange.set_rendering(false);
    exchange.keep(100, 50);
    let mut most = (0, 0);
    for round in 0..20 {
        stir(&mut exchange, round * 40_000, 1_000, round);
        exchange.cancel_all(at(round * 40_000 + 40_000), AccountIx(0));
        let (orders, trades) = exchange.remembered();
        most = (most.0.max(orders), most.1.max(trades));
    }
    assert!(exchange.orders.row(OrderIx(1)).number > 1, "rows are used again");
    // 100 finished ones, those that 50 trades and the unsettled ones of 15 s name, and those that rest
    assert!(most.0 < 1_500 && most.1 < 400, "{most:?}");
}

#[test]
fn an_order_that_a_remembered_trade_names_is_remembered_too() {
    let mut exchange = arena("", "", &[""]);
    let accounts = ["0xA", "0xB"].map(|name| exchange.open_account(at(0), name));
    exchange.split(at(0), accounts[0], MarketIx(0), shares(200)).expect("rich enough");
    exchange.keep(0, 1);
    exchange.submit(at(0), accounts[0], &wants("yes sell 0.50 10")).expect("rests");
    exchange.submit(at(0), accounts[1], &wants("yes buy 0.50 10")).expect("meets");
    for n in 0..50 {
        let rests = exchange.submit(at(n), accounts[1], &wants("yes buy 0.40 10")).expect("rests");
        assert!(exchange.withdraw_order(at(n), accounts[1], rests.order));
    }
    exchange.drain();
    exchange.tick(at(20_000));
    let confirmed = exchange.trades(accounts[0], &Filter::default());
    assert_eq!((confirmed.len(), confirmed[0].status.as_str()), (1, "CONFIRMED"));
    assert!(exchange.remembered().0 <= 4, "{:?}", exchange.remembered());
    exchange.check().expect("every promise holds");
}
