//! The ledger as one SQLite file: WAL, full sync, exclusive. Refuses what it cannot vouch for and repairs nothing.
//!
//! Each row carries the hash of the one before it, so a changed, removed or inserted row is seen when the file is opened.

use super::{DurableIntent, Ledger, LedgerFailed, proofs};
use crate::crash;
use crate::crash_point;
use crate::rows::LedgerRow;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, params};
use sha2::{Digest as _, Sha256};
use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Version of the tables below. A file with a higher one was written by a newer program.
pub const SCHEMA_VERSION: i64 = 1;
/// "PMlg" in the file's header: this file is ours.
const APPLICATION_ID: i64 = 0x504d_6c67;
/// Frames of the write-ahead log that are worth a checkpoint: about 4 MB; few where a short life shall see one.
const CHECKPOINT_FRAMES: i64 = if cfg!(feature = "crash-points") { 8 } else { 1000 };

const SCHEMA: &str = "
    CREATE TABLE row (
        seq      INTEGER PRIMARY KEY,
        at       INTEGER NOT NULL,
        kind     TEXT    NOT NULL,
        order_id TEXT,
        body     TEXT    NOT NULL,
        prev     BLOB    NOT NULL,
        hash     BLOB    NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX row_intent ON row (order_id) WHERE kind = 'intent';
";

/// Why a ledger file is not used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Nothing there.
    #[error("ledger {0} does not exist; `executor init` makes one")]
    Missing(PathBuf),
    /// `init` never overwrites.
    #[error("ledger {0} exists already")]
    Exists(PathBuf),
    /// Some other file.
    #[error("{0} is not a ledger of this program")]
    NotALedger(PathBuf),
    /// Written by a newer program.
    #[error("ledger {path} has schema {found}, this program knows {known}: use the newer program")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// Contents that cannot be what was written.
    #[error("ledger {path} is damaged: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was seen.
        what: String,
    },
    /// Another executor.
    #[error("ledger {0} is in use by another process")]
    InUse(PathBuf),
    /// The SQLite library has a known corruption bug.
    #[error("SQLite {0} may corrupt its write-ahead log; 3.51.3 or later is required, and not 3.52.0")]
    Library(&'static str),
    /// The system or SQLite said no.
    #[error("ledger {path}: {why}")]
    Other {
        /// The file.
        path: PathBuf,
        /// In their words.
        why: String,
    },
}

/// An open ledger file.
pub struct SqliteLedger {
    conn: Connection,
    next_seq: i64,
    head: [u8; 32],
    failed: Option<LedgerFailed>,
}

impl SqliteLedger {
    /// Makes an empty ledger with mode 0600, in a folder of mode 0700 that is made if it is missing.
    ///
    /// # Errors
    /// [`LedgerError`]; a file that exists is left alone.
    pub fn init(path: &Path) -> Result<(), LedgerError> {
        check_library()?;
        let io = |why: std::io::Error| LedgerError::Other { path: path.to_owned(), why: why.to_string() };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io)?;
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(_) => {}
            Err(why) if why.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(LedgerError::Exists(path.to_owned()));
            }
            Err(why) => return Err(io(why)),
        }
        let make = || -> rusqlite::Result<()> {
            let mut conn = connect(path)?;
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            tx.execute_batch(SCHEMA)?;
            tx.pragma_update(None, "application_id", APPLICATION_ID)?;
            tx.pragma_update(None, "user_version", SCHEMA_VERSION)?;
            tx.commit()?;
            end_in_order(&conn)?;
            conn.pragma_update(None, "wal_checkpoint", "TRUNCATE")
        };
        make().map_err(|why| refine(path, &why))?;
        // The file's name is durable only when its folder is.
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)
    }

    /// Opens a ledger and checks all of it.
    ///
    /// # Errors
    /// [`LedgerError`] for a missing, foreign, newer, damaged or used file; nothing is changed then.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        check_library()?;
        if !path.exists() {
            return Err(LedgerError::Missing(path.to_owned()));
        }
        let conn = connect(path).map_err(|why| refine(path, &why))?;
        let number = |name: &str| {
            conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(|why| refine(path, &why))
        };
        if number("application_id")? != APPLICATION_ID {
            return Err(LedgerError::NotALedger(path.to_owned()));
        }
        let found = number("user_version")?;
        if found != SCHEMA_VERSION {
            return Err(LedgerError::Newer { path: path.to_owned(), found, known: SCHEMA_VERSION });
        }
        let verdict = conn
            .pragma_query_value(None, "quick_check", |row| row.get::<_, String>(0))
            .map_err(|why| refine(path, &why))?;
        if verdict != "ok" {
            return Err(LedgerError::Damaged { path: path.to_owned(), what: verdict });
        }
        let mut ledger = Self { conn, next_seq: 1, head: [0; 32], failed: None };
        ledger
            .walk(&mut |_| ())
            .map_err(|why| LedgerError::Damaged { path: path.to_owned(), what: why.0.into_string() })?;
        end_in_order(&ledger.conn).map_err(|why| refine(path, &why))?;
        Ok(ledger)
    }

    /// Rows and hash of the last one.
    #[must_use]
    pub const fn head(&self) -> (i64, [u8; 32]) {
        (self.next_seq - 1, self.head)
    }

    /// Reads every row along the chain; leaves `head` at its end.
    fn walk(&mut self, each: &mut dyn FnMut(LedgerRow)) -> Result<(), LedgerFailed> {
        let (mut seq, mut head) = (0i64, [0u8; 32]);
        let mut statement = self
            .conn
            .prepare("SELECT seq, at, kind, body, prev, hash, order_id FROM row ORDER BY seq")
            .map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let (number, at, kind): (i64, i64, String) =
                (row.get(0).map_err(failed)?, row.get(1).map_err(failed)?, row.get(2).map_err(failed)?);
            let (body, prev, hash): (String, [u8; 32], [u8; 32]) =
                (row.get(3).map_err(failed)?, row.get(4).map_err(failed)?, row.get(5).map_err(failed)?);
            let order_id: Option<String> = row.get(6).map_err(failed)?;
            seq += 1;
            if number != seq || prev != head || hash != chain(&prev, number, at, &kind, &body) {
                return Err(LedgerFailed(format!("row {number} does not follow row {}", seq - 1).into()));
            }
            let row: LedgerRow =
                serde_json::from_str(&body).map_err(|why| LedgerFailed(format!("row {seq}: {why}").into()))?;
            // The column keeps orders unique; it must say what the row says.
            if order_of(&row) != order_id {
                return Err(LedgerFailed(format!("row {seq} is filed under another order").into()));
            }
            head = hash;
            each(row);
        }
        drop(rows);
        drop(statement);
        self.next_seq = seq + 1;
        self.head = head;
        Ok(())
    }

    fn commit(&mut self, rows: &[LedgerRow]) -> Result<(), LedgerFailed> {
        let (mut seq, mut head) = (self.next_seq, self.head);
        crash::at_commit(rows, crash::Commit::Before);
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        {
            let mut insert = tx
                .prepare_cached(
                    "INSERT INTO row (seq, at, kind, order_id, body, prev, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )
                .map_err(failed)?;
            for row in rows {
                let body = serde_json::to_string(row).map_err(|why| LedgerFailed(why.to_string().into()))?;
                let at = i64::try_from(row.at().nanos()).map_err(|_| LedgerFailed("time after 2262".into()))?;
                let hash = chain(&head, seq, at, row.kind(), &body);
                insert.execute(params![seq, at, row.kind(), order_of(row), body, head, hash]).map_err(failed)?;
                head = hash;
                seq += 1;
            }
        }
        crash::at_commit(rows, crash::Commit::Inside);
        tx.commit().map_err(failed)?;
        crash::at_commit(rows, crash::Commit::After);
        self.next_seq = seq;
        self.head = head;
        Ok(())
    }
}

impl Ledger for SqliteLedger {
    fn append(&mut self, rows: &[LedgerRow]) -> Result<Vec<DurableIntent>, LedgerFailed> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        match self.commit(rows) {
            Ok(()) => Ok(proofs(rows)),
            Err(why) => {
                self.failed = Some(why.clone());
                Err(why)
            }
        }
    }

    fn read(&mut self, each: &mut dyn FnMut(LedgerRow)) -> Result<(), LedgerFailed> {
        self.walk(each)
    }

    fn tidy(&mut self) -> Result<(), LedgerFailed> {
        if self.failed.is_some() {
            return Ok(());
        }
        let checkpoint =
            |mode: &str| self.conn.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| row.get::<_, i64>(1));
        // NOOP only counts the frames that wait.
        let tidied = checkpoint("NOOP").and_then(|frames| {
            if frames <= CHECKPOINT_FRAMES {
                return Ok(0);
            }
            crash_point!("checkpoint.before");
            let done = checkpoint("TRUNCATE");
            crash_point!("checkpoint.after");
            done
        });
        match tidied {
            Ok(_) => Ok(()),
            Err(why) => {
                let why = failed(why);
                self.failed = Some(why.clone());
                Err(why)
            }
        }
    }
}

/// The order a row is about.
fn order_of(row: &LedgerRow) -> Option<String> {
    match row {
        LedgerRow::Intent(intent) => Some(intent.order.to_string()),
        LedgerRow::Outcome { order, .. } | LedgerRow::Fill { order, .. } => Some(order.to_string()),
        _ => None,
    }
}

/// SHA-256 over everything a row says and the row before it.
fn chain(prev: &[u8; 32], seq: i64, at: i64, kind: &str, body: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"proofmaker ledger row 1");
    hash.update(prev);
    hash.update(seq.to_le_bytes());
    hash.update(at.to_le_bytes());
    hash.update(u64::try_from(kind.len()).expect("short").to_le_bytes());
    hash.update(kind);
    hash.update(body);
    hash.finalize().into()
}

/// Settings that make a commit mean "on the disk", and that keep a second process out.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let conn = Connection::open_with_flags(path, flags)?;
    // Closing must not move the log into the database before both are known to be sound: what is refused stays as it was found.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    conn.busy_timeout(std::time::Duration::ZERO)?;
    // Exclusive before WAL: then no shared-memory file is ever made.
    conn.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    conn.pragma_update(None, "trusted_schema", false)?;
    conn.pragma_update(None, "cell_size_check", true)?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    // Checkpoints happen in `tidy`, off the path of an order.
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(conn)
}

/// From now on closing puts everything into the one file.
fn end_in_order(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map(drop)
}

fn check_library() -> Result<(), LedgerError> {
    let number = rusqlite::version_number();
    if number < 3_051_003 || number == 3_052_000 { Err(LedgerError::Library(rusqlite::version())) } else { Ok(()) }
}

fn failed(why: rusqlite::Error) -> LedgerFailed {
    LedgerFailed(why.to_string().into())
}

/// A start-up error by what a person would do about it.
fn refine(path: &Path, why: &rusqlite::Error) -> LedgerError {
    let path = path.to_owned();
    match why.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => LedgerError::InUse(path),
        Some(ErrorCode::NotADatabase) => LedgerError::NotALedger(path),
        Some(ErrorCode::DatabaseCorrupt) => LedgerError::Damaged { path, what: why.to_string() },
        _ => LedgerError::Other { path, why: why.to_string() },
    }
}
