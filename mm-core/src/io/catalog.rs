//! The configured markets' facts over public REST: tokens, tick, minimum size, reward terms, times. An error names the
//! market and what is missing. The start needs all of them; what is read anew later is taken market by market.

use super::clock::Reading;
use super::http::{self, HttpError};
use crate::domain::{
    ConditionId, EventId, Market, Nanos, Price, Qty, RewardTerms, Timestamp, Usdc, parse_decimal, parse_decimal_down,
};
use crate::venue::rest::{ClobMarket, ClobRewards, Page, RewardConfig, RewardMarket};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use serde::Deserialize;

mod refresh;

pub use refresh::{FAILED_MAX, refresh};

/// How many markets are asked about at once.
const PARALLEL: usize = 8;
/// A day of the calendar.
const DAY: Nanos = Nanos::from_secs(86_400);
/// Largest answer to any of these calls, in bytes.
const BODY_MAX: usize = 1024 * 1024;

/// Why the facts of a market are not known.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// No usable answer.
    #[error("market {market}: GET {path}: {source}")]
    Http {
        /// Condition id.
        market: ConditionId,
        /// What was asked.
        path: String,
        /// What happened.
        source: HttpError,
    },
    /// An answer, but not the one asked for.
    #[error("market {market}: GET {path}: status {status}: {body}")]
    Status {
        /// Condition id.
        market: ConditionId,
        /// What was asked.
        path: String,
        /// HTTP status.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
    /// A body that lacks something or says something impossible.
    #[error("market {market}: GET {path}: {why}")]
    Body {
        /// Condition id.
        market: ConditionId,
        /// What was asked.
        path: String,
        /// What is wrong with the answer.
        why: String,
    },
}

/// Asks the venue about a fixed list of markets.
#[derive(Clone, Debug)]
pub struct Catalog {
    client: reqwest::Client,
    base: String,
    /// Where the venue tells what is proposed; `None`: nobody is asked.
    gamma: Option<String>,
    conditions: Vec<ConditionId>,
    /// The time of day: pools begin and end.
    now: fn() -> Timestamp,
}

/// The part of `GET /markets/{condition}` that `/clob-markets` lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct MarketRow {
    #[serde(default)]
    active: Option<bool>,
    #[serde(default)]
    closed: Option<bool>,
    #[serde(default)]
    enable_order_book: Option<bool>,
    #[serde(default)]
    end_date_iso: Option<String>,
    /// Shared by the markets of a neg-risk event; empty elsewhere.
    #[serde(default)]
    neg_risk_market_id: Option<String>,
}

/// The part of a row of Gamma's `GET /markets` that the CLOB host tells nowhere (`clob-rest.md` section 5).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GammaRow {
    condition_id: ConditionId,
    #[serde(default)]
    uma_resolution_status: Option<String>,
}

impl GammaRow {
    /// Whether an answer is proposed, disputed or given. A word nobody knows counts as one: who knows the answer trades first.
    fn is_resolving(&self) -> bool {
        !matches!(self.uma_resolution_status.as_deref(), None | Some("" | "requested"))
    }
}

impl Catalog {
    /// A catalogue of `conditions`, asked at `base` (no slash at its end).
    #[must_use]
    pub fn new(client: reqwest::Client, base: &str, conditions: Vec<ConditionId>) -> Self {
        let now = || Timestamp::EPOCH.plus(Reading::of_system().wall);
        Self { client, base: base.trim_end_matches('/').to_owned(), gamma: None, conditions, now }
    }

    /// The same, asking Gamma at `gamma` (no path) whether answers are proposed.
    #[must_use]
    pub fn with_gamma(self, gamma: &str) -> Self {
        Self { gamma: Some(gamma.trim_end_matches('/').to_owned()), ..self }
    }

    /// The same at another time.
    #[cfg(test)]
    fn at(self, now: fn() -> Timestamp) -> Self {
        Self { now, ..self }
    }

    /// All markets, in the order of the list.
    ///
    /// # Errors
    /// The first [`CatalogError`] in that order.
    pub async fn fetch(&self) -> Result<Vec<Market>, CatalogError> {
        self.answers().try_collect().await
    }

    /// Each market or why it could not be read, in the order of the list.
    async fn look(&self) -> Vec<Result<Market, CatalogError>> {
        self.answers().collect().await
    }

    fn answers(&self) -> impl Stream<Item = Result<Market, CatalogError>> {
        let asks: Vec<_> = self.conditions.iter().map(|condition| self.market(condition)).collect();
        stream::iter(asks).buffered(PARALLEL)
    }

    async fn market(&self, condition: &ConditionId) -> Result<Market, CatalogError> {
        let terms: ClobMarket = self.get(&self.base, condition, &format!("/clob-markets/{condition}")).await?;
        // The pool and the end date live elsewhere. A venue that has no such page pays nothing and announces no end.
        let pool = self.get_known(condition, &format!("/rewards/markets/{condition}")).await?;
        let row = self.get_known(condition, &format!("/markets/{condition}")).await?;
        let market = assemble((self.now)(), condition, &terms, pool.as_ref(), row.unwrap_or_default());
        let market = market.map_err(|why| CatalogError::Body {
            market: condition.clone(),
            path: format!("/clob-markets/{condition}"),
            why,
        })?;
        Ok(Market { resolving: self.is_resolving(condition).await?, ..market })
    }

    /// A market Gamma does not list is too new for an answer, or closed, which the CLOB host tells.
    async fn is_resolving(&self, condition: &ConditionId) -> Result<bool, CatalogError> {
        let Some(gamma) = &self.gamma else { return Ok(false) };
        let rows: Vec<GammaRow> = self.get(gamma, condition, &format!("/markets?condition_ids={condition}")).await?;
        Ok(rows.iter().any(|row| row.condition_id == *condition && row.is_resolving()))
    }

    async fn get<T: for<'de> Deserialize<'de>>(
        &self,
        host: &str,
        market: &ConditionId,
        path: &str,
    ) -> Result<T, CatalogError> {
        let (status, body) = self.ask(host, market, path).await?;
        if status != 200 {
            let body = body.chars().take(200).collect();
            return Err(CatalogError::Status { market: market.clone(), path: path.to_owned(), status, body });
        }
        self.decode(market, path, &body)
    }

    /// As [`Self::get`], with 404 for "there is none".
    async fn get_known<T: for<'de> Deserialize<'de>>(
        &self,
        market: &ConditionId,
        path: &str,
    ) -> Result<Option<T>, CatalogError> {
        match self.ask(&self.base, market, path).await? {
            (404, _) => Ok(None),
            (200, body) => self.decode(market, path, &body).map(Some),
            (status, body) => {
                let body = body.chars().take(200).collect();
                Err(CatalogError::Status { market: market.clone(), path: path.to_owned(), status, body })
            }
        }
    }

    async fn ask(&self, host: &str, market: &ConditionId, path: &str) -> Result<(u16, String), CatalogError> {
        let url = format!("{host}{path}");
        http::get_text(&self.client, &url, BODY_MAX).await.map_err(|source| CatalogError::Http {
            market: market.clone(),
            path: path.to_owned(),
            source,
        })
    }

    fn decode<T: for<'de> Deserialize<'de>>(
        &self,
        market: &ConditionId,
        path: &str,
        body: &str,
    ) -> Result<T, CatalogError> {
        serde_json::from_str(body).map_err(|why| CatalogError::Body {
            market: market.clone(),
            path: path.to_owned(),
            why: why.to_string(),
        })
    }
}

/// One market from the three answers, as it is now.
fn assemble(
    at: Timestamp,
    condition: &ConditionId,
    terms: &ClobMarket,
    pool: Option<&Page<RewardMarket>>,
    row: MarketRow,
) -> Result<Market, String> {
    if terms.c != *condition {
        return Err(format!("the answer is about market {}", terms.c));
    }
    let [yes, no] = terms.t.as_slice() else {
        return Err(format!("t: {} tokens where 2 are expected", terms.t.len()));
    };
    if yes.t == no.t {
        return Err(format!("t: token {} stands for both outcomes", yes.t));
    }
    Ok(Market {
        condition: condition.clone(),
        event: event(terms.nr, row.neg_risk_market_id.as_deref())?,
        yes: yes.t.clone(),
        no: no.t.clone(),
        tick: terms.mts,
        min_order: terms.mos,
        neg_risk: terms.nr,
        ready: terms.ao
            && row.active.unwrap_or(true)
            && !row.closed.unwrap_or(false)
            && row.enable_order_book.unwrap_or(true),
        resolving: false,
        rewards: reward_terms(at, condition, terms.r.as_ref(), pool)?,
        starts: moment("gst", terms.gst.as_deref())?,
        ends: moment("end_date_iso", row.end_date_iso.as_deref())?,
    })
}

/// The event whose markets exclude each other.
fn event(neg_risk: bool, id: Option<&str>) -> Result<Option<EventId>, String> {
    match id.filter(|id| neg_risk && !id.is_empty()) {
        None => Ok(None),
        Some(id) => EventId::parse(id).map(Some).map_err(|why| format!("neg_risk_market_id: {id:?}: {why}")),
    }
}

fn moment(key: &str, text: Option<&str>) -> Result<Option<Timestamp>, String> {
    match text {
        None | Some("") => Ok(None),
        Some(text) => Timestamp::parse_iso(text).map(Some).ok_or_else(|| format!("{key}: {text:?} is not a time")),
    }
}

/// Whether a pool pays at a moment. The venue tells days, in one form or another: an end at midnight is a last day, not its beginning.
fn pays(at: Timestamp, config: &RewardConfig) -> Result<bool, String> {
    let date = |key: &str, text: Option<&str>| match text {
        Some(ms) if !ms.is_empty() && ms.bytes().all(|byte| byte.is_ascii_digit()) => {
            let why = |why| format!("rewards_config.{key}: {ms:?}: {why}");
            ms.parse().map(|ms| Some(Timestamp::from_ms(ms))).map_err(why)
        }
        // beyond what a moment can be
        Some(text) if text.get(..4).and_then(|year| year.parse().ok()).is_some_and(|year: u16| year > 2500) => {
            Ok(Some(Timestamp::MAX))
        }
        text => moment(&format!("rewards_config.{key}"), text),
    };
    let is_day = |end: &Timestamp| end.nanos().is_multiple_of(DAY.nanos());
    let begun = date("start_date", config.start_date.as_deref())?.is_none_or(|start| at >= start);
    let end = date("end_date", config.end_date.as_deref())?;
    Ok(begun && end.is_none_or(|end| at < if is_day(&end) { end.plus(DAY) } else { end }))
}

/// Terms of rewards that are paid: enabled, with both bounds, and with a pool above zero now.
fn reward_terms(
    at: Timestamp,
    condition: &ConditionId,
    terms: Option<&ClobRewards>,
    pool: Option<&Page<RewardMarket>>,
) -> Result<Option<RewardTerms>, String> {
    let Some(ClobRewards { mi: Some(min_size), ma: Some(max_spread), e: true, smoa, moas }) = terms else {
        return Ok(None);
    };
    let rates = pool.iter().flat_map(|page| &page.data).filter(|row| row.condition_id == *condition);
    let mut rate_per_day = Usdc::ZERO;
    for config in rates.flat_map(|row| &row.rewards_config) {
        let Some(rate) = config.rate_per_day.as_deref() else { continue };
        if pays(at, config)? {
            // a sponsor's sum over so many days has no last decimal
            let micro = parse_decimal_down(rate, 6).map_err(|why| format!("rate_per_day: {rate:?}: {why}"))?;
            rate_per_day = rate_per_day.saturating_add(Usdc::from_micro(micro));
        }
    }
    if rate_per_day.is_zero() {
        return Ok(None);
    }
    // Cents with two decimals are ten-thousandths of a dollar.
    let max_spread = parse_decimal(max_spread, 2)
        .ok()
        .and_then(|n| u16::try_from(n).ok())
        .and_then(Price::from_ten_thousandths)
        .ok_or_else(|| format!("r.ma: {max_spread:?} is not a spread in cents"))?;
    let min_size = Qty::parse(min_size).map_err(|why| format!("r.mi: {min_size:?}: {why}"))?;
    let min_age = if *smoa { Nanos::ZERO } else { Nanos::from_secs(moas.unwrap_or(0)) };
    Ok(Some(RewardTerms { max_spread, min_size, min_age, rate_per_day }))
}

#[cfg(test)]
mod tests;
