//! The ledger's mirror: the same tampering on its lines, and a running executor whose mirror is read, torn and changed.

use super::{misjudged, verify};
use crate::proof::{Bench, Evidence, Proof, Verdict};
use crate::proofs::{in_runtime, judged};
use crate::stack::{Options, Stack, StackError};
use executor::ledger::{Head, Ledger as _, Mirror, MirrorFile, SqliteLedger};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(super) const PROOF: Proof = Proof {
    id: "mirror-holds-while-it-runs",
    milestone: 5,
    claim: "While an executor trades, its mirror is verified up to the head that its status shows; with its last line torn, the next start \
            makes it the ledger row by row; one that was changed is told of, left alone and keeps no order in.",
    quick: true,
    min_cases: 5,
    run: |bench| in_runtime(running(bench, false)),
    sabotage_claim: "a digit of the file is another when it is looked at",
    sabotage: Some(|bench| in_runtime(running(bench, true))),
};

/// What is done to the lines, and whether it must pass.
type Change = fn(&mut Vec<String>);

const CHANGES: [(&str, Change, bool); 10] = [
    ("nothing", |_| (), true),
    ("changed", |lines| lines[100] = lines[100].replacen("\"at\":", "\"at\":1", 1), false),
    ("a digit changed", |lines| lines[200] = other_digit(&lines[200]), false),
    ("removed", |lines| drop(lines.remove(4999)), false),
    ("inserted", |lines| lines.insert(5000, lines[0].clone()), false),
    ("moved", |lines| lines.swap(699, 700), false),
    ("cut off", |lines| drop(lines.pop()), false),
    ("cut off far", |lines| lines.truncate(9000), false),
    (
        "filed elsewhere",
        |lines| lines[5000] = lines[5000].replacen("\"order\":", "\"order\":\"0x00\",\"order\":", 1),
        false,
    ),
    ("written otherwise", |lines| lines[5000].push(' '), false),
];

/// The mirror of a ledger as the executor's own thread writes it, tampered with and judged by the command a person uses.
pub(super) fn on_disk(bench: &Bench, ledger: &Path, head: Head) -> Result<(u64, Vec<String>), String> {
    let text = |why: std::io::Error| why.to_string();
    let file = MirrorFile::beside(ledger);
    let mut opened = SqliteLedger::open(ledger).map_err(|why| why.to_string())?;
    let mirror = Mirror::start(&file, &mut opened, |_| ()).map_err(text)?;
    while opened.tidy().map_err(|why| why.to_string())? {}
    drop(opened);
    // its thread ends when it has written what there is
    let until = Instant::now() + LIMIT;
    while mirror.state().rows < head.rows && mirror.state().trouble.is_none() && Instant::now() < until {
        std::thread::yield_now();
    }
    drop(mirror);
    let whole = std::fs::read_to_string(file.path()).map_err(text)?;
    let (mut wrong, mut tried) = (Vec::new(), 0);
    let copy = ledger.with_file_name("copy").join("audit.jsonl");
    std::fs::create_dir(copy.with_file_name("")).map_err(text)?;
    let mut judge = |what: &str, bytes: &str, passes: bool| {
        std::fs::write(&copy, bytes).map_err(text)?;
        let told = verify(bench, "--mirror", &copy, &head.to_string())?;
        wrong.extend(misjudged(&told, passes).map(|why| format!("mirror, {what}: {why}")));
        tried += 1;
        Ok::<(), String>(())
    };
    for (what, change, passes) in CHANGES {
        let mut lines: Vec<String> = whole.lines().map(str::to_owned).collect();
        change(&mut lines);
        judge(what, &(lines.join("\n") + "\n"), passes)?;
    }
    judge("torn", &whole[..whole.len() - 9], false)?;
    // what is being written is no row yet: the rows before it hold, and that is no pass
    std::fs::write(&copy, format!("{whole}{}", &whole[..40])).map_err(text)?;
    let told = verify(bench, "--mirror", &copy, &head.to_string())?;
    if told.ok || !told.text.contains("NOT WHOLLY CHECKED") || told.text.contains("BROKEN") {
        wrong.push(format!("mirror, one more begun: {}", told.text));
    }
    Ok((tried + 1, wrong))
}

/// The last digit is another.
fn other_digit(text: &str) -> String {
    let at = text.rfind(|c: char| c.is_ascii_digit()).expect("a number at least");
    let other = if text.as_bytes()[at] == b'1' { "2" } else { "1" };
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}

/// How long anything may take on a loaded machine.
const LIMIT: Duration = Duration::from_secs(60);
/// How often a running executor's mirror is looked at.
const LOOKS: (u64, u64, u64) = (2, 4, 20);

async fn running(bench: &mut Bench, changed: bool) -> Result<Verdict, StackError> {
    let mut options = Options::new(bench.root.clone(), bench.bin_dir.clone(), bench.evidence.clone());
    options.speed = 10.0;
    let mut stack = Stack::start(options).await?;
    let state = stack.dir().join("executor");
    let (mirror, ledger) = (state.join("audit.jsonl"), state.join("ledger.sqlite"));
    let (mut evidence, mut wrong) = (Evidence::default(), Vec::new());
    for _ in 0..bench.depth.pick(LOOKS.0, LOOKS.1, LOOKS.2) {
        stack.wait_for(LIMIT, "orders to rest", |open| open > 0).await??;
        let head = head_now(&stack)?;
        let file = if changed { tampered_copy(&mirror)? } else { mirror.clone() };
        let told = verify(bench, "--mirror", &file, &head.to_string())?;
        wrong.extend(misjudged(&told, true).map(|why| format!("while it runs: {why}")));
        let told = verify(bench, "--mirror", &tampered_copy(&mirror)?, &head.to_string())?;
        wrong.extend(misjudged(&told, false).map(|why| format!("changed, while it runs: {why}")));
        evidence.cases += 2;
        if changed {
            stack.stop().await;
            return Ok(judged(evidence, &wrong));
        }
    }

    ended(&mut stack).await?;
    let len = std::fs::metadata(&mirror)?.len();
    std::fs::OpenOptions::new().write(true).open(&mirror)?.set_len(len - 9)?;
    // what is missing is written while it runs, at the latest when it ends
    stack.start_executor().await?;
    ended(&mut stack).await?;
    let rows = SqliteLedger::open(&ledger).map_err(|why| StackError(why.to_string()))?.head();
    let mut end = Head::default();
    let read = MirrorFile::at(mirror.clone()).read(&mut |head, _| end = head)?;
    if read != Ok(0) || end != rows || rows.rows == 0 {
        wrong.push(format!("after a torn line it ends at {end}, the ledger at {rows}: {read:?}"));
    }
    evidence.cases += 1;

    let text = std::fs::read_to_string(&mirror)?;
    let (before, last) = text.trim_end().rsplit_once('\n').unwrap_or_default();
    let text = format!("{before}\n{}\n", other_digit(last));
    std::fs::write(&mirror, &text)?;
    stack.start_executor().await?;
    stack.wait_for(LIMIT, "orders to rest", |open| open > 0).await??;
    let told = stack.executor_command(&["status"], LIMIT)?.text;
    if !told.contains("BEHIND: its line of row") {
        wrong.push(format!("a changed mirror is not told of: {told}"));
    }
    let complaints = stack.stop_core_and_executor().await;
    if !complaints.is_empty() || std::fs::read_to_string(&mirror)? != text {
        wrong.push(format!("a changed mirror was written to, or kept the executor from its end: {complaints:?}"));
    }
    evidence.cases += 1;
    stack.stop().await;
    Ok(judged(evidence, &wrong))
}

/// The ledger's head, which the mirror has a moment later: `audit verify` gives it that.
fn head_now(stack: &Stack) -> Result<Head, StackError> {
    serde_json::from_value(stack.executor_status()?["head"].clone()).map_err(|why| StackError(why.to_string()))
}

async fn ended(stack: &mut Stack) -> Result<(), StackError> {
    let executor = stack.executor.take().ok_or_else(|| StackError("the executor is not running".to_owned()))?;
    executor.terminate(LIMIT).await
}

/// A copy with a digit of its middle row changed.
fn tampered_copy(mirror: &Path) -> Result<PathBuf, StackError> {
    let text = std::fs::read_to_string(mirror)?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let middle = lines.len() / 2;
    lines[middle] = other_digit(&lines[middle]);
    let copy = mirror.with_file_name("changed.jsonl");
    std::fs::write(&copy, lines.join("\n") + "\n")?;
    Ok(copy)
}
