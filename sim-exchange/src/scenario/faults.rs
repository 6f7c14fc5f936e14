//! `[[fault]]`: what goes wrong.

use super::ScenarioError;
use super::reader::Keys;

pub(super) fn read(keys: &mut Keys) -> Result<(), ScenarioError> {
    for mut fault in keys.tables("fault")? {
        let kind = fault.text("kind")?.ok_or_else(|| fault.bad("kind", "missing"))?;
        let rate = fault.decimal("rate_per_h", 6, u64::MAX)?;
        let (at_event, lasts) = (fault.number("at_event", 0, u64::MAX)?, fault.ms("lasts_ms")?);
        if rate != Some(0) || at_event.is_some() {
            return Err(
                fault.bad("kind", format_args!("fault {kind:?} is not supported yet; rate_per_h = 0 keeps the row"))
            );
        }
        let _ = lasts;
        fault.end()?;
    }
    Ok(())
}
