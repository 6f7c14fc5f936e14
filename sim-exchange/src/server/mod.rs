//! The venue on loopback: REST and WebSocket in front of one [`Exchange`].
//!
//! The front checks who is calling, reads bodies, asks the exchange at the current time and writes its answers in the venue's
//! words. One lock holds the whole venue, so a request is one step: checked completely before anything changes, and followed
//! by the frames it caused before the next request is looked at. Only the arithmetic of an order's signature, which takes
//! longer than everything else, is done between two steps. Time is read in one place ([`front`]) and handed on as
//! data. No secret is logged; no request, however malformed, can panic the venue or leave half an effect.

mod admin;
mod answers;
mod auth_routes;
mod builders;
mod call;
mod door;
mod front;
mod gamma;
mod gate;
mod geoblock;
mod heartbeats;
mod held;
mod history;
mod hosts;
mod hub;
mod lists;
mod markets;
mod mishaps;
mod notifications;
mod orders;
mod portfolio;
mod prices;
mod reads;
mod records;
mod rewards;
mod serving;
mod socket;
mod ws_market;
mod ws_user;

use crate::exchange::{Exchange, MarketInfo};
use crate::limits::window::Host;
use crate::mode::Mode;
use crate::world::World;
use axum::Router;
pub use front::Now;
use front::{Front, Shared};
pub use gate::Standing;
use mm_core::domain::TickSize;
use mm_core::io::clock::Clock;
use serde::Serialize;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Where to listen.
#[derive(Clone, Copy, Debug)]
pub struct Listen {
    /// The CLOB. Port 0 lets the system choose all ports; otherwise Gamma, Data API and geoblock take the three ports behind it.
    pub clob: SocketAddr,
    /// Status and switches, if wanted.
    pub admin: Option<SocketAddr>,
}

/// Why the venue cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Anybody who reaches the venue may take an account on it.
    #[error("{0} is not a loopback address")]
    NotLoopback(SocketAddr),
    /// The three side hosts take the ports behind the CLOB's.
    #[error("port {0} leaves no room for the three ports behind it")]
    NoRoom(u16),
    /// In use, or not ours.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// The first line `serve` prints: where everything is (architecture, formats).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReadyLine {
    /// REST, at the root.
    pub clob: String,
    /// Sockets: `/market` and `/user` below it.
    pub ws: String,
    /// Market metadata.
    pub gamma: String,
    /// Positions.
    pub data: String,
    /// The endpoint itself.
    pub geoblock: String,
    /// `null` when there is none.
    pub admin: Option<String>,
    /// Chain orders are signed for.
    pub chain_id: u64,
    /// In the exchange's order.
    pub markets: Vec<ReadyMarket>,
}

/// One market of a [`ReadyLine`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReadyMarket {
    /// Token id.
    pub yes: String,
    /// Token id.
    pub no: String,
    /// Condition id.
    pub condition: String,
    /// Name.
    pub slug: String,
    /// Smallest price step.
    #[serde(serialize_with = "tick_text")]
    pub tick: TickSize,
    /// Signed for the neg-risk exchange.
    pub neg_risk: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn tick_text<S: serde::Serializer>(tick: &TickSize, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(tick)
}

impl ReadyMarket {
    fn of(info: &MarketInfo) -> Self {
        let market = &info.market;
        Self {
            yes: market.yes.to_string(),
            no: market.no.to_string(),
            condition: market.condition.to_string(),
            slug: info.slug.clone(),
            tick: market.tick,
            neg_risk: market.neg_risk,
        }
    }
}

/// The chain the venue lives on: orders signed for another do not verify.
const CHAIN_ID: u64 = 137;

/// Connections at once: both channels full, and a hundred who only ask. All hosts together stay below the thousand files a
/// process may usually have open.
const SEATS_CLOB: usize = 2 * hub::LISTENERS_MAX + 128;
/// The same of each other host.
const SEATS: usize = 64;

/// How long open requests may take to end after a stop.
const STOP_WAIT: Duration = Duration::from_secs(2);

/// A venue that is being served.
pub struct Running {
    /// Where everything is.
    pub ready: ReadyLine,
    front: Shared,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Running {
    /// Looks at the exchange as it is now, everything due included.
    pub fn inspect<T>(&self, look: impl FnOnce(&Exchange) -> T) -> T {
        self.front.step(|venue, _| look(&venue.exchange))
    }

    /// Changes how the venue stands to a signing address; `false` for a text that is no address.
    pub fn set_standing(&self, address: &str, standing: Standing) -> bool {
        let Some(address) = crate::auth::parse_address(address) else { return false };
        self.front.step(|venue, _| venue.gate.set_standing(address, standing));
        true
    }

    /// Switches the matching engine's mode.
    pub fn set_mode(&self, mode: Mode) {
        self.front.step(|venue, _| venue.gate.set_mode(mode));
    }

    /// Closes every socket and waits until the last task has ended; one that hangs on a client is cut off after two seconds.
    pub async fn stop(mut self) {
        // Nobody listening means every task has ended already.
        let _ = self.stop.send(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_WAIT, ended).await.is_err() {
            tracing::warn!("a connection did not end in time");
            self.tasks.shutdown().await;
        }
    }
}

/// Serves a world, or a venue where nobody lives. API keys are derived from `seed`. When this returns, every port listens.
///
/// # Errors
/// [`ServeError`] names the address.
pub async fn start(world: impl Into<World>, seed: u64, listen: Listen) -> Result<Running, ServeError> {
    let clock = Clock::new();
    start_at(world, seed, listen, Box::new(move || clock.now())).await
}

/// The same on another clock, which must never go back: a test holds time still.
///
/// # Errors
/// [`ServeError`] names the address.
pub async fn start_at(world: impl Into<World>, seed: u64, listen: Listen, now: Now) -> Result<Running, ServeError> {
    let world: World = world.into();
    for address in std::iter::once(listen.clob).chain(listen.admin) {
        if !address.ip().is_loopback() {
            return Err(ServeError::NotLoopback(address));
        }
    }
    let clob = bind(listen.clob).await?;
    let gamma = bind(behind(listen.clob, 1)?).await?;
    let data = bind(behind(listen.clob, 2)?).await?;
    let geoblock = bind(behind(listen.clob, 3)?).await?;
    let admin = match listen.admin {
        Some(address) => Some(bind(address).await?),
        None => None,
    };

    let markets = world.exchange().markets().iter().map(ReadyMarket::of).collect();
    let ready = ReadyLine {
        clob: url("http", &clob, ""),
        ws: url("ws", &clob, "/ws"),
        gamma: url("http", &gamma, ""),
        data: url("http", &data, ""),
        geoblock: url("http", &geoblock, "/api/geoblock"),
        admin: admin.as_ref().map(|listener| url("http", listener, "")),
        chain_id: CHAIN_ID,
        markets,
    };

    let front: Shared = Arc::new(Front::new(world, seed, CHAIN_ID, now));
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let hosts = [
        (Some(clob), clob_routes(&front, &stopped), Some(Host::Clob), SEATS_CLOB),
        (Some(gamma), gamma::routes(&front), Some(Host::Gamma), SEATS),
        (Some(data), portfolio::routes(&front), Some(Host::Data), SEATS),
        (Some(geoblock), geoblock::routes(&front), None, SEATS),
        (admin, admin::routes(&front), None, SEATS),
    ];
    for (listener, routes, host, seats) in hosts {
        if let Some(listener) = listener {
            let routes = hosts::finish(routes, &front, host);
            // a false answer is the last thing that happens to it
            let routes = match host {
                Some(Host::Clob) => answers::around(routes, &front, &stopped),
                _ => routes,
            };
            let door = door::Door::new(listener, seats);
            tasks.spawn(serving::serve(door, routes, serving::HEAD_WAIT, stopped.clone()));
        }
    }
    tasks.spawn(front::run_on_time(Arc::clone(&front), stopped));
    Ok(Running { ready, front, stop, tasks })
}

/// Every route of the CLOB host.
fn clob_routes(front: &Shared, stopped: &watch::Receiver<bool>) -> Router {
    Router::new()
        .merge(markets::routes())
        .merge(prices::routes())
        .merge(auth_routes::routes())
        .merge(orders::routes())
        .merge(reads::routes())
        .merge(history::routes())
        .merge(builders::routes())
        .merge(notifications::routes())
        .merge(heartbeats::routes())
        .merge(rewards::routes())
        .with_state(Arc::clone(front))
        .merge(socket::routes(front, stopped))
}

async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError::Bind { address, source })
}

/// The address `offset` ports behind; any port stays any port.
fn behind(address: SocketAddr, offset: u16) -> Result<SocketAddr, ServeError> {
    let port = match address.port() {
        0 => 0,
        port => port.checked_add(offset).ok_or(ServeError::NoRoom(port))?,
    };
    Ok(SocketAddr::new(address.ip(), port))
}

fn url(scheme: &str, listener: &TcpListener, path: &str) -> String {
    let address = listener.local_addr().unwrap_or_else(|_| SocketAddr::new(IpAddr::from([127, 0, 0, 1]), 0));
    format!("{scheme}://{address}{path}")
}
