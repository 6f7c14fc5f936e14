//! The venue behind one lock, and the one place that reads the clock.

use super::gate::Gate;
use super::hub::{Hub, Road};
use super::mishaps::Mishaps;
use super::records::Records;
use crate::auth::{DepositWallets, Domain, Keyring};
use crate::draws::Draws;
use crate::exchange::{AccountIx, Exchange, MarketInfo};
use crate::limits::Limits;
use crate::limits::window::{Addresses, Group};
use crate::world::{Crowd, Violation, World};
use mm_core::domain::{ConditionId, Nanos, Outcome, Side, Timestamp, TokenId};
use mm_core::venue::market_ws::WireEvent;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// What every handler holds.
pub(super) type Shared = Arc<Front>;

/// Where the venue's time comes from.
pub type Now = Box<dyn Fn() -> Timestamp + Send + Sync>;

/// The venue, its lock and its clock; beside the lock what never changes.
pub(super) struct Front {
    venue: Mutex<Venue>,
    now: Now,
    /// Somebody changed something: the next deadline may be nearer now.
    changed: Notify,
    /// What orders are signed under.
    pub(super) domain: Domain,
    neg_risk: BTreeMap<TokenId, bool>,
    limits: Limits,
    addresses: Mutex<Addresses>,
}

/// Everything the venue knows.
pub(super) struct Venue {
    pub(super) exchange: Exchange,
    /// Who lives in the venue beside the clients.
    crowd: Crowd,
    pub(super) domain: Domain,
    pub(super) keyring: Keyring,
    pub(super) deposit_wallets: DepositWallets,
    pub(super) accounts: KeyAccounts,
    pub(super) gate: Gate,
    pub(super) records: Records,
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
    by_account: BTreeMap<AccountIx, BTreeSet<String>>,
}

/// One wallet of a key.
#[derive(Clone)]
pub(super) struct KeyAccount {
    pub(super) wallet: String,
    pub(super) account: AccountIx,
}

impl KeyAccounts {
    /// Wallets of the key, its own address first.
    pub(super) fn of(&self, api_key: &str) -> &[KeyAccount] {
        self.by_key.get(api_key).map_or(&[], Vec::as_slice)
    }

    /// Remembers that the key acts for the wallet.
    fn add(&mut self, api_key: &str, wallet: &str, account: AccountIx) {
        let wallets = self.by_key.entry(api_key.to_owned()).or_default();
        if wallets.iter().all(|known| known.account != account) {
            wallets.push(KeyAccount { wallet: wallet.to_owned(), account });
            self.by_account.entry(account).or_default().insert(api_key.to_owned());
        }
    }

    /// Accounts that some key acts for, in order of opening. Whoever lives in the venue beside the clients has no key.
    pub(super) fn keyed(&self) -> impl Iterator<Item = AccountIx> {
        self.by_account.keys().copied()
    }

    /// Keys that act for the wallet.
    pub(super) fn keys_of(&self, account: AccountIx) -> BTreeSet<&str> {
        self.by_account.get(&account).into_iter().flatten().map(String::as_str).collect()
    }

    /// The wallet's address; `None` while no key has acted for it.
    pub(super) fn wallet(&self, account: AccountIx) -> Option<&str> {
        let key = self.by_account.get(&account)?.first()?;
        self.of(key).iter().find(|wallet| wallet.account == account).map(|wallet| wallet.wallet.as_str())
    }

    /// The account of a wallet that some key has acted for.
    pub(super) fn find(&self, wallet: &str) -> Option<AccountIx> {
        let all = self.by_key.values().flatten();
        all.into_iter().find(|known| known.wallet.eq_ignore_ascii_case(wallet)).map(|known| known.account)
    }
}

impl Front {
    pub(super) fn new(world: World, seed: u64, chain_id: u64, now: Now) -> Self {
        let (exchange, crowd) = world.into_parts();
        let limits = exchange.scenario().venue.limits;
        let (mut rows, mut neg_risk) = (BTreeMap::new(), BTreeMap::new());
        for info in exchange.markets() {
            for outcome in [Outcome::Yes, Outcome::No] {
                let token = info.market.token_id(outcome);
                rows.insert(token.clone(), (info.market.condition.clone(), outcome));
                neg_risk.insert(token.clone(), info.market.neg_risk);
            }
        }
        let draws = Draws::new(seed);
        let mishaps = Mishaps::new(&exchange, draws.clone(), now());
        let road = Road::new(exchange.scenario().venue.latency, draws);
        let venue = Venue {
            exchange,
            crowd,
            domain: Domain::new(chain_id),
            keyring: Keyring::new(seed),
            deposit_wallets: DepositWallets::default(),
            accounts: KeyAccounts::default(),
            gate: Gate::new(limits),
            records: Records::default(),
            blocked: false,
            hub: Hub::new(road),
            mishaps,
            last_sides: BTreeMap::new(),
            rows,
        };
        Self {
            venue: Mutex::new(venue),
            now,
            changed: Notify::new(),
            domain: Domain::new(chain_id),
            neg_risk,
            limits,
            addresses: Mutex::new(Addresses::default()),
        }
    }

    /// Which of the two exchanges a token's orders are signed for; `None` for a token nobody lists.
    pub(super) fn neg_risk(&self, token: &TokenId) -> Option<bool> {
        self.neg_risk.get(token).copied()
    }

    /// What the venue limits.
    pub(super) const fn limits(&self) -> Limits {
        self.limits
    }

    /// Counts a request of an address; how long it must wait before it is looked at.
    ///
    /// # Errors
    /// The wait of a request that is refused.
    pub(super) fn pass(&self, from: IpAddr, groups: &[Group]) -> Result<Nanos, Nanos> {
        let mut addresses = self.addresses.lock().expect("a panic in the venue ends the process");
        addresses.pass((self.now)(), from, groups)
    }

    /// One step of the venue: everything due by now happens, then `work`, then what both caused is sent out.
    pub(super) fn step<T>(&self, work: impl FnOnce(&mut Venue, Timestamp) -> T) -> T {
        let out = self.step_quietly(work);
        self.changed.notify_one();
        out
    }

    fn step_quietly<T>(&self, work: impl FnOnce(&mut Venue, Timestamp) -> T) -> T {
        let mut venue = self.venue.lock().expect("a panic in the venue ends the process");
        let at = (self.now)();
        venue.live(|crowd, exchange| crowd.advance(exchange, at));
        venue.publish(at);
        let out = work(&mut venue, at);
        venue.live(Crowd::heed);
        venue.publish(at);
        out
    }
}

impl Venue {
    /// Lets the crowd have its turn. What must never be ends the process: nobody should trade on such a venue.
    fn live(&mut self, turn: impl FnOnce(&mut Crowd, &mut Exchange) -> Result<(), Violation>) {
        if let Err(violation) = turn(&mut self.crowd, &mut self.exchange) {
            panic!("{violation}");
        }
    }

    /// When something is due next.
    fn next_deadline(&mut self) -> Option<Timestamp> {
        let faults = self.mishaps.faults.next_deadline();
        [self.crowd.next_deadline(&self.exchange), self.hub.next_deadline(), faults].into_iter().flatten().min()
    }

    /// Sends out what the exchange has to tell. A fault planned at an event happens right behind it.
    fn publish(&mut self, at: Timestamp) {
        loop {
            let mut quiet = true;
            self.choose_fates();
            for notice in self.exchange.drain() {
                quiet = false;
                if let crate::exchange::Notice::Market(WireEvent::LastTradePrice { token, side, .. }) = &notice {
                    self.last_sides.insert(token.clone(), *side);
                }
                if self.is_untold(&notice) {
                    continue;
                }
                self.hub.publish(at, &notice, &self.accounts, &mut self.mishaps.faults);
                self.records.hear(at, &notice, &self.accounts);
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

    /// The key acts for the wallet, from now on if it did not yet.
    pub(super) fn act_for(&mut self, at: Timestamp, api_key: &str, wallet: &str, account: AccountIx) {
        let is_new = self.accounts.keys_of(account).is_empty();
        self.accounts.add(api_key, wallet, account);
        if is_new {
            self.heed_accounts(at);
        }
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
            let due = venue.next_deadline()?;
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
