//! The venue: accounts, markets and their books, advanced by calls that carry the time.
//!
//! Every call first does what was due before it. Never waits, never reads a clock, never forgets a notice: the front takes
//! them with [`Exchange::drain`].

mod api;

pub use api::{
    AccountIx, AccountStatus, Filter, MarketInfo, MarketStatus, Notice, PlaceRequest, Placed, PlacedStatus, Reject,
    Status,
};

use crate::scenario::Scenario;
use mm_core::domain::{ConditionId, OrderId, Timestamp, TokenId};
use mm_core::venue::market_ws::BookMessage;
use mm_core::venue::rest::{CancelReply, OpenOrder, Trade};

/// The venue.
pub struct Exchange {
    now: Timestamp,
    notices: Vec<Notice>,
}

/// Why a world cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// The scenario's recording.
    #[error(transparent)]
    Tape(#[from] crate::tape::TapeError),
    /// Its facts contradict the recording.
    #[error(transparent)]
    Scenario(#[from] crate::scenario::ScenarioError),
}

impl Exchange {
    /// A venue at its first moment. Reads the scenario's recording, if it names one.
    ///
    /// # Errors
    /// [`NewError`] names the file, the line or the key.
    pub fn new(scenario: &Scenario, start: Timestamp) -> Result<Self, NewError> {
        let _ = scenario;
        Ok(Self { now: start, notices: Vec::new() })
    }

    /// Does everything due up to `at`. Time does not go back: an earlier `at` counts as the latest seen.
    pub fn tick(&mut self, at: Timestamp) {
        self.now = self.now.max(at);
    }

    /// When something is due next; the time already reached when work is waiting.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        None
    }

    /// The wallet's row, opened and funded by the scenario on first sight. `address` is compared without letter case.
    pub fn open_account(&mut self, at: Timestamp, address: &str) -> AccountIx {
        let _ = address;
        self.tick(at);
        AccountIx(0)
    }

    /// Takes an order, or says why not.
    ///
    /// # Errors
    /// [`Reject`] with the venue's status and text.
    pub fn place(&mut self, at: Timestamp, account: AccountIx, request: PlaceRequest) -> Result<Placed, Reject> {
        let _ = (account, request);
        self.tick(at);
        Err(Reject::missing("No orderbook exists for the requested token id"))
    }

    /// Cancels the listed orders of the account.
    pub fn cancel(&mut self, at: Timestamp, account: AccountIx, ids: &[OrderId]) -> CancelReply {
        let _ = (account, ids);
        self.tick(at);
        CancelReply::default()
    }

    /// Cancels the account's orders of a market, a token, or both given.
    pub fn cancel_market(&mut self, at: Timestamp, account: AccountIx, filter: &Filter) -> CancelReply {
        let _ = (account, filter);
        self.tick(at);
        CancelReply::default()
    }

    /// Cancels every order of the account.
    pub fn cancel_all(&mut self, at: Timestamp, account: AccountIx) -> CancelReply {
        let _ = account;
        self.tick(at);
        CancelReply::default()
    }

    /// Orders that rest now, oldest first.
    #[must_use]
    pub fn open_orders(&self, account: AccountIx, filter: &Filter) -> Vec<OpenOrder> {
        let _ = (account, filter);
        Vec::new()
    }

    /// One order of the account in any state.
    #[must_use]
    pub fn order(&self, account: AccountIx, id: &OrderId) -> Option<OpenOrder> {
        let _ = (account, id);
        None
    }

    /// The account's trades, newest first. `filter` is applied to the account's own side of the trade.
    #[must_use]
    pub fn trades(&self, account: AccountIx, filter: &Filter) -> Vec<Trade> {
        let _ = (account, filter);
        Vec::new()
    }

    /// Settled balance in millionths: dollars, or shares of `token`.
    #[must_use]
    pub fn balance(&self, account: AccountIx, token: Option<&TokenId>) -> u64 {
        let _ = (account, token);
        0
    }

    /// One beat of the dead-man's switch: the id for the next call.
    ///
    /// # Errors
    /// The id that was expected; empty when the chain must start anew. Such a call refreshes nothing.
    pub fn heartbeat(&mut self, at: Timestamp, account: AccountIx, id: Option<&str>) -> Result<String, String> {
        let _ = (account, id);
        self.tick(at);
        Err(String::new())
    }

    /// The public book of one token: `None` for an unknown token and while its market is not open.
    #[must_use]
    pub fn book(&self, token: &TokenId) -> Option<BookMessage> {
        let _ = token;
        None
    }

    /// What a new subscriber gets first: one `book` for each known token of an open market, without `min_order_size` and
    /// `neg_risk`, which the stream leaves out.
    #[must_use]
    pub fn snapshots(&self, tokens: &[TokenId]) -> Vec<BookMessage> {
        let _ = tokens;
        Vec::new()
    }

    /// Everything that happened since the last call, in order.
    pub fn drain(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// All markets in order of their rows; the order never changes.
    #[must_use]
    pub fn markets(&self) -> Vec<MarketInfo> {
        Vec::new()
    }

    /// The market of a condition id or token.
    #[must_use]
    pub fn market(&self, condition: &ConditionId) -> Option<MarketInfo> {
        let _ = condition;
        None
    }

    /// The venue at a glance.
    #[must_use]
    pub fn status(&self) -> Status {
        Status::default()
    }
}
