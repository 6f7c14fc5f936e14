use super::*;
use std::io::Write as _;

/// Frames of a text as `line:frame`, then the error if there is one.
fn check(name: &str, text: &str, expect: expect_test::Expect) {
    let mut out = String::new();
    for frame in from_text(Path::new(name), text.to_owned()) {
        match frame {
            Ok(frame) => out.push_str(&format!("{}:{}\n", frame.line, frame.text)),
            Err(why) => out.push_str(&format!("{why}\n")),
        }
    }
    expect.assert_eq(&out);
}

#[test]
fn lines_and_texts() {
    check(
        "a.jsonl",
        "[{\"event_type\":\"book\"},{}]\n\nPONG\n{\"event_type\": \"x\", \"book\": {}}\n",
        expect_test::expect![[r#"
            1:[{"event_type":"book"},{}]
            3:PONG
            4:{"event_type": "x", "book": {}}
        "#]],
    );
}

#[test]
fn envelopes_are_taken_off_at_the_top_and_one_level_down() {
    check(
        "a.jsonl",
        r#"{"at":1,"frame":{"event_type":"book", "n": 1.50}}
{"round":0,"book":{"bids":[]}}
{"line":{"ts":1,"payload":[{"a":"}"}]}}
{"frame":"[{\"event_type\":\"book\"}]"}
{"deep":{"deeper":{"frame":{}}}}
"#,
        expect_test::expect![[r#"
            1:{"event_type":"book", "n": 1.50}
            2:{"bids":[]}
            3:[{"a":"}"}]
            4:[{"event_type":"book"}]
            5:{"deep":{"deeper":{"frame":{}}}}
        "#]],
    );
}

#[test]
fn documents() {
    check(
        "a.json",
        "[{\"book\":{\"a\":1}},\n {\"b\":2}]",
        expect_test::expect![[r#"
            1:{"a":1}
            2:{"b":2}
        "#]],
    );
    check(
        "a.json",
        "{\n \"x\": 1\n}\n",
        expect_test::expect![[r#"
        1:{
         "x": 1
        }
    "#]],
    );
    // An indented document where lines were expected.
    check(
        "-",
        "\n[\n {\"b\":2},\n 3\n]\n",
        expect_test::expect![[r#"
        3:{"b":2}
        4:3
    "#]],
    );
}

#[test]
fn torn_and_broken_files_say_where() {
    check(
        "a.jsonl",
        "{\"a\":1}\n{\"a\":",
        expect_test::expect![[r#"
            1:{"a":1}
            a.jsonl line 2: torn: the file ends in the middle of a value
        "#]],
    );
    check(
        "a.jsonl",
        "{\"a\":1}\n{\"a\":\n{\"a\":1}\n",
        expect_test::expect![[r#"
            1:{"a":1}
            a.jsonl line 2: not JSON: the value ends too early
        "#]],
    );
    check("a.jsonl", "{\"a\":1} {}\n", expect_test::expect!["a.jsonl line 1: not JSON: something follows the value\n"]);
    check(
        "a.json",
        "[{\n\"a\":1",
        expect_test::expect!["a.json line 2: torn: the file ends in the middle of a value\n"],
    );
    check("a.json", "{]", expect_test::expect!["a.json line 1: not JSON: neither JSON lines nor one document\n"]);
    check("a.json", "", expect_test::expect![""]);
}

#[test]
fn packed_files_and_missing_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = b"{\"a\":1}\n{\"a\":2}\n";
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(text).expect("in memory");
    let gz = gz.finish().expect("in memory");
    let zst = zstd::encode_all(&text[..], 0).expect("in memory");
    for (name, bytes, whole) in [
        ("a.jsonl", &text[..], true),
        ("a.jsonl.gz", &gz[..], true),
        ("a.jsonl.zst", &zst[..], true),
        ("b.jsonl.gz", &gz[..gz.len() - 9], false),
        ("b.jsonl.zst", &zst[..zst.len() - 5], false),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        let frames: Vec<_> = read(&path).expect("opens").collect();
        if whole {
            let texts: Vec<_> = frames.into_iter().map(|frame| frame.expect("a frame").text).collect();
            assert_eq!(texts, ["{\"a\":1}", "{\"a\":2}"], "{name}");
        } else {
            assert!(frames.iter().any(Result::is_err), "{name} is torn");
        }
    }
    let missing = read(&folder.path().join("none.jsonl")).err().expect("no such file").to_string();
    assert!(missing.contains("none.jsonl: cannot be opened"), "{missing}");
    assert!(read(folder.path()).is_err(), "a folder is no recording");
}
