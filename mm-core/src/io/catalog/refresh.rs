//! The facts of a run's markets, read again and again.
//!
//! A market that cannot be read costs no other market its news. It keeps its last known facts for a while; then nothing says any more
//! that it may be quoted, and it counts as not ready until it can be read.

use super::{Catalog, CatalogError};
use crate::domain::Market;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

/// Looks in a row that may fail to read a market. At the fifth its facts are minutes old, and it counts as not ready.
pub const FAILED_MAX: u32 = 5;

/// Asks the catalogue again and again; hands out what differs from what was known.
#[must_use]
pub fn refresh(catalog: Catalog, known: Vec<Market>, every: Duration) -> mpsc::Receiver<Vec<Market>> {
    let (changed, receiver) = mpsc::channel(1);
    let mut known = Known { failed: vec![0; known.len()], markets: known };
    tokio::spawn(async move {
        let mut tick = interval(every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick.tick().await;
        loop {
            tick.tick().await;
            if let Some(markets) = known.take(catalog.look().await)
                && changed.send(markets).await.is_err()
            {
                return;
            }
        }
    });
    receiver
}

/// The last facts of each market, and how many looks in a row it could not be read.
struct Known {
    markets: Vec<Market>,
    failed: Vec<u32>,
}

impl Known {
    /// Takes one look at all markets, in their order. All facts, if they are others now than before.
    fn take(&mut self, look: Vec<Result<Market, CatalogError>>) -> Option<Vec<Market>> {
        let before = self.markets.clone();
        for ((known, failed), read) in self.markets.iter_mut().zip(&mut self.failed).zip(look) {
            match read.and_then(|market| same_tokens(known, market)) {
                Ok(market) => {
                    if *failed >= FAILED_MAX {
                        tracing::info!(market = %market.condition, "the catalogue can read it again");
                    }
                    (*known, *failed) = (market, 0);
                }
                Err(why) => {
                    *failed = failed.saturating_add(1);
                    if *failed == FAILED_MAX {
                        tracing::error!(market = %known.condition, %why, "not quoted until it can be read");
                        known.ready = false;
                    } else {
                        tracing::warn!(%why, failed = *failed, "catalogue not refreshed");
                    }
                }
            }
        }
        (self.markets != before).then(|| self.markets.clone())
    }
}

/// What stands for YES and NO was told to the executor and subscribed to at the start: a market with other tokens is another one.
fn same_tokens(known: &Market, read: Market) -> Result<Market, CatalogError> {
    if (&read.yes, &read.no) == (&known.yes, &known.no) {
        return Ok(read);
    }
    Err(CatalogError::Body {
        path: format!("/clob-markets/{}", read.condition),
        why: format!("t: tokens {} and {} where {} and {} were", read.yes, read.no, known.yes, known.no),
        market: read.condition,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ConditionId;
    use crate::io::http::{self, Timeouts};
    use axum::Router;
    use axum::extract::Path;
    use axum::http::StatusCode;
    use axum::routing::get;
    use std::sync::{Arc, Mutex};

    const SOON: Duration = Duration::from_secs(20);

    /// A venue of two markets: what it answers about each of them, and how often it was asked about the first.
    #[derive(Clone)]
    struct Venue(Arc<Mutex<State>>);

    struct State {
        answers: [(u16, String); 2],
        asked: u32,
    }

    fn condition(n: usize) -> ConditionId {
        ConditionId::parse(&format!("0x{n:064x}")).expect("64 digits")
    }

    fn facts(n: usize, yes: usize, tick: &str) -> (u16, String) {
        let tokens = format!(r#"[{{"t":"{yes}","o":"Yes"}},{{"t":"{}","o":"No"}}]"#, yes + 1);
        (200, format!(r#"{{"c":"{}","t":{tokens},"mts":{tick},"mos":5,"ao":true}}"#, condition(n)))
    }

    impl Venue {
        fn answers(&self, n: usize, answer: (u16, String)) {
            self.0.lock().expect("nobody panicked").answers[n] = answer;
        }

        fn asked(&self) -> u32 {
            self.0.lock().expect("nobody panicked").asked
        }
    }

    /// The venue, and what is handed out of its catalogue.
    async fn stage() -> (Venue, mpsc::Receiver<Vec<Market>>) {
        let venue =
            Venue(Arc::new(Mutex::new(State { answers: [facts(0, 10, "0.01"), facts(1, 20, "0.01")], asked: 0 })));
        let asked = venue.clone();
        let answer = move |Path(id): Path<String>| async move {
            let n = usize::from(id == condition(1).to_string());
            let mut state = asked.0.lock().expect("nobody panicked");
            state.asked += u32::from(n == 0);
            let (status, body) = state.answers[n].clone();
            (StatusCode::from_u16(status).expect("a status"), body)
        };
        let router = Router::new().route("/clob-markets/{condition}", get(answer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = http::client(Timeouts { connect: SOON, total: SOON }).expect("a client");
        let catalog = Catalog::new(client, &base, vec![condition(0), condition(1)]);
        let known = catalog.fetch().await.expect("both can be read");
        (venue, refresh(catalog, known, Duration::from_millis(5)))
    }

    async fn news(changed: &mut mpsc::Receiver<Vec<Market>>) -> [(String, bool); 2] {
        let markets = tokio::time::timeout(SOON, changed.recv()).await.expect("in time").expect("it goes on");
        [0, 1].map(|n| (markets[n].tick.to_string(), markets[n].ready))
    }

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(test);
    }

    #[test]
    fn a_market_that_cannot_be_read_costs_no_other_its_news_and_is_not_quoted_for_long() {
        let (status, good) = facts(0, 10, "0.01");
        let no_id = good.replace(r#""t":"11""#, r#""t":"x""#);
        for wrong in [(404, good), (status, no_id), facts(0, 10, "0.003"), facts(0, 11, "0.01")] {
            run(async {
                let (venue, mut changed) = stage().await;
                let told = |tick: &str, ready| (tick.to_owned(), ready);
                let before = venue.asked();
                venue.answers(0, wrong.clone());
                venue.answers(1, facts(1, 20, "0.001"));
                assert_eq!(news(&mut changed).await, [told("0.01", true), told("0.001", true)], "{wrong:?}");
                assert_eq!(news(&mut changed).await, [told("0.01", false), told("0.001", true)], "{wrong:?}");
                assert!(venue.asked() - before >= FAILED_MAX, "it was given up after {}", venue.asked() - before);
                venue.answers(0, facts(0, 10, "0.01"));
                assert_eq!(news(&mut changed).await, [told("0.01", true), told("0.001", true)]);
            });
        }
    }
}
