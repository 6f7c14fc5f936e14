//! Pages of the venue's lists: the cursor is the base64 of an offset.

use super::call::{ApiError, Call};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mm_core::venue::rest::{LAST_CURSOR, Page};

/// Rows on a page.
const PAGE: usize = 100;

/// The page of `rows` that the call's `next_cursor` asks for. The last page says `LTE=`, never an empty cursor: clients would
/// loop on that.
pub(super) fn page<T>(call: &Call, rows: Vec<T>) -> Result<Page<T>, ApiError> {
    page_of(call, rows, PAGE)
}

/// The same with pages of another size.
pub(super) fn page_of<T>(call: &Call, rows: Vec<T>, size: usize) -> Result<Page<T>, ApiError> {
    let offset = offset(call.query("next_cursor")).ok_or_else(|| ApiError::bad("Invalid next_cursor"))?;
    let total = rows.len();
    let data: Vec<T> = rows.into_iter().skip(offset).take(size).collect();
    let next = offset.saturating_add(data.len());
    let next_cursor =
        if next < total && !data.is_empty() { STANDARD.encode(next.to_string()) } else { LAST_CURSOR.to_owned() };
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    Ok(Page { limit: count(size), count: count(data.len()), next_cursor, data })
}

/// Where a page starts; asking behind the end gives an empty page.
fn offset(cursor: Option<&str>) -> Option<usize> {
    match cursor {
        None => Some(0),
        Some(LAST_CURSOR) => Some(usize::MAX),
        Some(cursor) => {
            let bytes = STANDARD.decode(cursor).ok()?;
            let text = String::from_utf8(bytes).ok()?;
            text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
        }
    }
}

#[cfg(test)]
mod tests {
    use super::offset;
    use mm_core::venue::rest::{FIRST_CURSOR, LAST_CURSOR};

    #[test]
    fn cursors() {
        assert_eq!(offset(None), Some(0));
        assert_eq!(offset(Some(FIRST_CURSOR)), Some(0));
        assert_eq!(offset(Some("MTAw")), Some(100));
        assert_eq!(offset(Some(LAST_CURSOR)), Some(usize::MAX));
        for bad in ["MA", "LTI=", "x", "TUE=", ""] {
            assert_eq!(offset(Some(bad)), None, "{bad}");
        }
    }
}
