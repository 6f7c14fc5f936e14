//! The list of all proofs, written by hand so that none can vanish unnoticed.

use crate::proof::Proof;
use crate::proofs;

/// Every slice of every file in `proofs/`.
const SLICES: &[&[Proof]] = &[
    proofs::history::PROOFS,
    proofs::house::PROOFS,
    proofs::books::PROOFS,
    proofs::books::recorded::PROOFS,
    proofs::books::injected::PROOFS,
    proofs::roads::PROOFS,
    proofs::quotes::PROOFS,
    proofs::placement::PROOFS,
    proofs::earnings::PROOFS,
    proofs::orders::PROOFS,
    proofs::edits::PROOFS,
    proofs::replay::PROOFS,
    proofs::executor::PROOFS,
    proofs::policy::PROOFS,
    proofs::policy_model::PROOFS,
    proofs::policy_random::PROOFS,
    proofs::policy_walks::PROOFS,
    proofs::truth::PROOFS,
    proofs::time::PROOFS,
    proofs::last_metre::PROOFS,
    proofs::keys::PROOFS,
    proofs::flood::PROOFS,
    proofs::attacks::PROOFS,
    proofs::scan::PROOFS,
    proofs::audit::PROOFS,
    proofs::arm::PROOFS,
    proofs::start::PROOFS,
    proofs::hosts::PROOFS,
    proofs::process::PROOFS,
    proofs::speed::PROOFS,
    proofs::starve::PROOFS,
    proofs::cells::PROOFS,
    proofs::crash::PROOFS,
    proofs::storage::PROOFS,
    proofs::faults::PROOFS,
    proofs::venue::PROOFS,
    proofs::server::PROOFS,
    proofs::world::PROOFS,
    proofs::profiles::PROOFS,
    proofs::theory::PROOFS,
    proofs::clients::PROOFS,
    proofs::rewards::PROOFS,
    proofs::scoring::PROOFS,
];

/// Proofs of whole processes that mostly wait, for clocks, the disk and each other: some of them run at a time. All others, those
/// above all that measure a time, have the machine to themselves.
const WAITING: &[&str] = &[
    "false-answers-leave-a-true-ledger",
    "killed-anywhere-nothing-is-lost",
    "strange-fills-are-counted-once",
    "what-is-bought-can-be-sold",
    "broken-frames-leave-true-books",
    "changed-worlds-are-survived",
    "no-secret-in-any-output",
    "executor-killed-venue-sweeps",
    "two-hosts-one-key-end-flat",
    "dead-feeds-withdraw",
    "dead-user-stream-cancels",
    "full-disk-cancels-and-places-nothing",
    "every-signal-cancels",
    "geoblocked-executor-cancels",
    "core-frozen-executor-cancels",
    "any-disk-call-may-fail",
    "mirror-holds-while-it-runs",
    "core-killed-executor-cancels",
    "executor-frozen-kill-cancels",
    "halt-while-connecting-keeps-it-in",
    "slow-latch-delays-no-cancel",
];

/// Divides proofs into those that want the machine for themselves and those that mostly wait, the longest of these first.
pub(crate) fn part(proofs: &[&'static Proof]) -> (Vec<&'static Proof>, Vec<&'static Proof>) {
    let alone = proofs.iter().copied().filter(|proof| !WAITING.contains(&proof.id));
    let waiting = WAITING.iter().filter_map(|id| proofs.iter().copied().find(|proof| proof.id == *id));
    (alone.collect(), waiting.collect())
}

/// All proofs by milestone, then in the order of their files.
pub(crate) fn all() -> Vec<&'static Proof> {
    let mut proofs: Vec<&'static Proof> = SLICES.iter().flat_map(|slice| slice.iter()).collect();
    proofs.sort_by_key(|proof| proof.milestone);
    proofs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_waiting_is_a_proofs_and_none_is_lost_or_doubled() {
        let all = all();
        let (alone, waiting) = part(&all);
        assert_eq!(waiting.len(), WAITING.len(), "each is found");
        let mut parted: Vec<_> = alone.iter().chain(&waiting).map(|proof| proof.id).collect();
        let mut ids: Vec<_> = all.iter().map(|proof| proof.id).collect();
        parted.sort_unstable();
        ids.sort_unstable();
        assert_eq!(parted, ids);
    }
}
