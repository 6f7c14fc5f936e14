//! Executors that panic while their orders rest (executor.md 3.17): in whatever thread, and whatever it holds.

use super::house::{Finish, House, PATIENCE};
use super::truth::Complaints;
use super::{Sabotage, side_by_side};
use crate::proof::{Bench, Depth, Evidence, Proof, Verdict};
use crate::proofs::{in_runtime, judged};
use crate::scan::{Canary, Matcher};
use crate::shell;
use crate::stack::{Options, Stack, StackError};
use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::sync::Arc;

pub(super) const PROOF: Proof = Proof {
    id: "panic-cancels-first",
    milestone: 5,
    claim: "A thread of the executor panics while orders rest, wherever it is and whatever it holds: before the process is gone nothing rests \
            at the venue, not even what left just before and lands behind the cancel-all, and it says so, where and not what: a key in the \
            panic's payload is in no output. The next start finds a ledger that knows every order.",
    quick: false,
    min_cases: 4,
    run: |bench| in_runtime(panicked(bench, false)),
    sabotage_claim: "the process dies at that moment without a last word",
    sabotage: Some(|bench| in_runtime(panicked(bench, true))),
};

/// Places that are passed while orders rest; the first are those of each kind: the thread that decides, the ledger's inside a
/// transaction, a task with an order that has just been answered.
const PLACES: [&str; 16] = [
    "turn.decided",
    "ledger.intent.inside",
    "post.answered",
    "turn.performed",
    "post.signed",
    "post.before",
    "post.body",
    "post.told",
    "ledger.intent.before",
    "ledger.intent.after",
    "ledger.outcome.inside",
    "cancel.before",
    "cancel.answered",
    "heartbeat.before",
    "heartbeat.answered",
    "open-orders.answered",
];

/// The place after which an order is on its way, and how long after the panic it lands: behind the first cancel-all, before the second.
const ON_ITS_WAY: &str = "post.sent";
const LANDS_LATE_MS: u64 = 250;

async fn panicked(bench: &Bench, dies: bool) -> Result<Verdict, StackError> {
    let binary = shell::build_crash_executor(&bench.root)?;
    let mut options = Options::new(bench.root.clone(), bench.bin_dir.clone(), bench.evidence.clone());
    options.scenario = bench.root.join("config/sim/basic.toml");
    let stack = Arc::new(Stack::venue(options).await?);
    let places = match (dies, bench.depth) {
        (true, _) => &PLACES[..1],
        (false, Depth::Full) => &PLACES[..],
        (false, Depth::Quick | Depth::Default) => &PLACES[..3],
    };
    let mut evidence = Evidence::default();
    let mut wrong = Vec::new();
    let mut rested = 0;
    let houses = {
        let mut houses = Vec::new();
        for (nth, place) in places.iter().enumerate() {
            let number = 1 + nth as u64;
            let house = House::new(bench, Arc::clone(&stack), binary.clone(), number, Sabotage::None).await?;
            houses.push((house, *place));
        }
        houses
    };
    for done in side_by_side(houses, move |(house, place)| life(house, place, dies)).await? {
        match done? {
            Ok(before) => rested += before,
            Err(why) => wrong.push(why),
        }
        evidence.cases += 1;
    }
    if !dies {
        // alone: at this venue every order lands late then
        let number = 1 + places.len() as u64;
        let mut house = House::new(bench, Arc::clone(&stack), binary, number, Sabotage::None).await?;
        house.lands_late_ms = Some(LANDS_LATE_MS);
        match life(house, ON_ITS_WAY, false).await? {
            Ok(before) => rested += before,
            Err(why) => wrong.push(why),
        }
        evidence.cases += 1;
    }
    if let Some(stack) = Arc::into_inner(stack) {
        stack.stop().await;
    }
    if rested == 0 && wrong.is_empty() {
        wrong.push("no order rested".to_owned());
    }
    evidence.fact("places", evidence.cases);
    Ok(judged(evidence, &wrong))
}

/// How many orders rested, or what was not as it must be.
async fn life(mut house: House, place: &'static str, dies: bool) -> Result<Result<u64, String>, StackError> {
    let switch = house.state_dir().join("panics");
    let key = house.key;
    let mut command = house.command();
    command.env("EXECUTOR_CRASH", format!("{place}@{}", switch.display()));
    let struck = house
        .struck(command, PATIENCE, |process| if dies { process.signal(Signal::KILL) } else { says(&switch, &key) })
        .await?;
    let signal = match &struck.end {
        Finish::Ended(status) => status.signal(),
        Finish::Asked(status) => return Ok(Err(format!("{place}: it went on, and ended with {status}"))),
        Finish::Hangs => None,
    };
    let said = struck.last_words.contains("cancel-all answered");
    let core = matches!(&struck.end, Finish::Ended(status) if status.core_dumped());
    let nothing_came = house.lands_late_ms.is_some() && struck.taken() == 0;
    let rest = struck.after.resting() > 0 || nothing_came;
    if signal != Some(Signal::ABORT.as_raw()) || !said || core || rest || struck.lost > 0 {
        return Ok(Err(format!(
            "{place}: {:?}, {} came and {} rest, {} without a row: {}",
            struck.end,
            struck.taken(),
            struck.after.resting(),
            struck.lost,
            struck.last_words
        )));
    }
    let secrets = Matcher::new(&canaries(&house, &key)?);
    if secrets.scan(&std::fs::read(&switch)?).is_empty() {
        return Ok(Err(format!("{place}: the key is not found where it was put")));
    }
    std::fs::remove_file(&switch)?;
    let mut outputs = struck.log.into_bytes();
    for entry in std::fs::read_dir(house.state_dir())? {
        let path = entry?.path();
        if !path.ends_with("kill-credentials") {
            outputs.extend(std::fs::read(path)?);
        }
    }
    if let Some((secret, _, written)) = secrets.scan(&outputs).first() {
        return Ok(Err(format!("{place}: the outputs hold the {secret}, as {written}")));
    }
    let (_, complaints) = house.audit().await?;
    Ok(match complaints == Complaints::default() {
        true => Ok(struck.before.resting()),
        false => Err(format!("{place}: afterwards {complaints:?}")),
    })
}

/// What nobody may read: the house's key, and what the venue gave it.
fn canaries(house: &House, key: &[u8]) -> Result<Vec<Canary>, StackError> {
    let deposit = std::fs::read(house.state_dir().join("kill-credentials"))?;
    let deposit: serde_json::Value = serde_json::from_slice(&deposit).map_err(|why| StackError(why.to_string()))?;
    let part = |name: &str| deposit[name].as_str().map(str::to_owned).unwrap_or_default();
    Ok(vec![
        Canary::of_bytes("key", key),
        Canary::of_base64("API secret", &part("secret")),
        Canary::of_hex("API passphrase", &part("passphrase")),
    ])
}

/// The file that is the signal appears, with a key in it, as people write one.
fn says(file: &Path, key: &[u8]) -> Result<(), StackError> {
    let digits: Vec<String> = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let ready = file.with_extension("new");
    std::fs::write(&ready, format!("0x{}", digits.concat()))?;
    Ok(std::fs::rename(ready, file)?)
}

/// A file that is there is the signal.
pub(super) fn appears(file: &Path) -> Result<(), StackError> {
    Ok(std::fs::File::create(file).map(drop)?)
}
