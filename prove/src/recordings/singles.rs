//! Single messages: each decodes, or is reported as an unknown type.

use super::{FileReport, decode, each_frame};
use mm_core::venue::user_ws::{self, UserEvent, UserFrame};
use serde_json::Value;
use std::path::Path;

/// Messages of the market channel.
pub(super) fn market(path: &Path) -> FileReport {
    let mut report = FileReport::default();
    each_frame(path, &mut report, |frame, report| {
        decode(frame, report);
    });
    report
}

/// Messages of the user channel.
pub(super) fn user(path: &Path) -> FileReport {
    let mut report = FileReport::default();
    each_frame(path, &mut report, |frame, report| {
        let decoded = user_ws::decode(&frame.text).or_else(|why| {
            // Some published shapes had their ids shortened by hand; with whole ids the shape must still decode.
            let whole = with_whole_ids(&frame.text).ok_or(why)?;
            report.notes.push(format!("line {}: ids were shortened in the source, read with whole ones", frame.line));
            user_ws::decode(&whole)
        });
        match decoded {
            Ok(UserFrame::Events(events)) => {
                for event in events {
                    let name = match &event {
                        UserEvent::Order(_) => "order".to_owned(),
                        UserEvent::Trade(_) => "trade".to_owned(),
                        UserEvent::Unknown { event_type } => format!("unknown {event_type:?}"),
                    };
                    *report.events.entry(name).or_default() += 1;
                }
            }
            Ok(UserFrame::Text) => {}
            Err(why) => report.fail(format!("line {}: {why}", frame.line)),
        }
    });
    report
}

/// The same message with each hash that is not 64 digits long made so; `None` if there is none.
fn with_whole_ids(text: &str) -> Option<String> {
    let mut value: Value = serde_json::from_str(text).ok()?;
    let mut changed = false;
    let events: Vec<&mut Value> = match &mut value {
        Value::Array(events) => events.iter_mut().collect(),
        event => vec![event],
    };
    for event in events {
        for key in ["id", "market"] {
            let Some(Value::String(id)) = event.get_mut(key) else { continue };
            let Some(rest) = id.strip_prefix("0x") else { continue };
            if rest.len() == 64 && rest.bytes().all(|b| b.is_ascii_hexdigit()) {
                continue;
            }
            let digits: String = rest.chars().filter(char::is_ascii_hexdigit).take(64).collect();
            *id = format!("0x{digits:0>64}");
            changed = true;
        }
    }
    changed.then(|| value.to_string())
}
