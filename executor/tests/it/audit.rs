//! `executor audit verify` as a process: what it has not looked at is no pass.

use executor::ledger::{Head, HeadFile, Ledger as _, SqliteLedger};
use executor::rehearsal::{Rehearsal, order, policy, setup};
use executor::rows::LedgerRow;
use mm_core::domain::{Outcome, Side};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a desk that placed a few orders writes.
fn lived() -> Vec<LedgerRow> {
    let mut stage = Rehearsal::armed(setup(policy(2), false), 2);
    for n in 1..=4u16 {
        stage.place(n.into(), order(0, Outcome::Yes, Side::Buy, 40 + n, 5));
        stage.run_ms(200);
    }
    stage.ledger.rows().to_vec()
}

/// A state folder with a ledger of `rows`, its head file, and a configuration that names it.
fn state(rows: &[LedgerRow]) -> (tempfile::TempDir, PathBuf, Head) {
    let folder = tempfile::tempdir().expect("a folder");
    let text = include_str!("../../../config/executor.toml")
        .replace("state_dir = \"run/state\"", &format!("state_dir = \"{}/state\"", folder.path().display()));
    assert!(text.contains(&folder.path().display().to_string()), "the example names its folder otherwise");
    std::fs::write(folder.path().join("executor.toml"), text).expect("written");
    let path = folder.path().join("state/ledger.sqlite");
    SqliteLedger::init(&path).expect("made");
    let mut ledger = SqliteLedger::open(&path).expect("opened");
    ledger.append(rows).expect("written");
    let head = ledger.head();
    HeadFile::beside(&path).write(head).expect("written");
    (folder, path, head)
}

/// Exit code and what was said.
fn verify(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_executor"));
    command.args(["audit", "verify", "--config"]).arg(folder.join("executor.toml")).args(arguments);
    let ended = command.output().expect("it starts");
    let words = String::from_utf8_lossy(&ended.stdout).into_owned() + &String::from_utf8_lossy(&ended.stderr);
    (ended.status.code(), words)
}

fn check((code, words): (Option<i32>, String), expected: i32, says: &[&str]) {
    assert_eq!(code, Some(expected), "{words}");
    assert!(says.iter().all(|says| words.contains(says)), "{says:?} in {words}");
    assert_eq!(words.contains("VERIFIED"), expected == 0, "{words}");
}

#[test]
fn a_whole_ledger_with_its_head_is_verified_and_a_cut_one_without_is_not() {
    let (folder, path, head) = state(&lived());
    check(verify(folder.path(), &[]), 0, &["VERIFIED"]);
    let conn = rusqlite::Connection::open(&path).expect("opened");
    conn.execute("DELETE FROM row WHERE seq > ?1", [i64::try_from(head.rows).expect("few") - 3]).expect("cut off");
    drop(conn);
    check(verify(folder.path(), &[]), 1, &["BROKEN: by ", "are missing"]);
    std::fs::remove_file(HeadFile::beside(&path).path()).expect("removed");
    check(verify(folder.path(), &[]), 1, &["head file is missing", "the executor would not start on it"]);
    check(verify(folder.path(), &["--head", &head.to_string()]), 1, &["BROKEN: by --head"]);
}

#[test]
fn a_copy_without_a_head_is_not_wholly_checked() {
    let (folder, path, head) = state(&lived());
    let copy = folder.path().join("copy.sqlite");
    std::fs::copy(&path, &copy).expect("copied");
    let named = copy.display().to_string();
    check(verify(folder.path(), &["--ledger", &named]), 3, &["NOT WHOLLY CHECKED", "no --head and no head file"]);
    check(verify(folder.path(), &["--ledger", &named, "--head", &head.to_string()]), 0, &["VERIFIED"]);
}

#[test]
fn orders_that_nobody_can_judge_are_not_wholly_checked() {
    let mut rows = lived();
    rows.retain(|row| row.kind() != "policy");
    let (folder, ..) = state(&rows);
    check(verify(folder.path(), &[]), 3, &["NOT CHECKED: 4 orders", "NOT WHOLLY CHECKED"]);
}
