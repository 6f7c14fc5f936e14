//! The worst case of market, event and house against its definition, each market looked up by itself.

use super::tests::{Scene, wide};
use super::*;
use crate::rehearsal::{START, condition, order, policy_with};
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

    /// What the status tells of every cap on a market or an event is what asking for each market by itself gives.
    #[test]
    fn the_fullest_is_that_of_asking_for_each(
        listed in proptest::collection::vec(listed(), usize::from(MARKETS)),
        open in proptest::collection::vec(an_order(), 0..12),
        filled in proptest::collection::vec(an_order(), 0..12),
    ) {
        let mut scene = Scene::default();
        for order in open {
            scene.open(order);
        }
        filled.into_iter().for_each(|order| scene.filled(order));
        let (policy, exposure) = (policy(&listed), &scene.exposure);
        let usage = policy.usage(exposure, START);
        let check = |name: &str, used: &dyn Fn(&AllowedMarket) -> Amount| {
            let each = policy.markets().iter().map(|market| (used(market), market));
            let most = each.fold(None, |most: Option<(Amount, &AllowedMarket)>, next| match most {
                Some(most) if most.0 >= next.0 => Some(most),
                _ => Some(next),
            });
            let told = usage.iter().find(|cap| &*cap.name == name).expect("listed");
            let nothing = [Amount::Number(0), Amount::Usdc(Usdc::ZERO)];
            match most.filter(|(used, _)| !nothing.contains(used)) {
                Some((used, market)) => {
                    prop_assert_eq!((told.used, told.fullest.as_deref()), (Some(used), Some(&*market.slug)), "{}", name);
                }
                None => prop_assert!(told.fullest.is_none() && told.used.is_some_and(|used| nothing.contains(&used))),
            }
            Ok(())
        };
        let worst = |market: &AllowedMarket| policy.worst(exposure, &market.condition, Losses::default());
        let orders = |market: &AllowedMarket, token: Option<&TokenId>| {
            let live = exposure.live_in(&market.condition).filter(|order| token.is_none_or(|token| order.row.token == *token));
            live.fold((0_u32, Usdc::ZERO), |(n, sum), order| {
                (n + 1, sum.saturating_add(mm_core::domain::cost_ceil(order.row.price, order.open_qty())))
            })
        };
        let of_event = |market: &AllowedMarket| {
            policy.same_event(&market.condition).map(|other| orders(other, None)).fold((0, Usdc::ZERO), |sum, more| {
                (sum.0 + more.0, sum.1.saturating_add(more.1))
            })
        };
        let tokens = |market: &AllowedMarket| [&market.yes, &market.no].map(|token| orders(market, Some(token)));
        check("max_market_loss_usdc", &|market| worst(market).market.into())?;
        check("max_event_loss_usdc", &|market| worst(market).event.into())?;
        check("max_token_orders", &|market| tokens(market).map(|(n, _)| n).into_iter().max().unwrap_or(0).into())?;
        check("max_token_resting_usdc", &|market| tokens(market)[0].1.max(tokens(market)[1].1).into())?;
        check("max_market_orders", &|market| orders(market, None).0.into())?;
        check("max_market_resting_usdc", &|market| orders(market, None).1.into())?;
        check("max_event_orders", &|market| of_event(market).0.into())?;
        check("max_event_resting_usdc", &|market| of_event(market).1.into())?;
        let house = usage.iter().find(|cap| &*cap.name == "max_total_loss_usdc").and_then(|cap| cap.used);
        let expected = policy.markets().first().map_or(Usdc::ZERO, |market| worst(market).house);
        prop_assert_eq!(house, Some(expected.into()));
    }
}
