//! Frames without snapshots: the tape rules grow a book for each market and say what the recording is worth.

use super::{FileReport, decode, each_frame};
use sim_exchange::tape::Grower;
use std::path::Path;

pub(super) fn read(path: &Path) -> FileReport {
    let mut report = FileReport::default();
    let mut grower = Grower::new();
    each_frame(path, &mut report, |frame, report| {
        for event in decode(frame, report) {
            grower.push(&event);
        }
    });
    grower.finish();
    let grown = grower.report();
    report.repairs = grown.repairs();
    for (condition, market) in &grown.markets {
        report.tops += market.tops_compared;
        report.differences += market.differences;
        let opened = match market.opened_ms {
            Some(ms) => format!("opened after {} ms", ms.saturating_sub(grown.start_ms)),
            None => "never opened".to_owned(),
        };
        report.notes.push(format!(
            "{condition}: {opened}, {} timestamps, {} prints, {} repairs, closed {} times",
            market.timestamps, market.prints, market.repairs, market.closed
        ));
    }
    if grown.opened() == 0 {
        report.fail("no market opened".to_owned());
    }
    grown.violations().into_iter().for_each(|why| report.fail(why));
    report
}
