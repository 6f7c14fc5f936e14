//! What a disk was told, and what it may have kept of it when the power went.

use crate::proofs::executor::Draws;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// A disk writes so many bytes or none of them.
const SECTOR: usize = 512;

/// One thing a disk was told, as `recorded_disk.c` notes it. Names are those in the folder; an empty one is the folder.
pub(super) enum Note {
    Write { name: String, at: usize, bytes: Vec<u8> },
    Truncate { name: String, length: usize },
    Sync { name: String },
    Rename { from: String, to: String },
    Unlink { name: String },
    Create { name: String },
}

/// The notes of a log, each with where it ends there.
///
/// # Errors
/// Where the log is none.
pub(super) fn notes(log: &[u8]) -> Result<Vec<(u64, Note)>, String> {
    let mut notes = Vec::new();
    let mut rest = log;
    while let Some((head, more)) = rest.split_first_chunk::<32>() {
        let (words, _) = head.as_chunks::<8>();
        let number = |n: usize| usize::try_from(u64::from_ne_bytes(words[n])).unwrap_or(usize::MAX);
        let (name, data) = (number(1), number(3));
        let here = log.len() - rest.len();
        let wrong = || format!("the disk's log at byte {here} is no note");
        let (name, more) = more.split_at_checked(name).ok_or_else(wrong)?;
        let (data, more) = more.split_at_checked(data).ok_or_else(wrong)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let name = text(name);
        let note = match number(0) {
            1 => Note::Write { name, at: number(2), bytes: data.to_vec() },
            2 => Note::Truncate { name, length: number(2) },
            3 => Note::Sync { name },
            4 => Note::Rename { from: name, to: text(data) },
            5 => Note::Unlink { name },
            6 => Note::Create { name },
            _ => return Err(wrong()),
        };
        rest = more;
        notes.push(((log.len() - rest.len()) as u64, note));
    }
    if rest.is_empty() { Ok(notes) } else { Err(format!("{} bytes behind the disk's last note", rest.len())) }
}

/// A change of a file that the disk need not have kept yet.
#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

#[derive(Default)]
struct File {
    kept: Vec<u8>,
    told: Vec<Change>,
}

/// A change of the folder.
enum Naming {
    Is(String, usize),
    Moved { from: String, to: String, file: usize },
    Gone(String),
}

/// Everything the disk was told of a folder that was empty once.
#[derive(Default)]
pub(super) struct Disk {
    files: Vec<File>,
    /// As the running system sees it.
    names: BTreeMap<String, usize>,
    kept_names: BTreeMap<String, usize>,
    namings: Vec<Naming>,
}

impl Disk {
    pub(super) fn tell(&mut self, note: &Note) {
        match note {
            Note::Create { name } => {
                self.files.push(File::default());
                let file = self.files.len() - 1;
                self.names.insert(name.clone(), file);
                self.namings.push(Naming::Is(name.clone(), file));
            }
            Note::Write { name, at, bytes } => self.change(name, Change::Write(*at, bytes.clone())),
            Note::Truncate { name, length } => self.change(name, Change::Truncate(*length)),
            Note::Rename { from, to } => {
                if let Some(file) = self.names.remove(from) {
                    self.names.insert(to.clone(), file);
                    self.namings.push(Naming::Moved { from: from.clone(), to: to.clone(), file });
                }
            }
            Note::Unlink { name } => {
                self.names.remove(name);
                self.namings.push(Naming::Gone(name.clone()));
            }
            Note::Sync { name } if name.is_empty() => {
                self.namings.drain(..).for_each(|naming| follow(&mut self.kept_names, &naming));
            }
            Note::Sync { name } => {
                if let Some(file) = self.names.get(name) {
                    let File { kept, told } = &mut self.files[*file];
                    told.drain(..).for_each(|change| apply(kept, &change, &mut |_| true));
                }
            }
        }
    }

    fn change(&mut self, name: &str, change: Change) {
        if let Some(file) = self.names.get(name) {
            self.files[*file].told.push(change);
        }
    }

    /// Puts what may be left of it into a folder.
    pub(super) fn image(&self, folder: &Path, draws: &mut Draws) -> io::Result<()> {
        match std::fs::remove_dir_all(folder) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
            _ => std::fs::create_dir(folder)?,
        }
        // nothing, everything, or any part of it
        let kind = draws.below(4);
        let mut keeps = |parts: u64| match kind {
            0 => false,
            1 => true,
            _ => draws.below(parts) > 0,
        };
        let mut names = self.kept_names.clone();
        self.namings.iter().take_while(|_| keeps(3)).for_each(|naming| follow(&mut names, naming));
        for (name, file) in names {
            let File { kept, told } = &self.files[file];
            let mut bytes = kept.clone();
            for change in told {
                // a write is whole, torn or lost
                if keeps(2) {
                    apply(&mut bytes, change, &mut |_| true);
                } else if matches!(change, Change::Write(..)) && keeps(2) {
                    apply(&mut bytes, change, &mut |_| keeps(2));
                }
            }
            std::fs::write(folder.join(name), bytes)?;
        }
        Ok(())
    }
}

fn follow(names: &mut BTreeMap<String, usize>, naming: &Naming) {
    match naming {
        Naming::Is(name, file) => drop(names.insert(name.clone(), *file)),
        Naming::Moved { from, to, file } => {
            names.remove(from);
            names.insert(to.clone(), *file);
        }
        Naming::Gone(name) => drop(names.remove(name)),
    }
}

/// Changes a file, by those sectors that are kept.
fn apply(bytes: &mut Vec<u8>, change: &Change, keeps: &mut dyn FnMut(usize) -> bool) {
    match change {
        Change::Truncate(length) => bytes.resize(*length, 0),
        Change::Write(at, new) => {
            let (mut from, end) = (*at, at + new.len());
            while from < end {
                let to = end.min((from / SECTOR + 1) * SECTOR);
                if keeps(from) {
                    if bytes.len() < to {
                        bytes.resize(to, 0);
                    }
                    bytes[from..to].copy_from_slice(&new[from - at..to - at]);
                }
                from = to;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, at: usize, bytes: &[u8]) -> Note {
        Note::Write { name: name.to_owned(), at, bytes: bytes.to_vec() }
    }

    #[test]
    fn what_was_synced_is_in_every_image_and_the_rest_in_some() {
        let mut disk = Disk::default();
        let synced = |name: &str| Note::Sync { name: name.to_owned() };
        let [create, rename] =
            [Note::Create { name: "a.new".to_owned() }, Note::Rename { from: "a.new".to_owned(), to: "a".to_owned() }];
        for note in [create, written("a.new", 0, &[1; 600]), synced("a.new"), rename, synced("")] {
            disk.tell(&note);
        }
        disk.tell(&written("a", 100, &[2; 600]));
        disk.tell(&Note::Create { name: "b".to_owned() });
        let folder = tempfile::tempdir().expect("a folder").keep();
        let mut draws = Draws::new(7);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..200 {
            disk.image(&folder, &mut draws).expect("room");
            let bytes = std::fs::read(folder.join("a")).expect("its name is kept");
            assert!(bytes[..100].iter().all(|byte| *byte == 1));
            assert!(!folder.join("a.new").exists());
            seen.insert((bytes.len(), bytes[100], bytes[599], folder.join("b").exists()));
        }
        std::fs::remove_dir_all(&folder).expect("it is ours");
        // lost, whole, each of its two sectors alone; and the new name there or not
        let kinds: Vec<_> = seen.iter().map(|(length, first, last, _)| (*length, *first, *last)).collect();
        for kind in [(600, 1, 1), (700, 2, 2), (600, 2, 1), (700, 1, 2)] {
            assert!(kinds.contains(&kind), "{kind:?} of {seen:?}");
        }
        assert!([true, false].iter().all(|named| seen.iter().any(|(.., is)| is == named)), "{seen:?}");
    }
}
