//! Everybody who lives around a venue, and the queue that moves them.
//!
//! A party's request is queued to arrive one latency later; what the venue then does is told to whom it concerns one latency
//! after that. The public feed is one stream for all agents (`agents::Board`) and one of its own for the bot.

mod floor;

use super::bot::{Ask, Bot, News as BotNews};
use super::bot_seat::{BOT, BotSeat, Queue};
use super::checks::{Checks, Depth, Violation};
use super::fair;
use super::seats::{self, Seat, wallet};
use super::tally::{Kind, Tally};
use super::trail::Trail;
use super::{Summary, WorldError};
use crate::accounts::Answer;
use crate::agents::{Board, News, Request};
use crate::draws::{Draws, Stream};
use crate::exchange::{AccountIx, Exchange, Fact};
use crate::kernel::{Class, Kernel, Party, Ties};
use crate::latent::Latent;
use crate::scenario::Scenario;
use mm_core::domain::{Digest, MarketIx, Outcome, Qty, Timestamp, Usdc};

/// How a world is run.
#[derive(Default)]
pub struct Options {
    /// How closely the invariants are watched.
    pub depth: Depth,
    /// Where the log goes; `None`: nowhere.
    pub log: Option<Box<dyn std::io::Write + Send>>,
    /// A wire listens: facts are rendered too, and agents' orders carry papers.
    pub rendered: bool,
}

/// What is free to an agent, as the venue had it when it told something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Purse {
    pub(super) cash: Usdc,
    pub(super) yes: Qty,
    pub(super) no: Qty,
}

/// A switch that a script or a fault throws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// The bot hears nothing public any more, neither stream nor REST, or hears again; the sockets stay open.
    Feed {
        /// Whether it is told anything.
        speaks: bool,
    },
    /// The geoblock endpoint says blocked, or clear again.
    Geoblocked(bool),
    /// The account may only close, or trade again.
    ClosedOnly(bool),
}

/// Something that will happen.
#[derive(Debug)]
pub(super) enum Event {
    /// A wallet is opened: before everything else.
    Open(String, Usdc),
    /// Something is due at the venue itself.
    Venue,
    /// The latent state jumps, or a market is decided.
    Latent,
    /// The oracle says who won.
    Announce(MarketIx, Outcome),
    /// A switch.
    Control(Control),
    /// A seat's own clock.
    Wake(u32),
    /// A seat's request reaches the venue.
    Arrive(u32, AccountIx, Request),
    /// News and the state of its purse reach a seat.
    Hear(u32, Option<News>, Option<Purse>),
    /// The bot takes a turn.
    BotTurn,
    /// What the bot asked reaches the venue.
    BotAsk(AccountIx, Box<Ask>),
    /// Something reaches the bot that is not its market feed.
    BotNews(Box<BotNews>),
}

/// The party of scripts and faults.
const NOBODY: Party = Party(u32::MAX);

/// Draws between parties at one nanosecond.
struct Lots(Vec<Stream>);

impl Ties for Lots {
    fn draw(&self, at: Timestamp, party: Party) -> u64 {
        self.0.get(party.0 as usize).map_or(0, |stream| stream.value(at.nanos()))
    }
}

/// Everybody inside.
pub struct Crowd {
    kernel: Kernel<Event, Lots>,
    now: Timestamp,
    seats: Vec<Seat>,
    /// Seat of each account.
    seat_of: Vec<Option<u32>>,
    board: Board,
    latent: Latent,
    bot: Option<BotSeat>,
    tally: Tally,
    checks: Checks,
    trail: Trail,
    /// Buffers used again.
    facts: Vec<Fact>,
    requests: Vec<Request>,
}

impl Crowd {
    /// Opens everybody's account and queues everybody's first step.
    pub(super) fn new(
        exchange: &mut Exchange,
        scenario: &Scenario,
        start: Timestamp,
        options: Options,
    ) -> Result<Self, WorldError> {
        let draws = Draws::new(scenario.seed);
        let latency = &scenario.venue.latency;
        let markets = exchange.markets();
        exchange.set_rendering(options.rendered);
        let began: Vec<Fact> = exchange.facts().collect();
        let mut tally = Tally::new(markets.len());
        let mut trail = Trail::new(scenario, options.log)?;
        let mut bot = None;
        if let Some(spec) = &scenario.bot {
            let address = wallet(&draws, "bot");
            let funds = spec.wallet_usdc.unwrap_or(scenario.venue.wallet_usdc);
            let account = trail.open(exchange, start, &address, funds);
            exchange.listen_to(account);
            tally.name(account, Kind::Bot);
            let made = Bot::new(spec, &markets, account, &address, bot_key(&draws), start)?;
            bot = Some(BotSeat::new(made, &draws, markets.len(), latency));
        }
        let (mut seats, mut seat_of, mut lots) = (Vec::new(), Vec::new(), vec![draws.stream("tie", "bot")]);
        let mut latent = Latent::new(&fair::latent(scenario, &markets, start), &draws, start)?;
        for (row, cast) in (0u32..).zip(seats::cast(scenario, &markets, &mut latent, &draws)?) {
            let name = cast.agent.name().to_owned();
            lots.push(draws.stream("tie", &name));
            let account = trail.open(exchange, start, &wallet(&draws, &name), cast.capital);
            tally.name(account, cast.kind);
            let at = account.0 as usize;
            if seat_of.len() <= at {
                seat_of.resize(at + 1, None);
            }
            seat_of[at] = Some(row);
            seats.push(Seat::new(cast, account, Party(row + 1), &draws));
        }
        let mut crowd = Self {
            trail,
            checks: Checks::new(options.depth, scenario),
            kernel: Kernel::new(Lots(lots), scenario.venue.same_instant),
            now: start,
            board: seats::board(&markets, scenario),
            latent,
            seats,
            seat_of,
            bot,
            tally,
            facts: began,
            requests: Vec::new(),
        };
        for (row, seat) in (0u32..).zip(&crowd.seats) {
            crowd.kernel.push(start, Class::Timer, seat.party, Event::Wake(row));
        }
        if let Some(seat) = &mut crowd.bot {
            let kernel = &mut crowd.kernel;
            seat.begin(start, &mut |at, class, event| kernel.push(at, class, BOT, event));
        }
        crowd.plan_latent();
        crowd.pump(exchange);
        Ok(crowd)
    }

    /// An empty house around a venue that a wire may listen to.
    pub(super) fn nobody(exchange: &mut Exchange) -> Self {
        let mut scenario = Scenario { agents: Vec::new(), bot: None, ..exchange.scenario().clone() };
        scenario.markets.iter_mut().for_each(|market| market.fair = None);
        scenario.links.clear();
        let options = Options { rendered: true, ..Options::default() };
        let start = exchange.now();
        Self::new(exchange, &scenario, start, options).expect("there is nobody and nothing that could be impossible")
    }

    /// Throws a switch at a moment to come.
    ///
    /// # Panics
    /// When the moment has passed.
    pub fn schedule(&mut self, at: Timestamp, control: Control) {
        self.kernel.push(at, Class::Control, NOBODY, Event::Control(control));
    }

    /// The bot, if there is one.
    #[must_use]
    pub fn bot(&self) -> Option<&Bot> {
        self.bot.as_ref().map(|seat| &seat.bot)
    }

    /// The same, to be told something.
    pub fn bot_mut(&mut self) -> Option<&mut Bot> {
        self.bot.as_mut().map(|seat| &mut seat.bot)
    }

    /// Who dealt with whom.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Events so far.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.trail.events()
    }

    /// Agents inside, the bot not counted.
    #[must_use]
    pub const fn agents(&self) -> usize {
        self.seats.len()
    }

    /// When something is due next, at the venue or inside.
    #[must_use]
    pub fn next_deadline(&self, exchange: &Exchange) -> Option<Timestamp> {
        [exchange.next_deadline(), self.kernel.next_at()].into_iter().flatten().min()
    }

    /// Does everything that is due up to `until`.
    ///
    /// # Errors
    /// The first [`Violation`].
    pub fn advance(&mut self, exchange: &mut Exchange, until: Timestamp) -> Result<(), Violation> {
        loop {
            let first = self.kernel.peek().filter(|(at, _)| *at <= until);
            let horizon = first.map_or(until, |(at, _)| at);
            // asked closely only when it may matter
            let venue = (exchange.idle_until() <= horizon).then(|| exchange.next_deadline()).flatten();
            let venue = venue.filter(|due| *due <= horizon);
            // What is due at the venue at an instant comes before what arrives then; only switches come before that.
            match (venue, first) {
                (None, None) => break,
                (Some(due), first) if first.is_none_or(|(at, class)| (due, Class::Clock) < (at, class)) => {
                    self.now = self.now.max(due);
                    exchange.tick(due);
                    self.trail.event(self.now, Class::Clock, NOBODY, &Event::Venue);
                }
                _ => {
                    let Some((key, event)) = self.kernel.pop() else { break };
                    self.now = key.at;
                    if self.is_stale(&event) {
                        continue;
                    }
                    self.trail.event(key.at, key.class, key.party, &event);
                    self.happen(exchange, event);
                }
            }
            self.pump(exchange);
            self.trail.close(exchange, self.now);
            self.checks.after(exchange, &self.tally, &self.trail, self.now)?;
        }
        self.now = self.now.max(until);
        exchange.tick(until);
        self.pump(exchange);
        Ok(())
    }

    fn happen(&mut self, exchange: &mut Exchange, event: Event) {
        match event {
            Event::Wake(row) => self.wake(row),
            Event::Arrive(row, account, request) => self.arrive(exchange, row, account, request),
            Event::Latent => self.stir(),
            Event::Announce(market, winner) => self.announce(exchange, market, winner),
            Event::Hear(row, news, purse) => self.hear(row, news.as_ref(), purse),
            Event::Control(control) => self.control(control),
            Event::Open(..) | Event::Venue => {}
            Event::BotTurn => self.with_bot(|seat, at, queue| seat.turn(at, queue)),
            Event::BotAsk(_, ask) => self.with_bot(|seat, at, queue| seat.arrive(at, exchange, *ask, queue)),
            Event::BotNews(news) => self.with_bot(|seat, at, queue| seat.hear(at, *news, queue)),
        }
    }

    /// A turn of the bot that was planned and then planned anew is nothing that happens.
    fn is_stale(&self, event: &Event) -> bool {
        matches!(event, Event::BotTurn) && self.bot.as_ref().is_none_or(|seat| !seat.is_due(self.now))
    }

    fn with_bot(&mut self, work: impl FnOnce(&mut BotSeat, Timestamp, Queue<'_>)) {
        if let Some(seat) = &mut self.bot {
            let kernel = &mut self.kernel;
            work(seat, self.now, &mut |at, class, event| kernel.push(at, class, BOT, event));
        }
    }

    /// Sees to it that the next jump or resolution is not slept through.
    fn plan_latent(&mut self) {
        if let Some(at) = self.latent.next_event() {
            self.kernel.push(at.max(self.now), Class::Control, NOBODY, Event::Latent);
        }
    }

    /// The latent state has reached a jump or a resolution. Public jumps are told to whoever follows that market; an end is
    /// announced when the oracle speaks.
    fn stir(&mut self) {
        self.latent.advance(self.now);
        let jumps: Vec<_> = self.latent.news().collect();
        for jump in jumps {
            for row in 0..self.seats.len() {
                let seat = &mut self.seats[row];
                if seat.agent.follows() == Some(jump.market) {
                    let arrives = seat.news.send(self.now);
                    let row = u32::try_from(row).expect("seats are numbered in 32 bits");
                    self.kernel.push(
                        arrives,
                        Class::Observation,
                        seat.party,
                        Event::Hear(row, Some(News::Jump(jump)), None),
                    );
                }
            }
        }
        let ends: Vec<_> = self.latent.resolved().collect();
        for end in ends {
            self.kernel.push(end.announced, Class::Resolution, NOBODY, Event::Announce(end.market, end.winner));
        }
        self.plan_latent();
    }

    fn announce(&mut self, exchange: &mut Exchange, market: MarketIx, winner: Outcome) {
        // Refused only where the scenario itself has decided the market before: then it stays decided.
        let _ = exchange.resolve(self.now, market, Answer::Winner(winner));
    }

    fn control(&mut self, control: Control) {
        let Some(seat) = &mut self.bot else { return };
        match control {
            Control::Feed { speaks } => seat.set_speaking(speaks),
            Control::Geoblocked(blocked) => seat.bot.switches_mut().geoblocked = blocked,
            Control::ClosedOnly(closed) => seat.bot.switches_mut().closed_only = closed,
        }
    }

    /// Hands out what a call from outside caused.
    ///
    /// # Errors
    /// The first [`Violation`].
    pub fn heed(&mut self, exchange: &mut Exchange) -> Result<(), Violation> {
        self.now = self.now.max(exchange.now());
        self.pump(exchange);
        self.checks.after(exchange, &self.tally, &self.trail, self.now)
    }

    /// What happened so far.
    pub(super) fn summary(&self, exchange: &Exchange) -> Summary {
        Summary::of(exchange, &self.tally, &self.trail, &self.checks, &self.latent, self.bot(), self.now)
    }

    /// Ends the run.
    pub(super) fn finish(&mut self, exchange: &mut Exchange) -> Result<Digest, Violation> {
        self.checks.whole(exchange, &self.tally, &self.trail, self.now)?;
        self.trail
            .finish(exchange, self.now)
            .map_err(|why| self.checks.violation(&self.trail, self.now, format!("the log: {why}")))
    }
}

/// The API key the bot trades with.
pub(super) fn bot_key(draws: &Draws) -> String {
    draws.uuid("owner", "bot", 0)
}
