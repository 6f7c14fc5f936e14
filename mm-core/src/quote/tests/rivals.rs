//! What the others may score: the planner's floats against the exact library.

use super::super::near;
use super::super::rivals::Rivals;
use super::*;
use crate::rewards::{Midpoint, book_midpoint, score};

proptest! {
    #[test]
    fn the_most_the_others_may_score_is_the_exact_one(scene in scene()) {
        let view = Scene { own: Vec::new(), ..scene };
        let terms = view.market.rewards.clone().expect("a scene has terms");
        let view = view.view();
        let none: &[NewOrder] = &[];
        if let Some(midpoint) = book_midpoint(view.book, none, none, terms.min_size) {
            let (mut buffers, mut rivals) = (near::Buffers::default(), Rivals::default());
            let mut near = near::read(view.book, [view.own, view.shown], &mut buffers);
            // the second time what was read for another midpoint, farther than it reaches, is of no use
            for around in [midpoint, Midpoint::of_halves(midpoint.halves() ^ 512)] {
                rivals.read(&mut near, &terms, around, 40);
                let planned = rivals.most_at(&mut near, &terms, midpoint);
                let exact = score(view.book, &[], &terms).worst.rest_q_min;
                let exact: f64 = exact.to_string().parse().expect("a decimal");
                prop_assert!((planned - exact).abs() <= 1e-9 * exact.max(1.0), "{planned} is not {exact}");
            }
        }
    }
}
