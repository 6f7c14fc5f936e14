//! The venue's part of a run, done again from its log alone: into an empty venue, or into one restored from a snapshot.
//!
//! Every entry that touched the venue is called again and must have the same consequences, fact by fact; every noted state must be
//! the venue's own. Nobody lives here: what agents and the bot decided is in the log.

use super::entry;
use crate::accounts::Answer;
use crate::draws::Draws;
use crate::exchange::{AccountIx, Exchange, Filter, NewError, OrderIx, PlaceRequest};
use crate::log::{LogError, LogReader, Writer};
use crate::scenario::Scenario;
use crate::tape::Grown;
use mm_core::domain::{
    ConditionId, MarketIx, NewOrder, OrderId, Outcome, Price, Qty, Side, TimeInForce, Timestamp, Token, TokenId, Usdc,
};
use serde_json::Value;
use std::io::BufRead;

/// Why a log cannot be done again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The log itself, or the first entry whose consequences are others.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The scenario makes no venue.
    #[error(transparent)]
    New(#[from] NewError),
    /// The log is of another world.
    #[error("the log is of another world: {what} {of} in it, {here} here")]
    Other {
        /// What differs.
        what: &'static str,
        /// In the log.
        of: String,
        /// Here.
        here: String,
    },
}

/// A log that was done again.
pub struct Replayed {
    /// The venue at the end of it.
    pub exchange: Exchange,
    /// Entries done.
    pub entries: u64,
    /// Noted states that were compared.
    pub states: u64,
}

/// Does a whole log again, into the empty venue of a scenario. `grown` is its recording, if it plays one.
///
/// # Errors
/// [`ReplayError`] names the first entry that differs.
pub fn replay(input: impl BufRead, scenario: &Scenario, grown: Option<Grown>) -> Result<Replayed, ReplayError> {
    let reader = open(input, scenario)?;
    let mut exchange = Exchange::with_tape(scenario, grown, scenario.start_utc)?;
    exchange.set_rendering(false);
    exchange.facts().for_each(drop);
    follow(reader, exchange, 0)
}

/// Does the tail of a log again: the entries behind event `after`, into the venue as it was then.
///
/// # Errors
/// [`ReplayError`] names the first entry that differs.
pub fn replay_tail(
    input: impl BufRead,
    scenario: &Scenario,
    exchange: Exchange,
    after: u64,
) -> Result<Replayed, ReplayError> {
    follow(open(input, scenario)?, exchange, after)
}

fn open<R: BufRead>(input: R, scenario: &Scenario) -> Result<LogReader<R>, ReplayError> {
    let reader = LogReader::new(input)?;
    let header = reader.header();
    let here = [("config", scenario.digest().to_string()), ("seed", scenario.seed.to_string())];
    for (what, here) in here {
        let of = header[what].as_str().map_or_else(|| header[what].to_string(), str::to_owned);
        if of != here {
            return Err(ReplayError::Other { what, of, here });
        }
    }
    Ok(reader)
}

fn follow<R: BufRead>(mut reader: LogReader<R>, exchange: Exchange, after: u64) -> Result<Replayed, ReplayError> {
    let mut done = Replayed { exchange, entries: 0, states: 0 };
    while let Some(entry) = reader.next_entry()? {
        let index = reader.chain().count();
        if entry["n"].as_u64().is_none_or(|n| n <= after) {
            continue;
        }
        done.step(&entry).map_err(|why| LogError::at(index, why))?;
    }
    Ok(done)
}

impl Replayed {
    fn step(&mut self, entry: &Value) -> Result<(), String> {
        if let Some(state) = entry["state"].as_str() {
            self.states += 1;
            let clock = Timestamp::from_nanos(entry["clock"].as_u64().ok_or("no clock")?);
            let here = self.exchange.state_hash_at(clock).to_string();
            self.exchange.tick(clock);
            return if state == here { Ok(()) } else { Err(format!("the state is {here}, was {state}")) };
        }
        self.entries += 1;
        let at = Timestamp::from_nanos(entry["at"].as_u64().ok_or("no time")?);
        let call = entry["do"].as_array().ok_or("nothing done")?;
        act(&mut self.exchange, at, call).ok_or_else(|| format!("{} is nothing we know", entry["do"]))?;
        let mut out = Writer::new();
        out.list();
        for fact in self.exchange.facts() {
            entry::fact(&mut out, &fact);
        }
        out.end();
        let here: Value = serde_json::from_slice(out.bytes()).map_err(|why| why.to_string())?;
        if here == entry["facts"] { Ok(()) } else { Err(format!("{here} follows, {} did", entry["facts"])) }
    }
}

/// Calls the venue as the entry says; `None` if it says nothing we know.
fn act(exchange: &mut Exchange, at: Timestamp, call: &[Value]) -> Option<()> {
    let number = |n: usize| call.get(n)?.as_u64();
    let text = |n: usize| call.get(n)?.as_str();
    let account = || Some(AccountIx(u32::try_from(number(1)?).ok()?));
    let market = |n: usize| Some(MarketIx(u16::try_from(number(n)?).ok()?));
    let qty = |n: usize| number(n).map(Qty::from_micro);
    let price = |n: usize| Price::from_ten_thousandths(u16::try_from(number(n)?).ok()?);
    let tif = |n: usize| match call.get(n)? {
        Value::String(text) => match text.as_str() {
            "GTC" => Some(TimeInForce::Gtc),
            "FOK" => Some(TimeInForce::Fok),
            "FAK" => Some(TimeInForce::Fak),
            _ => None,
        },
        end => end.as_u64().map(|nanos| TimeInForce::Gtd(Timestamp::from_nanos(nanos))),
    };
    // What a call answers does not matter here: what it did is in its facts.
    match text(0)? {
        "open" => {
            exchange.open_funded(at, text(1)?, Usdc::from_micro(number(2)?));
        }
        "tick" => exchange.tick(at),
        "submit" => {
            let token = Token { market: market(2)?, outcome: outcome(text(3)?)? };
            let (side, post_only) = (side(text(4)?)?, number(8)? == 1);
            let order = NewOrder { token, side, price: price(5)?, qty: qty(6)?, post_only, tif: tif(7)? };
            let _ = exchange.submit(at, account()?, &order);
        }
        "withdraw" => {
            exchange.withdraw_order(at, account()?, OrderIx(u32::try_from(number(2)?).ok()?));
        }
        "cancel-all" => {
            exchange.cancel_all(at, account()?);
        }
        "split" => {
            let _ = exchange.split(at, account()?, market(2)?, qty(3)?);
        }
        "merge" => {
            let _ = exchange.merge(at, account()?, market(2)?, qty(3)?);
        }
        "place" => {
            let request = PlaceRequest {
                id: OrderId::parse(text(2)?).ok()?,
                token: TokenId::parse(text(3)?).ok()?,
                side: side(text(4)?)?,
                price: price(5)?,
                qty: qty(6)?,
                tif: tif(7)?,
                post_only: number(8)? == 1,
                owner: text(9)?.to_owned(),
            };
            let _ = exchange.place(at, account()?, request);
        }
        "cancel" => {
            let ids = call.get(2..)?.iter().map(|id| OrderId::parse(id.as_str()?).ok()).collect::<Option<Vec<_>>>()?;
            exchange.cancel(at, account()?, &ids);
        }
        "cancel-market" => {
            let market = Some(ConditionId::parse(text(2)?).ok()?);
            exchange.cancel_market(at, account()?, &Filter { market, token: None });
        }
        "beat" => {
            // only the bot beats, and its key is the same in every world of the seed
            let key = super::crowd::bot_key(&Draws::new(exchange.scenario().seed));
            let _ = exchange.heartbeat(at, &key, text(2).filter(|id| !id.is_empty()));
        }
        "announce" => {
            let _ = exchange.resolve(at, market(1)?, Answer::Winner(outcome(text(2)?)?));
        }
        // what happened beside the venue
        "wake" | "hear" | "bot-turn" | "bot-hear" | "latent" | "feed" | "geoblocked" | "closed-only" | "read"
        | "subscribe" | "book" | "catalog" => {}
        _ => return None,
    }
    Some(())
}

fn outcome(text: &str) -> Option<Outcome> {
    match text {
        "yes" => Some(Outcome::Yes),
        "no" => Some(Outcome::No),
        _ => None,
    }
}

fn side(text: &str) -> Option<Side> {
    match text {
        "buy" => Some(Side::Buy),
        "sell" => Some(Side::Sell),
        _ => None,
    }
}
