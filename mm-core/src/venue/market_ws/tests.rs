use super::*;
use crate::domain::{Market, MarketIx, Outcome, Token, Universe};
use crate::event::MarketEvent;

const MARKET: &str = "0x1587ee233e3c926209cc5c4f888f34c96c9c7f7c1448d17989d3b7a79c1cdf32";
const HASH: &str = "52a1ab0b83926e8d34a1018feea85a50af0cea81";

fn price(text: &str) -> Price {
    Price::parse(text).expect("test price")
}

fn qty(text: &str) -> Qty {
    Qty::parse(text).expect("test quantity")
}

fn token(text: &str) -> TokenId {
    TokenId::parse(text).expect("test token")
}

/// Decodes a frame written with `'` for `"`, `M` for the market and `H` for a hash.
fn read(frame: &str) -> Result<Vec<WireEvent>, BadFrame> {
    let text =
        frame.replace('\'', "\"").replace("\"M\"", &format!("\"{MARKET}\"")).replace("\"H\"", &format!("\"{HASH}\""));
    let (frame, _) = decode(&text)?;
    assert_eq!(decode_tolerant(&text).as_ref(), Ok(&frame), "the roads differ on {text}");
    let MarketFrame::Events(events) = frame else { panic!("{text} is not text") };
    for event in &events {
        if let Some(again) = encode(event) {
            let (decoded, _) = decode(&again).expect("what we encode decodes");
            assert_eq!(decoded, MarketFrame::Events(vec![event.clone()]), "{again}");
        }
    }
    Ok(events)
}

fn one(frame: &str) -> WireEvent {
    let mut events = read(frame).expect("frame decodes");
    assert_eq!(events.len(), 1);
    events.remove(0)
}

fn refused(frame: &str) -> String {
    read(frame).expect_err("frame must be refused").to_string()
}

#[test]
fn book_in_both_shapes_and_any_order() {
    let subscribed = one(
        "[{'market':'M','asset_id':'7','timestamp':'5','hash':'H','bids':[{'price':'0.1','size':'2'},\
        {'price':'0.2','size':'3.5'}],'asks':[{'price':'0.9','size':'1'},{'price':'0.3','size':'4'}],'tick_size':'0.01',\
        'event_type':'book','last_trade_price':'0.140'}]",
    );
    let WireEvent::Book(book) = &subscribed else { panic!("{subscribed:?}") };
    assert_eq!(book.bids, [(price("0.1"), qty("2")), (price("0.2"), qty("3.5"))]);
    assert_eq!(book.asks, [(price("0.9"), qty("1")), (price("0.3"), qty("4"))]);
    assert_eq!(book.last_trade.as_deref(), Some("0.140"));
    assert_eq!(book.tick, Some(TickSize::CENT));
    assert_eq!(book.hash, BookHash::parse(HASH));

    // Levels the other way round, numbers for strings, nothing optional.
    let bare = one(
        "{'event_type':'book','asks':[{'size':4,'price':0.3},{'price':0.9,'size':1},{'price':'0.5','size':'0'}],\
        'bids':[{'price':'.2','size':'3.50'},{'price':'0.10','size':'2'}],'asset_id':'7','market':'M','timestamp':5,'hash':''}",
    );
    let WireEvent::Book(bare) = &bare else { panic!("{bare:?}") };
    assert_eq!((&bare.bids, &bare.asks, bare.venue_ms), (&book.bids, &book.asks, 5));
    assert_eq!((bare.hash, bare.tick, bare.last_trade.as_deref()), (None, None, None));
}

#[test]
fn malformed_books_are_refused_by_name() {
    for (frame, says) in [
        ("{'market':'M','asset_id':'7','timestamp':'5','bids':[],'event_type':'book'}", "missing field `asks`"),
        (
            "{'market':'M','asset_id':'7','timestamp':'5','bids':[{'price':'0.1','size':'1'},{'price':'0.10','size':'2'}],\
          'asks':[],'event_type':'book'}",
            "bids: level 0.1 is listed twice",
        ),
        (
            "{'market':'M','asset_id':'7','timestamp':'5','bids':[{'price':'1','size':'1'}],'asks':[],'event_type':'book'}",
            "price 1 is outside the book",
        ),
        (
            "{'market':'M','asset_id':'7','timestamp':'5','bids':[{'price':'0.1','size':'-1'}],'asks':[],'event_type':'book'}",
            "unexpected character '-'",
        ),
        ("{'market':'0x12','asset_id':'7','timestamp':'5','bids':[],'asks':[],'event_type':'book'}", "condition id"),
        ("{'market':'M','asset_id':'x','timestamp':'5','bids':[],'asks':[],'event_type':'book'}", "token id"),
        (
            "{'market':'M','market':'M','asset_id':'7','timestamp':'5','bids':[],'asks':[],'event_type':'book'}",
            "duplicate field `market`",
        ),
    ] {
        let why = refused(frame);
        assert!(why.starts_with("malformed book: ") && why.contains(says), "{why}");
    }
}

#[test]
fn price_change_in_all_three_forms() {
    let now = one(
        "{'market':'M', 'price_changes':[{'asset_id':'7', 'price':'0.85', 'size':'503.32', 'side':'BUY', 'hash':'H', \
        'best_bid':'0.85', 'best_ask':'0.86'}, {'asset_id':'8', 'price':'0.15', 'size':'0', 'side':'SELL', 'hash':'', \
        'best_bid':'0', 'best_ask':'1'}], 'timestamp':'9', 'event_type':'price_change'}",
    );
    let WireEvent::PriceChange(now) = now else { panic!("{now:?}") };
    assert_eq!(now.changes[0].top, Some(Top { bid: Some(price("0.85")), ask: Some(price("0.86")) }));
    assert_eq!(now.changes[1].top, Some(Top { bid: None, ask: None }));
    assert_eq!((now.changes[1].side, now.changes[1].qty, now.changes[1].hash), (Side::Sell, Qty::ZERO, None));

    let flat = one("{'asset_id':'7','event_type':'price_change','hash':'H','market':'M','price':'0.85','side':'BUY',\
        'size':'503.32','timestamp':'9'}");
    let WireEvent::PriceChange(flat) = flat else { panic!("{flat:?}") };
    assert_eq!(flat.changes, [LevelChange { top: None, ..now.changes[0].clone() }]);

    let nested = one("{'asset_id':'7','event_type':'price_change','hash':'H','market':'M','timestamp':'9',\
        'changes':[{'price':'0.85','side':'buy','size':'503.32'}]}");
    assert_eq!(nested, WireEvent::PriceChange(flat));
}

#[test]
fn malformed_changes_refuse_the_whole_frame() {
    for (frame, says) in [
        ("{'market':'M','timestamp':'9','event_type':'price_change'}", "no changes"),
        ("{'market':'M','timestamp':'9','event_type':'price_change','price_changes':[],'changes':[]}", "two forms"),
        (
            "{'market':'M','timestamp':'9','event_type':'price_change','price_changes':[{'asset_id':'7','price':'0.5',\
          'size':'1','side':'HOLD'}]}",
            "neither BUY nor SELL",
        ),
        (
            "{'market':'M','timestamp':'9','event_type':'price_change','price_changes':[{'asset_id':'7','price':'0.5',\
          'side':'BUY'}]}",
            "missing field `size`",
        ),
        (
            "{'market':'M','timestamp':'9','event_type':'price_change','price_changes':[{'asset_id':'7','price':'0.50001',\
          'size':'1','side':'BUY'}]}",
            "more than 4 decimals",
        ),
        (
            "[{'event_type':'odd'},{'market':'M','timestamp':'9','event_type':'price_change','price_changes':[{}]}]",
            "asset_id",
        ),
    ] {
        let why = refused(frame);
        assert!(why.starts_with("malformed price_change: ") && why.contains(says), "{why}");
    }
}

#[test]
fn the_other_types() {
    assert_eq!(
        one(
            "{'event_type':'tick_size_change','market':'M','asset_id':'7','old_tick_size':'0.01','new_tick_size':'0.001',\
             'timestamp':'3'}"
        ),
        WireEvent::TickSizeChange {
            market: ConditionId::parse(MARKET).expect("id"),
            token: token("7"),
            old: Some(TickSize::CENT),
            new: TickSize::parse("0.001").expect("tick"),
            venue_ms: 3
        }
    );
    assert!(matches!(
        one("{'market':'M','asset_id':'7','price':'0.456','size':'219.217767','fee_rate_bps':'0','side':'SELL',\
             'timestamp':'3','event_type':'last_trade_price','transaction_hash':'0x12'}"),
        WireEvent::LastTradePrice { side: Side::Sell, venue_ms: 3, .. }
    ));
    assert!(matches!(
        one("{'event_type':'best_bid_ask','market':'M','asset_id':'7','best_bid':'','best_ask':'0.77','spread':'',\
             'timestamp':'3'}"),
        WireEvent::BestBidAsk { top: Top { bid: None, ask: Some(_) }, .. }
    ));
    assert!(matches!(
        one(
            "{'event_type':'market_resolved','market':'M','assets_ids':['7','8'],'winning_asset_id':'7','timestamp':'3'}"
        ),
        WireEvent::MarketResolved { winner: Some(_), .. }
    ));
    assert!(matches!(
        one("{'event_type':'new_market','market':'M','assets_ids':['7','8'],'timestamp':'3','tags':[{}]}"),
        WireEvent::NewMarket { .. }
    ));
    assert_eq!(
        one("{'event_type':'new_market','market':'soon'}"),
        WireEvent::Unknown { event_type: "new_market".into() }
    );
    let odd = [
        "'assets_ids':['','8']",
        "'assets_ids':'7'",
        "'assets_ids':[7,{}]",
        "'clob_token_ids':'[]'",
        "'assets_ids':null,'clob_token_ids':[[]]",
    ];
    for tokens in odd {
        for time in ["'soon'", "-1", "1.5", "{'a':[1]}", "null"] {
            let text = format!("{{'event_type':'new_market','market':'M',{tokens},'timestamp':{time}}}");
            let WireEvent::NewMarket { tokens, venue_ms, .. } = one(&text) else { panic!("{text}") };
            assert_eq!((tokens, venue_ms), (Vec::new(), 0), "{text}");
        }
    }
    assert_eq!(one("{'event_type':'whatever','bids':3}"), WireEvent::Unknown { event_type: "whatever".into() });
    assert_eq!(one("{'message':'hello'}"), WireEvent::Unknown { event_type: "".into() });
    assert_eq!(one("{'event_type':{'a':1}}"), WireEvent::Unknown { event_type: "".into() });
}

#[test]
fn text_and_broken_json() {
    for text in ["PONG", "", "NO NEW ASSETS", "  pong\n", "null", "\"x\""] {
        assert_eq!(decode(text), Ok((MarketFrame::Text, Road::Tolerant)), "{text:?}");
    }
    assert_eq!(read("[]"), Ok(vec![]));
    for text in ["{", "[1]", "[{}", "{} {}", "{'a'}", "[[]]"] {
        assert!(matches!(decode(text), Err(BadFrame::Json { .. })), "{text:?}");
    }
}

#[test]
fn rest_books_both_ways() {
    let body = format!(
        "{{\"market\":\"{MARKET}\",\"asset_id\":\"7\",\"timestamp\":\"5\",\"hash\":\"{HASH}\",\"bids\":[{{\"price\":\"0.1\",\
         \"size\":\"2\"}}],\"asks\":[],\"min_order_size\":\"5\",\"tick_size\":\"0.01\",\"neg_risk\":true,\
         \"last_trade_price\":\"0.850\"}}"
    );
    let book = decode_rest_book(&body).expect("a book");
    assert_eq!(encode_rest_book(&book), body);
    assert_eq!((book.min_order, book.neg_risk), (Some(qty("5")), Some(true)));
    assert_eq!(decode_rest_levels(&body).expect("levels").0, book.bids);
    let why = decode_rest_book("{\"error\":\"No orderbook exists\"}").expect_err("no book").to_string();
    assert!(why.starts_with("malformed rest book: missing field"), "{why}");
}

#[test]
fn events_carry_rows_and_come_best_first() {
    let universe = Universe::new(vec![Market {
        condition: ConditionId::parse(MARKET).expect("id"),
        event: None,
        yes: token("7"),
        no: token("8"),
        tick: TickSize::CENT,
        min_order: qty("5"),
        neg_risk: false,
        ready: true,
        rewards: None,
        resolving: false,
        starts: None,
        ends: None,
    }])
    .expect("one market");
    let mut out = Vec::new();
    let frame = "[{'market':'M','asset_id':'8','timestamp':'5','hash':'','bids':[{'price':'0.1','size':'2'},{'price':'0.2','size':'3'}],\
        'asks':[{'price':'0.9','size':'1'},{'price':'0.3','size':'4'}],'event_type':'book'},{'market':'M','price_changes':[\
        {'asset_id':'9','price':'0.5','size':'1','side':'BUY'},{'asset_id':'7','price':'0.5','size':'1','side':'BUY'}],\
        'timestamp':'6','event_type':'price_change'}]";
    let skipped: usize =
        read(frame).expect("frame").iter().map(|event| to_market_events(&universe, event, &mut out)).sum();
    assert_eq!((skipped, out.len()), (1, 2));
    let MarketEvent::Snapshot { token, bids, asks, .. } = &out[0] else { panic!("{out:?}") };
    assert_eq!(*token, Token { market: MarketIx(0), outcome: Outcome::No });
    assert_eq!((bids[0].0, asks[0].0), (price("0.2"), price("0.3")));
}
