//! Log lines on stderr: our own events, named fields, nothing else.
//!
//! A thread of its own writes them: a terminal that is stopped, or a pipe that nobody empties, holds up no decision. Lines that find no
//! room are counted, and the count is told as soon as there is room again.
//!
//! Events of other crates never appear, whatever their level: some of them would print frames and headers. Fields outside the
//! list are named but their values are not shown. No environment variable changes any of this.

use mm_core::domain::Timestamp;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Fields that may be shown. None of them ever holds a key, a credential, a header, a frame or a body.
const FIELDS: [&str; 9] = ["message", "event", "why", "uid", "order", "call", "epoch", "head", "path"];
/// Longest value shown, in characters.
const VALUE_MAX: usize = 300;

/// Lines that may wait to be written.
const QUEUE_MAX: usize = 1024;
/// How long the end waits until they are.
const FLUSH_MAX: Duration = Duration::from_secs(1);

enum Line {
    Text(String),
    /// Everything before it is written when this is dropped.
    Flush(SyncSender<()>),
}

/// The subscriber.
pub(crate) struct Lines {
    queue: SyncSender<Line>,
    lost: AtomicU64,
}

/// Waits for the thread that writes.
pub(crate) struct Flush(SyncSender<Line>);

impl Lines {
    /// Starts the thread, which writes to `out`.
    pub(crate) fn to(mut out: impl std::io::Write + Send + 'static) -> std::io::Result<(Self, Flush)> {
        let (queue, lines) = sync_channel(QUEUE_MAX);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || {
            for line in lines {
                match line {
                    // Nobody to tell when stderr is gone.
                    Line::Text(text) => drop(out.write_all(text.as_bytes())),
                    Line::Flush(done) => drop(done),
                }
            }
        })?;
        Ok((Self { queue: queue.clone(), lost: AtomicU64::new(0) }, Flush(queue)))
    }

    fn send(&self, text: String) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let told = lost == 0 || self.queue.try_send(Line::Text(format!("{lost} lines were lost\n"))).is_ok();
        let sent = told && self.queue.try_send(Line::Text(text)).is_ok();
        self.lost.fetch_add(u64::from(!sent) + if told { 0 } else { lost }, Ordering::Relaxed);
    }
}

impl Flush {
    /// Waits a little until everything said so far is written.
    pub(crate) fn wait(&self) {
        let until = Instant::now() + FLUSH_MAX;
        let (done, written) = sync_channel(0);
        let mut last = Line::Flush(done);
        while let Err(TrySendError::Full(back)) = self.0.try_send(last) {
            if Instant::now() >= until {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
            last = back;
        }
        let _ = written.recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}

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
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let at = Timestamp::from_ms(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX));
        let mut line = format!("{at} {:5}", event.metadata().level());
        event.record(&mut Fields(&mut line));
        line.push('\n');
        self.send(line);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let name = field.name();
        let text = if FIELDS.contains(&name) { format!("{value:?}") } else { "(not shown)".to_owned() };
        // One event, one line, whatever the value holds.
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(VALUE_MAX).collect();
        let written = if name == "message" { write!(self.0, " {text}") } else { write!(self.0, " {name}={text}") };
        written.expect("writing to a string cannot fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// A terminal: takes what is written when it is told to go on.
    struct Terminal {
        go_on: Receiver<()>,
        shown: Sender<String>,
    }

    impl std::io::Write for Terminal {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.shown.send(String::from_utf8_lossy(bytes).into_owned());
            // an end of the tests lets everything through
            let _ = self.go_on.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stopped_terminal_holds_nobody_up_and_what_it_missed_is_counted() {
        let (more, go_on) = channel();
        let (shown, seen) = channel();
        let (lines, flush) = Lines::to(Terminal { go_on, shown }).expect("a thread");
        let all = QUEUE_MAX + 100;
        lines.send("line 0\n".to_owned());
        let first: String = seen.recv().expect("the first line is being written");
        // comes back although nothing more is written
        for n in 1..all {
            lines.send(format!("line {n}\n"));
        }
        let lost = usize::try_from(lines.lost.load(Ordering::Relaxed)).expect("few");
        assert_eq!(lost, all - 1 - QUEUE_MAX);
        drop(more);
        flush.wait();
        lines.send("and on\n".to_owned());
        flush.wait();
        let seen: Vec<String> = std::iter::once(first).chain(seen.try_iter()).collect();
        assert_eq!(seen.len(), all - lost + 2);
        assert_eq!(seen[seen.len() - 2..], [format!("{lost} lines were lost\n"), "and on\n".to_owned()]);
        assert_eq!(seen[7], "line 7\n");
    }
}
