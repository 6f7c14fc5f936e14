//! Where words for people go: structured lines on stderr, stamped by our clock; and the end of a process whose own promise broke.

use super::clock::Clock;
use std::fmt;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

/// A filter that does not read.
#[derive(Debug, thiserror::Error)]
#[error("log filter {filter:?}: {why}")]
pub struct BadFilter {
    filter: String,
    why: String,
}

struct OurTime(Clock);

impl FormatTime for OurTime {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        write!(w, "{}", self.0.now())
    }
}

/// Sends log lines to stderr: `filter` is a level or a list like `info,mm_core=debug`. The environment is not read. The first
/// call of a process counts.
///
/// # Errors
/// [`BadFilter`].
pub fn start(filter: &str, clock: Clock) -> Result<(), BadFilter> {
    let bad = |why: String| BadFilter { filter: filter.to_owned(), why };
    let filter = EnvFilter::builder().parse(filter).map_err(|why| bad(why.to_string()))?;
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_timer(OurTime(clock))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .try_init();
    Ok(())
}

/// From now on a panic prints where and why, on one line, and aborts: a process that broke its own promise must not go on, and
/// the dead-man's chain cleans up behind it.
pub fn abort_on_panic() {
    std::panic::set_hook(Box::new(|info| {
        let text = info.payload();
        let why = text.downcast_ref::<&str>().copied().or_else(|| text.downcast_ref::<String>().map(String::as_str));
        let place = info.location().map_or_else(|| "unknown place".to_owned(), ToString::to_string);
        eprintln!("panic at {place}: {}", why.unwrap_or("no message"));
        std::process::abort();
    }));
}
