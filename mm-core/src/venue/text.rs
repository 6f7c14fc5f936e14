//! Serde helpers for the venue's habit of writing numbers as strings (and now and then the other way round).

use serde::{Deserialize, Deserializer, Serializer, de};
use std::borrow::Cow;
use std::fmt::Display;

/// The text of a JSON string or number; other values are an error.
///
/// # Errors
/// When the value is neither a string nor a number.
pub fn string_or_number<'de, D: Deserializer<'de>>(d: D) -> Result<Cow<'de, str>, D::Error> {
    struct Visitor;
    impl<'de> de::Visitor<'de> for Visitor {
        type Value = Cow<'de, str>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a string or a number")
        }
        fn visit_borrowed_str<E: de::Error>(self, v: &'de str) -> Result<Self::Value, E> {
            Ok(Cow::Borrowed(v))
        }
        fn visit_str<E: de::Error>(self, v: &str) -> Result<Self::Value, E> {
            Ok(Cow::Owned(v.to_owned()))
        }
        fn visit_u64<E: de::Error>(self, v: u64) -> Result<Self::Value, E> {
            Ok(Cow::Owned(v.to_string()))
        }
        fn visit_i64<E: de::Error>(self, v: i64) -> Result<Self::Value, E> {
            Ok(Cow::Owned(v.to_string()))
        }
        fn visit_f64<E: de::Error>(self, v: f64) -> Result<Self::Value, E> {
            // Shortest text that names the same double: the decimal the venue wrote, for every size of number it sends.
            Ok(Cow::Owned(v.to_string()))
        }
    }
    d.deserialize_any(Visitor)
}

/// Reads a unit from a string or number through its own parser.
///
/// # Errors
/// When the value has another JSON type, or the parser refuses its text.
fn parsed<'de, D: Deserializer<'de>, T, E: Display>(d: D, parse: impl Fn(&str) -> Result<T, E>) -> Result<T, D::Error> {
    let text = string_or_number(d)?;
    parse(&text).map_err(|why| de::Error::custom(format_args!("{text:?}: {why}")))
}

/// As [`parsed`], with `null` and `""` read as absent.
fn parsed_option<'de, D: Deserializer<'de>, T, E: Display>(
    d: D,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, D::Error> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow, deserialize_with = "string_or_number")] Cow<'a, str>);
    match Option::<Text<'_>>::deserialize(d)? {
        None => Ok(None),
        Some(Text(text)) if text.is_empty() => Ok(None),
        Some(Text(text)) => parse(&text).map(Some).map_err(|why| de::Error::custom(format_args!("{text:?}: {why}"))),
    }
}

macro_rules! text_module {
    ($(#[$doc:meta])* $name:ident, $type:ty, $parse:expr) => {
        $(#[$doc])*
        pub mod $name {
            use super::*;
            /// Writes a string.
            ///
            /// # Errors
            /// Only those of the serializer.
            pub fn serialize<S: Serializer>(v: &$type, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(v)
            }
            /// Reads a string or a number.
            ///
            /// # Errors
            /// When the text is refused by the unit's parser.
            pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<$type, D::Error> {
                parsed(d, $parse)
            }
            /// The same for a value that may be absent: `null` and `""` are `None`.
            pub mod option {
                use super::*;
                /// Writes a string, `""` for none.
                ///
                /// # Errors
                /// Only those of the serializer.
                pub fn serialize<S: Serializer>(v: &Option<$type>, s: S) -> Result<S::Ok, S::Error> {
                    match v {
                        Some(v) => s.collect_str(v),
                        None => s.serialize_str(""),
                    }
                }
                /// Reads a string or a number; `null` and `""` are `None`.
                ///
                /// # Errors
                /// When the text is refused by the unit's parser.
                pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<$type>, D::Error> {
                    parsed_option(d, $parse)
                }
            }
        }
    };
}

text_module!(
    /// A [`crate::domain::Price`] as a decimal string.
    price,
    crate::domain::Price,
    crate::domain::Price::parse
);
text_module!(
    /// A [`crate::domain::Qty`] as a decimal string of shares.
    qty,
    crate::domain::Qty,
    crate::domain::Qty::parse
);
text_module!(
    /// A [`crate::domain::TickSize`] as a decimal string.
    tick,
    crate::domain::TickSize,
    crate::domain::TickSize::parse
);
text_module!(
    /// An unsigned integer as a string of digits.
    integer,
    u64,
    str::parse::<u64>
);

/// A [`Price`] of a match. The venue divides amounts to get it, so it may carry more decimals than any order
/// (`0.4300000444600143` was recorded): it is rounded to the nearest ten-thousandth.
pub mod matched_price {
    use super::*;
    use crate::domain::Price;

    /// Writes a string.
    ///
    /// # Errors
    /// Only those of the serializer.
    pub fn serialize<S: Serializer>(v: &Price, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(v)
    }

    /// Reads a string or a number.
    ///
    /// # Errors
    /// When the text is no decimal in `0..=1`.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Price, D::Error> {
        parsed(d, parse)
    }

    fn parse(text: &str) -> Result<Price, crate::domain::BadDecimal> {
        const DECIMALS: usize = Price::DECIMALS as usize;
        let fine = text
            .split_once('.')
            .filter(|(_, rest)| rest.len() > DECIMALS && rest.bytes().all(|byte| byte.is_ascii_digit()));
        let Some((whole, rest)) = fine else { return Price::parse(text) };
        let cut = Price::parse(&format!("{whole}.{}", &rest[..DECIMALS]))?;
        let up = rest.as_bytes()[DECIMALS] >= b'5';
        cut.checked_add(u16::from(up)).ok_or(crate::domain::BadDecimal::TooLarge)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn rounds_to_the_nearest() {
            for (text, rounded) in
                [("0.4300000444600143", "0.43"), ("0.57", "0.57"), ("0.12345", "0.1235"), ("1.0000", "1")]
            {
                assert_eq!(parse(text).expect(text).to_string(), rounded);
            }
            for text in ["1.00005", "0.4300000x", "2", ""] {
                assert!(parse(text).is_err(), "{text}");
            }
        }
    }
}
