//! `[feed]`: where the public data comes from, and when it is doubted.

use super::{ConfigError, RawFeed, in_range, less, ms, url};
use crate::domain::Nanos;
use serde::Serialize;

/// Most tokens on one connection: beyond it the venue sends no first books (`clob-streams.md`).
pub const TOKENS_PER_LINK_MAX: u16 = 500;

/// Public feed: addresses and watchdogs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Feed {
    /// Market channel, `ws://` or `wss://`.
    pub ws_url: String,
    /// Public REST, `http://` or `https://`.
    pub rest_url: String,
    /// Public REST of the markets' metadata, which alone tells of proposed answers; `None`: not asked.
    pub gamma_url: Option<String>,
    /// Tokens on one connection; even, so that a market is never split.
    pub tokens_per_link: u16,
    /// Between two text `PING`s.
    pub ping_every: Nanos,
    /// No `PONG` for this long: reconnect.
    pub pong_timeout: Nanos,
    /// No data on a link for this long: ask REST whether it is only quiet.
    pub probe_after: Nanos,
    /// No data and no REST answer for this long: the link's books are unsynced.
    pub dead_after: Nanos,
    /// No book after subscribing for this long: ask REST.
    pub snapshot_wait: Nanos,
    /// Crossed or off the announced top for this long: suspect.
    pub suspect_after: Nanos,
    /// Between two comparisons of one market's book with the venue's hash.
    pub hash_every: Nanos,
    /// Not the hash the venue told, in spite of every candidate, for this long: suspect.
    pub hash_grace: Nanos,
    /// Between two REST comparisons of the rotation, which takes the book that has gone without one the longest.
    pub witness_every: Nanos,
    /// The last comparison of a market where our orders rest is at most this old.
    pub witness_quoted: Nanos,
    /// No data of a market that is to be quoted for this long: ask REST about it.
    pub market_probe: Nanos,
    /// All comparisons and probes together.
    pub rest_calls_per_second: u32,
    /// Between two looks at the markets' facts: tick, minimum size, reward terms, times.
    /// A market that five looks in a row cannot read is not quoted until one can.
    pub catalog_every: Nanos,
    /// A connection is replaced after this, without a gap; `None`: never.
    pub renew_every: Option<Nanos>,
    /// First wait before a reconnect.
    pub reconnect_min: Nanos,
    /// Longest wait before a reconnect.
    pub reconnect_max: Nanos,
}

/// Checks `[feed]` for so many `[[market]]` blocks.
pub(super) fn check(raw: &RawFeed, markets: usize) -> Result<Feed, ConfigError> {
    let tokens_per_link = in_range("feed.tokens_per_link", raw.tokens_per_link, 2, TOKENS_PER_LINK_MAX)?;
    if tokens_per_link % 2 != 0 {
        return Err(ConfigError::value(
            "feed.tokens_per_link",
            tokens_per_link,
            "must be even: a market is two tokens",
        ));
    }
    less(
        ("feed.ping_every_ms", raw.ping_every_ms),
        ("feed.pong_timeout_ms", raw.pong_timeout_ms),
        "a PONG cannot be late before a PING was due",
    )?;
    less(
        ("feed.probe_after_ms", raw.probe_after_ms),
        ("feed.dead_after_ms", raw.dead_after_ms),
        "a link must be probed before it is given up",
    )?;
    less(
        ("feed.reconnect_min_ms", raw.reconnect_min_ms),
        ("feed.reconnect_max_ms", raw.reconnect_max_ms.saturating_add(1)),
        "the first wait cannot be longer than the longest",
    )?;
    let market_probe_ms = raw.market_probe_ms.unwrap_or(raw.dead_after_ms / 2);
    less(
        ("feed.market_probe_ms", market_probe_ms),
        ("feed.dead_after_ms", raw.dead_after_ms),
        "a market must be asked about before it is given up",
    )?;
    let rest_calls_per_second = in_range("feed.rest_calls_per_second", raw.rest_calls_per_second, 1, 100)?;
    // every market silent, or every market compared ahead of its time, whichever asks more often
    let each_ms = market_probe_ms.min(raw.witness_quoted_ms / 4 * 3).max(1);
    let needed = (u64::try_from(markets).unwrap_or(u64::MAX).saturating_mul(1_000)).div_ceil(each_ms);
    if needed > u64::from(rest_calls_per_second) {
        return Err(ConfigError::value(
            "feed.rest_calls_per_second",
            rest_calls_per_second,
            format!("must be at least {needed}: {markets} markets, each asked about every {each_ms} ms"),
        ));
    }
    Ok(Feed {
        ws_url: url("feed.ws_url", &raw.ws_url, ["wss://", "ws://"])?,
        rest_url: url("feed.rest_url", &raw.rest_url, ["https://", "http://"])?,
        gamma_url: match raw.gamma_url.as_str() {
            "" => None,
            gamma => Some(url("feed.gamma_url", gamma, ["https://", "http://"])?),
        },
        tokens_per_link,
        ping_every: ms("feed.ping_every_ms", raw.ping_every_ms, 1_000, 60_000)?,
        pong_timeout: ms("feed.pong_timeout_ms", raw.pong_timeout_ms, 1_000, 300_000)?,
        probe_after: ms("feed.probe_after_ms", raw.probe_after_ms, 100, 600_000)?,
        dead_after: ms("feed.dead_after_ms", raw.dead_after_ms, 200, 3_600_000)?,
        snapshot_wait: ms("feed.snapshot_wait_ms", raw.snapshot_wait_ms, 100, 600_000)?,
        suspect_after: ms("feed.suspect_after_ms", raw.suspect_after_ms, 0, 60_000)?,
        // a doubt waits half a second for a trade that is late: another check sooner would put it off for ever
        hash_every: ms("feed.hash_every_ms", raw.hash_every_ms, 1_000, 3_600_000)?,
        hash_grace: ms("feed.hash_grace_ms", raw.hash_grace_ms, 500, 600_000)?,
        witness_every: ms("feed.witness_every_ms", raw.witness_every_ms, 50, 3_600_000)?,
        witness_quoted: ms("feed.witness_quoted_ms", raw.witness_quoted_ms, 1_000, 3_600_000)?,
        market_probe: ms("feed.market_probe_ms", market_probe_ms, 50, 3_600_000)?,
        rest_calls_per_second,
        catalog_every: ms("feed.catalog_every_ms", raw.catalog_every_ms, 1_000, 3_600_000)?,
        renew_every: match raw.renew_every_ms {
            0 => None,
            renew => Some(ms("feed.renew_every_ms", renew, 10_000, 86_400_000)?),
        },
        reconnect_min: ms("feed.reconnect_min_ms", raw.reconnect_min_ms, 1, 60_000)?,
        reconnect_max: ms("feed.reconnect_max_ms", raw.reconnect_max_ms, 1, 600_000)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_that_cannot_all_be_asked_are_refused_with_the_arithmetic() {
        let raw: RawFeed = serde_json::from_value(serde_json::json!({
            "ws_url": "ws://127.0.0.1:1/ws/market", "rest_url": "http://127.0.0.1:1", "tokens_per_link": 200,
            "ping_every_ms": 10000, "pong_timeout_ms": 30000, "probe_after_ms": 5000, "dead_after_ms": 30000,
            "snapshot_wait_ms": 5000, "suspect_after_ms": 1000, "witness_every_ms": 60000,
            "reconnect_min_ms": 250, "reconnect_max_ms": 30000 }))
        .expect("the keys of an older file");
        let feed = check(&raw, 300).expect("twenty calls a second for 300 markets");
        assert_eq!(feed.market_probe, Nanos::from_secs(15));
        let why = check(&raw, 301).expect_err("one too many").to_string();
        assert_eq!(
            why,
            "feed.rest_calls_per_second = 20: must be at least 21: 301 markets, each asked about every 15000 ms"
        );
        let tokens = |n| check(&RawFeed { tokens_per_link: n, ..raw.clone() }, 1).map_err(|why| why.to_string());
        assert!(tokens(TOKENS_PER_LINK_MAX).is_ok());
        assert_eq!(tokens(502), Err("feed.tokens_per_link = 502: must be 2 to 500".to_owned()));
        let late = RawFeed { market_probe_ms: Some(30_000), ..raw };
        assert!(check(&late, 1).is_err(), "asked about when it is given up");
    }
}
