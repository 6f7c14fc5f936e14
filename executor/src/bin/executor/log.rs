//! Log lines on stderr: our own events, named fields, nothing else.
//!
//! Events of other crates never appear, whatever their level: some of them would print frames and headers. Fields outside the
//! list are named but their values are not shown. No environment variable changes any of this.

use std::fmt::Write as _;
use std::io::Write as _;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Fields that may be shown. None of them ever holds a key, a credential, a header, a frame or a body.
const FIELDS: [&str; 9] = ["message", "event", "why", "uid", "order", "call", "epoch", "rows", "path"];
/// Longest value shown, in characters.
const VALUE_MAX: usize = 300;

/// The subscriber.
pub(crate) struct Lines;

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO && metadata.is_event() && metadata.target().starts_with("executor")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let mut line = format!("{}.{:03} {:5}", now.as_secs(), now.subsec_millis(), event.metadata().level());
        event.record(&mut Line(&mut line));
        line.push('\n');
        // Nobody to tell when stderr is gone.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let name = field.name();
        let text = if FIELDS.contains(&name) { format!("{value:?}") } else { "(not shown)".to_owned() };
        // One event, one line, whatever the value holds.
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(VALUE_MAX).collect();
        let written = if name == "message" { write!(self.0, " {text}") } else { write!(self.0, " {name}={text}") };
        written.expect("writing to a string cannot fail");
    }
}
