//! The venue: accounts, markets and their books, advanced by calls that carry the time.
//!
//! Every call first does what was due before it. Never waits, never reads a clock, never forgets a notice: the front takes
//! them with [`Exchange::drain`]. What is due at one instant goes in this order: settlement, expiry, the dead-man's switch,
//! the recording, the reward sample; then the call itself.

mod api;
mod chain;
mod market;
mod play;
mod reads;
mod rules;
mod status;
mod trades;
mod trading;

#[cfg(test)]
mod tests;

pub use api::{
    AccountIx, AccountStatus, Filter, MarketInfo, MarketStatus, Notice, PlaceRequest, Placed, PlacedStatus, Reject,
    Status,
};
pub use chain::Chain;

use crate::accounts::{Accounts, Asset};
use crate::draws::Draws;
use crate::scenario::{MarketSpec, Scenario, ScenarioError, TapeSpec, Terms};
use crate::tape::{Grown, GrownMarket, TapeError};
use market::MarketState;
use mm_core::domain::{ConditionId, Market, OrderId, Outcome, Qty, Timestamp, TokenId, Universe};
use mm_core::venue::market_ws::BookMessage;
use mm_core::venue::rest::{OpenOrder, Trade};
use play::{BookMaker, Player};
use rules::{Beats, Rewards};
use std::collections::BTreeMap;
use trades::{OrderRow, Stage, TradeRow};

/// The venue.
pub struct Exchange {
    scenario: Scenario,
    draws: Draws,
    now: Timestamp,
    universe: Universe,
    markets: Vec<MarketState>,
    accounts: Accounts,
    orders: BTreeMap<OrderId, OrderRow>,
    accepted: u64,
    /// Resting orders by account and order of acceptance.
    live: BTreeMap<(AccountIx, u64), OrderId>,
    expiries: BTreeMap<(Timestamp, u64), OrderId>,
    trades: Vec<TradeRow>,
    settlements: BTreeMap<(Timestamp, u64, Stage), usize>,
    fills: BTreeMap<AccountIx, u64>,
    beats: Beats,
    rewards: Rewards,
    player: Option<Player>,
    makers: Vec<(usize, BookMaker)>,
    /// API key the recorded counterparties show.
    house_owner: String,
    house_orders: u64,
    notices: Vec<Notice>,
    frames_sent: u64,
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
                    let fair = spec.fair.unwrap_or_else(|| {
                        mm_core::domain::Price::from_ten_thousandths(5_000).expect("half a dollar is a price")
                    });
                    makers.push((markets.len(), BookMaker::new(&spec.slug, fair, state.facts.tick, start)));
                    markets.push(state);
                }
            }
            (Some(_), None) => return Err(bad("tape", "the scenario names a recording and none was given").into()),
            (None, Some(_)) => return Err(bad("tape", "a recording was given and the scenario names none").into()),
        }
        let universe =
            Universe::new(markets.iter().map(|m| m.facts.clone()).collect()).map_err(|why| bad("market", why))?;
        let mut exchange = Self {
            house_owner: draws.uuid("owner", "house", 0),
            beats: Beats::new(scenario.venue.heartbeat_check, start),
            rewards: Rewards::new(&draws, player.as_ref().map_or(start.ms(), |p| p.start_ms)),
            scenario: scenario.clone(),
            draws,
            now: start,
            universe,
            markets,
            accounts: Accounts::default(),
            orders: BTreeMap::new(),
            accepted: 0,
            live: BTreeMap::new(),
            expiries: BTreeMap::new(),
            trades: Vec::new(),
            settlements: BTreeMap::new(),
            fills: BTreeMap::new(),
            player,
            makers,
            house_orders: 0,
            notices: Vec::new(),
            frames_sent: 0,
        };
        exchange.tick(start);
        Ok(exchange)
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
        if let Some((market, outcome)) = found {
            self.accounts.grant(account, market, outcome, qty);
        }
        found.is_some()
    }

    /// Orders that rest now, oldest first.
    #[must_use]
    pub fn open_orders(&self, account: AccountIx, filter: &Filter) -> Vec<OpenOrder> {
        let rows =
            self.live_ids(account, filter).into_iter().filter_map(|id| self.orders.get(&id).map(|row| (id, row)));
        rows.map(|(id, row)| self.open_order(&id, row)).collect()
    }

    /// One order of the account in any state.
    #[must_use]
    pub fn order(&self, account: AccountIx, id: &OrderId) -> Option<OpenOrder> {
        self.orders.get(id).filter(|row| row.account == account).map(|row| self.open_order(id, row))
    }

    /// The account's trades, newest first. `filter` is applied to the account's own side of the trade.
    #[must_use]
    pub fn trades(&self, account: AccountIx, filter: &Filter) -> Vec<Trade> {
        let mut out = Vec::new();
        for trade in self.trades.iter().rev() {
            let Some(role) = trade.role(account) else { continue };
            let party = crate::accounts::Party::Account(account);
            let own = if role == "TAKER" {
                Some(trade.taker.outcome)
            } else {
                trade.makers.iter().find(|m| m.party == party).map(|m| m.outcome)
            };
            if own.is_some_and(|outcome| self.passes(filter, trade.market, outcome)) {
                out.push(self.listed_trade(trade, role));
            }
        }
        out
    }

    /// Settled balance in millionths: dollars, or shares of `token`; 0 for an unknown token.
    #[must_use]
    pub fn balance(&self, account: AccountIx, token: Option<&TokenId>) -> u64 {
        match token {
            None => self.accounts.balance(account, Asset::Usdc),
            Some(token) => self.token(token).map_or(0, |(m, o)| self.accounts.balance(account, Asset::Share(m, o))),
        }
    }

    /// The public book of one token with all ten keys: `None` for an unknown token and while its market is not open.
    #[must_use]
    pub fn book(&self, token: &TokenId) -> Option<BookMessage> {
        let (market, outcome) = self.token(token)?;
        self.markets[market].open.then(|| self.markets[market].message(outcome))
    }

    /// What a new subscriber gets first: one `book` for each known token of an open market, without `min_order_size` and
    /// `neg_risk`, which the stream leaves out.
    #[must_use]
    pub fn snapshots(&self, tokens: &[TokenId]) -> Vec<BookMessage> {
        let known = tokens.iter().filter_map(|token| self.token(token));
        known.filter(|(m, _)| self.markets[*m].open).map(|(m, o)| self.markets[m].snapshot(o)).collect()
    }

    /// Everything that happened since the last call, in order.
    pub fn drain(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// The latest time the venue has seen.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Which market and outcome a token is.
    fn token(&self, token: &TokenId) -> Option<(usize, Outcome)> {
        self.universe.token(token.as_str()).map(|t| (t.market.index(), t.outcome))
    }

    /// Checks every promise that must hold between two calls: conservation, books, queues, and that each order's parts sum up.
    ///
    /// # Errors
    /// Which promise is broken, with the numbers.
    pub fn check(&self) -> Result<(), String> {
        self.accounts.check()?;
        let mut reserved: BTreeMap<(AccountIx, Asset), u64> = BTreeMap::new();
        let mut resting = 0usize;
        for (row, market) in self.markets.iter().enumerate() {
            market.book.check().map_err(|why| format!("market {row}: {why}"))?;
            if market.open
                && let (Some(bid), Some(ask)) = (market.top().bid, market.top().ask)
                && bid >= ask
            {
                return Err(format!("market {row}: the public book is crossed, bid {bid}, ask {ask}"));
            }
            for (_, _, order) in market.book.orders() {
                let Some(known) = self.orders.get(&order.id) else {
                    return Err(format!("market {row}: order {} rests and was never accepted", order.id));
                };
                if !known.is_live() || known.left() != order.remaining {
                    return Err(format!("order {}: {} rests, {} is left", order.id, order.remaining, known.left()));
                }
                let (asset, amount) =
                    trading::holds(known.market, known.outcome, known.side, known.price, known.left());
                *reserved.entry((known.account, asset)).or_insert(0) += amount;
                resting += 1;
            }
        }
        if resting != self.live.len() {
            return Err(format!("{resting} orders rest, {} are listed", self.live.len()));
        }
        for ((account, asset), amount) in reserved {
            if self.accounts.reserved(account, asset) != amount {
                let is = self.accounts.reserved(account, asset);
                return Err(format!("account {}: {is} of {asset:?} reserved, open orders hold {amount}", account.0));
            }
        }
        Ok(())
    }
}

fn bad(key: &str, why: impl std::fmt::Display) -> ScenarioError {
    ScenarioError::Key { key: key.to_owned(), why: why.to_string() }
}

/// The recorded markets that are played, with the facts the recording lacks. Returns the venue's row of each recorded one.
fn taped_markets(
    scenario: &Scenario,
    tape: &TapeSpec,
    grown: &Grown,
    out: &mut Vec<MarketState>,
) -> Result<Vec<Option<usize>>, ScenarioError> {
    let mut rows = Vec::new();
    for spec in &scenario.markets {
        if !grown.markets.iter().any(|m| Some(&m.condition) == spec.condition.as_ref()) {
            return Err(bad("market.condition", format_args!("{:?} is not in the recording", spec.slug)));
        }
    }
    let listed =
        |market: &GrownMarket| scenario.markets.iter().find(|s| s.condition.as_ref() == Some(&market.condition));
    for (n, market) in grown.markets.iter().enumerate() {
        let slug = listed(market).map_or_else(|| format!("tape-{}", n + 1), |spec| spec.slug.clone());
        let wanted =
            tape.markets.as_ref().is_none_or(|w| w.iter().any(|w| *w == slug || *w == market.condition.as_str()));
        let [yes, no] = market.tokens.as_slice() else {
            rows.push(None);
            continue;
        };
        if !wanted {
            rows.push(None);
            continue;
        }
        let terms = listed(market).map_or(&scenario.defaults, |spec| &spec.terms);
        let outcomes = listed(market).map_or_else(|| ["Yes".to_owned(), "No".to_owned()], |s| s.outcomes.clone());
        let ids = (market.condition.clone(), yes.clone(), no.clone());
        let mut state = new_market(ids, slug, outcomes, terms, market.tick.unwrap_or(market.auto_tick));
        state.last_trade = market.first_last_trade.as_deref().unwrap_or_default().to_owned();
        rows.push(Some(out.len()));
        out.push(state);
    }
    if let Some(wanted) = &tape.markets {
        let known = |w: &String| out.iter().any(|m| m.slug == *w || m.facts.condition.as_str() == w);
        if let Some(missing) = wanted.iter().find(|w| !known(w)) {
            return Err(bad("tape.markets", format_args!("{missing:?} is not in the recording")));
        }
    }
    if out.is_empty() {
        return Err(bad("tape.file", "no market of the recording shows both of its tokens"));
    }
    Ok(rows)
}

/// A market without a recording: ids it does not name are made from its slug.
fn invented_market(draws: &Draws, spec: &MarketSpec) -> Result<MarketState, ScenarioError> {
    let decimal = |k: u64| {
        // 38 digits of a made-up number, far from the shape of a protocol-V2 position (whose middle bits are zero)
        let high = draws.value("token", &spec.slug, 2 * k) | 1 << 63;
        let low = draws.value("token", &spec.slug, 2 * k + 1);
        (u128::from(high) << 64 | u128::from(low)).to_string()
    };
    let tokens = match &spec.tokens {
        Some([yes, no]) => (yes.clone(), no.clone()),
        None => (
            TokenId::parse(&decimal(0)).expect("38 digits without a leading zero are a token id"),
            TokenId::parse(&decimal(1)).expect("38 digits without a leading zero are a token id"),
        ),
    };
    let condition = match &spec.condition {
        Some(condition) => condition.clone(),
        None => {
            let hash = OrderId::from_bytes(draws.bytes32("condition", &spec.slug, 0)).to_string();
            ConditionId::parse(&hash).expect("a made-up hash has the shape of a condition id")
        }
    };
    let tick = spec.terms.tick.ok_or_else(|| bad("market.tick", "auto needs a recording to look at"))?;
    let ids = (condition, tokens.0, tokens.1);
    Ok(new_market(ids, spec.slug.clone(), spec.outcomes.clone(), &spec.terms, tick))
}

fn new_market(
    (condition, yes, no): (ConditionId, TokenId, TokenId),
    slug: String,
    outcomes: [String; 2],
    terms: &Terms,
    auto: mm_core::domain::TickSize,
) -> MarketState {
    MarketState {
        facts: Market {
            condition,
            event: None,
            yes,
            no,
            tick: terms.tick.unwrap_or(auto),
            min_order: terms.min_order,
            neg_risk: terms.neg_risk,
            ready: false,
            rewards: terms.rewards.clone(),
            starts: None,
            ends: None,
        },
        slug,
        outcomes,
        fee: terms.fee,
        book: crate::mechanism::OrderBook::default(),
        open: false,
        changed_ms: 0,
        last_trade: String::new(),
        last_print: None,
        samples: 0,
    }
}
