//! M5: two executors with one key on two hosts, as real processes at one served venue. The second host is a network of its own on this
//! machine, where nobody holds the key's name; the venue is carried there.

mod bridge;

pub(crate) use bridge::play as bridge;

use crate::proof::{Bench, Evidence, Proof, Verdict};
use crate::proofs::speed::driver::Driver;
use crate::proofs::{in_runtime, judged};
use crate::stack::{Options, Process, Stack, StackError, key_file, socket_dir};
use bridge::Bridge;
use std::time::{Duration, Instant};
use toml::{Table, Value};

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[Proof {
    id: "two-hosts-one-key-end-flat",
    milestone: 5,
    claim: "Of two executors in networks of their own, with one key at a served venue, both halt, and no order of either is taken from then \
            on; one that is started while the other trades halts before it has placed anything, or both halt. In the end nothing rests.",
    quick: false,
    min_cases: 1,
    run: |bench| two_hosts(bench, true),
    sabotage_claim: "the second has another key",
    sabotage: Some(|bench| two_hosts(bench, false)),
}];

/// How long a start may take on a loaded machine, and how long the venue may take to show nothing.
const OPENS: Duration = Duration::from_secs(60);
const FLAT: Duration = Duration::from_secs(10);
/// How long two may go on until both have halted: each beats every five seconds, and twice after a refusal.
const BOTH_HALTED: Duration = Duration::from_secs(20);
/// One that is halted after so long does not trade.
const STAYS_OUT: Duration = Duration::from_secs(5);
/// How long orders are asked for in vain.
const IN_VAIN: Duration = Duration::from_millis(1500);
/// An order is asked for every so many ticks of a core.
const ORDER_TICKS: u64 = 20;

fn two_hosts(bench: &Bench, one_key: bool) -> Verdict {
    if let Err(why) = bridge::possible() {
        return Verdict::NotRun(why);
    }
    in_runtime(async {
        let (mut evidence, mut failures) = (Evidence::default(), Vec::new());
        for case in 0..if one_key { bench.depth.pick(1, 2, 12) } else { 1 } {
            if let Err(why) = meet(bench, case, one_key).await? {
                failures.push(format!("case {case}: {why}"));
            }
            evidence.cases += 1;
        }
        Ok::<_, StackError>(judged(evidence, &failures))
    })
}

/// Two cores that ask, each its executor.
struct Both([Driver; 2]);

impl Both {
    /// A tick of each, with an order of each now and then.
    async fn tick(&mut self, nth: u64, asks: [bool; 2]) -> Result<(), StackError> {
        for (core, asks) in self.0.iter_mut().zip(asks) {
            core.tick(u64::from(asks && nth.is_multiple_of(ORDER_TICKS)), true).await?;
        }
        Ok(())
    }

    fn halted(&self) -> [bool; 2] {
        [0, 1].map(|n: usize| self.0[n].is_halted())
    }
}

/// The first trades, the second is started; the inner error says what did not come as claimed.
async fn meet(bench: &Bench, case: u64, one_key: bool) -> Result<Result<(), String>, StackError> {
    let dirs = ["one", "other"].map(|name| bench.evidence.join(format!("{name}-{case}")));
    for dir in &dirs {
        std::fs::create_dir_all(dir)?;
    }
    let mut keys = [dirs[0].join("key"), dirs[1].join("key")];
    for path in &keys {
        key_file(path, 0o400)?;
    }
    if one_key {
        keys[1] = keys[0].clone();
    }
    let options = |n: usize| {
        let mut options = Options::new(bench.root.clone(), bench.bin_dir.clone(), dirs[n].clone());
        options.scenario = bench.root.join("config/sim/basic.toml");
        let path = keys[n].to_string_lossy().into_owned();
        let source = [("source".to_owned(), Value::from("file")), ("path".to_owned(), Value::from(path))];
        options.executor_keys = vec![("account", "key", Value::Table(Table::from_iter(source)))];
        options
    };
    let mut stack = Stack::venue(options(0)).await?;
    stack.start_executor().await?;
    let markets = [(stack.ready.markets[0].yes.clone(), stack.ready.markets[0].no.clone())];
    let mut first = Driver::connect(&stack.core_socket(), &markets).await?;
    first.opened(OPENS).await?;

    let bridge = Bridge::start(bench, &stack.ready, &dirs[1]).await?;
    let sockets = socket_dir()?;
    let config = dirs[1].join("executor.toml");
    std::fs::write(&config, stack.executor_config(&options(1), &sockets).await?)?;
    let mut command = bridge.command(&bench.binary("executor"))?;
    command.arg("run").arg("--config").arg(&config);
    let mut process = Process::spawn("other-executor", command, &dirs[1])?;
    process.first_line(OPENS).await?;
    let mut both = Both([first, Driver::connect(&sockets.join("core.sock"), &markets).await?]);

    let quiet = case.is_multiple_of(2);
    let begin = Instant::now();
    let mut nth = 0;
    while quiet && !both.0[1].is_open() && begin.elapsed() < OPENS {
        both.tick(nth, [false; 2]).await?;
        nth += 1;
    }
    let begin = Instant::now();
    while both.halted() != [true; 2] && begin.elapsed() < BOTH_HALTED {
        if !quiet && both.0[1].is_halted() && begin.elapsed() > STAYS_OUT {
            break;
        }
        both.tick(nth, [true; 2]).await?;
        nth += 1;
    }
    let came = judge(&stack, &mut both, quiet).await?;
    let mut complaints = Vec::new();
    if let Err(why) = process.terminate(Duration::from_secs(20)).await {
        complaints.push(why.0);
    }
    drop(bridge);
    complaints.extend(stack.stop().await);
    std::fs::remove_dir_all(&sockets).ok();
    Ok(came.and_then(|()| if complaints.is_empty() { Ok(()) } else { Err(complaints.join("; ")) }))
}

/// Whether it came as claimed.
async fn judge(stack: &Stack, both: &mut Both, quiet: bool) -> Result<Result<(), String>, StackError> {
    let placed = [0, 1].map(|n: usize| both.0[n].counts.accepted);
    match (both.halted(), placed) {
        (_, [0, 0]) => return Err(StackError("neither ever traded".to_owned())),
        ([true, true], _) => {
            let taken = stack.accepted_orders().await?.len();
            let (begin, mut nth) = (Instant::now(), 0);
            while begin.elapsed() < IN_VAIN {
                both.tick(nth, [true; 2]).await?;
                nth += 1;
            }
            let more = stack.accepted_orders().await?.len() - taken;
            if more > 0 {
                return Ok(Err(format!("{more} orders are taken after both have halted")));
            }
        }
        ([_, true], [_, 0]) if !quiet => {}
        ([one, other], [first, second]) => {
            let secs = BOTH_HALTED.as_secs();
            return Ok(Err(format!("after {secs} s halted: {one}, {other}; orders placed: {first}, {second}")));
        }
    }
    stack.wait_for(FLAT, "both to be flat", |open| open == 0).await
}
