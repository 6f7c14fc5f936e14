//! The dangers, one case each.

use super::checks::Check;
use super::{Lone, Start, write};
use crate::proof::{Bench, Evidence, Verdict};
use crate::proofs::judged;
use crate::stack;
use executor::ledger::{Ledger as _, SqliteLedger, is_safe_library};
use executor::rehearsal::{Rehearsal, policy, setup};
use executor::rows::LedgerRow;
use mm_core::domain::{Digest, Nanos, Timestamp};
use rusqlite::Connection;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

/// One danger: its name, a word its refusal must hold, the check that refuses it, and what makes it.
pub(super) struct Case {
    pub(super) name: &'static str,
    says: &'static str,
    pub(super) by: Check,
    /// Without it the start is a plain one.
    pub(super) make: fn(&mut Lone) -> Result<(), String>,
    /// Only root can make it.
    as_root: bool,
}

type Make = fn(&mut Lone) -> Result<(), String>;

const fn case(by: Check, name: &'static str, says: &'static str, make: Make) -> Case {
    Case { name, says, by, make, as_root: false }
}

const fn as_root(by: Check, name: &'static str, says: &'static str, make: Make) -> Case {
    Case { name, says, by, make, as_root: true }
}

/// A user that owns nothing here.
const NOBODY: u32 = 65_534;

const CASES: [Case; 18] = [
    case(Check::Environment, "a proxy", "HTTPS_PROXY is set", |lone| {
        lone.env.push(("HTTPS_PROXY", "http://127.0.0.1:9".to_owned()));
        Ok(())
    }),
    case(Check::Environment, "a proxy, in small letters", "all_proxy is set", |lone| {
        lone.env.push(("all_proxy", "socks5://127.0.0.1:9".to_owned()));
        Ok(())
    }),
    case(Check::Environment, "a key in the environment", "NOTES looks like a private key", |lone| {
        lone.env.push(("NOTES", format!("0x{}", Digest::of(b"no key of anybody"))));
        Ok(())
    }),
    case(Check::StateFolder, "a state folder others may read", "state has mode 0755", |lone| {
        lone.with_ledger()?;
        chmod(&lone.state(), 0o755)
    }),
    as_root(Check::StateFolder, "a state folder of another user", "state belongs to uid 65534", |lone| {
        lone.with_ledger()?;
        chown(&lone.state())
    }),
    case(Check::Policy, "a policy others may write", "executor.toml has mode 0620", |lone| {
        chmod(&lone.config(), 0o620)
    }),
    as_root(Check::Policy, "a policy of another user", "executor.toml belongs to uid 65534", |lone| {
        chown(&lone.config())
    }),
    case(Check::Policy, "a policy behind a link", "executor.toml", |lone| {
        let elsewhere = lone.dir.path().join("elsewhere.toml");
        std::fs::rename(lone.config(), &elsewhere).map_err(|why| why.to_string())?;
        std::os::unix::fs::symlink(&elsewhere, lone.config()).map_err(|why| why.to_string())
    }),
    case(Check::KeySource, "a key file others may read", "key has mode 0440", |lone| {
        lone.key_file(0o440)?;
        lone.write_config()
    }),
    case(Check::KeySource, "a credential on a disk", "lies on a disk", |lone| {
        let folder = lone.dir.path().to_owned();
        stack::key_file(&folder.join("clob-key"), 0o400)?;
        lone.key("credential", &[("name", "clob-key".to_owned())]);
        lone.env.push(("CREDENTIALS_DIRECTORY", folder.display().to_string()));
        lone.write_config()
    }),
    case(Check::Sockets, "sockets in a folder others may write", "mode", |lone| {
        let sockets = lone.table["paths"]["socket_dir"].as_str().unwrap_or_default().to_owned();
        chmod(Path::new(&sockets), 0o777)
    }),
    case(Check::Ledger, "a ledger cut at its end", "the rows after row 19 are missing", |lone| {
        sql(&lone.with_ledger()?, "DELETE FROM row WHERE seq = 20")
    }),
    case(Check::Ledger, "a ledger changed", "is damaged: row 7 carries hash", |lone| {
        sql(&lone.with_ledger()?, "UPDATE row SET body = replace(body, '\"epoch\":7', '\"epoch\":8') WHERE seq = 7")
    }),
    case(Check::Ledger, "a copy of this morning that went on", "row 20 has hash", |lone| {
        let path = lone.with_ledger()?;
        sql(&path, "DELETE FROM row WHERE seq > 10")?;
        let more: Vec<LedgerRow> = (11..=30).map(|n| LedgerRow::DaySpent { at: Timestamp::from_ms(n) }).collect();
        let mut ledger = SqliteLedger::open(&path).map_err(|why| why.to_string())?;
        ledger.append(&more).map(drop).map_err(|why| why.to_string())
    }),
    case(Check::Ledger, "no head beside the ledger", "its head file is missing", |lone| {
        lone.with_ledger()?;
        std::fs::remove_file(lone.state().join("head")).map_err(|why| why.to_string())
    }),
    case(Check::Ledger, "a head that cannot be read", "is no head", |lone| {
        lone.with_ledger()?;
        write(&lone.state().join("head"), "20", 0o600)
    }),
    case(Check::Ledger, "a ledger that is gone", "row 20 with hash", |lone| {
        std::fs::remove_file(lone.with_ledger()?).map_err(|why| why.to_string())
    }),
    case(Check::Ledger, "lost rows allowed where none are lost", "lacks nothing", |lone| {
        lone.with_ledger()?;
        lone.args.push("--ledger-lost-rows");
        Ok(())
    }),
];

/// With `dangers` every case must be refused in its own words. Without them, every single one must start.
pub(super) fn refused(bench: &Bench, dangers: bool) -> Verdict {
    let (mut evidence, mut failures, mut started) = (Evidence::default(), Vec::new(), 0u64);
    let tried = possible();
    for case in &tried {
        match judge(bench, case, dangers) {
            Ok(Start::Refused(why)) if why.contains(case.says) => {
                evidence.cases += 1;
                // its words name folders that are there once
                evidence.fact(case.name, case.says);
            }
            Ok(Start::Refused(why)) => failures.push(format!("{}: says {}", case.name, why.trim())),
            Ok(Start::Ready(_)) => {
                started += 1;
                failures.push(format!("{}: starts", case.name));
            }
            Err(why) => failures.push(format!("{}: {why}", case.name)),
        }
    }
    if tried.len() < CASES.len() {
        evidence.fact("left out, not being root", CASES.len() - tried.len());
    }
    for (name, found) in [
        ("an old SQLite", old_library(dangers)),
        ("a wrong clock", wrong_clock(dangers)),
        ("core files allowed by whoever starts it", core_files(bench)),
        ("lost rows that a person knows of", lost_rows(bench)),
    ] {
        match found {
            Ok(()) => evidence.cases += 1,
            Err(why) => failures.push(format!("{name}: {why}")),
        }
    }
    if !dangers && started != tried.len() as u64 {
        // A case that is refused without its danger says nothing with it: the sabotage must not count as caught.
        evidence.fact("cases that do not start without their danger", tried.len() as u64 - started);
        return Verdict::Proved(evidence);
    }
    judged(evidence, &failures)
}

/// Those that can be made here.
pub(super) fn possible() -> Vec<&'static Case> {
    static ALL: [Case; 18] = CASES;
    let root = rustix::process::geteuid().is_root();
    ALL.iter().filter(|case| root || !case.as_root).collect()
}

fn judge(bench: &Bench, case: &Case, danger: bool) -> Result<Start, String> {
    let mut lone = Lone::new(bench)?;
    lone.write_config()?;
    if danger {
        (case.make)(&mut lone)?;
    } else {
        lone.with_ledger()?;
    }
    lone.start()
}

/// SQLite is linked in, so an old one cannot be put in its place: the rule is asked.
fn old_library(old: bool) -> Result<(), String> {
    let versions: [i32; 3] = if old { [3_051_002, 3_052_000, 3_040_000] } else { [3_051_003; 3] };
    match versions.iter().find(|version| is_safe_library(**version)) {
        None if is_safe_library(rusqlite::version_number()) => Ok(()),
        None => Err("the one that is linked is refused".to_owned()),
        Some(version) => Err(format!("{version} is taken")),
    }
}

/// It starts, and cannot be armed.
fn wrong_clock(wrong: bool) -> Result<(), String> {
    let mut stage = Rehearsal::new(setup(policy(1), false));
    if wrong {
        stage.clock = Some(|at| at.plus(Nanos::from_secs(60)));
    }
    stage.connect(1, 1);
    stage.run_ms(5_000);
    stage.arm();
    stage.run_ms(1_000);
    let blockers = stage.desk.status().arm_blockers;
    match blockers.iter().find(|why| why.contains("our clock is")) {
        Some(_) if !stage.is_open() => Ok(()),
        _ => Err(format!("it is armed, or held for another reason: {blockers:?}")),
    }
}

/// The limit is taken away, hard, whatever was inherited.
fn core_files(bench: &Bench) -> Result<(), String> {
    let lone = Lone::new(bench)?;
    lone.write_config()?;
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -c unlimited; exec \"$0\" \"$@\""]);
    command.arg(&lone.program).arg("run").arg("--config").arg(lone.config());
    let limits = match lone.start_as(&mut command)? {
        Start::Ready(running) => std::fs::read_to_string(format!("/proc/{}/limits", running.0.id())),
        Start::Refused(why) => return Err(why),
    };
    let limits = limits.map_err(|why| why.to_string())?;
    let line = limits.lines().find(|line| line.starts_with("Max core")).unwrap_or_default().to_owned();
    let words: Vec<&str> = line.split_whitespace().collect();
    if words.get(4..6) == Some(&["0", "0"]) { Ok(()) } else { Err(line) }
}

/// And with the word for it, a ledger that lacks rows is gone on with, today's caps spent.
fn lost_rows(bench: &Bench) -> Result<(), String> {
    let mut lone = Lone::new(bench)?;
    lone.write_config()?;
    let path = lone.with_ledger()?;
    sql(&path, "DELETE FROM row WHERE seq = 20")?;
    lone.args.push("--ledger-lost-rows");
    match lone.start()? {
        Start::Ready(running) => drop(running),
        Start::Refused(why) => return Err(why),
    }
    let mut spent = false;
    let opened = SqliteLedger::open_each(&path, &mut |head, row| {
        spent |= head.rows > 19 && matches!(row, LedgerRow::DaySpent { .. });
    });
    match opened {
        Ok(_) if spent => Ok(()),
        Ok(_) => Err("its caps do not count as spent".to_owned()),
        Err(why) => Err(why.to_string()),
    }
}

fn chmod(path: &Path, mode: u32) -> Result<(), String> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(|why| why.to_string())
}

fn chown(path: &Path) -> Result<(), String> {
    std::os::unix::fs::chown(path, Some(NOBODY), None).map_err(|why| why.to_string())
}

fn sql(path: &Path, text: &str) -> Result<(), String> {
    Connection::open(path).and_then(|conn| conn.execute_batch(text)).map_err(|why| why.to_string())
}
