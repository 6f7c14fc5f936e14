//! `mm-core explain RUN --order ID`: replays a run and tells the life of one order, with the numbers of the turns that mattered.

use crate::replay::{Error, Recorded};
use mm_core::domain::ClientOrderId;
use mm_core::journal::Explainer;
use std::io::Write;
use std::path::Path;

/// Tells of the order `id` of the run in `folder`.
pub(crate) fn explain(folder: &Path, id: u64, out: &mut dyn Write) -> Result<(), Error> {
    let Recorded { config, markets, lines } = Recorded::open(folder)?;
    let mut explainer = Explainer::new(config, markets, ClientOrderId(id));
    let mut told = String::new();
    for line in lines {
        let goes_on = explainer.line(&line?, &mut told).map_err(|source| Error::in_journal(folder, source))?;
        out.write_all(told.as_bytes())?;
        told.clear();
        if !goes_on {
            break;
        }
    }
    let whole = explainer.finish(&mut told);
    out.write_all(told.as_bytes())?;
    if whole { Ok(()) } else { Err(Error::NotTold { path: folder.to_owned(), id }) }
}
