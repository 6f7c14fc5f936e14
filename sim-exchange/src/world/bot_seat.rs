//! The bot's place in the world: its connections, its feed, and when it takes a turn.

use super::bot::{Ask, Bot, News, Wants};
use super::crowd::Event;
use super::links::Link;
use crate::draws::Draws;
use crate::exchange::{Exchange, Fact};
use crate::kernel::{Class, Party};
use crate::scenario::Latency;
use mm_core::domain::{MarketIx, Nanos, Outcome, Timestamp, Token};
use mm_core::event::{MarketEvent, Top};
use mm_core::venue::market_ws::{BookMessage, WireEvent, to_market_events};
use std::collections::VecDeque;

/// The bot's party.
pub(super) const BOT: Party = Party(0);

/// Something on its way down the market channel.
#[derive(Debug)]
enum Fed {
    /// What a `price_change` or a trade tells.
    Event(MarketEvent),
    /// A whole book.
    Book(Box<BookMessage>),
}

/// Events on the market channel that may wait; the channel is read at every turn, so this is a turn's worth.
const FEED_MAX: usize = 1 << 20;

/// The bot where it sits.
pub(super) struct BotSeat {
    pub(super) bot: Bot,
    orders: Link,
    cancels: Link,
    answers: Link,
    market: Link,
    user: Link,
    feed: VecDeque<(Timestamp, Fed)>,
    /// When the last frame left and when it arrives: what leaves at one moment travels together.
    frame: Option<(Timestamp, Timestamp)>,
    /// Markets whose channel is open.
    subscribed: Vec<bool>,
    speaks: bool,
    user_up: bool,
    turn_at: Option<Timestamp>,
    wants: Wants,
}

/// What the bot queues.
pub(super) type Queue<'a> = &'a mut dyn FnMut(Timestamp, Class, Event);

impl BotSeat {
    pub(super) fn new(bot: Bot, draws: &Draws, markets: usize, latency: &Latency) -> Self {
        let link = |way: &str, base| Link::new(draws, &format!("bot/{way}"), base, latency.jitter);
        Self {
            bot,
            orders: link("orders", latency.order),
            cancels: link("cancels", latency.cancel),
            answers: link("answers", latency.feed),
            market: link("market", latency.feed),
            user: link("user", latency.feed),
            feed: VecDeque::new(),
            frame: None,
            subscribed: vec![false; markets],
            speaks: true,
            user_up: true,
            turn_at: None,
            wants: Wants::default(),
        }
    }

    /// The first moment: subscriptions leave, the first turn is taken.
    pub(super) fn begin(&mut self, at: Timestamp, queue: Queue<'_>) {
        for market in (0u16..).map(MarketIx).take(self.subscribed.len()) {
            queue(
                self.orders.send(at),
                Class::Order,
                Event::BotAsk(self.bot.account(), Box::new(Ask::Subscribe(market))),
            );
        }
        self.turn_by(at, queue);
    }

    /// Whether the market channel tells anything.
    pub(super) const fn set_speaking(&mut self, speaks: bool) {
        self.speaks = speaks;
    }

    /// A public fact leaves the venue. `top` is the market's after all of the step.
    pub(super) fn tell_market(&mut self, at: Timestamp, exchange: &Exchange, fact: &Fact, queue: Queue<'_>) {
        let token = |market, outcome| Token { market, outcome };
        let venue_ms = at.ms();
        match *fact {
            Fact::Level { market, side, price, qty, .. } => {
                let top: Top = exchange.top(market);
                let token = token(market, Outcome::Yes);
                let event = MarketEvent::Delta { token, side, price, qty, top: Some(top), hash: None, venue_ms };
                self.send(at, market, Fed::Event(event), queue);
            }
            Fact::Print { market, outcome, side, price, qty } => {
                let event = MarketEvent::Trade { token: token(market, outcome), side, price, qty, venue_ms };
                self.send(at, market, Fed::Event(event), queue);
            }
            Fact::Tick { market, new, .. } => {
                for outcome in [Outcome::Yes, Outcome::No] {
                    let event = MarketEvent::TickSize { token: token(market, outcome), tick: new };
                    self.send(at, market, Fed::Event(event), queue);
                }
            }
            Fact::Resolved { market, .. } => {
                self.send(at, market, Fed::Event(MarketEvent::Resolved { market }), queue);
            }
            Fact::Whole { market, outcome } => self.send_book(at, exchange, market, outcome, queue),
            Fact::Opened { .. }
            | Fact::Closed { .. }
            | Fact::Order { .. }
            | Fact::Fill { .. }
            | Fact::Paid { .. }
            | Fact::Trade { .. } => {}
        }
    }

    fn send_book(&mut self, at: Timestamp, exchange: &Exchange, market: MarketIx, outcome: Outcome, queue: Queue<'_>) {
        let universe = self.bot.engine().universe();
        let token = universe.token_id(Token { market, outcome }).cloned();
        // a market that is not open has no book to tell
        let snapshot = token.and_then(|token| exchange.snapshots(&[token]).pop());
        if let Some(book) = snapshot {
            self.send(at, market, Fed::Book(Box::new(book)), queue);
        }
    }

    fn send(&mut self, at: Timestamp, market: MarketIx, fed: Fed, queue: Queue<'_>) {
        if !self.speaks || !self.subscribed[market.index()] {
            return;
        }
        assert!(self.feed.len() < FEED_MAX, "the bot takes no turns");
        let arrives = match self.frame {
            Some((left, arrives)) if left == at => arrives,
            _ => self.market.send(at),
        };
        self.frame = Some((at, arrives));
        self.feed.push_back((arrives, fed));
        self.turn_by(arrives.plus(self.bot.reaction()), queue);
    }

    /// The bot's account is concerned.
    pub(super) fn tell_user(
        &mut self,
        at: Timestamp,
        event: Box<mm_core::venue::user_ws::UserEvent>,
        queue: Queue<'_>,
    ) {
        if self.user_up {
            queue(self.user.send(at), Class::Observation, Event::BotNews(Box::new(News::User(event))));
        }
    }

    /// Something else has reached the bot.
    pub(super) fn hear(&mut self, at: Timestamp, news: News, queue: Queue<'_>) {
        if let News::UserLink(up) = news {
            self.user_up = up;
        }
        self.bot.hear(at, news);
        self.turn_by(at.plus(self.bot.reaction()), queue);
    }

    /// What it asked has reached the venue.
    pub(super) fn arrive(&mut self, at: Timestamp, exchange: &mut Exchange, ask: Ask, queue: Queue<'_>) {
        if let Ask::Subscribe(market) = ask {
            self.subscribed[market.index()] = true;
            for outcome in [Outcome::Yes, Outcome::No] {
                self.send_book(at, exchange, market, outcome, queue);
            }
        } else if let Some(news) = self.bot.answer(exchange, at, ask)
            && (self.speaks || !matches!(news, News::Book(..) | News::Catalog(_)))
        {
            queue(self.answers.send(at), Class::Observation, Event::BotNews(Box::new(news)));
        }
    }

    /// Whether the turn of this moment is the one that was planned last.
    pub(super) fn is_due(&self, at: Timestamp) -> bool {
        self.turn_at == Some(at)
    }

    /// A turn.
    pub(super) fn turn(&mut self, at: Timestamp, queue: Queue<'_>) {
        self.turn_at = None;
        while let Some((_, fed)) = self.feed.pop_front_if(|(arrives, _)| *arrives <= at) {
            match fed {
                Fed::Event(event) => self.bot.hear_market(event),
                Fed::Book(book) => {
                    let mut events = Vec::new();
                    to_market_events(self.bot.engine().universe(), &WireEvent::Book(*book), &mut events);
                    events.into_iter().for_each(|event| self.bot.hear_market(event));
                }
            }
        }
        if self.bot.catalog_due(at) {
            queue(self.orders.send(at), Class::Order, Event::BotAsk(self.bot.account(), Box::new(Ask::Catalog)));
        }
        self.wants.clear();
        self.bot.step(at, &mut self.wants);
        for ask in self.wants.asks.drain(..) {
            let (class, arrives) = if ask.is_cancel() {
                (Class::Cancel, self.cancels.send(at))
            } else {
                (Class::Order, self.orders.send(at))
            };
            queue(arrives, class, Event::BotAsk(self.bot.account(), Box::new(ask)));
        }
        for input in self.wants.durable.drain(..) {
            let news = News::Durable(input);
            queue(at.plus(self.bot.commit()), Class::Observation, Event::BotNews(Box::new(news)));
        }
        if self.wants.renew_user {
            let again = at.plus(self.orders.least()).plus(self.user.least());
            queue(at, Class::Observation, Event::BotNews(Box::new(News::UserLink(false))));
            queue(again, Class::Observation, Event::BotNews(Box::new(News::UserLink(true))));
        }
        let reaction = self.bot.reaction();
        let mut next = self.bot.next_deadline();
        if let Some((arrives, _)) = self.feed.front() {
            next = next.min((*arrives).max(at).plus(reaction));
        }
        if self.bot.is_waiting() {
            next = next.min(at.plus(reaction));
        }
        self.turn_by(next.max(at.plus(Nanos::from_nanos(1))), queue);
    }

    /// Sees to it that a turn is taken at `at` or before.
    fn turn_by(&mut self, at: Timestamp, queue: Queue<'_>) {
        if self.turn_at.is_none_or(|planned| planned > at) {
            self.turn_at = Some(at);
            queue(at, Class::Observation, Event::BotTurn);
        }
    }
}
