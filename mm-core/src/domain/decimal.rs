//! The venue's decimal strings to scaled integers and back, exactly. Never goes through a float.

use std::fmt;

/// Why a decimal string was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDecimal {
    /// No digit at all.
    #[error("no digits")]
    Empty,
    /// A byte that has no place in an unsigned decimal (sign, exponent, space, …).
    #[error("unexpected character {0:?}")]
    Character(char),
    /// More non-zero digits behind the point than the unit can hold.
    #[error("more than {0} decimals")]
    TooFine(u32),
    /// Larger than the unit can hold.
    #[error("too large")]
    TooLarge,
}

/// Parses an unsigned decimal into units of `10^-scale`.
///
/// Accepts what the venue sends: `0.1`, `.48`, `12816.02`, `0.50`, `1.`; trailing zeros beyond `scale` are fine,
/// other digits there are an error and never rounded away.
///
/// # Errors
/// [`BadDecimal`] names what is wrong; signs, exponents and white space are refused.
pub fn parse_decimal(text: &str, scale: u32) -> Result<u64, BadDecimal> {
    let mut value: u64 = 0;
    let mut digits = 0u32;
    let mut decimals: Option<u32> = None;
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                if let Some(seen) = decimals.as_mut() {
                    if *seen == scale {
                        if byte != b'0' {
                            return Err(BadDecimal::TooFine(scale));
                        }
                        continue;
                    }
                    *seen += 1;
                }
                value = value
                    .checked_mul(10)
                    .and_then(|v| v.checked_add(u64::from(byte - b'0')))
                    .ok_or(BadDecimal::TooLarge)?;
            }
            b'.' if decimals.is_none() => decimals = Some(0),
            other => return Err(BadDecimal::Character(char::from(other))),
        }
    }
    if digits == 0 {
        return Err(BadDecimal::Empty);
    }
    let missing = scale - decimals.unwrap_or(0);
    value.checked_mul(10u64.pow(missing)).ok_or(BadDecimal::TooLarge)
}

/// As [`parse_decimal`], with the digits beyond `scale` cut off instead of refused.
///
/// # Errors
/// The same, never [`BadDecimal::TooFine`].
pub fn parse_decimal_down(text: &str, scale: u32) -> Result<u64, BadDecimal> {
    let fine = text
        .split_once('.')
        .filter(|(_, rest)| rest.len() > scale as usize && rest.bytes().all(|byte| byte.is_ascii_digit()));
    match fine {
        Some((whole, rest)) => parse_decimal(&format!("{whole}.{}", &rest[..scale as usize]), scale),
        None => parse_decimal(text, scale),
    }
}

/// Writes `units` of `10^-scale` the way the venue does: no trailing zeros, `0.1` with its leading zero.
///
/// # Errors
/// Only those of the formatter.
pub fn format_decimal(f: &mut fmt::Formatter<'_>, units: u64, scale: u32) -> fmt::Result {
    let one = 10u64.pow(scale);
    let (whole, mut rest) = (units / one, units % one);
    if rest == 0 {
        return write!(f, "{whole}");
    }
    let mut width = scale as usize;
    while rest.is_multiple_of(10) {
        rest /= 10;
        width -= 1;
    }
    write!(f, "{whole}.{rest:0width$}")
}
