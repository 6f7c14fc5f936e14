//! Ledger files as a crash, a torn disk or a careless hand leaves them, opened by the code every start runs (executor.md 2.6).
//!
//! One ledger is written in many commits, and its two files are kept as they lay after each. Images are made from these: the
//! write-ahead log cut, torn in sectors or flipped, the database cut or flipped, files of other times and other ledgers put
//! together. Each opens to a state that was committed, not older than what the disk had to keep and not newer than what was
//! committed, or is refused and left as it was.

use crate::proof::{Bench, Evidence, Proof, Verdict};
use crate::proofs::executor::{Draws, verdict};
use crate::proofs::unless_broken;
use executor::ledger::{Ledger as _, SqliteLedger};
use executor::rehearsal::{Rehearsal, order, policy, setup};
use executor::rows::LedgerRow;
use mm_core::domain::{Outcome, Qty, Side};
use std::io;
use std::path::{Path, PathBuf};

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[Proof {
    id: "torn-files-open-to-what-was-committed",
    milestone: 5,
    claim: "Torn, cut, flipped, swapped and rolled-back files of a ledger open to a state that was committed and that the disk had to keep, or \
            are refused untouched; never to a new ledger, never to rows nobody committed.",
    quick: true,
    min_cases: 200,
    run: |bench| unless_broken(images(bench, opened)),
    sabotage_claim: "a start that makes a new ledger where the old one cannot be read",
    sabotage: Some(|bench| {
        let anew = images(bench, |path| {
            opened(path).or_else(|_| {
                forget(path).map_err(|why| why.to_string())?;
                SqliteLedger::init(path).map_err(|why| why.to_string())?;
                opened(path)
            })
        });
        unless_broken(anew)
    }),
}];

/// Rows that lie in the database file itself; the others came after the last checkpoint.
const CHECKPOINTED: usize = 40;
/// A disk writes so many bytes or none of them.
const SECTOR: usize = 512;

/// What a start makes of a ledger's files: every row, or why not.
type Opens = fn(&Path) -> Result<Vec<LedgerRow>, String>;

fn opened(path: &Path) -> Result<Vec<LedgerRow>, String> {
    let mut ledger = SqliteLedger::open(path).map_err(|why| why.to_string())?;
    let mut rows = Vec::new();
    ledger.read(&mut |row| rows.push(row)).map_err(|why| why.to_string())?;
    Ok(rows)
}

fn wal_of(path: &Path) -> PathBuf {
    path.with_extension("sqlite-wal")
}

fn forget(path: &Path) -> io::Result<()> {
    for file in [path.to_owned(), wal_of(path)] {
        if file.exists() {
            std::fs::remove_file(file)?;
        }
    }
    Ok(())
}

/// The two files at some moment.
#[derive(Clone, Default, PartialEq, Eq)]
struct Files {
    base: Vec<u8>,
    wal: Vec<u8>,
}

impl Files {
    fn read(path: &Path) -> io::Result<Self> {
        let or_empty = |file: &Path| match std::fs::read(file) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            other => other,
        };
        Ok(Self { base: or_empty(path)?, wal: or_empty(&wal_of(path))? })
    }

    /// Writes what there is; a file without bytes is left out.
    fn write(&self, path: &Path) -> io::Result<()> {
        forget(path)?;
        for (file, bytes) in [(path.to_owned(), &self.base), (wal_of(path), &self.wal)] {
            if !bytes.is_empty() {
                std::fs::write(file, bytes)?;
            }
        }
        Ok(())
    }
}

/// A ledger and how its files grew.
struct History {
    rows: Vec<LedgerRow>,
    /// After each commit since the checkpoint: rows so far, and bytes of the log.
    commits: Vec<(usize, usize)>,
    /// Before the checkpoint.
    young: Files,
    files: Files,
}

impl History {
    /// Rows of a real desk, written in commits of one to three.
    fn write(path: &Path, seed: u64) -> Result<Self, String> {
        let io = |why: io::Error| why.to_string();
        let mut draws = Draws::new(seed);
        let rows = rows_of_a_day(&mut draws);
        SqliteLedger::init(path).map_err(|why| why.to_string())?;
        let mut ledger = SqliteLedger::open(path).map_err(|why| why.to_string())?;
        let (mut written, mut commits, mut young) = (0, Vec::new(), Files::default());
        while written < rows.len() {
            let limit = if written < CHECKPOINTED { CHECKPOINTED } else { rows.len() };
            let upto = limit.min(written + 1 + usize::try_from(draws.below(3)).unwrap_or(0));
            ledger.append(&rows[written..upto]).map_err(|why| why.to_string())?;
            written = upto;
            if written == CHECKPOINTED {
                young = Files::read(path).map_err(io)?;
                // closing is a checkpoint
                drop(ledger);
                ledger = SqliteLedger::open(path).map_err(|why| why.to_string())?;
                commits.push((written, 0));
            } else if written > CHECKPOINTED {
                commits.push((written, Files::read(path).map_err(io)?.wal.len()));
            }
        }
        let files = Files::read(path).map_err(io)?;
        Ok(Self { rows, commits, young, files })
    }

    /// Rows of the last commit whose log is no longer than this.
    fn kept_by(&self, log: usize) -> usize {
        self.commits.iter().take_while(|(_, bytes)| *bytes <= log).last().map_or(0, |(rows, _)| *rows)
    }

    fn is_commit(&self, rows: usize) -> bool {
        self.commits.iter().any(|(committed, _)| *committed == rows)
    }
}

fn rows_of_a_day(draws: &mut Draws) -> Vec<LedgerRow> {
    let mut stage = Rehearsal::armed(setup(policy(2), false), 2);
    for id in 1..=60 {
        let cents = 5 + u16::try_from(draws.below(40)).unwrap_or(0);
        stage.place(id, order(draws.market(), Outcome::Yes, Side::Buy, cents, 5 + draws.below(9)));
        stage.run_ms(200);
        let live = stage.venue.orders.iter().find(|(_, resting)| resting.live).map(|(id, _)| *id);
        match (draws.below(3), live) {
            (0, Some(hash)) => stage.fill(hash, Qty::from_whole(2).unwrap_or(Qty::ZERO)),
            (1, _) => stage.cancel(id),
            _ => {}
        }
        stage.run_ms(1_500);
    }
    stage.ledger.rows().to_vec()
}

/// What may come of an image.
struct Image {
    kind: &'static str,
    files: Files,
    /// Fewest rows it may open to.
    least: usize,
    /// It must open, to exactly the fewest.
    exactly: bool,
}

const KINDS: u64 = 11;

fn image(kind: u64, ours: &History, theirs: &History, draws: &mut Draws) -> Image {
    let mut files = ours.files.clone();
    let mut below = |n: usize| usize::try_from(draws.below(n.max(1) as u64)).unwrap_or(0);
    let log = files.wal.len();
    let (kind, least, exactly) = match kind {
        0 => {
            // beside the ends of commits, where it matters
            let (_, end) = ours.commits[below(ours.commits.len())];
            let cut = if below(2) == 0 { below(log) } else { (end + below(3)).saturating_sub(1).min(log) };
            files.wal.truncate(cut);
            ("log cut", ours.kept_by(cut), true)
        }
        1 => {
            let (rows, end) = ours.commits[below(ours.commits.len())];
            for start in (end..log).step_by(SECTOR) {
                let sector = &mut files.wal[start..log.min(start + SECTOR)];
                match below(4) {
                    0 => sector.fill(0),
                    1 => sector.iter_mut().for_each(|byte| *byte = u8::try_from(below(256)).unwrap_or(0)),
                    _ => {}
                }
            }
            ("log torn in sectors behind a commit", rows, false)
        }
        2 => {
            let at = below(log);
            files.wal[at] ^= 1 << below(8);
            ("bit of the log flipped", CHECKPOINTED, false)
        }
        3 => {
            let at = below(log);
            let end = log.min(at + 1 + below(SECTOR));
            files.wal[at..end].iter_mut().for_each(|byte| *byte = u8::try_from(below(256)).unwrap_or(0));
            ("part of the log overwritten", CHECKPOINTED, false)
        }
        4 => {
            let at = below(files.base.len());
            files.base[at] ^= 1 << below(8);
            ("bit of the database flipped", CHECKPOINTED, false)
        }
        5 => {
            let size = files.base.len();
            files.base.truncate(1 + below(size - 1));
            ("database cut", CHECKPOINTED, false)
        }
        6 => {
            files.wal.clear();
            ("log gone", CHECKPOINTED, true)
        }
        7 => {
            files.wal.clone_from(&theirs.files.wal);
            files.wal.truncate(theirs.commits[1 + below(theirs.commits.len() - 1)].1);
            ("log of another ledger", CHECKPOINTED, false)
        }
        8 => {
            files.wal.clone_from(&ours.young.wal);
            ("log of before the checkpoint", CHECKPOINTED, false)
        }
        9 => {
            files.base.clone_from(&ours.young.base);
            ("database of before the checkpoint", CHECKPOINTED, false)
        }
        _ => {
            // what is left of a database that was never written, or of one that is gone: the log alone
            files.base = if below(2) == 0 { Vec::new() } else { vec![0; SECTOR] };
            ("database gone or empty", ours.rows.len(), false)
        }
    };
    Image { kind, files, least, exactly }
}

fn images(bench: &Bench, opens: Opens) -> Result<Verdict, String> {
    let io = |why: io::Error| why.to_string();
    // in memory where that is possible: an image is written thousands of times and kept never
    let shm = Path::new("/dev/shm");
    let folder = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() }.map_err(io)?;
    let ours = History::write(&folder.path().join("ours.sqlite"), bench.seed)?;
    let theirs = History::write(&folder.path().join("theirs.sqlite"), bench.seed ^ 0xff)?;
    let path = folder.path().join("image.sqlite");
    let mut draws = Draws::new(bench.seed);
    let mut evidence = Evidence::default();
    let (mut opened, mut refused, mut wrong) = (0u64, 0u64, Vec::new());
    for n in 0..bench.depth.pick(220, 500, 20_000) {
        let image = image(n % KINDS, &ours, &theirs, &mut draws);
        image.files.write(&path).map_err(io)?;
        let complaint = match opens(&path) {
            Ok(rows) => {
                opened += 1;
                judge(&image, &rows, &ours)
            }
            Err(_) if image.exactly => Some("refused, though all of it is there".to_owned()),
            Err(_) => {
                refused += 1;
                // also by a start that is no more than a look
                (Files::read(&path).map_err(io)? != image.files).then(|| "refused, and changed".to_owned())
            }
        };
        wrong.extend(complaint.map(|what| format!("{n} ({}): {what}", image.kind)));
        // what it opened to can be written on
        if n % 8 == 0
            && wrong.is_empty()
            && let Ok(mut ledger) = SqliteLedger::open(&path)
        {
            let before = ledger.head().rows;
            let row = LedgerRow::DaySpent { at: ours.rows[0].at() };
            ledger.append(&[row]).map_err(|why| format!("{n} ({}): {why}", image.kind))?;
            drop(ledger);
            let after = SqliteLedger::open(&path).map_err(|why| why.to_string())?.head().rows;
            if after != before + 1 {
                wrong.push(format!("{n} ({}): {before} rows and one are {after}", image.kind));
            }
        }
        evidence.cases += 1;
    }
    for what in wrong.iter().take(3) {
        evidence.fact("wrong", what);
    }
    evidence.fact("wrong in all", wrong.len());
    evidence.fact("opened to what was committed", opened);
    evidence.fact("refused", refused);
    evidence.fact("kinds of damage", KINDS);
    evidence.fact("rows of the whole ledger", ours.rows.len());
    evidence.fact("commits behind the checkpoint", ours.commits.len() - 1);
    Ok(verdict(evidence, wrong.is_empty() && opened > 0 && refused > 0))
}

/// What is wrong with the rows an image opened to.
fn judge(image: &Image, rows: &[LedgerRow], ours: &History) -> Option<String> {
    let count = rows.len();
    if !ours.rows.starts_with(rows) {
        return Some(format!("{count} rows, and not ours"));
    }
    if count < image.least {
        return Some(format!("{count} rows, {} had to be kept", image.least));
    }
    if !ours.is_commit(count) {
        return Some(format!("{count} rows: no commit ended there"));
    }
    (image.exactly && count != image.least).then(|| format!("{count} rows, {} were committed", image.least))
}
