//! Every reason of a halt, for whoever arms: also after a restart, and whatever anybody says meanwhile.

use super::tests::armed;
use super::{Desk, DeskInput, Effect, Op};
use crate::reasons::Author;
use crate::rehearsal::{Rehearsal, START, Venue, policy, setup};
use crate::rows::LedgerRow;
use mm_core::domain::Nanos;

/// Says something now that halts.
fn by_hand(stage: &mut Rehearsal, why: &str) {
    stage.operate(Op::Halt { by: Author::Operator(0), why: why.into() });
    stage.run_ms(100);
}

#[test]
fn who_halted_is_told_with_the_reason_and_nobody_is_taken_for_another() {
    let mut stage = armed();
    for by in [Author::Viewer(1003), Author::Operator(0), Author::Signal("USR1")] {
        stage.operate(Op::Halt { by, why: "operator: it is me".into() });
        stage.run_ms(100);
    }
    let text = told(&mut stage);
    for who in ["view (uid 1003): operator: it", "operator (uid 0): operator: it", "signal USR1: operator: it"] {
        assert!(text.contains(&format!("  {who}")), "{who}: {text}");
    }
}

#[test]
fn the_words_of_all_people_go_before_what_was_found() {
    let mut stage = armed();
    found(&mut stage, 7);
    for n in 0..20 {
        for by in [Author::Viewer(1003), Author::Operator(0), Author::Signal("USR1")] {
            stage.operate(Op::Halt { by, why: format!("word {n}").into() });
        }
    }
    stage.run_ms(100);
    assert!(stage.desk.status().halts[0].contains("set by 7 s"), "{:?}", stage.desk.status().halts);
}

/// The executor finds something now that halts.
fn found(stage: &mut Rehearsal, secs: u64) {
    stage.input(DeskInput::ClockSet(Nanos::from_secs(secs)));
    stage.run_ms(100);
}

/// What the first step of arming tells.
fn told(stage: &mut Rehearsal) -> String {
    stage.connect(2, 2);
    stage.run_ms(5000);
    stage.operate(Op::AskArm { code: "123456".into() });
    stage.run_ms(1);
    stage.answers.pop().expect("an answer").expect("a code").into()
}

/// The next process, on what this one wrote.
fn restarted(stage: &mut Rehearsal) -> Rehearsal {
    let ledger = std::mem::take(&mut stage.ledger);
    Rehearsal::restarted(setup(policy(2), false), ledger, Venue::default(), stage.at)
}

fn halt_rows(stage: &Rehearsal) -> usize {
    stage.ledger.rows().iter().filter(|row| matches!(row, LedgerRow::Halt { .. })).count()
}

#[test]
fn every_reason_outlives_a_restart() {
    let mut stage = armed();
    by_hand(&mut stage, "the first");
    found(&mut stage, 7);
    by_hand(&mut stage, "the third");
    by_hand(&mut stage, "the first");
    assert_eq!(halt_rows(&stage), 3, "one row for each");
    let mut again = restarted(&mut stage);
    assert!(again.desk.status().halted.is_some_and(|why| why.contains("the first")));
    let text = told(&mut again);
    for why in ["the first", "the machine's clock was set by 7 s", "the third"] {
        assert!(text.contains(why), "{why:?} is missing: {text}");
    }
    // what is known already is no news
    found(&mut again, 7);
    assert_eq!(halt_rows(&again), 3);
    again.run_ms(5000);
    again.arm();
    again.run_ms(100);
    assert_eq!(again.desk.status().halted, None);
    let mut armed = restarted(&mut again);
    assert_eq!(armed.desk.status().halts.len(), 1, "an arm ends them all: {:?}", armed.desk.status().halts);
    assert!(!told(&mut armed).contains("the first"));
}

#[test]
fn words_of_people_neither_fill_the_ledger_nor_hide_what_was_found() {
    let mut stage = armed();
    for n in 0..50 {
        by_hand(&mut stage, &format!("word {n}"));
    }
    assert_eq!(halt_rows(&stage), 8);
    for n in 1..=50 {
        found(&mut stage, n);
    }
    assert_eq!(halt_rows(&stage), 16);
    let text = told(&mut restarted(&mut stage));
    assert!(text.contains("set by 1 s") && text.contains("and 8 more"), "{text}");
    assert!(!text.contains("word"), "{text}");
}

#[test]
fn without_a_ledger_the_marker_holds_them_all() {
    let mut desk = Desk::recover(setup(policy(2), false), [], None);
    let mut effects = Vec::new();
    let halt = |why: &str| DeskInput::Operator { ticket: 1, op: Op::Halt { by: Author::Operator(0), why: why.into() } };
    let inputs = vec![halt("by hand"), DeskInput::LedgerFailed("disk full".into()), halt("and\nagain")];
    desk.turn(START, inputs, &mut effects);
    let marker = effects.into_iter().rev().find_map(|effect| match effect {
        Effect::Latch { why } => Some(why),
        _ => None,
    });
    // the rows were lost with the disk
    let mut desk = Desk::recover(setup(policy(2), false), [], marker);
    let halts = desk.status().halts;
    let has = |why: &str| halts.iter().any(|halt| halt.contains(why));
    assert!(halts.len() == 3 && has("by hand") && has("ledger: disk full") && has("and again"), "{halts:?}");
    // nor does the next halt put them away
    let mut effects = Vec::new();
    desk.turn(START, vec![halt("the next")], &mut effects);
    let marks =
        |effect: &Effect| matches!(effect, Effect::Latch { why } if why.contains("disk full") && why.contains("next"));
    assert!(effects.iter().any(marks), "{effects:?}");
}
