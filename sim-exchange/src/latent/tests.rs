use super::*;
use crate::draws::real;
use proptest::prelude::*;

const START: Timestamp = Timestamp::from_ms(1_780_000_000_000);
const HOUR: Nanos = Nanos::from_secs(3_600);

fn ix(n: u16) -> MarketIx {
    MarketIx(n)
}

fn process(n: u16, start: f64, volatility: f64) -> Process {
    Process {
        market: ix(n),
        name: format!("m{n}"),
        start,
        volatility_per_sqrt_h: volatility,
        motion: Motion::Martingale,
        jumps: None,
        resolution: None,
    }
}

fn world(step: Nanos, markets: Vec<Process>) -> LatentParams {
    LatentParams { step, markets, links: Vec::new() }
}

fn latent(params: &LatentParams, seed: u64) -> Latent {
    Latent::new(params, &Draws::new(seed), START).expect("a possible world")
}

fn after(hours: u64) -> Timestamp {
    START.plus(Nanos::from_secs(3_600 * hours))
}

/// Mean and standard error over seeds.
fn estimate(seeds: u64, sample: impl Fn(u64) -> f64) -> [f64; 2] {
    let all: Vec<f64> = (0..seeds).map(sample).collect();
    let n = real(seeds);
    let mean = all.iter().sum::<f64>() / n;
    let variance = all.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0);
    [mean, (variance / n).sqrt()]
}

/// The seeds are fixed, so this cannot flicker: four standard errors are what an honest sample stays within.
#[track_caller]
fn covers([mean, error]: [f64; 2], want: f64) {
    assert!((mean - want).abs() < 4.0 * error, "{mean} ± {error}, not {want}");
}

fn end_p(params: &LatentParams, seed: u64, at: Timestamp) -> f64 {
    let mut state = latent(params, seed);
    state.advance(at);
    state.probability(ix(0)).expect("there is one")
}

#[test]
fn a_martingale_probability_keeps_its_mean() {
    for start in [0.05, 0.4, 0.9] {
        let params = world(Nanos::from_secs(300), vec![process(0, start, 1.5)]);
        covers(estimate(2_000, |seed| end_p(&params, seed, after(2))), start);
    }
}

#[test]
fn jumps_of_a_martingale_keep_its_mean_too() {
    let normal = JumpSize::Normal { mean: 0.3, sd: 0.8 };
    for size in [normal, JumpSize::ExponentialDollars { mean: 0.08 }] {
        for start in [0.1, 0.7] {
            let mut one = process(0, start, 0.0);
            one.jumps = Some(Jumps { per_h: 3.0, size, public: false });
            let params = world(HOUR, vec![one]);
            covers(estimate(3_000, |seed| end_p(&params, seed, after(2))), start);
        }
    }
}

#[test]
fn the_law_does_not_depend_on_the_step() {
    let second = |step| {
        let params = world(step, vec![process(0, 0.3, 1.2)]);
        estimate(3_000, move |seed| {
            let p = end_p(&params, seed, after(1));
            p * p
        })
    };
    let (coarse, fine) = (second(HOUR), second(Nanos::from_secs(60)));
    assert!(coarse[0] > 0.09 + 8.0 * coarse[1], "it moves");
    covers([coarse[0], coarse[1] + fine[1]], fine[0]);
}

#[test]
fn log_odds_of_a_martingale_drift_as_they_must() {
    // one step of an hour: mean σ²(p − ½), variance σ² + σ⁴p(1 − p)
    let params = world(HOUR, vec![process(0, 0.2, 2.0)]);
    let moved = |seed| {
        let mut state = latent(&params, seed);
        state.advance(after(1));
        state.log_odds(ix(0)).expect("there is one") - logit(0.2)
    };
    covers(estimate(4_000, moved), 4.0 * (0.2 - 0.5));
    covers(estimate(4_000, |seed| (moved(seed) + 1.2) * (moved(seed) + 1.2)), 4.0 + 16.0 * 0.16);
}

fn reverting(per_h: f64) -> LatentParams {
    let mut one = process(0, 0.4, 0.15);
    one.motion = Motion::Reverting { to: 0.0, per_h };
    one.jumps = Some(Jumps { per_h: 0.05, size: JumpSize::Normal { mean: 0.0, sd: 0.6 }, public: true });
    world(Nanos::from_secs(1_200), vec![one])
}

#[test]
fn a_reverting_process_has_the_moments_of_theory() {
    let params = reverting(0.1);
    let want = crate::theory::reverting_moments(logit(0.4), 0.0, 0.1, 0.15, 0.05, [0.0, 0.6], 12.0);
    let x = |seed| {
        let mut state = latent(&params, seed);
        state.advance(after(12));
        state.log_odds(ix(0)).expect("there is one")
    };
    covers(estimate(3_000, x), want[0]);
    covers(estimate(3_000, |seed| (x(seed) - want[0]) * (x(seed) - want[0])), want[1]);
}

#[test]
fn a_jump_decays_from_its_own_moment() {
    // without diffusion the path is a formula of the jumps
    let mut params = reverting(1.5);
    params.markets[0].volatility_per_sqrt_h = 0.0;
    params.markets[0].jumps = Some(Jumps { per_h: 2.0, size: JumpSize::Normal { mean: 0.5, sd: 0.2 }, public: true });
    let mut state = latent(&params, 4);
    let mut jumps: Vec<Jump> = Vec::new();
    for step in 1..60 {
        let at = START.plus(Nanos::from_secs(1_200 * step));
        state.advance(at);
        jumps.extend(state.news());
        let left = |since: Timestamp| libm::exp(-1.5 * real(at.since(since).nanos()) / 3.6e12);
        let want = logit(0.4) * left(START) + jumps.iter().map(|j| (j.after - j.before) * left(j.at)).sum::<f64>();
        let is = state.log_odds(ix(0)).expect("there is one");
        assert!((is - want).abs() < 1e-9, "step {step}: {is}, not {want}");
    }
    assert!(jumps.len() > 20);
}

#[test]
fn jumps_never_shift_the_diffusion() {
    // without reversion the two paths differ by the sum of the jumps and nothing else
    let with = reverting(0.0);
    let mut without = with.clone();
    without.markets[0].jumps = None;
    let (mut a, mut b) = (latent(&with, 3), latent(&without, 3));
    let mut jumps = 0.0;
    for hour in 1..200 {
        a.advance(after(hour));
        b.advance(after(hour));
        jumps += a.news().map(|jump| jump.after - jump.before).sum::<f64>();
        let apart = a.log_odds(ix(0)).expect("there is one") - b.log_odds(ix(0)).expect("there is one");
        assert!((apart - jumps).abs() < 1e-9, "hour {hour}: {apart}, jumps {jumps}");
    }
    assert!(jumps.abs() > 0.1, "there were jumps");
}

#[test]
fn a_jump_is_told_when_it_happens() {
    let mut one = process(0, 0.5, 0.3);
    one.jumps = Some(Jumps { per_h: 6.0, size: JumpSize::Normal { mean: 0.5, sd: 0.0 }, public: true });
    let mut state = latent(&world(Nanos::from_secs(10), vec![one]), 5);
    for _ in 0..20 {
        let at = state.next_event().expect("jumps never end");
        state.advance(at.minus(Nanos::from_nanos(1)));
        assert_eq!(state.news().count(), 0);
        let before = state.log_odds(ix(0));
        state.advance(at);
        let told: Vec<Jump> = state.news().collect();
        let now = state.log_odds(ix(0));
        assert_eq!(told.iter().map(|j| (j.at, Some(j.before), Some(j.after))).collect::<Vec<_>>(), [(at, before, now)]);
        assert!(((told[0].after - told[0].before).abs() - 0.5).abs() < 1e-12);
    }
}

fn resolving(kind: ResolutionKind, volatility: f64) -> LatentParams {
    let mut one = process(0, 0.3, volatility);
    one.resolution = Some(Resolution { at: after(1), kind, announced_after: HOUR });
    world(Nanos::from_secs(600), vec![one])
}

#[test]
fn a_market_is_decided_by_its_probability() {
    for (kind, volatility) in [(ResolutionKind::Secret, 1.0), (ResolutionKind::FinalJump, 0.0)] {
        let params = resolving(kind, volatility);
        let yes = |seed| {
            let mut state = latent(&params, seed);
            state.advance(after(3));
            let ends: Vec<Resolved> = state.resolved().collect();
            assert_eq!(ends.iter().map(|r| (r.at, r.announced)).collect::<Vec<_>>(), [(after(1), after(2))]);
            let winner = ends[0].winner;
            let told: Vec<Jump> = state.news().collect();
            match kind {
                ResolutionKind::Secret => assert!(told.is_empty() && state.probability(ix(0)).expect("one") < 0.999),
                ResolutionKind::FinalJump => {
                    assert_eq!((told.len(), told[0].after > 20.0), (1, winner == Outcome::Yes));
                }
            }
            if winner == Outcome::Yes { 1.0 } else { 0.0 }
        };
        covers(estimate(1_500, yes), 0.3);
    }
}

#[test]
fn only_an_insider_of_a_still_market_knows_the_outcome_ahead() {
    let ears = |insider| ReceiverParams {
        market: ix(0),
        delay: Nanos::ZERO,
        noise_sd: 0.0,
        refresh: Refresh::Always,
        insider,
    };
    for seed in 0..50 {
        let draws = Draws::new(seed);
        let mut still = latent(&resolving(ResolutionKind::Secret, 0.0), seed);
        let mut moving = latent(&resolving(ResolutionKind::Secret, 1.0), seed);
        let mut insider = still.receiver("i", &ears(true), &draws).expect("possible");
        let mut outsider = still.receiver("o", &ears(false), &draws).expect("possible");
        let mut early = moving.receiver("i", &ears(true), &draws).expect("possible");
        let told = still.view(START, &mut insider).outcome(ix(0));
        assert_eq!(still.view(START, &mut outsider).outcome(ix(0)), None);
        assert_eq!(moving.view(START, &mut early).outcome(ix(0)), None);
        still.advance(after(1));
        assert_eq!(told, still.resolved().next().map(|end| end.winner));
    }
}

#[test]
fn linked_increments_are_correlated() {
    let mut params = world(HOUR, vec![process(0, 0.5, 0.2), process(1, 0.5, 0.4)]);
    params.links.push(Link { members: vec![ix(0), ix(1)], correlation: 0.6, common: None, exclusive: false });
    let product = |seed| {
        let mut state = latent(&params, seed);
        state.advance(after(1));
        let x = |n| state.log_odds(ix(n)).expect("there");
        x(0) / 0.2 * x(1) / 0.4
    };
    covers(estimate(6_000, product), 0.6);
}

#[test]
fn common_jumps_hit_all_at_once_in_one_direction() {
    let mut params = world(HOUR, vec![process(0, 0.5, 0.0), process(1, 0.2, 0.0)]);
    let common = Some(Jumps { per_h: 2.0, size: JumpSize::Normal { mean: 0.4, sd: 0.0 }, public: true });
    params.links.push(Link { members: vec![ix(0), ix(1)], correlation: 0.0, common, exclusive: false });
    let mut together = 0;
    for seed in 0..200 {
        let mut state = latent(&params, seed);
        let at = state.next_event().expect("a jump");
        state.advance(at);
        let told: Vec<Jump> = state.news().collect();
        assert_eq!(told.iter().map(|j| (j.market, j.at)).collect::<Vec<_>>(), [(ix(0), at), (ix(1), at)]);
        together += u32::from((told[0].after > told[0].before) == (told[1].after > told[1].before));
    }
    assert!(together > 180, "{together} of 200; alike but for the band between the two up-probabilities");
}

fn exclusive(motion: Motion) -> LatentParams {
    let mut markets = vec![process(0, 0.2, 0.8), process(1, 0.3, 0.8), process(2, 0.5, 1.3)];
    for market in &mut markets {
        market.motion = motion;
        market.resolution = Some(Resolution { at: after(3), kind: ResolutionKind::Secret, announced_after: HOUR });
    }
    markets[1].jumps = Some(Jumps { per_h: 1.0, size: JumpSize::Normal { mean: 0.0, sd: 0.7 }, public: true });
    let members = vec![ix(0), ix(1), ix(2)];
    let links = vec![Link { members, correlation: 0.0, common: None, exclusive: true }];
    LatentParams { step: Nanos::from_secs(600), markets, links }
}

#[test]
fn exclusive_outcomes_sum_to_one_and_each_is_a_martingale() {
    let params = exclusive(Motion::Martingale);
    for (n, start) in [(0, 0.2), (1, 0.3), (2, 0.5)] {
        let p = |seed| {
            let mut state = latent(&params, seed);
            state.advance(after(2));
            let all: Vec<f64> = (0..3).filter_map(|n| state.probability(ix(n))).collect();
            assert!((all.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{all:?}");
            // one member's jump moves the others: all are told
            assert_eq!(state.news().count() % 3, 0);
            all[n]
        };
        covers(estimate(2_000, p), start);
        let wins = |seed| {
            let mut state = latent(&params, seed);
            state.advance(after(3));
            let ends: Vec<Resolved> = state.resolved().collect();
            assert_eq!(ends.iter().filter(|end| end.winner == Outcome::Yes).count(), 1, "exactly one wins");
            if ends[n].winner == Outcome::Yes { 1.0 } else { 0.0 }
        };
        covers(estimate(2_000, wins), start);
    }
}

#[test]
fn exclusive_outcomes_may_revert_and_are_scaled_to_one() {
    let mut params = exclusive(Motion::Reverting { to: -1.0, per_h: 0.2 });
    params.markets[2].start = 0.9;
    let mut state = latent(&params, 1);
    for hour in 0..3 {
        state.advance(after(hour));
        let sum: f64 = (0..3).filter_map(|n| state.probability(ix(n))).sum();
        assert!((sum - 1.0).abs() < 1e-12, "hour {hour}: {sum}");
    }
}

#[test]
fn volatility_of_exclusive_outcomes_is_that_between_two_of_them() {
    let mut params = exclusive(Motion::Reverting { to: 0.0, per_h: 0.0 });
    params.markets[1].jumps = None;
    let moved = |seed| {
        let mut state = latent(&params, seed);
        state.advance(after(1));
        let p = |n| state.probability(ix(n)).expect("there");
        libm::log(p(0) / p(1)) - libm::log(0.2 / 0.3)
    };
    covers(estimate(4_000, |seed| moved(seed) * moved(seed)), 0.8 * 0.8);
}

fn ears(delay: Nanos, noise_sd: f64, refresh: Refresh) -> ReceiverParams {
    ReceiverParams { market: ix(0), delay, noise_sd, refresh, insider: false }
}

#[test]
fn a_signal_is_the_state_as_it_was() {
    let params = world(Nanos::from_secs(10), vec![process(0, 0.5, 1.0)]);
    let (draws, delay) = (Draws::new(9), Nanos::from_secs(95));
    let mut state = latent(&params, 9);
    let mut late = state.receiver("late", &ears(delay, 0.0, Refresh::Always), &draws).expect("possible");
    let every = Refresh::Every(Nanos::from_secs(40));
    let mut slow = state.receiver("slow", &ears(delay, 0.0, every), &draws).expect("possible");
    let mut truth = Vec::new();
    for s in 0..2_000 {
        let at = START.plus(Nanos::from_secs(s));
        state.advance(at);
        truth.push(state.log_odds(ix(0)));
        let then = |s: u64| truth[usize::try_from(s.saturating_sub(95)).expect("small")];
        assert_eq!(state.view(at, &mut late).log_odds(ix(0)), then(s), "second {s}");
        assert_eq!(state.view(at, &mut slow).log_odds(ix(0)), then(s - s % 40), "second {s}");
        assert_eq!(state.view(at, &mut slow).log_odds(ix(1)), None, "nothing of another market");
    }
    assert!(state.held() < 20, "{} values kept for 135 s of steps of 10 s", state.held());
}

#[test]
fn a_poisson_signal_finds_its_past_however_rarely_one_looks() {
    let params = world(Nanos::from_secs(1), vec![process(0, 0.5, 1.0)]);
    let draws = Draws::new(9);
    let poisson = Refresh::Poisson(Nanos::from_secs(5));
    let looks = |gap_s: u64| {
        let mut state = latent(&params, 9);
        let mut ears = state.receiver("p", &ears(Nanos::from_secs(3), 0.2, poisson), &draws).expect("possible");
        let mut seen = Vec::new();
        for s in (0..3_600).step_by(usize::try_from(gap_s).expect("small")) {
            seen.push((s, state.view(START.plus(Nanos::from_secs(s)), &mut ears).log_odds(ix(0))));
        }
        seen
    };
    let (often, rarely) = (looks(1), looks(60));
    for (s, x) in &rarely {
        assert_eq!(often[usize::try_from(*s).expect("small")], (*s, *x), "looking more often changes nothing");
    }
    let changes = often.windows(2).filter(|w| w[0].1 != w[1].1).count();
    assert!((600..800).contains(&changes), "about 720 refreshes an hour less those within a second: {changes}");
}

#[test]
fn the_error_of_a_signal_has_its_size_and_its_owner() {
    let params = world(HOUR, vec![process(0, 0.5, 0.0)]);
    let draws = Draws::new(2);
    let mut state = latent(&params, 2);
    let every = Refresh::Every(Nanos::from_secs(1));
    let mut a = state.receiver("a", &ears(Nanos::ZERO, 0.5, every), &draws).expect("possible");
    let mut b = state.receiver("b", &ears(Nanos::ZERO, 0.5, every), &draws).expect("possible");
    let mut look = |ears: &mut Receiver, s: u64| {
        state.view(START.plus(Nanos::from_secs(s)), ears).log_odds(ix(0)).expect("a signal")
    };
    assert_ne!(look(&mut a, 0).to_bits(), look(&mut b, 0).to_bits());
    let errors: Vec<f64> = (1..4_000).map(|s| look(&mut a, s)).collect();
    let squares: Vec<f64> = errors.iter().map(|e| e * e).collect();
    let [mean, _] = estimate(3_999, |k| errors[usize::try_from(k).expect("small")]);
    assert!(mean.abs() < 4.0 * 0.5 / 63.0, "{mean}");
    covers(estimate(3_999, |k| squares[usize::try_from(k).expect("small")]), 0.25);
}

proptest! {
    #[test]
    fn it_does_not_matter_how_often_one_looks(
        seed in any::<u64>(),
        mut looks in prop::collection::vec(0u64..10_800, 1..40),
        kind in 0..3,
    ) {
        let params = match kind {
            0 => exclusive(Motion::Martingale),
            1 => exclusive(Motion::Reverting { to: -1.0, per_h: 0.5 }),
            _ => reverting(0.3),
        };
        looks.sort_unstable();
        let (mut lazy, mut busy) = (latent(&params, seed), latent(&params, seed));
        for s in looks {
            busy.advance(START.plus(Nanos::from_secs(s)));
        }
        lazy.advance(after(4));
        busy.advance(after(4));
        for n in 0..3 {
            prop_assert_eq!(lazy.log_odds(ix(n)).map(f64::to_bits), busy.log_odds(ix(n)).map(f64::to_bits));
        }
        prop_assert_eq!(lazy.news().collect::<Vec<_>>(), busy.news().collect::<Vec<_>>());
        prop_assert_eq!(lazy.resolved().collect::<Vec<_>>(), busy.resolved().collect::<Vec<_>>());
    }
}

#[test]
fn impossible_worlds_are_refused_with_a_reason() {
    let refused = |change: &dyn Fn(&mut LatentParams)| {
        let mut params = exclusive(Motion::Martingale);
        change(&mut params);
        Latent::new(&params, &Draws::new(0), START).map(|_| ()).expect_err("impossible").to_string()
    };
    let told = [
        refused(&|w| w.step = Nanos::ZERO),
        refused(&|w| w.markets[0].start = 1.0),
        refused(&|w| w.markets[0].volatility_per_sqrt_h = f64::NAN),
        refused(&|w| w.markets[2].market = ix(1)),
        refused(&|w| w.markets[2].name = "m0".to_owned()),
        refused(&|w| w.markets[2].name = "link/0".to_owned()),
        refused(&|w| w.markets[2].resolution = None),
        refused(&|w| w.markets[0].motion = Motion::Reverting { to: 0.0, per_h: 0.0 }),
        refused(&|w| w.links[0].correlation = 0.5),
        refused(&|w| w.links[0].members[2] = ix(7)),
        refused(&|w| w.links[0].members[2] = ix(0)),
        refused(&|w| w.links[0].members.truncate(1)),
        refused(&|w| w.markets[1].resolution = Some(Resolution { at: START, ..w.markets[0].resolution.expect("set") })),
        refused(&|w| w.markets[1].jumps.as_mut().expect("set").per_h = 0.0),
    ];
    expect_test::expect![[r#"
        step is 0 ns, must be a millisecond or more
        m0: start must be above 0 and below 1, is 1
        m0: volatility_per_sqrt_h must be 0 to 100, is NaN
        market 1 is there twice
        process m0 is there twice
        process "link/0": a name must not be empty or begin with link/
        link/0: exclusive outcomes are decided together
        link/0: exclusive outcomes are all martingales, or none
        link/0: exclusive outcomes have no correlation and no common jumps: each one's move moves the others
        link of market 7, which has no process
        linked market 0 is there twice
        link/0: needs two members or more
        m1: resolves before the world begins
        m1: jumps per hour must be above 0, at most 1,000,000, is 0"#]]
    .assert_eq(&told.join("\n"));
    let mut state = latent(&exclusive(Motion::Martingale), 0);
    let mut deaf = |params: ReceiverParams| {
        state.receiver("x", &params, &Draws::new(0)).map(|_| ()).expect_err("impossible").to_string()
    };
    let told = [
        deaf(ears(Nanos::ZERO, 0.1, Refresh::Always)),
        deaf(ears(Nanos::ZERO, f64::NAN, Refresh::Every(HOUR))),
        deaf(ears(Nanos::from_secs(86_401), 0.0, Refresh::Always)),
        deaf(ears(Nanos::ZERO, 0.0, Refresh::Every(Nanos::ZERO))),
        deaf(ReceiverParams { market: ix(9), ..ears(Nanos::ZERO, 0.0, Refresh::Always) }),
    ];
    expect_test::expect![[r#"
        a noisy signal needs refresh times
        noise_sd must be 0 to 10, is NaN
        delay is 86401000 ms, at most a day
        refresh times are 0 ns apart, must be a millisecond or more, at most a day
        signal of market 9, which has no process"#]]
    .assert_eq(&told.join("\n"));
}
