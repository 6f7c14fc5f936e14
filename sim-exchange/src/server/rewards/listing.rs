//! Filters and orders of the long listings of reward markets.

use super::super::call::{ApiError, Call};
use super::super::front::Venue;
use super::super::gamma::{event_id, event_slug};
use super::super::markets::{decimal, number};
use super::super::prices::{midpoint, top_of};
use super::pools::competitiveness;
use crate::exchange::MarketInfo;
use crate::rewards::PoolView;
use mm_core::domain::{Timestamp, parse_decimal};
use mm_core::rewards::Fixed12;
use serde_json::{Value, json};

/// Rows of a page if the call does not say, and at most.
const PAGE: usize = 100;
const PAGE_MAX: usize = 500;

/// What a market is found and put in order by. Amounts are millionths.
#[derive(Clone, Debug, Default)]
pub(super) struct Listed {
    market_id: usize,
    question: String,
    event_id: String,
    event: String,
    created_ms: u64,
    volume: u64,
    spread: u64,
    price: u64,
    /// Against the price of a day ago, or of the first minute known.
    change: i64,
    competitiveness: u128,
    max_spread: u64,
    min_size: u64,
    rate: u64,
    start: u64,
    reward_end: u64,
    end: u64,
    /// What the caller earned, and its percentage; only where a caller is known.
    pub(super) earnings: u128,
    pub(super) percentage: u128,
}

impl Listed {
    pub(super) fn of(
        venue: &mut Venue,
        at: Timestamp,
        market_id: usize,
        info: &MarketInfo,
        pools: &[PoolView],
    ) -> Self {
        let (bid, ask) = top_of(venue, &info.market.yes);
        let ten_thousandths = |price: mm_core::domain::Price| u64::from(price.ten_thousandths());
        let spread = bid.zip(ask).map_or(0, |(bid, ask)| ten_thousandths(ask).saturating_sub(ten_thousandths(bid)));
        let price = midpoint(venue, &info.market.yes).and_then(|mid| parse_decimal(&mid, 6).ok()).unwrap_or(0);
        let terms = info.market.rewards.as_ref();
        let created_ms = pools.iter().map(|pool| pool.from.ms()).min().unwrap_or(0);
        Self {
            market_id,
            question: info.slug.clone(),
            event_id: event_id(info),
            event: event_slug(info),
            created_ms,
            volume: venue.records.volume(&info.market.condition),
            spread: spread * 100,
            price,
            change: day_change(venue, at, info, price),
            competitiveness: competitiveness(venue, at, info).units(),
            max_spread: terms.map_or(0, |terms| ten_thousandths(terms.max_spread) * 100),
            min_size: terms.map_or(0, |terms| terms.min_size.micro()),
            rate: pools.iter().fold(0, |sum, pool| sum.saturating_add(pool.rate_per_day.micro())),
            start: created_ms,
            reward_end: pools.iter().filter_map(|pool| pool.until).map(Timestamp::ms).max().unwrap_or(u64::MAX),
            end: info.market.ends.map_or(u64::MAX, Timestamp::ms),
            earnings: 0,
            percentage: 0,
        }
    }
}

impl Listed {
    /// Whether anybody but a maker with this share scores there.
    pub(super) fn has_others(&self, share: Fixed12) -> bool {
        let one = 1_000_000_000_000;
        self.competitiveness > 0 && share.units() < one
    }
}

/// Price now less the price a day ago, or in the first minute that is known.
fn day_change(venue: &Venue, at: Timestamp, info: &MarketInfo, price: u64) -> i64 {
    let since = at.secs().saturating_sub(86_400);
    let then = venue.records.prices(&info.market.yes).find(|point| point.secs >= since);
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    // points count hundred-thousandths
    then.map_or(0, |point| signed(price) - signed(u64::from(point.mid) * 10))
}

/// A listed row with what only the long listing tells.
pub(super) fn shown(listed: &Listed, mut row: Value) -> Value {
    row["market_id"] = json!(listed.market_id.to_string());
    row["spread"] = number(&decimal(listed.spread, 6));
    row["volume_24hr"] = number(&decimal(listed.volume, 6));
    row["created_at"] = json!(listed.created_ms);
    let sign = if listed.change < 0 { "-" } else { "" };
    row["one_day_price_change"] = number(&format!("{sign}{}", decimal(listed.change.unsigned_abs(), 6)));
    row["group_item_title"] = json!("");
    row["event_id"] = json!(listed.event_id);
    row["end_date"] = if listed.end == u64::MAX { Value::Null } else { json!(listed.end) };
    row
}

/// What rows are put in order by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    MarketId,
    CreatedAt,
    Volume,
    Spread,
    Competitiveness,
    MaxSpread,
    MinSize,
    Question,
    Change,
    Rate,
    Price,
    EndDate,
    StartDate,
    RewardEndDate,
    Earnings,
    Percentage,
}

/// The venue's names of them.
const KEYS: [(&str, Key); 16] = [
    ("market_id", Key::MarketId),
    ("created_at", Key::CreatedAt),
    ("volume_24hr", Key::Volume),
    ("spread", Key::Spread),
    ("competitiveness", Key::Competitiveness),
    ("max_spread", Key::MaxSpread),
    ("min_size", Key::MinSize),
    ("question", Key::Question),
    ("one_day_price_change", Key::Change),
    ("rate_per_day", Key::Rate),
    ("price", Key::Price),
    ("end_date", Key::EndDate),
    ("start_date", Key::StartDate),
    ("reward_end_date", Key::RewardEndDate),
    ("earnings", Key::Earnings),
    ("earning_percentage", Key::Percentage),
];

/// What a call asks of a long listing.
pub(super) struct Asked {
    texts: [Option<String>; 5],
    ranges: [(u64, u64); 3],
    order: Option<Key>,
    descending: bool,
    pub(super) page_size: usize,
}

impl Asked {
    pub(super) fn read(call: &Call) -> Result<Self, ApiError> {
        let bad = |name: &str| ApiError::bad(&format!("Invalid {name}"));
        // zero switches a bound off
        let bound = |name: &str| match call.query(name) {
            None => Ok(0),
            Some(text) => parse_decimal(text, 6).map_err(|_| bad(name)),
        };
        let range = |name: &str| Ok::<_, ApiError>((bound(&format!("min_{name}"))?, bound(&format!("max_{name}"))?));
        let order = match call.query("order_by") {
            None => None,
            Some(text) => {
                let known = KEYS.iter().find(|(name, _)| *name == text);
                Some(known.ok_or_else(|| bad("order_by"))?.1)
            }
        };
        let descending = match call.query("position") {
            None => false,
            Some(text) if text.eq_ignore_ascii_case("ASC") => false,
            Some(text) if text.eq_ignore_ascii_case("DESC") => true,
            Some(_) => return Err(bad("position")),
        };
        let page_size = match call.query("page_size").map(str::parse::<usize>) {
            None => PAGE,
            Some(Ok(size)) if (1..=PAGE_MAX).contains(&size) => size,
            Some(_) => return Err(bad("page_size")),
        };
        let text = |name| call.query(name).map(str::to_lowercase);
        Ok(Self {
            texts: ["q", "tag_slug", "market_id", "event_id", "event_title"].map(text),
            ranges: [range("volume_24hr")?, range("spread")?, range("price")?],
            order,
            descending,
            page_size,
        })
    }

    pub(super) fn wants(&self, row: &Listed) -> bool {
        let [q, tag, market_id, event_id, event] = &self.texts;
        let is = |asked: &Option<String>, value: &str| asked.as_ref().is_none_or(|asked| asked == value);
        let has = |asked: &Option<String>, value: &str| {
            asked.as_ref().is_none_or(|asked| value.to_lowercase().contains(asked.as_str()))
        };
        // markets here carry no tags
        tag.is_none()
            && has(q, &row.question)
            && is(market_id, &row.market_id.to_string())
            && is(event_id, &row.event_id)
            && has(event, &row.event)
            && self.ranges.iter().zip([row.volume, row.spread, row.price]).all(|((min, max), value)| {
                // the lower bound is outside, the upper inside
                (*min == 0 || value > *min) && (*max == 0 || value <= *max)
            })
    }

    /// Puts rows in the order asked for; those that are equal stay in the venue's.
    pub(super) fn sort<T>(&self, rows: &mut [(Listed, T)]) {
        let Some(order) = self.order else { return };
        let number = |row: &Listed| match order {
            Key::MarketId => row.market_id as u128,
            Key::CreatedAt => u128::from(row.created_ms),
            Key::Volume => u128::from(row.volume),
            Key::Spread => u128::from(row.spread),
            Key::Competitiveness => row.competitiveness,
            Key::MaxSpread => u128::from(row.max_spread),
            Key::MinSize => u128::from(row.min_size),
            Key::Rate => u128::from(row.rate),
            Key::Price => u128::from(row.price),
            Key::EndDate => u128::from(row.end),
            Key::StartDate => u128::from(row.start),
            Key::RewardEndDate => u128::from(row.reward_end),
            Key::Earnings => row.earnings,
            Key::Percentage => row.percentage,
            Key::Question | Key::Change => 0,
        };
        rows.sort_by(|(a, _), (b, _)| {
            let rising = match order {
                Key::Question => a.question.cmp(&b.question),
                Key::Change => a.change.cmp(&b.change),
                _ => number(a).cmp(&number(b)),
            };
            if self.descending { rising.reverse() } else { rising }
        });
    }
}
