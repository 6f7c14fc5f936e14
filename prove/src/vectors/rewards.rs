//! `rewards.json`: scores, epochs and rebates, each case twice: through the product's own reward library, and through the
//! venue that samples and pays (`… at the venue`).

use super::{CaseResult, expect_equal, rewards_venue};
use mm_core::rewards::{Case, EpochCase, RebateCase, Rule};
use serde_json::Value;

/// Schema this runner knows.
const SCHEMA: &str = "rewards-vectors/1";

/// Runs every case of a parsed `rewards.json`.
pub(crate) fn run(document: &Value) -> Vec<CaseResult> {
    if document["schema"] != SCHEMA {
        let outcome = Err(format!("schema: expected {SCHEMA:?}, came {}", document["schema"]));
        return vec![CaseResult { id: "file".to_owned(), outcome }];
    }
    let mut results = scores_under(document, Rule::Published);
    results.extend(each(document, "epoch_cases", |case| {
        let score = EpochCase::read(case)?.score().ok_or("the exact sums do not fit 128 bits")?;
        serde_json::to_value(score).map_err(|e| e.to_string())
    }));
    results.extend(each(document, "rebate_cases", |case| {
        let score = RebateCase::read(case)?.score().ok_or("the exact sums do not fit 128 bits")?;
        serde_json::to_value(score).map_err(|e| e.to_string())
    }));
    for (list, answer) in [
        ("cases", rewards_venue::score as fn(&Value) -> Result<Value, String>),
        ("epoch_cases", rewards_venue::epoch),
        ("rebate_cases", rewards_venue::rebate),
    ] {
        results.extend(
            each(document, list, answer)
                .into_iter()
                .map(|result| CaseResult { id: format!("{} at the venue", result.id), ..result }),
        );
    }
    results
}

/// The score cases alone, under one rule: what refutes the wrong ones.
pub(crate) fn scores_under(document: &Value, rule: Rule) -> Vec<CaseResult> {
    each(document, "cases", |case| {
        let score = Case::read(case, 0).and_then(|case| case.score_under(rule)).map_err(|e| e.to_string())?;
        let mut came = serde_json::to_value(score).map_err(|e| e.to_string())?;
        if let Some(keys) = came.as_object_mut() {
            keys.remove("id");
        }
        Ok(came)
    })
}

/// Compares what comes of each case in a list with its `expect`, key by key.
fn each(document: &Value, list: &str, answer: impl Fn(&Value) -> Result<Value, String>) -> Vec<CaseResult> {
    let Some(cases) = document[list].as_array() else {
        return vec![CaseResult { id: list.to_owned(), outcome: Err(format!("{list} is missing or not a list")) }];
    };
    let run = |(i, case): (usize, &Value)| CaseResult {
        id: case["id"].as_str().map_or_else(|| format!("{list}[{i}]"), str::to_owned),
        outcome: answer(case).and_then(|came| same_keys(&case["expect"], &came)),
    };
    cases.iter().enumerate().map(run).collect()
}

fn same_keys(expected: &Value, came: &Value) -> Result<(), String> {
    let (Some(wanted), Some(got)) = (expected.as_object(), came.as_object()) else {
        return expect_equal("answer", expected, came);
    };
    for (key, value) in wanted {
        expect_equal(key, value, &got.get(key).cloned().unwrap_or(Value::Null))?;
    }
    match got.keys().find(|key| !wanted.contains_key(*key)) {
        Some(key) => Err(format!("{key}: not expected, came {}", got[key])),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Value {
        serde_json::from_str(include_str!("../../../mm-core/testdata/rewards.json")).expect("the vector file is JSON")
    }

    fn failed(results: &[CaseResult]) -> usize {
        results.iter().filter(|r| r.outcome.is_err()).count()
    }

    #[test]
    fn every_case_passes_and_a_changed_one_does_not() {
        let mut document = document();
        let results = run(&document);
        assert_eq!((results.len(), failed(&results)), (152, 0));
        document["cases"][0]["expect"]["share"] = Value::from("0.137931034482");
        document["epoch_cases"][0]["expect"] = Value::Null;
        document["rebate_cases"][0]["fee_rate"] = Value::from("0.08");
        assert_eq!(failed(&run(&document)), 6, "each of the three on both roads");
        document["schema"] = Value::from("rewards-vectors/2");
        assert_eq!(failed(&run(&document)), 1);
    }
}
