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

/// All proofs by milestone, then in the order of their files.
pub(crate) fn all() -> Vec<&'static Proof> {
    let mut proofs: Vec<&'static Proof> = SLICES.iter().flat_map(|slice| slice.iter()).collect();
    proofs.sort_by_key(|proof| proof.milestone);
    proofs
}
