//! `GET /prices-history`: a token's midpoints by the minute.

use super::call::{Answer, ApiError, Call, Reply};
use super::front::Shared;
use super::markets::{decimal, no_orderbook, number};
use super::records::Point;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use mm_core::domain::TokenId;
use serde_json::{Value, json};

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/prices-history", get(history))
}

/// Seconds an interval reaches back.
fn seconds(interval: &str) -> Option<u64> {
    Some(match interval {
        "1h" => 3_600,
        "6h" => 21_600,
        "1d" => 86_400,
        "1w" => 604_800,
        // a month
        "1m" => 2_592_000,
        "max" => u64::MAX,
        _ => return None,
    })
}

async fn history(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        // the parameter is called market and holds a token id
        let token = TokenId::parse(call.query("market").unwrap_or_default());
        let token = token.map_err(|_| ApiError::bad("Invalid token id"))?;
        if !venue.knows(&token) {
            return Err(no_orderbook());
        }
        let number_of = |name| match call.query(name).map(str::parse::<u64>) {
            None => Ok(None),
            Some(Ok(n)) => Ok(Some(n)),
            Some(Err(_)) => Err(ApiError::bad("Invalid time range")),
        };
        let (start, end) = (number_of("startTs")?, number_of("endTs")?);
        let fidelity = number_of("fidelity")?.unwrap_or(1).clamp(1, 44_640);
        let (from, to) = match (call.query("interval"), start, end) {
            (Some(interval), None, None) => {
                let back = seconds(interval).ok_or_else(|| ApiError::bad("Invalid interval"))?;
                (at.secs().saturating_sub(back), u64::MAX)
            }
            (None, Some(from), Some(to)) if from <= to => (from, to),
            _ => return Err(ApiError::bad("Invalid time range")),
        };
        let points = venue.records.prices(&token).filter(|point| (from..=to).contains(&point.secs));
        Ok(Reply::of(&json!({"history": thinned(points, fidelity * 60)})))
    })
}

/// The last point of each step, at the step's start.
fn thinned(points: impl Iterator<Item = Point>, step: u64) -> Vec<Value> {
    let mut out: Vec<Point> = Vec::new();
    for point in points {
        let secs = point.secs - point.secs % step;
        match out.last_mut() {
            Some(last) if last.secs == secs => last.mid = point.mid,
            _ => out.push(Point { secs, mid: point.mid }),
        }
    }
    out.iter().map(|p| json!({"t": p.secs, "p": number(&decimal(u64::from(p.mid), 5))})).collect()
}

#[cfg(test)]
mod tests {
    use super::{Point, thinned};

    #[test]
    fn the_last_of_each_step_counts() {
        let points = [(60, 50_000), (120, 50_500), (240, 49_000)].map(|(secs, mid)| Point { secs, mid });
        let shown = |step| serde_json::to_string(&thinned(points.into_iter(), step)).expect("numbers");
        assert_eq!(shown(60), r#"[{"p":0.5,"t":60},{"p":0.505,"t":120},{"p":0.49,"t":240}]"#);
        assert_eq!(shown(180), r#"[{"p":0.505,"t":0},{"p":0.49,"t":180}]"#);
    }
}
