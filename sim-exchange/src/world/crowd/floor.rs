//! Agents at work: they wake, ask, are answered, and hear what the venue did.

use super::{Crowd, Event, Purse};
use crate::agents::{News, Request, Seen};
use crate::exchange::{AccountIx, Exchange, Fact, OrderChange, Stage};
use crate::kernel::Class;
use crate::latent::{Blind, Ears, Signals};
use crate::world::seats::{self, Seat};
use mm_core::domain::{Nanos, NewOrder, Token};

impl Crowd {
    pub(super) fn wake(&mut self, row: u32) {
        // observations of this very instant come after its timers
        self.board.advance(self.now.minus(Nanos::from_nanos(1)));
        let seat = &mut self.seats[row as usize];
        let ears = seat.ears.as_mut().map(|ears| Ears::new(self.now, &mut self.latent, ears));
        let signals: &dyn Signals = ears.as_ref().map_or(&Blind, |ears| ears);
        let seen = Seen { board: &self.board, signals, own: &seat.own };
        let next = seat.agent.wake(self.now, &seen, &mut self.requests);
        if let Some(next) = next {
            self.kernel.push(next, Class::Timer, seat.party, Event::Wake(row));
        }
        self.send_requests(row);
    }

    pub(super) fn hear(&mut self, row: u32, news: Option<&News>, purse: Option<Purse>) {
        self.board.advance(self.now);
        let seat = &mut self.seats[row as usize];
        if let Some(purse) = purse {
            seat.own.refresh(purse.cash, purse.yes, purse.no);
        }
        if let Some(news) = news {
            seat.own.apply(news);
            let ears = seat.ears.as_mut().map(|ears| Ears::new(self.now, &mut self.latent, ears));
            let signals: &dyn Signals = ears.as_ref().map_or(&Blind, |ears| ears);
            let seen = Seen { board: &self.board, signals, own: &seat.own };
            seat.agent.hear(self.now, news, &seen, &mut self.requests);
            self.send_requests(row);
        }
    }

    fn send_requests(&mut self, row: u32) {
        let seat = &mut self.seats[row as usize];
        for request in self.requests.drain(..) {
            seat.own.sent(&request, &self.board);
            let (class, arrives) = match request {
                Request::Cancel { .. } | Request::CancelAll => (Class::Cancel, seat.cancels.send(self.now)),
                Request::Place { .. } | Request::Split { .. } | Request::Merge { .. } => {
                    (Class::Order, seat.orders.send(self.now))
                }
            };
            self.kernel.push(arrives, class, seat.party, Event::Arrive(row, seat.account, request));
        }
    }

    /// A request has reached the venue.
    pub(super) fn arrive(&mut self, exchange: &mut Exchange, row: u32, account: AccountIx, request: Request) {
        let at = self.now;
        match request {
            Request::Place { market, outcome, side, price, qty, tif, post_only, tag } => {
                let order = NewOrder { token: Token { market, outcome }, side, price, qty, post_only, tif };
                let news = match exchange.submit(at, account, &order) {
                    Ok(accepted) => News::Accepted { tag, order: accepted.order },
                    Err(_) => News::Rejected { tag },
                };
                self.tell(exchange, row, Some(news));
            }
            Request::Cancel { order } => {
                exchange.withdraw_order(at, account, order);
            }
            Request::CancelAll => {
                exchange.cancel_all(at, account);
            }
            Request::Split { market, qty } => {
                if exchange.split(at, account, market, qty).is_ok() {
                    self.tell(exchange, row, Some(News::Split { market, qty }));
                }
            }
            Request::Merge { market, qty } => {
                if exchange.merge(at, account, market, qty).is_ok() {
                    self.tell(exchange, row, Some(News::Merged { market, qty }));
                }
            }
        }
    }

    /// News for a seat leave the venue, with what is free to it now.
    fn tell(&mut self, exchange: &Exchange, row: u32, news: Option<News>) {
        let seat = &mut self.seats[row as usize];
        let purse = purse(exchange, seat);
        let arrives = seat.news.send(self.now);
        self.kernel.push(arrives, Class::Observation, seat.party, Event::Hear(row, news, Some(purse)));
    }

    /// Takes what the venue did and sends it to whom it concerns.
    pub(super) fn pump(&mut self, exchange: &mut Exchange) {
        if self.facts.is_empty() && exchange.pending_facts().is_empty() {
            return;
        }
        let mut facts = std::mem::take(&mut self.facts);
        exchange.take_facts(&mut facts);
        for fact in &facts {
            self.trail.fact(fact);
            self.tally.hear(fact);
            self.checks.hear(fact);
            if let Some(change) = seats::public(fact) {
                self.board.tell(self.now, change);
            }
            self.with_bot(|seat, at, queue| seat.tell_market(at, exchange, fact, queue));
            self.tell_seats(exchange, fact);
        }
        facts.clear();
        self.facts = facts;
        if self.bot.is_some() && exchange.was_heard() {
            for event in exchange.heard() {
                self.with_bot(|seat, at, queue| seat.tell_user(at, Box::new(event), queue));
            }
        }
    }

    fn tell_seats(&mut self, exchange: &Exchange, fact: &Fact) {
        match *fact {
            Fact::Order { account, order, change, left, .. } => {
                let gone =
                    matches!(change, OrderChange::Ended(_)) || (change == OrderChange::Updated && left.is_zero());
                if gone && let Some(row) = self.seat(account) {
                    self.tell(exchange, row, Some(News::Ended { order }));
                }
            }
            Fact::Fill { account, order, market, outcome, side, price, qty, fee, .. } => {
                if let Some(row) = self.seat(account) {
                    let news = News::Filled { order, market, outcome, side, price, qty, fee };
                    self.tell(exchange, row, Some(news));
                }
            }
            // balances move when a trade is mined
            Fact::Trade { trade, stage: Stage::Mined | Stage::Failed } => {
                for account in exchange.parties(trade) {
                    if let Some(row) = self.seat(account) {
                        self.tell(exchange, row, None);
                    }
                }
            }
            _ => {}
        }
    }

    fn seat(&self, account: AccountIx) -> Option<u32> {
        self.seat_of.get(account.0 as usize).copied().flatten()
    }
}

fn purse(exchange: &Exchange, seat: &Seat) -> Purse {
    let (cash, yes, no) = exchange.free(seat.account, seat.market);
    Purse { cash, yes, no }
}
