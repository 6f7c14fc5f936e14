//! Inventory leaning: how far both quotes move to shed what is held, of this outcome and of those that exclude it; and how much of an
//! outcome's own that is worth, for a model that knows one inventory only.

use super::View;
use crate::domain::Qty;
use crate::rewards::Midpoint;

/// Half ten-thousandths in a dollar.
const HALVES: f64 = 20_000.0;

/// Another market of the same event, of whose markets exactly one ends in YES.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linked {
    /// Its reference midpoint.
    pub midpoint: Midpoint,
    /// Held of its first outcome.
    pub yes: Qty,
    /// Held of its second outcome.
    pub no: Qty,
}

/// Probability and net YES holdings, hundreds of shares, of one outcome.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    p: f64,
    hundreds: f64,
}

impl Outcome {
    fn new(midpoint: Midpoint, yes: Qty, no: Qty) -> Self {
        let net = i128::from(yes.micro()) - i128::from(no.micro());
        #[expect(clippy::cast_precision_loss, reason = "what is rounded to ticks needs no last millionth of a share")]
        let hundreds = net as f64 / 1e8;
        Self { p: (f64::from(midpoint.halves()) / HALVES).clamp(1e-4, 1.0 - 1e-4), hundreds }
    }
}

/// By how many whole ticks both quotes move, in YES terms: down (negative) when long YES or short of the others, else up. Rounded to the
/// nearest tick.
///
/// From the probability to the reservation price of a holder to resolution with exponential utility (`strategy.md` section 4): it stays
/// between zero and one dollar, and moves less where prices do. `γ` is such that at 0.50 a hundred net shares of one outcome alone
/// move it by the configured skew.
pub(super) fn ticks<B>(view: &View<'_, B>, fair: Midpoint) -> i32 {
    let skew = view.params.skew_per_100_shares.ten_thousandths();
    let held_is_even = |yes: Qty, no: Qty| yes == no;
    let (yes, no) = (view.held.yes.matched, view.held.no.matched);
    if skew == 0 || (held_is_even(yes, no) && view.linked.iter().all(|other| held_is_even(other.yes, other.no))) {
        return 0;
    }
    // at p = 1/2 the logistic's slope is 1/4
    let gamma = 4.0 * f64::from(skew) / 10_000.0;
    let others = view.linked.iter().map(|other| Outcome::new(other.midpoint, other.yes, other.no));
    let moved = moved(gamma, Outcome::new(fair, yes, no), others);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a price moves by less than a dollar, ten thousand ticks at most"
    )]
    let ticks = libm::round(moved * 10_000.0 / f64::from(view.market.tick.ten_thousandths())) as i32;
    ticks
}

/// Net hundreds of YES shares which, held of this outcome alone, would move its reservation price as far as all that is held of the
/// event does: `logit r = logit p − γ` times them. `γ` is for a hundred shares, above zero.
pub(super) fn inventory<B>(view: &View<'_, B>, fair: Midpoint, gamma: f64) -> f64 {
    let of = Outcome::new(fair, view.held.yes.matched, view.held.no.matched);
    if view.linked.iter().all(|other| other.yes == other.no) {
        return of.hundreds;
    }
    hundreds_alone(gamma, of, view.linked.iter().map(|other| Outcome::new(other.midpoint, other.yes, other.no)))
}

/// `q_i + ln(Σ_j p_j e^(−γ q_j) / Σ_j p_j) / γ` over the others: what follows from `r_i` and the logit of it.
fn hundreds_alone(gamma: f64, of: Outcome, others: impl Iterator<Item = Outcome> + Clone) -> f64 {
    let others = others.clone().chain(unfollowed(of, others));
    // in logarithms, the largest term taken out: no power overflows
    let total = |gamma: f64| {
        let terms = others.clone().map(|other| libm::log(other.p) - gamma * other.hundreds);
        let most = terms.clone().fold(f64::NEG_INFINITY, f64::max);
        most + libm::log(terms.map(|term| libm::exp(term - most)).sum())
    };
    of.hundreds + (total(gamma) - total(0.0)) / gamma
}

/// How far the reservation price is from what it is with nothing held.
fn moved(gamma: f64, of: Outcome, others: impl Iterator<Item = Outcome> + Clone) -> f64 {
    let all = of.p + others.clone().map(|other| other.p).sum::<f64>();
    reservation(gamma, of, others) - of.p / all.max(1.0)
}

/// What the probabilities leave of a whole: outcomes that are not followed, of which nothing is held.
fn unfollowed(of: Outcome, others: impl Iterator<Item = Outcome>) -> Option<Outcome> {
    let rest = 1.0 - of.p - others.map(|other| other.p).sum::<f64>();
    (rest > 0.0).then_some(Outcome { p: rest, hundreds: 0.0 })
}

/// `r_i = p_i e^(−γ q_i) / Σ_j p_j e^(−γ q_j)`, with what is [`unfollowed`] as one more outcome; if the probabilities are more than a
/// whole together, each counts as its part of them.
fn reservation(gamma: f64, of: Outcome, others: impl Iterator<Item = Outcome> + Clone) -> f64 {
    let rest = unfollowed(of, others.clone());
    // each term as its ratio to this outcome's, in logarithms: no power overflows into another
    let odds = |other: Outcome| {
        let x = libm::log(of.p / other.p) - gamma * (of.hundreds - other.hundreds);
        libm::exp(-x)
    };
    1.0 / (1.0 + others.chain(rest).map(odds).sum::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Outcomes of one event, and the reservation price of each.
    fn prices(gamma: f64, outcomes: &[Outcome]) -> Vec<f64> {
        let others = |n: usize| outcomes.iter().enumerate().filter(move |(k, _)| *k != n).map(|(_, other)| *other);
        outcomes.iter().enumerate().map(|(n, of)| reservation(gamma, *of, others(n))).collect()
    }

    fn outcome() -> impl Strategy<Value = Outcome> {
        (1e-4..0.9999f64, -20.0..20.0f64).prop_map(|(p, hundreds)| Outcome { p, hundreds })
    }

    proptest! {
        #[test]
        fn one_more_share_lowers_its_own_price_and_raises_all_others(
            outcomes in prop::collection::vec(outcome(), 1..8),
            gamma in 0.001..0.5f64,
            nth in any::<prop::sample::Index>(),
            more in 0.01..5.0f64,
        ) {
            let before = prices(gamma, &outcomes);
            prop_assert!(before.iter().all(|r| *r > 0.0 && *r < 1.0), "{before:?}");
            prop_assert!(before.iter().sum::<f64>() <= 1.0 + 1e-9, "{before:?}");
            let nth = nth.index(outcomes.len());
            let mut longer = outcomes.clone();
            longer[nth].hundreds += more;
            for (n, (was, is)) in before.iter().zip(prices(gamma, &longer)).enumerate() {
                // a price that is all but zero or one has no room to move in
                let clear = [was, &before[nth]].iter().all(|r| **r > 1e-9 && **r < 1.0 - 1e-9);
                let (low, high) = if n == nth { (is, *was) } else { (*was, is) };
                prop_assert!(low < high || (low <= high && !clear), "{n}: {was} to {is}");
            }
        }

        #[test]
        fn one_outcome_alone_is_the_logistic_form(of in outcome(), gamma in 0.001..0.5f64) {
            let logistic = 1.0 / (1.0 + libm::exp(-(libm::log(of.p / (1.0 - of.p)) - gamma * of.hundreds)));
            let alone = reservation(gamma, of, std::iter::empty());
            prop_assert!((alone - logistic).abs() < 1e-12, "{alone} is not {logistic}");
        }

        #[test]
        fn an_inventory_alone_moves_the_price_as_all_that_is_held_does(
            outcomes in prop::collection::vec(outcome(), 2..8),
            gamma in 0.001..0.5f64,
        ) {
            let (of, others) = (outcomes[0], || outcomes[1..].iter().copied());
            let alone = hundreds_alone(gamma, of, others());
            // as its part of them where the probabilities are more than a whole
            let p = of.p / (of.p + others().map(|other| other.p).sum::<f64>()).max(1.0);
            let logistic = 1.0 / (1.0 + libm::exp(-(libm::log(p / (1.0 - p)) - gamma * alone)));
            let event = reservation(gamma, of, others());
            prop_assert!((logistic - event).abs() < 1e-9, "{alone}: {logistic} is not {event}");
            // what is held of all that can come true is held of nothing
            let all_alike = |hundreds: f64| outcomes.iter().map(move |of| Outcome { hundreds, ..*of });
            if outcomes.iter().map(|of| of.p).sum::<f64>() >= 1.0 {
                let even = hundreds_alone(gamma, all_alike(of.hundreds).next().expect("two"), all_alike(of.hundreds).skip(1));
                prop_assert!(even.abs() < 1e-6 / gamma, "{even}");
            }
            prop_assert!(hundreds_alone(100_000.0, of, others()).is_finite());
        }

        #[test]
        fn nothing_held_moves_nothing(outcomes in prop::collection::vec(outcome(), 1..8), gamma in 0.001..0.5f64) {
            let flat: Vec<Outcome> = outcomes.iter().map(|of| Outcome { hundreds: 0.0, ..*of }).collect();
            prop_assert!(moved(gamma, flat[0], flat[1..].iter().copied()).abs() < 1e-12);
        }
    }
}
