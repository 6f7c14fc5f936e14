//! Real binaries over real sockets: what happens when one of them dies.

use crate::proof::{Bench, Depth, Evidence, Proof, Verdict};
use crate::proofs::{in_runtime, judged};
use crate::stack::{Options, Stack, StackError};
use rustix::process::Signal;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "core-killed-executor-cancels",
        milestone: 5,
        claim: "mm-core is killed: the executor notices the silence, cancels everything at the venue and says so.",
        quick: false,
        min_cases: 1,
        run: |bench| in_runtime(core_silenced(bench, Signal::KILL, 2000)),
        sabotage_claim: "mm-core frozen with its socket open, and the longest lease there is",
        sabotage: Some(|bench| in_runtime(core_silenced(bench, Signal::STOP, LONGEST_LEASE_MS))),
    },
    Proof {
        id: "core-frozen-executor-cancels",
        milestone: 5,
        claim: "mm-core is frozen with its socket open: the lease ends and the executor cancels everything.",
        quick: false,
        min_cases: 1,
        run: |bench| in_runtime(core_silenced(bench, Signal::STOP, 2000)),
        sabotage_claim: "the longest lease there is",
        sabotage: Some(|bench| in_runtime(core_silenced(bench, Signal::STOP, LONGEST_LEASE_MS))),
    },
    Proof {
        id: "executor-killed-venue-sweeps",
        milestone: 5,
        claim: "The executor is killed: mm-core stops quoting and the venue's heartbeat sweep removes every order.",
        quick: false,
        min_cases: 1,
        run: |bench| in_runtime(executor_killed(bench, 10_000)),
        sabotage_claim: "a venue whose heartbeat limit is an hour",
        sabotage: Some(|bench| in_runtime(executor_killed(bench, 3_600_000))),
    },
    Proof {
        id: "geoblocked-executor-cancels",
        milestone: 5,
        claim: "The venue turns to blocked: nothing more is placed and resting orders are cancelled.",
        quick: false,
        min_cases: 1,
        run: |bench| in_runtime(geoblocked(bench, true)),
        sabotage_claim: "the endpoint keeps saying that trading is allowed",
        sabotage: Some(|bench| in_runtime(geoblocked(bench, false))),
    },
    Proof {
        id: "every-signal-cancels",
        milestone: 5,
        claim: "Whatever signal a person, a terminal or a service manager sends the executor, it cancels everything: it ends flat, or stays \
                halted.",
        quick: false,
        min_cases: 3,
        run: |bench| in_runtime(signalled(bench, false)),
        sabotage_claim: "the one signal that no process can catch",
        sabotage: Some(|bench| in_runtime(signalled(bench, true))),
    },
    Proof {
        id: "executor-frozen-kill-cancels",
        milestone: 5,
        claim: "The executor is frozen and the venue's heartbeat limit is an hour: `executor-kill`, which has no key, cancels everything and \
                says flat only when that is so.",
        quick: false,
        min_cases: 1,
        run: |bench| in_runtime(killed_from_outside(bench, false)),
        sabotage_claim: "one letter of the API secret it finds is another",
        sabotage: Some(|bench| in_runtime(killed_from_outside(bench, true))),
    },
];

/// What the executor takes at most as `core_silent_ms`: longer than what is waited for here.
const LONGEST_LEASE_MS: u64 = 10_000;
/// How long the stack may take until orders rest.
const ORDERS_REST: Duration = Duration::from_secs(60);
/// How long a halted executor may take until it can be armed.
const ARMED: Duration = Duration::from_secs(60);

/// A stack at ten times the tape's speed whose quotes rest at the venue.
async fn quoting_stack(bench: &Bench, change: impl FnOnce(&mut Options)) -> Result<Stack, StackError> {
    let mut options = Options::new(bench.root.clone(), bench.bin_dir.clone(), bench.evidence.clone());
    options.speed = 10.0;
    change(&mut options);
    let stack = Stack::start(options).await?;
    stack.wait_for(ORDERS_REST, "orders to rest", |open| open > 0).await??;
    Ok(stack)
}

fn found(ok: bool, mut evidence: Evidence) -> Verdict {
    evidence.cases = 1;
    if ok { Verdict::Proved(evidence) } else { Verdict::Refuted(evidence) }
}

async fn core_silenced(bench: &mut Bench, signal: Signal, lease_ms: u64) -> Result<Verdict, StackError> {
    let mut stack = quoting_stack(bench, |options| options.core_silent_ms = lease_ms).await?;
    let core = stack.core.take().ok_or_else(|| StackError("mm-core is not running".to_owned()))?;
    let before = stack.open_orders_at_venue().await?;
    core.signal(signal)?;
    // Well below the venue's own sweep at ten to fifteen seconds: the executor keeps its heartbeat chain until it cancels.
    let gone = stack.wait_for(Duration::from_secs(8), "the executor to cancel", |open| open == 0).await?;
    let status = stack.executor_command(&["status"], Duration::from_secs(10))?;
    core.kill().await?;
    let mut evidence = Evidence::default();
    evidence.fact("orders open before", if before > 0 { "some" } else { "none" });
    if let Err(why) = &gone {
        evidence.facts.insert(0, ("still open".to_owned(), why.to_string()));
    }
    let says_so = status.text.contains("CoreSilent");
    evidence.fact("executor status names CoreSilent", says_so);
    stack.stop().await;
    Ok(found(gone.is_ok() && says_so && before > 0, evidence))
}

async fn executor_killed(bench: &mut Bench, heartbeat_ms: u64) -> Result<Verdict, StackError> {
    let scenario = with_heartbeat_limit(bench, heartbeat_ms)?;
    let mut stack = quoting_stack(bench, |options| options.scenario = scenario).await?;
    let executor = stack.executor.take().ok_or_else(|| StackError("the executor is not running".to_owned()))?;
    executor.kill().await?;
    let gone = stack.wait_for(Duration::from_secs(25), "the venue's sweep", |open| open == 0).await?;
    let snapshot = stack.snapshot().await?;
    let quoting = matches!(snapshot.gate, mm_core::protocol::Gate::Open { .. });
    let mut evidence = Evidence::default();
    if let Err(why) = &gone {
        evidence.fact("still open", why);
    }
    evidence.fact("mm-core believes the gate open", quoting);
    stack.stop().await;
    Ok(found(gone.is_ok() && !quoting, evidence))
}

async fn killed_from_outside(bench: &mut Bench, stale: bool) -> Result<Verdict, StackError> {
    let scenario = with_heartbeat_limit(bench, 3_600_000)?;
    let mut stack = quoting_stack(bench, |options| options.scenario = scenario).await?;
    let executor = stack.executor.take().ok_or_else(|| StackError("the executor is not running".to_owned()))?;
    executor.signal(Signal::STOP)?;
    let state_dir = stack.dir().join("executor");
    if stale {
        other_secret(&state_dir.join("kill-credentials"))?;
    }
    let before = stack.open_orders_at_venue().await?;
    let mut command = Command::new(bench.binary("executor-kill"));
    command.arg(&state_dir).args(["--wait-s", "5", "--watch-s", "0"]);
    let told = crate::shell::run(&mut command, Duration::from_secs(30))?;
    let after = stack.open_orders_at_venue().await?;
    executor.kill().await?;
    stack.stop().await;
    let mut evidence = Evidence::default();
    evidence.fact("orders open before", if before > 0 { "some" } else { "none" });
    evidence.fact("orders open afterwards", after);
    evidence.fact("its last words", told.text.trim().lines().last().unwrap_or_default());
    Ok(found(before > 0 && after == 0 && told.ok && told.text.contains("FLAT: nothing rests"), evidence))
}

/// Changes one letter of the secret in a deposit.
fn other_secret(path: &Path) -> std::io::Result<()> {
    let text = std::fs::read_to_string(path)?;
    let (head, secret) = text.split_once("\"secret\":\"").ok_or_else(|| std::io::Error::other("no secret in it"))?;
    let other = if secret.starts_with('A') { 'B' } else { 'A' };
    std::fs::remove_file(path)?;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o400).open(path)?;
    file.write_all(format!("{head}\"secret\":\"{other}{}", &secret[1..]).as_bytes())
}

async fn geoblocked(bench: &mut Bench, block: bool) -> Result<Verdict, StackError> {
    let stack = quoting_stack(bench, |options| options.geoblock_every_ms = 1000).await?;
    stack.switch_geoblock(block).await?;
    let gone = stack.wait_for(Duration::from_secs(10), "the executor to cancel", |open| open == 0).await?;
    let mut evidence = Evidence::default();
    if let Err(why) = &gone {
        evidence.fact("still open", why);
    }
    stack.stop().await;
    Ok(found(gone.is_ok(), evidence))
}

async fn signalled(bench: &mut Bench, killed: bool) -> Result<Verdict, StackError> {
    let (mut drains, mut halts) = (vec![Signal::HUP, Signal::QUIT], vec![Signal::USR1]);
    if bench.depth == Depth::Full {
        drains.extend([Signal::INT, Signal::TERM, Signal::ABORT, Signal::XCPU, Signal::POWER, Signal::ALARM]);
        halts.extend([Signal::USR2, Signal::TSTP, Signal::TTIN, Signal::TTOU]);
    }
    let mut stack = quoting_stack(bench, |_| ()).await?;
    let mut evidence = Evidence::default();
    let mut failures = Vec::new();
    for signal in drains.iter().chain(&halts) {
        if stack.executor.is_none() {
            stack.start_executor().await?;
        } else if evidence.cases > drains.len() as u64 {
            stack.arm(ARMED).await??;
        }
        stack.wait_for(ORDERS_REST, "orders to rest", |open| open > 0).await??;
        let mut executor = stack.executor.take().ok_or_else(|| StackError("the executor is not running".to_owned()))?;
        executor.signal(if killed { Signal::KILL } else { *signal })?;
        // Well below the venue's own sweep at ten to fifteen seconds.
        if let Err(why) = stack.wait_for(Duration::from_secs(8), "the executor to cancel", |open| open == 0).await? {
            failures.push(format!("{signal:?}: {why}"));
        }
        if drains.contains(signal) {
            match executor.ended(Duration::from_secs(15)).await {
                Ok(status) if status.success() => {}
                Ok(status) => failures.push(format!("{signal:?}: {status}")),
                Err(why) => failures.push(format!("{signal:?}: {why}")),
            }
        } else {
            stack.executor = Some(executor);
            let halted = stack.executor_status().map(|status| status["desk"]["halted"].to_string());
            match halted {
                Ok(why) if why.contains("signal") => {}
                Ok(why) => failures.push(format!("{signal:?}: halted is {why}")),
                Err(why) => failures.push(format!("{signal:?}: {why}")),
            }
        }
        evidence.cases += 1;
        if killed {
            break;
        }
    }
    evidence.fact("signals", evidence.cases);
    stack.stop().await;
    Ok(judged(evidence, &failures))
}

/// The demo's world with another heartbeat limit.
fn with_heartbeat_limit(bench: &Bench, ms: u64) -> Result<std::path::PathBuf, StackError> {
    let source = bench.root.join("config/sim/tape.toml");
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|e| StackError(format!("{}: {e}", path.display())));
    let mut table: toml::Table =
        read(&source)?.parse().map_err(|e| StackError(format!("{}: {e}", source.display())))?;
    if let Some(venue) = table.get_mut("venue").and_then(toml::Value::as_table_mut) {
        venue.insert("heartbeat_timeout_ms".to_owned(), toml::Value::Integer(i64::try_from(ms).unwrap_or(i64::MAX)));
    }
    if let Some(tape) = table.get_mut("tape").and_then(toml::Value::as_table_mut)
        && let Some(file) = tape.get("file").and_then(toml::Value::as_str)
    {
        let absolute = bench.root.join("config/sim").join(file);
        tape.insert("file".to_owned(), toml::Value::String(absolute.to_string_lossy().into_owned()));
    }
    let path = bench.evidence.join("scenario.toml");
    std::fs::write(&path, table.to_string()).map_err(|e| StackError(format!("{}: {e}", path.display())))?;
    Ok(path)
}
