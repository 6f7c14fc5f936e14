//! A UTC day of samples: who earned what, and what is paid.
//!
//! Nobody has published whether a native pool pays by the day's sum or by the minute (`rewards.md` section 6): both
//! are told, and plans use the smaller.

use super::{Fixed12, Ratio};
use crate::domain::parse_decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Decimals of scores and dollars in an epoch case.
const DECIMALS: u32 = 12;

/// Samples of one day, equal ones in a row told once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochCase {
    rate_per_day: Ratio,
    samples_per_day: u128,
    min_payout: Ratio,
    runs: Vec<(u128, BTreeMap<String, Ratio>)>,
}

/// What each maker's day came to; makers that never scored are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EpochScore {
    /// Sum over samples of the maker's share of that sample.
    pub q_epoch: BTreeMap<String, Fixed12>,
    /// `q_epoch` as a part of all makers'.
    pub q_final: BTreeMap<String, Fixed12>,
    /// The pool split by `q_final`: unscored minutes go to those who scored in others.
    pub earned_day_normalised: BTreeMap<String, Fixed12>,
    /// `rate ÷ samples` for each sample, split by share: unscored minutes are lost.
    pub earned_per_minute: BTreeMap<String, Fixed12>,
    /// The first, amounts below the minimum payout left out.
    pub paid_day_normalised: BTreeMap<String, Fixed12>,
    /// The second, amounts below the minimum payout left out.
    pub paid_per_minute: BTreeMap<String, Fixed12>,
}

#[derive(Deserialize)]
struct RawEpoch {
    rate_per_day: String,
    samples_per_day: u64,
    min_payout: String,
    sample_runs: Vec<RawRun>,
}

#[derive(Deserialize)]
struct RawRun {
    repeat: u64,
    q_min: BTreeMap<String, String>,
}

fn decimal(path: &str, text: &str) -> Result<Ratio, String> {
    let units = parse_decimal(text, DECIMALS).map_err(|why| format!("{path} is {text:?}: {why}"))?;
    Ok(Ratio::new(u128::from(units), 10u128.pow(DECIMALS)).expect("a power of ten is not zero"))
}

impl EpochCase {
    /// Reads one of the vectors' `epoch_cases`.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn read(value: &Value) -> Result<Self, String> {
        let raw = RawEpoch::deserialize(value).map_err(|e| e.to_string())?;
        if raw.samples_per_day == 0 {
            return Err("samples_per_day is zero".to_owned());
        }
        let mut runs = Vec::with_capacity(raw.sample_runs.len());
        for (i, run) in raw.sample_runs.iter().enumerate() {
            let mut q_min = BTreeMap::new();
            for (maker, q) in &run.q_min {
                q_min.insert(maker.clone(), decimal(&format!("sample_runs[{i}].q_min.{maker}"), q)?);
            }
            runs.push((u128::from(run.repeat), q_min));
        }
        Ok(Self {
            rate_per_day: decimal("rate_per_day", &raw.rate_per_day)?,
            samples_per_day: u128::from(raw.samples_per_day),
            min_payout: decimal("min_payout", &raw.min_payout)?,
            runs,
        })
    }

    /// Who earned what. `None` when the exact sums do not fit 128 bits.
    #[must_use]
    pub fn score(&self) -> Option<EpochScore> {
        let mut epoch: BTreeMap<&str, Ratio> = BTreeMap::new();
        let mut all = Ratio::ZERO;
        for (repeat, q_min) in &self.runs {
            let total = q_min.values().try_fold(Ratio::ZERO, |sum, q| sum.checked_add(*q))?;
            for (maker, q) in q_min.iter().filter(|(_, q)| !q.is_zero()) {
                let part = q.checked_div(total)?.checked_mul(Ratio::whole(*repeat))?;
                let sum = epoch.entry(maker).or_insert(Ratio::ZERO);
                *sum = sum.checked_add(part)?;
            }
            if !total.is_zero() {
                all = all.checked_add(Ratio::whole(*repeat))?;
            }
        }
        let mut out = EpochScore::default();
        for (maker, q_epoch) in epoch {
            if q_epoch.is_zero() {
                continue;
            }
            let q_final = q_epoch.checked_div(all)?;
            let by_day = q_final.checked_mul(self.rate_per_day)?;
            let by_minute = q_epoch.checked_mul(self.rate_per_day)?.checked_div(Ratio::whole(self.samples_per_day))?;
            let paid = |earned: Ratio| if earned < self.min_payout { Ratio::ZERO } else { earned };
            let maker = maker.to_owned();
            out.q_epoch.insert(maker.clone(), q_epoch.fixed12()?);
            out.q_final.insert(maker.clone(), q_final.fixed12()?);
            out.earned_day_normalised.insert(maker.clone(), by_day.fixed12()?);
            out.earned_per_minute.insert(maker.clone(), by_minute.fixed12()?);
            out.paid_day_normalised.insert(maker.clone(), paid(by_day).fixed12()?);
            out.paid_per_minute.insert(maker, paid(by_minute).fixed12()?);
        }
        Some(out)
    }
}
