//! The two WebSocket channels.

use crate::client::{Stream, Trader, fetch, http, venue};
use mm_core::domain::{Price, Qty, Side};
use mm_core::venue::book_hash::{HashInputs, OpenHash, book_hash};
use mm_core::venue::market_ws::{MarketFrame, WireEvent, decode, decode_rest_book};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn subscribe(tokens: &[&str]) -> Value {
    json!({"assets_ids": tokens, "type": "market", "initial_dump": true, "level": 2, "custom_feature_enabled": true})
}

/// One token's book, rebuilt from frames in the plainest way.
#[derive(Default)]
struct Rebuilt {
    bids: BTreeMap<Price, Qty>,
    asks: BTreeMap<Price, Qty>,
}

impl Rebuilt {
    fn set(&mut self, side: Side, price: Price, qty: Qty) {
        let levels = if side == Side::Buy { &mut self.bids } else { &mut self.asks };
        if qty.is_zero() {
            levels.remove(&price)
        } else {
            levels.insert(price, qty)
        };
    }

    /// Levels in the wire's order: bids lowest first, asks highest first.
    fn wire(&self) -> [Vec<(Price, Qty)>; 2] {
        let pair = |(price, qty): (&Price, &Qty)| (*price, *qty);
        [self.bids.iter().map(pair).collect(), self.asks.iter().rev().map(pair).collect()]
    }
}

#[tokio::test]
async fn a_subscriber_gets_the_book_first_and_then_every_change_with_its_hash() {
    let running = venue().await;
    let trader = Trader::login(&running.ready, 0).await;
    let market = &running.ready.markets[0];
    let mut stream = Stream::open(&running.ready, "market", &subscribe(&[&market.yes, &market.no])).await;
    let first = stream.next().await.expect("an answer");
    let MarketFrame::Events(events) = decode(&first).expect("decodes").0 else { panic!("not events: {first}") };
    assert!(first.starts_with('[') && events.len() == 2, "both books in one array: {first}");
    let mut book = Rebuilt::default();
    let mut last_trade = String::new();
    for event in &events {
        let WireEvent::Book(message) = event else { panic!("not a book: {event:?}") };
        if message.token.as_str() == market.yes {
            message.bids.iter().for_each(|(price, qty)| book.set(Side::Buy, *price, *qty));
            message.asks.iter().for_each(|(price, qty)| book.set(Side::Sell, *price, *qty));
            last_trade = message.last_trade.as_deref().unwrap_or_default().to_owned();
        }
    }

    let post = trader.order(true, "BUY", 40, 10);
    assert_eq!(trader.call("POST", "/order", &post).await.0, 200);
    let forty = Price::parse("0.4").expect("a price");
    let mut ours = false;
    while !ours {
        let text = stream.next().await.expect("goes on");
        let MarketFrame::Events(events) = decode(&text).expect("decodes").0 else { continue };
        for event in events {
            match event {
                WireEvent::PriceChange(change) => {
                    let tokens: std::collections::BTreeSet<_> =
                        change.changes.iter().map(|c| c.token.as_str()).collect();
                    assert_eq!(tokens.len(), 2, "both outcomes: {text}");
                    let of_yes = || change.changes.iter().filter(|c| c.token.as_str() == market.yes);
                    of_yes().for_each(|c| book.set(c.side, c.price, c.qty));
                    let [bids, asks] = book.wire();
                    let inputs = HashInputs {
                        market: &market.condition,
                        token: &market.yes,
                        venue_ms: change.venue_ms,
                        min_order: Qty::parse("5").expect("a size"),
                        tick: market.tick,
                        neg_risk: false,
                    };
                    // the text of the last trade price may run ahead of the trade's own event: any price will do, no other book will
                    let open = OpenHash::new(&inputs, bids, asks);
                    let prices = (0..=1000).map(|n| format!("0.{n:03}")).chain([last_trade.clone()]);
                    let possible: Vec<_> = prices.map(|text| open.close(&text)).collect();
                    let told = of_yes().next_back().and_then(|c| c.hash).expect("every entry has a hash");
                    assert!(possible.contains(&told), "{text}");
                    ours |= of_yes().any(|c| c.side == Side::Buy && c.price == forty);
                }
                // the venue may tell a whole book after a trade
                WireEvent::Book(message) if message.token.as_str() == market.yes => {
                    book = Rebuilt::default();
                    message.bids.iter().for_each(|(price, qty)| book.set(Side::Buy, *price, *qty));
                    message.asks.iter().for_each(|(price, qty)| book.set(Side::Sell, *price, *qty));
                }
                _ => {}
            }
        }
    }
    running.stop().await;
}

#[tokio::test]
async fn rest_and_stream_show_the_same_book() {
    let running = venue().await;
    let market = &running.ready.markets[0];
    let mut stream = Stream::open(&running.ready, "market", &subscribe(&[&market.no])).await;
    let first = stream.next().await.expect("an answer");
    let MarketFrame::Events(events) = decode(&first).expect("decodes").0 else { panic!("not events") };
    let [WireEvent::Book(snapshot)] = events.as_slice() else { panic!("not one book: {first}") };
    let url = format!("{}/book?token_id={}", running.ready.clob, market.no);
    let (_, body) = fetch(http().get(url)).await;
    let rest = decode_rest_book(&body.to_string()).expect("a book");
    // the quiet market may have moved in between; the same moment must look the same
    if rest.venue_ms == snapshot.venue_ms {
        assert_eq!((&rest.bids, &rest.asks, rest.hash), (&snapshot.bids, &snapshot.asks, snapshot.hash));
    }
    let inputs = HashInputs {
        market: &market.condition,
        token: &market.no,
        venue_ms: rest.venue_ms,
        min_order: rest.min_order.expect("REST tells"),
        tick: rest.tick.expect("REST tells"),
        neg_risk: rest.neg_risk.expect("REST tells"),
    };
    let last_trade = rest.last_trade.as_deref().unwrap_or_default();
    assert_eq!(rest.hash, Some(book_hash(&inputs, rest.bids.clone(), rest.asks.clone(), last_trade)));
    running.stop().await;
}

#[tokio::test]
async fn subscriptions_come_and_go() {
    let running = venue().await;
    let trader = Trader::login(&running.ready, 0).await;
    let market = &running.ready.markets[0];
    let mut stream = Stream::open(&running.ready, "market", &subscribe(&["123", "not a token"])).await;
    assert_eq!(stream.next().await.as_deref(), Some("[]"), "nobody lists these");
    stream.say("PING").await;
    assert_eq!(stream.next().await.as_deref(), Some("PONG"));

    stream.say(&json!({"operation": "subscribe", "assets_ids": [market.yes]}).to_string()).await;
    let dump = stream.next().await.expect("a dump");
    assert!(dump.starts_with("[{") && dump.contains("\"event_type\":\"book\""), "{dump}");
    // a repetition gets no second dump: the next answer is the PONG, or an event
    stream.say(&json!({"operation": "subscribe", "assets_ids": [market.yes]}).to_string()).await;
    stream.say("PING").await;
    loop {
        let text = stream.next().await.expect("goes on");
        if text == "PONG" {
            break;
        }
        assert!(!text.starts_with('['), "a second dump: {text}");
    }
    // a new best bid is told twice: as a level, and, asked for, as best prices
    stream
        .say(&json!({"operation": "subscribe", "assets_ids": [market.yes], "custom_feature_enabled": true}).to_string())
        .await;
    stream.say(&json!({"operation": "subscribe", "assets_ids": [market.no]}).to_string()).await;
    let url = format!("{}/price?side=BUY&token_id={}", running.ready.clob, market.yes);
    let best = fetch(trader.http.get(&url)).await.1["price"].as_str().expect("a price").to_owned();
    let cents = u64::from(Price::parse(&best).expect("a price").ten_thousandths()) / 100;
    // one cent better than the best bid, unless the spread is one cent; then a level below moves nothing and is skipped
    let (status, _) = trader.call("POST", "/order", &trader.order(true, "BUY", cents + 1, 10)).await;
    if status == 200 {
        let top = stream.find(|v| v["event_type"] == "best_bid_ask" && v["asset_id"] == market.yes.as_str()).await;
        assert!(top["best_bid"].is_string(), "{top}");
    }
    stream.say(&json!({"operation": "unsubscribe", "assets_ids": [market.yes, market.no]}).to_string()).await;
    stream.say("PING").await;
    while stream.next().await.expect("goes on") != "PONG" {}
    // nothing is subscribed any more: a change of the book is not told, the next frame is the answer to PING
    trader.call("POST", "/order", &trader.order(true, "BUY", 40, 10)).await;
    stream.say("PING").await;
    assert_eq!(stream.next().await.as_deref(), Some("PONG"));
    // a frame that means nothing ends the connection
    stream.say("{\"operation\":").await;
    assert_eq!(stream.next().await, None);
    running.stop().await;
}

#[tokio::test]
async fn the_user_channel_tells_its_own_account_and_nobody_else() {
    let running = venue().await;
    let trader = Trader::login(&running.ready, 0).await;
    let other = Trader::login(&running.ready, 1).await;
    let auth = |t: &Trader| json!({"apiKey": t.api_key, "secret": t.secret, "passphrase": t.passphrase});
    let open = async |auth: Value, markets: Value| {
        Stream::open(&running.ready, "user", &json!({"auth": auth, "type": "user", "markets": markets})).await
    };
    let mut own = open(auth(&trader), json!([])).await;
    let mut foreign = open(auth(&other), json!([running.ready.markets[0].condition])).await;
    let mut elsewhere = open(auth(&trader), json!([format!("0x{}", "0".repeat(64))])).await;
    for stream in [&mut own, &mut foreign, &mut elsewhere] {
        stream.say("PING").await;
        assert_eq!(stream.next().await.as_deref(), Some("PONG"));
    }
    let mut wrong = auth(&trader);
    wrong["passphrase"] = json!(other.passphrase);
    let mut refused = open(wrong, json!([])).await;
    assert_eq!(refused.next().await, None, "wrong credentials close the socket");

    let post = trader.order(true, "BUY", 40, 10);
    let id = trader.id_of(&post);
    trader.call("POST", "/order", &post).await;
    trader.call("DELETE", "/order", &json!({"orderID": id})).await;
    for kind in ["PLACEMENT", "CANCELLATION"] {
        let event = own.find(|v| v["event_type"] == "order").await;
        let told = (&event["type"], &event["id"], &event["price"], &event["original_size"], &event["owner"]);
        assert_eq!(told, (&json!(kind), &json!(id), &json!("0.4"), &json!("10"), &json!(trader.api_key)), "{event}");
    }
    for stream in [&mut foreign, &mut elsewhere] {
        stream.say("PING").await;
        assert_eq!(stream.next().await.as_deref(), Some("PONG"), "nothing before it");
    }
    // a market added later is told too
    let more = json!({"operation": "subscribe", "markets": [running.ready.markets[0].condition]});
    elsewhere.say(&more.to_string()).await;
    elsewhere.say("PING").await;
    assert_eq!(elsewhere.next().await.as_deref(), Some("PONG"));
    trader.call("POST", "/order", &trader.order(true, "BUY", 40, 10)).await;
    assert_eq!(elsewhere.find(|_| true).await["type"], json!("PLACEMENT"));
    // revoked credentials end their streams
    trader.call("DELETE", "/auth/api-key", &Value::Null).await;
    while elsewhere.next().await.is_some() {}
    running.stop().await;
}
