//! Time as data. Nothing here reads a clock.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A moment: nanoseconds since 1970-01-01, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

/// A length of time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nanos(u64);

impl Timestamp {
    /// 1970-01-01.
    pub const EPOCH: Self = Self(0);
    /// The last moment that can be told.
    pub const MAX: Self = Self(u64::MAX);

    /// From nanoseconds since 1970.
    #[must_use]
    pub const fn from_nanos(n: u64) -> Self {
        Self(n)
    }

    /// From milliseconds since 1970; stops at [`Self::MAX`].
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms.saturating_mul(1_000_000))
    }

    /// Reads ISO 8601 text as venues and people write it: a date, alone or with a time of day behind `T` or a space, a
    /// fraction of a second, `Z` or an offset. A time without either is taken as UTC. `None` for anything else, for days
    /// that do not exist and for moments before 1970.
    #[must_use]
    pub fn parse_iso(text: &str) -> Option<Self> {
        let (date, time) = match text.split_once(['T', ' ']) {
            Some((date, time)) => (date, time),
            None => (text, "00:00:00Z"),
        };
        let (year, rest) = date.split_once('-')?;
        let (month, day) = rest.split_once('-')?;
        let days = days_from_civil(digits(year, 4)?, digits(month, 2)?, digits(day, 2)?)?;

        let (time, offset_s) = match time.find(['Z', '+', '-']) {
            None => (time, 0),
            Some(at) => (&time[..at], offset_seconds(&time[at..])?),
        };
        let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
        let (hour, rest) = clock.split_once(':')?;
        let (minute, second) = rest.split_once(':')?;
        let (hour, minute, second) = (digits(hour, 2)?, digits(minute, 2)?, digits(second, 2)?);
        // A leap second is the last second of its minute: nothing here needs to tell them apart.
        if hour > 23 || minute > 59 || second > 60 || fraction.is_empty() || fraction.len() > 9 {
            return None;
        }
        let nanos = digits(fraction, fraction.len())? * 10u64.pow(9 - u32::try_from(fraction.len()).ok()?);
        let local = i64::try_from(days * 86_400 + hour * 3600 + minute * 60 + second.min(59)).ok()?;
        let seconds = u64::try_from(local - offset_s).ok()?;
        seconds.checked_mul(1_000_000_000)?.checked_add(nanos).map(Self)
    }

    /// Nanoseconds since 1970.
    #[must_use]
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since 1970.
    #[must_use]
    pub const fn ms(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Whole seconds since 1970.
    #[must_use]
    pub const fn secs(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// The UTC day as a count of days since 1970.
    #[must_use]
    pub const fn day(self) -> u64 {
        self.secs() / 86_400
    }

    /// How long after `earlier` this is; zero if it is not after.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Nanos {
        Nanos(self.0.saturating_sub(earlier.0))
    }

    /// This moment plus `d`; stops at [`Self::MAX`].
    #[must_use]
    pub const fn plus(self, d: Nanos) -> Self {
        Self(self.0.saturating_add(d.0))
    }

    /// This moment minus `d`; stops at 1970.
    #[must_use]
    pub const fn minus(self, d: Nanos) -> Self {
        Self(self.0.saturating_sub(d.0))
    }
}

impl Nanos {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From nanoseconds.
    #[must_use]
    pub const fn from_nanos(n: u64) -> Self {
        Self(n)
    }

    /// From milliseconds; stops at the largest length.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms.saturating_mul(1_000_000))
    }

    /// From seconds; stops at the largest length.
    #[must_use]
    pub const fn from_secs(s: u64) -> Self {
        Self(s.saturating_mul(1_000_000_000))
    }

    /// In nanoseconds.
    #[must_use]
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// In whole milliseconds.
    #[must_use]
    pub const fn ms(self) -> u64 {
        self.0 / 1_000_000
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds, for people; data carries the integer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.day());
        let s = self.secs() % 86_400;
        let (hour, minute, second, ms) = (s / 3600, s / 60 % 60, s % 60, self.ms() % 1000);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
    }
}

/// Days since 1970 to (year, month, day) in the proleptic Gregorian calendar, counting in 400-year eras that begin on
/// 1 March so that the leap day is the last of its year.
const fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let day_of_era = z % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// Days since 1970 of a date; `None` for one that does not exist or is before 1970. The inverse of [`civil_from_days`].
fn days_from_civil(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let shifted_year = year.checked_sub(u64::from(month <= 2))?;
    let era = shifted_year / 400;
    let year_of_era = shifted_year % 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = (era * 146_097 + day_of_era).checked_sub(719_468)?;
    (civil_from_days(days) == (year, month, day)).then_some(days)
}

/// A number of exactly `len` digits.
fn digits(text: &str, len: usize) -> Option<u64> {
    (text.len() == len && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Seconds east of UTC: `Z`, `+hh`, `+hhmm` or `+hh:mm`, either sign.
fn offset_seconds(text: &str) -> Option<i64> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("Z", "") => return Some(0),
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some(parts) => parts,
        None => rest.split_at_checked(2)?,
    };
    let minutes = if minutes.is_empty() { 0 } else { digits(minutes, 2)? };
    let seconds = i64::try_from(digits(hours, 2)? * 3600 + minutes * 60).ok()?;
    Some(sign * seconds)
}
