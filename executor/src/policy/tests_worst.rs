//! The worst case of market, event and house against its definition, each market looked up by itself.

use super::tests::{Scene, wide};
use super::*;
use crate::rehearsal::{condition, order, policy_with};
use mm_core::domain::{NewOrder, Side};
use proptest::prelude::*;

const MARKETS: u16 = 6;

/// How a market is listed: not at all, or in which event, and whether it excludes the event's others.
type Listed = Option<(Option<u8>, bool)>;

fn listed() -> impl Strategy<Value = Listed> {
    proptest::option::weighted(0.8, (proptest::option::of(0..2_u8), any::<bool>()))
}

fn an_order() -> impl Strategy<Value = NewOrder> {
    (0..MARKETS, any::<bool>(), any::<bool>(), 1..100_u16, 1..50_u64).prop_map(|(market, yes, sell, cents, shares)| {
        let outcome = if yes { Outcome::Yes } else { Outcome::No };
        order(market, outcome, if sell { Side::Sell } else { Side::Buy }, cents, shares)
    })
}

fn policy(listed: &[Listed]) -> Policy {
    let markets = policy_with(wide(), MARKETS).markets().to_vec().into_iter().zip(listed);
    let markets = markets.filter_map(|(market, listed)| {
        let (event, neg_risk) = (*listed)?;
        let event = event.map(|n| EventId::parse(&n.to_string()).expect("a number"));
        Some(AllowedMarket { event, neg_risk, ..market })
    });
    Policy::new(wide(), markets.collect()).expect("distinct tokens")
}

/// The most a set of markets of one event loses: one that excludes the others ends YES, or none does; all else as it hurts most.
fn of_event(members: &[(Losses, bool)]) -> i128 {
    let apart: i128 = members.iter().filter(|(_, exclusive)| !exclusive).map(|(losses, _)| losses.worst()).sum();
    let exclusive: Vec<_> = members.iter().filter(|(_, exclusive)| *exclusive).map(|(losses, _)| *losses).collect();
    let ends = |yes: Option<usize>| -> i128 {
        exclusive.iter().enumerate().map(|(n, losses)| if yes == Some(n) { losses.yes } else { losses.no }).sum()
    };
    let worst = (0..exclusive.len()).map(Some).chain([None]).map(ends).max();
    apart + worst.unwrap_or_default()
}

proptest! {
    #[test]
    fn it_is_that_of_every_ending_however_markets_are_listed(
        listed in proptest::collection::vec(listed(), usize::from(MARKETS)),
        open in proptest::collection::vec(an_order(), 0..12),
        filled in proptest::collection::vec(an_order(), 0..12),
        wanted in an_order(),
    ) {
        let mut scene = Scene::default();
        for order in open {
            scene.open(order);
        }
        filled.into_iter().for_each(|order| scene.filled(order));
        let (exposure, own) = (&scene.exposure, wanted.token.market.0);
        for more in [Losses::default(), Losses::of_open(wanted.token.outcome, wanted.side, wanted.price, wanted.qty)] {
            let losses = |n: u16| {
                let held = exposure.losses(&condition(n));
                if n == own { held.plus(more) } else { held }
            };
            // A market without an event, or without a place on the list, is one of its own.
            let event = |n: u16| listed[usize::from(n)].map_or((u16::MAX, n), |(event, _)| (event.map_or(n, |e| 100 + u16::from(e)), 0));
            let of = |key| {
                let members = (0..MARKETS).filter(|n| event(*n) == key);
                of_event(&members.map(|n| (losses(n), listed[usize::from(n)].is_some_and(|(_, x)| x))).collect::<Vec<_>>())
            };
            let mut keys: Vec<_> = (0..MARKETS).map(event).collect();
            keys.sort_unstable();
            keys.dedup();
            let worst = Worst {
                market: dollars(losses(own).worst()),
                event: dollars(of(event(own))),
                house: dollars(keys.into_iter().map(|key| of(key).max(0)).sum()),
            };
            prop_assert_eq!(policy(&listed).worst(exposure, &condition(own), more), worst);
        }
    }
}
