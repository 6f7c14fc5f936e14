use super::*;
use crate::ledger::tests::{epoch, intent, written};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

/// A ledger of an epoch and `n` intents, and its mirror as one start writes it.
fn mirrored(n: u8) -> (tempfile::TempDir, PathBuf, MirrorFile) {
    let (dir, path) = written(n);
    let file = MirrorFile::beside(&path);
    assert_eq!(brought_up(&path, &file), Mirrored { rows: u64::from(n) + 1, trouble: None });
    (dir, path, file)
}

/// One start and its end: what the mirror told last.
fn brought_up(path: &Path, file: &MirrorFile) -> Mirrored {
    let mut ledger = SqliteLedger::open(path).expect("sound");
    let mirror = Mirror::start(file, &mut ledger, |_| ()).expect("a thread");
    while ledger.tidy().expect("a good disk") {}
    ended(ledger, mirror)
}

fn ended(ledger: SqliteLedger, mirror: Mirror) -> Mirrored {
    drop(ledger);
    let state = Arc::clone(&mirror.state);
    assert!(mirror.close());
    let state = state.lock().expect("nobody panicked");
    state.clone()
}

fn rows_of(file: &MirrorFile) -> (Vec<LedgerRow>, Head, Result<u64, LedgerFailed>) {
    let (mut rows, mut end) = (Vec::new(), Head::default());
    let read = file.read(&mut |head, row| {
        rows.push(row);
        end = head;
    });
    (rows, end, read.expect("readable"))
}

fn bytes_of(file: &MirrorFile) -> Vec<u8> {
    std::fs::read(file.path()).expect("there")
}

#[test]
fn every_row_is_a_line_that_tells_what_was_committed() {
    let (_dir, path, file) = mirrored(2);
    let mut ledger = SqliteLedger::open(&path).expect("opened");
    let mirror = Mirror::start(&file, &mut ledger, |why| panic!("{why}")).expect("a thread");
    ledger.append(&[intent(3), epoch(2)]).expect("written");
    let head = ledger.head();
    assert_eq!(ended(ledger, mirror), Mirrored { rows: 5, trouble: None });
    assert_eq!(rows_of(&file), (vec![epoch(1), intent(1), intent(2), intent(3), epoch(2)], head, Ok(0)));
    assert_eq!(std::fs::metadata(file.path()).expect("there").permissions().mode() & 0o777 & !0o640, 0);
    let text = String::from_utf8(bytes_of(&file)).expect("text");
    let line: serde_json::Value = serde_json::from_str(text.lines().nth(1).expect("a line")).expect("JSON");
    assert_eq!(line["kind"], "intent");
    assert_eq!(line["body"]["Intent"]["salt"], 101);
}

#[test]
fn wherever_it_was_torn_the_next_start_makes_it_whole() {
    let (_dir, path, file) = mirrored(3);
    let whole = bytes_of(&file);
    for len in (0..whole.len()).filter(|len| len % 11 == 0 || whole[..*len].ends_with(b"\n") || whole[*len] == b'\n') {
        std::fs::write(file.path(), &whole[..len]).expect("written");
        let torn = whole[..len].iter().rev().take_while(|byte| **byte != b'\n').count() as u64;
        assert_eq!(rows_of(&file).2, Ok(torn), "what is torn is told and not judged");
        assert_eq!(brought_up(&path, &file), Mirrored { rows: 4, trouble: None }, "{len}");
        assert!(bytes_of(&file) == whole, "cut at {len}");
    }
    std::fs::remove_file(file.path()).expect("removed");
    brought_up(&path, &file);
    assert!(bytes_of(&file) == whole, "and one that is gone is written anew");
}

#[test]
fn a_file_that_is_not_the_ledgers_is_told_of_and_left_alone() {
    let (_dir, path, file) = mirrored(3);
    let whole = String::from_utf8(bytes_of(&file)).expect("text");
    let (rest, last) = whole.trim_end().rsplit_once('\n').expect("lines");
    let mut ahead = Chain::default();
    let rows = [epoch(1), intent(1), intent(2), intent(3), intent(9)];
    let next =
        rows.iter().map(|row| ahead.seal(row)).last().expect("rows").and_then(|link| link.line()).expect("a row");
    let cases = [
        (
            format!("{rest}\n{}\n", last.replace("\"salt\":103", "\"salt\":104")),
            "its line of row 4 is not the ledger's",
        ),
        (format!("{whole}{next}\n"), "it holds row 5"),
        (format!("{whole}{}", &next[..40]), "behind row 4 stands something"),
        (format!("{rest}\n{}", &last[..90].replace("\"seq\":4", "\"seq\":5")), "behind row 3 stands something"),
        (format!("{whole}no line\n"), "its last line is none"),
        (format!("{rest}\n{last} \n"), "its last line is none"),
        ("x".repeat(200_000), "behind row 0 stands something"),
    ];
    for (text, says) in cases {
        std::fs::write(file.path(), &text).expect("written");
        let state = brought_up(&path, &file);
        assert!(state.trouble.as_ref().is_some_and(|why| why.contains(says)), "{says}: {state:?}");
        assert!(bytes_of(&file) == text.as_bytes(), "{says}: it was written to");
    }
    // no file at all, and one somewhere else
    std::fs::remove_file(file.path()).and_then(|()| std::fs::create_dir(file.path())).expect("a folder");
    assert!(brought_up(&path, &file).trouble.is_some());
    std::fs::remove_dir(file.path()).expect("removed");
    let other = file.path().with_file_name("other");
    std::fs::write(&other, "").expect("written");
    std::os::unix::fs::symlink(&other, file.path()).expect("a link");
    assert!(brought_up(&path, &file).trouble.is_some());
    assert_eq!(std::fs::read(&other).expect("there"), b"");
}

#[test]
fn a_mirror_that_somebody_else_writes_to_stops_and_the_ledger_goes_on() {
    let (_dir, path, file) = mirrored(1);
    let mut ledger = SqliteLedger::open(&path).expect("opened");
    let (tell, told) = channel();
    let mirror = Mirror::start(&file, &mut ledger, move |why| tell.send(why.to_string()).expect("we listen"));
    let mirror = mirror.expect("a thread");
    let others = format!("{}\n", "somebody's line");
    OpenOptions::new()
        .append(true)
        .open(file.path())
        .and_then(|mut file| file.write_all(others.as_bytes()))
        .expect("written");
    let before = bytes_of(&file);
    ledger.append(&[intent(2)]).expect("the ledger goes on");
    assert!(told.recv_timeout(Duration::from_secs(30)).expect("told").contains("somebody else changed it"));
    ledger.append(&[intent(3)]).expect("and on");
    while ledger.tidy().expect("a good disk") {}
    let state = ended(ledger, mirror);
    assert_eq!(state.rows, 2);
    assert!(state.trouble.expect("told").contains("somebody else changed it"));
    assert!(told.recv().is_err(), "told once");
    assert!(bytes_of(&file) == before, "nothing was put behind it");
}

#[test]
fn what_finds_no_room_is_read_from_the_ledger_later() {
    let (_dir, path, file) = mirrored(0);
    let mut ledger = SqliteLedger::open(&path).expect("opened");
    let (links, queue) = sync_channel(2);
    ledger.tap(Tap { links: Some(links), next: 2, state: Arc::default() });
    for n in 1..=5 {
        ledger.append(&[intent(n)]).expect("written");
    }
    let mut taken = Vec::new();
    loop {
        let behind = ledger.tidy().expect("a good disk");
        taken.extend(queue.try_iter().map(|link| link.seq));
        if !behind {
            break;
        }
    }
    assert_eq!(taken, [2, 3, 4, 5, 6]);
    ledger.append(&[intent(6)]).expect("written");
    assert_eq!(queue.try_iter().map(|link| link.seq).collect::<Vec<_>>(), [7], "and it is told at once again");
    drop(queue);
    ledger.append(&[intent(7)]).expect("nobody listens, and the ledger goes on");
    assert!(!ledger.tidy().expect("a good disk"));
    assert_eq!(rows_of(&file).0.len(), 1);
}

#[test]
fn a_changed_byte_anywhere_in_a_line_is_found() {
    let (_dir, _path, file) = mirrored(2);
    let whole = bytes_of(&file);
    for at in 0..whole.len() - 1 {
        for other in [b'0', b' ', b'x', 0xff] {
            if whole[at] == other {
                continue;
            }
            let mut bytes = whole.clone();
            bytes[at] = other;
            std::fs::write(file.path(), &bytes).expect("written");
            assert!(rows_of(&file).2.is_err(), "byte {at} became {other}");
        }
    }
}
