//! The serde road: every shape the venue has been seen to send, in any key order.
//!
//! Tolerant where the venue varies (numbers for strings, `""` and `null` for absent, older forms, unknown keys), strict
//! where a misreading would cost money (a missing side, a price outside the book, one level twice).

use super::{BadFrame, BookMessage, LevelChange, MarketFrame, PriceChange, WireEvent, WireLevels};
use crate::domain::{ConditionId, Price, Qty, Side, TickSize, TokenId};
use crate::event::{BookHash, Top};
use crate::venue::text;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::fmt;

/// Longest name of an unknown event type that is kept, in bytes.
const UNKNOWN_TYPE_MAX: usize = 64;
/// Longest last-trade price that is kept, in bytes: it is hashed as it stands.
pub(super) const LAST_TRADE_MAX: usize = 16;

/// Decodes one text frame. Text that does not begin like a JSON object or array is [`MarketFrame::Text`].
///
/// # Errors
/// [`BadFrame`] for broken JSON and for a malformed event of a known type.
pub fn decode_tolerant(text: &str) -> Result<MarketFrame, BadFrame> {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    if text.starts_with('{') {
        let head: Head<'_> = parse(text, None)?;
        decode_one(text, head.kind()).map(|event| MarketFrame::Events(vec![event]))
    } else if text.starts_with('[') {
        let heads: Vec<Head<'_>> = parse(text, None)?;
        let kinds: Vec<Kind> = heads.iter().map(Head::kind).collect();
        decode_list(text, &kinds).map(MarketFrame::Events)
    } else {
        Ok(MarketFrame::Text)
    }
}

/// Decodes the body of REST `GET /book`, or one element of `POST /books`.
///
/// # Errors
/// [`BadFrame`] names what is wrong.
pub fn decode_rest_book(text: &str) -> Result<BookMessage, BadFrame> {
    const TYPE: &str = "rest book";
    let raw: RawBook<'_> = parse(text, Some(TYPE))?;
    raw.check().map_err(|what| BadFrame::Event { event_type: TYPE, what: what.into() })
}

/// The two sides (bids lowest first, asks highest first) of a book that lost its ids in a recording.
///
/// # Errors
/// [`BadFrame`] names what is wrong.
pub fn decode_rest_levels(text: &str) -> Result<(WireLevels, WireLevels), BadFrame> {
    #[derive(Deserialize)]
    struct Sides {
        bids: Levels,
        asks: Levels,
    }
    const TYPE: &str = "rest book";
    let raw: Sides = parse(text, Some(TYPE))?;
    sides(raw.bids, raw.asks).map_err(|what| BadFrame::Event { event_type: TYPE, what: what.into() })
}

/// Serde errors as ours: without a type the frame itself is at fault.
fn parse<'a, T: Deserialize<'a>>(text: &'a str, event_type: Option<&'static str>) -> Result<T, BadFrame> {
    serde_json::from_str(text).map_err(|why| {
        let what = why.to_string().into();
        match event_type {
            Some(event_type) => BadFrame::Event { event_type, what },
            None => BadFrame::Json { what },
        }
    })
}

/// What an event says it is; everything else is skipped on the first pass.
struct Head<'a> {
    event_type: Option<Cow<'a, str>>,
}

/// By hand, because a derived struct would also read itself from a JSON array.
impl<'de> Deserialize<'de> for Head<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Head<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut head = Head { event_type: None };
                while let Some(Key(key)) = map.next_key()? {
                    if key == "event_type" {
                        if head.event_type.is_some() {
                            return Err(serde::de::Error::duplicate_field("event_type"));
                        }
                        head.event_type = Some(map.next_value::<AnyText<'de>>()?.0.unwrap_or_default());
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(head)
            }
        }
        d.deserialize_map(Keys)
    }
}

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct AnyText<'a>(#[serde(borrow, deserialize_with = "any_text")] Option<Cow<'a, str>>);

/// Any JSON value; kept if it is a string.
fn any_text<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Any<'a> {
        Text(#[serde(borrow)] Cow<'a, str>),
        Other(IgnoredAny),
    }
    Ok(match Any::deserialize(d)? {
        Any::Text(text) => Some(text),
        Any::Other(_) => None,
    })
}

/// Any JSON value; kept if it is a list of token ids.
fn any_tokens<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Vec<TokenId>>, D::Error> {
    Ok(Option::<Vec<TokenId>>::deserialize(serde_json::Value::deserialize(d)?).ok().flatten())
}

/// Any JSON value; kept if it is a whole number or the text of one.
fn any_integer<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u64>, D::Error> {
    Ok(text::integer::option::deserialize(serde_json::Value::deserialize(d)?).ok().flatten())
}

#[derive(Clone, Debug)]
enum Kind {
    Book,
    PriceChange,
    TickSizeChange,
    LastTradePrice,
    BestBidAsk,
    NewMarket,
    MarketResolved,
    Unknown(Box<str>),
}

impl Head<'_> {
    fn kind(&self) -> Kind {
        match self.event_type.as_deref().unwrap_or("") {
            "book" => Kind::Book,
            "price_change" => Kind::PriceChange,
            "tick_size_change" => Kind::TickSizeChange,
            "last_trade_price" => Kind::LastTradePrice,
            "best_bid_ask" => Kind::BestBidAsk,
            "new_market" => Kind::NewMarket,
            "market_resolved" => Kind::MarketResolved,
            other => Kind::Unknown(other[..other.floor_char_boundary(UNKNOWN_TYPE_MAX)].into()),
        }
    }
}

impl Kind {
    const fn name(&self) -> &'static str {
        match self {
            Self::Book => "book",
            Self::PriceChange => "price_change",
            Self::TickSizeChange => "tick_size_change",
            Self::LastTradePrice => "last_trade_price",
            Self::BestBidAsk => "best_bid_ask",
            Self::NewMarket => "new_market",
            Self::MarketResolved => "market_resolved",
            Self::Unknown(_) => "unknown type",
        }
    }
}

fn decode_one(text: &str, kind: Kind) -> Result<WireEvent, BadFrame> {
    let name = kind.name();
    let mut d = serde_json::Deserializer::from_str(text);
    kind.deserialize(&mut d).map_err(|why| BadFrame::Event { event_type: name, what: why.to_string().into() })
}

/// The second pass over an array: each element is read as what the first pass found it to be.
fn decode_list(text: &str, kinds: &[Kind]) -> Result<Vec<WireEvent>, BadFrame> {
    struct List<'k> {
        kinds: &'k [Kind],
        /// Where the pass stands, so that an error can name its type.
        at: usize,
    }
    impl<'de> Visitor<'de> for &mut List<'_> {
        type Value = Vec<WireEvent>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of events")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut out = Vec::with_capacity(self.kinds.len());
            for kind in self.kinds {
                match seq.next_element_seed(kind.clone())? {
                    Some(event) => out.push(event),
                    None => break,
                }
                self.at += 1;
            }
            Ok(out)
        }
    }
    let mut list = List { kinds, at: 0 };
    let result = serde_json::Deserializer::from_str(text).deserialize_seq(&mut list);
    result.map_err(|why| {
        let what = why.to_string().into();
        match kinds.get(list.at) {
            Some(kind) => BadFrame::Event { event_type: kind.name(), what },
            None => BadFrame::Json { what },
        }
    })
}

impl<'de> DeserializeSeed<'de> for Kind {
    type Value = WireEvent;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<WireEvent, D::Error> {
        let event = match self {
            Self::Book => RawBook::deserialize(d)?.check().map(WireEvent::Book),
            Self::PriceChange => RawPriceChange::deserialize(d)?.check().map(WireEvent::PriceChange),
            Self::TickSizeChange => {
                let raw = RawTickSizeChange::deserialize(d)?;
                Ok(WireEvent::TickSizeChange {
                    market: raw.market,
                    token: raw.asset_id,
                    old: raw.old_tick_size,
                    new: raw.new_tick_size,
                    venue_ms: raw.timestamp,
                })
            }
            Self::LastTradePrice => {
                let raw = RawLastTradePrice::deserialize(d)?;
                Ok(WireEvent::LastTradePrice {
                    market: raw.market,
                    token: raw.asset_id,
                    price: raw.price,
                    qty: raw.size,
                    side: raw.side,
                    venue_ms: raw.timestamp,
                })
            }
            Self::BestBidAsk => {
                let raw = RawBestBidAsk::deserialize(d)?;
                Ok(WireEvent::BestBidAsk {
                    market: raw.market,
                    token: raw.asset_id,
                    top: top(raw.best_bid, raw.best_ask),
                    venue_ms: raw.timestamp,
                })
            }
            Self::NewMarket => Ok(RawNewMarket::deserialize(d)?.into_event()),
            Self::MarketResolved => {
                let raw = RawMarketResolved::deserialize(d)?;
                Ok(WireEvent::MarketResolved {
                    market: raw.market,
                    tokens: raw.assets_ids.unwrap_or_default(),
                    winner: raw.winning_asset_id,
                    venue_ms: raw.timestamp.unwrap_or(0),
                })
            }
            Self::Unknown(event_type) => {
                IgnoredAny::deserialize(d)?;
                Ok(WireEvent::Unknown { event_type })
            }
        };
        event.map_err(serde::de::Error::custom)
    }
}

#[derive(Deserialize)]
struct RawLevel {
    #[serde(with = "text::price")]
    price: Price,
    #[serde(with = "text::qty")]
    size: Qty,
}

/// A side; `null` stands for an empty one.
type Levels = Option<Vec<RawLevel>>;

#[derive(Deserialize)]
struct RawBook<'a> {
    market: ConditionId,
    asset_id: TokenId,
    #[serde(with = "text::integer")]
    timestamp: u64,
    #[serde(default, deserialize_with = "hash")]
    hash: Option<BookHash>,
    // Present, though it may be null: a book without a side is not a book with an empty side.
    #[serde(deserialize_with = "Levels::deserialize")]
    bids: Levels,
    #[serde(deserialize_with = "Levels::deserialize")]
    asks: Levels,
    #[serde(default, with = "text::tick::option")]
    tick_size: Option<TickSize>,
    #[serde(default, with = "text::qty::option")]
    min_order_size: Option<Qty>,
    #[serde(default)]
    neg_risk: Option<bool>,
    #[serde(default, borrow, deserialize_with = "option_text")]
    last_trade_price: Option<Cow<'a, str>>,
}

impl RawBook<'_> {
    fn check(self) -> Result<BookMessage, String> {
        let (bids, asks) = sides(self.bids, self.asks)?;
        if let Some(text) = &self.last_trade_price
            && !(text.len() <= LAST_TRADE_MAX && text.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
        {
            return Err(format!("last_trade_price {text:?} is not a decimal"));
        }
        Ok(BookMessage {
            market: self.market,
            token: self.asset_id,
            bids,
            asks,
            venue_ms: self.timestamp,
            hash: self.hash,
            tick: self.tick_size,
            min_order: self.min_order_size,
            neg_risk: self.neg_risk,
            last_trade: self.last_trade_price.map(|text| text.into_owned().into()),
        })
    }
}

/// Both sides in the wire's order whatever order they came in; levels without size are no levels.
fn sides(bids: Levels, asks: Levels) -> Result<(WireLevels, WireLevels), String> {
    let read = |levels: Levels| -> Result<WireLevels, String> {
        let mut out: WireLevels =
            levels.unwrap_or_default().into_iter().map(|l| (l.price, l.size)).filter(|(_, q)| !q.is_zero()).collect();
        out.sort_unstable_by_key(|(price, _)| *price);
        for (price, _) in &out {
            in_book(*price)?;
        }
        match out.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(format!("level {} is listed twice", pair[0].0)),
            None => Ok(out),
        }
    };
    let bids = read(bids).map_err(|why| format!("bids: {why}"))?;
    let mut asks = read(asks).map_err(|why| format!("asks: {why}"))?;
    asks.reverse();
    Ok((bids, asks))
}

/// Orders rest strictly between nothing and one dollar.
fn in_book(price: Price) -> Result<(), String> {
    if price == Price::ZERO || price == Price::ONE {
        return Err(format!("price {price} is outside the book"));
    }
    Ok(())
}

#[derive(Deserialize)]
struct RawPriceChange {
    market: ConditionId,
    #[serde(with = "text::integer")]
    timestamp: u64,
    /// The current form.
    #[serde(default)]
    price_changes: Option<Vec<RawChange>>,
    /// Until September 2025: token and hash stand outside.
    #[serde(default)]
    changes: Option<Vec<RawOldChange>>,
    #[serde(default)]
    asset_id: Option<TokenId>,
    #[serde(default, deserialize_with = "hash")]
    hash: Option<BookHash>,
    /// 2024: one change, everything outside.
    #[serde(default, with = "text::price::option")]
    price: Option<Price>,
    #[serde(default, with = "text::qty::option")]
    size: Option<Qty>,
    #[serde(default, deserialize_with = "option_side")]
    side: Option<Side>,
}

#[derive(Deserialize)]
struct RawChange {
    asset_id: TokenId,
    #[serde(with = "text::price")]
    price: Price,
    #[serde(with = "text::qty")]
    size: Qty,
    #[serde(deserialize_with = "side")]
    side: Side,
    #[serde(default, deserialize_with = "hash")]
    hash: Option<BookHash>,
    #[serde(default, deserialize_with = "present_price")]
    best_bid: Option<Option<Price>>,
    #[serde(default, deserialize_with = "present_price")]
    best_ask: Option<Option<Price>>,
}

#[derive(Deserialize)]
struct RawOldChange {
    #[serde(with = "text::price")]
    price: Price,
    #[serde(with = "text::qty")]
    size: Qty,
    #[serde(deserialize_with = "side")]
    side: Side,
}

impl RawPriceChange {
    fn check(self) -> Result<PriceChange, String> {
        let flat = self.price.is_some() || self.size.is_some() || self.side.is_some();
        let changes: Vec<LevelChange> = match (self.price_changes, self.changes, flat) {
            (Some(entries), None, false) => entries
                .into_iter()
                .map(|e| LevelChange {
                    token: e.asset_id,
                    price: e.price,
                    qty: e.size,
                    side: e.side,
                    hash: e.hash,
                    top: match (e.best_bid, e.best_ask) {
                        (None, None) => None,
                        (bid, ask) => Some(top(bid.flatten(), ask.flatten())),
                    },
                })
                .collect(),
            (None, Some(entries), false) => {
                let token = self.asset_id.ok_or("asset_id is missing")?;
                entries
                    .into_iter()
                    .map(|e| LevelChange {
                        token: token.clone(),
                        price: e.price,
                        qty: e.size,
                        side: e.side,
                        hash: self.hash,
                        top: None,
                    })
                    .collect()
            }
            (None, None, true) => vec![LevelChange {
                token: self.asset_id.ok_or("asset_id is missing")?,
                price: self.price.ok_or("price is missing")?,
                qty: self.size.ok_or("size is missing")?,
                side: self.side.ok_or("side is missing")?,
                hash: self.hash,
                top: None,
            }],
            (None, None, false) => return Err("it has no changes".into()),
            _ => return Err("it mixes two forms of changes".into()),
        };
        for change in &changes {
            in_book(change.price)?;
        }
        Ok(PriceChange { market: self.market, changes, venue_ms: self.timestamp })
    }
}

#[derive(Deserialize)]
struct RawTickSizeChange {
    market: ConditionId,
    asset_id: TokenId,
    #[serde(default, with = "text::tick::option")]
    old_tick_size: Option<TickSize>,
    #[serde(with = "text::tick")]
    new_tick_size: TickSize,
    #[serde(with = "text::integer")]
    timestamp: u64,
}

#[derive(Deserialize)]
struct RawLastTradePrice {
    market: ConditionId,
    asset_id: TokenId,
    #[serde(with = "text::price")]
    price: Price,
    #[serde(with = "text::qty")]
    size: Qty,
    #[serde(deserialize_with = "side")]
    side: Side,
    #[serde(with = "text::integer")]
    timestamp: u64,
}

#[derive(Deserialize)]
struct RawBestBidAsk {
    market: ConditionId,
    asset_id: TokenId,
    #[serde(with = "text::price::option")]
    best_bid: Option<Price>,
    #[serde(with = "text::price::option")]
    best_ask: Option<Price>,
    #[serde(with = "text::integer")]
    timestamp: u64,
}

/// Arrives for every market of the venue, so it must never cost us a book of ours: only its ids and its time are read, and what is not
/// as it should be counts as not told.
#[derive(Deserialize)]
struct RawNewMarket<'a> {
    #[serde(default, borrow, deserialize_with = "any_text")]
    market: Option<Cow<'a, str>>,
    #[serde(default, borrow, deserialize_with = "any_text")]
    condition_id: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "any_tokens")]
    assets_ids: Option<Vec<TokenId>>,
    #[serde(default, deserialize_with = "any_tokens")]
    clob_token_ids: Option<Vec<TokenId>>,
    #[serde(default, deserialize_with = "any_integer")]
    timestamp: Option<u64>,
}

impl RawNewMarket<'_> {
    fn into_event(self) -> WireEvent {
        let id = |text: Option<Cow<'_, str>>| text.and_then(|text| ConditionId::parse(&text).ok());
        match id(self.condition_id).or_else(|| id(self.market)) {
            Some(condition) => WireEvent::NewMarket {
                condition,
                tokens: self.assets_ids.or(self.clob_token_ids).unwrap_or_default(),
                venue_ms: self.timestamp.unwrap_or(0),
            },
            // A market without a usable id is none we could ever trade.
            None => WireEvent::Unknown { event_type: "new_market".into() },
        }
    }
}

#[derive(Deserialize)]
struct RawMarketResolved {
    market: ConditionId,
    #[serde(default)]
    assets_ids: Option<Vec<TokenId>>,
    #[serde(default, deserialize_with = "option_token")]
    winning_asset_id: Option<TokenId>,
    #[serde(default, with = "text::integer::option")]
    timestamp: Option<u64>,
}

/// Announced prices; the venue writes `0` or `1` where a side is empty, neither of which an order can rest at.
fn top(bid: Option<Price>, ask: Option<Price>) -> Top {
    let real = |price: &Price| *price != Price::ZERO && *price != Price::ONE;
    Top { bid: bid.filter(real), ask: ask.filter(real) }
}

/// A key that is there: `null` and `""` are an empty side, a missing key is not.
#[expect(clippy::option_option, reason = "a missing key and an empty value mean different things here")]
fn present_price<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Option<Price>>, D::Error> {
    text::price::option::deserialize(d).map(Some)
}

/// The text of a string or number; `null` is `None`, `""` is kept.
fn option_text<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow, deserialize_with = "text::string_or_number")] Cow<'a, str>);
    Ok(Option::<Text<'_>>::deserialize(d)?.map(|Text(text)| text))
}

/// A hash of another form than ours is no hash: it cannot be checked, and must not stop the feed.
fn hash<'de, D: Deserializer<'de>>(d: D) -> Result<Option<BookHash>, D::Error> {
    Ok(option_text(d)?.and_then(|text| BookHash::parse(&text)))
}

fn option_token<'de, D: Deserializer<'de>>(d: D) -> Result<Option<TokenId>, D::Error> {
    match option_text(d)? {
        None => Ok(None),
        Some(text) if text.is_empty() => Ok(None),
        Some(text) => TokenId::parse(&text).map(Some).map_err(serde::de::Error::custom),
    }
}

fn option_side<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Side>, D::Error> {
    match option_text(d)? {
        None => Ok(None),
        Some(text) if text.is_empty() => Ok(None),
        Some(text) => match Side::parse(&text) {
            Some(side) => Ok(Some(side)),
            None => Err(serde::de::Error::custom(format_args!("side {text:?} is neither BUY nor SELL"))),
        },
    }
}

fn side<'de, D: Deserializer<'de>>(d: D) -> Result<Side, D::Error> {
    option_side(d)?.ok_or_else(|| serde::de::Error::custom("side is empty"))
}
