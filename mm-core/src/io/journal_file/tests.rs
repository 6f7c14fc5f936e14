use super::*;
use crate::domain::Digest;

fn manifest() -> Manifest {
    Manifest {
        schema: crate::journal::SCHEMA,
        run: 0,
        parent: None,
        git_revision: "unknown".to_owned(),
        git_dirty: false,
        lockfile_digest: None,
        config_text: "schema = 1\n".to_owned(),
        config_digest: Digest([1; 32]),
        universe_digest: Digest([2; 32]),
        rustc: "1.95".to_owned(),
        target: "here".to_owned(),
        seed: None,
        ended: Ended::Ended,
    }
}

const fn limits(segment_bytes: u64) -> Limits {
    Limits { segment_bytes, max_bytes: 1 << 30 }
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_ms(ms)
}

fn all_lines(folder: &Path) -> Vec<String> {
    lines(folder).expect("segments").map(|line| line.expect("readable")).collect()
}

#[test]
fn turns_are_rotated_by_size_never_split_and_read_back_in_order() {
    let runs = tempfile::tempdir().expect("a folder");
    let mut journal = JournalFile::begin(runs.path(), at(1000), limits(100), manifest()).expect("a run");
    let folder = journal.folder().to_owned();
    assert_eq!(folder, runs.path().join("1000"));
    let mut expected = Vec::new();
    for n in 0..40u16 {
        let turn =
            [format!("{{\"turn\":{n}}}"), format!("{{\"did\":{n},\"pad\":\"{}\"}}", "x".repeat(usize::from(n) * 4))];
        journal.append(&format!("{}\n{}\n", turn[0], turn[1]), at(1000 + u64::from(n) * 400)).expect("written");
        expected.extend(turn);
    }
    assert_eq!(read_manifest(&folder).expect("readable").ended, Ended::Running);
    journal.finish().expect("on the disk");
    assert_eq!(read_manifest(&folder).expect("readable").ended, Ended::Ended);
    assert_eq!(all_lines(&folder), expected);

    let segments: Vec<String> = (0..).map(segment_name).take_while(|name| folder.join(name).exists()).collect();
    assert!(segments.len() > 10, "{segments:?}");
    for name in &segments {
        let text = std::fs::read_to_string(folder.join(name)).expect("readable");
        let turns = text.lines().filter(|line| line.starts_with("{\"turn")).count();
        assert_eq!(text.lines().count(), 2 * turns, "{name} splits a turn");
        assert!(text.len() <= 100 || turns == 1, "{name} holds {} bytes in {turns} turns", text.len());
    }

    std::fs::remove_file(folder.join(segment_name(3))).expect("ours");
    let why = lines(&folder).expect_err("a gap").to_string();
    assert!(why.contains("turns-0003.ndjson is missing"), "{why}");
}

#[test]
fn a_full_journal_takes_no_turn_in_part() {
    let runs = tempfile::tempdir().expect("a folder");
    let small = Limits { segment_bytes: 8, max_bytes: 21 };
    let mut journal = JournalFile::begin(runs.path(), at(5), small, manifest()).expect("a run");
    for n in 0..3u8 {
        journal.append(&format!("turn {n}\n"), at(5)).expect("7 of 21 bytes");
    }
    let folder = journal.folder().to_owned();
    let why = journal.append("\n", at(6)).expect_err("a byte too many").to_string();
    let path = folder.join(segment_name(2));
    let full = "full: 21 bytes and 1 more are above journal.max_gib = 21 bytes";
    assert_eq!(why, format!("journal {}: {full}", path.display()));
    journal.finish().expect("on the disk");
    assert_eq!(all_lines(&folder), ["turn 0", "turn 1", "turn 2"]);
}

#[test]
fn a_torn_tail_is_still_handed_out() {
    let runs = tempfile::tempdir().expect("a folder");
    let mut journal = JournalFile::begin(runs.path(), at(5), limits(1 << 20), manifest()).expect("a run");
    journal.append("{\"whole\":1}\n{\"torn\":\"Ä", at(5)).expect("written");
    let folder = journal.folder().to_owned();
    drop(journal);
    let path = folder.join(segment_name(0));
    let bytes = std::fs::read(&path).expect("readable");
    std::fs::write(&path, &bytes[..bytes.len() - 1]).expect("ours");
    assert_eq!(all_lines(&folder), ["{\"whole\":1}", "{\"torn\":\"\u{FFFD}"]);
}

#[test]
fn the_next_start_tells_a_crashed_run_from_a_living_one() {
    let runs = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(runs.path().join("not a run")).expect("ours");
    let ended = |run: u64| read_manifest(&runs.path().join(run.to_string())).expect("readable").ended;

    let living = JournalFile::begin(runs.path(), at(10), limits(1 << 20), manifest()).expect("a run");
    let crashed = JournalFile::begin(runs.path(), at(10), limits(1 << 20), manifest()).expect("a run");
    assert_eq!((living.run(), crashed.run()), (10, 11), "one millisecond, two folders");
    drop(crashed);

    let third = JournalFile::begin(runs.path(), at(20), limits(1 << 20), manifest()).expect("a run");
    assert_eq!(third.manifest.parent, Some(11));
    assert_eq!((ended(10), ended(11), ended(20)), (Ended::Running, Ended::Crashed, Ended::Running));
    living.finish().expect("on the disk");
    third.finish().expect("on the disk");
    let fourth = JournalFile::begin(runs.path(), at(30), limits(1 << 20), manifest()).expect("a run");
    assert_eq!((fourth.manifest.parent, ended(10), ended(11)), (None, Ended::Ended, Ended::Crashed));
}

#[test]
fn a_disk_that_takes_nothing_more_is_one_clear_error() {
    let runs = tempfile::tempdir().expect("a folder");
    let mut journal = JournalFile::begin(runs.path(), at(10), limits(1 << 20), manifest()).expect("a run");
    // The kernel's always-full device stands for a full disk.
    let path = PathBuf::from("/dev/full");
    journal.segment = Arc::new(OpenOptions::new().append(true).open(&path).expect("there"));
    journal.path = path;
    let why = journal.append("{}\n", at(10)).expect_err("full").to_string();
    assert!(why.starts_with("journal /dev/full: cannot write: No space left on device"), "{why}");
}

#[test]
fn what_is_missing_is_named() {
    let runs = tempfile::tempdir().expect("a folder");
    let why = read_manifest(runs.path()).expect_err("none").to_string();
    assert!(why.contains("manifest.json: cannot read"), "{why}");
    let why = lines(runs.path()).expect_err("none").to_string();
    assert!(why.contains("turns-0000.ndjson is missing"), "{why}");
    let file = runs.path().join("file");
    std::fs::write(&file, "").expect("ours");
    let why = JournalFile::begin(&file, at(1), limits(1), manifest()).expect_err("a file").to_string();
    assert!(why.contains("cannot make the folder of runs"), "{why}");
}
