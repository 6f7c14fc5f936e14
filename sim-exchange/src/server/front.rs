//! The venue behind one lock, and the one place that reads the clock.

use super::hub::{Hub, Road};
use super::mishaps::Mishaps;
use crate::auth::{DepositWallets, Domain, Keyring};
use crate::draws::Draws;
use crate::exchange::{AccountIx, Exchange, MarketInfo};
use mm_core::domain::{ConditionId, Outcome, Side, Timestamp, TokenId};
use mm_core::io::clock::Clock;
use mm_core::venue::market_ws::WireEvent;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// What every handler holds.
pub(super) type Shared = Arc<Front>;

/// The venue, its lock and its clock.
pub(super) struct Front {
    venue: Mutex<Venue>,
    clock: Clock,
    /// Somebody changed something: the next deadline may be nearer now.
    changed: Notify,
}

/// Everything the venue knows.
pub(super) struct Venue {
    pub(super) exchange: Exchange,
    pub(super) domain: Domain,
    pub(super) keyring: Keyring,
    pub(super) deposit_wallets: DepositWallets,
    pub(super) accounts: KeyAccounts,
    /// What the geoblock endpoint says, and whether orders are refused.
    pub(super) blocked: bool,
    pub(super) hub: Hub,
    pub(super) mishaps: Mishaps,
    /// The taker's side of each token's newest trade.
    pub(super) last_sides: BTreeMap<TokenId, Side>,
    rows: BTreeMap<TokenId, (ConditionId, Outcome)>,
}

/// Which wallets a key has acted for. The key's own address comes first.
#[derive(Default)]
pub(super) struct KeyAccounts {
    by_key: BTreeMap<String, Vec<KeyAccount>>,
}

/// One wallet of a key.
#[derive(Clone)]
pub(super) struct KeyAccount {
    pub(super) wallet: String,
    pub(super) account: AccountIx,
    /// Id the next beat of this wallet's dead-man switch must carry, once armed. One API key has one chain for clients; behind
    /// it every wallet is beaten along.
    pub(super) beat: Option<String>,
}

impl KeyAccounts {
    /// Wallets of the key, its own address first.
    pub(super) fn of(&self, api_key: &str) -> &[KeyAccount] {
        self.by_key.get(api_key).map_or(&[], Vec::as_slice)
    }

    pub(super) fn of_mut(&mut self, api_key: &str) -> &mut [KeyAccount] {
        self.by_key.get_mut(api_key).map_or(&mut [], Vec::as_mut_slice)
    }

    /// Remembers that the key acts for the wallet.
    pub(super) fn add(&mut self, api_key: &str, wallet: &str, account: AccountIx) {
        let wallets = self.by_key.entry(api_key.to_owned()).or_default();
        if wallets.iter().all(|known| known.account != account) {
            wallets.push(KeyAccount { wallet: wallet.to_owned(), account, beat: None });
        }
    }

    /// Keys that act for the wallet.
    pub(super) fn keys_of(&self, account: AccountIx) -> BTreeSet<&str> {
        let of = |wallets: &[KeyAccount]| wallets.iter().any(|wallet| wallet.account == account);
        self.by_key.iter().filter(|(_, wallets)| of(wallets)).map(|(key, _)| key.as_str()).collect()
    }
}

impl Front {
    pub(super) fn new(exchange: Exchange, seed: u64, chain_id: u64, clock: Clock) -> Self {
        let mut rows = BTreeMap::new();
        for info in exchange.markets() {
            for outcome in [Outcome::Yes, Outcome::No] {
                rows.insert(info.market.token_id(outcome).clone(), (info.market.condition.clone(), outcome));
            }
        }
        let draws = Draws::new(seed);
        let mishaps = Mishaps::new(&exchange, draws.clone(), clock.now());
        let road = Road::new(exchange.scenario().venue.latency, draws);
        let venue = Venue {
            exchange,
            domain: Domain::new(chain_id),
            keyring: Keyring::new(seed),
            deposit_wallets: DepositWallets::default(),
            accounts: KeyAccounts::default(),
            blocked: false,
            hub: Hub::new(road),
            mishaps,
            last_sides: BTreeMap::new(),
            rows,
        };
        Self { venue: Mutex::new(venue), clock, changed: Notify::new() }
    }

    /// One step of the venue: everything due by now happens, then `work`, then what both caused is sent out.
    pub(super) fn step<T>(&self, work: impl FnOnce(&mut Venue, Timestamp) -> T) -> T {
        let out = self.step_quietly(work);
        self.changed.notify_one();
        out
    }

    fn step_quietly<T>(&self, work: impl FnOnce(&mut Venue, Timestamp) -> T) -> T {
        let mut venue = self.venue.lock().expect("a panic in the venue ends the process");
        let at = self.clock.now();
        venue.exchange.tick(at);
        venue.publish(at);
        let out = work(&mut venue, at);
        venue.publish(at);
        out
    }
}

impl Venue {
    /// Sends out what the exchange has to tell. A fault planned at an event happens right behind it.
    fn publish(&mut self, at: Timestamp) {
        loop {
            let mut quiet = true;
            for notice in self.exchange.drain() {
                quiet = false;
                if let crate::exchange::Notice::Market(WireEvent::LastTradePrice { token, side, .. }) = &notice {
                    self.last_sides.insert(token.clone(), *side);
                }
                self.hub.publish(at, &notice, &self.accounts, &mut self.mishaps.faults);
                self.mishaps.events += 1;
                self.happen(at);
            }
            // what a fault did to the venue may have more to tell
            if !self.happen(at) && quiet {
                break;
            }
        }
        self.hub.release(at);
    }

    /// Every token the venue lists.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &TokenId> {
        self.rows.keys()
    }

    /// The market of a token.
    pub(super) fn market_of(&self, token: &TokenId) -> Option<(MarketInfo, Outcome)> {
        let (condition, outcome) = self.rows.get(token)?;
        Some((self.exchange.market(condition)?, *outcome))
    }

    /// Whether the venue lists the token, open or not.
    pub(super) fn knows(&self, token: &TokenId) -> bool {
        self.rows.contains_key(token)
    }
}

/// Wakes the venue whenever something is due, until told to stop.
pub(super) async fn run_on_time(front: Shared, mut stopped: watch::Receiver<bool>) {
    loop {
        let wait = front.step_quietly(|venue, at| {
            let faults = venue.mishaps.faults.next_deadline();
            let due =
                [venue.exchange.next_deadline(), venue.hub.next_deadline(), faults].into_iter().flatten().min()?;
            Some(Duration::from_nanos(due.nanos().saturating_sub(at.nanos())))
        });
        let sleep = async {
            match wait {
                // Work is waiting already (a tape without speed limit): let the sockets have their turn in between.
                Some(Duration::ZERO) => tokio::task::yield_now().await,
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = told(&mut stopped) => return,
            () = front.changed.notified() => {}
            () = sleep => {}
        }
    }
}

/// Waits for the word to stop; the teller's disappearance is one too.
pub(super) async fn told(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}
