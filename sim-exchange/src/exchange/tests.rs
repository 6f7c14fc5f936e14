//! Hand-written worlds: a recording in a few lines, calls with their times, and everything the venue says back.

use super::*;
use crate::tape::file;
use expect_test::{Expect, expect};
use mm_core::domain::{MarketIx, Nanos, OrderId, Price, Qty, Side, TimeInForce};
use mm_core::venue::market_ws::WireEvent;
use mm_core::venue::user_ws::UserEvent;
use std::fmt::Write as _;
use std::path::Path;

mod arena;
mod ladder;
mod life;
mod model;
mod orders;
mod snapshot;

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
    check(
        "3000 print YES SELL 0.40 110",
        "yes buy 0.40 30",
        4_000,
        expect![[r#"
            a0 trade MATCHED MAKER taker Yes SELL 0.4 x 10 makers [Yes BUY 0.4 x 10]
            a0 order 01 UPDATE LIVE 10 of 30
            level yes BUY 0.4 x 120 top 0.4/0.6
            print yes SELL 0.4 x 110
        "#]],
    );
}

#[test]
fn a_print_hits_the_other_outcome_as_a_mint() {
    check(
        "3000 print YES BUY 0.60 150",
        "no buy 0.40 30",
        3_500,
        expect![[r#"
            a0 trade MATCHED MAKER taker Yes BUY 0.6 x 30 makers [No BUY 0.4 x 30]
            a0 order 01 UPDATE MATCHED 30 of 30
            level yes SELL 0.6 x 100 top 0.4/0.6
            print yes BUY 0.6 x 150
        "#]],
    );
}

#[test]
fn a_print_through_our_price_fills_us_whole() {
    check(
        "3000 print YES SELL 0.38 1",
        "yes buy 0.45 30",
        3_500,
        expect![[r#"
            a0 trade MATCHED MAKER taker Yes SELL 0.45 x 30 makers [Yes BUY 0.45 x 30]
            a0 order 01 UPDATE MATCHED 30 of 30
            level yes BUY 0.45 x 0 top 0.4/0.6
            print yes SELL 0.45 x 30
            print yes SELL 0.38 x 1
        "#]],
    );
}

#[test]
fn a_recorded_level_at_our_price_fills_us_whole() {
    check(
        "3000 SELL 0.45 3 0.40/0.45\n 3001 BUY 0.2 1 0.40/0.45",
        "yes buy 0.45 30",
        3_500,
        expect![[r#"
            a0 trade MATCHED MAKER taker Yes SELL 0.45 x 30 makers [Yes BUY 0.45 x 30]
            a0 order 01 UPDATE MATCHED 30 of 30
            level yes SELL 0.45 x 3 top 0.4/0.45
            level yes BUY 0.45 x 0 top 0.4/0.45
            print yes SELL 0.45 x 30
            level yes BUY 0.2 x 1 top 0.4/0.45
        "#]],
    );
}

#[test]
fn a_shrinking_level_moves_us_up_only_when_no_print_explains_it() {
    // the level falls to 20 and the print of those 80 follows: the 80 came from the front, 20 are still ahead of us
    check(
        "3000 BUY 0.40 20 0.40/0.60\n 3020 print YES SELL 0.40 80\n 3100 print YES SELL 0.40 25",
        "yes buy 0.40 30",
        3_500,
        expect![[r#"
            level yes BUY 0.4 x 50 top 0.4/0.6
            print yes SELL 0.4 x 80
            a0 trade MATCHED MAKER taker Yes SELL 0.4 x 5 makers [Yes BUY 0.4 x 5]
            a0 order 01 UPDATE LIVE 5 of 30
            level yes BUY 0.4 x 45 top 0.4/0.6
            print yes SELL 0.4 x 25
        "#]],
    );
    // no print: 20 are ahead of us from then on
    check(
        "3000 BUY 0.40 20 0.40/0.60\n 3300 print YES SELL 0.40 25",
        "yes buy 0.40 30",
        3_500,
        expect![[r#"
            level yes BUY 0.4 x 50 top 0.4/0.6
            a0 trade MATCHED MAKER taker Yes SELL 0.4 x 5 makers [Yes BUY 0.4 x 5]
            a0 order 01 UPDATE LIVE 5 of 30
            level yes BUY 0.4 x 45 top 0.4/0.6
            print yes SELL 0.4 x 25
        "#]],
    );
}

#[test]
fn settlement_moves_balances_when_mined() {
    check(
        "3000 print YES BUY 0.60 300",
        "yes sell 0.60 10",
        20_000,
        expect![[r#"
            a0 trade MATCHED MAKER taker Yes BUY 0.6 x 10 makers [Yes SELL 0.6 x 10]
            a0 order 01 UPDATE MATCHED 10 of 10
            level yes SELL 0.6 x 100 top 0.4/0.6
            print yes BUY 0.6 x 300
            a0 trade MINED MAKER taker Yes BUY 0.6 x 10 makers [Yes SELL 0.6 x 10]
            a0 trade CONFIRMED MAKER taker Yes BUY 0.6 x 10 makers [Yes SELL 0.6 x 10]
        "#]],
    );
}

/// The texts of refusals: what is asked, what the venue says.
#[test]
fn refusals_speak_the_venues_words() {
    let mut exchange = world(OPENING);
    let account = exchange.open_account(at(0), "0xAA");
    let early = exchange.place(at(1_000), account, order(1, "yes buy 0.40 10")).expect_err("not open yet");
    assert_eq!(early, Reject::bad("the market is not yet ready to process new orders"));
    exchange.tick(at(2_500));
    exchange.place(at(2_500), account, order(1, "yes buy 0.40 10 post")).expect("a sound order");
    let mut said = String::new();
    for (n, text) in [
        (1, "yes buy 0.40 10"),
        (2, "yes buy 0.405 10"),
        (2, "yes buy 0.40 4"),
        (2, "yes buy 0.60 10 post"),
        (2, "no buy 0.60 10 post"),
        (2, "yes buy 0.50 2000"),
        (2, "yes sell 0.50 10"),
        (2, "yes buy 0.50 10 gtd100000"),
        (2, "yes buy 0.60 500 fok"),
        (2, "yes buy 0.50 10 fak"),
    ] {
        let no = exchange.place(at(2_500), account, order(n, text)).expect_err("an impossible order");
        let short = no.to_string().replace(&id(n).to_string(), "ID");
        writeln!(said, "{text}: {short}").expect("a string takes everything");
    }
    expect![[r#"
        yes buy 0.40 10: 400: order ID is invalid. Duplicated.
        yes buy 0.405 10: 400: order ID is invalid. Price (0.405) breaks minimum tick size rule: 0.01
        yes buy 0.40 4: 400: order ID is invalid. Size (4) lower than the minimum: 5
        yes buy 0.60 10 post: 400: invalid post-only order: order crosses book
        no buy 0.60 10 post: 400: invalid post-only order: order crosses book
        yes buy 0.50 2000: 400: not enough balance / allowance: the balance is not enough -> balance: 1000000000, sum of active orders: 4000000, sum of matched orders: 0, order amount (inc. fees): 1000000000
        yes sell 0.50 10: 400: not enough balance / allowance: the balance is not enough -> balance: 0, order amount (inc. fees): 10000000
        yes buy 0.50 10 gtd100000: 400: invalid expiration
        yes buy 0.60 500 fok: 400: order couldn't be fully filled. FOK orders are fully filled or killed.
        yes buy 0.50 10 fak: 400: no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found.
    "#]]
    .assert_eq(&said);
    exchange.check().expect("a refusal leaves no trace");
    assert_eq!(exchange.open_orders(account, &Filter::default()).len(), 1);
}

#[test]
fn a_silent_key_loses_its_orders_at_the_next_check_and_a_wrong_beat_refreshes_nothing() {
    let mut exchange = world(OPENING);
    let account = exchange.open_account(at(0), "0xAA");
    exchange.tick(at(2_500));
    let first = exchange.heartbeat(at(2_500), "owner", None).expect("the first beat arms");
    exchange.place(at(2_600), account, order(1, "yes buy 0.41 10 post")).expect("a sound order");
    assert_eq!(exchange.heartbeat(at(9_000), "owner", Some("other")), Err(first.clone()));
    exchange.tick(at(14_999));
    assert_eq!(exchange.open_orders(account, &Filter::default()).len(), 1);
    // the last good beat was at 2.5 s: at the check of 15 s it is older than ten seconds
    exchange.tick(at(15_000));
    assert!(exchange.open_orders(account, &Filter::default()).is_empty());
    assert_eq!(exchange.heartbeat(at(15_100), "owner", Some(&first)), Err(String::new()));
    assert!(exchange.heartbeat(at(15_200), "owner", Some("")).is_ok());
    exchange.check().expect("every promise holds");
}

#[test]
fn a_gtd_order_ends_a_minute_before_its_expiration() {
    let mut exchange = world(OPENING);
    let account = exchange.open_account(at(0), "0xAA");
    exchange.place(at(2_500), account, order(1, "yes buy 0.41 10 gtd190000")).expect("far enough ahead");
    exchange.tick(at(129_999));
    assert_eq!(exchange.order(account, &id(1)).map(|o| o.status), Some("LIVE".to_owned()));
    exchange.tick(at(130_000));
    assert_eq!(exchange.order(account, &id(1)).map(|o| o.status), Some("CANCELED_EXPIRED_ORDER".to_owned()));
}

#[test]
fn a_market_that_is_kept_shut_becomes_what_it_would_be_without() {
    let mut exchange = world(OPENING);
    let account = exchange.open_account(at(0), "0xAA");
    let market = MarketIx(0);
    exchange.set_accepting(at(0), market, false);
    exchange.tick(at(2_500));
    exchange.place(at(2_500), account, order(1, "yes buy 0.41 10")).expect_err("the recording has opened it in vain");
    exchange.set_accepting(at(2_600), market, true);
    exchange.place(at(2_600), account, order(1, "yes buy 0.41 10")).expect("open as recorded");
    exchange.plan(at(3_000), Planned::Close(market));
    exchange.set_accepting(at(2_700), market, false);
    assert!(exchange.open_orders(account, &Filter::default()).is_empty());
    exchange.set_accepting(at(4_000), market, true);
    exchange.place(at(4_000), account, order(2, "yes buy 0.41 10")).expect_err("it has closed meanwhile");
    exchange.check().expect("every promise holds");
}

#[test]
fn a_gtd_order_ends_by_the_clock_that_is_shown() {
    let mut exchange = world(OPENING);
    let account = exchange.open_account(at(0), "0xAA");
    let status = |exchange: &Exchange, n| exchange.order(account, &id(n)).map(|order| order.status);
    exchange.tick(at(2_500));
    exchange.set_skew(at(2_500), -7_200_000);
    exchange.place(at(2_500), account, order(1, "yes buy 0.41 10 gtd190000")).expect("far enough ahead");
    exchange.tick(at(131_000));
    assert_eq!(status(&exchange, 1).as_deref(), Some("LIVE"), "the venue's clock stands two hours before it");
    exchange.set_skew(at(132_000), 0);
    assert_eq!(status(&exchange, 1).as_deref(), Some("CANCELED_EXPIRED_ORDER"));
    exchange.place(at(132_000), account, order(2, "yes buy 0.41 10 gtd400000")).expect("far enough ahead");
    exchange.set_skew(at(133_000), 60_000);
    exchange.tick(at(279_999));
    assert_eq!(status(&exchange, 2).as_deref(), Some("LIVE"));
    assert_eq!(exchange.next_deadline().map(|due| due <= at(280_000)), Some(true), "it is woken in time");
    exchange.tick(at(280_000));
    assert_eq!(status(&exchange, 2).as_deref(), Some("CANCELED_EXPIRED_ORDER"));
    exchange.check().expect("every promise holds");
}

#[test]
fn accounts_meet_directly_by_minting_and_by_merging() {
    let mut exchange = world(OPENING);
    let (a, b) = (exchange.open_account(at(0), "0xAA"), exchange.open_account(at(0), "0xBB"));
    exchange.tick(at(2_500));
    let (yes, no) = (TokenId::parse(YES).expect("a token"), TokenId::parse(NO).expect("a token"));
    exchange.place(at(2_500), a, order(1, "yes buy 0.50 10 post")).expect("rests");
    let mint = exchange.place(at(2_600), b, order(2, "no buy 0.50 10")).expect("mints");
    assert_eq!((mint.matched, mint.trade_ids.len()), (Qty::from_micro(10_000_000), 1));
    exchange.tick(at(5_000));
    assert_eq!((exchange.balance(a, Some(&yes)), exchange.balance(b, Some(&no))), (10_000_000, 10_000_000));
    // a pays 5.00, b pays 5.00 and the fee of 10 × 0.05 × 0.25
    assert_eq!((exchange.balance(a, None), exchange.balance(b, None)), (995_000_000, 994_875_000));
    exchange.place(at(5_100), a, order(3, "yes sell 0.55 10 post")).expect("rests");
    let merge = exchange.place(at(5_200), b, order(4, "no sell 0.45 10")).expect("merges");
    assert_eq!(merge.matched, Qty::from_micro(10_000_000));
    exchange.tick(at(9_000));
    assert_eq!((exchange.balance(a, Some(&yes)), exchange.balance(b, Some(&no))), (0, 0));
    exchange.check().expect("every promise holds");
}

#[test]
fn frames_carry_the_hash_of_the_public_book_with_our_order_in_it() {
    let mut exchange = world(OPENING);
    let account = exchange.open_account(at(0), "0xAA");
    exchange.tick(at(2_500));
    exchange.drain();
    exchange.place(at(2_500), account, order(1, "no buy 0.45 20 post")).expect("rests");
    let yes = TokenId::parse(YES).expect("a token");
    let book = exchange.book(&yes).expect("open");
    assert_eq!(book.asks.last().copied(), Some((Price::parse("0.55").expect("a price"), Qty::from_micro(20_000_000))));
    let told = exchange.drain().into_iter().find_map(|notice| match notice {
        Notice::Market(WireEvent::PriceChange(change)) => Some(change),
        _ => None,
    });
    let change = told.expect("the level is announced");
    let entry = change.changes.iter().find(|c| c.token == yes).expect("both tokens are told");
    assert_eq!((entry.hash, change.venue_ms), (book.hash, book.venue_ms));
    assert!(book.hash.is_some());
}
