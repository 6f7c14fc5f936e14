//! One budget over many markets (`strategy.md` section 3): what a dollar must bring for all wishes together to fit.
//!
//! `ΣJ_i` under `Σc_i·n_i ≤ C` is greatest where every market by itself makes most of `J_i − η·c_i·n_i`, with the least `η` at which they
//! spend no more than there is. The dearer a dollar, the less each spends: so `η` is found by halving, whatever each market's own search
//! looks like. Knows no market: whoever asks tells what all of them would spend at a price.

use crate::domain::Usdc;

/// What a dollar at work must bring a day beyond its capital cost, nano-dollars.
pub type MoneyPrice = u64;

/// The dearest: about a million dollars. Who still spends then asks no price.
const PRICE_MAX_BITS: u32 = 50;
/// Halvings after the power of two is known: to a part in a million. Where little is bought, little more than its price decides how much.
const HALVINGS: u32 = 20;

/// The least price at which no more than `budget` is spent, to a part in a million, never below it; zero where all fits, and where no
/// price helps because those who ask no price want more than there is.
///
/// `spent` must never rise with the price. It is asked at most 30 times.
pub fn money_price(budget: Usdc, mut spent: impl FnMut(MoneyPrice) -> Usdc) -> MoneyPrice {
    let mut fits = |price| spent(price) <= budget;
    if fits(0) || !fits(1 << PRICE_MAX_BITS) {
        return 0;
    }
    // powers of two: `low` does not fit, or is below one; `high` does
    let (mut low, mut high) = (0, PRICE_MAX_BITS);
    while high - low > 1 {
        let half = low.midpoint(high);
        if fits(1 << half) { high = half } else { low = half }
    }
    let (mut low, mut high) = (if low == 0 { 0u64 } else { 1 << low }, 1u64 << high);
    for _ in 0..HALVINGS {
        let half = low.midpoint(high);
        if half == low {
            break;
        }
        if fits(half) { high = half } else { low = half }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A market in the closed form of `strategy.md`: one distance, both sides as one.
    #[derive(Clone, Copy, Debug)]
    struct Claim {
        rate: f64,
        rivals: f64,
        weight: f64,
        cost: f64,
        /// Dollars a share ties up.
        dollars: f64,
        most: f64,
    }

    impl Claim {
        /// `n = (√(R·w·K/(m + η·c)) − K)/w`, inside its bounds.
        fn shares(&self, price: f64) -> f64 {
            let cost = self.cost + price * self.dollars;
            let score = (self.rate * self.weight * self.rivals / cost).sqrt() - self.rivals;
            (score / self.weight).clamp(0.0, self.most)
        }

        fn value(&self, n: f64) -> f64 {
            let score = self.weight * n;
            self.rate * score / (self.rivals + score) - self.cost * n
        }

        /// What one more share brings at `n`.
        fn slope(&self, n: f64) -> f64 {
            let total = self.rivals + self.weight * n;
            self.rate * self.weight * self.rivals / (total * total) - self.cost
        }
    }

    fn claims() -> impl Strategy<Value = Vec<Claim>> {
        let claim = (1.0..200.0, 10.0..2_000.0, 0.05..1.0, 0.0005..0.05, 0.1..1.0, 50.0..5_000.0).prop_map(
            |(rate, rivals, weight, cost, dollars, most)| Claim { rate, rivals, weight, cost, dollars, most },
        );
        prop::collection::vec(claim, 1..4)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test's small amounts")]
    fn usdc(dollars: f64) -> Usdc {
        Usdc::from_micro((dollars * 1e6) as u64)
    }

    #[expect(clippy::cast_precision_loss, reason = "a test's small amounts")]
    fn dollars(price: MoneyPrice) -> f64 {
        price as f64 / 1e9
    }

    fn spent(claims: &[Claim], price: f64) -> f64 {
        claims.iter().map(|claim| claim.dollars * claim.shares(price)).sum()
    }

    proptest! {
        /// Karush, Kuhn and Tucker: what is spent fits; where money is left over it is free; and a share more brings in every market
        /// what its dollars cost, less where nothing is bought, more where the bound is reached.
        #[test]
        fn every_last_dollar_brings_the_same(claims in claims(), part in 0.01f64..1.2) {
            let free = spent(&claims, 0.0);
            let budget = free * part;
            let price = money_price(usdc(budget), |price| usdc(spent(&claims, dollars(price))));
            let eta = dollars(price);
            prop_assert!(spent(&claims, eta) <= budget + 1e-5);
            if part >= 1.0 {
                prop_assert_eq!(price, 0);
            } else {
                prop_assert!(price == 0 || spent(&claims, eta * 0.999 - 2e-9) > budget - 1e-5, "the least price that fits");
            }
            for claim in &claims {
                let n = claim.shares(eta);
                let surplus = claim.slope(n) - eta * claim.dollars;
                let near = 1e-6 * (claim.slope(0.0) + claim.cost);
                prop_assert!(n <= 0.0 || surplus > -near, "too much of {claim:?}: {surplus}");
                prop_assert!(n >= claim.most || surplus < near, "too little of {claim:?}: {surplus}");
            }
        }

        /// No division of the budget on a grid brings more.
        #[test]
        fn no_division_on_a_grid_brings_more(claims in claims(), part in 0.02f64..1.0) {
            const STEPS: u32 = 60;
            let budget = spent(&claims, 0.0) * part;
            let price = money_price(usdc(budget), |price| usdc(spent(&claims, dollars(price))));
            let ours: f64 = claims.iter().map(|claim| claim.value(claim.shares(dollars(price)))).sum();
            // the best of the first so many steps of the budget, market by market
            let step = budget / f64::from(STEPS);
            let mut best = vec![0.0f64; STEPS as usize + 1];
            for claim in &claims {
                let value = |steps: u32| claim.value((f64::from(steps) * step / claim.dollars).min(claim.most));
                best = (0..=STEPS)
                    .map(|all| (0..=all).map(|here| best[(all - here) as usize] + value(here)).fold(f64::MIN, f64::max))
                    .collect();
            }
            let theirs = best[STEPS as usize];
            prop_assert!(ours >= theirs - 2e-3 * theirs.abs() - 1e-6, "{ours} against {theirs}");
        }
    }

    #[test]
    fn those_who_ask_no_price_leave_it_at_nothing() {
        let whole = |n: u64| Usdc::from_micro(n * 1_000_000);
        assert_eq!(money_price(whole(10), |_| whole(10)), 0);
        assert_eq!(money_price(whole(10), |_| whole(11)), 0);
        // the least price there is
        assert_eq!(money_price(whole(10), |price| whole(if price >= 1 { 10 } else { 11 })), 1);
        let mut asked = 0;
        let price = money_price(whole(10), |price| {
            asked += 1;
            whole(if price >= 123_456_789 { 10 } else { 11 })
        });
        assert!((123_456_789..123_456_789 + 200).contains(&price), "{price}");
        assert!(asked <= 30, "{asked}");
    }
}
