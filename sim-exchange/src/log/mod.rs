//! The event log: one line an event, each bound to all before it by a hash.
//!
//! A line is 64 hex digits, a space, and the entry in canonical JSON; the digits are the chain's hash after the entry. The first line
//! is the header. So one changed byte anywhere is found, and found at its line: entry `i` counts from 1, the header is 0.

mod canonical;
mod chain;
#[cfg(test)]
mod tests;

pub use canonical::{Writer, check as check_canonical};
pub use chain::Chain;

use mm_core::domain::Digest;
use std::io::{self, BufRead, Write};

/// Version of the entries' meaning.
pub const SCHEMA: u32 = 1;
/// Longest line that is read: far above the longest that is written.
const LINE_MAX: u64 = 1 << 24;

/// What must be the same for two runs to be the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Name and version of the program whose rules made the run.
    pub code: String,
    /// Of the scenario and everything it names.
    pub config: Digest,
    /// Of every draw.
    pub seed: u64,
    /// What was switched on, in alphabetical order.
    pub features: Vec<String>,
}

impl Header {
    /// Its one spelling.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.object().key("code").text(&self.code).key("config").text(&self.config.to_string()).key("features").list();
        for feature in &self.features {
            out.text(feature);
        }
        out.end().key("schema").int(SCHEMA).key("seed").int(self.seed).end();
        out.bytes().to_vec()
    }
}

/// Writes a log.
pub struct LogWriter {
    out: Box<dyn Write + Send>,
    chain: Chain,
}

impl std::fmt::Debug for LogWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogWriter").field("chain", &self.chain).finish_non_exhaustive()
    }
}

impl LogWriter {
    /// Writes the header.
    ///
    /// # Errors
    /// The writer's.
    pub fn new(mut out: Box<dyn Write + Send>, header: &Header) -> io::Result<Self> {
        let bytes = header.bytes();
        let chain = Chain::new(&bytes);
        write_line(&mut out, &chain, &bytes)?;
        Ok(Self { out, chain })
    }

    /// Writes the next entry: one document in canonical form.
    ///
    /// # Errors
    /// The writer's.
    pub fn append(&mut self, entry: &[u8]) -> io::Result<()> {
        self.chain.absorb(entry);
        write_line(&mut self.out, &self.chain, entry)
    }

    /// The chain so far.
    #[must_use]
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Hands everything to the system.
    ///
    /// # Errors
    /// The writer's.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn write_line(out: &mut dyn Write, chain: &Chain, bytes: &[u8]) -> io::Result<()> {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut hex = [b' '; 65];
    for (pair, byte) in hex.chunks_exact_mut(2).zip(chain.digest().0) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
    out.write_all(&hex)?;
    out.write_all(bytes)?;
    out.write_all(b"\n")
}

/// Why a log is not what was written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It cannot be read.
    #[error("cannot read the log: {0}")]
    Read(#[from] io::Error),
    /// An entry does not follow from those before it. Entries count from 1; 0 is the header.
    #[error("entry {index}: {why}")]
    Entry {
        /// The first that does not.
        index: u64,
        /// In which way.
        why: String,
    },
}

impl LogError {
    pub(crate) fn at(index: u64, why: impl Into<String>) -> Self {
        Self::Entry { index, why: why.into() }
    }
}

/// Reads a log and checks it on the way.
pub struct LogReader<R> {
    input: R,
    chain: Option<Chain>,
    header: serde_json::Value,
    line: Vec<u8>,
}

impl<R: BufRead> LogReader<R> {
    /// Reads and checks the header.
    ///
    /// # Errors
    /// [`LogError`] at index 0.
    pub fn new(input: R) -> Result<Self, LogError> {
        let mut reader = Self { input, chain: None, header: serde_json::Value::Null, line: Vec::new() };
        match reader.next_entry()? {
            Some(header) => reader.header = header,
            None => return Err(LogError::at(0, "the log is empty")),
        }
        if reader.header["schema"] != SCHEMA {
            return Err(LogError::at(0, format!("schema {} is not {SCHEMA}", reader.header["schema"])));
        }
        Ok(reader)
    }

    /// The header as it was written.
    pub const fn header(&self) -> &serde_json::Value {
        &self.header
    }

    /// The chain up to the last entry read.
    ///
    /// # Panics
    /// Never: the header begins it.
    pub const fn chain(&self) -> &Chain {
        self.chain.as_ref().expect("the header was read")
    }

    /// The next entry; `None` at the end.
    ///
    /// # Errors
    /// [`LogError::Entry`] names the first entry that is not what was written.
    pub fn next_entry(&mut self) -> Result<Option<serde_json::Value>, LogError> {
        let index = self.chain.as_ref().map_or(0, |chain| chain.count() + 1);
        self.line.clear();
        let read = io::Read::take(&mut self.input, LINE_MAX).read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        let Some(line) = self.line.strip_suffix(b"\n") else {
            return Err(LogError::at(index, "the line does not end"));
        };
        let Some((hex, entry)) =
            line.split_at_checked(64).and_then(|(hex, rest)| Some((hex, rest.strip_prefix(b" ")?)))
        else {
            return Err(LogError::at(index, "no hash in front"));
        };
        let chain = match self.chain.take() {
            None => Chain::new(entry),
            Some(mut chain) => {
                chain.absorb(entry);
                chain
            }
        };
        let is_it = chain.digest().to_string().as_bytes() == hex;
        self.chain = Some(chain);
        if !is_it {
            return Err(LogError::at(index, "its hash does not follow from the entries before it"));
        }
        canonical::check(entry).map(Some).map_err(|why| LogError::at(index, why))
    }
}

/// What a log that is in order holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Entries behind the header.
    pub entries: u64,
    /// The chain's last hash.
    pub hash: Digest,
}

/// Reads a whole log.
///
/// # Errors
/// [`LogError::Entry`] names the first entry that is not what was written.
pub fn verify(input: impl BufRead) -> Result<Verified, LogError> {
    let mut reader = LogReader::new(input)?;
    while reader.next_entry()?.is_some() {}
    Ok(Verified { entries: reader.chain().count(), hash: reader.chain().digest() })
}
