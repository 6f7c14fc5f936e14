//! What one agent does, and that it is there at all, changes nobody's luck.

use super::super::*;
use super::scene::{MARKET, START, price, qty};
use super::street::{CAPITAL, Street, after_s, noise, still};
use crate::draws::Draws;
use crate::latent::{Blind, JumpSize, Jumps, ReceiverParams, Refresh};
use mm_core::domain::Nanos;

/// A whole street: reward-less makers, noise, informed traders and snipers around a moving price.
fn lively(seed: u64, seats: &[&str]) -> Street {
    let mut process = still(0.5, None);
    process.volatility_per_sqrt_h = 0.3;
    process.jumps = Some(Jumps { per_h: 20.0, size: JumpSize::Normal { mean: 0.0, sd: 0.2 }, public: true });
    let (mut street, draws) = Street::new(process, Nanos::from_secs(1), seed);
    for name in seats {
        let delay = if name.starts_with("maker") { Nanos::from_ms(300) } else { Nanos::ZERO };
        let refresh = Refresh::Every(Nanos::from_ms(100));
        let ears = ReceiverParams { market: MARKET, delay, noise_sd: 0.01, refresh, insider: false };
        let ears = street.latent.receiver(name, &ears, &draws).expect("possible");
        let rule = EdgeRule {
            threshold: price("0.002"),
            unit: price("0.01"),
            per_unit: qty("30"),
            min: qty("5"),
            max: qty("100"),
        };
        let agent: Box<dyn Agent> = match name.split('/').next() {
            Some("noise") => noise(name, 600.0, "12", &draws),
            Some("informed") => {
                let style = InformedStyle::Estimate(rule);
                let params = InformedParams { market: MARKET, capital: CAPITAL, looks_per_h: 200.0, style };
                Box::new(Informed::new(name, params, &draws).expect("possible"))
            }
            Some("sniper") => {
                let params =
                    SniperParams { market: MARKET, capital: CAPITAL, threshold: price("0.001"), max: qty("80") };
                Box::new(Sniper::new(name, params).expect("possible"))
            }
            _ => {
                let params = MakerParams {
                    market: MARKET,
                    capital: CAPITAL,
                    look_every: Nanos::from_secs(2),
                    size: qty("60"),
                    distance: Distance::Fixed(price("0.01")),
                    signal_share: 0.8,
                    skew: price("0.002"),
                    max_position: qty("400"),
                    tolerance: price("0.002"),
                    refill_below: 0.5,
                };
                Box::new(Maker::new(name, params, &draws).expect("possible"))
            }
        };
        street.sit(agent, Some(ears));
    }
    street.run(after_s(1_800));
    street
}

fn purses(street: &Street) -> Vec<(String, i64, [i64; 2])> {
    let mut all: Vec<_> =
        street.seats.iter().map(|seat| (seat.agent.name().to_owned(), seat.cash, seat.shares)).collect();
    all.sort();
    all
}

#[test]
fn where_an_agent_sits_changes_nothing() {
    let seats = ["maker/0", "maker/1", "noise/0", "noise/1", "informed/0", "sniper/0"];
    let street = lively(5, &seats);
    assert!(street.trades > 300, "a lively street: {} trades", street.trades);
    let cash: i64 = street.seats.iter().map(|seat| seat.cash).sum();
    let shares = [0, 1].map(|n: usize| street.seats.iter().map(|seat| seat.shares[n]).sum::<i64>());
    assert_eq!([cash, shares[0]], [-shares[1], shares[1]], "a dollar paid in for each pair, nothing else");
    let mut turned = seats;
    turned.reverse();
    assert_eq!(purses(&street), purses(&lively(5, &turned)));
    assert_ne!(purses(&street), purses(&lively(6, &seats)));
}

#[test]
fn another_agent_s_presence_changes_nobody_s_luck() {
    let wakes = |street: &Street, name: &str| {
        street.seats.iter().find(|seat| seat.agent.name() == name).expect("there").wakes.clone()
    };
    let few = lively(5, &["maker/0", "noise/0", "informed/0"]);
    let many = lively(5, &["sniper/0", "noise/1", "maker/0", "informed/1", "noise/0", "maker/1", "informed/0"]);
    for name in ["maker/0", "noise/0", "informed/0"] {
        assert!(wakes(&few, name).len() > 50);
        assert_eq!(wakes(&few, name), wakes(&many, name), "{name}");
    }
    assert_ne!(wakes(&many, "noise/0"), wakes(&many, "noise/1"), "each has its own");
    assert_eq!(few.latent.log_odds(MARKET), many.latent.log_odds(MARKET));
}

#[test]
fn a_forked_agent_goes_on_alike() {
    let draws = Draws::new(3);
    let mut first = noise("noise/0", 600.0, "12", &draws);
    let (board, own) = (Board::new(Vec::new(), Nanos::ZERO), Own::default());
    let seen = Seen { board: &board, signals: &Blind, own: &own };
    let (mut at, mut out) = (START, Vec::new());
    for _ in 0..20 {
        at = first.wake(at, &seen, &mut out).expect("noise never ends");
    }
    let mut second = first.fork();
    for _ in 0..20 {
        let next = first.wake(at, &seen, &mut out);
        assert_eq!(next, second.wake(at, &seen, &mut out));
        at = next.expect("noise never ends");
    }
}
