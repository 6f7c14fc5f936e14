//! Whatever bytes come: the fast and the tolerant decoder read a frame alike or refuse it alike, as the venue's events and as events of
//! our rows, and neither panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mm_core::io::recorded::Recorded;
use mm_core::venue::market_ws::{self, MarketFrame, Read, Road};

fuzz_target!(|text: &str| {
    let tolerant = market_ws::decode_tolerant(text);
    // whatever markets it names are ours
    let mut recorded = Recorded::default();
    if let Ok(MarketFrame::Events(events)) = &tolerant {
        events.iter().for_each(|event| recorded.learn(event));
    }
    let universe = recorded.universe();
    let (decoded, road) = match market_ws::decode(text) {
        Ok((frame, road)) => (Ok(frame), road),
        Err(why) => (Err(why), Road::Tolerant),
    };
    assert_eq!(decoded, tolerant);
    let (mut direct, mut expected) = (Vec::new(), Vec::new());
    match (market_ws::read(universe, text, &mut direct), &tolerant) {
        (Ok(Read::Events { road: other, .. }), Ok(MarketFrame::Events(events))) => {
            assert_eq!(other, road);
            for event in events {
                market_ws::to_market_events(universe, event, &mut expected);
            }
        }
        (Ok(Read::Text), Ok(MarketFrame::Text)) => {}
        (Err(why), Err(same)) => assert_eq!(why, *same),
        (told, _) => panic!("told {told:?} of what decodes as {tolerant:?}"),
    }
    assert_eq!(direct, expected);
});
