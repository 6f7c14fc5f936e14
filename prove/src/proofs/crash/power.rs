//! What a power cut leaves of a ledger (executor.md P-01): real executors under a library that notes what the disk was told, and images
//! of what a disk may have kept of that.

mod image;

use super::house::House;
use super::{Sabotage, library, side_by_side};
use crate::proof::{Bench, Evidence, Proof, Verdict};
use crate::proofs::executor::Draws;
use crate::proofs::{in_runtime, judged};
use crate::shell;
use crate::stack::{Options, Stack, StackError};
use executor::state;
use image::{Disk, Note};
use mm_core::domain::OrderId;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) const PROOF: Proof = Proof {
    id: "power-cut-keeps-every-order",
    milestone: 5,
    claim: "The power goes at any moment, and of what was written since a file's last sync the disk keeps any part, in any order, torn in sectors, \
            and of names any beginning: the ledger opens, its head fits, and every order that the venue had by then has its row.",
    quick: false,
    min_cases: 200,
    run: |bench| in_runtime(cut(bench, Disks::Keep)),
    sabotage_claim: "a disk that says it has synced and has not",
    sabotage: Some(|bench| in_runtime(cut(bench, Disks::Lie))),
};

/// What a sync means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Disks {
    Keep,
    Lie,
}

/// Orders of a life; after each the venue is asked what it has.
const ORDERS: u64 = 12;

async fn cut(bench: &Bench, disks: Disks) -> Result<Verdict, StackError> {
    let binary = shell::build_crash_executor(&bench.root)?;
    let library = library(bench, "recorded_disk")?;
    let mut options = Options::new(bench.root.clone(), bench.bin_dir.clone(), bench.evidence.clone());
    options.scenario = bench.root.join("config/sim/basic.toml");
    let stack = Arc::new(Stack::venue(options).await?);
    // images of each stretch between two looks at the venue
    let (lives, images) = match disks {
        Disks::Keep => (bench.depth.pick(1, 4, 24), bench.depth.pick(20, 12, 70)),
        Disks::Lie => (1, 2),
    };
    let mut houses = Vec::new();
    for number in 1..=lives {
        let house = House::new(bench, Arc::clone(&stack), binary.clone(), number, Sabotage::None).await?;
        houses.push((house, library.clone(), Draws::new(bench.seed.wrapping_add(number))));
    }
    let (mut evidence, mut failures) = (Evidence::default(), Vec::new());
    let (mut orders, mut notes, mut syncs) = (0, 0, 0);
    for came in side_by_side(houses, |(house, library, draws)| life(house, library, disks, draws, images)).await? {
        let came = came?;
        evidence.cases += came.images;
        (orders, notes, syncs) = (orders + came.orders, notes + came.notes, syncs + came.syncs);
        failures.extend(came.wrong);
    }
    if let Some(stack) = Arc::into_inner(stack) {
        stack.stop().await;
    }
    evidence.fact("lives", lives);
    evidence.fact("orders the venue had", orders);
    evidence.fact("what the disks were told", format!("{notes} changes, {syncs} of them syncs"));
    Ok(judged(evidence, &failures))
}

/// What came of a life.
struct Came {
    images: u64,
    orders: u64,
    notes: usize,
    syncs: usize,
    wrong: Vec<String>,
}

/// One life on a disk that notes, and the images of it.
async fn life(mut house: House, library: PathBuf, disks: Disks, draws: Draws, images: u64) -> Result<Came, StackError> {
    let (state, log) = (house.state_dir(), house.state_dir().with_extension("disk"));
    let mut command = house.command();
    command.env("LD_PRELOAD", &library).env("DISK_FOLDER", &state).env("DISK_LOG", &log);
    if disks == Disks::Lie {
        command.env("DISK_KEEPS_NOTHING", "1");
    }
    let told = log.clone();
    let moments = house.watched(command, ORDERS, move || std::fs::metadata(&told).map(|log| log.len())).await?;
    house.leave();
    let folder = state.with_extension("image");
    let came = tokio::task::spawn_blocking(move || imagine(&log, &folder, &moments, draws, images)).await;
    came.map_err(|why| StackError(why.to_string()))?.map_err(StackError)
}

/// Images of every stretch between two moments: by its beginning the venue had these orders.
fn imagine(
    log: &Path,
    folder: &Path,
    moments: &[(BTreeSet<OrderId>, u64)],
    mut draws: Draws,
    images: u64,
) -> Result<Came, String> {
    let text = |why: std::io::Error| why.to_string();
    let notes = image::notes(&std::fs::read(log).map_err(text)?)?;
    let reached = |bytes: u64| notes.partition_point(|(end, _)| *end <= bytes);
    let syncs = notes.iter().filter(|(_, note)| matches!(note, Note::Sync { .. })).count();
    let had = moments.last().map_or(0, |(orders, _)| orders.len() as u64);
    let mut came = Came { images: 0, orders: had, notes: notes.len(), syncs, wrong: Vec::new() };
    let (mut disk, mut told) = (Disk::default(), 0);
    for (nth, (orders, begin)) in moments.iter().enumerate() {
        let begin = reached(*begin);
        let end = moments.get(nth + 1).map_or(notes.len(), |(_, end)| reached(*end));
        let stretch = end.saturating_sub(begin) as u64 + 1;
        // the first at the moment itself
        let later = (1..images).map(|_| begin + usize::try_from(draws.below(stretch)).unwrap_or(0));
        let mut cuts: Vec<usize> = std::iter::once(begin).chain(later).collect();
        cuts.sort_unstable();
        for cut in cuts {
            notes[told..cut.max(told)].iter().for_each(|(_, note)| disk.tell(note));
            told = told.max(cut);
            disk.image(folder, &mut draws).map_err(text)?;
            came.images += 1;
            if let Err(why) = opens(&folder.join("ledger.sqlite"), orders) {
                came.wrong.push(format!("cut after {cut} of {} changes: {why}", notes.len()));
            }
        }
    }
    std::fs::remove_dir_all(folder).map_err(text)?;
    Ok(came)
}

/// What every start looks at, and whether each of these orders has its row.
fn opens(path: &Path, orders: &BTreeSet<OrderId>) -> Result<(), String> {
    let (exposure, doubt) = state::look(path)?;
    if let Some(doubt) = doubt {
        return Err(doubt);
    }
    match orders.iter().filter(|order| exposure.order(order).is_none()).count() {
        0 => Ok(()),
        lost => Err(format!("{lost} of {} orders that the venue had are without a row", orders.len())),
    }
}
