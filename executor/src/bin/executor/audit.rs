//! `audit verify`: is the ledger the one that was written, and did what it tells of keep the rules?

use crate::{ConfigFile, load, say};
use clap::Subcommand;
use executor::audit::{Audit, Report};
use executor::ledger::{Head, HeadFile, LedgerError, MirrorFile, Sought, SqliteLedger};
use executor::rows::LedgerRow;
use executor::state;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Exit code for a ledger that is broken.
const BROKEN: u8 = 1;
/// Exit code for one that cannot be read, which says nothing about it.
const UNREADABLE: u8 = 2;
/// Exit code for one in which nothing wrong was found, and not all of it could be looked at.
const IN_PART: u8 = 3;

#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// Check the whole ledger of an executor that is not running, or the mirror of one that may be: the chain of its rows, their times,
    /// and what they say. Exit code 0: it holds. 1: it is broken. 2: it cannot be read.
    /// 3: nothing wrong was found, and not all of it was checked.
    Verify {
        #[command(flatten)]
        config: ConfigFile,
        /// A head the ledger must hold, ROWS:HASH, as the log and `executor status` showed it. The file beside the ledger is asked
        /// besides.
        #[arg(long)]
        head: Option<Head>,
        /// Another ledger than the configuration's: a copy, a backup.
        #[arg(long, value_name = "FILE")]
        ledger: Option<PathBuf>,
        /// Not the ledger but its mirror of JSON lines, which can be read at any time; FILE is another than the one beside the
        /// configuration's ledger.
        #[arg(long, value_name = "FILE", num_args = 0..=1, conflicts_with = "ledger")]
        mirror: Option<Option<PathBuf>>,
    },
}

impl AuditCommand {
    pub(crate) fn run(self) -> ExitCode {
        let Self::Verify { config, head, ledger, mirror } = self;
        let verified = load(&config.path).and_then(|config| {
            let ours = state::ledger_path(&config);
            let is_ours = ledger.as_ref().is_none_or(|named| *named == ours) && mirror.is_none();
            let ledger = ledger.unwrap_or(ours);
            let source = match mirror {
                None => Source::Ledger(ledger),
                Some(file) => Source::Mirror(file.map_or_else(|| MirrorFile::beside(&ledger), MirrorFile::at)),
            };
            let (screen, end) = verify(&source, head, is_ours)?;
            say(&screen).map(|_| end)
        });
        match verified {
            Ok(End::Verified) => ExitCode::SUCCESS,
            Ok(End::InPart) => ExitCode::from(IN_PART),
            Ok(End::Broken) => ExitCode::from(BROKEN),
            Err(why) => {
                let _ = writeln!(std::io::stderr(), "executor: not verified: {why}");
                ExitCode::from(UNREADABLE)
            }
        }
    }
}

/// What was found; each covers the ones before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// All of it was looked at, and holds.
    Verified,
    /// What was looked at holds.
    InPart,
    /// Something does not.
    Broken,
}

/// Where the rows are read.
enum Source {
    Ledger(PathBuf),
    Mirror(MirrorFile),
}

/// What came of reading to the end.
enum Read {
    Whole,
    /// So many bytes behind the last line of a mirror are none.
    Unfinished(u64),
    Damaged(String),
}

impl Source {
    fn path(&self) -> &Path {
        match self {
            Self::Ledger(path) => path,
            Self::Mirror(file) => file.path(),
        }
    }

    fn read(&self, each: &mut dyn FnMut(Head, LedgerRow)) -> Result<Read, String> {
        match self {
            Self::Ledger(path) => match SqliteLedger::open_each(path, each) {
                Ok(_) => Ok(Read::Whole),
                Err(LedgerError::Damaged { what, .. }) => Ok(Read::Damaged(what)),
                Err(why) => Err(why.to_string()),
            },
            Self::Mirror(file) => match file.read(each).map_err(|why| format!("{}: {why}", file.path().display()))? {
                Ok(0) => Ok(Read::Whole),
                Ok(bytes) => Ok(Read::Unfinished(bytes)),
                Err(what) => Ok(Read::Damaged(what.0.into_string())),
            },
        }
    }
}

/// How long a mirror is waited for that ends before a head.
const MIRROR_BEHIND: Duration = Duration::from_secs(1);

/// All rows, read and judged.
struct Seen {
    read: Read,
    audit: Audit,
    heads: Vec<(String, Sought)>,
    end: Head,
}

impl Seen {
    fn of(source: &Source, heads: &[(String, Head)]) -> Result<Self, String> {
        let mut heads: Vec<(String, Sought)> =
            heads.iter().map(|(name, head)| (name.clone(), Sought::new(*head))).collect();
        let (mut audit, mut end) = (Audit::default(), Head::default());
        let read = source.read(&mut |head, row| {
            heads.iter_mut().for_each(|(_, sought)| sought.pass(head));
            audit.row(&row);
            end = head;
        })?;
        Ok(Self { read, audit, heads, end })
    }
}

/// One screen, and whether the rows hold. `is_ours`: it is the one the executor would start on.
fn verify(source: &Source, asked: Option<Head>, is_ours: bool) -> Result<(String, End), String> {
    // Before the rows: a mirror is read while both grow.
    let file = HeadFile::beside(source.path());
    let beside = file.read().map_err(|why| format!("{}: {why}", file.path().display()))?;
    let heads: Vec<(String, Head)> = [("--head".to_owned(), asked), (file.path().display().to_string(), beside)]
        .into_iter()
        .filter_map(|(name, head)| Some((name, head?)))
        .collect();
    let mut seen = Seen::of(source, &heads)?;
    // A mirror may be a moment behind what the head file tells, and a line of it may be half written.
    let behind = heads.iter().any(|(_, head)| head.rows > seen.end.rows) || matches!(seen.read, Read::Unfinished(_));
    if matches!(source, Source::Mirror(_)) && behind {
        std::thread::sleep(MIRROR_BEHIND);
        seen = Seen::of(source, &heads)?;
    }
    let Seen { read, audit, heads, end } = seen;
    let report = audit.end();
    let what = if matches!(source, Source::Ledger(_)) { "ledger" } else { "mirror" };
    let mut screen = format!("{what}     {}\n", source.path().display());
    let mut line = |name: &str, text: &str| {
        writeln!(screen, "{name:<10} {text}").expect("writing to a string cannot fail");
    };
    tell(&report, &mut line);
    line("ends at", &end.to_string());
    let mut found = match (report.findings.is_empty(), report.intents > report.judged) {
        (false, _) => End::Broken,
        (true, true) => End::InPart,
        (true, false) => End::Verified,
    };
    match &read {
        Read::Whole => line("chain", "whole: every row follows the one before it"),
        Read::Unfinished(bytes) => {
            found = found.max(End::InPart);
            line("chain", "whole: every row follows the one before it");
            line(
                "chain",
                &format!(
                    "NOT CHECKED: {bytes} bytes behind the last line: one that is being written, or was when the executor was killed"
                ),
            );
        }
        Read::Damaged(what) => {
            found = End::Broken;
            line("chain", &format!("BROKEN: {what}; what stands above is about the rows before it"));
        }
    }
    for (name, sought) in &heads {
        match sought.ended(end) {
            Ok(head) => line("head", &format!("row {} of {name} is there", head.rows)),
            Err(why) => {
                found = End::Broken;
                line("head", &format!("BROKEN: by {name}, {why}"));
            }
        }
    }
    if heads.is_empty() && is_ours && end.rows > 0 {
        found = End::Broken;
        line(
            "head",
            "BROKEN: its head file is missing: rows may be cut off at the end, and the executor would not start on it",
        );
    } else if heads.is_empty() {
        found = found.max(End::InPart);
        line("head", "NOT CHECKED: no --head and no head file; rows cut off at the end cannot be noticed");
    }
    for finding in &report.findings {
        line("rules", &format!("BROKEN: {finding}"));
    }
    if report.more > 0 {
        line("rules", &format!("BROKEN: {} more", report.more));
    }
    match found {
        End::Verified => line("VERIFIED", ""),
        End::InPart => {
            line("NOT WHOLLY CHECKED:", "nothing wrong was found in what was; the lines above say what was not")
        }
        End::Broken => line("BROKEN", "do not trade on this ledger"),
    }
    Ok((screen.trim_end().to_owned(), found))
}

fn tell(report: &Report, line: &mut impl FnMut(&str, &str)) {
    let span = report.span.map_or_else(String::new, |(first, last)| format!(", {first} to {last}"));
    line("rows", &format!("{}{span}", report.rows));
    let Report { starts, arms, halts, intents, refused, outcomes, fills, .. } = report;
    line("starts", &format!("{starts}, armed {arms} times, halted {halts} times"));
    line("orders", &format!("{intents} approved, {refused} refusals written; {outcomes} outcomes, {fills} fills"));
    let unjudged = intents - report.judged;
    line("policy", &format!("{} orders judged once more by the policy in force", report.judged));
    if unjudged > 0 {
        line(
            "policy",
            &format!(
                "NOT CHECKED: {unjudged} orders; the policy's contents of then are not recorded, or are another version's"
            ),
        );
    }
    if let Some((first, rows)) = report.beyond {
        line(
            "note",
            &format!("more was at risk than a cap allows after {rows} rows that approved no order, first row {first}"),
        );
    }
    if report.clock_back > 0 {
        line("note", &format!("{} starts found the clock behind the last row before", report.clock_back));
    }
}
