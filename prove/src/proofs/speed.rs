//! M5: how much passes: real processes, and a core that places and cancels at a rate.

pub(in crate::proofs) mod driver;
mod trigger;
mod wire;

use crate::proof::{Bench, Depth, Evidence, Proof, Verdict};
use crate::proofs::in_runtime;
use crate::stack::{Options, Stack, StackError};
use driver::Driver;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[SOAK, trigger::PROOF];

const SOAK: Proof = Proof {
    id: "no-intent-is-dropped",
    milestone: 5,
    claim: "Hundreds of places and as many cancels a second, each place durable in the ledger before it is sent, for as long as asked: \
                every order is taken by the venue once and cancelled, none is refused, lost or doubted.",
    quick: false,
    min_cases: 400,
    run: |bench| in_runtime(soak(bench, "off")),
    sabotage_claim: "the signer's limits of the lowest tier",
    sabotage: Some(|bench| in_runtime(soak(bench, "standard"))),
};

/// How long the gate may take to open.
const OPENS: Duration = Duration::from_secs(60);

const MARKETS: u32 = 20;

/// A venue of quiet markets, and caps that keep nothing from a house of thousands of orders.
async fn venue(bench: &Bench) -> Result<Stack, StackError> {
    let mut text = String::from(
        "schema = 1\nseed = 7\nduration_s = 600\nstart_utc = \"2026-06-07T01:30:00Z\"\n\n[venue]\nlimits = \"off\"\n\
         remembered = { orders = 1048576, trades = 1024 }\n",
    );
    for n in 0..MARKETS {
        let _ = write!(text, "\n[[market]]\nslug = \"quiet-{n}\"\nfair = {{ start = \"0.50\" }}\n");
    }
    let mut options = Options::new(bench.root.clone(), bench.bin_dir.clone(), bench.evidence.clone());
    options.scenario = bench.evidence.join("quiet.toml");
    std::fs::create_dir_all(&bench.evidence)
        .and_then(|()| std::fs::write(&options.scenario, text))
        .map_err(|why| StackError(format!("{}: {why}", options.scenario.display())))?;
    let mut stack = Stack::venue(options).await?;
    for key in ["max_token_orders", "max_market_orders", "max_event_orders", "max_open_orders"] {
        stack.set_executor("policy", key, 10_000);
    }
    stack.set_executor("policy", "max_orders_per_minute", 1_000_000);
    stack.set_executor("gate", "pauses_max", 100_000);
    Ok(stack)
}

async fn drive(stack: &Stack) -> Result<Driver, StackError> {
    let markets: Vec<(String, String)> =
        stack.ready.markets.iter().map(|market| (market.yes.clone(), market.no.clone())).collect();
    let mut driver = Driver::connect(&stack.core_socket(), &markets).await?;
    driver.opened(OPENS).await?;
    Ok(driver)
}

/// Rate of each kind, and for how many seconds; the higher rate is what is aimed at.
fn courses(depth: Depth) -> &'static [(u64, u64)] {
    match depth {
        Depth::Quick | Depth::Default => &[(250, 3)],
        Depth::Full => &[(250, 60), (1000, 60)],
    }
}

async fn soak(bench: &mut Bench, tier: &str) -> Result<Verdict, StackError> {
    let mut evidence = Evidence::default();
    let mut stack = venue(bench).await?;
    stack.set_executor("limits", "tier", tier);
    stack.start_executor().await?;
    let mut driver = drive(&stack).await?;
    let mut good = true;
    for (rate, secs) in courses(bench.depth) {
        // buffers and tables have their size by then
        driver.run(*rate, Duration::from_secs(1)).await?;
        let (before, rss) = (driver.counts.clone(), resident(&stack));
        let begin = Instant::now();
        driver.run(*rate, Duration::from_secs(*secs)).await?;
        let done = driver.counts.accepted + driver.counts.canceled - before.accepted - before.canceled;
        let each = f64::from(u32::try_from(done).unwrap_or(u32::MAX)) / begin.elapsed().as_secs_f64();
        if bench.depth == Depth::Full {
            evidence.fact(&format!("asked {} a second: done", rate * 2), format!("{each:.0} a second"));
            evidence.fact("resident memory, MB", format!("{} to {}", rss / 1024, resident(&stack) / 1024));
            good &= each >= (rate * 2).min(500) as f64 * 0.98;
        }
    }
    let finished = driver.finished(Duration::from_secs(30)).await;
    let counts = driver.counts.clone();
    let at_venue = stack.accepted_orders().await?;
    let mut took: Vec<Duration> = driver
        .asked
        .iter()
        .zip(&at_venue)
        .map(|(asked, (_, taken))| Duration::from_nanos(taken.since(*asked).nanos()))
        .collect();
    let complaints = stack.stop().await;
    evidence.cases = counts.placed + counts.cancels;
    evidence
        .fact("placed, accepted, cancelled", format!("{}, {}, {}", counts.placed, counts.accepted, counts.canceled));
    evidence.fact("refused, doubted", format!("{}, {}", counts.refused, counts.odd));
    if bench.depth == Depth::Full {
        evidence.fact("intent to the venue's book", percentiles(&mut took));
    }
    if !counts.example.is_empty() {
        evidence.fact("example", counts.example.chars().take(160).collect::<String>());
    }
    if let Err(why) = finished {
        evidence.fact("not finished", why);
        return Ok(Verdict::Refuted(evidence));
    }
    for complaint in &complaints {
        evidence.fact("at the end", complaint);
    }
    let whole = counts.accepted == counts.placed
        && counts.canceled == counts.placed
        && counts.cancels == counts.placed
        && u64::try_from(at_venue.len()) == Ok(counts.placed);
    good &= whole && counts.refused + counts.odd == 0 && complaints.is_empty();
    Ok(if good { Verdict::Proved(evidence) } else { Verdict::Refuted(evidence) })
}

/// Resident memory of the executor, in kB.
fn resident(stack: &Stack) -> u64 {
    let pid = stack.executor.as_ref().and_then(crate::stack::Process::pid).map_or(0, |pid| pid.as_raw_nonzero().get());
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn percentiles(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let of = |percent: usize| times.get(times.len().saturating_sub(1) * percent / 100).copied().unwrap_or_default();
    let ms = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1000.0);
    format!("median {}, p90 {}, p99 {}, most {} ms of {}", ms(of(50)), ms(of(90)), ms(of(99)), ms(of(100)), times.len())
}
