//! The operator's own listener: the venue at a glance, and its switches. Loopback only, and off unless asked for.
//!
//! | call | body | answer |
//! | --- | --- | --- |
//! | `GET /status` | | tape, markets, accounts, `events` told so far (what `at_event` counts), `blocked` |
//! | `GET /accepted` | | every order ever accepted: `[[id, nanoseconds since 1970], …]`, oldest first |
//! | `GET /orders?address=0x…` | | every order of a wallet that is remembered, in any state, as REST lists them |
//! | `POST /take` | `{"order":"0x…","shares":1500000}`, millionths: somebody takes so much of it | `{"taken":true}` |
//! | `GET /faults` | | `{"kinds":[{"kind","row","says","moment","usual_lasts_ms","parameters":[…]}],"active":[…]}` |
//! | `POST /faults` | `{"kind":"zombie-feed","lasts_ms":30000,"tokens":1}` | `{"active":[…]}` |
//! | `POST /faults` | `{"kind":"zombie-feed","on":false}` | `{"active":[…]}` |
//! | `DELETE /faults` | | `{"active":[]}` |
//! | `POST /geoblock` | `{"blocked":true}` | `{"blocked":true}` |
//! | `POST /closed-only` | `{"closed_only":true}` | `{"active":[…]}` |
//! | `POST /mode` | `{"mode":"normal"}`, or restarting, post-only, cancel-only, disabled | `{"active":[…]}` |
//! | `POST /clock` | `{"skew_ms":-5000}`: behind the right time; 0 = right | `{"active":[…]}` |
//!
//! A fault switched on lasts until it is switched off unless `lasts_ms` says otherwise; each parameter is a number, `[smallest,
//! largest]` or one of its words, and drawn from its usual range when left out. One that is on by hand gives way to the next of
//! its kind. An active one is `{"name","kind","since_ms","until_ms","parameters":{…}}`. What is wrong with a body is said with 400.

use super::call::{Answer, ApiError, Call, Reply, step};
use super::front::{Shared, Venue};
use crate::exchange::{AccountStatus, MarketStatus};
use crate::faults::{Active, Kind, LASTS_MAX_MS, Setting, Spec, When};
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use mm_core::domain::{Nanos, OrderId, Qty, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

pub(super) fn routes(front: &Shared) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/accepted", get(accepted))
        .route("/orders", get(orders))
        .route("/take", post(take))
        .route("/faults", get(faults).post(switch).delete(all_off))
        .route("/geoblock", post(geoblock))
        .route("/closed-only", post(closed_only))
        .route("/mode", post(mode))
        .route("/clock", post(clock))
        .with_state(Arc::clone(front))
}

async fn status(State(front): State<Shared>) -> Answer {
    step(&front, |venue| {
        let status = venue.exchange.status();
        Ok(Reply::of(&json!({
            "tape_ms": status.tape_ms,
            "tape_start_ms": status.tape_start_ms,
            "tape_end_ms": status.tape_end_ms,
            "frames_sent": status.frames_sent,
            "events": venue.mishaps.events,
            "echoed": venue.mishaps.echoed,
            "blocked": venue.blocked,
            "markets": status.markets.iter().map(market).collect::<Vec<_>>(),
            "accounts": status.accounts.iter().map(account).collect::<Vec<_>>(),
        })))
    })
}

/// Every order ever accepted: `[id, nanoseconds since 1970]`, oldest first. Lets a ledger be checked against the venue.
async fn accepted(State(front): State<Shared>) -> Answer {
    step(&front, |venue| Ok(Reply::of(&venue.exchange.accepted())))
}

/// Every order of a wallet, whatever became of it: the truth that a ledger is held against.
async fn orders(State(front): State<Shared>, call: Call) -> Answer {
    let address = call.query("address").unwrap_or_default();
    step(&front, |venue| {
        let accounts = venue.exchange.status().accounts;
        let Some(row) = accounts.iter().find(|row| row.address.eq_ignore_ascii_case(address)) else {
            return Ok(Reply::of(&json!([])));
        };
        let accepted = venue.exchange.accepted();
        let own = accepted.iter().filter_map(|(id, _)| venue.exchange.order(row.account, id));
        Ok(Reply::of(&own.collect::<Vec<_>>()))
    })
}

/// Body of `POST /take`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Take {
    order: OrderId,
    shares: Qty,
}

async fn take(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        let Take { order, shares } = call.json("body must be {\"order\":\"0x…\",\"shares\":1500000}")?;
        Ok(Reply::of(&json!({"taken": venue.exchange.strike(at, &[(order, shares)])})))
    })
}

fn market(row: &MarketStatus) -> Value {
    json!({
        "condition": row.condition,
        "slug": row.slug,
        "open": row.open,
        "bid": row.bid.map(|price| price.to_string()),
        "ask": row.ask.map(|price| price.to_string()),
        "mid": row.mid,
    })
}

fn account(row: &AccountStatus) -> Value {
    json!({
        "account": row.account.0,
        "address": row.address,
        "open_orders": row.open_orders,
        "fills": row.fills,
        "usdc": row.usdc.to_string(),
        "reward_minutes": row.reward_minutes,
        "rewards_usdc": row.rewards.to_string(),
    })
}

/// Every kind with its parameters, and what is active.
async fn faults(State(front): State<Shared>) -> Answer {
    let knob = |knob: &crate::faults::Knob| {
        json!({"key": knob.key, "says": knob.says, "least": knob.least, "most": knob.most,
               "usual": [knob.usual.0, knob.usual.1], "words": knob.words})
    };
    let kind = |kind: &'static Kind| {
        json!({"kind": kind.name, "row": kind.row, "says": kind.says, "moment": kind.is_moment(),
               "usual_lasts_ms": kind.lasts_ms.map(|(lo, hi)| [lo, hi]), "parameters": kind.knobs.iter().map(knob).collect::<Vec<_>>()})
    };
    let kinds: Vec<Value> = Kind::all().map(kind).collect();
    step(&front, |venue| Ok(Reply::of(&json!({"kinds": kinds, "active": active(venue)}))))
}

fn active(venue: &Venue) -> Vec<Value> {
    let one = |active: &Active| {
        let knobs = active.kind.knobs.iter().zip(&active.values);
        let values: Map<String, Value> = knobs
            .map(|(knob, value)| {
                let shown = if knob.words.is_empty() { json!(value) } else { json!(knob.show(*value)) };
                (knob.key.to_owned(), shown)
            })
            .collect();
        json!({"name": active.name, "kind": active.kind.name, "since_ms": active.since.ms(),
               "until_ms": active.until.map(Timestamp::ms), "parameters": values})
    };
    venue.mishaps.faults.active().iter().map(one).collect()
}

fn says_active(venue: &Venue) -> Answer {
    Ok(Reply::of(&json!({"active": active(venue)})))
}

/// `{"kind": "zombie-feed", "on": true, "lasts_ms": 30000, "tokens": 1}`: `on` is true unless it says otherwise, `lasts_ms`
/// until it is switched off, each parameter its usual range, or `[smallest, largest]`, unless it is given.
async fn switch(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        let mut body: Map<String, Value> = call.json("body must be an object with \"kind\"")?;
        let name = body.remove("kind").and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default();
        let kind =
            Kind::named(&name).ok_or_else(|| ApiError::bad(&format!("kind: {name:?} is none of GET /faults")))?;
        match body.remove("on") {
            None | Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) if body.is_empty() => {
                venue.mishaps.faults.switch_off(at, Some(kind));
                venue.happen(at);
                return says_active(venue);
            }
            Some(_) => return Err(ApiError::bad("on: must be true, or false and nothing else")),
        }
        let lasts = match body.remove("lasts_ms") {
            None => None,
            Some(_) if kind.is_moment() => {
                return Err(ApiError::bad(&format!("lasts_ms: {} is over in a moment", kind.name)));
            }
            Some(ms) => match ms.as_u64().filter(|ms| (1..=LASTS_MAX_MS).contains(ms)) {
                Some(ms) => Some(Nanos::from_ms(ms)),
                None => return Err(ApiError::bad(&format!("lasts_ms: must be in 1..={LASTS_MAX_MS}"))),
            },
        };
        let mut spec = Spec::usual(kind, When::PerHour { millionths: 0 });
        for (key, value) in body {
            let setting =
                setting(&value).ok_or_else(|| ApiError::bad(&format!("{key}: a number, [a, b] or a word")))?;
            spec.set(&key, &setting).map_err(|why| ApiError::bad(&format!("{key}: {why}")))?;
        }
        spec.check().map_err(|why| ApiError::bad(&why))?;
        turn(venue, at, &spec, lasts)
    })
}

fn setting(value: &Value) -> Option<Setting> {
    match value {
        Value::String(word) => Some(Setting::Word(word.clone())),
        Value::Number(number) => number.as_u64().map(Setting::Number),
        Value::Array(ends) => match ends.as_slice() {
            [lo, hi] => Some(Setting::Between(lo.as_u64()?, hi.as_u64()?)),
            _ => None,
        },
        _ => None,
    }
}

fn turn(venue: &mut Venue, at: Timestamp, spec: &Spec, lasts: Option<Nanos>) -> Answer {
    venue.mishaps.faults.switch_on(at, spec, lasts);
    venue.happen(at);
    says_active(venue)
}

async fn all_off(State(front): State<Shared>) -> Answer {
    front.step(|venue, at| {
        venue.mishaps.faults.switch_off(at, None);
        venue.happen(at);
        says_active(venue)
    })
}

/// A kind with these parameters on, or the kind off.
fn short_cut(venue: &mut Venue, at: Timestamp, kind: &str, on: bool, settings: &[(&str, Setting)]) -> Answer {
    let kind = Kind::named(kind).expect("short cuts name kinds of the table");
    if !on {
        venue.mishaps.faults.switch_off(at, Some(kind));
        venue.happen(at);
        return says_active(venue);
    }
    let mut spec = Spec::usual(kind, When::PerHour { millionths: 0 });
    for (key, setting) in settings {
        spec.set(key, setting).map_err(|why| ApiError::bad(&format!("{key}: {why}")))?;
    }
    turn(venue, at, &spec, None)
}

/// Body of `POST /geoblock`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Geoblock {
    blocked: bool,
}

async fn geoblock(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        let Geoblock { blocked } = call.json("body must be {\"blocked\":true} or {\"blocked\":false}")?;
        short_cut(venue, at, "geoblock", blocked, &[])?;
        Ok(Reply::of(&json!({"blocked": venue.blocked})))
    })
}

/// Body of `POST /closed-only`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClosedOnly {
    closed_only: bool,
}

async fn closed_only(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        let ClosedOnly { closed_only } = call.json("body must be {\"closed_only\":true} or {\"closed_only\":false}")?;
        short_cut(venue, at, "closed-only", closed_only, &[])
    })
}

/// Body of `POST /mode`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModeBody {
    mode: String,
}

async fn mode(State(front): State<Shared>, call: Call) -> Answer {
    const MODES: [(&str, &str); 4] = [
        ("restarting", "engine-restart"),
        ("post-only", "post-only-mode"),
        ("cancel-only", "cancel-only-mode"),
        ("disabled", "trading-disabled"),
    ];
    front.step(|venue, at| {
        const WORDS: &str = "mode: must be normal, restarting, post-only, cancel-only or disabled";
        let ModeBody { mode } = call.json(WORDS)?;
        let wanted = MODES.iter().find(|(word, _)| *word == mode);
        if wanted.is_none() && mode != "normal" {
            return Err(ApiError::bad(WORDS));
        }
        for (_, kind) in MODES {
            venue.mishaps.faults.switch_off(at, Kind::named(kind));
        }
        venue.happen(at);
        match wanted {
            Some((_, kind)) => short_cut(venue, at, kind, true, &[]),
            None => says_active(venue),
        }
    })
}

/// Body of `POST /clock`: how far ahead of the right time the venue's clock is, milliseconds; behind if negative, at most a
/// day, 0 = right.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clock {
    skew_ms: i64,
}

async fn clock(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        let Clock { skew_ms } = call.json("body must be {\"skew_ms\":-5000}")?;
        let way = if skew_ms < 0 { "behind" } else { "ahead" };
        let settings = [("by_ms", Setting::Number(skew_ms.unsigned_abs())), ("to", Setting::Word(way.to_owned()))];
        short_cut(venue, at, "clock-skew", skew_ms != 0, &settings)
    })
}
