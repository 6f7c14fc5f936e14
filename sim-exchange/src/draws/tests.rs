use super::chacha::chacha8;
use super::*;
use expect_test::expect;

fn hex(words: &[u32]) -> String {
    words.iter().flat_map(|w| w.to_le_bytes()).map(|b| format!("{b:02x}")).collect()
}

#[test]
fn a_block_is_the_published_one() {
    // ChaCha test vectors (draft-strombergson-chacha-test-vectors), 256-bit keys, eight rounds, zero nonce: first case with
    // its first two blocks, then the keys 01 00 … and ff ff …
    let zero = [0; 8];
    assert_eq!(
        hex(&chacha8(&zero, 0)),
        "3e00ef2f895f40d67f5bb8e81f09a5a12c840ec3ce9a7f3b181be188ef711a1e\
         984ce172b9216f419f445367456d5619314a42a3da86b001387bfdb80e0cfe42"
    );
    assert_eq!(
        hex(&chacha8(&zero, 1)),
        "d2aefa0deaa5c151bf0adb6c01f2a5adc0fd581259f9a2aadcf20f8fd566a26b\
         5032ec38bbc5da98ee0c6f568b872a65a08abf251deb21bb4b56e5d8821e68aa"
    );
    let mut one = zero;
    one[0] = 1;
    assert_eq!(
        hex(&chacha8(&one, 0)),
        "cf5ee9a0494aa9613e05d5ed725b804b12f4a465ee635acc3a311de8740489ea\
         289d04f43c7518db56eb4433e498a1238cd8464d3763ddbb9222ee3bd8fae3c8"
    );
}

#[test]
fn a_draw_is_named_by_stream_entity_and_index_alone() {
    let draws = Draws::new(7);
    assert_eq!(draws.value("size", "a", 3), Draws::new(7).value("size", "a", 3));
    for other in [draws.value("size", "a", 4), draws.value("size", "b", 3), draws.value("side", "a", 3)] {
        assert_ne!(draws.value("size", "a", 3), other);
    }
    assert_ne!(draws.value("size", "a", 3), Draws::new(8).value("size", "a", 3));
    assert!((0..200).all(|k| draws.below("size", "a", k, 10) < 10));
    assert_eq!(draws.uuid("id", "a", 0).len(), 36);
}

#[test]
fn a_handle_and_a_cursor_give_the_same_values_as_the_names() {
    let draws = Draws::new(7);
    let stream = draws.stream("size", "noise/3");
    let mut cursor = Cursor::new(stream);
    for k in 0..50 {
        assert_eq!(cursor.index(), k);
        let value = cursor.take().value();
        assert_eq!([value, stream.value(k)], [draws.value("size", "noise/3", k); 2]);
    }
}

#[test]
fn the_protocol_gives_the_values_of_a_second_implementation() {
    // computed with Python's hashlib and a ChaCha8 written from the paper
    let value = |seed, stream, entity, k| format!("{:016x}", Draws::new(seed).value(stream, entity, k));
    assert_eq!(value(7, "size", "noise/3", 0), "a94768be2ec0c0bc");
    assert_eq!(value(7, "size", "noise/3", 1), "fe302925ce677ef5");
    assert_eq!(value(7, "side", "noise/3", 0), "48cf6b23c985c955");
    assert_eq!(value(1 << 63, "latent", "a", (1 << 32) + 5), "20bfb3afb6fa6f78");
}

#[test]
fn derived_draws_are_pinned_to_the_bit() {
    let s = Draws::new(7).stream("size", "noise/3");
    let mut told = String::new();
    for k in 0..3 {
        let reals = [
            s.draw(k).uniform(),
            s.draw(k).open_uniform(),
            s.draw(k).exponential(),
            s.draw(k).normal(),
            s.draw(k).log_normal(20.0, 1.4),
        ];
        for x in reals {
            told += &format!("{:016x} {x:.6}  ", x.to_bits());
        }
        let gap = s.draw(k).gap(Nanos::from_secs(30)).nanos();
        told += &format!("gap {gap} below {} geometric {}\n", s.below(k, 10), s.draw(k).geometric(0.1));
    }
    expect![[r#"
        3fe528ed17c5d818 0.661246  3fe528ed17c5d819 0.661246  3ff151d74a1b9a7a 1.082481  3fda9d8b3fe4cfbb 0.415866  4041e6622963f7ed 35.799871  gap 32474421200 below 6 geometric 11
        3fefc60524b9ccef 0.992922  3fefc60524b9ccef 0.992922  4013cda2eb9ca9f7 4.950817  4003a05b60711439 2.453299  408363227c23b820 620.391838  gap 148524504130 below 9 geometric 47
        3f8d37f91c732cc0 0.014267  3f8d37f91c732cc0 0.014267  3f8d6dd81b088034 0.014370  c00184d95bb2ac61 -2.189868  3fedd58a3b76d36b 0.932317  gap 431090020 below 0 geometric 1
    "#]]
    .assert_eq(&told);
}

#[test]
fn the_ends_of_the_open_uniform_are_finite() {
    let (low, high) = (0.5 * TWO_TO_MINUS_52, (real(u64::MAX >> 12) + 0.5) * TWO_TO_MINUS_52);
    assert!(0.0 < low && high < 1.0);
    assert_eq!((1.0 - high).to_bits(), low.to_bits(), "1 − u is exact");
    assert_eq!(normal_quantile(low).to_bits(), (-normal_quantile(high)).to_bits(), "and so the quantile is odd");
    assert!((normal_quantile(high) - 8.209_536_151_601_387).abs() < 1e-14);
    assert!(normal_quantile(0.0) == f64::NEG_INFINITY && normal_quantile(1.0) == f64::INFINITY);
    assert!(normal_quantile(-0.1).is_nan() && normal_quantile(1.1).is_nan() && normal_quantile(f64::NAN).is_nan());
}

#[test]
fn the_normal_quantile_is_right_to_a_few_units_in_the_last_place() {
    // quantiles of these very doubles, from a 60-digit computation (series and continued fraction of the tail, Newton steps);
    // the pairs straddle the seams of the three approximations
    let known = [
        (0.500_000_01, 2.506_628_287_226_204_3e-8),
        (0.6, 0.253_347_103_135_799_7),
        (0.75, 0.674_489_750_196_081_7),
        (0.925, 1.439_531_470_938_456_1),
        (0.925_000_1, 1.439_532_177_375_900_4),
        (0.95, 1.644_853_626_951_472_2),
        (0.99, 2.326_347_874_040_840_8),
        (0.999, 3.090_232_306_167_813),
        (1e-5, -4.264_890_793_922_825),
        (1e-10, -6.361_340_902_404_057),
        (1.3e-11, -6.667_611_456_510_741),
        (1e-12, -7.034_483_825_301_132),
        (1.110_223_024_625_156_5e-16, -8.209_536_151_601_387),
    ];
    for (u, x) in known {
        let error = (normal_quantile(u) - x) / x;
        assert!(error.abs() < 1e-15, "quantile of {u}: relative error {error:e}");
    }
}

#[test]
fn the_normal_quantile_never_falls() {
    let mut last = f64::NEG_INFINITY;
    for n in 1..200_000u32 {
        let x = normal_quantile(f64::from(n) / 200_000.0);
        assert!(x > last, "at {n}");
        last = x;
    }
}

/// Mean and variance of `n` draws.
fn moments(n: u64, draw: impl Fn(u64) -> f64) -> [f64; 2] {
    let mean = (0..n).map(&draw).sum::<f64>() / real(n);
    let variance = (0..n).map(|k| (draw(k) - mean) * (draw(k) - mean)).sum::<f64>() / real(n);
    [mean, variance]
}

#[test]
fn moments_are_those_of_the_distributions() {
    // Fixed seed, so this cannot flicker; the limits are four standard errors of 40,000 draws.
    let n = 40_000;
    let s = Draws::new(11).stream("moments", "a");
    let close = |what: &str, is: f64, want: f64, sd: f64| {
        let limit = 4.0 * sd / real(n).sqrt();
        assert!((is - want).abs() < limit, "{what}: {is}, not {want} ± {limit}");
    };
    let [mean, variance] = moments(n, |k| s.draw(k).uniform());
    close("uniform mean", mean, 0.5, (1.0f64 / 12.0).sqrt());
    close("uniform variance", variance, 1.0 / 12.0, (1.0f64 / 180.0).sqrt());
    let [mean, variance] = moments(n, |k| s.draw(k).exponential());
    close("exponential mean", mean, 1.0, 1.0);
    close("exponential variance", variance, 1.0, 8.0f64.sqrt());
    let [mean, variance] = moments(n, |k| s.draw(k).normal());
    close("normal mean", mean, 0.0, 1.0);
    close("normal variance", variance, 1.0, 2.0f64.sqrt());
    let [mean, _] = moments(n, |k| libm::log(s.draw(k).log_normal(20.0, 0.5)));
    close("log-normal log-mean", mean, libm::log(20.0), 0.5);
    let [mean, variance] = moments(n, |k| real(s.draw(k).geometric(0.2)));
    close("geometric mean", mean, 5.0, 20.0f64.sqrt());
    close("geometric variance", variance, 20.0, 3_620.0f64.sqrt());
    let [mean, _] = moments(n, |k| if s.draw(k).bernoulli(0.3) { 1.0 } else { 0.0 });
    close("Bernoulli mean", mean, 0.3, 0.21f64.sqrt());
    let [mean, _] = moments(n, |k| real(s.below(k, 7)));
    close("below 7", mean, 3.0, 2.0);
}

#[test]
fn odd_parameters_have_stated_answers() {
    let s = Draws::new(1).stream("x", "y");
    assert_eq!(s.below(0, 0), 0);
    assert_eq!((s.draw(0).geometric(1.0), s.draw(0).geometric(2.0)), (1, 1));
    assert_eq!([s.draw(0).geometric(0.0), s.draw(0).geometric(-1.0), s.draw(0).geometric(f64::NAN)], [u64::MAX; 3]);
    assert!(!s.draw(0).bernoulli(0.0) && !s.draw(0).bernoulli(f64::NAN) && s.draw(0).bernoulli(1.0));
    assert_eq!(s.draw(0).gap(Nanos::ZERO), Nanos::ZERO);
    assert!(
        (0..500).any(|k| s.draw(k).gap(Nanos::from_nanos(u64::MAX)) == Nanos::from_nanos(u64::MAX)),
        "stops at the largest"
    );
    assert_eq!([whole(-1.5), whole(f64::NAN), whole(2.9), whole(1e30)], [0, 0, 2, u64::MAX]);
}

#[test]
fn what_is_made_ahead_is_what_the_stream_gives() {
    let stream = Draws::new(7).stream("latency", "noise/0/out");
    let mut cursor = Cursor::new(stream);
    for k in 0..40 {
        assert_eq!(cursor.index(), k);
        assert_eq!(cursor.take(), stream.draw(k));
    }
    // leaps, repeats, and the end of all indices
    let mut ahead = Ahead::new(stream);
    for k in
        [0, 3, 4, 4, 2, 1_000_003, 1_000_001, u64::from(u32::MAX), u64::from(u32::MAX) + 1, u64::MAX, u64::MAX - 3, 5]
    {
        assert_eq!(ahead.draw(k), stream.draw(k), "{k}");
    }
}
