//! Quotes looked at again where only sizes have changed, against quotes found anew.

use super::super::{Scratch, again, quote, quote_from};
use super::*;
use proptest::strategy::{Strategy as Draw, ValueTree as _};
use proptest::test_runner::TestRunner;

/// Changes one level in a way that only its size can matter; what has left it, or `None` where that cannot be.
fn resize(scene: &mut Scene, nth: usize, percent: u64) -> Option<Qty> {
    let least = scene.market.rewards.as_ref().map_or(Qty::ZERO, |terms| terms.min_size);
    let book = &mut scene.book;
    let (side, levels) = if nth.is_multiple_of(2) { (Side::Buy, &mut book.bids) } else { (Side::Sell, &mut book.asks) };
    let len = levels.len().max(1);
    let (price, had) = levels.get_mut(nth / 2 % len).map(|level| (level.0, &mut level.1))?;
    let ours = scene.own.iter().filter(|order| order.in_yes_terms() == (side, price));
    let ours = ours.fold(Qty::ZERO, |sum, order| sum.saturating_add(order.qty));
    let counts = |qty: Qty| qty > ours && qty.saturating_sub(ours) >= least;
    let is = Qty::from_micro(had.micro() * percent / 100);
    if !counts(*had) || !counts(is) {
        return None;
    }
    Some(std::mem::replace(had, is).saturating_sub(is))
}

#[test]
fn where_only_sizes_change_asking_again_is_as_good_as_asking_anew() {
    let mut runner = TestRunner::deterministic();
    let mut scratch = Scratch::default();
    let (drawn, changes) = (scene(), prop::collection::vec((0usize..12, 0usize..6), 8));
    let (mut kept, mut ahead, mut resized, mut others) = (0, 0, 0, 0);
    for n in 0..4_000u64 {
        let mut scene = Draw::new_tree(&drawn, &mut runner).expect("a tree").current();
        scene.params.fair = FairRule::default();
        if n % 2 == 1 {
            scene.params.max_size = scene.params.size.max(shares("100"));
            scene.params.max_held = shares("1000000");
            let levels = scene.book.bids.iter_mut().chain(&mut scene.book.asks);
            levels.for_each(|level| level.1 = Qty::from_micro(level.1.micro() * (5 + n % 31)));
        }
        if n % 3 == 2 {
            scene.market.tick = TickSize::CENT;
        }
        let Ok(mut known) = quote(&scene.view()) else { continue };
        for (nth, size) in Draw::new_tree(&changes, &mut runner).expect("a tree").current() {
            let Some(gone) = resize(&mut scene, nth, [97, 99, 101, 103, 60, 180][size]) else { continue };
            let view = scene.view();
            let anew = quote(&view);
            match again(&view, &known.why, (&known.basis, gone), &mut scratch) {
                Ok((why, basis)) => {
                    let anew = anew.expect("what is kept is wanted");
                    assert_eq!((&known.orders, &why), (&anew.orders, &anew.why), "{n}");
                    let now = basis.searched.map(|searched| (searched.within, searched.found));
                    assert_eq!(now, anew.basis.searched.map(|searched| (searched.within, searched.found)), "{n}");
                    kept += 1;
                    // a lead that was made smaller, not found anew
                    ahead += u32::from(basis.searched.is_some() && basis.searched != anew.basis.searched);
                    known = Quotes { why, basis, ..known };
                }
                Err(searched) => {
                    let from = quote_from(&view, searched, &mut scratch);
                    let seen =
                        |answer: &Result<Quotes, NoQuote>| answer.clone().map(|q| (q.orders, q.why, q.scoring_now));
                    assert_eq!(seen(&from), seen(&anew), "{n}");
                    resized += u32::from(searched.is_some());
                    others += 1;
                    let Ok(from) = from else { break };
                    known = from;
                }
            }
        }
    }
    assert!(kept > 2_000 && ahead > 100 && resized > 100 && others > resized, "{kept} {ahead} {resized} {others}");
}
