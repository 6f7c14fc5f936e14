use super::*;
use expect_test::expect;
use proptest::prelude::*;
use std::sync::{Arc, Mutex};

/// A file in memory that outlives its writer.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("one thread").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn header() -> Header {
    Header { code: "sim-exchange 0".to_owned(), config: Digest([7; 32]), seed: 7, features: vec!["bot".to_owned()] }
}

/// A log of `n` small entries.
fn log(n: u64) -> Vec<u8> {
    let memory = Memory::default();
    let mut log = LogWriter::new(Box::new(memory.clone()), &header()).expect("memory");
    for entry in 0..n {
        let mut out = Writer::new();
        out.object().key("at").int(entry * 1_000).key("what").text("wake \"noise/0\"").end();
        log.append(out.bytes()).expect("memory");
    }
    memory.0.lock().expect("one thread").clone()
}

#[test]
fn a_log_reads_as_it_was_written() {
    let text = String::from_utf8(log(2)).expect("text");
    expect![[r#"
        c20653edd20fdd76c65b0c5811543fc11042edbed395a60aad55968380845f58 {"code":"sim-exchange 0","config":"0707070707070707070707070707070707070707070707070707070707070707","features":["bot"],"schema":1,"seed":7}
        ad70e0ee1fa392316c56c5663a034747a5463f562b2e8624918b4b06b0c29220 {"at":0,"what":"wake \"noise/0\""}
        40ea2feb7cf11c3bd39c6c664627ed6c610df681636de920e302383f40995920 {"at":1000,"what":"wake \"noise/0\""}
    "#]]
    .assert_eq(&text);
    assert_eq!(verify(text.as_bytes()).expect("untouched").entries, 2);
}

#[test]
fn any_flipped_byte_is_found_at_its_entry() {
    let good = log(6);
    let mut index = 0;
    for place in 0..good.len() {
        let mut bad = good.clone();
        bad[place] ^= 1;
        // a flipped line end joins a line with the next one, or ends the last one nowhere
        match verify(&bad[..]) {
            Err(LogError::Entry { index: found, .. }) => assert_eq!(found, index, "byte {place}"),
            other => panic!("byte {place}: {other:?}"),
        }
        index += u64::from(good[place] == b'\n');
    }
    assert_eq!(index, 7, "every line was tried");
}

#[test]
fn a_missing_doubled_or_moved_entry_is_found() {
    let good = log(4);
    let lines: Vec<&[u8]> = good.split_inclusive(|b| *b == b'\n').collect();
    for (order, first_bad) in [(vec![0, 1, 3, 4], 2), (vec![0, 1, 1, 2], 2), (vec![0, 2, 1, 3], 1), (vec![1, 2], 0)] {
        let text: Vec<u8> = order.iter().flat_map(|n: &usize| lines[*n]).copied().collect();
        match verify(&text[..]) {
            Err(LogError::Entry { index, .. }) => assert_eq!(index, first_bad, "{order:?}"),
            other => panic!("{order:?}: {other:?}"),
        }
    }
    // what is cut off at the end leaves a log in order: its length and last hash say so
    let short: Vec<u8> = lines[..4].concat();
    assert_eq!(verify(&short[..]).expect("a beginning").entries, 3);
}

#[test]
fn one_spelling_only() {
    for (text, why) in [
        (r#"{"b":1,"a":2}"#, "canonical"),
        (r#"{"a": 1}"#, "canonical"),
        (r#"{"a":1.0}"#, "no integer"),
        (r#"{"a":1e3}"#, "no integer"),
        (r#"{"a":true}"#, "neither"),
        (r#"{"a":null}"#, "neither"),
        (r#"{"a":"\u0041"}"#, "canonical"),
        (r#"{"a":-0}"#, ""),
        (r#"{"a":01}"#, ""),
        (r#"{"a":1}{}"#, ""),
    ] {
        let refused = check_canonical(text.as_bytes()).expect_err(text);
        assert!(refused.contains(why), "{text}: {refused}");
    }
    for text in [r#"{"a":[1,-2,"x\n\"\\\u0001"],"b":{}}"#, "[]", "18446744073709551615", r#""ä""#] {
        check_canonical(text.as_bytes()).expect(text);
    }
}

#[test]
fn keys_are_ordered_by_sixteen_bit_units() {
    // U+FFFD is above the surrogates that spell U+1F600, though its bytes are below
    check_canonical("{\"\u{1F600}\":1,\"\u{FFFD}\":2}".as_bytes()).expect("UTF-16 order");
    check_canonical("{\"\u{FFFD}\":2,\"\u{1F600}\":1}".as_bytes()).expect_err("order of the bytes");
    let mut out = Writer::new();
    out.object().key("\u{1F600}").int(1).key("\u{FFFD}").int(2).end();
    assert_eq!(out.bytes(), "{\"\u{1F600}\":1,\"\u{FFFD}\":2}".as_bytes());
}

#[test]
#[should_panic(expected = "follows")]
fn keys_out_of_order_stop_the_writer() {
    Writer::new().object().key("b").int(1).key("a");
}

proptest! {
    #[test]
    fn what_is_written_is_canonical(texts in prop::collection::vec(".*", 0..8), n in any::<i64>()) {
        let mut out = Writer::new();
        out.object().key("n").int(n).key("texts").list();
        for text in &texts {
            out.text(text);
        }
        out.end().end();
        let value = check_canonical(out.bytes()).expect("our own form");
        prop_assert_eq!(&value["n"], n);
        for (row, text) in texts.iter().enumerate() {
            prop_assert_eq!(&value["texts"][row], text.as_str());
        }
    }
}
