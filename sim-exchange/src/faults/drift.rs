//! A frame in another format than the documented one: old, newer, or careless.

use super::fault::Drift;
use serde_json::{Map, Value, json};

/// The frames sent instead of `frame`. What is no JSON stays as it is.
#[must_use]
pub fn rewrite(drift: Drift, frame: &str) -> Vec<String> {
    let Ok(value) = serde_json::from_str::<Value>(frame) else { return vec![frame.to_owned()] };
    match drift {
        Drift::UnknownEvent => {
            let stranger = json!({"event_type": "liquidity_pulse", "market": "0x00", "payload": {"v": [1, null]}});
            vec![stranger.to_string(), frame.to_owned()]
        }
        Drift::OldChanges => old_changes(&value).unwrap_or_else(|| vec![frame.to_owned()]),
        Drift::UnknownFields => vec![
            each_object(value, &|object| {
                object.insert("schema_rev".to_owned(), json!(7));
                object.insert("meta".to_owned(), json!({"region": "eu-west-2", "tags": ["a", null]}));
            })
            .to_string(),
        ],
        Drift::BareNumbers => vec![
            each_object(value, &|object| {
                for (key, value) in object.iter_mut() {
                    let numeric = matches!(
                        key.as_str(),
                        "price"
                            | "size"
                            | "best_bid"
                            | "best_ask"
                            | "spread"
                            | "timestamp"
                            | "tick_size"
                            | "min_order_size"
                            | "old_tick_size"
                            | "new_tick_size"
                            | "original_size"
                            | "size_matched"
                            | "matched_amount"
                            | "created_at"
                            | "match_time"
                            | "last_update"
                    );
                    // a price or size has at most fifteen digits: a double shows them all again
                    if let (true, Value::String(text)) = (numeric, &*value)
                        && let Ok(number) = serde_json::from_str::<serde_json::Number>(text)
                    {
                        *value = Value::Number(number);
                    }
                }
            })
            .to_string(),
        ],
        Drift::EmptyStrings => vec![
            each_object(value, &|object| {
                for key in ["best_bid", "best_ask", "spread", "hash", "last_trade_price", "transaction_hash", "outcome"]
                {
                    if let Some(value) = object.get_mut(key) {
                        *value = json!("");
                    }
                }
            })
            .to_string(),
        ],
    }
}

/// Applies a change to every object of a value, the outer ones last.
fn each_object(value: Value, change: &impl Fn(&mut Map<String, Value>)) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(|item| each_object(item, change)).collect()),
        Value::Object(object) => {
            let mut object: Map<String, Value> =
                object.into_iter().map(|(key, value)| (key, each_object(value, change))).collect();
            change(&mut object);
            Value::Object(object)
        }
        other => other,
    }
}

/// A `price_change` in the form of early 2025: one frame for each token, `changes` without the token; `None` for other frames.
fn old_changes(value: &Value) -> Option<Vec<String>> {
    let entries = value.get("price_changes")?.as_array()?;
    let mut by_token: Vec<(&Value, Vec<&Value>)> = Vec::new();
    for entry in entries {
        let token = entry.get("asset_id")?;
        match by_token.iter_mut().find(|(known, _)| *known == token) {
            Some((_, list)) => list.push(entry),
            None => by_token.push((token, vec![entry])),
        }
    }
    let frame = |(token, entries): &(&Value, Vec<&Value>)| {
        let changes: Vec<Value> = entries
            .iter()
            .map(|entry| json!({"price": entry["price"], "size": entry["size"], "side": entry["side"]}))
            .collect();
        let hash = entries.last().map_or(Value::Null, |entry| entry["hash"].clone());
        json!({"event_type": "price_change", "asset_id": token, "market": value["market"], "hash": hash,
               "timestamp": value["timestamp"], "changes": changes})
        .to_string()
    };
    Some(by_token.iter().map(frame).collect())
}
