//! `rewards.json` through the venue: its sampler, its days of 1,440 samples with the payout behind them, its rebates.

use mm_core::domain::{MarketIx, Nanos, Outcome, Price, Qty, RewardTerms, Side, Timestamp, Usdc, parse_decimal};
use mm_core::rewards::{Fee5, Fixed12, MidpointMode, Ratio, fee_equivalent, spread_cents};
use serde_json::{Map, Value, json};
use sim_exchange::draws::Draws;
use sim_exchange::exchange::AccountIx;
use sim_exchange::rewards::{
    Accrual, Epoch, FeeDay, MICRO, Maker, MakerPoints, Plan, Programme, Resting, Rules, Sampler, Terms,
};

/// Whose orders and fills are mine.
const ME: &str = "me";

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str, String> {
    value[key].as_str().ok_or_else(|| format!("{key} is missing or not a string"))
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>, String> {
    value[key].as_array().ok_or_else(|| format!("{key} is missing or not a list"))
}

fn units(value: &Value, key: &str, decimals: u32) -> Result<u64, String> {
    parse_decimal(text(value, key)?, decimals).map_err(|why| format!("{key}: {why}"))
}

fn qty(value: &Value, key: &str) -> Result<Qty, String> {
    units(value, key, 6).map(Qty::from_micro)
}

fn price(value: &Value, key: &str) -> Result<Price, String> {
    let n = units(value, key, Price::DECIMALS)?;
    u16::try_from(n).ok().and_then(Price::from_ten_thousandths).ok_or_else(|| format!("{key} is above one dollar"))
}

fn account(n: usize) -> Result<Maker, String> {
    u32::try_from(n).map(|n| Maker::Account(AccountIx(n))).map_err(|why| why.to_string())
}

fn terms(case: &Value) -> Result<Terms, String> {
    let market = &case["market"];
    let ratio = |key| Ok::<_, String>(Ratio::new(u128::from(units(market, key, 6)?), 1_000_000));
    let cents = u16::try_from(units(market, "rewards_max_spread", 2)?).ok().and_then(Price::from_ten_thousandths);
    Ok(Terms {
        max_spread: cents.ok_or("rewards_max_spread is above one dollar")?,
        min_size: qty(market, "rewards_min_size")?,
        min_age: Nanos::from_ms(market["min_order_age_ms"].as_u64().unwrap_or(0)),
        midpoint: serde_json::from_value::<MidpointMode>(case["midpoint_mode"].clone()).map_err(|e| e.to_string())?,
        multiplier: ratio("in_game_multiplier")?.ok_or("a million is not zero")?,
        divisor: ratio("c")?.ok_or("a million is not zero")?,
    })
}

fn resting(order: &Value, maker: Maker) -> Result<Resting, String> {
    let side = Side::parse(text(order, "side")?).ok_or("side is neither BUY nor SELL")?;
    let outcome = if text(order, "token")? == "YES" { Outcome::Yes } else { Outcome::No };
    let price = price(order, "price")?;
    let (side, price) = match outcome {
        Outcome::Yes => (side, price),
        Outcome::No => (side.other(), price.complement()),
    };
    // an order without an age is old enough
    let age = order["age_ms"].as_u64().map_or(Nanos::from_nanos(u64::MAX), Nanos::from_ms);
    Ok(Resting { maker, side, price, qty: qty(order, "size")?, age })
}

/// A score case: one sample of one market.
pub(super) fn score(case: &Value) -> Result<Value, String> {
    let terms = terms(case)?;
    let mine = list(case, "mine")?;
    let mut orders = mine.iter().map(|order| resting(order, account(0)?)).collect::<Result<Vec<_>, _>>()?;
    let (aggregate, mut names) = (case["others_mode"] == "aggregate", Vec::new());
    for other in list(case, "others")? {
        if names.is_empty() || !aggregate {
            names.push(text(other, "maker")?);
        }
        let maker = account(names.len())?;
        for order in list(other, "orders")? {
            orders.push(resting(order, maker)?);
        }
    }
    const FITS: &str = "a number does not fit 128 bits";
    let sample = Sampler::default().sample(&terms, &orders, &[]).ok_or(FITS)?;
    let dollars = |price: Price| Fixed12::from_units(u128::from(price.ten_thousandths()) * 100_000_000);
    let (unit, q_unit) = match &sample.formula {
        Some(formula) => (formula.unit().ok_or(FITS)?, formula.q_min_unit().ok_or(FITS)?),
        None => (1, 1),
    };
    let told = |points: u128, unit: u128| Fixed12::quotient(points, 1, unit).ok_or(FITS);
    let nobody = |maker| MakerPoints { maker, one: 0, two: 0, q_min: 0 };
    let points = |maker| sample.makers.iter().find(|m| m.maker == maker).copied().unwrap_or_else(|| nobody(maker));
    let mut scored = Vec::new();
    for (order, found) in orders.iter().zip(&sample.orders).take(mine.len()) {
        scored.push(json!({
            "yes_view_side": if order.side == Side::Buy { "bid" } else { "ask" },
            "spread_cents": sample.midpoint().map(|mid| spread_cents(mid, order.price)),
            "eligible": found.eligible,
            "scoring": found.points > 0,
            "score": told(found.points, unit)?,
        }));
    }
    let mut others = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let p = points(account(n + 1)?);
        let (one, two, q_min) = (told(p.one, unit)?, told(p.two, unit)?, told(p.q_min, q_unit)?);
        others.push(json!({"maker": name, "q_one": one, "q_two": two, "q_min": q_min}));
    }
    let me = points(account(0)?);
    // what the minute is worth, by the venue's own accrual of one sample
    let rate = Usdc::from_micro(units(&case["market"], "rate_per_day", 6)?);
    let mut epoch = Epoch::default();
    epoch.add(&[rate], 1, sample.total, sample.makers.iter().map(|m| (m.maker, m.q_min)));
    Ok(json!({
        "best_qualifying_bid": sample.best.map(|(bid, _)| dollars(bid)),
        "best_qualifying_ask": sample.best.map(|(_, ask)| dollars(ask)),
        "adjusted_midpoint": sample.midpoint().map(|mid| mid.fixed12()),
        "single_sided_allowed": sample.midpoint().is_some_and(|mid| mid.allows_single_sided()),
        "orders": scored,
        "q_one": told(me.one, unit)?,
        "q_two": told(me.two, unit)?,
        "q_min": told(me.q_min, q_unit)?,
        "others": others,
        "total_q_min": told(sample.total, q_unit)?,
        "share": sample.share_of(me.maker),
        "minute_reward": epoch.earned(0, Accrual::Minute, me.maker),
    }))
}

/// An epoch case: a whole UTC day at the venue. Every maker quotes as many shares on both sides, a cent from the middle, as its
/// score says, so that scores stand to each other as in the case.
pub(super) fn epoch(case: &Value) -> Result<Value, String> {
    if case["samples_per_day"] != sim_exchange::rewards::SAMPLES_PER_DAY {
        return Err("the venue's day has 1440 samples".to_owned());
    }
    let mut names: Vec<&str> = Vec::new();
    for run in list(case, "sample_runs")? {
        names.extend(run["q_min"].as_object().ok_or("q_min is not an object")?.keys().map(String::as_str));
    }
    names.sort_unstable();
    names.dedup();
    let mut out = Map::new();
    for (accrual, earned, paid) in [
        (Accrual::Day, "earned_day_normalised", "paid_day_normalised"),
        (Accrual::Minute, "earned_per_minute", "paid_per_minute"),
    ] {
        let day = one_day(case, &names, accrual)?;
        for (key, map) in [("q_epoch", day.q_epoch), ("q_final", day.q_final), (earned, day.earned), (paid, day.paid)] {
            let same = out.get(key).is_none_or(|before| *before == Value::Object(map.clone()));
            if !same {
                return Err(format!("{key} depends on the accrual"));
            }
            out.insert(key.to_owned(), Value::Object(map));
        }
    }
    Ok(Value::Object(out))
}

#[derive(Default)]
struct OneDay {
    q_epoch: Map<String, Value>,
    q_final: Map<String, Value>,
    earned: Map<String, Value>,
    paid: Map<String, Value>,
}

fn one_day(case: &Value, names: &[&str], accrual: Accrual) -> Result<OneDay, String> {
    let (draws, market) = (Draws::new(1), MarketIx(0));
    let midnight = Timestamp::from_ms(20_000 * 86_400_000);
    let rules = Rules { accrual, min_payout: Usdc::from_micro(units(case, "min_payout", 6)?), ..Rules::default() };
    let terms = RewardTerms {
        max_spread: Price::from_ten_thousandths(300).ok_or("3 cents are a price")?,
        min_size: Qty::from_micro(1),
        min_age: Nanos::ZERO,
        rate_per_day: Usdc::from_micro(units(case, "rate_per_day", 6)?),
    };
    let mut programme = Programme::new(rules, vec![Plan::default()], &draws, midnight, midnight.ms());
    for run in list(case, "sample_runs")? {
        let mut orders = Vec::new();
        for (n, name) in names.iter().enumerate().filter(|(_, name)| !run["q_min"][**name].is_null()) {
            for (side, ten_thousandths) in [(Side::Buy, 4_900), (Side::Sell, 5_100)] {
                let price = Price::from_ten_thousandths(ten_thousandths).ok_or("half a dollar is a price")?;
                let qty = qty(&run["q_min"], name)?;
                orders.push(Resting { maker: account(n)?, side, price, qty, age: Nanos::ZERO });
            }
        }
        for _ in 0..run["repeat"].as_u64().ok_or("repeat is not a number")? {
            let at = Timestamp::from_ms(programme.next_sample_ms());
            if at.day() != midnight.day() {
                return Err("more samples than a day has minutes".to_owned());
            }
            programme.begin_sample(&draws);
            programme.sample(market, at, &terms, &orders, &[]);
        }
    }
    let epoch = programme.epoch(market).ok_or("the market is there")?;
    let mut day = OneDay::default();
    let makers = epoch.makers();
    let name = |maker: Maker| match maker {
        Maker::Account(ix) => names.get(ix.0 as usize).map(|name| (*name).to_owned()),
        Maker::Recorded => None,
    };
    for maker in &makers {
        let name = name(*maker).ok_or("nobody else quotes")?;
        day.q_epoch.insert(name.clone(), json!(epoch.q_epoch(*maker)));
        day.q_final.insert(name, json!(epoch.q_final(*maker)));
    }
    programme.close(midnight.plus(Nanos::from_secs(86_400)), &[], Usdc::ZERO);
    let book = programme.day(midnight.day()).ok_or("the day was closed")?;
    for earning in &book.earnings {
        let name = name(earning.maker).ok_or("nobody else quotes")?;
        day.earned.insert(name.clone(), json!(earning.amount));
        let paid = book.payments.iter().filter(|p| p.maker == earning.maker).map(|p| p.amount.micro()).sum::<u64>();
        day.paid.insert(name, json!(Fixed12::from_units(u128::from(paid) * MICRO)));
    }
    Ok(day)
}

/// A rebate case: one market's fills of one day, every taker charged the exact fee.
pub(super) fn rebate(case: &Value) -> Result<Value, String> {
    let exponent = text(case, "exponent")?.parse::<u32>().map_err(|why| why.to_string())?;
    let rate = |key| Ok::<_, String>(Ratio::new(u128::from(units(case, key, 6)?), 1_000_000));
    let (fee_rate, share) = (rate("fee_rate")?, rate("rebate_rate")?);
    const FITS: &str = "a fee does not fit 128 bits";
    let (me, other) = (account(0)?, account(1)?);
    let (mut fills, mut parts) = (Vec::new(), vec![(me, Ratio::ZERO), (other, Ratio::ZERO)]);
    for fill in list(case, "fills")? {
        let exact = fee_equivalent(qty(fill, "shares")?, price(fill, "price")?, fee_rate.ok_or(FITS)?, exponent);
        let exact = exact.ok_or(FITS)?;
        let part = &mut parts[usize::from(text(fill, "maker")? != ME)].1;
        *part = part.checked_add(exact).ok_or(FITS)?;
        fills.push(json!({
            "fee_exact": exact.fixed12().ok_or(FITS)?,
            "fee_5dp_half_up": Fee5(exact.half_up_5().ok_or(FITS)?),
        }));
    }
    let mine = parts[0].1;
    let total = mine.checked_add(parts[1].1).ok_or(FITS)?;
    let pool = total.checked_mul(share.ok_or(FITS)?).and_then(Ratio::fixed12).ok_or(FITS)?;
    // a market without fees has no day of them
    let day = FeeDay::new(pool, parts);
    let told = |ratio: Ratio| ratio.fixed12().ok_or(FITS);
    Ok(json!({
        "fills": fills,
        "total_fee_equivalent": told(day.as_ref().map_or(Ratio::ZERO, FeeDay::total_fee_equivalent))?,
        "my_fee_equivalent": told(mine)?,
        "rebate_pool": day.as_ref().map_or(Fixed12::ZERO, FeeDay::pool),
        "my_rebate": day.map_or(Fixed12::ZERO, |day| day.rebate(me)),
    }))
}
