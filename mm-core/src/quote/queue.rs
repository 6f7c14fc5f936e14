//! What a place in the queue is worth (`strategy.md` section 6): signed, since fills may lose money.
//!
//! In the mean of all that rest at a price a share is filled `λ(s)` times a day, which is the cost model's word; those in front more often
//! than those behind. With the part `φ` of its level in front of it a share is taken to be filled `2λ(1 − φ)` times, which is `λ` in the
//! mean. So an order of `n` shares, `A` shares of others in front of it and `T` of them at its price in all, is filled
//! `n·λ·(T − 2A)/(T + n)` times a day beyond what the model says, and each fill brings `g = s + rebate − α`, or what fills here were
//! measured to bring. A share less in front is worth `2gλ·n/(T + n)`: less than nothing where fills lose.
//!
//! After Moallemi and Yuan 2016, whose value of a place falls with what is in front of it by the rate of fills times what one brings.
//! Theirs needs the arrivals and cancels of every order; a book of levels tells only bounds of `A`.

use super::rivals::shares;
use super::value::to_signed_usdc;
use super::{CostModel, Markout};
use crate::domain::{NewOrder, Qty, SignedUsdc};
use crate::rewards::Midpoint;

/// Others at the price of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// All of them.
    pub others: Qty,
    /// The fewest and the most that stand in front of it.
    pub ahead: [Qty; 2],
}

impl Queue {
    /// Behind all others.
    #[must_use]
    pub const fn back(others: Qty) -> Self {
        Self { others, ahead: [others; 2] }
    }
}

/// What the second order's place brings a day beyond the first one's. Of all that may stand in front, what makes that least is taken: no
/// gain is claimed and no loss feared that is not sure. `markout`: what fills brought, if that was measured.
#[must_use]
pub fn place_gain(
    cost: &CostModel,
    markout: Option<Markout>,
    fair: Midpoint,
    [from, to]: [(&NewOrder, Queue); 2],
) -> SignedUsdc {
    let worth = |(order, queue): (&NewOrder, Queue)| {
        let (_, price) = order.in_yes_terms();
        #[expect(clippy::cast_precision_loss, reason = "hundredths of a cent a share: far below 2^52")]
        let measured = markout.map(|markout| markout.gain as f64 / 100.0);
        let (rate, gain) = cost.fill_at(fair.distance_halves(price), measured);
        let (own, others) = (shares(order.qty), shares(queue.others));
        queue.ahead.map(|ahead| gain * rate * own * (others - 2.0 * shares(ahead)) / (others + own).max(1e-6))
    };
    let [gains, given] = [worth(to), worth(from)];
    let least = gains[0].min(gains[1]) - given[0].max(given[1]);
    let most = gains[0].max(gains[1]) - given[0].min(given[1]);
    to_signed_usdc(0.0_f64.clamp(least, most))
}

#[cfg(test)]
mod tests {
    use super::super::tests::costs;
    use super::*;
    use crate::domain::{MarketIx, Outcome, Price, Side, TimeInForce, Token};
    use proptest::prelude::*;

    fn bid(ten_thousandths: u16, qty: u64) -> NewOrder {
        NewOrder {
            token: Token { market: MarketIx(0), outcome: Outcome::Yes },
            side: Side::Buy,
            price: Price::from_ten_thousandths(ten_thousandths).expect("a price"),
            qty: Qty::from_whole(qty).expect("few"),
            post_only: true,
            tif: TimeInForce::Gtc,
        }
    }

    fn queue(others: u64, ahead: [u64; 2]) -> Queue {
        let shares = |n| Qty::from_whole(n).expect("few");
        Queue { others: shares(others), ahead: ahead.map(shares) }
    }

    const HALF: Midpoint = Midpoint::of_halves(10_000);

    #[test]
    fn a_place_is_worth_what_fills_bring() {
        let gain = |markout_cents, measured: Option<i64>, from: Queue, to: Queue| {
            // 8 fills a day at any distance
            let cost = costs("8", "0", markout_cents, "0", "0").expect("given");
            let measured = measured.map(|gain| Markout { gain, shares: Qty::ZERO });
            place_gain(&cost, measured, HALF, [(&bid(4_800, 20), from), (&bid(4_800, 20), to)]).to_string()
        };
        let (front, back) = (queue(80, [0, 0]), Queue::back(Qty::from_whole(80).expect("few")));
        // 20 shares, 8 times a day, a cent each: 1.60 a day; four fifths of that more in front, and less behind
        assert_eq!(gain("1", None, front, back), "-2.56");
        assert_eq!(gain("3", None, front, back), "2.56", "two cents are earned and three lost");
        assert_eq!(gain("1", Some(-50), front, back), "1.28", "half a cent was lost");
        assert_eq!(gain("1", Some(0), front, back), "0");
        assert_eq!(gain("1", None, back, front), "2.56");
        // somewhere in front of at least 30 of 80
        assert_eq!(gain("1", None, queue(80, [0, 50]), back), "-0.96");
        assert_eq!(gain("3", None, queue(80, [0, 50]), back), "0.96");
        assert_eq!(gain("1", None, queue(80, [0, 80]), back), "0", "perhaps nothing is given up");
        // alone at a price: neither in front nor behind
        assert_eq!(gain("1", None, queue(0, [0, 0]), queue(0, [0, 0])), "0");
        assert_eq!(gain("1", None, queue(0, [0, 0]), back), "-1.28");
    }

    #[test]
    fn what_the_venue_pays_back_counts_whether_the_rest_was_measured_or_not() {
        let keys = crate::quote::CostKeys {
            fills_per_day: "8",
            fill_decay_per_cent: "0",
            markout_cents: "2",
            jumps_per_day: "0",
            jump_cents: "0",
            rebate_cents: "0.5",
            resolutions_per_day: "",
            capital_percent_per_year: "",
        };
        let cost = CostModel::read(&keys).expect("decimals").expect("given");
        for (measured, expected) in [(None, "-1.28"), (Some(0), "-1.28"), (Some(-50), "0"), (Some(-100), "1.28")] {
            let measured = measured.map(|gain| Markout { gain, shares: Qty::ZERO });
            let back = Queue::back(Qty::from_whole(80).expect("few"));
            let orders = [(&bid(4_800, 20), queue(80, [0, 0])), (&bid(4_800, 20), back)];
            assert_eq!(place_gain(&cost, measured, HALF, orders).to_string(), expected, "{measured:?}");
        }
    }

    proptest! {
        #[test]
        fn the_mean_of_all_places_is_what_the_model_says(all in 1u64..200, distance in 1u16..400) {
            let cost = costs("30", "0.7", "1", "0", "0").expect("given");
            // each of so many orders of a share against one that is alone
            let one = bid(5_000 - distance, 1);
            let places = (0..all).map(|ahead| {
                let place = (&one, queue(all - 1, [ahead; 2]));
                place_gain(&cost, None, HALF, [(&one, queue(0, [0; 2])), place]).micro()
            });
            prop_assert!(places.sum::<i64>().abs() <= i64::try_from(all).expect("few"));
        }

        #[test]
        fn knowing_less_claims_less(
            (others, from, wider) in (1u64..500, [0u64..500, 0u64..500], [0u64..100, 0u64..100]),
            (there, distance, markout) in (0u64..500, 1u16..400, 0u32..4),
        ) {
            let cost = costs("30", "0.7", &markout.to_string(), "0", "0").expect("given");
            let [least, most] = if from[0] <= from[1] { from } else { [from[1], from[0]] }.map(|n| n.min(others));
            let gain = |ahead| {
                let to = Queue::back(Qty::from_whole(there).expect("few"));
                place_gain(&cost, None, HALF, [(&bid(4_800, 20), queue(others, ahead)), (&bid(5_000 - distance, 20), to)]).micro()
            };
            let (sharp, blunt) = (gain([least, most]), gain([least.saturating_sub(wider[0]), (most + wider[1]).min(others)]));
            prop_assert!(blunt.abs() <= sharp.abs() && blunt.signum() * sharp.signum() >= 0, "{sharp} and {blunt}");
            for ahead in [least, most, u64::midpoint(least, most)] {
                let known = gain([ahead; 2]);
                prop_assert!(sharp.abs() <= known.abs() + 1 && sharp.signum() * known.signum() >= 0, "{sharp} of {known}");
            }
        }
    }
}
