//! A world from a file: TOML, read strictly, checked together, then typed.
//!
//! Unknown keys are refused with their path; impossible worlds are refused; keys of later features are read and refused with
//! "not supported yet" where they would change behaviour.

mod limits;
mod reader;
mod rules;
#[cfg(test)]
mod tests;

use mm_core::domain::{ConditionId, Nanos, Price, Qty, RewardTerms, TickSize, Timestamp, TokenId, Usdc};
use reader::Keys;
pub use rules::MarketRules;
use std::path::{Path, PathBuf};

/// Why a scenario was refused.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML.
    #[error("not TOML: {0}")]
    Toml(Box<toml::de::Error>),
    /// A key is unknown, missing or impossible.
    #[error("{key}: {why}")]
    Key {
        /// Its path.
        key: String,
        /// What is wrong, and what is allowed.
        why: String,
    },
    /// Any of the above, in a file.
    #[error("{path}: {source}")]
    In {
        /// Which file.
        path: PathBuf,
        /// What.
        source: Box<ScenarioError>,
    },
}

/// A checked world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Seed of every draw.
    pub seed: u64,
    /// How long `run` lasts; `serve` has no end.
    pub duration: Nanos,
    /// First moment of a run in virtual time.
    pub start_utc: Timestamp,
    /// Rules of the whole venue.
    pub venue: Venue,
    /// What markets start from that the file does not list (those of a recording).
    pub defaults: Terms,
    /// Listed markets, in order. With a tape: facts about recorded markets, matched by `condition`.
    pub markets: Vec<MarketSpec>,
    /// The recording that drives the public book, if any.
    pub tape: Option<TapeSpec>,
}

/// Rules of the whole venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Venue {
    /// How much clients may ask.
    pub limits: crate::limits::Limits,
    /// May an account's orders match each other?
    pub self_trade: SelfTrade,
    /// Silence after which the dead-man's switch fires.
    pub heartbeat_timeout: Nanos,
    /// How often that is checked.
    pub heartbeat_check: Nanos,
    /// What every new wallet gets.
    pub wallet_usdc: Usdc,
    /// From match to `MINED`.
    pub mined: Nanos,
    /// From match to `CONFIRMED`.
    pub confirmed: Nanos,
    /// Smallest buy that may match on arrival; the venue's is one dollar.
    pub marketable_min: Usdc,
}

/// What happens when an account meets itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelfTrade {
    /// It trades with itself: no rule of the venue is documented (`clob-rest.md` section 13).
    Allow,
    /// Its resting order is cancelled and the taker goes on.
    CancelResting,
}

/// Facts of a market that may have a default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Price step; `None` is `auto`: the coarsest of 0.01, 0.001, 0.0001 that divides every recorded price.
    pub tick: Option<TickSize>,
    /// Smallest order, shares.
    pub min_order: Qty,
    /// Signed for the neg-risk exchange.
    pub neg_risk: bool,
    /// Taker fee.
    pub fee: Option<Fee>,
    /// Reward terms; `None` = not in the programme.
    pub rewards: Option<RewardTerms>,
}

/// Taker fee: shares × rate × (p(1 − p))^exponent. Makers pay nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fee {
    /// Rate in millionths.
    pub rate_micro: u64,
    /// 1 or 2.
    pub exponent: u32,
    /// Share of the fees that goes back to makers at the end of a day, in millionths. Paid at midnight UTC only: told to
    /// clients, not simulated within a run.
    pub rebate_micro: u64,
}

/// One listed market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketSpec {
    /// Its name; unique.
    pub slug: String,
    /// Its id: which recorded market this is about. Without a tape it may be left out and is then made from the slug.
    pub condition: Option<ConditionId>,
    /// Token ids of a market without a tape; made from the slug if left out.
    pub tokens: Option<[TokenId; 2]>,
    /// Names of the outcomes.
    pub outcomes: [String; 2],
    /// Its facts.
    pub terms: Terms,
    /// Where the built-in book maker centres its book; only without a tape.
    pub fair: Option<Price>,
    /// Whether the built-in book maker keeps the market's book; without it the book holds orders of accounts alone.
    pub built_in_book: bool,
    /// Delays, ticks that change, game start, answer, event.
    pub rules: MarketRules,
}

/// A recording to play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapeSpec {
    /// Frame file.
    pub file: PathBuf,
    /// Thousandths of real time: 1000 = as recorded, 10,000 = ten times faster, 0 = as fast as possible.
    pub speed_milli: u64,
    /// Slugs or condition ids to play; `None` = all.
    pub markets: Option<Vec<String>>,
}

impl Scenario {
    /// Reads and checks a file; paths inside it are relative to its folder.
    ///
    /// # Errors
    /// [`ScenarioError`] names the file and the key.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ScenarioError::Read { path: path.to_owned(), source })?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        Self::parse(&text, folder)
            .map_err(|source| ScenarioError::In { path: path.to_owned(), source: Box::new(source) })
    }

    /// Checks a scenario's text; `folder` is what paths inside it are relative to.
    ///
    /// # Errors
    /// [`ScenarioError`] names the key.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, ScenarioError> {
        let table = text.parse::<toml::Table>().map_err(|e| ScenarioError::Toml(Box::new(e)))?;
        let mut keys = Keys::new("", table);
        match keys.number("schema", 1, u64::from(u16::MAX))? {
            Some(1) => {}
            Some(n) => return Err(keys.bad("schema", format_args!("must be 1, is {n}"))),
            None => return Err(keys.bad("schema", "missing; must be 1")),
        }
        let seed = keys.number("seed", 0, i64::MAX.unsigned_abs())?.unwrap_or(0);
        let duration = Nanos::from_secs(keys.number("duration_s", 1, 604_800)?.unwrap_or(600));
        let start_utc = match keys.text("start_utc")? {
            None => return Err(keys.bad("start_utc", "missing; a moment like 2026-06-07T01:30:00Z")),
            Some(text) => parse_utc(&text)
                .ok_or_else(|| keys.bad("start_utc", format_args!("{text:?} is not like 2026-06-07T01:30:00Z")))?,
        };
        let venue = venue(keys.table("venue")?.unwrap_or_else(|| Keys::new("venue", toml::Table::new())))?;
        let base = Terms {
            tick: Some(TickSize::CENT),
            min_order: Qty::from_micro(5_000_000),
            neg_risk: false,
            fee: None,
            rewards: None,
        };
        let defaults = match keys.table("defaults")? {
            None => base,
            Some(mut table) => {
                let terms = terms(&mut table, &base)?;
                table.end()?;
                terms
            }
        };
        let tape = keys.table("tape")?.map(|table| tape(table, folder)).transpose()?;
        let mut markets = Vec::new();
        for table in keys.tables("market")? {
            markets.push(market(table, &defaults, tape.is_some())?);
        }
        later(&mut keys)?;
        keys.end()?;
        let scenario = Self { seed, duration, start_utc, venue, defaults, markets, tape };
        scenario.check()?;
        Ok(scenario)
    }

    /// What only shows when all keys are seen together.
    fn check(&self) -> Result<(), ScenarioError> {
        let bad = |key: String, why: String| Err(ScenarioError::Key { key, why });
        if self.tape.is_none() && self.markets.is_empty() {
            return bad("market".to_owned(), "a world needs a [tape] or at least one [[market]]".to_owned());
        }
        for (n, market) in self.markets.iter().enumerate() {
            let before = &self.markets[..n];
            if before.iter().any(|other| other.slug == market.slug) {
                return bad(format!("market[{n}].slug"), format!("{:?} is there twice", market.slug));
            }
            if market.condition.is_some() && before.iter().any(|other| other.condition == market.condition) {
                return bad(format!("market[{n}].condition"), "is there twice".to_owned());
            }
        }
        Ok(())
    }
}

fn venue(mut keys: Keys) -> Result<Venue, ScenarioError> {
    let limits = limits::read(&mut keys)?;
    let self_trade = match keys.text("self_trade")?.as_deref() {
        None | Some("allow") => SelfTrade::Allow,
        Some("cancel-resting") => SelfTrade::CancelResting,
        Some(other) => {
            return Err(keys.bad("self_trade", format_args!("must be \"allow\" or \"cancel-resting\", is {other:?}")));
        }
    };
    let heartbeat_timeout = keys.ms("heartbeat_timeout_ms")?.unwrap_or(Nanos::from_secs(10));
    let heartbeat_check = keys.ms("heartbeat_check_ms")?.unwrap_or(Nanos::from_secs(5));
    if heartbeat_check == Nanos::ZERO || heartbeat_timeout == Nanos::ZERO {
        return Err(keys.bad("heartbeat_check_ms", "heartbeat times must be above zero"));
    }
    let wallet_usdc = keys.usdc("wallet_usdc")?.unwrap_or(Usdc::from_micro(10_000_000_000));
    let (mut mined, mut confirmed) = (Nanos::from_ms(2_000), Nanos::from_ms(15_000));
    if let Some(mut settle) = keys.table("settle")? {
        mined = settle.ms("mined_ms")?.unwrap_or(mined);
        confirmed = settle.ms("confirmed_ms")?.unwrap_or(confirmed);
        if mined > confirmed {
            return Err(settle.bad("mined_ms", "must not be above confirmed_ms"));
        }
        settle.end()?;
    }
    if let Some(mut latency) = keys.table("latency")? {
        for key in ["feed_ms", "order_ms", "cancel_ms", "jitter_ms"] {
            if latency.ms(key)?.is_some_and(|ms| ms > Nanos::ZERO) {
                return Err(latency.bad(key, "simulated latency is not supported yet; use 0 or leave it out"));
            }
        }
        latency.end()?;
    }
    let marketable_min = keys.usdc("marketable_min_usdc")?.unwrap_or(Usdc::from_micro(1_000_000));
    keys.end()?;
    Ok(Venue { limits, self_trade, heartbeat_timeout, heartbeat_check, wallet_usdc, mined, confirmed, marketable_min })
}

/// The keys a market may take from `[defaults]`.
fn terms(keys: &mut Keys, base: &Terms) -> Result<Terms, ScenarioError> {
    let mut terms = base.clone();
    match keys.text("tick")?.as_deref() {
        None => {}
        Some("auto") => terms.tick = None,
        Some(text) => terms.tick = Some(TickSize::parse(text).map_err(|why| keys.bad("tick", why))?),
    }
    if let Some(qty) = keys.qty("min_order_shares")? {
        if !qty.is_orderable() {
            return Err(keys.bad("min_order_shares", "must be above zero and in whole hundredths"));
        }
        terms.min_order = qty;
    }
    terms.neg_risk = keys.flag("neg_risk")?.unwrap_or(terms.neg_risk);
    if let Some(mut fee) = keys.table("fee")? {
        let was = terms.fee.unwrap_or(Fee { rate_micro: 0, exponent: 1, rebate_micro: 0 });
        terms.fee = Some(Fee {
            rate_micro: fee.decimal("rate", 6, 1_000_000)?.unwrap_or(was.rate_micro),
            exponent: fee.number("exponent", 1, 2)?.map_or(was.exponent, |n| if n == 2 { 2 } else { 1 }),
            rebate_micro: fee.decimal("rebate_share", 6, 1_000_000)?.unwrap_or(was.rebate_micro),
        });
        fee.end()?;
    }
    if let Some(mut rewards) = keys.table("rewards")? {
        let was = terms.rewards.take();
        let was = was.as_ref();
        // cents with two decimals are ten-thousandths of a dollar
        let max_spread = match rewards.decimal("max_spread_cents", 2, 5_000)? {
            Some(n) => u16::try_from(n).ok().and_then(Price::from_ten_thousandths),
            None => was.map(|w| w.max_spread),
        };
        let min_size = rewards.qty("min_size_shares")?.or(was.map(|w| w.min_size));
        let min_age = rewards.ms("min_age_ms")?.or(was.map(|w| w.min_age)).unwrap_or(Nanos::ZERO);
        let rate_per_day = rewards.usdc("rate_usdc_per_day")?.or(was.map(|w| w.rate_per_day));
        let missing = |key| rewards.bad(key, "missing");
        let max_spread = max_spread.ok_or_else(|| missing("max_spread_cents"))?;
        if max_spread == Price::ZERO {
            return Err(rewards.bad("max_spread_cents", "must be above zero"));
        }
        terms.rewards = Some(RewardTerms {
            max_spread,
            min_size: min_size.ok_or_else(|| missing("min_size_shares"))?,
            min_age,
            rate_per_day: rate_per_day.ok_or_else(|| missing("rate_usdc_per_day"))?,
        });
        rewards.end()?;
    }
    Ok(terms)
}

fn market(mut keys: Keys, defaults: &Terms, taped: bool) -> Result<MarketSpec, ScenarioError> {
    let slug = keys.text("slug")?.ok_or_else(|| keys.bad("slug", "missing"))?;
    if slug.is_empty() || slug.len() > 128 || !slug.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    {
        return Err(keys.bad("slug", format_args!("{slug:?}: 1 to 128 letters, digits, - and _")));
    }
    let condition = match keys.text("condition")? {
        None if taped => {
            return Err(keys.bad("condition", "missing: with a tape it says which recorded market this is"));
        }
        None => None,
        Some(text) => Some(ConditionId::parse(&text).map_err(|why| keys.bad("condition", why))?),
    };
    let mut token = |key| match keys.text(key) {
        Ok(None) => Ok(None),
        Ok(Some(text)) => TokenId::parse(&text).map(Some).map_err(|why| keys.bad(key, why)),
        Err(why) => Err(why),
    };
    let tokens = match (token("yes")?, token("no")?) {
        (None, None) => None,
        (Some(_), Some(_)) if taped => return Err(keys.bad("yes", "the recording names the tokens")),
        (Some(yes), Some(no)) if yes != no => Some([yes, no]),
        _ => return Err(keys.bad("yes", "yes and no: two different token ids, or neither")),
    };
    let yes_name = keys.text("yes_name")?.unwrap_or_else(|| "Yes".to_owned());
    let no_name = keys.text("no_name")?.unwrap_or_else(|| "No".to_owned());
    let terms = terms(&mut keys, defaults)?;
    let fair = match keys.table("fair")? {
        None => None,
        Some(_) if taped => return Err(keys.bad("fair", "the tape makes the prices of this world")),
        Some(mut fair) => {
            let start = fair.price("start")?.ok_or_else(|| fair.bad("start", "missing"))?;
            if start.ten_thousandths() < 500 || start.ten_thousandths() > 9_500 {
                return Err(fair.bad("start", "must be 0.05..=0.95"));
            }
            for key in ["volatility_per_sqrt_h", "jumps_per_h", "jump_logit_sd"] {
                if fair.decimal(key, 6, u64::MAX)?.is_some_and(|n| n > 0) {
                    return Err(fair.bad(key, "a moving fair value is not supported yet; use 0 or leave it out"));
                }
            }
            fair.end()?;
            Some(start)
        }
    };
    if !taped && terms.tick.is_none() {
        return Err(keys.bad("tick", "auto needs a recording to look at"));
    }
    let rules = MarketRules::read(&mut keys)?;
    let built_in_book = keys.flag("built_in_book")?.unwrap_or(!taped);
    if taped && built_in_book {
        return Err(keys.bad("built_in_book", "the tape keeps the books of this world"));
    }
    keys.end()?;
    Ok(MarketSpec { slug, condition, tokens, outcomes: [yes_name, no_name], terms, fair, built_in_book, rules })
}

fn tape(mut keys: Keys, folder: &Path) -> Result<TapeSpec, ScenarioError> {
    let file = keys.text("file")?.ok_or_else(|| keys.bad("file", "missing"))?;
    let speed_milli = keys.decimal("speed", 3, 10_000_000)?.unwrap_or(1_000);
    let markets = keys.all_or_list("markets")?;
    keys.end()?;
    Ok(TapeSpec { file: folder.join(file), speed_milli, markets })
}

/// Keys of features that do not exist yet: read as strictly as the others, refused where they would change something.
fn later(keys: &mut Keys) -> Result<(), ScenarioError> {
    for mut agent in keys.tables("agent")? {
        let kind = agent.text("kind")?.ok_or_else(|| agent.bad("kind", "missing"))?;
        if !["noise", "informed", "sniper", "maker"].contains(&kind.as_str()) {
            return Err(agent.bad("kind", format_args!("{kind:?} is none of noise, informed, sniper, maker")));
        }
        if agent.number("count", 0, 10_000)?.unwrap_or(1) > 0 {
            return Err(agent.bad("count", format_args!("{kind} agents are not supported yet; use 0")));
        }
    }
    for mut fault in keys.tables("fault")? {
        let kind = fault.text("kind")?.ok_or_else(|| fault.bad("kind", "missing"))?;
        let rate = fault.decimal("rate_per_h", 6, u64::MAX)?;
        let (at_event, lasts) = (fault.number("at_event", 0, u64::MAX)?, fault.ms("lasts_ms")?);
        if rate != Some(0) || at_event.is_some() {
            return Err(
                fault.bad("kind", format_args!("fault {kind:?} is not supported yet; rate_per_h = 0 keeps the row"))
            );
        }
        let _ = lasts;
        fault.end()?;
    }
    if let Some(bot) = keys.table("bot")? {
        return Err(bot.bad("mm_core", "a bot inside the world is not supported yet"));
    }
    Ok(())
}

/// `2026-06-07T01:30:00Z`, exactly this form.
fn parse_utc(text: &str) -> Option<Timestamp> {
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
