//! `prove demo`: the whole loop on frames recorded from the real venue, with nothing installed, no key and no network.
//!
//! Starts sim-exchange on a tape, executor with a throw-away key, mm-core; shows a live table; ends with a cancel-all drill,
//! compares books, replays the journal and writes a report. Ctrl-C ends it early through the same drill.

mod books;
pub(crate) mod ledger;
mod report;
mod screen;

use crate::shell;
use crate::stack::{Options, Stack, StackError};
use mm_core::domain::{Outcome, Side};
use mm_core::engine::{MarketSnapshot, Snapshot};
use mm_core::venue::market_ws::{self, BookMessage};
use report::{Check, Summary};
use screen::{MarketRow, View};
use serde_json::Value;
use std::collections::VecDeque;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What the user may choose.
#[derive(clap::Args)]
pub(crate) struct DemoArgs {
    /// Tape time for each second of wall clock; 0 = as fast as possible
    #[arg(long, default_value_t = 10.0)]
    speed: f64,
    /// Stop after so many minutes of wall clock
    #[arg(long)]
    minutes: Option<f64>,
    /// Another recording: a file of market-channel frames (.jsonl, also .gz or .zst)
    #[arg(long)]
    tape: Option<PathBuf>,
    /// Quote at most so many of the tape's markets
    #[arg(long)]
    markets: Option<usize>,
    /// Another scenario than config/sim/tape.toml
    #[arg(long)]
    scenario: Option<PathBuf>,
}

/// Between two looks at the stack.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Between two lines in a pipe.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// The demo ends by itself when the tape has: this is only a fence behind a stack that hangs.
const HARD_LIMIT: Duration = Duration::from_secs(3600);

/// Runs the demo; `Ok(true)` when everything it set out to show held.
pub(crate) fn run(args: &DemoArgs) -> Result<bool, String> {
    if !(args.speed >= 0.0 && args.speed.is_finite()) {
        return Err(format!("--speed {} is not a number from 0 up", args.speed));
    }
    let root = shell::repo_root();
    println!("building (the first time takes some minutes) …");
    let bin_dir = shell::build_binaries(&root)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(demo(args, root, bin_dir)).map_err(|e| e.to_string())
}

async fn demo(args: &DemoArgs, root: PathBuf, bin_dir: PathBuf) -> Result<bool, StackError> {
    let started_ms = mm_core::io::clock::Clock::new().now().ms();
    let dir = root.join("artifacts/runs").join(format!("demo-{started_ms}"));
    let mut options = Options::new(root.clone(), bin_dir, dir.clone());
    if let Some(scenario) = &args.scenario {
        options.scenario.clone_from(scenario);
    }
    options.tape.clone_from(&args.tape);
    options.speed = args.speed;
    options.markets = args.markets;
    options.witness_ms = witness_ms(args.speed);
    let stack = Stack::start(options).await?;
    println!("sim-exchange {}   executor {}   mm-core {}", stack.ready.clob, stack.address, stack.run_dir.display());
    let mut watch = Watch::new(args, &stack);
    let ending = watch.until_the_end(&stack, args).await;
    println!(
        "{}",
        match ending {
            Ending::Tape => "the tape has ended",
            Ending::Minutes => "the minutes asked for are over",
            Ending::Interrupt => "interrupted: cancelling everything",
            Ending::Broken(_) => "the stack broke: cancelling everything",
        }
    );
    let summary = close(stack, watch, ending, &root).await;
    let path = dir.join("report.md");
    let write = |name: &str, text: String| {
        std::fs::write(dir.join(name), text).map_err(|e| StackError(format!("{}: {e}", dir.join(name).display())))
    };
    write("report.md", report::render(&summary))?;
    write("report.json", serde_json::to_string_pretty(&summary).expect("strings and booleans") + "\n")?;
    for check in &summary.checks {
        println!("{}  {}: {}", if check.ok { "held   " } else { "NOT    " }, check.name, check.detail);
    }
    for complaint in &summary.complaints {
        println!("NOT      {complaint}");
    }
    println!("report: {}", path.display());
    Ok(summary.passed())
}

/// Each market should be compared about once a minute of tape; mm-core rotates over two tokens a market.
fn witness_ms(speed: f64) -> u64 {
    let times = if speed > 0.0 { speed } else { 100.0 };
    // At most 60 s, at least 100 ms; the cast is of a number between those.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 100..=5000 before")]
    let ms = (5000.0 / times).clamp(100.0, 5000.0) as u64;
    ms
}

/// Why the live part ended.
enum Ending {
    Tape,
    Minutes,
    Interrupt,
    Broken(String),
}

/// What is collected while the stack runs.
struct Watch {
    tape: String,
    speed: f64,
    view: View,
    last: Option<Snapshot>,
    answers: Vec<BookMessage>,
    answered_minute: Option<u64>,
    /// (when, placements + cancels so far) over the last minute.
    calls: VecDeque<(Instant, u64)>,
    drawn_lines: usize,
    last_line: Option<Instant>,
    /// Most fills, deepest totals: the last snapshot that could be read.
    venue: Value,
}

impl Watch {
    fn new(args: &DemoArgs, stack: &Stack) -> Self {
        let file = args.tape.as_ref().and_then(|p| p.file_name()).map(|n| n.to_string_lossy().into_owned());
        Self {
            tape: file.unwrap_or_else(|| format!("recorded tape, {} markets", stack.ready.markets.len())),
            speed: args.speed,
            view: View::default(),
            last: None,
            answers: Vec::new(),
            answered_minute: None,
            calls: VecDeque::new(),
            drawn_lines: 0,
            last_line: None,
            venue: Value::Null,
        }
    }

    async fn until_the_end(&mut self, stack: &Stack, args: &DemoArgs) -> Ending {
        let started = Instant::now();
        let minutes = args.minutes.map(|m| Duration::from_secs_f64((m * 60.0).clamp(0.0, 1e6)));
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = tokio::signal::ctrl_c() => return Ending::Interrupt,
                _ = looks.tick() => {}
            }
            match self.look(stack).await {
                Ok(true) => return Ending::Tape,
                Ok(false) => {}
                Err(why) => return Ending::Broken(why.0),
            }
            if minutes.is_some_and(|limit| started.elapsed() >= limit) {
                return Ending::Minutes;
            }
            if started.elapsed() >= HARD_LIMIT {
                return Ending::Broken(format!("no end after {} s", HARD_LIMIT.as_secs()));
            }
        }
    }

    /// One look at the whole stack; `Ok(true)` once the tape has ended.
    async fn look(&mut self, stack: &Stack) -> Result<bool, StackError> {
        let snapshot = stack.snapshot().await?;
        self.venue = stack.venue_status().await?;
        let tape = |key: &str| self.venue[key].as_u64().unwrap_or(0);
        let (now, start, end) = (tape("tape_ms"), tape("tape_start_ms"), tape("tape_end_ms"));
        let minute = now.saturating_sub(start) / 60_000;
        if self.answered_minute != Some(minute) {
            self.answered_minute = Some(minute);
            self.read_books(stack).await?;
        }
        self.fill_view(&snapshot, stack, now.saturating_sub(start), end.saturating_sub(start));
        self.last = Some(snapshot);
        self.show();
        Ok(end > start && now >= end)
    }

    /// Reads the venue's own book of every open market, both tokens.
    async fn read_books(&mut self, stack: &Stack) -> Result<(), StackError> {
        for market in &stack.ready.markets {
            for token in [&market.yes, &market.no] {
                // A market that has not opened answers 404: nothing to compare yet.
                let Ok(text) = stack.get_text(&format!("{}/book?token_id={token}", stack.ready.clob)).await else {
                    continue;
                };
                let book = market_ws::decode_rest_book(&text)
                    .map_err(|e| StackError(format!("the venue's /book does not decode: {e}")))?;
                self.answers.push(book);
            }
        }
        Ok(())
    }

    fn fill_view(&mut self, snapshot: &Snapshot, stack: &Stack, played_ms: u64, whole_ms: u64) {
        let totals = &snapshot.totals;
        let calls = totals.placed + totals.canceled;
        let now = Instant::now();
        self.calls.push_back((now, calls));
        while self.calls.front().is_some_and(|(when, _)| now.duration_since(*when) > Duration::from_secs(60)) {
            self.calls.pop_front();
        }
        let ours = self.venue["accounts"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|account| account["address"].as_str().is_some_and(|a| a.eq_ignore_ascii_case(&stack.address)));
        self.view = View {
            tape: self.tape.clone(),
            permille: (played_ms * 1000).checked_div(whole_ms).unwrap_or(0),
            played_s: (played_ms / 1000, whole_ms / 1000),
            speed: self.speed,
            markets: snapshot.markets.iter().map(|m| market_row(m, stack)).collect(),
            gate: gate_word(snapshot),
            calls_per_minute: calls - self.calls.front().map_or(calls, |(_, first)| *first),
            totals: [totals.frames, totals.placed, totals.canceled, totals.accepted, totals.fills],
            books_read: self.answers.len() as u64,
            rewards: ours.map_or_else(|| "0".to_owned(), |account| text_of(&account["rewards_usdc"])),
        };
    }

    fn show(&mut self) {
        let mut out = std::io::stdout();
        if out.is_terminal() {
            let text = screen::render(&self.view);
            let up = if self.drawn_lines > 0 { format!("\x1b[{}F\x1b[0J", self.drawn_lines) } else { String::new() };
            self.drawn_lines = text.lines().count();
            write!(out, "{up}{text}").and_then(|()| out.flush()).ok();
        } else if self.last_line.is_none_or(|last| last.elapsed() >= LINE_EVERY) {
            self.last_line = Some(Instant::now());
            writeln!(out, "{}", screen::line(&self.view)).ok();
        }
    }
}

/// A JSON string without its quotes, or a number as its text.
fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn gate_word(snapshot: &Snapshot) -> String {
    use mm_core::protocol::Gate;
    let gate = match snapshot.gate {
        Gate::Open { .. } => "open".to_owned(),
        Gate::Unchecked => "not connected".to_owned(),
        Gate::Shut(why) => format!("shut ({why:?})"),
    };
    snapshot.halted_by.as_ref().map_or(gate.clone(), |why| format!("{gate}, not quoting: {why}"))
}

fn market_row(market: &MarketSnapshot, stack: &Stack) -> MarketRow {
    let bid = |outcome: Outcome| {
        let ours = market.orders.iter().filter(|o| o.outcome == outcome && o.side == Side::Buy);
        ours.map(|o| format!("{}x{}", o.price, o.qty)).collect::<Vec<_>>().join(" ")
    };
    let slug = stack.ready.markets.iter().find(|m| m.condition == market.condition.as_str()).map(|m| m.slug.clone());
    MarketRow {
        name: slug.unwrap_or_else(|| market.condition.to_string()),
        sync: market.sync.clone(),
        midpoint: market.midpoint.clone().unwrap_or_default(),
        yes_bid: bid(Outcome::Yes),
        no_bid: bid(Outcome::No),
        no_quote: market.no_quote.clone().unwrap_or_default(),
        score: short(&market.q_min),
        share: format!("{}%", short(&market.share_percent)),
        held: (market.yes.matched.to_string(), market.no.matched.to_string()),
        witness: (market.witness_equal, market.witness_differs),
    }
}

/// At most two decimals of a decimal string: the table is for eyes.
fn short(decimal: &str) -> String {
    match decimal.split_once('.') {
        Some((whole, rest)) => format!("{whole}.{}", rest.chars().take(2).collect::<String>()),
        None => decimal.to_owned(),
    }
}

/// The drill, the comparisons and the replay.
async fn close(mut stack: Stack, mut watch: Watch, ending: Ending, root: &std::path::Path) -> Summary {
    let mut summary = Summary {
        commit: shell::git_commit(root),
        tape: format!("{} at {}x", watch.tape, watch.speed),
        dir: stack.dir().display().to_string(),
        cut_short: !matches!(ending, Ending::Tape),
        ..Summary::default()
    };
    if let Ending::Broken(why) = ending {
        summary.complaints.push(why);
    }
    let mut check = |name: &str, ok: bool, detail: String| {
        summary.checks.push(Check { name: name.to_owned(), ok, detail });
    };

    // The last look: books as they stand now, with our orders in them.
    if let Err(why) = watch.read_books(&stack).await {
        check("the venue's books can be read at the end", false, why.0);
    }
    let before = stack.open_orders_at_venue().await.unwrap_or(0);
    let drill = stack.executor_command(&["cancel-all"], Duration::from_secs(60));
    let drill_said = drill.as_ref().map_or_else(|e| e.0.clone(), |output| output.text.trim().to_owned());
    let after = stack.open_orders_at_venue().await;
    check(
        "cancel-all confirmed by zero open orders",
        drill.is_ok_and(|output| output.ok) && after.as_ref().is_ok_and(|open| *open == 0),
        format!(
            "{before} open before, {} at the venue after; executor: {drill_said}",
            after.map_or_else(|e| e.0, |n| n.to_string())
        ),
    );

    let run_dir = stack.run_dir.clone();
    let accepted = stack.accepted_orders().await;
    let dir = stack.dir().to_owned();
    let mut complaints = stack.stop_core_and_executor().await;
    match accepted.and_then(|accepted| ledger::known_before_sent(&dir.join("executor/ledger.sqlite"), &accepted)) {
        Ok(known) => check(
            "every accepted order known by its hash before it was sent",
            known.accepted > 0 && known.missing == 0 && known.late == 0,
            format!(
                "{} accepted by the venue, {} without a ledger row, {} recorded later than accepted",
                known.accepted, known.missing, known.late
            ),
        ),
        Err(why) => check("every accepted order known by its hash before it was sent", false, why.0),
    }

    let snapshot = watch.last.take();
    if let Some(snapshot) = &snapshot {
        let totals = &snapshot.totals;
        check(
            "quotes placed through the executor",
            totals.accepted > 0,
            format!(
                "{} placed, {} accepted, {} refused by policy, {} rejected by the venue, {} fills",
                totals.placed, totals.accepted, totals.refused, totals.rejected, totals.fills
            ),
        );
        let (equal, differ) =
            snapshot.markets.iter().fold((0, 0), |(e, d), m| (e + m.witness_equal, d + m.witness_differs));
        check(
            "mm-core's own witness agrees with the venue's /book",
            equal > 0 && differ == 0,
            format!("{equal} equal, {differ} different"),
        );
    }
    match books::compare(&run_dir, &watch.answers) {
        Ok(found) => check(
            "mm-core's books equal the venue's /book each minute and at the end",
            found.equal > 0 && found.differ == 0 && found.unseen == 0,
            format!(
                "{} books: {} equal, {} different, {} not in the journal{}",
                watch.answers.len(),
                found.equal,
                found.differ,
                found.unseen,
                found.first_difference.or(found.first_unseen).map_or_else(String::new, |why| format!(" ({why})"))
            ),
        ),
        Err(why) => check("mm-core's books equal the venue's /book each minute and at the end", false, why),
    }
    let replay = stack.replay(&run_dir);
    check(
        "replay identical",
        replay.as_ref().is_ok_and(|output| output.ok),
        replay.map_or_else(|e| e.0, |output| output.text.trim().to_owned()),
    );
    complaints.extend(stack.stop().await);
    summary.complaints.extend(complaints);
    if let Some(snapshot) = snapshot {
        tabulate(&mut summary, &watch, &snapshot);
    }
    summary
}

fn tabulate(summary: &mut Summary, watch: &Watch, snapshot: &Snapshot) {
    let heads = [
        "market",
        "book",
        "midpoint",
        "score/min",
        "share",
        "expected rewards",
        "held YES",
        "held NO",
        "witness",
        "epochs",
    ];
    summary.columns = heads.map(str::to_owned).to_vec();
    for (row, market) in watch.view.markets.iter().zip(&snapshot.markets) {
        summary.markets.push(vec![
            row.name.clone(),
            row.sync.clone(),
            row.midpoint.clone(),
            row.score.clone(),
            row.share.clone(),
            market.expected_rewards.clone(),
            row.held.0.clone(),
            row.held.1.clone(),
            format!("{} equal, {} different", row.witness.0, row.witness.1),
            market.epoch.to_string(),
        ]);
    }
    let totals = &snapshot.totals;
    let rows = [
        ("turns", snapshot.seq),
        ("frames", totals.frames),
        ("frames on the tolerant road", totals.slow_road),
        ("bad frames", totals.bad_frames),
        ("orders placed", totals.placed),
        ("orders accepted", totals.accepted),
        ("orders cancelled", totals.canceled),
        ("refused by policy", totals.refused),
        ("rejected by the venue", totals.rejected),
        ("fills", totals.fills),
        ("books that lost their sync", totals.books_broken),
    ];
    summary.totals = rows.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect();
    summary.totals.push(("bought, dollars".to_owned(), totals.bought.to_string()));
    summary.totals.push(("rewards at the venue, dollars".to_owned(), watch.view.rewards.clone()));
}
