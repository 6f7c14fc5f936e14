//! What the desk needs of the venue's lists, and nothing else: a field it does not use can neither fail a reading nor bring an API key
//! into memory. The whole rows are [`mm_core::venue::rest::OpenOrder`] and [`mm_core::venue::rest::Trade`].

use mm_core::domain::{OrderId, Price, Qty, TokenId};
use mm_core::venue::text;
use serde::{Deserialize, Serialize};

/// An order of `GET /data/orders` and `GET /data/order/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedOrder {
    /// The order's hash.
    pub id: OrderId,
    /// `LIVE`, `MATCHED`, `CANCELED`, …
    pub status: String,
    /// Shares matched so far.
    #[serde(with = "text::qty")]
    pub size_matched: Qty,
}

/// A trade of `GET /data/trades`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedTrade {
    /// Trade id.
    pub id: String,
    /// The taker's order.
    #[serde(default)]
    pub taker_order_id: String,
    /// Shares.
    #[serde(with = "text::qty")]
    pub size: Qty,
    /// The taker's average price.
    #[serde(with = "text::matched_price")]
    pub price: Price,
    /// `MATCHED`, `MINED`, `CONFIRMED`, `RETRYING`, `FAILED`.
    pub status: String,
    /// Seconds, as text; whatever else stands there must not hide the trade.
    #[serde(default)]
    pub match_time: serde_json::Value,
    /// All makers of the trade.
    #[serde(default)]
    pub maker_orders: Vec<ListedPart>,
}

/// One maker's part of a trade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedPart {
    /// The maker order's hash.
    pub order_id: OrderId,
    /// Shares matched on this order.
    #[serde(with = "text::qty")]
    pub matched_amount: Qty,
    /// The maker's price.
    #[serde(with = "text::matched_price")]
    pub price: Price,
}

/// A book of `POST /books`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedBook {
    /// Its token.
    pub asset_id: TokenId,
    /// Bids in any order; the venue may send null for none.
    pub bids: Option<Vec<ListedLevel>>,
    /// Asks likewise.
    pub asks: Option<Vec<ListedLevel>>,
}

/// A level of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedLevel {
    /// Price of the book's token.
    #[serde(with = "text::price")]
    pub price: Price,
    /// Shares.
    #[serde(with = "text::qty")]
    pub size: Qty,
}

#[cfg(test)]
mod tests {
    use super::*;
    use mm_core::venue::rest::{OpenOrder, Page};

    /// An order as the venue lists it, with `extra` at its end.
    fn order(extra: &str) -> String {
        let id = format!("0x{}", "11".repeat(32));
        format!(
            r#"{{"id":"{id}","status":"LIVE","market":"0x{}","asset_id":"7","side":"BUY","original_size":"10","size_matched":"2.5","price":"0.4"{extra}}}"#,
            "22".repeat(32)
        )
    }

    #[test]
    fn agrees_with_the_whole_row() {
        let body = order("");
        let whole: OpenOrder = serde_json::from_str(&body).expect("a whole row");
        let listed: ListedOrder = serde_json::from_str(&body).expect("what is needed of it");
        assert_eq!(listed, ListedOrder { id: whole.id, status: whole.status, size_matched: whole.size_matched });
    }

    #[test]
    fn a_field_nobody_needs_cannot_fail_a_reading() {
        let body =
            format!(r#"{{"data":[{}],"next_cursor":"LTE="}}"#, order(r#","created_at":"2026-06-07","owner":null"#));
        assert!(serde_json::from_str::<Page<OpenOrder>>(&body).is_err());
        let page: Page<ListedOrder> = serde_json::from_str(&body).expect("the needed fields are sound");
        assert_eq!(page.data.len(), 1);
    }
}
