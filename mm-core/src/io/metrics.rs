//! Numbers for people and alarms, on a loopback address: `/metrics` for Prometheus, `/snapshot` as JSON, `/` in words.
//!
//! Labels are bounded: market and link numbers, names of states and rules; never ids. The engine is asked for its picture only
//! when somebody looks. Nothing here can change anything.

use crate::domain::Nanos;
use crate::engine::{Snapshot, Totals};
use crate::event::{Alert, Input, LinkIx};
use crate::protocol::{FromExecutor, Gate};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};
use std::fmt::{Debug, Write};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

mod ledger;

use ledger::Ledger;

/// How long a page waits for the engine's picture.
const PATIENCE: Duration = Duration::from_secs(2);
/// Most pages that wait at once.
const LOOKERS_MAX: usize = 16;

/// All numbers. Clones show the same.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    turns: Histogram,
    turn_inputs: Histogram,
    inbox: IntGauge,
    feed_age: GaugeVec,
    link_downs: IntCounterVec,
    alerts: IntCounterVec,
    refusals: IntCounterVec,
    fills: IntCounterVec,
    fetch_failures: IntCounter,
    gate: IntGaugeVec,
    quoting: IntGaugeVec,
    orders: IntGaugeVec,
    ledger: Ledger,
    executor_up: IntGauge,
    hash_checks: IntGauge,
    unwitnessed: Gauge,
    totals: IntCounterVec,
    slow_road: GaugeVec,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        let registry = Registry::new_custom(Some("mm".to_owned()), None).expect("a good prefix");
        let seconds = |name: &str, help: &str| {
            let buckets = vec![1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0];
            add(&registry, Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets)))
        };
        let counters =
            |name: &str, help: &str, labels: &[&str]| add(&registry, IntCounterVec::new(Opts::new(name, help), labels));
        let gauges =
            |name: &str, help: &str, labels: &[&str]| add(&registry, IntGaugeVec::new(Opts::new(name, help), labels));
        let floats =
            |name: &str, help: &str, labels: &[&str]| add(&registry, GaugeVec::new(Opts::new(name, help), labels));
        let sizes = vec![1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];
        Self {
            turns: seconds("turn_seconds", "One turn, from its formation to its journal line"),
            turn_inputs: add(
                &registry,
                Histogram::with_opts(HistogramOpts::new("turn_inputs", "Inputs in one turn").buckets(sizes)),
            ),
            inbox: add(&registry, IntGauge::new("inbox_depth", "Frames that wait for a turn")),
            feed_age: floats("feed_age_seconds", "Since the last frame of a link", &["link"]),
            link_downs: counters("link_downs_total", "Times a link went down", &["link"]),
            alerts: counters("alerts_total", "Alerts of the engine", &["kind"]),
            refusals: counters("refusals_total", "Rules of the executor's policy that said no", &["rule"]),
            fills: counters("fill_reports_total", "Fill reports by settlement stage", &["stage"]),
            fetch_failures: add(
                &registry,
                IntCounter::new("fetch_failures_total", "REST books that could not be fetched"),
            ),
            gate: gauges("gate", "1 for the executor's gate as last told", &["state"]),
            quoting: gauges("quoting", "1 for what a market does: quotes, or why it does not", &["market", "state"]),
            orders: gauges("orders", "Live orders", &["market", "state"]),
            ledger: Ledger::new(&registry),
            executor_up: add(&registry, IntGauge::new("executor_up", "1 while the executor is connected")),
            hash_checks: add(
                &registry,
                IntGauge::new("hash_checks", "1 while books are compared with the venue's hash"),
            ),
            unwitnessed: add(
                &registry,
                Gauge::new("unwitnessed_seconds", "Longest that a book we quote on was not compared with REST"),
            ),
            totals: counters("events_total", "Running totals of the engine", &["what"]),
            slow_road: floats("slow_road_ratio", "Share of frames decoded on the tolerant road", &[]),
            registry,
        }
    }

    /// A turn is over.
    pub fn turn(&self, took: Nanos, inputs: usize, inbox: usize) {
        self.turns.observe(Duration::from_nanos(took.nanos()).as_secs_f64());
        self.turn_inputs.observe(f64::from(u32::try_from(inputs).unwrap_or(u32::MAX)));
        self.inbox.set(i64::try_from(inbox).unwrap_or(i64::MAX));
    }

    /// Something went into a turn.
    pub fn input(&self, input: &Input) {
        match input {
            Input::Link { link, up: false } => self.link_downs.with_label_values(&[&link.0.to_string()]).inc(),
            Input::Executor(FromExecutor::Refused { why, .. }) => {
                for rule in why {
                    self.refusals.with_label_values(&[&variant(rule)]).inc();
                }
            }
            Input::Executor(FromExecutor::Fill { stage, .. }) => {
                self.fills.with_label_values(&[&variant(stage)]).inc();
            }
            Input::Executor(_) => self.executor_up.set(1),
            Input::ExecutorLost => self.executor_up.set(0),
            _ => {}
        }
    }

    /// The engine alerts.
    pub fn alert(&self, alert: &Alert) {
        self.alerts.with_label_values(&[&variant(alert)]).inc();
    }

    /// A REST book did not come.
    pub fn fetch_failed(&self) {
        self.fetch_failures.inc();
    }

    /// Takes over the engine's picture and the age of each link's last frame, if it brought one.
    pub fn show(&self, snapshot: &Snapshot, feed_ages: impl Iterator<Item = (LinkIx, Nanos)>) {
        for (link, age) in feed_ages {
            let seconds = Duration::from_nanos(age.nanos()).as_secs_f64();
            self.feed_age.with_label_values(&[&link.0.to_string()]).set(seconds);
        }
        self.gate.reset();
        let gate = match snapshot.gate {
            Gate::Unchecked => "Unchecked".to_owned(),
            Gate::Open { .. } => "Open".to_owned(),
            Gate::Shut(why) => variant(&why),
        };
        self.gate.with_label_values(&[&gate]).set(1);
        self.quoting.reset();
        self.orders.reset();
        for market in &snapshot.markets {
            let row = market.market.0.to_string();
            let state = market.no_quote.as_deref().unwrap_or("Quoting");
            self.quoting.with_label_values(&[row.as_str(), state]).set(1);
            for order in &market.orders {
                self.orders.with_label_values(&[row.as_str(), &order.state]).inc();
            }
            self.ledger.show(&row, market);
        }
        self.ledger.show_days(snapshot);
        let quoted = snapshot.markets.iter().filter(|market| !market.orders.is_empty());
        let oldest = quoted.filter_map(|market| market.unwitnessed_ms).max().unwrap_or(0);
        self.unwitnessed.set(Duration::from_millis(oldest).as_secs_f64());
        self.hash_checks.set(i64::from(!snapshot.hash_checks_off));
        self.show_totals(&snapshot.totals);
    }

    fn show_totals(&self, totals: &Totals) {
        let rows = [
            ("frames", totals.frames),
            ("slow_road", totals.slow_road),
            ("unknown_events", totals.unknown_events),
            ("bad_frames", totals.bad_frames),
            ("placed", totals.placed),
            ("canceled", totals.canceled),
            ("cancel_all", totals.cancel_all),
            ("accepted", totals.accepted),
            ("refused", totals.refused),
            ("rejected", totals.rejected),
            ("fills", totals.fills),
            ("books_broken", totals.books_broken),
            ("foreign_events", totals.foreign_events),
            ("bad_rest", totals.bad_rest),
            ("hashes_proven", totals.hashes_proven),
            ("hashes_unproven", totals.hashes_unproven),
            ("hashes_contradicted", totals.hashes_contradicted),
        ];
        for (what, n) in rows {
            let counter = self.totals.with_label_values(&[what]);
            counter.inc_by(n.saturating_sub(counter.get()));
        }
        let [slow, frames] = [totals.slow_road, totals.frames].map(|n| f64::from(u32::try_from(n).unwrap_or(u32::MAX)));
        self.slow_road.with_label_values::<&str>(&[]).set(slow / frames.max(1.0));
    }

    /// All numbers in Prometheus' text form.
    #[must_use]
    pub fn text(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).expect("our own names are good names")
    }
}

/// Registers one instrument.
fn add<C: prometheus::core::Collector + Clone + 'static>(registry: &Registry, made: prometheus::Result<C>) -> C {
    let instrument = made.expect("a good name");
    registry.register(Box::new(instrument.clone())).expect("each name once");
    instrument
}

/// The name of an enum's variant: a bounded set, whatever it carries.
fn variant(value: &impl Debug) -> String {
    let mut text = String::new();
    // A String takes everything.
    let _ = write!(text, "{value:?}");
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    text.truncate(end);
    text
}

/// A page that waits for the engine's picture. Update the metrics first, then answer.
pub type Looker = oneshot::Sender<Snapshot>;

/// Offers the pages on `listener` and hands out whoever looks. Call it inside a runtime.
#[must_use]
pub fn serve(listener: TcpListener, metrics: Metrics) -> mpsc::Receiver<Looker> {
    let (lookers, looking) = mpsc::channel(LOOKERS_MAX);
    let router = Router::new()
        .route("/", get(about))
        .route("/metrics", get(numbers))
        .route("/snapshot", get(picture))
        .with_state(Pages { metrics, lookers });
    tokio::spawn(async move {
        // Ends with the process; axum outlives errors of single connections.
        let _ = axum::serve(listener, router).await;
    });
    looking
}

#[derive(Clone)]
struct Pages {
    metrics: Metrics,
    lookers: mpsc::Sender<Looker>,
}

impl Pages {
    /// The engine's picture; `None` when it is too busy to be looked at.
    async fn look(&self) -> Option<Snapshot> {
        let (answer, picture) = oneshot::channel();
        self.lookers.try_send(answer).ok()?;
        tokio::time::timeout(PATIENCE, picture).await.ok()?.ok()
    }
}

async fn about() -> &'static str {
    "mm-core: /metrics for Prometheus, /snapshot for the engine's state as JSON\n"
}

async fn numbers(State(pages): State<Pages>) -> Response {
    match pages.look().await {
        Some(_) => {
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], pages.metrics.text()).into_response()
        }
        None => busy(),
    }
}

async fn picture(State(pages): State<Pages>) -> Response {
    match pages.look().await {
        Some(snapshot) => axum::Json(snapshot).into_response(),
        None => busy(),
    }
}

fn busy() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "the engine is busy\n").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ClientOrderId, Qty, Timestamp};
    use crate::protocol::{Refusal, Shut};

    fn snapshot() -> Snapshot {
        Snapshot {
            seq: 7,
            at: Timestamp::from_ms(1),
            gate: Gate::Shut(Shut::Halted),
            paused: false,
            halted_by: None,
            hash_checks_off: false,
            markets: Vec::new(),
            money_price: 0,
            days: Vec::new(),
            totals: Totals { frames: 200, slow_road: 10, bad_rest: 2, hashes_proven: 7, ..Totals::default() },
        }
    }

    #[test]
    fn numbers_follow_what_happened() {
        let metrics = Metrics::new();
        metrics.turn(Nanos::from_ms(2), 3, 4);
        let why = vec![Refusal::Rate, Refusal::SizeCap { qty: Qty::ZERO, cap: Qty::ZERO }];
        metrics.input(&Input::Executor(FromExecutor::Refused { id: ClientOrderId(1), why }));
        metrics.input(&Input::Link { link: LinkIx(1), up: false });
        metrics.alert(&Alert::LimitHit("x".into()));
        for _ in 0..2 {
            metrics.show(&snapshot(), [(LinkIx(1), Nanos::from_ms(1500))].into_iter());
        }
        let text = metrics.text();
        for line in [
            "mm_turn_seconds_count 1",
            "mm_inbox_depth 4",
            "mm_refusals_total{rule=\"Rate\"} 1",
            "mm_refusals_total{rule=\"SizeCap\"} 1",
            "mm_link_downs_total{link=\"1\"} 1",
            "mm_alerts_total{kind=\"LimitHit\"} 1",
            "mm_feed_age_seconds{link=\"1\"} 1.5",
            "mm_gate{state=\"Halted\"} 1",
            "mm_events_total{what=\"frames\"} 200",
            "mm_slow_road_ratio 0.05",
            "mm_events_total{what=\"bad_rest\"} 2",
            "mm_events_total{what=\"hashes_proven\"} 7",
            "mm_hash_checks 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn the_pages_ask_the_engine_and_say_when_it_is_busy() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let base = format!("http://{}", listener.local_addr().expect("bound"));
            let mut lookers = serve(listener, Metrics::new());
            let limit = Duration::from_secs(20);
            let client =
                crate::io::http::client(crate::io::http::Timeouts { connect: limit, total: limit }).expect("a client");
            let get = |path: &str| {
                let (client, url) = (client.clone(), format!("{base}{path}"));
                async move { crate::io::http::get_text(&client, &url, 1 << 20).await.expect("an answer") }
            };
            assert_eq!(get("/").await.0, 200);
            let ((status, body), ()) = tokio::join!(get("/snapshot"), async {
                let _ = lookers.recv().await.expect("a looker").send(snapshot());
            });
            assert_eq!(status, 200);
            assert_eq!(serde_json::from_str::<Snapshot>(&body).expect("a snapshot"), snapshot());
            drop(lookers);
            assert_eq!(get("/metrics").await.0, 503);
        });
    }
}
