//! Two roads, one meaning: whatever the fast one takes, the tolerant one reads alike; what is read straight to events of our
//! rows is what comes of the venue's events.

use super::*;
use crate::domain::{Market, Universe};
use crate::event::MarketEvent;
use proptest::prelude::*;

const MARKET: &str = "0x1587ee233e3c926209cc5c4f888f34c96c9c7f7c1448d17989d3b7a79c1cdf32";
const HASH: &str = "52a1ab0b83926e8d34a1018feea85a50af0cea81";
/// Tokens of the venue's length that differ in their last digit alone; the third is in no universe.
const YES: &str = "69910730841487615802736046038473620030754616421912831175284551372639933569112";
const NO: &str = "69910730841487615802736046038473620030754616421912831175284551372639933569113";
const STRANGER: &str = "69910730841487615802736046038473620030754616421912831175284551372639933569114";

/// Ids are written `M`, `Y`, `N`, `S`, a hash `H`, and `'` stands for `"`.
fn frame(text: &str) -> String {
    let mut text = text.replace('\'', "\"");
    for (short, long) in [("M", MARKET), ("Y", YES), ("N", NO), ("S", STRANGER), ("H", HASH)] {
        text = text.replace(&format!("\"{short}\""), &format!("\"{long}\""));
    }
    text
}

/// Frames of all usual shapes, as the venue writes them.
fn usual() -> Vec<String> {
    [
        "[{'market':'M','asset_id':'Y','timestamp':'1773409588875','hash':'H','bids':[{'price':'0.1','size':'2'},{'price':'0.2',\
         'size':'3.5'}],'asks':[{'price':'0.9','size':'1'}],'tick_size':'0.01','event_type':'book','last_trade_price':'0.140'},\
         {'market':'M','asset_id':'8','timestamp':'5','hash':'','bids':[],'asks':[],'tick_size':'0.001','event_type':'book',\
         'last_trade_price':''}]",
        "{'market':'M', 'asset_id':'7', 'bids':[{'price':'0.1', 'size':'2'}], 'asks':[{'price':'0.9', 'size':'1'}, \
         {'price':'0.85', 'size':'10.123456'}], 'hash':'H', 'timestamp':'1773409588875', 'event_type':'book'}",
        "{'market':'M','price_changes':[{'asset_id':'Y','price':'0.85','size':'503.32','side':'BUY','hash':'H',\
         'best_bid':'0.85','best_ask':'0.86'},{'asset_id':'N','price':'0.15','size':'503.32','side':'SELL','hash':'H',\
         'best_bid':'0.14','best_ask':'0.15'}],'timestamp':'1773409588875','event_type':'price_change'}",
        "{'market':'M', 'price_changes':[{'asset_id':'7', 'price':'.15', 'size':'0', 'side':'SELL', 'hash':'', \
         'best_bid':'0', 'best_ask':'1'}, {'asset_id':'S', 'price':'0.0001', 'size':'12345678.123456', 'side':'BUY', 'hash':'H', \
         'best_bid':'', 'best_ask':'0.9999'}], 'timestamp':'9', 'event_type':'price_change'}",
        "{'market':'M','asset_id':'N','price':'0.58','size':'16.39','fee_rate_bps':'1000','side':'BUY','timestamp':'1773409588875',\
         'event_type':'last_trade_price','transaction_hash':'0x4a1b'}",
        "[]",
    ]
    .map(frame)
    .to_vec()
}

fn universe() -> Universe {
    let market = |condition: &str, yes, no| Market {
        condition: ConditionId::parse(condition).expect("id"),
        event: None,
        yes: TokenId::parse(yes).expect("id"),
        no: TokenId::parse(no).expect("id"),
        tick: TickSize::CENT,
        min_order: Qty::from_micro(5_000_000),
        neg_risk: false,
        ready: true,
        rewards: None,
        resolving: false,
        starts: None,
        ends: None,
    };
    Universe::new(vec![market(MARKET, YES, NO), market(&MARKET.replace("1587", "1588"), "7", "8")])
        .expect("two markets")
}

/// Both readings against the tolerant road; which road they took.
fn roads(universe: &Universe, text: &str) -> Result<Road, TestCaseError> {
    let tolerant = decode_tolerant(text);
    let mut expected = vec![MarketEvent::Resolved { market: crate::domain::MarketIx(9) }];
    let mut direct = expected.clone();
    let told = read(universe, text, &mut direct);
    match (decode(text), &tolerant) {
        (Ok((frame, road)), Ok(slow)) => {
            prop_assert_eq!(&frame, slow, "{}", text);
            let Ok(Read::Events { road: direct_road, unknown, strangers }) = told else {
                prop_assert_eq!((told, slow), (Ok(Read::Text), &MarketFrame::Text), "{}", text);
                return Ok(road);
            };
            let MarketFrame::Events(wire) = slow else { panic!("text was read as events: {text}") };
            let skipped: usize = wire.iter().map(|event| to_market_events(universe, event, &mut expected)).sum();
            let unheard_of = wire.iter().filter(|event| matches!(event, WireEvent::Unknown { .. })).count() as u64;
            prop_assert_eq!((&direct, strangers, unknown), (&expected, skipped, unheard_of), "{}", text);
            prop_assert_eq!(direct_road, road, "{}", text);
            Ok(road)
        }
        (fast, Err(why)) => {
            prop_assert_eq!(fast.map(|(frame, _)| frame), tolerant.clone(), "{}", text);
            prop_assert_eq!((told, &direct), (Err(why.clone()), &expected), "{}", text);
            Ok(Road::Tolerant)
        }
        (Err(why), Ok(slow)) => panic!("{why} where the tolerant road reads {slow:?}: {text}"),
    }
}

#[test]
fn usual_shapes_take_the_fast_road() {
    let universe = universe();
    for text in usual() {
        assert_eq!(roads(&universe, &text).expect("alike"), Road::Fast, "{text}");
    }
}

#[test]
fn cut_off_anywhere_a_frame_is_read_alike_or_refused_alike() {
    let universe = universe();
    for text in usual() {
        for len in 0..text.len() {
            let road = roads(&universe, &text[..len]).expect("alike");
            assert_eq!(road, Road::Tolerant, "half a frame is not a usual shape: {}", &text[..len]);
        }
    }
}

/// Numbers and ids in the forms the venue has and in those next to them.
fn odd_values() -> impl Strategy<Value = String> {
    prop_oneof![
        "0\\.[0-9]{1,5}",
        "[01]?\\.?[0-9]{0,4}",
        "[0-9]{0,14}(\\.[0-9]{0,8})?",
        "[0-9]{11,20}",
        "-?[0-9]e[0-9]",
        "[0-9a-fA-F]{38,41}",
        Just(YES[..76].to_owned()),
        Just(format!("{YES}0")),
        Just("BUY".to_owned()),
        Just("SELL".to_owned()),
        Just("buy".to_owned()),
        Just(String::new()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..Default::default() })]
    /// Bytes cut out, doubled, moved or replaced, and a number of another form.
    #[test]
    fn the_two_roads_never_differ(
        which in 0usize..6,
        values in prop::collection::vec((any::<usize>(), odd_values()), 0..3),
        edits in prop::collection::vec((any::<usize>(), 0usize..14, 1usize..40, 0u8..4), 0..3),
    ) {
        const PIECES: [&str; 14] =
            ["\"", ",", "0", "1", ".", "-", " ", "}", "]", "null", "\\u0031", "e1", "\"size\":\"1\",", "é"];
        let mut text = usual()[which].clone();
        for (place, value) in values {
            // the insides of strings: every second piece between quotes
            let mut pieces: Vec<&str> = text.split('"').collect();
            if pieces.len() > 1 {
                let n = place % (pieces.len() / 2) * 2 + 1;
                pieces[n] = &value;
            }
            text = pieces.join("\"");
        }
        for (place, piece, len, how) in edits {
            let at = text.floor_char_boundary(place % (text.len() + 1));
            let end = text.floor_char_boundary((at + len).min(text.len()));
            match how {
                0 => text.insert_str(at, PIECES[piece]),
                1 => text.replace_range(at..text.ceil_char_boundary((at + 1).min(text.len())), PIECES[piece]),
                2 => text.replace_range(at..end, ""),
                _ => {
                    let copy = text[at..end].to_owned();
                    text.insert_str(end, &copy);
                }
            }
        }
        roads(&universe(), &text)?;
    }

    /// An odd value where a number, a hash or a time is due, everything else as usual.
    #[test]
    fn odd_values_in_their_places_are_read_alike(value in odd_values(), place in 0usize..6) {
        let mut values = ["0.85", "503.32", HASH, "0.85", "0.86", "1773409588875"];
        values[place] = &value;
        let [price, qty, hash, bid, ask, ms] = values;
        let text = frame(&format!(
            "{{'market':'M','price_changes':[{{'asset_id':'Y','price':'{price}','size':'{qty}','side':'SELL','hash':'{hash}',\
             'best_bid':'{bid}','best_ask':'{ask}'}}],'timestamp':'{ms}','event_type':'price_change'}}"
        ));
        roads(&universe(), &text)?;
    }

    /// Whatever the digits are, a frame of a usual shape with values of usual forms is read the same, and mostly on the fast road.
    #[test]
    fn any_digits_of_usual_forms_are_read_in_place(
        price in "0\\.[0-9]{0,3}[1-9]", qty in "[1-9][0-9]{0,6}(\\.[0-9]{1,6})?", hash in "[0-9a-f]{40}",
        bid in "0\\.[0-9]{0,3}[1-9]", ms in "1[0-9]{12}", buys in any::<bool>(),
    ) {
        let side = if buys { "BUY" } else { "SELL" };
        let text = frame(&format!(
            "{{'market':'M','price_changes':[{{'asset_id':'Y','price':'{price}','size':'{qty}','side':'{side}','hash':'{hash}',\
             'best_bid':'{bid}','best_ask':'1'}}],'timestamp':'{ms}','event_type':'price_change'}}"
        ));
        prop_assert_eq!(roads(&universe(), &text)?, Road::Fast, "{}", text);
    }
}
