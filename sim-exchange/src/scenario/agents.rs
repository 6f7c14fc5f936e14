//! `[[agent]]`: who else trades.

use super::ScenarioError;
use super::reader::Keys;

pub(super) fn read(keys: &mut Keys) -> Result<(), ScenarioError> {
    for mut agent in keys.tables("agent")? {
        let kind = agent.text("kind")?.ok_or_else(|| agent.bad("kind", "missing"))?;
        if !["noise", "informed", "sniper", "maker"].contains(&kind.as_str()) {
            return Err(agent.bad("kind", format_args!("{kind:?} is none of noise, informed, sniper, maker")));
        }
        if agent.number("count", 0, 10_000)?.unwrap_or(1) > 0 {
            return Err(agent.bad("count", format_args!("{kind} agents are not supported yet; use 0")));
        }
    }
    Ok(())
}
