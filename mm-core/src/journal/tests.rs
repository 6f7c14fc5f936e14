//! Journals of a short run, touched in every way that matters.

use super::{CHECK_EVERY, JournalError, Record, Recorder, ReplayReport, decode, encode, replay};
use crate::domain::{Digest, Timestamp};
use crate::engine::Engine;
use crate::engine::tests_support::{config, market};
use crate::event::{Input, LinkIx, Turn};

/// A run of `turns` turns, closed in order.
fn run(turns: u64) -> String {
    let mut engine = Engine::new(config(), Vec::new());
    let (mut recorder, mut journal) = (Recorder::new(), String::new());
    for seq in 1..=turns {
        let inputs = match seq {
            1 => vec![Input::Universe(vec![market(1)]), Input::Link { link: LinkIx(0), up: true }],
            _ => vec![Input::MarketFrame {
                link: LinkIx(0),
                received: Timestamp::from_ms(seq),
                text: format!(r#"{{"event_type":"unheard_of","price":"0.{}"}}"#, 100 + seq),
            }],
        };
        let turn = Turn { seq, at: Timestamp::from_ms(1_780_000_000_000 + seq), inputs };
        let mut actions = Vec::new();
        recorder.turn(&turn, &mut journal);
        engine.turn(&turn, &mut actions);
        recorder.did(seq, &actions, &engine, &mut journal);
    }
    recorder.finish(&engine, &mut journal);
    journal
}

fn replayed(journal: &str) -> Result<ReplayReport, JournalError> {
    replay(journal.lines(), config(), Vec::new(), None)
}

#[test]
fn an_untouched_journal_is_identical_with_a_check_every_so_often_and_at_the_end() {
    let journal = run(CHECK_EVERY + 10);
    assert_eq!(journal.lines().filter(|line| line.starts_with(r#"{"check""#)).count(), 2);
    let report = replayed(&journal).expect("well formed");
    assert!(
        matches!(report, ReplayReport::Identical { turns, unchecked: 0, torn: None, .. } if turns == CHECK_EVERY + 10),
        "{report:?}"
    );
}

#[test]
fn a_changed_byte_that_changes_no_action_is_named_by_its_check() {
    let journal = run(CHECK_EVERY + 10).replace("0.150", "0.151");
    let report = replayed(&journal).expect("well formed");
    assert!(matches!(report, ReplayReport::CheckDiffers { seq: CHECK_EVERY, .. }), "{report:?}");
    // The closing check covers the turns behind the last regular one.
    let journal = run(CHECK_EVERY + 10).replace("0.360", "0.361");
    let report = replayed(&journal).expect("well formed");
    assert!(matches!(report, ReplayReport::CheckDiffers { seq, .. } if seq == CHECK_EVERY + 10), "{report:?}");
}

#[test]
fn a_changed_action_is_named_with_both_sides() {
    let journal = run(3).replacen(
        r#"{"did":{"seq":2,"actions":[]}}"#,
        r#"{"did":{"seq":2,"actions":[{"CancelAll":{"market":null}}]}}"#,
        1,
    );
    let report = replayed(&journal).expect("well formed");
    let ReplayReport::FirstDifference { seq: 2, recorded, recomputed } = report else { panic!("{report:?}") };
    assert_eq!((recorded.len(), recomputed.len()), (1, 0));
}

#[test]
fn a_torn_last_line_is_dropped_and_said_but_one_in_the_middle_is_an_error() {
    let journal = run(5);
    let torn = &journal[..journal.len() - 20];
    let report = replayed(torn).expect("only the last line is torn");
    assert!(matches!(report, ReplayReport::Identical { turns: 5, torn: Some(_), unchecked: 5, .. }), "{report:?}");
    let broken = journal.replacen(r#"{"did":{"seq":2"#, r#"{"did":{"seq":"#, 1);
    assert!(matches!(replayed(&broken), Err(JournalError::BadLine { line: 4, .. })));
    let gap: String = journal.lines().filter(|l| !l.contains(r#""seq":3"#)).map(|l| format!("{l}\n")).collect();
    assert!(matches!(replayed(&gap), Err(JournalError::Order { expected: 3, found: 4, .. })));
}

#[test]
fn until_stops_after_its_turn_and_records_survive_their_line() {
    let journal = run(20);
    let report = replay(journal.lines(), config(), Vec::new(), Some(7)).expect("well formed");
    assert!(matches!(report, ReplayReport::Identical { turns: 7, .. }), "{report:?}");
    for record in [Record::Did { seq: 3, actions: Vec::new() }, Record::Check { seq: 3, digest: Digest([7; 32]) }] {
        assert_eq!(decode(&encode(&record)), Ok(record));
    }
    for line in journal.lines() {
        let record = decode(line).expect("written by us");
        assert_eq!(encode(&record).trim_end(), line, "what is written and what is hashed are the same text");
    }
}
