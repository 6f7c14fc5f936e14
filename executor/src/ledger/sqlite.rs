//! The ledger as one SQLite file: WAL, full sync, exclusive. Refuses what it cannot vouch for and repairs nothing.
//!
//! Each row carries the hash of the one before it, so a changed, removed or inserted row is seen when the file is opened.

use super::mirror::Tap;
use super::{Chain, DurableIntent, Head, Ledger, LedgerFailed, Link, proofs};
use crate::crash;
use crate::crash_point;
use crate::durable::sync_folder;
use crate::rows::LedgerRow;
use mm_core::domain::Digest;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, params};
use std::fs::{DirBuilder, OpenOptions};
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
    chain: Chain,
    failed: Option<LedgerFailed>,
    /// Where every row goes once it is durable.
    tap: Option<Tap>,
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
        sync_folder(folder).map_err(io)
    }

    /// Opens a ledger and checks all of it.
    ///
    /// # Errors
    /// [`LedgerError`] for a missing, foreign, newer, damaged or used file; nothing is changed then.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Self::open_each(path, &mut |_, _| ())
    }

    /// The same, and hands every row to `each` on the way, oldest first, with how far the ledger goes with it. Of a damaged ledger
    /// those before the damage.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_each(path: &Path, each: &mut dyn FnMut(Head, LedgerRow)) -> Result<Self, LedgerError> {
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
        let mut ledger = Self { conn, chain: Chain::default(), failed: None, tap: None };
        ledger.walk(each).map_err(|why| LedgerError::Damaged { path: path.to_owned(), what: why.0.into_string() })?;
        // The log has its name by now. SQLite syncs the folder too, but tells nobody when that fails.
        let folder = path.parent().unwrap_or(Path::new("."));
        sync_folder(folder).map_err(|why| LedgerError::Other { path: path.to_owned(), why: why.to_string() })?;
        end_in_order(&ledger.conn).map_err(|why| refine(path, &why))?;
        Ok(ledger)
    }

    /// Reads every row along the chain; leaves `chain` at its end.
    fn walk(&mut self, each: &mut dyn FnMut(Head, LedgerRow)) -> Result<(), LedgerFailed> {
        let mut statement = self.conn.prepare(&format!("{LINKS} ORDER BY seq")).map_err(failed)?;
        let links = statement.query_map([], read_link).map_err(failed)?;
        let chain = Chain::follow_all(links.map(|link| link.map_err(failed)), each)?;
        drop(statement);
        self.chain = chain;
        Ok(())
    }

    fn checkpoint(&self, mode: &str) -> rusqlite::Result<i64> {
        self.conn.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| row.get(1))
    }

    /// From now on nothing is written or synced: a second sync may call durable what the first one lost.
    fn broken(&mut self, why: LedgerFailed) -> LedgerFailed {
        self.failed = Some(why.clone());
        // It cannot fail, and if it did, closing would only try what the next start tries.
        let _ = self.conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        why
    }

    /// Rows from `first` on as they are stored, so many at most.
    pub(super) fn links(&self, first: i64, most: usize) -> Result<Vec<Link>, LedgerFailed> {
        let read = || {
            let mut statement = self.conn.prepare_cached(&format!("{LINKS} WHERE seq >= ?1 ORDER BY seq LIMIT ?2"))?;
            statement.query_map(params![first, most.cast_signed()], read_link)?.collect::<rusqlite::Result<Vec<Link>>>()
        };
        read().map_err(failed)
    }

    /// From now on every row goes there too.
    pub(super) fn tap(&mut self, tap: Tap) {
        self.tap = Some(tap);
    }

    fn commit(&mut self, rows: &[LedgerRow]) -> Result<(), LedgerFailed> {
        let mut chain = self.chain;
        let links = rows.iter().map(|row| chain.seal(row)).collect::<Result<Vec<Link>, LedgerFailed>>()?;
        crash::at_commit(rows, crash::Commit::Before);
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        {
            let mut insert = tx
                .prepare_cached(
                    "INSERT INTO row (seq, at, kind, order_id, body, prev, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )
                .map_err(failed)?;
            for link in &links {
                let Link { seq, at, kind, order, body, prev, hash } = link;
                insert.execute(params![seq, at, kind, order, body, prev.0, hash.0]).map_err(failed)?;
            }
        }
        crash::at_commit(rows, crash::Commit::Inside);
        tx.commit().map_err(failed)?;
        crash::at_commit(rows, crash::Commit::After);
        self.chain = chain;
        if let Some(tap) = &mut self.tap {
            tap.committed(links);
        }
        Ok(())
    }
}

const LINKS: &str = "SELECT seq, at, kind, order_id, body, prev, hash FROM row";

fn read_link(row: &rusqlite::Row<'_>) -> rusqlite::Result<Link> {
    Ok(Link {
        seq: row.get(0)?,
        at: row.get(1)?,
        kind: row.get(2)?,
        order: row.get(3)?,
        body: row.get(4)?,
        prev: Digest(row.get(5)?),
        hash: Digest(row.get(6)?),
    })
}

impl Ledger for SqliteLedger {
    fn append(&mut self, rows: &[LedgerRow]) -> Result<Vec<DurableIntent>, LedgerFailed> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        match self.commit(rows) {
            Ok(()) => Ok(proofs(rows)),
            Err(why) => Err(self.broken(why)),
        }
    }

    fn read(&mut self, each: &mut dyn FnMut(LedgerRow)) -> Result<(), LedgerFailed> {
        self.walk(&mut |_, row| each(row))
    }

    fn head(&self) -> Head {
        self.chain.head()
    }

    fn tidy(&mut self) -> Result<bool, LedgerFailed> {
        if self.failed.is_some() {
            return Ok(false);
        }
        // NOOP only counts the frames that wait.
        let tidied = self.checkpoint("NOOP").and_then(|frames| {
            if frames <= CHECKPOINT_FRAMES {
                return Ok(0);
            }
            crash_point!("checkpoint.before");
            let done = self.checkpoint("TRUNCATE");
            crash_point!("checkpoint.after");
            done
        });
        if let Err(why) = tidied {
            return Err(self.broken(failed(why)));
        }
        let Some(mut tap) = self.tap.take() else { return Ok(false) };
        let behind = tap.fill(self);
        self.tap = Some(tap);
        Ok(behind)
    }

    /// Puts everything into the one file. SQLite would do so by itself in the end, and tell nobody that a sync failed.
    fn close(&mut self) -> Result<(), LedgerFailed> {
        if self.failed.is_some() {
            return Ok(());
        }
        self.checkpoint("TRUNCATE").map(drop).map_err(|why| self.broken(failed(why)))
    }
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
    if is_safe_library(rusqlite::version_number()) { Ok(()) } else { Err(LedgerError::Library(rusqlite::version())) }
}

/// Whether a SQLite of this version keeps its write-ahead log whole.
#[must_use]
pub const fn is_safe_library(version: i32) -> bool {
    version >= 3_051_003 && version != 3_052_000
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
