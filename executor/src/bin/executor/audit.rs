//! `audit verify`: is the ledger the one that was written, and did what it tells of keep the rules?

use crate::{ConfigFile, load, say, state};
use clap::Subcommand;
use executor::audit::{Audit, Report};
use executor::ledger::{Head, HeadFile, LedgerError, Sought, SqliteLedger};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Exit code for a ledger that is broken.
const BROKEN: u8 = 1;
/// Exit code for one that cannot be read, which says nothing about it.
const UNREADABLE: u8 = 2;

#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// Check the whole ledger of an executor that is not running: the chain of its rows, their times, and what they say. Exit code
    /// 0: it holds. 1: it is broken. 2: it cannot be read.
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
    },
}

impl AuditCommand {
    pub(crate) fn run(self) -> ExitCode {
        let Self::Verify { config, head, ledger } = self;
        let verified = load(&config.path).map_err(Unverified::Unreadable).and_then(|config| {
            let path = ledger.unwrap_or_else(|| state::ledger_path(&config));
            let (screen, sound) = verify(&path, head).map_err(Unverified::Unreadable)?;
            say(&screen).map_err(Unverified::Unreadable)?;
            if sound { Ok(()) } else { Err(Unverified::Broken) }
        });
        match verified {
            Ok(()) => ExitCode::SUCCESS,
            Err(Unverified::Broken) => ExitCode::from(BROKEN),
            Err(Unverified::Unreadable(why)) => {
                let _ = writeln!(std::io::stderr(), "executor: not verified: {why}");
                ExitCode::from(UNREADABLE)
            }
        }
    }
}

enum Unverified {
    Broken,
    Unreadable(String),
}

/// One screen, and whether the ledger holds.
fn verify(path: &Path, asked: Option<Head>) -> Result<(String, bool), String> {
    let file = HeadFile::beside(path);
    let beside = file.read().map_err(|why| format!("{}: {why}", file.path().display()))?;
    let mut heads: Vec<(String, Sought)> = Vec::new();
    heads.extend(asked.map(|head| ("--head".to_owned(), Sought::new(head))));
    heads.extend(beside.map(|head| (file.path().display().to_string(), Sought::new(head))));
    let (mut audit, mut end) = (Audit::default(), Head::default());
    let opened = SqliteLedger::open_each(path, &mut |head, row| {
        heads.iter_mut().for_each(|(_, sought)| sought.pass(head));
        audit.row(&row);
        end = head;
    });
    let damage = match opened {
        Ok(_) => None,
        Err(LedgerError::Damaged { what, .. }) => Some(what),
        Err(why) => return Err(why.to_string()),
    };
    let report = audit.end();
    let mut screen = format!("ledger     {}\n", path.display());
    let mut line = |name: &str, text: &str| {
        writeln!(screen, "{name:<10} {text}").expect("writing to a string cannot fail");
    };
    tell(&report, &mut line);
    line("ends at", &end.to_string());
    let mut sound = report.findings.is_empty();
    match &damage {
        None => line("chain", "whole: every row follows the one before it"),
        Some(what) => {
            sound = false;
            line("chain", &format!("BROKEN: {what}; what stands above is about the rows before it"));
        }
    }
    for (name, sought) in &heads {
        match sought.ended(end) {
            Ok(head) => line("head", &format!("row {} of {name} is there", head.rows)),
            Err(why) => {
                sound = false;
                line("head", &format!("BROKEN: by {name}, {why}"));
            }
        }
    }
    if heads.is_empty() {
        line("head", "NOT CHECKED: no --head and no head file; rows cut off at the end cannot be noticed");
    }
    for finding in &report.findings {
        line("rules", &format!("BROKEN: {finding}"));
    }
    if report.more > 0 {
        line("rules", &format!("BROKEN: {} more", report.more));
    }
    line(if sound { "VERIFIED" } else { "BROKEN" }, if sound { "" } else { "do not trade on this ledger" });
    Ok((screen.trim_end().to_owned(), sound))
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
