use super::*;

/// A folder with one file in `ws-market`, and what the run says of it.
fn outcome(name: &str, text: &str) -> (Summary, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    std::fs::write(&path, text).expect("a file");
    let mut out = Vec::new();
    let summary = run(folder.path(), &mut out).expect("a run");
    (summary, String::from_utf8(out).expect("text"))
}

#[test]
fn a_folder_without_recordings_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(matches!(run(folder.path(), &mut Vec::new()), Err(Error::Empty(_))));
    std::fs::write(folder.path().join("notes.md"), "x").expect("a file");
    assert!(matches!(run(folder.path(), &mut Vec::new()), Err(Error::Empty(_))));
    assert!(matches!(run(&folder.path().join("none"), &mut Vec::new()), Err(Error::Folder { .. })));
}

#[test]
fn bad_frames_and_torn_files_fail() {
    let (summary, text) = outcome("ws-market/a.jsonl", "{\"event_type\":\"book\"}\n");
    assert_eq!(summary.failed, 1, "{text}");
    let (summary, text) = outcome("ws-market/a.jsonl", "[]\n[");
    assert!(summary.failed == 1 && text.contains("line 2: torn"), "{text}");
    let (summary, text) = outcome("ws-market/one.json", "{\"event_type\":\"news\"}");
    assert!(summary.failed == 0 && text.contains("1 unknown \"news\""), "{text}");
}
