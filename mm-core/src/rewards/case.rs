//! Score cases as JSON: what `mm-core score` reads and prints, and what the reward vectors hold.
//!
//! A case names every order of every maker, so all three midpoint modes can be told; the engine's own road
//! ([`super::score`]) sees a public book only. `yes_book` and `expect` are results, not inputs, and are not read.

use super::{Fixed12, Formula, Midpoint, MidpointMode, Ratio, Rule, ours::spread_cents};
use crate::domain::{BadDecimal, Outcome, Price, Qty, Side, Usdc, parse_decimal};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Schema of a whole vector file.
const SCHEMA: &str = "rewards-vectors/1";
/// Decimals of `in_game_multiplier` and `c`.
const RATIO_DECIMALS: u32 = 6;
/// Decimals of a spread in cents, so that it is a whole number of ten-thousandths of a dollar.
const CENTS_DECIMALS: u32 = 2;

/// Why a case could not be read or scored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// The file as a whole is not what it should be.
    #[error("{0}")]
    File(String),
    /// One case is not.
    #[error("case {case}: {problem}")]
    Case {
        /// Its id, or its place in the file where it has none.
        case: String,
        /// What is wrong, and where.
        problem: String,
    },
}

/// Who the other orders belong to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OthersMode {
    /// Each entry is a maker, scored alone.
    #[default]
    ByMaker,
    /// All entries are one anonymous book, scored as one maker.
    Aggregate,
}

/// One order of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Order {
    /// Side and price in YES terms.
    side: Side,
    price: Price,
    qty: Qty,
    /// `None`: old enough.
    age_ms: Option<u64>,
}

/// One score case: a market's terms and every order in its book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    id: String,
    min_size: Qty,
    max_spread: Price,
    rate_per_day: Usdc,
    multiplier: Ratio,
    divisor: Ratio,
    min_age_ms: u64,
    midpoint_mode: MidpointMode,
    mine: Vec<Order>,
    others: Vec<(String, Vec<Order>)>,
}

/// The answer to a case, with the keys of the vectors in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaseScore {
    /// The case's id.
    pub id: String,
    /// Best bid level that may form the midpoint; null when either side has none.
    pub best_qualifying_bid: Option<Fixed12>,
    /// Best ask level that may form the midpoint; null when either side has none.
    pub best_qualifying_ask: Option<Fixed12>,
    /// The scoring midpoint; null when nobody scores.
    pub adjusted_midpoint: Option<Fixed12>,
    /// Whether one side alone scores at this midpoint.
    pub single_sided_allowed: bool,
    /// My orders in the order given.
    pub orders: Vec<CaseOrder>,
    /// My bids in YES terms.
    pub q_one: Fixed12,
    /// My asks in YES terms.
    pub q_two: Fixed12,
    /// Both as one number.
    pub q_min: Fixed12,
    /// The other makers in the order given.
    pub others: Vec<MakerScore>,
    /// Sum over all makers, me included.
    pub total_q_min: Fixed12,
    /// My part of it; zero when nobody scores.
    pub share: Fixed12,
    /// Dollars for one minute.
    pub minute_reward: Fixed12,
}

/// One of my orders, scored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaseOrder {
    /// `bid` or `ask`.
    pub yes_view_side: &'static str,
    /// Distance from the midpoint in cents; null without one.
    pub spread_cents: Option<Fixed12>,
    /// Large and old enough and not beyond the maximum spread.
    pub eligible: bool,
    /// Scores more than nothing.
    pub scoring: bool,
    /// The score.
    pub score: Fixed12,
}

/// Another maker's score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MakerScore {
    /// The name given.
    pub maker: String,
    /// Bids in YES terms.
    pub q_one: Fixed12,
    /// Asks in YES terms.
    pub q_two: Fixed12,
    /// Both as one number.
    pub q_min: Fixed12,
}

/// Reads one case, an array of cases, or a whole vector file.
///
/// # Errors
/// [`CaseError`] names the case and what is wrong with it.
pub fn read_cases(text: &str) -> Result<Vec<Case>, CaseError> {
    let document: Value = serde_json::from_str(text).map_err(|e| CaseError::File(format!("not JSON: {e}")))?;
    let cases = match &document {
        Value::Array(cases) => cases.as_slice(),
        Value::Object(file) if file.contains_key("cases") => {
            if let Some(schema) = file.get("schema").filter(|s| s.as_str() != Some(SCHEMA)) {
                return Err(CaseError::File(format!("schema is {schema}, known is {SCHEMA:?}")));
            }
            file["cases"].as_array().ok_or_else(|| CaseError::File("\"cases\" is not an array".to_owned()))?
        }
        Value::Object(_) => std::slice::from_ref(&document),
        _ => return Err(CaseError::File("neither a case, an array of cases nor a vector file".to_owned())),
    };
    cases.iter().enumerate().map(|(i, case)| Case::read(case, i)).collect()
}

#[derive(Deserialize)]
struct RawCase {
    market: RawMarket,
    #[serde(default)]
    midpoint_mode: MidpointMode,
    #[serde(default)]
    others_mode: OthersMode,
    mine: Vec<RawOrder>,
    #[serde(default)]
    others: Vec<RawMaker>,
}

#[derive(Deserialize)]
struct RawMarket {
    rewards_min_size: String,
    rewards_max_spread: String,
    rate_per_day: String,
    #[serde(default = "one")]
    in_game_multiplier: String,
    #[serde(default = "three")]
    c: String,
    #[serde(default)]
    min_order_age_ms: u64,
}

fn one() -> String {
    "1".to_owned()
}

fn three() -> String {
    "3".to_owned()
}

#[derive(Deserialize)]
struct RawMaker {
    maker: String,
    orders: Vec<RawOrder>,
}

#[derive(Deserialize)]
struct RawOrder {
    token: String,
    side: String,
    price: String,
    size: String,
    age_ms: Option<u64>,
}

/// `path: "text" what is wrong`.
fn bad<'a>(path: &'a str, text: &'a str) -> impl Fn(BadDecimal) -> String + 'a {
    move |why| format!("{path} is {text:?}: {why}")
}

impl RawOrder {
    fn typed(&self, path: &str) -> Result<Order, String> {
        let side = match self.side.as_str() {
            "BUY" => Side::Buy,
            "SELL" => Side::Sell,
            other => return Err(format!("{path}.side is {other:?}: neither \"BUY\" nor \"SELL\"")),
        };
        let outcome = match self.token.as_str() {
            "YES" => Outcome::Yes,
            "NO" => Outcome::No,
            other => return Err(format!("{path}.token is {other:?}: neither \"YES\" nor \"NO\"")),
        };
        let price = Price::parse(&self.price).map_err(bad(&format!("{path}.price"), &self.price))?;
        let qty = Qty::parse(&self.size).map_err(bad(&format!("{path}.size"), &self.size))?;
        let (side, price) = match outcome {
            Outcome::Yes => (side, price),
            Outcome::No => (side.other(), price.complement()),
        };
        Ok(Order { side, price, qty, age_ms: self.age_ms })
    }
}

fn typed_orders(orders: &[RawOrder], path: &str) -> Result<Vec<Order>, String> {
    orders.iter().enumerate().map(|(i, order)| order.typed(&format!("{path}[{i}]"))).collect()
}

fn ratio(path: &str, text: &str) -> Result<Ratio, String> {
    let millionths = parse_decimal(text, RATIO_DECIMALS).map_err(bad(path, text))?;
    Ok(Ratio::new(u128::from(millionths), 1_000_000).expect("a million is not zero"))
}

impl Case {
    /// The id the case was given.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Reads one case from JSON; `place` names it where it has no id.
    ///
    /// # Errors
    /// [`CaseError::Case`].
    pub fn read(value: &Value, place: usize) -> Result<Self, CaseError> {
        let id = value.get("id").and_then(Value::as_str).map(str::to_owned);
        let name = id.clone().unwrap_or_else(|| format!("number {}", place + 1));
        let failed = |problem: String| CaseError::Case { case: name.clone(), problem };
        let id = id.ok_or_else(|| failed("\"id\" is missing or not a string".to_owned()))?;
        let raw = RawCase::deserialize(value).map_err(|e| failed(e.to_string()))?;
        Self::typed(id, raw).map_err(failed)
    }

    fn typed(id: String, raw: RawCase) -> Result<Self, String> {
        let market = &raw.market;
        let amount = |path: &'static str, text: &str| {
            Qty::parse(text).map_err(bad(path, text)) // shares and dollars have the same six decimals
        };
        let spread = &market.rewards_max_spread;
        let max_spread = parse_decimal(spread, CENTS_DECIMALS)
            .map_err(bad("market.rewards_max_spread", spread))
            .map(|n| u16::try_from(n).ok().and_then(Price::from_ten_thousandths))?
            .ok_or_else(|| format!("market.rewards_max_spread is {spread:?} cents: above one dollar"))?;
        let divisor = ratio("market.c", &market.c)?;
        if divisor.is_zero() {
            return Err("market.c is zero: one side cannot be divided by it".to_owned());
        }
        let mut others = Vec::with_capacity(raw.others.len());
        for (i, maker) in raw.others.iter().enumerate() {
            others.push((maker.maker.clone(), typed_orders(&maker.orders, &format!("others[{i}].orders"))?));
        }
        if raw.others_mode == OthersMode::Aggregate && others.len() > 1 {
            let name = others[0].0.clone();
            others = vec![(name, others.into_iter().flat_map(|(_, orders)| orders).collect())];
        }
        Ok(Self {
            id,
            min_size: amount("market.rewards_min_size", &market.rewards_min_size)?,
            max_spread,
            rate_per_day: Usdc::from_micro(amount("market.rate_per_day", &market.rate_per_day)?.micro()),
            multiplier: ratio("market.in_game_multiplier", &market.in_game_multiplier)?,
            divisor,
            min_age_ms: market.min_order_age_ms,
            midpoint_mode: raw.midpoint_mode,
            mine: typed_orders(&raw.mine, "mine")?,
            others,
        })
    }

    /// The case's answer by the published formula.
    ///
    /// # Errors
    /// [`CaseError::Case`] when a number does not fit 128 bits.
    pub fn score(&self) -> Result<CaseScore, CaseError> {
        self.score_under(Rule::Published)
    }

    /// The case's answer under one of the rules, the wrong ones included.
    ///
    /// # Errors
    /// [`CaseError::Case`] when a number does not fit 128 bits.
    pub fn score_under(&self, rule: Rule) -> Result<CaseScore, CaseError> {
        self.try_score(rule).ok_or_else(|| CaseError::Case {
            case: self.id.clone(),
            problem: "a score does not fit 128 bits: sizes, multiplier or divisor are too large".to_owned(),
        })
    }

    fn try_score(&self, rule: Rule) -> Option<CaseScore> {
        let Some((bid, ask)) = self.best_qualifying()? else { return Some(self.nobody()) };
        let midpoint = Midpoint::between(bid, ask);
        let formula =
            Formula { midpoint, max_spread: self.max_spread, multiplier: self.multiplier, divisor: self.divisor, rule };
        let (unit, q_unit) = (formula.unit()?, formula.q_min_unit()?);
        let mine = self.sides(&formula, &self.mine)?;
        let my_q = formula.q_min(mine.0, mine.1)?;
        let mut total = my_q;
        let mut others = Vec::with_capacity(self.others.len());
        for (maker, orders) in &self.others {
            let (one, two) = self.sides(&formula, orders)?;
            let q_min = formula.q_min(one, two)?;
            total = total.checked_add(q_min)?;
            others.push(MakerScore {
                maker: maker.clone(),
                q_one: Fixed12::quotient(one, 1, unit)?,
                q_two: Fixed12::quotient(two, 1, unit)?,
                q_min: Fixed12::quotient(q_min, 1, q_unit)?,
            });
        }
        let (share, minute_reward) = if total == 0 {
            (Fixed12::ZERO, Fixed12::ZERO)
        } else {
            (Fixed12::quotient(my_q, 1, total)?, self.minute_reward(my_q, total)?)
        };
        let orders = self.mine.iter().map(|o| self.order_score(&formula, o, unit)).collect::<Option<_>>()?;
        let dollars = |p: Price| Fixed12::from_units(u128::from(p.ten_thousandths()) * 100_000_000);
        Some(CaseScore {
            id: self.id.clone(),
            best_qualifying_bid: Some(dollars(bid)),
            best_qualifying_ask: Some(dollars(ask)),
            adjusted_midpoint: Some(midpoint.fixed12()),
            single_sided_allowed: midpoint.allows_single_sided(),
            orders,
            q_one: Fixed12::quotient(mine.0, 1, unit)?,
            q_two: Fixed12::quotient(mine.1, 1, unit)?,
            q_min: Fixed12::quotient(my_q, 1, q_unit)?,
            others,
            total_q_min: Fixed12::quotient(total, 1, q_unit)?,
            share,
            minute_reward,
        })
    }

    fn minute_reward(&self, mine: u128, total: u128) -> Option<Fixed12> {
        let rate = Ratio::new(u128::from(self.rate_per_day.micro()), 1_440_000_000)?;
        rate.checked_mul(Ratio::new(mine, total)?)?.fixed12()
    }

    fn eligible(&self, formula: &Formula, order: &Order) -> bool {
        order.qty >= self.min_size
            && order.age_ms.is_none_or(|age| age >= self.min_age_ms)
            && formula.reaches(order.price)
    }

    /// Points of bids and asks.
    fn sides(&self, formula: &Formula, orders: &[Order]) -> Option<(u128, u128)> {
        let mut sums = (0u128, 0u128);
        for order in orders.iter().filter(|o| self.eligible(formula, o)) {
            let points = formula.points(order.price, order.qty)?;
            let sum = match order.side {
                Side::Buy => &mut sums.0,
                Side::Sell => &mut sums.1,
            };
            *sum = sum.checked_add(points)?;
        }
        Some(sums)
    }

    fn order_score(&self, formula: &Formula, order: &Order, unit: u128) -> Option<CaseOrder> {
        let eligible = self.eligible(formula, order);
        let points = if eligible { formula.points(order.price, order.qty)? } else { 0 };
        Some(CaseOrder {
            yes_view_side: side_name(order.side),
            spread_cents: Some(spread_cents(formula.midpoint, order.price)),
            eligible,
            scoring: points > 0 || (eligible && formula.rule == Rule::EdgeScores),
            score: Fixed12::quotient(points, 1, unit)?,
        })
    }

    /// The outer `None` means a size does not fit, the inner that a side has no level that counts.
    #[expect(clippy::option_option, reason = "the two absences mean different things and both end here")]
    fn best_qualifying(&self) -> Option<Option<(Price, Price)>> {
        // per level: total size, largest order
        let mut levels: BTreeMap<(Side, Price), (Qty, Qty)> = BTreeMap::new();
        for order in self.mine.iter().chain(self.others.iter().flat_map(|(_, orders)| orders)) {
            let level = levels.entry((order.side, order.price)).or_default();
            *level = (level.0.checked_add(order.qty)?, level.1.max(order.qty));
        }
        let counts = |total: Qty, largest: Qty| match self.midpoint_mode {
            MidpointMode::Level => total >= self.min_size && !total.is_zero(),
            MidpointMode::Order => largest >= self.min_size && !largest.is_zero(),
            MidpointMode::Raw => !total.is_zero(),
        };
        let prices = levels.into_iter().filter(|(_, (total, largest))| counts(*total, *largest)).map(|(at, _)| at);
        let (mut bid, mut ask) = (None, None);
        for (side, price) in prices {
            match side {
                Side::Buy => bid = Some(price),
                Side::Sell => ask = ask.or(Some(price)),
            }
        }
        Some(bid.zip(ask))
    }

    /// No midpoint: nobody scores.
    fn nobody(&self) -> CaseScore {
        let order = |o: &Order| CaseOrder {
            yes_view_side: side_name(o.side),
            spread_cents: None,
            eligible: false,
            scoring: false,
            score: Fixed12::ZERO,
        };
        let maker = |(maker, _): &(String, Vec<Order>)| MakerScore {
            maker: maker.clone(),
            q_one: Fixed12::ZERO,
            q_two: Fixed12::ZERO,
            q_min: Fixed12::ZERO,
        };
        CaseScore {
            id: self.id.clone(),
            best_qualifying_bid: None,
            best_qualifying_ask: None,
            adjusted_midpoint: None,
            single_sided_allowed: false,
            orders: self.mine.iter().map(order).collect(),
            q_one: Fixed12::ZERO,
            q_two: Fixed12::ZERO,
            q_min: Fixed12::ZERO,
            others: self.others.iter().map(maker).collect(),
            total_q_min: Fixed12::ZERO,
            share: Fixed12::ZERO,
            minute_reward: Fixed12::ZERO,
        }
    }
}

const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "bid",
        Side::Sell => "ask",
    }
}
