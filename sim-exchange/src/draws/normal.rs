//! The quantile of the standard normal distribution.

/// The `x` below which a standard normal variate lies with probability `u`, for `0 < u < 1`; minus and plus infinity at the
/// ends, NaN outside.
///
/// Rational approximations of algorithm AS 241 (Wichura, Applied Statistics 37, 1988; the 16-digit version): relative error
/// of the approximation about 1e-16, of this evaluation below 1e-15 (held by a test against 40-digit values). The middle 85 % needs
/// no elementary function at all; the tails need `sqrt` and one pinned `ln`.
#[must_use]
pub fn normal_quantile(u: f64) -> f64 {
    let from_middle = u - 0.5;
    if from_middle.abs() <= 0.425 {
        let r = 0.425 * 0.425 - from_middle * from_middle;
        return from_middle * quotient(&MIDDLE, r);
    }
    // the smaller tail, exactly: 1 − u has no rounding above one half
    let tail = if from_middle < 0.0 { u } else { 1.0 - u };
    if tail <= 0.0 {
        return if tail == 0.0 { f64::INFINITY.copysign(from_middle) } else { f64::NAN };
    }
    let r = (-libm::log(tail)).sqrt();
    let x = if r <= 5.0 { quotient(&TAIL, r - 1.6) } else { quotient(&FAR_TAIL, r - 5.0) };
    x.copysign(from_middle)
}

/// Numerator and denominator, lowest power first.
type Rational = [[f64; 8]; 2];

/// By Horner's rule, without fused operations.
fn quotient(of: &Rational, r: f64) -> f64 {
    let [num, den] = of.map(|c| c.iter().rev().fold(0.0, |sum, c| sum * r + c));
    num / den
}

#[rustfmt::skip]
const MIDDLE: Rational = [
    [3.387_132_872_796_366_5, 133.141_667_891_784_38, 1_971.590_950_306_551_3, 13_731.693_765_509_46,
     45_921.953_931_549_87, 67_265.770_927_008_7, 33_430.575_583_588_13, 2_509.080_928_730_122_7],
    [1.0, 42.313_330_701_600_91, 687.187_007_492_057_9, 5_394.196_021_424_751,
     21_213.794_301_586_597, 39_307.895_800_092_71, 28_729.085_735_721_943, 5_226.495_278_852_854],
];

#[rustfmt::skip]
const TAIL: Rational = [
    [1.423_437_110_749_683_5, 4.630_337_846_156_546, 5.769_497_221_460_691, 3.647_848_324_763_204_5,
     1.270_458_252_452_368_4, 0.241_780_725_177_450_6, 0.022_723_844_989_269_184, 7.745_450_142_783_414e-4],
    [1.0, 2.053_191_626_637_759, 1.676_384_830_183_803_8, 0.689_767_334_985_1,
     0.148_103_976_427_480_08, 0.015_198_666_563_616_457, 5.475_938_084_995_345e-4, 1.050_750_071_644_416_9e-9],
];

#[rustfmt::skip]
const FAR_TAIL: Rational = [
    [6.657_904_643_501_103, 5.463_784_911_164_114, 1.784_826_539_917_291_3, 0.296_560_571_828_504_87,
     0.026_532_189_526_576_124, 0.001_242_660_947_388_078_4, 2.711_555_568_743_487_6e-5, 2.010_334_399_292_288_1e-7],
    [1.0, 0.599_832_206_555_888, 0.136_929_880_922_735_8, 0.014_875_361_290_850_615,
     7.868_691_311_456_133e-4, 1.846_318_317_510_054_8e-5, 1.421_511_758_316_446e-7, 2.044_263_103_389_939_7e-15],
];
