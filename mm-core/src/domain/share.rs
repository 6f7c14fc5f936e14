//! A part of a whole, and percentages as the venue writes them.

use super::BadDecimal;
use serde::{Deserialize, Deserializer, Serialize, de};
use std::fmt;

/// A part of a whole in millionths, `0..=1_000_000`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Share(u32);

impl Share {
    /// All of it.
    pub const ALL: Self = Self(1_000_000);

    /// From millionths; `None` above the whole.
    #[must_use]
    pub const fn from_millionths(n: u32) -> Option<Self> {
        if n <= Self::ALL.0 { Some(Self(n)) } else { None }
    }

    /// In millionths.
    #[must_use]
    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// Reads a percentage (`12.5` is an eighth), rounded to the nearest millionth of the whole.
    ///
    /// # Errors
    /// What is no unsigned decimal, or above a hundred.
    pub fn parse_percent(text: &str) -> Result<Self, BadDecimal> {
        // hundredths of a millionth: what lies behind them rounds nothing
        let hundredths = super::parse_decimal_down(text, 6)?;
        let nearest = hundredths / 100 + u64::from(hundredths % 100 >= 50);
        u32::try_from(nearest).ok().and_then(Self::from_millionths).ok_or(BadDecimal::TooLarge)
    }
}

impl fmt::Display for Share {
    /// In percent, without its sign: `12.5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::format_decimal(f, u64::from(self.0), 4)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let n = u32::deserialize(d)?;
        Self::from_millionths(n)
            .ok_or_else(|| de::Error::custom(format_args!("{n} millionths are more than the whole")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_read_to_the_nearest_millionth_and_never_above_the_whole() {
        for (text, told) in [
            ("12.5", "12.5"),
            ("0", "0"),
            ("100", "100"),
            ("33.333333333333", "33.3333"),
            ("66.666666666666", "66.6667"),
            ("0.00004999999", "0"),
            ("0.00005", "0.0001"),
            ("100.00000000001", "100"),
        ] {
            assert_eq!(Share::parse_percent(text).expect(text).to_string(), told, "{text}");
        }
        for text in ["", "-1", "101", "100.00005", "1e2", "NaN", "12.5%", "12.5000001x"] {
            assert!(Share::parse_percent(text).is_err(), "{text}");
        }
        assert!(serde_json::from_str::<Share>("1000001").is_err());
        assert_eq!(serde_json::from_str::<Share>("1000000").ok(), Some(Share::ALL));
    }
}
