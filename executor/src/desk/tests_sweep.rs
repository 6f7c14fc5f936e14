//! How soon a cancel-all, and an order nobody knows of, come to their end.

use super::Op;
use super::tests::check;
use crate::rehearsal::OnPost;

/// Milliseconds from a cancel-all to flat, where another was wanted so long before, and how many left since.
fn flat_after(before: Option<u64>) -> (usize, u32) {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    if let Some(ms) = before {
        stage.operate(Op::CancelAll);
        stage.run_ms(ms);
    }
    let left = stage.venue.cancel_alls;
    stage.operate(Op::CancelAll);
    let flat = (1..5000).find(|_| {
        stage.run_ms(1);
        stage.desk.status().flat
    });
    (flat.expect("it ends"), stage.venue.cancel_alls - left)
}

#[test]
fn a_cancel_all_wanted_while_one_is_under_way_leaves_too_and_no_older_list_counts_for_it() {
    let (alone, _) = flat_after(None);
    // lists may follow the answer to the first one, which takes 40 ms
    let least = alone - 40;
    for ms in 1..alone as u64 {
        let (flat, left) = flat_after(Some(ms));
        assert!(flat >= least, "wanted again {ms} ms after the first: flat after {flat} ms of {least}");
        assert!(left > 0, "wanted again {ms} ms after the first: none left");
    }
}
