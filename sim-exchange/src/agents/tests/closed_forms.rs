//! Dealers between the traders of the textbooks earn what the textbooks say.

use super::super::*;
use super::scene::{MARKET, price, qty};
use super::street::{CAPITAL, Street, after_s, dealer, noise, still};
use crate::draws::real;
use crate::latent::{JumpSize, Jumps, ReceiverParams, Refresh};
use crate::theory;
use mm_core::domain::Nanos;

/// Mean and standard error.
fn estimate(samples: &[f64]) -> [f64; 2] {
    let n = real(u64::try_from(samples.len()).expect("small"));
    let mean = samples.iter().sum::<f64>() / n;
    let variance = samples.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0);
    [mean, (variance / n).sqrt()]
}

/// The seeds are fixed, so this cannot flicker.
#[track_caller]
fn covers([mean, error]: [f64; 2], want: f64) {
    assert!((mean - want).abs() < 3.0 * error, "{mean} ± {error}, not {want}");
}

/// Dealer's gain per arrival and share against 15 % insiders, in markets that are decided at the end.
fn against_insiders(seeds: u64, rule: DealerRule, belief: Belief) -> Vec<f64> {
    let one = |seed| {
        let (mut street, draws) = Street::new(still(0.5, Some(3_600)), Nanos::from_secs(60), seed);
        // it looks after each of its fills, and nothing else moves it
        street.sit(dealer(rule, belief, "100000", Nanos::from_secs(600)), None);
        // so many shares are worth the venue's smallest order, a dollar, at every price: nobody's size is raised
        street.sit(noise("noise/0", 85.0, "10000", &draws), None);
        let ears = ReceiverParams {
            market: MARKET,
            delay: Nanos::ZERO,
            noise_sd: 0.0,
            refresh: Refresh::Always,
            insider: true,
        };
        let ears = street.latent.receiver("informed/0", &ears, &draws).expect("possible");
        let style = InformedStyle::Outcome { size: qty("10000") };
        let params = InformedParams { market: MARKET, capital: CAPITAL, looks_per_h: 15.0, style };
        street.sit(Box::new(Informed::new("informed/0", params, &draws).expect("possible")), Some(ears));
        street.run(after_s(3_599));
        street.latent.advance(after_s(3_600));
        let winner = street.latent.resolved().next().expect("decided").winner;
        // arrivals by their rate, not by their number: a ratio of means has no bias this way
        street.gain(0, if winner == Outcome::Yes { 1.0 } else { 0.0 }) / 100.0 / 10_000.0
    };
    (0..seeds).map(one).collect()
}

#[test]
fn a_dealer_at_glosten_milgrom_quotes_breaks_even() {
    let gm = DealerRule::GlostenMilgrom { informed: 0.15, buys: 0.5 };
    covers(estimate(&against_insiders(1_500, gm, Belief::Stays(0.5))), theory::fixed_quote_profit(0.075, 0.15));
    let learning = estimate(&against_insiders(600, gm, Belief::Learns(0.5)));
    covers(learning, 0.0);
    assert!(learning[1] < 0.002, "one who learns risks little: {learning:?}");
}

#[test]
fn a_dealer_at_a_fixed_spread_earns_what_theory_says() {
    for h in ["0.1", "0.03"] {
        let rule = DealerRule::Fixed { half_spread: price(h) };
        let gain = estimate(&against_insiders(1_500, rule, Belief::Stays(0.5)));
        let half = f64::from(price(h).ten_thousandths()) / 10_000.0;
        covers(gain, theory::fixed_quote_profit(half, 0.15));
        assert!(gain[1] < 0.002, "and tells it from doing nothing: {gain:?}");
    }
}

/// Dealer's gain per second and share between noise at 0.8/s and snipers at jumps of 0.1/s with mean 3 cents.
fn against_snipers(seeds: u64, half_spread: &str) -> Vec<f64> {
    let one = |seed| {
        let mut process = still(0.5, None);
        let size = JumpSize::ExponentialDollars { mean: 0.03 };
        process.jumps = Some(Jumps { per_h: 360.0, size, public: true });
        let (mut street, draws) = Street::new(process, Nanos::from_secs(60), seed);
        let ears = ReceiverParams {
            market: MARKET,
            delay: Nanos::ZERO,
            noise_sd: 0.0,
            refresh: Refresh::Always,
            insider: false,
        };
        let ears = street.latent.receiver("dealer/0", &ears, &draws).expect("possible");
        let rule = DealerRule::Fixed { half_spread: price(half_spread) };
        street.sit(dealer(rule, Belief::Signal, "10", Nanos::from_ms(50)), Some(ears));
        street.sit(noise("noise/0", 2_880.0, "10", &draws), None);
        let params = SniperParams { market: MARKET, capital: CAPITAL, threshold: price("0"), max: qty("10") };
        street.sit(Box::new(Sniper::new("sniper/0", params).expect("possible")), None);
        street.run(after_s(60));
        let p = street.latent.probability(MARKET).expect("there is one");
        street.gain(0, p) / 60.0 / 10.0
    };
    (0..seeds).map(one).collect()
}

#[test]
fn a_dealer_among_snipers_earns_what_theory_says() {
    for half_spread in ["0.0034", "0.01", "0.03"] {
        let h = f64::from(price(half_spread).ten_thousandths()) / 10_000.0;
        let gain = estimate(&against_snipers(400, half_spread));
        covers(gain, 0.8 * h - 0.1 * theory::mean_excess(0.03, h));
        assert!(gain[1] < 0.000_5, "{gain:?}");
    }
}
