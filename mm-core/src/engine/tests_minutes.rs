//! The minute ledger: one golden line a kind of sample, a property against a model with all samples in a list, and whole turns.

use super::minutes::{Change, Minute, Minutes, Rested, Scene};
use super::tests_support::{book, config, market};
use super::{Engine, Gap, MINUTES_KEPT, ORDERS_LISTED, ScoringRules, Verdict, WhenUnscored};
use crate::domain::{ClientOrderId, MarketIx, Nanos, OrderId, Price, Qty, RewardTerms, Share, Side, Timestamp, Usdc};
use crate::event::{Action, Alert, Input, LinkIx, Turn};
use crate::protocol::{Caps, FromExecutor, Gate};
use crate::quote::{Adjust, NoQuote};
use crate::rewards::{Fixed12, Interval, Midpoint, Outlook, ScoreBreakdown};
use proptest::prelude::*;

fn price(ten_thousandths: u16) -> Price {
    Price::from_ten_thousandths(ten_thousandths).expect("below a dollar")
}

fn score(q_one: u128, q_two: u128, q_min: u128) -> ScoreBreakdown {
    ScoreBreakdown {
        midpoint: Some(Midpoint::between(price(4_800), price(5_200))),
        single_sided_allowed: true,
        orders: Vec::new(),
        q_one: Fixed12::from_units(q_one),
        q_two: Fixed12::from_units(q_two),
        q_min: Fixed12::from_units(q_min),
        rest_q_min: Fixed12::ZERO,
        share: Fixed12::from_units(1),
        minute_reward: Fixed12::from_units(1),
        best: Outlook::default(),
        worst: Outlook::default(),
    }
}

/// One word an order: `bid` or `ask`; `-` it should not score; `small`, `young`; `yes` or `no` of the venue.
fn rested(words: &str) -> Vec<Rested> {
    let one = |(n, word): (usize, &str)| Rested {
        id: ClientOrderId(n as u64),
        side: if word.contains("bid") { Side::Buy } else { Side::Sell },
        age: Nanos::from_secs(9),
        expected: !word.contains('-'),
        large: !word.contains("small"),
        old: !word.contains("young"),
        told: word.contains("yes").then_some(true).or(word.contains("no").then_some(false)),
    };
    words.split_whitespace().enumerate().map(one).collect()
}

/// A funded market that is quoted on a good book.
fn scene<'a>(score: &'a ScoreBreakdown, rested: &'a [Rested]) -> Scene<'a> {
    Scene {
        at: Timestamp::EPOCH,
        funded: true,
        trusted: true,
        quoting: true,
        score: Some(score),
        narrowed: Some(Interval::of(score)),
        earning: None,
        rested,
    }
}

fn check(orders: &str, q_min: u128, change: impl FnOnce(&mut Scene<'_>), expected: &str) {
    let (rested, score) = (rested(orders), score(1, 1, q_min));
    let at = Timestamp::from_ms(60_000);
    let mut scene = Scene { at, ..scene(&score, &rested) };
    change(&mut scene);
    let minute = Minute::of(&scene);
    let word = |told: Option<bool>| told.map_or("?", |yes| if yes { "yes" } else { "no" });
    let told = format!(
        "{:?}, expected {}, told {}, gap {}",
        minute.verdict,
        word(minute.expected),
        word(minute.told),
        minute.gap.map_or("none", Gap::name)
    );
    assert_eq!(told, expected, "{orders}");
}

#[test]
fn a_sample_is_told_by_book_and_venue_and_silence_is_no_yes() {
    check("bid-yes ask-yes", 0, |_| (), "Unknown, expected no, told yes, gap band");
    check("bid=yes ask=yes", 1, |_| (), "Scored, expected yes, told yes, gap none");
    check("bid=yes ask", 1, |_| (), "Unknown, expected yes, told ?, gap none");
    check("bid ask", 1, |_| (), "Unknown, expected yes, told ?, gap none");
    check("bid=yes ask=no", 1, |_| (), "Unscored, expected yes, told no, gap disputed");
    check("bid ask=no", 1, |_| (), "Unscored, expected yes, told no, gap disputed");
    check("bid- ask-", 0, |_| (), "Unscored, expected no, told ?, gap band");
    check("bid-small ask-", 0, |_| (), "Unscored, expected no, told ?, gap size");
    check("bid-young ask-young", 0, |_| (), "Unscored, expected no, told ?, gap age");
    check("bid=yes ask-small-no", 1, |_| (), "Scored, expected yes, told yes, gap size");
    check("bid=yes", 1, |_| (), "Scored, expected yes, told yes, gap one-sided");
    check("bid=yes", 0, |_| (), "Unknown, expected no, told yes, gap price-extreme");
    check("bid", 0, |_| (), "Unscored, expected no, told ?, gap price-extreme");
    check("", 0, |_| (), "Unscored, expected no, told ?, gap nothing-rests");
    check("bid=yes ask=yes", 1, |s| s.trusted = false, "Unknown, expected ?, told yes, gap feed-doubt");
    check("bid=yes ask=yes", 1, |s| s.score = None, "Unknown, expected ?, told yes, gap feed-doubt");
    check("bid=yes ask=yes", 1, |s| s.funded = false, "Idle, expected ?, told yes, gap unfunded");
    check("bid=yes ask=yes", 1, |s| s.quoting = false, "Idle, expected yes, told yes, gap not-quoting");
    let mut nobody = score(0, 0, 0);
    nobody.midpoint = None;
    let (orders, at) = (rested("bid- ask-"), Timestamp::EPOCH);
    let scene = Scene {
        at,
        funded: true,
        trusted: true,
        quoting: true,
        score: Some(&nobody),
        narrowed: None,
        earning: None,
        rested: &orders,
    };
    assert_eq!(Minute::of(&scene).gap, Some(Gap::NoMidpoint));
}

fn rules(unscored: u32, when_unscored: WhenUnscored) -> ScoringRules {
    ScoringRules {
        unscored,
        when_unscored,
        step: Adjust { tighten_ticks: 1, raise_size_percent: 10 },
        steps: 2,
        adjust_for: Nanos::from_secs(20 * 60),
        leave_for: Nanos::from_secs(7 * 60),
    }
}

fn minute(n: u64, verdict: Verdict, gap: Option<Gap>) -> Minute {
    let score = score(1, 1, 1);
    let at = Timestamp::from_ms(n * 60_000);
    let scene = Scene { at, ..scene(&score, &[]) };
    Minute { verdict, gap, ..Minute::of(&scene) }
}

#[test]
fn a_share_that_cannot_be_told_is_no_share_of_nothing() {
    let (rested, score) = (rested("bid ask"), score(1, 1, 1));
    let at = Timestamp::from_ms(60_000);
    let scene = Scene { at, ..scene(&score, &rested) };
    let range = |scene: &Scene<'_>| Minute::of(scene).range;
    assert_eq!(range(&scene), Some(Interval::of(&score)));
    assert_eq!(range(&Scene { trusted: false, ..scene }), None);
    assert_eq!(range(&Scene { funded: false, ..scene }), None);
    assert_eq!(range(&Scene { score: None, ..scene }), None);
}

#[test]
fn steps_are_taken_one_by_one_then_the_market_is_left() {
    let rules = rules(3, WhenUnscored::Adjust);
    let mut minutes = Minutes::default();
    let mut told = Vec::new();
    for n in 1..=9 {
        if let Some(change) = minutes.take(minute(n, Verdict::Unscored, Some(Gap::Band)), &rules) {
            told.push(format!("{n} {change:?} {}", minutes.adjust(&rules).tighten_ticks));
        }
    }
    assert_eq!(told, ["3 Adjusted 1", "6 Adjusted 2", "9 Left 0"]);
    // what nearer and larger quotes cannot mend is left at once
    let mut minutes = Minutes::default();
    let changes: Vec<_> =
        (1..=3).filter_map(|n| minutes.take(minute(n, Verdict::Unscored, Some(Gap::Age)), &rules)).collect();
    assert_eq!(changes, [Change::Left]);
    assert_eq!(minutes.left_until, Some(Timestamp::from_ms(10 * 60_000)));
    minutes.take(minute(9, Verdict::Idle, None), &rules);
    assert!(minutes.left_until.is_some());
    minutes.take(minute(10, Verdict::Idle, None), &rules);
    assert_eq!(minutes.left_until, None);
}

#[test]
fn new_terms_end_what_was_done_under_the_old_ones() {
    let rules = rules(1, WhenUnscored::Adjust);
    let mut minutes = Minutes::default();
    minutes.take(minute(1, Verdict::Unscored, Some(Gap::Size)), &rules);
    assert_eq!(minutes.adjust(&rules), rules.step);
    let terms = market(1).rewards.expect("funded");
    minutes.note_terms(Some(&terms), Some(&terms));
    assert_eq!(minutes.adjust(&rules), rules.step, "the same terms are no news");
    minutes.note_terms(Some(&terms), Some(&RewardTerms { min_size: Qty::MAX, ..terms.clone() }));
    assert_eq!(minutes.adjust(&rules), Adjust::default());
}

proptest! {
    /// Against all verdicts in a list: something is done exactly when enough of the last ones were unscored, none was
    /// scored since, and nothing was done since; an unknown sample neither counts nor forgives.
    #[test]
    fn equals_a_list_of_all_samples(
        samples in prop::collection::vec((0u8..8, 0usize..Gap::ALL.len()), 0..200),
        unscored in 1u32..7,
        mode in 0u8..3,
    ) {
        let rules = rules(unscored, [WhenUnscored::Keep, WhenUnscored::Adjust, WhenUnscored::Leave][usize::from(mode)]);
        let mut minutes = Minutes::default();
        let (mut all, mut from) = (Vec::new(), 0usize);
        for (n, (kind, gap)) in samples.into_iter().enumerate() {
            let verdict = match kind { 0 => Verdict::Scored, 1 => Verdict::Idle, 2 | 3 => Verdict::Unknown, _ => Verdict::Unscored };
            let change = minutes.take(minute(n as u64 + 1, verdict, Some(Gap::ALL[gap])), &rules);
            all.push(verdict);
            if verdict == Verdict::Scored {
                from = all.len();
            }
            let window = &all[from.max(all.len().saturating_sub(2 * unscored as usize))..];
            let bad = window.iter().filter(|v| **v == Verdict::Unscored).count();
            let acts = bad >= unscored as usize && rules.when_unscored != WhenUnscored::Keep;
            prop_assert_eq!(change.is_some(), acts);
            if acts {
                from = all.len();
            }
            prop_assert!(change != Some(Change::Adjusted) || mode == 1);
            prop_assert!(minutes.kept().count() <= MINUTES_KEPT);
        }
        let of = |verdict| all.iter().filter(|v| **v == verdict).count() as u64;
        let counts = &minutes.counts;
        prop_assert_eq!(
            [counts.scored, counts.unscored, counts.unknown, counts.idle],
            [of(Verdict::Scored), of(Verdict::Unscored), of(Verdict::Unknown), of(Verdict::Idle)]
        );
        prop_assert_eq!(counts.gaps.iter().sum::<u64>(), all.len() as u64);
    }
}

/// An engine whose two quotes rest.
struct Rig {
    engine: Engine,
    seq: u64,
    ms: u64,
}

impl Rig {
    fn new(when_unscored: WhenUnscored) -> Self {
        let mut config = config();
        config.rewards.rules = rules(2, when_unscored);
        let mut rig = Self { engine: Engine::new(config, Vec::new()), seq: 0, ms: 1_780_000_000_000 };
        let cap = Usdc::from_micro(1_000_000_000);
        rig.turn(vec![
            Input::Universe(vec![market(1)]),
            Input::Link { link: LinkIx(0), up: true },
            Input::Executor(FromExecutor::Welcome {
                open: Vec::new(),
                gate: Gate::Open { until: Timestamp::MAX },
                caps: Caps { order: cap, market: cap, total: cap },
            }),
            Input::Executor(FromExecutor::Balance { usdc: cap, tokens: Vec::new() }),
            rig.book(),
        ]);
        rig.accept();
        rig
    }

    fn book(&self) -> Input {
        book(price(4_800), price(5_200), Qty::from_whole(500).expect("fits"), self.ms)
    }

    fn turn(&mut self, inputs: Vec<Input>) -> Vec<Action> {
        self.seq += 1;
        let mut out = Vec::new();
        self.engine.turn(&Turn { seq: self.seq, at: Timestamp::from_ms(self.ms), inputs }, &mut out);
        out
    }

    /// The executor answers everything at once.
    fn accept(&mut self) {
        let live: Vec<_> = self.engine.orders().live().map(|(id, t)| (id, t.cancel_sent.is_some())).collect();
        let answers = live.into_iter().map(|(id, canceled)| {
            let order = OrderId::from_bytes([u8::try_from(id.0).expect("small"); 32]);
            Input::Executor(match canceled {
                true => FromExecutor::Canceled { id, matched: Qty::ZERO },
                false => FromExecutor::Accepted { id, order },
            })
        });
        let answers: Vec<_> = answers.collect();
        self.turn(answers);
    }

    /// One minute, at whose end the venue says this of every order; alerts of it.
    fn minute(&mut self, scoring: Option<bool>) -> usize {
        self.ms = self.ms / 60_000 * 60_000 + 59_000;
        let book = self.book();
        let ids: Vec<_> = self.engine.orders().live().map(|(id, _)| id).collect();
        let mut inputs: Vec<_> =
            ids.into_iter().map(|id| Input::Executor(FromExecutor::Scoring { id, scoring })).collect();
        inputs.push(book);
        self.turn(inputs);
        self.ms += 1_000;
        let out = self.turn(Vec::new());
        for _ in 0..3 {
            self.accept();
            self.ms += 2_500;
            let book = self.book();
            self.turn(vec![book]);
        }
        self.accept();
        out.iter().filter(|action| matches!(action, Action::Alert(Alert::NotScoring(_)))).count()
    }

    fn rests(&self) -> Vec<String> {
        let one = |o: &super::OrderSnapshot| format!("{} {}x{} {}", o.outcome, o.price, o.qty, o.state);
        self.engine.snapshot().markets[0].orders.iter().map(one).collect()
    }
}

#[test]
fn noes_make_quotes_nearer_and_larger_then_leave_and_come_back() {
    let mut rig = Rig::new(WhenUnscored::Adjust);
    assert_eq!(rig.rests(), ["YES 0.48x22 open", "NO 0.48x22 open"]);
    assert_eq!(rig.minute(Some(true)), 0);
    assert_eq!((rig.minute(Some(false)), rig.minute(Some(false))), (0, 1));
    assert_eq!(rig.rests(), ["YES 0.49x24.2 open", "NO 0.49x24.2 open"], "a tick and a tenth: one step");
    assert_eq!((rig.minute(Some(false)), rig.minute(Some(false))), (0, 1));
    assert_eq!((rig.minute(Some(false)), rig.minute(Some(false))), (0, 1));
    assert!(rig.rests().is_empty());
    let market = &rig.engine.snapshot().markets[0];
    assert_eq!(market.no_quote.as_deref(), Some("not-scoring"));
    assert_eq!(market.scoring.counts.left, 1);
    for _ in 0..7 {
        assert_eq!(rig.minute(None), 0);
    }
    assert_eq!(rig.rests(), ["YES 0.48x22 open", "NO 0.48x22 open"], "quoted again, as configured");
}

#[test]
fn silence_neither_counts_nor_forgives() {
    let mut rig = Rig::new(WhenUnscored::Leave);
    for _ in 0..20 {
        assert_eq!(rig.minute(None), 0);
    }
    assert_eq!(rig.minute(Some(false)), 0);
    assert_eq!(rig.minute(None), 0);
    assert_eq!(rig.minute(Some(false)), 1, "the first no still counts");
    assert_eq!(rig.engine.snapshot().markets[0].no_quote.as_deref(), Some("not-scoring"));
    let told = NoQuote::NotScoring { until: Timestamp::from_ms(1_780_000_000_000) }.to_string();
    assert_eq!(told, "quotes did not score, left until 2026-05-28T20:26:40.000Z");
}

#[test]
fn changed_terms_are_planned_on_in_the_turn_that_brings_them() {
    let mut rig = Rig::new(WhenUnscored::Keep);
    rig.ms += 10_000;
    let mut changed = market(1);
    if let Some(terms) = &mut changed.rewards {
        terms.max_spread = price(151);
    }
    let book = rig.book();
    rig.turn(vec![book]);
    let out = rig.turn(vec![Input::Universe(vec![changed])]);
    assert_eq!(out.iter().filter(|action| matches!(action, Action::Cancel { .. })).count(), 2, "{out:?}");
    assert_eq!(rig.engine.snapshot().markets[0].scoring.counts.terms_changed, 1);
    rig.accept();
    rig.accept();
    assert_eq!(rig.rests(), ["YES 0.49x22 open", "NO 0.49x22 open"]);
}

#[test]
fn what_the_venue_says_of_our_part_narrows_the_range_and_touches_no_verdict() {
    let mut rig = Rig::new(WhenUnscored::Keep);
    let last = |rig: &Rig| rig.engine.minutes(MarketIx(0)).last().copied().expect("a sample");
    let share = |millionths| Share::from_millionths(millionths);
    rig.minute(Some(true));
    let book = last(&rig);
    let range = book.range.expect("a trusted book");
    assert!(range.low.share <= book.share && book.share < range.high.share, "{range:?}");
    assert_eq!((book.earning, book.beyond), (None, None), "nothing was told: not even zero");
    // the book alone allows 4.4 to 8.4 percent
    let told = share(60_000);
    for (said, kept) in [(told, told), (None, None), (share(1_000_000), share(1_000_000)), (share(0), share(0))] {
        rig.ms += 10_000;
        let word = FromExecutor::Share { market: MarketIx(0), share: said };
        let out = rig.turn(vec![Input::Executor(word)]);
        let edits = out.iter().any(|action| matches!(action, Action::Place { .. } | Action::Cancel { .. }));
        assert!(!edits, "it decides nothing: {out:?}");
        rig.minute(Some(true));
        let minute = last(&rig);
        let narrowed = minute.narrowed.expect("a trusted book");
        assert_eq!(minute.earning, kept);
        assert_eq!(minute.beyond, kept.map(|kept| Some(kept) != told));
        assert_eq!(narrowed != range, said == told && said.is_some(), "{narrowed:?}");
        assert!(range.low.share <= narrowed.low.share && narrowed.high.share <= range.high.share);
        let book_alone = Minute { narrowed: None, earning: None, beyond: None, at: minute.at, ..book };
        let told_alone = Minute { narrowed: None, earning: None, beyond: None, ..minute };
        let ages = |m: Minute| Minute { orders: [None; ORDERS_LISTED], ..m };
        assert_eq!(ages(told_alone), ages(book_alone), "the other series stay as they are");
    }
    let counts = &rig.engine.snapshot().markets[0].scoring.counts;
    assert_eq!((counts.shares_told, counts.shares_beyond), (3, 2));
}

#[test]
fn a_day_has_what_was_expected_and_what_the_venue_says_was_earned() {
    let mut rig = Rig::new(WhenUnscored::Keep);
    rig.minute(Some(true));
    let [minute] = [rig.engine.minutes(MarketIx(0)).last().copied().expect("a sample")];
    let [day] = rig.engine.snapshot().days[..] else { panic!("one day") };
    let range = minute.range.expect("a trusted book");
    assert_eq!((day.samples, day.expected, day.earned), (1, minute.reward, None));
    assert_eq!(day.expected_between, [range.low.minute_reward, range.high.minute_reward]);
    let before = rig.engine.digest();
    let amount = Usdc::from_micro(1_234_567);
    rig.turn(vec![Input::Executor(FromExecutor::Earned { day: day.day, amount })]);
    assert_eq!(rig.engine.snapshot().days, [super::Day { earned: Some(amount), ..day }]);
    let told = rig.engine.digest();
    rig.turn(vec![Input::Executor(FromExecutor::Earned { day: day.day, amount: Usdc::ZERO })]);
    assert!(before != told && told != rig.engine.digest());
}
