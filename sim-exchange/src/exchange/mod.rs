//! The venue: accounts, markets and their books, advanced by calls that carry the time.
//!
//! Every call first does what was due before it. Never waits, never reads a clock, never forgets a notice: the front takes
//! them with [`Exchange::drain`]. What is due at one instant goes in this order: settlement, expiry, the dead-man's switch,
//! the recording, the reward sample; then the call itself.

mod admission;
mod api;
mod cached;
mod cancel;
mod chain;
mod check;
mod clock;
mod direct;
pub mod fact;
mod feed;
mod hold;
mod life;
mod listing;
mod make;
mod market;
mod matching;
mod meddle;
mod orders;
mod play;
mod reads;
mod rebates;
mod recorded;
mod refusal;
mod rewarding;
mod settle;
mod snapshot;
mod status;
mod trades;
mod trading;
mod wallet;

#[cfg(test)]
mod tests;

pub use admission::SIZE_MAX;
pub use api::{
    AccountIx, AccountStatus, Filter, MarketInfo, MarketStatus, Notice, PlaceRequest, Placed, PlacedStatus, Reject,
    Status,
};
pub use cached::Stale;
pub use chain::Chain;
pub use check::{Violation, Wrong};
pub use direct::{OrderBrief, TradeBrief};
pub use fact::{Ended, Fact, OrderChange, OrderIx, Stage, TradeIx};
pub use life::Planned;
pub use meddle::TermsFault;
pub use orders::{ORDERS_KEPT, ORDERS_MAX};
pub use refusal::{RejectWhy, market_precision, may_reduce};
pub use settle::{BadFate, FATE_MAX, Fate};
pub use snapshot::{RestoreError, Snapshot};
pub use trades::TRADES_KEPT;
pub use trading::Accepted;

use crate::accounts::Accounts;
use crate::draws::{Draws, Stream};
use crate::mechanism::Match;
use crate::rewards::Programme;
use crate::scenario::{Scenario, ScenarioError};
use crate::tape::{Grown, TapeError};
use cached::Cached;
use clock::Beats;
use make::{bad, events, invented_market, programme, taped_markets};
use market::{Changed, MarketState, Printed};
use mm_core::domain::{Price, Qty, Timestamp, Token, TokenId, Universe};
use mm_core::venue::user_ws::UserEvent;
use orders::Orders;
use play::{BookMaker, Player};
use rebates::Rebates;
use serde::{Deserialize, Serialize};
use settle::Ladder;
use std::collections::BTreeMap;
use trades::Trades;

/// The venue.
pub struct Exchange {
    scenario: Scenario,
    draws: Draws,
    made_up: MadeUp,
    start: Timestamp,
    now: Timestamp,
    /// Nothing is due before this.
    wake: Timestamp,
    /// Nothing but settlement is due before this.
    wake_other: Timestamp,
    universe: Universe,
    markets: Vec<MarketState>,
    accounts: Accounts,
    cached: Cached,
    orders: Orders,
    /// By time, as the venue's clock shows it, and order of acceptance.
    expiries: BTreeMap<(Timestamp, u64), OrderIx>,
    trades: Trades,
    ladder: Ladder,
    /// Orders that are held back, by the end of their delay and order of acceptance.
    held: BTreeMap<(Timestamp, u64), OrderIx>,
    /// By time and order of planning.
    agenda: BTreeMap<(Timestamp, u64), Planned>,
    planned: u64,
    rebates: Rebates,
    volume: Volume,
    beats: Beats,
    programme: Programme,
    player: Option<Player>,
    makers: Vec<(usize, BookMaker)>,
    /// API key the recorded counterparties show.
    house_owner: String,
    house_orders: u64,
    facts: Vec<Fact>,
    notices: Vec<Notice>,
    rendering: bool,
    /// The account whose user channel is rendered though nothing else may be.
    listener: Option<AccountIx>,
    heard: Vec<UserEvent>,
    frames_sent: u64,
    /// Used again by every order, so that matching allocates nothing.
    matches: Vec<Match>,
    changed: Vec<Changed>,
    prints: Vec<Printed>,
    /// How far the venue's clock is off, milliseconds; it shows later times when positive.
    skew_ms: i64,
}

/// Shares of all orders ever, in millionths: what was asked for, what matched, what was given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Volume {
    submitted: u128,
    matched: u128,
    canceled: u128,
}

/// Why a world cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// The scenario's recording.
    #[error(transparent)]
    Tape(#[from] TapeError),
    /// Its facts contradict the recording.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
}

/// The names the venue makes up for what comes without: each stream keyed once.
#[derive(Clone, Debug)]
struct MadeUp {
    order: Stream,
    owner: Stream,
    trade: Stream,
    transaction: Stream,
}

impl MadeUp {
    fn new(draws: &Draws) -> Self {
        let stream = |name| draws.stream(name, "venue");
        Self {
            order: stream("order"),
            owner: stream("owner"),
            trade: stream("trade"),
            transaction: stream("transaction"),
        }
    }
}

impl Exchange {
    /// A venue at its first moment. Reads the scenario's recording, if it names one.
    ///
    /// # Errors
    /// [`NewError`] names the file, the line or the key.
    pub fn new(scenario: &Scenario, start: Timestamp) -> Result<Self, NewError> {
        let grown = scenario.tape.as_ref().map(|tape| crate::tape::file::read(&tape.file)).transpose()?;
        Self::with_tape(scenario, grown, start)
    }

    /// The same with a recording that was read already. Pure.
    ///
    /// # Errors
    /// [`NewError::Scenario`] when scenario and recording contradict each other.
    pub fn with_tape(scenario: &Scenario, grown: Option<Grown>, start: Timestamp) -> Result<Self, NewError> {
        let draws = Draws::new(scenario.seed);
        let (mut markets, mut makers, mut player) = (Vec::new(), Vec::new(), None);
        match (&scenario.tape, grown) {
            (Some(spec), Some(grown)) => {
                let rows = taped_markets(scenario, spec, &grown, &mut markets)?;
                player = Some(Player::new(grown, rows, start, spec.speed_milli));
            }
            (None, None) => {
                for spec in &scenario.markets {
                    let state = invented_market(&draws, spec)?;
                    if spec.built_in_book {
                        let half = || Price::from_ten_thousandths(5_000).expect("half a dollar is a price");
                        let fair = spec.fair.map_or_else(half, |fair| fair.start);
                        makers.push((markets.len(), BookMaker::new(&spec.slug, fair, state.facts.tick, start)));
                    }
                    markets.push(state);
                }
            }
            (Some(_), None) => return Err(bad("tape", "the scenario names a recording and none was given").into()),
            (None, Some(_)) => return Err(bad("tape", "a recording was given and the scenario names none").into()),
        }
        let universe =
            Universe::new(markets.iter().map(|m| m.facts.clone()).collect()).map_err(|why| bad("market", why))?;
        let mut accounts = Accounts::new(markets.len());
        accounts.group(events(&markets));
        let mut exchange = Self {
            house_owner: draws.uuid("owner", "house", 0),
            beats: Beats::new(scenario.venue.heartbeat_check, start),
            programme: programme(scenario, &markets, &draws, start, player.as_ref().map_or(start.ms(), |p| p.start_ms)),
            scenario: scenario.clone(),
            made_up: MadeUp::new(&draws),
            draws,
            start,
            now: start,
            wake: start,
            wake_other: start,
            universe,
            accounts,
            cached: Cached::default(),
            markets,
            orders: Orders::new(),
            expiries: BTreeMap::new(),
            trades: Trades::new(),
            ladder: Ladder::default(),
            held: BTreeMap::new(),
            agenda: BTreeMap::new(),
            planned: 0,
            rebates: Rebates::default(),
            volume: Volume::default(),
            player,
            makers,
            house_orders: 0,
            facts: Vec::new(),
            notices: Vec::new(),
            rendering: true,
            listener: None,
            heard: Vec::new(),
            frames_sent: 0,
            skew_ms: 0,
            matches: Vec::new(),
            changed: Vec::new(),
            prints: Vec::new(),
        };
        exchange.keep(scenario.venue.remembered.orders, scenario.venue.remembered.trades);
        // a market of accounts alone is there from the first moment; the others open when their books do
        exchange.begin();
        exchange.tick(start);
        Ok(exchange)
    }

    /// How many finished orders and settled trades are remembered beyond those that still matter; at first what the scenario says, or
    /// else [`ORDERS_KEPT`] and [`TRADES_KEPT`]. What is forgotten is unknown to every read, and its order may be placed again.
    pub fn keep(&mut self, orders: usize, trades: usize) {
        self.trades.keep(trades, &mut self.orders);
        self.orders.keep(orders);
    }

    /// The wallet's row, opened and funded by the scenario on first sight. `address` is compared without letter case.
    pub fn open_account(&mut self, at: Timestamp, address: &str) -> AccountIx {
        self.tick(at);
        self.accounts.open(address, self.scenario.venue.wallet_usdc)
    }

    /// Gives a wallet outcome tokens, fully collateralised: for tests and worlds that start with inventory. `false` for
    /// an unknown token.
    pub fn grant(&mut self, at: Timestamp, account: AccountIx, token: &TokenId, qty: Qty) -> bool {
        self.tick(at);
        let found = self.token(token);
        if let Some(Token { market, outcome }) = found {
            self.accounts.grant(account, market.index(), outcome, qty);
        }
        found.is_some()
    }

    /// Orders and trades remembered now, unfinished ones included.
    #[must_use]
    pub fn remembered(&self) -> (usize, usize) {
        (self.orders.len(), self.trades.len())
    }

    /// The latest time the venue has seen.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Which market and outcome a token is.
    #[must_use]
    pub fn token(&self, token: &TokenId) -> Option<Token> {
        self.universe.token(token.as_str())
    }
}
