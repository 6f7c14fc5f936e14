//! Moments as people write them.

use mm_core::domain::Timestamp;

/// `2026-06-07T01:30:00Z`, exactly this form.
pub(super) fn parse_utc(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let shape = b"dddd-dd-ddTdd:dd:ddZ";
    let fits = bytes.len() == shape.len()
        && shape.iter().zip(bytes).all(|(want, is)| if *want == b'd' { is.is_ascii_digit() } else { want == is });
    if !fits {
        return None;
    }
    let part = |from: usize, to: usize| text.get(from..to).and_then(|s| s.parse::<u64>().ok());
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *lengths.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    if year < 1970 || day == 0 || day > length || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let leaps_before = |y: u64| y / 4 - y / 100 + y / 400;
    let days_of_years = (year - 1970) * 365 + leaps_before(year - 1) - leaps_before(1969);
    let days_of_months: u64 = lengths.iter().take(usize::try_from(month - 1).ok()?).sum();
    let days = days_of_years + days_of_months + day - 1;
    Some(Timestamp::from_ms((days * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000))
}
