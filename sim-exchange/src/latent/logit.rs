//! Probability and log-odds, through the pinned `libm`.

/// `ln(p/(1 − p))`; minus and plus infinity at 0 and 1, NaN outside.
#[must_use]
pub fn logit(p: f64) -> f64 {
    libm::log(p) - libm::log1p(-p)
}

/// `1/(1 + e^(−x))`, without overflow on either side.
#[must_use]
pub fn logistic(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + libm::exp(-x))
    } else {
        let e = libm::exp(x);
        e / (1.0 + e)
    }
}
