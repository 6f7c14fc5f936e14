//! Our own bot in the world's thread: the real engine, the real desk, a ledger in memory, virtual time.
//!
//! What two processes and two sockets do outside is one turn here: whatever has arrived goes to the engine, what the engine wants
//! goes to the desk, what the desk wants goes into the world. Nothing is decided here. A turn begins `reaction` after the first
//! thing that arrives; what arrives meanwhile is in it, as a shell drains what is readable.

mod answers;
mod config;
pub use answers::Switches;
pub use config::BadBot;

use crate::exchange::{AccountIx, Exchange, MarketInfo, PlaceRequest};
use crate::scenario::BotSpec;
use answers::Caller;
use executor::desk::{Desk, DeskInput, Effect, Op};
use executor::ledger::{Ledger as _, MemoryLedger};
use executor::outcome::{VenueCall, VenueReply};
use executor::rows::LedgerRow;
use mm_core::domain::{Market, MarketIx, Nanos, Outcome, Timestamp, Token, TokenId};
use mm_core::engine::{Engine, link_of};
use mm_core::event::{Action, Input, LinkIx, Turn};
use mm_core::protocol::{FromExecutor, PROTOCOL_VERSION, ToExecutor};
use mm_core::venue::user_ws::UserEvent;
use std::collections::VecDeque;

/// The run the core says it is: there is one in a world.
const RUN: u64 = 1;

/// Something the bot asks of the venue.
#[derive(Debug)]
pub(super) enum Ask {
    /// An order.
    Post {
        /// The desk's number for the call.
        call: u64,
        /// The order as it is signed.
        order: Box<PlaceRequest>,
    },
    /// Any other authenticated call.
    Call {
        /// The desk's number for it.
        call: u64,
        /// What.
        request: VenueCall,
    },
    /// The market channel is subscribed, or subscribed anew, to a market.
    Subscribe(MarketIx),
    /// Public REST: one token's book.
    Book(Token),
    /// Public REST: the facts of all markets.
    Catalog,
}

impl Ask {
    /// Whether it travels and queues as a cancel.
    pub(super) const fn is_cancel(&self) -> bool {
        matches!(self, Self::Call { request, .. } if request.is_cancel())
    }
}

/// Something that reaches the bot.
#[derive(Debug)]
pub(super) enum News {
    /// The answer to a call.
    Reply {
        /// The desk's number for it.
        call: u64,
        /// What came.
        reply: VenueReply,
    },
    /// The user stream.
    User(Box<UserEvent>),
    /// The answer to [`Ask::Book`].
    Book(Token, String),
    /// The answer to [`Ask::Catalog`].
    Catalog(Vec<Market>),
    /// A row is durable.
    Durable(DeskInput),
    /// The user stream is up, or not.
    UserLink(bool),
}

/// What a turn wants of the world.
#[derive(Debug, Default)]
pub(super) struct Wants {
    /// To the venue.
    pub(super) asks: Vec<Ask>,
    /// To itself, after a commit.
    pub(super) durable: Vec<DeskInput>,
    /// The user stream is broken off and made anew.
    pub(super) renew_user: bool,
}

impl Wants {
    pub(super) fn clear(&mut self) {
        self.asks.clear();
        self.durable.clear();
        self.renew_user = false;
    }
}

/// What the bot did, for the summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BotTotals {
    /// Turns.
    pub turns: u64,
    /// Orders sent.
    pub posts: u64,
    /// Cancel calls sent.
    pub cancels: u64,
    /// Alerts of the core and the desk.
    pub alerts: u64,
}

/// The bot.
pub struct Bot {
    engine: Engine,
    desk: Desk,
    ledger: MemoryLedger,
    caller: Caller,
    switches: Switches,
    reaction: Nanos,
    commit: Nanos,
    /// The engine's turn, whose buffer is used again.
    turn: Turn,
    desk_inbox: Vec<DeskInput>,
    actions: Vec<Action>,
    effects: Vec<Effect>,
    alive_every: Nanos,
    alive_at: Timestamp,
    catalog_every: Nanos,
    catalog_at: Timestamp,
    /// When the engine wants to be called though nothing arrived.
    engine_due: Option<Timestamp>,
    turn_at: Timestamp,
    alerts: VecDeque<String>,
    totals: BotTotals,
}

/// Newest rows of the ledger that are kept: nobody reads them back here, and a world may last for days.
const LEDGER_ROWS: usize = 2_000;
/// Alerts that are kept to be shown.
const ALERTS_MAX: usize = 64;

impl Bot {
    /// A bot that has just been started: its wallet is open, nothing is connected.
    pub(super) fn new(
        spec: &BotSpec,
        markets: &[MarketInfo],
        account: AccountIx,
        address: &str,
        owner: String,
        start: Timestamp,
    ) -> Result<Self, BadBot> {
        let core = config::core(spec, markets)?;
        let setup = config::desk(spec, markets, address)?;
        let (alive_every, catalog_every) = (core.executor.alive_every, core.feed.catalog_every);
        let digest = core.digest();
        let universe: Vec<Market> = markets.iter().map(|info| info.market.clone()).collect();
        let ledger = MemoryLedger::new().keeping(LEDGER_ROWS);
        let desk = Desk::recover(setup, ledger.rows(), None);
        let tokens = (0u16..).map(MarketIx).zip(&universe).flat_map(|(market, facts)| {
            [Outcome::Yes, Outcome::No].map(|outcome| (Token { market, outcome }, facts.token_id(outcome).clone()))
        });
        let hello = ToExecutor::Hello { version: PROTOCOL_VERSION, run: RUN, config: digest, tokens: tokens.collect() };
        let desk_inbox = vec![DeskInput::UserLink { up: true }, DeskInput::CoreUp { uid: 0 }, DeskInput::Core(hello)];
        let links = universe.len().checked_sub(1).map(|last| {
            let last = MarketIx(u16::try_from(last).expect("a universe has at most 65535 rows"));
            link_of(last, core.feed.tokens_per_link)
        });
        let up = (0..=links.map_or(0, |link| link.0)).map(|link| Input::Link { link: LinkIx(link), up: true });
        Ok(Self {
            turn: Turn { seq: 0, at: start, inputs: up.collect() },
            engine: Engine::new(core, universe),
            desk,
            ledger,
            caller: Caller { account, owner },
            switches: Switches::default(),
            reaction: spec.reaction,
            commit: spec.commit,
            desk_inbox,
            actions: Vec::new(),
            effects: Vec::new(),
            alive_every,
            alive_at: start,
            catalog_every,
            catalog_at: start.plus(catalog_every),
            engine_due: None,
            turn_at: start,
            alerts: VecDeque::new(),
            totals: BotTotals::default(),
        })
    }

    /// Its wallet.
    #[must_use]
    pub const fn account(&self) -> AccountIx {
        self.caller.account
    }

    /// The engine.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The desk.
    #[must_use]
    pub const fn desk(&self) -> &Desk {
        &self.desk
    }

    /// [`Engine::set_thorough`]: for comparisons.
    pub const fn set_thorough(&mut self, on: bool) {
        self.engine.set_thorough(on);
    }

    /// What it did so far.
    #[must_use]
    pub const fn totals(&self) -> BotTotals {
        self.totals
    }

    /// Its newest alerts, oldest first.
    pub fn alerts(&self) -> impl Iterator<Item = &str> {
        self.alerts.iter().map(String::as_str)
    }

    /// What the hosts around the venue say to it.
    pub const fn switches_mut(&mut self) -> &mut Switches {
        &mut self.switches
    }

    /// From the first thing that arrives to the turn.
    pub(super) const fn reaction(&self) -> Nanos {
        self.reaction
    }

    /// From a row to its being durable.
    pub(super) const fn commit(&self) -> Nanos {
        self.commit
    }

    /// An operator's wish, heard in the next turn.
    pub fn operate(&mut self, op: Op) {
        self.desk_inbox.push(DeskInput::Operator { ticket: 1, op });
    }

    /// A market event has arrived.
    pub(super) fn hear_market(&mut self, event: mm_core::event::MarketEvent) {
        self.turn.inputs.push(Input::Market(event));
    }

    /// Anything else has arrived.
    pub(super) fn hear(&mut self, at: Timestamp, news: News) {
        match news {
            News::Reply { call, reply } => self.desk_inbox.push(DeskInput::Reply { call, reply }),
            News::User(event) => self.desk_inbox.push(DeskInput::User(event)),
            News::Book(token, text) => self.turn.inputs.push(Input::RestBook { token, received: at, text }),
            News::Catalog(markets) => self.learn(markets),
            News::Durable(input) => self.desk_inbox.push(input),
            News::UserLink(up) => self.desk_inbox.push(DeskInput::UserLink { up }),
        }
    }

    /// The markets' facts as the catalogue tells them, when it is time to read it.
    pub(super) fn catalog_due(&mut self, at: Timestamp) -> bool {
        let due = at >= self.catalog_at;
        if due {
            self.catalog_at = at.plus(self.catalog_every);
        }
        due
    }

    /// The catalogue was read: what is not news is not told.
    fn learn(&mut self, markets: Vec<Market>) {
        if !self.engine.universe().iter().map(|(_, market)| market).eq(&markets) {
            self.turn.inputs.push(Input::Universe(markets));
        }
    }

    /// Whether something waits for a turn.
    pub(super) fn is_waiting(&self) -> bool {
        !self.turn.inputs.is_empty() || !self.desk_inbox.is_empty()
    }

    /// When to take a turn though nothing arrives.
    pub(super) fn next_deadline(&self) -> Timestamp {
        let timers = [self.engine_due, self.desk.next_deadline()].into_iter().flatten();
        timers.chain([self.alive_at, self.catalog_at]).min().unwrap_or(self.alive_at)
    }

    /// One turn of the engine and one of the desk, each if there is something for it.
    pub(super) fn step(&mut self, at: Timestamp, wants: &mut Wants) {
        self.totals.turns += 1;
        self.turn_at = at;
        if !self.turn.inputs.is_empty() || self.engine_due.is_some_and(|due| due <= at) {
            self.turn.seq += 1;
            self.turn.at = at;
            self.engine.turn(&self.turn, &mut self.actions);
            self.turn.inputs.clear();
            self.engine_due = self.engine.next_deadline();
            self.dispatch(at, wants);
        }
        if at >= self.alive_at {
            self.alive_at = at.plus(self.alive_every);
            let oldest_feed = self.engine.oldest_feed(at);
            self.desk_inbox.push(DeskInput::Core(ToExecutor::Alive { oldest_feed }));
        }
        if !self.desk_inbox.is_empty() || self.desk.next_deadline().is_some_and(|due| due <= at) {
            self.desk.turn(at, std::mem::take(&mut self.desk_inbox), &mut self.effects);
            let mut effects = std::mem::take(&mut self.effects);
            for effect in effects.drain(..) {
                self.perform(effect, wants);
            }
            self.effects = effects;
        }
    }

    /// What the engine wants: intents to the desk, questions to the public feed.
    fn dispatch(&mut self, at: Timestamp, wants: &mut Wants) {
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            match action {
                Action::Place { id, order } => self.tell_desk(ToExecutor::Place { id, at, order }),
                Action::Cancel { id } => self.tell_desk(ToExecutor::Cancel { id }),
                Action::CancelAll { market } => self.tell_desk(ToExecutor::CancelAll { market }),
                Action::Resync { token, .. } => wants.asks.push(Ask::Subscribe(token.market)),
                Action::FetchBook { token } => wants.asks.push(Ask::Book(token)),
                Action::Alert(alert) => self.alert(format!("core: {alert:?}")),
            }
        }
        self.actions = actions;
    }

    fn tell_desk(&mut self, message: ToExecutor) {
        self.desk_inbox.push(DeskInput::Core(message));
    }

    fn perform(&mut self, effect: Effect, wants: &mut Wants) {
        match effect {
            Effect::Record(row) => self.record(&row, wants),
            Effect::Post { call, approved, row, .. } => {
                self.totals.posts += 1;
                let order = approved.order();
                let order = PlaceRequest {
                    id: row.order(),
                    token: approved.token().id().clone(),
                    side: order.side,
                    price: order.price,
                    qty: order.qty,
                    tif: order.tif,
                    post_only: order.post_only,
                    owner: self.caller.owner.clone(),
                };
                wants.asks.push(Ask::Post { call, order: Box::new(order) });
            }
            Effect::Call { call, request, .. } => {
                self.totals.cancels += u64::from(request.is_cancel());
                wants.asks.push(Ask::Call { call, request });
            }
            Effect::Tell(FromExecutor::Goodbye { why }) => {
                self.alert(format!("desk: {why}"));
                self.turn.inputs.push(Input::ExecutorLost);
            }
            Effect::Tell(message) => self.turn.inputs.push(Input::Executor(message)),
            Effect::RenewUserLink => wants.renew_user = true,
            Effect::Alert(text) => self.alert(format!("desk: {text}")),
            Effect::Answer { result, .. } => {
                if let Err(why) = result {
                    self.alert(format!("operator: {}", why.join(", ")));
                }
            }
            // Nothing is kept on a disk, and nobody else connects.
            Effect::SignOnly { .. } | Effect::Hangup | Effect::Latch { .. } | Effect::Unlatch => {}
        }
    }

    fn record(&mut self, row: &LedgerRow, wants: &mut Wants) {
        match self.ledger.append(std::slice::from_ref(row)) {
            Ok(durable) => {
                wants.durable.extend(durable.into_iter().map(|intent| DeskInput::Recorded(intent.id, intent.row)));
            }
            Err(why) => self.desk_inbox.push(DeskInput::LedgerFailed(why.0)),
        }
    }

    fn alert(&mut self, text: String) {
        self.totals.alerts += 1;
        if self.alerts.len() == ALERTS_MAX {
            self.alerts.pop_front();
        }
        self.alerts.push_back(format!("{}  {text}", self.turn_at));
    }

    /// An ask has reached the venue; what it answers, if it does.
    pub(super) fn answer(&self, exchange: &mut Exchange, at: Timestamp, ask: Ask) -> Option<News> {
        match ask {
            Ask::Post { call, order } => {
                Some(News::Reply { call, reply: answers::place(exchange, at, &self.caller, self.switches, *order) })
            }
            Ask::Call { call, request } => {
                let reply = answers::answer(exchange, at, &self.caller, self.switches, &request);
                Some(News::Reply { call, reply })
            }
            Ask::Book(token) => {
                let id: &TokenId = self.engine.universe().token_id(token)?;
                let book = exchange.book(id)?;
                Some(News::Book(token, mm_core::venue::market_ws::encode_rest_book(&book)))
            }
            Ask::Catalog => Some(News::Catalog(exchange.markets().into_iter().map(|info| info.market).collect())),
            Ask::Subscribe(_) => None,
        }
    }
}
