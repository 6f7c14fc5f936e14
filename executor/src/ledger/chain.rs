//! The chain of rows: each carries the hash of the one before it, so a changed, removed, inserted or moved row is seen.
//! What is cut off at the end is seen only by a [`Head`] that is kept elsewhere.

use super::{Head, LedgerFailed};
use crate::rows::LedgerRow;
use mm_core::domain::Digest;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

/// A row as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Counts from 1.
    pub seq: i64,
    /// Nanoseconds since 1970, as in the body.
    pub at: i64,
    /// Name of the kind, as in the body.
    pub kind: String,
    /// The order it is about, as in the body: keeps intents unique.
    pub order: Option<String>,
    /// The row as JSON.
    pub body: String,
    /// Hash of the row before it; zeros for the first.
    pub prev: Digest,
    /// SHA-256 over everything but `order`.
    pub hash: Digest,
}

/// Where a chain is broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A number is missing or comes twice.
    #[error("row {found} stands where row {expected} should")]
    Number {
        /// The row's number.
        found: i64,
        /// The number that is due.
        expected: i64,
    },
    /// It was written after another row than the one before it.
    #[error("row {row} follows a row with hash {named}, the row before it has hash {before}")]
    Before {
        /// The row's number.
        row: i64,
        /// The hash it names.
        named: Digest,
        /// The hash that is there.
        before: Digest,
    },
    /// Its contents are not what was hashed.
    #[error("row {row} carries hash {carried}, its contents have hash {has}")]
    Contents {
        /// The row's number.
        row: i64,
        /// The hash it carries.
        carried: Digest,
        /// The hash of what is there.
        has: Digest,
    },
    /// It is no row of this program.
    #[error("row {row}: {why}")]
    Body {
        /// The row's number.
        row: i64,
        /// The parser's words.
        why: Box<str>,
    },
    /// Its line in a mirror is none, or is written as we write none.
    #[error("row {row}: its line {why}")]
    Line {
        /// The row that is due.
        row: i64,
        /// What is wrong with it.
        why: Box<str>,
    },
    /// Its columns do not say what its body says.
    #[error("row {row} is filed under another {what} than it tells of")]
    Filed {
        /// The row's number.
        row: i64,
        /// The column.
        what: &'static str,
    },
}

/// Rows so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    head: Head,
}

impl Chain {
    /// Of the last row.
    #[must_use]
    pub const fn head(&self) -> Head {
        self.head
    }

    /// The next row as it is stored.
    ///
    /// # Errors
    /// For a time after 2262.
    pub fn seal(&mut self, row: &LedgerRow) -> Result<Link, LedgerFailed> {
        let body = row.text().map_err(|why| LedgerFailed(why.to_string().into()))?;
        let at = nanos(row).ok_or_else(|| LedgerFailed("time after 2262".into()))?;
        let (seq, prev, kind) = (self.next(), self.head.hash, row.kind().to_owned());
        let hash = digest(prev, seq, at, &kind, &body);
        self.head = Head { rows: seq.unsigned_abs(), hash };
        Ok(Link { seq, at, kind, order: order_of(row), body, prev, hash })
    }

    /// Takes the next stored row.
    ///
    /// # Errors
    /// [`Broken`]; then the chain stays where it was.
    pub fn follow(&mut self, link: &Link) -> Result<LedgerRow, Broken> {
        let row = link.seq;
        if row != self.next() {
            return Err(Broken::Number { found: row, expected: self.next() });
        }
        let has = digest(link.prev, row, link.at, &link.kind, &link.body);
        if link.hash != has {
            return Err(Broken::Contents { row, carried: link.hash, has });
        }
        if link.prev != self.head.hash {
            return Err(Broken::Before { row, named: link.prev, before: self.head.hash });
        }
        let read = link.read()?;
        self.head = Head { rows: row.unsigned_abs(), hash: has };
        Ok(read)
    }

    /// Takes stored rows to the end and hands each to `each`, with how far the chain goes with it: the one way in which rows are
    /// read back, whatever they are stored in.
    ///
    /// # Errors
    /// The first row that cannot be read or does not follow; those before it were handed over.
    pub(super) fn follow_all(
        links: impl IntoIterator<Item = Result<Link, LedgerFailed>>,
        each: &mut dyn FnMut(Head, LedgerRow),
    ) -> Result<Self, LedgerFailed> {
        let mut chain = Self::default();
        for link in links {
            let row = chain.follow(&link?).map_err(|why| LedgerFailed(why.to_string().into()))?;
            each(chain.head(), row);
        }
        Ok(chain)
    }

    const fn next(&self) -> i64 {
        self.head.rows.cast_signed() + 1
    }
}

/// A row as a line of JSON; its body is the stored text itself, byte by byte.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    seq: i64,
    at: i64,
    kind: String,
    order: Option<String>,
    #[serde(borrow)]
    body: &'a RawValue,
    prev: Digest,
    hash: Digest,
}

impl Link {
    /// As a line of JSON, without its end.
    ///
    /// # Errors
    /// For a body that is no JSON.
    pub fn line(&self) -> Result<String, LedgerFailed> {
        let Self { seq, at, kind, order, body, prev, hash } = self.clone();
        serde_json::from_str(&body)
            .and_then(|body| serde_json::to_string(&Line { seq, at, kind, order, body, prev, hash }))
            .map_err(|why| LedgerFailed(why.to_string().into()))
    }

    /// Reads the line of row `row`: the very bytes [`Self::line`] makes, nothing that means the same.
    ///
    /// # Errors
    /// [`Broken::Line`].
    pub fn of_line(row: i64, bytes: &[u8]) -> Result<Self, Broken> {
        let none = |why: String| Broken::Line { row, why: format!("is none: {why}").into() };
        let text = std::str::from_utf8(bytes).map_err(|why| none(why.to_string()))?;
        let Line { seq, at, kind, order, body, prev, hash } =
            serde_json::from_str(text).map_err(|why| none(why.to_string()))?;
        let link = Self { seq, at, kind, order, body: body.get().to_owned(), prev, hash };
        if link.line().is_ok_and(|ours| ours == text) {
            return Ok(link);
        }
        Err(Broken::Line { row, why: "is not written as this program writes it".into() })
    }

    /// What the row says, by its columns too; nothing is said about its place in a chain.
    ///
    /// # Errors
    /// [`Broken::Body`], [`Broken::Filed`].
    pub fn read(&self) -> Result<LedgerRow, Broken> {
        let row: LedgerRow = serde_json::from_str(&self.body)
            .map_err(|why| Broken::Body { row: self.seq, why: why.to_string().into() })?;
        let filed = |what| Err(Broken::Filed { row: self.seq, what });
        if order_of(&row) != self.order {
            return filed("order");
        }
        if row.kind() != self.kind {
            return filed("kind");
        }
        if nanos(&row) != Some(self.at) {
            return filed("time");
        }
        Ok(row)
    }
}

fn nanos(row: &LedgerRow) -> Option<i64> {
    i64::try_from(row.at().nanos()).ok()
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
fn digest(prev: Digest, seq: i64, at: i64, kind: &str, body: &str) -> Digest {
    let mut hash = Sha256::new();
    hash.update(b"proofmaker ledger row 1");
    hash.update(prev.0);
    hash.update(seq.to_le_bytes());
    hash.update(at.to_le_bytes());
    hash.update(u64::try_from(kind.len()).expect("short").to_le_bytes());
    hash.update(kind);
    hash.update(body);
    Digest(hash.finalize().into())
}
