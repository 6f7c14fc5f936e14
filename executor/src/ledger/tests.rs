use super::*;
use crate::rows::IntentRow;
use mm_core::domain::{
    ClientOrderId, ConditionId, Digest, OrderId, Outcome, Price, Qty, Side, TimeInForce, Timestamp, TokenId, Usdc,
};
use mm_core::protocol::Gate;
use std::path::{Path, PathBuf};

pub(super) fn epoch(n: u64) -> LedgerRow {
    LedgerRow::Epoch { at: Timestamp::from_ms(n), epoch: n, policy: Digest([7; 32]) }
}

pub(super) fn intent(n: u8) -> LedgerRow {
    LedgerRow::Intent(Box::new(IntentRow {
        at: Timestamp::from_ms(1_700_000_000_000 + u64::from(n)),
        epoch: 1,
        run: 5,
        id: ClientOrderId(n.into()),
        payload: Digest([n; 32]),
        order: OrderId::from_bytes([n; 32]),
        salt: u64::from(n) + 100,
        at_ms: 1_700_000_000_000,
        market: ConditionId::parse(&format!("0x{}", "ab".repeat(32))).expect("a condition"),
        outcome: Outcome::Yes,
        token: TokenId::parse("71321045679252212594626385532706912750332728571942532289631379312455583992563")
            .expect("a token"),
        neg_risk: false,
        side: Side::Buy,
        price: Price::parse("0.4").expect("a price"),
        qty: Qty::parse("10").expect("a size"),
        tif: TimeInForce::Gtc,
        reserve: Usdc::parse("4").expect("dollars"),
        gate: Gate::Unchecked,
        policy: Digest([1; 32]),
        exposure: Digest([2; 32]),
        reference: None,
    }))
}

/// A ledger in a folder of its own, holding an epoch and `n` intents, closed.
pub(super) fn written(n: u8) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("temporary folder");
    let path = dir.path().join("state").join("ledger.sqlite");
    SqliteLedger::init(&path).expect("made");
    let mut ledger = SqliteLedger::open(&path).expect("opened");
    ledger.append(&[epoch(1)]).expect("written");
    for n in 1..=n {
        ledger.append(&[intent(n)]).expect("written");
    }
    (dir, path)
}

fn rows_of(ledger: &mut impl Ledger) -> Vec<LedgerRow> {
    let mut rows = Vec::new();
    ledger.read(&mut |row| rows.push(row)).expect("readable");
    rows
}

fn refused(path: &Path) -> String {
    SqliteLedger::open(path).err().expect("refused").to_string()
}

#[test]
fn rows_come_back_in_order_and_intents_are_proven() {
    let (_dir, path) = written(0);
    let mut ledger = SqliteLedger::open(&path).expect("opened");
    let proofs = ledger.append(&[intent(1), epoch(2), intent(2)]).expect("written");
    let seen: Vec<_> = proofs.iter().map(|p| (p.id.0, p.row.order(), p.row.salt(), p.row.at_ms())).collect();
    let expected = |n: u8| (u64::from(n), OrderId::from_bytes([n; 32]), u64::from(n) + 100, 1_700_000_000_000);
    assert_eq!(seen, [expected(1), expected(2)]);
    drop(ledger);
    let mut ledger = SqliteLedger::open(&path).expect("opened again");
    assert_eq!(rows_of(&mut ledger), [epoch(1), intent(1), epoch(2), intent(2)]);
}

#[test]
fn memory_keeps_the_same_promises() {
    let mut ledger = MemoryLedger::new();
    assert_eq!(ledger.append(&[epoch(1), intent(1)]).expect("written").len(), 1);
    assert_eq!(rows_of(&mut ledger), [epoch(1), intent(1)]);
    assert!(ledger.append(&[intent(1)]).is_err(), "an order is recorded once");
    assert!(ledger.append(&[intent(2)]).is_err(), "a failure is final");
}

#[test]
fn an_order_is_recorded_once_and_a_failure_is_final() {
    let (_dir, path) = written(1);
    let mut ledger = SqliteLedger::open(&path).expect("opened");
    assert!(ledger.append(&[intent(2), intent(1)]).is_err());
    assert!(ledger.append(&[intent(3)]).is_err(), "never tried again");
    drop(ledger);
    let mut ledger = SqliteLedger::open(&path).expect("opened again");
    assert_eq!(rows_of(&mut ledger), [epoch(1), intent(1)], "no part of the failed group is there");
}

#[test]
fn a_copy_taken_without_closing_holds_every_committed_row() {
    let (_dir, path) = written(2);
    let mut ledger = SqliteLedger::open(&path).expect("opened");
    ledger.append(&[intent(3)]).expect("written");
    // What a killed process leaves: the files as they are, nothing closed or checkpointed.
    let copy = path.with_file_name("copy.sqlite");
    for suffix in ["", "-wal"] {
        let with = |p: &Path| PathBuf::from(format!("{}{suffix}", p.display()));
        std::fs::copy(with(&path), with(&copy)).expect("copied");
    }
    let mut copy = SqliteLedger::open(&copy).expect("opened");
    assert_eq!(rows_of(&mut copy), [epoch(1), intent(1), intent(2), intent(3)]);
}

#[test]
fn what_is_refused_stays_as_it_was_found() {
    let (_dir, path) = written(20);
    let mut ledger = SqliteLedger::open(&path).expect("opened");
    ledger.append(&[intent(21)]).expect("written");
    // A damaged database beside a sound log: closing must not put the one into the other.
    let copy = path.with_file_name("copy.sqlite");
    let log = path.with_file_name("copy.sqlite-wal");
    let mut bytes = std::fs::read(&path).expect("read");
    // the fourth page: rows that were there before the log began
    bytes[3 * 4096..4 * 4096].fill(0);
    std::fs::write(&copy, &bytes).expect("written");
    std::fs::copy(path.with_file_name("ledger.sqlite-wal"), &log).expect("copied");
    let before = (bytes, std::fs::read(&log).expect("read"));
    refused(&copy);
    assert!((std::fs::read(&copy).expect("there"), std::fs::read(&log).expect("there")) == before);
}

#[test]
fn missing_existing_and_foreign_files_are_refused() {
    let (dir, path) = written(1);
    assert!(matches!(SqliteLedger::init(&path), Err(LedgerError::Exists(_))));
    let absent = dir.path().join("absent");
    assert!(refused(&absent).contains("`executor init`"));
    assert!(!absent.exists(), "looking does not create");
    for (name, bytes) in [("empty", &b""[..]), ("text", &b"hello, this is not a database at all, really not"[..])] {
        let other = dir.path().join(name);
        std::fs::write(&other, bytes).expect("written");
        assert!(matches!(SqliteLedger::open(&other), Err(LedgerError::NotALedger(_))), "{name}: {}", refused(&other));
    }
}

#[test]
fn a_second_process_is_kept_out() {
    let (_dir, path) = written(1);
    let held = SqliteLedger::open(&path).expect("opened");
    assert!(matches!(SqliteLedger::open(&path), Err(LedgerError::InUse(_))));
    drop(held);
    SqliteLedger::open(&path).expect("free again");
}

#[test]
fn a_newer_schema_is_refused() {
    let (_dir, path) = written(1);
    let conn = rusqlite::Connection::open(&path).expect("opened");
    conn.pragma_update(None, "user_version", SCHEMA_VERSION + 1).expect("set");
    drop(conn);
    let why = refused(&path);
    assert!(why.contains("has schema 2, this program knows 1"), "{why}");
}

#[test]
fn truncation_is_refused() {
    let (_dir, path) = written(40);
    let whole = std::fs::read(&path).expect("read");
    for length in [whole.len() - 1, whole.len() - 4096, whole.len() / 2, 4096, 100] {
        std::fs::write(&path, &whole[..length]).expect("written");
        let why = refused(&path);
        assert!(
            why.contains("damaged") || why.contains("not a ledger") || why.contains("malformed"),
            "{length}: {why}"
        );
    }
}

#[test]
fn a_flipped_byte_is_refused_or_changes_nothing_that_is_read() {
    let (_dir, path) = written(20);
    let whole = std::fs::read(&path).expect("read");
    let (mut refused, mut harmless) = (0, 0);
    for place in (0..whole.len()).step_by(61) {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x01;
        std::fs::write(&path, &bytes).expect("written");
        match SqliteLedger::open(&path) {
            Err(_) => refused += 1,
            // Counters in the header and space no row uses.
            Ok(mut ledger) => {
                let expected = std::iter::once(epoch(1)).chain((1..=20).map(intent));
                assert!(rows_of(&mut ledger).into_iter().eq(expected), "byte {place} changed a row unnoticed");
                harmless += 1;
            }
        }
    }
    assert!(refused > 100, "{refused} refused, {harmless} harmless");
}

#[test]
fn removed_changed_and_inserted_rows_are_refused() {
    for sql in [
        "DELETE FROM row WHERE seq = 2",
        "UPDATE row SET at = at + 1 WHERE seq = 2",
        "UPDATE row SET body = replace(body, '0.4', '0.5') WHERE seq = 2; UPDATE row SET kind = 'x' WHERE seq = 2",
        "INSERT INTO row SELECT 99, at, 'epoch', NULL, body, prev, hash FROM row WHERE seq = 1",
    ] {
        let (_dir, path) = written(3);
        let conn = rusqlite::Connection::open(&path).expect("opened");
        conn.execute_batch(sql).expect("changed");
        drop(conn);
        assert!(matches!(SqliteLedger::open(&path), Err(LedgerError::Damaged { .. })), "{sql}");
    }
}

#[test]
fn the_thread_groups_reports_in_order_and_ends_on_failure() {
    let (results, reported) = std::sync::mpsc::channel();
    let mut ledger = MemoryLedger::new();
    ledger.fail_after(1000);
    let handle = start(ledger, move |result: LedgerResult| results.send(result.map(|i| i.id.0)).expect("listened to"))
        .expect("a thread");
    for n in 1..=100 {
        handle.record(intent(n)).expect("queued");
    }
    handle.record(intent(1)).expect("queued");
    assert!(handle.close());
    let all: Vec<_> = reported.iter().collect();
    let failures = all.iter().filter(|result| result.is_err()).count();
    assert_eq!(failures, 1, "told once");
    let ids: Vec<u64> = all.into_iter().filter_map(Result::ok).collect();
    // The group the repeated row fell into is lost as a whole; everything before it is there, in order.
    assert!(ids.len() <= 100 && ids.iter().copied().eq(1..=ids.len() as u64), "{ids:?}");
}

/// Keeps everything and cannot be closed.
struct Unclosed(MemoryLedger);

impl Ledger for Unclosed {
    fn append(&mut self, rows: &[LedgerRow]) -> Result<Vec<DurableIntent>, LedgerFailed> {
        self.0.append(rows)
    }

    fn read(&mut self, each: &mut dyn FnMut(LedgerRow)) -> Result<(), LedgerFailed> {
        self.0.read(each)
    }

    fn head(&self) -> Head {
        self.0.head()
    }

    fn close(&mut self) -> Result<(), LedgerFailed> {
        Err(LedgerFailed("planned failure".into()))
    }
}

#[test]
fn a_ledger_that_cannot_be_closed_is_told_before_its_end_is() {
    let (results, reported) = std::sync::mpsc::channel();
    let report = move |result: LedgerResult| results.send(result.is_ok()).expect("listened to");
    let handle = start(Unclosed(MemoryLedger::new()), report).expect("a thread");
    handle.record(intent(1)).expect("queued");
    assert!(handle.close());
    assert_eq!(reported.try_iter().collect::<Vec<_>>(), [true, false]);
}

#[test]
fn once_closed_everything_is_in_the_one_file() {
    let (_dir, path) = written(3);
    let mut ledger = SqliteLedger::open(&path).expect("opened");
    ledger.append(&[intent(9)]).expect("written");
    ledger.close().expect("closed");
    let log = path.with_extension("sqlite-wal");
    assert_eq!(std::fs::metadata(&log).expect("there while it is open").len(), 0);
}

#[test]
fn what_is_missing_at_the_end_is_seen_by_a_head() {
    let (_dir, path) = written(3);
    let file = HeadFile::beside(&path);
    assert_eq!(file.read().expect("readable"), None);
    let head = SqliteLedger::open(&path).expect("opened").head();
    file.write(head).expect("written");
    assert_eq!(file.read().expect("readable"), Some(head));
    assert_eq!(head.to_string().parse(), Ok(head));

    let judged = |path: &Path, head: Head| {
        let mut sought = Sought::new(head);
        let ledger = SqliteLedger::open_each(path, &mut |head, _| sought.pass(head)).expect("opened");
        sought.ended(ledger.head()).err().map(|why| why.to_string())
    };
    assert_eq!(judged(&path, head), None);
    assert_eq!(judged(&path, Head::default()), None, "an empty ledger's head is in every ledger");
    let conn = rusqlite::Connection::open(&path).expect("opened");
    conn.execute_batch("DELETE FROM row WHERE seq = 4").expect("cut");
    drop(conn);
    let why = judged(&path, head).expect("a row is missing");
    assert!(why.contains("it ends at row 3") && why.contains("row 4"), "{why}");
    SqliteLedger::open(&path).expect("opened").append(&[intent(9)]).expect("written");
    let why = judged(&path, head).expect("it goes on otherwise");
    assert!(why.contains("row 4 has hash"), "{why}");
    std::fs::write(file.path(), "4:abc").expect("written");
    assert!(file.read().is_err(), "what cannot be read is no absence");
}

#[test]
fn the_head_file_follows_and_holds_the_end_when_closed() {
    let (_dir, path) = written(0);
    let file = HeadFile::beside(&path);
    let handle = start(SqliteLedger::open(&path).expect("opened"), drop).expect("a thread");
    let keeper = HeadKeeper::start(file.clone(), handle.durable(), |why| panic!("{why}")).expect("a thread");
    assert_eq!(handle.durable().get().rows, 1);
    for n in 1..=20 {
        handle.record(intent(n)).expect("queued");
    }
    let durable = handle.durable();
    assert!(handle.close());
    assert!(keeper.close());
    let end = SqliteLedger::open(&path).expect("opened").head();
    assert_eq!((end.rows, file.read().expect("readable")), (21, Some(end)));
    assert_eq!(durable.get(), end);
}

#[test]
fn rows_are_handed_out_with_where_they_end_and_up_to_the_damage() {
    let (_dir, path) = written(3);
    let walk = |path: &Path| {
        let mut heads = Vec::new();
        let opened = SqliteLedger::open_each(path, &mut |head, row| heads.push((head.rows, row.kind())));
        (heads, opened.map(|ledger| ledger.head().rows).map_err(|why| why.to_string()))
    };
    let all = [(1, "epoch"), (2, "intent"), (3, "intent"), (4, "intent")];
    assert_eq!(walk(&path), (all.to_vec(), Ok(4)));
    let conn = rusqlite::Connection::open(&path).expect("opened");
    conn.execute_batch("UPDATE row SET body = replace(body, '\"salt\":102', '\"salt\":103') WHERE seq = 3")
        .expect("changed");
    drop(conn);
    let (heads, opened) = walk(&path);
    let why = opened.expect_err("damaged");
    assert_eq!(heads, all[..2]);
    assert!(why.contains("row 3 carries hash") && why.contains("its contents have hash"), "{why}");
}
