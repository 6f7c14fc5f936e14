use super::*;
use crate::desk::Op;
use crate::policy::PolicyCaps;
use crate::reasons::Author;
use crate::rehearsal::{Rehearsal, order, policy, policy_with, setup};
use crate::rows::{Became, RULES};
use mm_core::domain::{OrderId, Outcome, Qty, Side};

/// What a desk writes: a start, an arm, orders that rest, fill, are refused and cancelled, a tightened policy, a halt.
fn lived() -> Vec<LedgerRow> {
    let mut stage = Rehearsal::armed(setup(policy(2), false), 2);
    for n in 1..=6u64 {
        stage.place(n, order(0, Outcome::Yes, Side::Buy, 40 + u16::try_from(n).expect("small"), 5));
        stage.run_ms(200);
    }
    let first = stage.venue.orders.keys().next().copied().expect("one rests");
    stage.fill(first, Qty::from_whole(5).expect("small"));
    stage.place(7, order(0, Outcome::Yes, Side::Buy, 40, 5000));
    stage.run_ms(6000);
    stage.cancel(2);
    stage.run_ms(2000);
    stage.operate(Op::Tighten(Box::new(policy(1))));
    stage.place(8, order(0, Outcome::Yes, Side::Buy, 39, 5));
    stage.run_ms(500);
    stage.operate(Op::Halt { by: Author::Operator(0), why: "test".into() });
    stage.run_ms(3000);
    stage.ledger.rows().to_vec()
}

fn audited(rows: &[LedgerRow]) -> Report {
    let mut audit = Audit::default();
    rows.iter().for_each(|row| audit.row(row));
    audit.end()
}

/// What is done to the rows.
type Change = fn(&mut Vec<LedgerRow>);

/// The first broken rule after `change`.
fn first(change: impl FnOnce(&mut Vec<LedgerRow>)) -> String {
    let mut rows = lived();
    change(&mut rows);
    audited(&rows).findings.first().map(ToString::to_string).unwrap_or_default()
}

fn place_of(rows: &[LedgerRow], kind: &str) -> usize {
    rows.iter().position(|row| row.kind() == kind).expect("one of the kind")
}

#[test]
fn what_a_desk_writes_keeps_every_rule() {
    let report = audited(&lived());
    assert_eq!(report.findings, []);
    assert_eq!((report.starts, report.arms, report.halts, report.beyond), (1, 1, 1, None));
    assert_eq!((report.intents, report.judged), (7, 7));
    assert!(report.refused == 1 && report.outcomes >= 8 && report.fills >= 2, "{report:?}");
}

#[test]
fn a_second_start_doubts_what_the_first_left_open_and_still_adds_up() {
    let mut stage = Rehearsal::armed(setup(policy(2), false), 2);
    stage.place(1, order(0, Outcome::Yes, Side::Buy, 40, 5));
    stage.run_ms(500);
    let (ledger, venue, at) = (stage.ledger, stage.venue, stage.at);
    let mut stage = Rehearsal::restarted(setup(policy(2), false), ledger, venue, at);
    stage.connect(2, 2);
    stage.run_ms(10_000);
    stage.arm();
    stage.run_ms(500);
    stage.place(1, order(0, Outcome::Yes, Side::Buy, 41, 5));
    stage.run_ms(500);
    let report = audited(stage.ledger.rows());
    assert_eq!(report.findings, []);
    assert_eq!((report.starts, report.arms, report.intents, report.judged), (2, 2, 2, 2));
}

#[test]
fn each_broken_rule_is_found_with_its_row() {
    let cases: [(&str, Change); 10] = [
        ("was approved while halted", |rows| {
            let arm = place_of(rows, "arm");
            let _ = rows.remove(arm);
        }),
        ("was never recorded as an order", |rows| {
            let intent = place_of(rows, "intent");
            let _ = rows.remove(intent);
        }),
        ("other sums than the rows before it", |rows| {
            let fill = place_of(rows, "fill");
            let LedgerRow::Fill { qty, .. } = &mut rows[fill] else { unreachable!() };
            *qty = Qty::from_whole(1).expect("small");
        }),
        ("against the policy: ", |rows| {
            let intent = place_of(rows, "intent");
            let LedgerRow::Intent(row) = &mut rows[intent] else { unreachable!() };
            row.qty = Qty::from_whole(9_000).expect("small");
        }),
        ("was approved twice", |rows| {
            let intent = place_of(rows, "intent");
            rows.insert(intent + 1, rows[intent].clone());
        }),
        ("which was not in force", |rows| {
            let policy_row = place_of(rows, "policy");
            let LedgerRow::Epoch { policy, .. } = &mut rows[policy_row - 1] else { unreachable!() };
            *policy = Digest([9; 32]);
            let _ = rows.remove(policy_row);
        }),
        ("not those whose digest is in force", |rows| {
            let policy_row = place_of(rows, "policy");
            let LedgerRow::Policy { text, .. } = &mut rows[policy_row] else { unreachable!() };
            *text = text.replacen("max_open_orders\":", "max_open_orders\":1", 1).into();
        }),
        ("the row before it of", |rows| {
            let arm = place_of(rows, "arm");
            let LedgerRow::Arm { at, .. } = &mut rows[arm] else { unreachable!() };
            *at = Timestamp::EPOCH;
        }),
        ("armed while", |rows| {
            let last = rows.iter().rposition(|row| row.kind() == "intent").expect("one");
            let at = rows[last].at();
            rows.insert(last + 1, LedgerRow::Arm { at, auto: false });
        }),
        ("start 1 follows start 1", |rows| {
            let (at, policy) = (rows[0].at(), Digest([1; 32]));
            rows.insert(1, LedgerRow::Epoch { at, epoch: 1, policy });
        }),
    ];
    for (expected, change) in cases {
        let found = first(change);
        assert!(found.starts_with("row ") && found.contains(expected), "{expected}: {found:?}");
    }
}

#[test]
fn a_loosened_policy_is_no_tightened_one() {
    let mut rows = lived();
    let tightened = place_of(&rows, "tightened");
    let wide = crate::rehearsal::wide_policy();
    let at = rows[tightened].at();
    rows[tightened] = LedgerRow::Tightened { at, policy: wide.digest() };
    rows[tightened + 1] = LedgerRow::Policy { at, rules: RULES, text: wide.text().into() };
    let found = audited(&rows).findings;
    assert!(found[0].what.contains("not tightened"), "{found:?}");
}

#[test]
fn what_cannot_be_judged_is_told_and_no_pass() {
    let without = |rules: Option<u32>| {
        let mut rows = lived();
        for row in &mut rows {
            if let (LedgerRow::Policy { rules, .. }, Some(theirs)) = (row, rules) {
                *rules = theirs;
            }
        }
        rows.retain(|row| rules.is_some() || row.kind() != "policy");
        audited(&rows)
    };
    for report in [without(None), without(Some(RULES + 1))] {
        assert_eq!(report.findings, []);
        assert_eq!((report.intents, report.judged), (7, 0));
    }
}

#[test]
fn risk_beyond_a_cap_without_an_order_is_counted_and_no_broken_rule() {
    let caps = PolicyCaps { max_open_orders: 2, ..*policy(1).caps() };
    let mut stage = Rehearsal::armed(setup(policy_with(caps, 1), false), 1);
    for n in 1..=5u64 {
        stage.place(n, order(0, Outcome::Yes, Side::Buy, 40, 5));
        stage.run_ms(500);
        stage.cancel(n);
        stage.run_ms(3000);
    }
    let mut rows = stage.ledger.rows().to_vec();
    assert_eq!(audited(&rows).beyond, None);
    let before = rows.len() as u64;
    // Orders that were given up land after all, one after the other.
    let last = rows.last().expect("rows").at();
    let orders: Vec<OrderId> =
        rows.iter().filter_map(|row| if let LedgerRow::Intent(row) = row { Some(row.order) } else { None }).collect();
    assert_eq!(orders.len(), 5);
    for order in orders {
        rows.push(LedgerRow::Outcome { at: last, order, became: Became::Accepted });
    }
    let report = audited(&rows);
    assert_eq!((report.findings, report.beyond), (vec![], Some((before + 3, 3))), "the third and what came after it");
}

#[test]
fn findings_beyond_the_most_are_counted() {
    let mut rows = lived();
    let at = rows.last().expect("rows").at();
    for n in 0..30u8 {
        let order = OrderId::from_bytes([n; 32]);
        rows.push(LedgerRow::Outcome { at, order, became: Became::Accepted });
    }
    let report = audited(&rows);
    assert_eq!((report.findings.len(), report.more), (FINDINGS_MAX, 10));
}
