//! Hand-written worlds: a recording in a few lines, calls with their times, and everything the venue says back.

use super::*;
use crate::tape::file;
use expect_test::{Expect, expect};
use mm_core::domain::{Nanos, Price, Qty, Side, TimeInForce};
use mm_core::venue::market_ws::WireEvent;
use mm_core::venue::user_ws::UserEvent;
use std::fmt::Write as _;
use std::path::Path;

const YES: &str = "1111";
const NO: &str = "2222";
const MARKET: &str = "0x00000000000000000000000000000000000000000000000000000000000000aa";

const HEAD: &str = r#"
schema = 1
seed = 1
start_utc = "2026-01-01T00:00:00Z"
[venue]
wallet_usdc = "1000"
[defaults]
tick = "auto"
fee = { rate = "0.05", exponent = 1 }
rewards = { max_spread_cents = "3.5", min_size_shares = "20", min_age_ms = 0, rate_usdc_per_day = "1440" }
[tape]
file = "none"
speed = 1.0
"#;

/// Tape lines as they are in a recording: whole books and changes of YES with announced tops, and trades of either token.
fn tape(script: &str) -> Grown {
    let mut out = String::new();
    let flip = |p: &str| Price::parse(p).expect("a price").complement().to_string();
    for words in script.lines().map(|l| l.split_whitespace().collect::<Vec<_>>()).filter(|w| !w.is_empty()) {
        let at = words[0];
        let text = match words[1] {
            "print" => format!(
                r#"{{"event_type":"last_trade_price","market":"{MARKET}","asset_id":"{}","price":"{}","size":"{}","side":"{}","timestamp":"{at}"}}"#,
                if words[2] == "YES" { YES } else { NO },
                words[4],
                words[5],
                words[3]
            ),
            side => {
                let (bid, ask) = words[4].split_once('/').expect("bid/ask");
                let entry = |token: &str, side: &str, price: &str, bid: &str, ask: &str| {
                    format!(
                        r#"{{"asset_id":"{token}","price":"{price}","size":"{}","side":"{side}","hash":"","best_bid":"{bid}","best_ask":"{ask}"}}"#,
                        words[3]
                    )
                };
                let other = if side == "BUY" { "SELL" } else { "BUY" };
                format!(
                    r#"{{"event_type":"price_change","market":"{MARKET}","price_changes":[{},{}],"timestamp":"{at}"}}"#,
                    entry(YES, side, words[2], bid, ask),
                    entry(NO, other, &flip(words[2]), &flip(ask), &flip(bid))
                )
            }
        };
        writeln!(out, "{text}").expect("a string takes everything");
    }
    file::parse(Path::new("script"), &out).expect("the script grows")
}

/// Bid 0.40×100, ask 0.60×100, open from 2000 on.
const OPENING: &str = "
    0 BUY 0.40 100 0.40/0.60
    0 SELL 0.60 100 0.40/0.60
    2000 BUY 0.30 50 0.40/0.60
    2001 BUY 0.29 50 0.40/0.60
";

const START: Timestamp = Timestamp::from_ms(1_000_000);

const fn at(ms: u64) -> Timestamp {
    START.plus(Nanos::from_ms(ms))
}

fn world(script: &str) -> Exchange {
    world_with(HEAD, script)
}

fn world_with(head: &str, script: &str) -> Exchange {
    let scenario = Scenario::parse(head, Path::new(".")).expect("the scenario is sound");
    Exchange::with_tape(&scenario, Some(tape(script)), START).expect("the world begins")
}

fn id(n: u8) -> OrderId {
    OrderId::from_bytes([n; 32])
}

/// `yes buy 0.45 10 [flags]`
fn order(n: u8, text: &str) -> PlaceRequest {
    let words: Vec<&str> = text.split_whitespace().collect();
    let tif = match words.get(4) {
        Some(&"fok") => TimeInForce::Fok,
        Some(&"fak") => TimeInForce::Fak,
        Some(w) if w.starts_with("gtd") => {
            TimeInForce::Gtd(at(w.trim_start_matches("gtd").parse::<u64>().expect("milliseconds")))
        }
        _ => TimeInForce::Gtc,
    };
    PlaceRequest {
        id: id(n),
        token: TokenId::parse(if words[0] == "yes" { YES } else { NO }).expect("a token"),
        side: Side::parse(words[1]).expect("a side"),
        price: Price::parse(words[2]).expect("a price"),
        qty: Qty::parse(words[3]).expect("a size"),
        tif,
        post_only: words.last() == Some(&"post"),
        owner: "owner".to_owned(),
    }
}

/// What the venue said, one line each; hashes and trade ids left out.
fn said(exchange: &mut Exchange) -> String {
    let mut out = String::new();
    exchange.check().expect("every promise holds");
    for notice in exchange.drain() {
        let line = match notice {
            Notice::Market(WireEvent::PriceChange(change)) => {
                let c = &change.changes[0];
                let top = c.top.expect("a top is announced");
                let show = |p: Option<Price>| p.map_or_else(|| "-".to_owned(), |p| p.to_string());
                let name = if c.token.as_str() == YES { "yes" } else { "no" };
                format!("level {name} {} {} x {} top {}/{}", c.side, c.price, c.qty, show(top.bid), show(top.ask))
            }
            Notice::Market(WireEvent::LastTradePrice { token, price, qty, side, .. }) => {
                format!("print {} {side} {price} x {qty}", if token.as_str() == YES { "yes" } else { "no" })
            }
            Notice::Market(WireEvent::Book(book)) => {
                format!(
                    "book {} {} bids {} asks",
                    if book.token.as_str() == YES { "yes" } else { "no" },
                    book.bids.len(),
                    book.asks.len()
                )
            }
            Notice::Market(other) => format!("{other:?}"),
            Notice::User { account, event } => match *event {
                UserEvent::Order(o) => format!(
                    "a{} order {} {} {} {} of {}",
                    account.0,
                    &o.id.to_string()[2..4],
                    o.kind,
                    o.status,
                    o.size_matched.expect("always told"),
                    o.original_size.expect("always told")
                ),
                UserEvent::Trade(t) => {
                    let makers: Vec<String> = (t.maker_orders.iter())
                        .map(|m| format!("{} {} {} x {}", m.outcome, m.side, m.price, m.matched_amount))
                        .collect();
                    format!(
                        "a{} trade {} {} taker {} {} {} x {} makers [{}]",
                        account.0,
                        t.status,
                        t.trader_side,
                        t.outcome,
                        t.side,
                        t.price,
                        t.size,
                        makers.join(", ")
                    )
                }
                UserEvent::Unknown { .. } => "unknown".to_owned(),
            },
        };
        writeln!(out, "{line}").expect("a string takes everything");
    }
    out
}

/// One resting order against a tape: place at 2500, then play to `until`, and say what happened in between.
fn check(script: &str, placed: &str, until: u64, expected: Expect) {
    let mut exchange = world(&format!("{OPENING}{script}"));
    let account = exchange.open_account(at(0), "0xAA");
    exchange.tick(at(2_500));
    for token in [YES, NO] {
        let token = TokenId::parse(token).expect("a token");
        assert!(exchange.grant(at(2_500), account, &token, Qty::from_micro(100_000_000)));
    }
    let answer = exchange.place(at(2_500), account, order(1, placed));
    said(&mut exchange);
    let mut out = answer.map_or_else(|no| format!("{no}\n"), |_| String::new());
    // step by step, so that every promise is checked behind every event
    while let Some(due) = exchange.next_deadline().filter(|due| *due <= at(until)) {
        exchange.tick(due);
        out += &said(&mut exchange);
    }
    expected.assert_eq(&out);
}

#[test]
fn a_print_takes_the_queue_first_then_us_up_to_its_size() {
    check("3000 print YES SELL 0.40 110", "yes buy 0.40 30", 4_000, expect![""]);
}

#[test]
fn a_print_hits_the_other_outcome_as_a_mint() {
    check("3000 print YES BUY 0.60 150", "no buy 0.40 30", 3_500, expect![""]);
}

#[test]
fn a_print_through_our_price_fills_us_whole() {
    check("3000 print YES SELL 0.38 1", "yes buy 0.45 30", 3_500, expect![""]);
}

#[test]
fn a_recorded_level_at_our_price_fills_us_whole() {
    check("3000 SELL 0.45 3 0.40/0.45\n 3001 BUY 0.2 1 0.40/0.45", "yes buy 0.45 30", 3_500, expect![""]);
}

#[test]
fn a_shrinking_level_moves_us_up_only_when_no_print_explains_it() {
    // the level falls to 20 and the print of those 80 follows: the 80 came from the front, 20 are still ahead of us
    check(
        "3000 BUY 0.40 20 0.40/0.60\n 3020 print YES SELL 0.40 80\n 3100 print YES SELL 0.40 25",
        "yes buy 0.40 30",
        3_500,
        expect![""],
    );
    // no print: 20 are ahead of us from then on
    check("3000 BUY 0.40 20 0.40/0.60\n 3300 print YES SELL 0.40 25", "yes buy 0.40 30", 3_500, expect![""]);
}

#[test]
fn settlement_moves_balances_when_mined() {
    check("3000 print YES BUY 0.60 300", "yes sell 0.60 10", 20_000, expect![""]);
}
