//! `limits` and `limits_warn_only` of `[venue]`.

use super::ScenarioError;
use super::reader::Keys;
use crate::limits::{Limits, Tier};

/// `"off"`, or the tier of every signer; with a tier the limits of addresses hold too.
pub(super) fn read(keys: &mut Keys) -> Result<Limits, ScenarioError> {
    let tier = match keys.text("limits")?.as_deref() {
        None | Some("off") => None,
        Some(name) => match Tier::parse(name) {
            Some(tier) => Some(tier),
            None => {
                let names = Tier::ALL.map(Tier::name).join(", ");
                return Err(keys.bad("limits", format_args!("{name:?} is neither \"off\" nor a tier: {names}")));
            }
        },
    };
    let warn_only = keys.flag("limits_warn_only")?.unwrap_or(false);
    if warn_only && tier.is_none() {
        return Err(keys.bad("limits_warn_only", "there is nothing to warn of while limits = \"off\""));
    }
    Ok(Limits { tier, warn_only })
}
