//! What the demo found, as a page a stranger can judge.

use serde::Serialize;
use std::fmt::Write as _;

/// One thing the demo set out to show.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Check {
    /// In a few words.
    pub(crate) name: String,
    /// It held.
    pub(crate) ok: bool,
    /// The numbers behind it.
    pub(crate) detail: String,
}

/// The whole run.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Summary {
    /// Git commit of the code.
    pub(crate) commit: String,
    /// Name of the tape and how it was played.
    pub(crate) tape: String,
    /// Where the run's files are.
    pub(crate) dir: String,
    /// It was stopped by Ctrl-C or `--minutes` before the tape's end.
    pub(crate) cut_short: bool,
    /// What it set out to show.
    pub(crate) checks: Vec<Check>,
    /// Totals, in order.
    pub(crate) totals: Vec<(String, String)>,
    /// Heads of the market table.
    pub(crate) columns: Vec<String>,
    /// Rows of the market table.
    pub(crate) markets: Vec<Vec<String>>,
    /// What did not end as it should have.
    pub(crate) complaints: Vec<String>,
}

impl Summary {
    /// Everything held.
    pub(crate) fn passed(&self) -> bool {
        self.complaints.is_empty() && !self.checks.is_empty() && self.checks.iter().all(|check| check.ok)
    }
}

/// Renders the page.
pub(crate) fn render(summary: &Summary) -> String {
    let mut out = String::new();
    render_into(summary, &mut out).expect("writing to a String cannot fail");
    out
}

fn render_into(summary: &Summary, out: &mut String) -> std::fmt::Result {
    writeln!(out, "# Demo: {}\n", if summary.passed() { "everything held" } else { "something did NOT hold" })?;
    writeln!(out, "{}. Commit `{}`.", summary.tape, summary.commit)?;
    if summary.cut_short {
        writeln!(out, "The run was ended before the tape's end.")?;
    }
    writeln!(out, "\n## What was shown\n\n| held | what | numbers |\n| --- | --- | --- |")?;
    for check in &summary.checks {
        writeln!(out, "| {} | {} | {} |", if check.ok { "yes" } else { "**NO**" }, check.name, check.detail)?;
    }
    writeln!(out, "\n## Markets\n\n| {} |", summary.columns.join(" | "))?;
    writeln!(out, "|{}", " --- |".repeat(summary.columns.len()))?;
    for row in &summary.markets {
        writeln!(out, "| {} |", row.join(" | "))?;
    }
    writeln!(out, "\n## Totals\n\n| what | value |\n| --- | ---: |")?;
    for (name, value) in &summary.totals {
        writeln!(out, "| {name} | {value} |")?;
    }
    if !summary.complaints.is_empty() {
        writeln!(out, "\n## What did not end as it should\n")?;
        for complaint in &summary.complaints {
            writeln!(out, "* {complaint}")?;
        }
    }
    out.push_str(
        "\n## How to read this\n\n\
         * The public book is a recording of the real venue. It does not react to our orders: fills are what the recorded\n  \
         trades would have given an order behind the recorded queue, and say nothing about profit.\n\
         * Reward terms, minimum sizes and names are not in the recording; they come from the scenario file. The recorded book\n  \
         counts as one other maker when scores are shared out.\n\
         * Only tape and reward minutes are accelerated. Leases, heartbeats and edit times keep the wall clock, so at high speed\n  \
         quotes lag further behind the market than they would live.\n",
    );
    writeln!(out, "\nFiles of this run: `{}`", summary.dir)
}
