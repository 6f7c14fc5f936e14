//! `[[fault]]`: what goes wrong. `config/sim/faults.toml` lists every kind with its parameters.

use super::ScenarioError;
use super::reader::Keys;
use crate::faults::{Kind, Plan, Spec, Swarm, When};

/// Highest rate, millionths of an occurrence per hour: a million an hour.
const RATE_MAX: u64 = 1_000_000_000_000;

/// Every row, and at most one `swarm`.
pub(super) fn read(keys: &mut Keys) -> Result<Plan, ScenarioError> {
    let mut plan = Plan::default();
    for mut table in keys.tables("fault")? {
        let name = table.text("kind")?.ok_or_else(|| table.bad("kind", "missing"))?;
        if name == "swarm" {
            if plan.swarm.is_some() {
                return Err(table.bad("kind", "one swarm is enough"));
            }
            let percent = table.number("percent", 1, 100)?.unwrap_or(50);
            let rate = table.decimal("rate_per_h", 6, RATE_MAX)?;
            plan.swarm = Some(Swarm {
                percent: u8::try_from(percent).expect("checked to be at most 100"),
                per_hour_millionths: rate.ok_or_else(|| table.bad("rate_per_h", "missing"))?,
            });
            table.end()?;
            continue;
        }
        let kind = Kind::named(&name).ok_or_else(|| {
            let all: Vec<&str> = Kind::all().map(|kind| kind.name).collect();
            table.bad("kind", format_args!("{name:?} is none of swarm, {}", all.join(", ")))
        })?;
        let spec = row(table, kind, &plan)?;
        plan.rows.push(spec);
    }
    Ok(plan)
}

fn row(mut table: Keys, kind: &'static Kind, plan: &Plan) -> Result<Spec, ScenarioError> {
    let rate = table.decimal("rate_per_h", 6, RATE_MAX)?;
    let event = table.number("at_event", 1, u64::MAX)?;
    let when = match (rate, event) {
        (Some(millionths), None) => When::PerHour { millionths },
        (None, Some(event)) => When::AtEvent(event),
        (None, None) => return Err(table.bad("rate_per_h", "missing; or at_event")),
        (Some(_), Some(_)) => return Err(table.bad("at_event", "either rate_per_h or at_event")),
    };
    let mut spec = Spec::usual(kind, when);
    if let Some(name) = table.text("name")? {
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            return Err(table.bad("name", format_args!("{name:?}: small letters, digits and -")));
        }
        spec.name = name;
    }
    if plan.rows.iter().any(|other| other.name == spec.name) {
        let why = format_args!("there are two rows {:?}; a second one of a kind needs a name of its own", spec.name);
        return Err(table.bad("name", why));
    }
    for key in std::iter::once("lasts_ms").chain(kind.knobs.iter().map(|knob| knob.key)) {
        if let Some(setting) = table.setting(key)? {
            spec.set(key, &setting).map_err(|why| table.bad(key, why))?;
        }
    }
    spec.check().map_err(|why| table.bad("kind", why))?;
    table.end()?;
    Ok(spec)
}
