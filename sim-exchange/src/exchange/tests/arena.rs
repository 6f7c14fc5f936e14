//! Worlds of accounts alone: no recording, no built-in book.

use super::*;
use mm_core::domain::{MarketIx, NewOrder, Outcome, Token};

/// A world of markets with these keys, one `[[market]]` a line of `markets`.
pub(super) fn arena(venue: &str, defaults: &str, markets: &[&str]) -> Exchange {
    Exchange::with_tape(&scenario(venue, defaults, markets), None, START).expect("the world begins")
}

pub(super) fn scenario(venue: &str, defaults: &str, markets: &[&str]) -> Scenario {
    let mut text = format!(
        "schema = 1\nseed = 1\nstart_utc = \"2026-01-01T00:00:00Z\"\n[venue]\nwallet_usdc = \"1000\"\n{venue}\n[defaults]\n{defaults}\n"
    );
    for (n, keys) in markets.iter().enumerate() {
        write!(text, "[[market]]\nslug = \"m{n}\"\nbuilt_in_book = false\n{keys}\n")
            .expect("a string takes everything");
    }
    Scenario::parse(&text, Path::new(".")).expect("the scenario is sound")
}

pub(super) const fn token(market: u16, outcome: Outcome) -> Token {
    Token { market: MarketIx(market), outcome }
}

/// `yes buy 0.45 10 [gtc|fok|fak|gtdMS] [post]`, in market 0 unless the first word is `1:yes`.
pub(super) fn wants(text: &str) -> NewOrder {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (market, outcome) = words[0].split_once(':').unwrap_or(("0", words[0]));
    let tif = match words.get(4) {
        Some(&"fok") => TimeInForce::Fok,
        Some(&"fak") => TimeInForce::Fak,
        Some(w) if w.starts_with("gtd") => {
            TimeInForce::Gtd(at(w.trim_start_matches("gtd").parse::<u64>().expect("milliseconds")))
        }
        _ => TimeInForce::Gtc,
    };
    NewOrder {
        token: token(market.parse().expect("a row"), if outcome == "yes" { Outcome::Yes } else { Outcome::No }),
        side: Side::parse(words[1]).expect("a side"),
        price: Price::parse(words[2]).expect("a price"),
        qty: Qty::parse(words[3]).expect("a size"),
        post_only: words.last() == Some(&"post"),
        tif,
    }
}

pub(super) const fn shares(n: u64) -> Qty {
    Qty::from_micro(n * 1_000_000)
}

/// What the exchange tells, one line a fact.
pub(super) fn told(exchange: &mut Exchange) -> String {
    exchange.check().expect("every promise holds");
    let mut out = String::new();
    for fact in exchange.facts() {
        let line = match fact {
            Fact::Level { side, price, qty, .. } => format!("level {side} {price} x {qty}"),
            Fact::Print { outcome, side, price, qty, .. } => format!("print {outcome} {side} {price} x {qty}"),
            Fact::Whole { outcome, .. } => format!("whole {outcome}"),
            Fact::Tick { old, new, .. } => format!("tick {old} -> {new}"),
            Fact::Opened { market } => format!("opened {}", market.0),
            Fact::Closed { market } => format!("closed {}", market.0),
            Fact::Resolved { market, winner } => format!("resolved {} {winner:?}", market.0),
            Fact::Order { account, order, change, matched, left } => {
                format!("a{} order {} {change:?} matched {matched} left {left}", account.0, order.0)
            }
            Fact::Fill { account, order, trade, outcome, side, price, qty, taker, .. } => {
                let role = if taker { "taker" } else { "maker" };
                format!("a{} order {} trade {} {role} {outcome} {side} {price} x {qty}", account.0, order.0, trade.0)
            }
            Fact::Paid { account, kind, amount } => format!("a{} {} {amount}", account.0, kind.name()),
            Fact::Trade { trade, stage } => format!("trade {} {}", trade.0, stage.word()),
        };
        writeln!(out, "{line}").expect("a string takes everything");
    }
    exchange.drain();
    out
}

/// Two wallets with 100 of both tokens of every market.
pub(super) fn two(exchange: &mut Exchange) -> (AccountIx, AccountIx) {
    let both = ["0xAA", "0xBB"].map(|address| exchange.open_account(at(0), address));
    for account in both {
        for market in 0..exchange.markets().len() {
            let market = MarketIx(u16::try_from(market).expect("few markets"));
            exchange.split(at(0), account, market, shares(100)).expect("the wallet is rich enough");
        }
    }
    exchange.drain();
    (both[0], both[1])
}
