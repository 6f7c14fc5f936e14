//! The numbers printed in the simulator's design, section 7, to the digits printed there.

use super::*;
use proptest::prelude::*;

/// Equal to as many decimals as are given.
#[track_caller]
fn prints(x: f64, decimals: usize, text: &str) {
    assert_eq!(format!("{x:.decimals$}"), text);
}

#[test]
fn glosten_milgrom_quotes() {
    for (p, mu, bid, ask) in
        [(0.5, 0.15, "0.425000", "0.575000"), (0.3, 0.15, "0.240566", "0.367021"), (0.8, 0.3, "0.682927", "0.881356")]
    {
        let quotes = glosten_milgrom(p, mu, 0.5);
        prints(quotes[0], 6, bid);
        prints(quotes[1], 6, ask);
    }
}

#[test]
fn a_fixed_quote_breaks_even_at_the_glosten_milgrom_spread() {
    let [bid, ask] = glosten_milgrom(0.5, 0.15, 0.5);
    prints(ask - bid, 12, "0.150000000000");
    assert!(fixed_quote_profit((ask - bid) / 2.0, 0.15).abs() < 1e-12);
    prints(fixed_quote_profit(0.1, 0.15), 3, "0.025");
}

#[test]
fn kyle_s_auction() {
    let Kyle { lambda, beta, insider } = kyle(0.08, 40.0);
    prints(lambda, 6, "0.001000");
    prints(beta, 3, "500.000");
    prints(insider, 6, "1.600000");
}

#[test]
fn competitive_half_spreads_under_jumps() {
    prints(competitive_half_spread(0.8, 0.1, 0.03), 8, "0.00335340");
    prints(competitive_half_spread(1.5, 0.2, 0.05), 8, "0.00592203");
    for (noise, jumps, mean) in [(0.8, 0.1, 0.03), (1.5, 0.2, 0.05), (0.1, 10.0, 0.2)] {
        let h = competitive_half_spread(noise, jumps, mean);
        let gap = noise * h - jumps * mean_excess(mean, h);
        assert!(gap.abs() < 1e-15, "income and loss differ by {gap}");
    }
}

#[test]
fn lambert_s_function_at_known_points_and_its_ends() {
    prints(lambert_w(1.0), 12, "0.567143290410");
    prints(lambert_w(std::f64::consts::E), 12, "1.000000000000");
    prints(lambert_w(0.0), 1, "0.0");
    prints(lambert_w(-0.2), 12, "-0.259171101819");
    assert!((lambert_w(-libm::exp(-1.0)) + 1.0).abs() < 1e-7);
    assert!(lambert_w(-0.4).is_nan() && lambert_w(f64::NAN).is_nan() && lambert_w(f64::INFINITY).is_infinite());
}

proptest! {
    #[test]
    fn lambert_s_function_is_an_inverse(w in -0.99f64..200.0) {
        let x = w * libm::exp(w);
        prop_assert!((lambert_w(x) - w).abs() <= 1e-10 * w.abs().max(1.0) / (1.0 + w), "{} for {}", lambert_w(x), w);
    }

    #[test]
    fn a_dealer_s_quotes_surround_the_belief(p in 0.01f64..0.99, mu in 0.0f64..0.99, eta in 0.01f64..0.99) {
        let [bid, ask] = glosten_milgrom(p, mu, eta);
        prop_assert!(bid <= p + 1e-12 && p <= ask + 1e-12);
        // and are beliefs: their mean over the next trade is the belief now
        let buy = p * (mu + (1.0 - mu) * eta) + (1.0 - p) * (1.0 - mu) * eta;
        prop_assert!((buy * ask + (1.0 - buy) * bid - p).abs() < 1e-12);
    }
}

#[test]
fn avellaneda_and_stoikov_in_dollars() {
    let [reservation, spread] = avellaneda_stoikov(0.42, 30.0, 1.5, 0.015, 70.0, 12.0);
    prints(reservation, 4, "0.2985");
    prints(spread, 7, "0.0323196");
}

#[test]
fn log_odds_with_reversion_and_jumps() {
    // start 0.4 and level 0.5 are probabilities
    let x0 = libm::log(0.4 / 0.6);
    let [mean, variance] = reverting_moments(x0, 0.0, 0.1, 0.15, 0.05, [0.0, 0.6], 12.0);
    prints(mean, 6, "-0.122124");
    prints(variance, 6, "0.184130");
}

#[test]
fn drift_of_a_martingale() {
    prints(martingale_drift(0.4, 0.15), 5, "-0.00225");
    assert!(martingale_drift(0.5, 3.0).abs() < 1e-15);
}

#[test]
fn poisson_counts() {
    assert_eq!(poisson_interval(2.5 * 30.0, 0.99), [54, 98]);
    assert_eq!(poisson_interval(0.001, 0.99), [0, 0]);
    let [low, high] = poisson_interval(1_000_000.0, 0.95);
    assert!((low, high) > (998_030, 0) && low < 998_050 && high > 1_001_950 && high < 1_001_970, "{low} {high}");
}

#[test]
fn the_best_of_four_dealers() {
    prints(best_of_dealers(4, 0.03), 6, "0.006000");
}

#[test]
fn the_loss_of_a_scoring_rule() {
    prints(lmsr_loss(80.0, 2), 4, "55.4518");
}

#[test]
fn speed_in_a_batch_auction() {
    prints(batch_speed_value(1.0, 100.0), 4, "0.0100");
    prints(batch_speed_value(200.0, 100.0), 4, "1.0000");
}

#[test]
fn runs_for_a_power() {
    assert_eq!(paired_runs(0.3, 0.8, 0.05), 90);
}

#[test]
fn the_break_even_table() {
    let maker = BreakEven::KNOWN;
    for (h, net) in [(0.5, "-1.13"), (1.0, "6.63"), (1.5, "9.16"), (2.0, "8.96"), (3.0, "5.98")] {
        prints(maker.net(h), 2, net);
    }
    prints(maker.rewards(4.0), 1, "0.0");
}
