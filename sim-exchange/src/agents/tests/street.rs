//! A small street of agents around the plainest exchange there is: no latency, no fees, answers at once.

use super::super::*;
use super::scene::{MARKET, START, price, qty};
use crate::draws::{Draws, real};
use crate::latent::{Blind, Latent, LatentParams, Motion, Process, Receiver, Resolution, ResolutionKind, Signals};
use mm_core::domain::{Nanos, TickSize};
use std::collections::VecDeque;

pub(super) struct Seat {
    pub(super) agent: Box<dyn Agent>,
    own: Own,
    ears: Option<Receiver>,
    due: Option<Timestamp>,
    /// Millionths of a dollar and of a share; the street lends without limit.
    pub(super) cash: i64,
    pub(super) shares: [i64; 2],
    pub(super) wakes: Vec<Timestamp>,
}

/// An order that rests, in YES terms.
#[derive(Clone, Copy)]
struct Rest {
    seat: usize,
    order: OrderIx,
    outcome: Outcome,
    side: Side,
    price: Price,
    left: Qty,
}

pub(super) struct Street {
    pub(super) latent: Latent,
    board: Board,
    pub(super) seats: Vec<Seat>,
    book: Vec<Rest>,
    orders: u32,
    now: Timestamp,
    pub(super) trades: u64,
}

impl Street {
    pub(super) fn new(process: Process, step: Nanos, seed: u64) -> (Self, Draws) {
        let draws = Draws::new(seed);
        let params = LatentParams { step, markets: vec![process], links: Vec::new() };
        let latent = Latent::new(&params, &draws, START).expect("possible");
        let tick = TickSize::try_from(1).expect("a tick");
        let facts = MarketFacts { tick, min_order: qty("1"), fee: None, rewards: None };
        let mut board = Board::new(vec![facts], Nanos::ZERO);
        board.tell(START, Change::Trading { market: MARKET, open: true });
        let (seats, book) = (Vec::new(), Vec::new());
        (Self { latent, board, seats, book, orders: 0, now: START, trades: 0 }, draws)
    }

    pub(super) fn sit(&mut self, agent: Box<dyn Agent>, ears: Option<Receiver>) {
        let own = Own::new(CAPITAL);
        let (due, cash, shares, wakes) = (Some(START), 0, [0; 2], Vec::new());
        self.seats.push(Seat { agent, own, ears, due, cash, shares, wakes });
    }

    /// Lives until `end`: jumps first, then wakes; at one moment by name.
    pub(super) fn run(&mut self, end: Timestamp) {
        loop {
            let next =
                self.seats.iter().enumerate().filter_map(|(n, seat)| Some((seat.due?, seat.agent.name(), n))).min();
            let jump = self.latent.next_event();
            let wake_at = next.map(|(at, ..)| at);
            let at = [wake_at, jump].into_iter().flatten().min().unwrap_or(Timestamp::MAX);
            if at > end {
                break;
            }
            self.now = at;
            if jump == Some(at) {
                self.latent.advance(at);
                for jump in self.latent.news().collect::<Vec<_>>() {
                    for seat in 0..self.seats.len() {
                        if self.seats[seat].agent.follows() == Some(jump.market) {
                            self.tell(VecDeque::from([(seat, News::Jump(jump))]));
                        }
                    }
                }
            } else if let Some((_, _, seat)) = next {
                self.seats[seat].wakes.push(at);
                let mut out = Vec::new();
                self.seats[seat].due = self.act(seat, &mut out, |agent, seen, out| agent.wake(at, seen, out));
                self.settle(seat, out);
            }
        }
        self.latent.advance(end);
    }

    fn act<T>(
        &mut self,
        seat: usize,
        out: &mut Vec<Request>,
        f: impl FnOnce(&mut dyn Agent, &Seen<'_>, &mut Vec<Request>) -> T,
    ) -> T {
        let Seat { agent, own, ears, shares, .. } = &mut self.seats[seat];
        let reserved = |outcome, book: &[Rest]| {
            let sells = book.iter().filter(|r| r.seat == seat && r.outcome == outcome && sells(r));
            sells.map(|r| r.left.micro()).sum::<u64>()
        };
        let free =
            |n: usize, outcome| Qty::from_micro(u64::try_from(shares[n]).unwrap_or(0) - reserved(outcome, &self.book));
        own.refresh(CAPITAL, free(0, Outcome::Yes), free(1, Outcome::No));
        let view = ears.as_mut().map(|ears| self.latent.view(self.now, ears));
        let signals: &dyn Signals = view.as_ref().map_or(&Blind, |view| view);
        f(agent.as_mut(), &Seen { board: &self.board, signals, own }, out)
    }

    fn settle(&mut self, seat: usize, requests: Vec<Request>) {
        let mut news = VecDeque::new();
        for request in requests {
            self.seats[seat].own.sent(&request, &self.board);
            self.ask(seat, request, &mut news);
        }
        self.tell(news);
    }

    fn tell(&mut self, mut news: VecDeque<(usize, News)>) {
        while let Some((seat, one)) = news.pop_front() {
            self.seats[seat].own.apply(&one);
            let (mut out, now) = (Vec::new(), self.now);
            self.act(seat, &mut out, |agent, seen, out| agent.hear(now, &one, seen, out));
            for request in out {
                self.seats[seat].own.sent(&request, &self.board);
                self.ask(seat, request, &mut news);
            }
        }
    }

    fn ask(&mut self, seat: usize, request: Request, news: &mut VecDeque<(usize, News)>) {
        match request {
            Request::Place { outcome, side, price, qty, tif, post_only, tag, .. } => {
                let order = OrderIx(self.orders);
                self.orders += 1;
                let open = OpenOrder { order, tag, outcome, side, price, qty, left: qty };
                let (side, price) = open.in_yes_terms();
                let mut taker = Rest { seat, order, outcome, side, price, left: qty };
                if post_only && self.best(side.other()).is_some_and(|at| crosses(&taker, self.book[at].price)) {
                    news.push_back((seat, News::Rejected { tag }));
                    return;
                }
                news.push_back((seat, News::Accepted { tag, order }));
                while let Some(at) = self.best(side.other()).filter(|at| crosses(&taker, self.book[*at].price)) {
                    let maker = self.book[at];
                    let qty = taker.left.min(maker.left);
                    if qty.is_zero() {
                        break;
                    }
                    self.trades += 1;
                    taker.left = taker.left.saturating_sub(qty);
                    self.book[at].left = maker.left.saturating_sub(qty);
                    self.fill(&taker, maker.price, qty, news);
                    self.fill(&maker, maker.price, qty, news);
                    if self.book[at].left.is_zero() {
                        self.book.remove(at);
                        news.push_back((maker.seat, News::Ended { order: maker.order }));
                    }
                    self.show(side.other(), maker.price);
                }
                if taker.left.is_zero() || tif == TimeInForce::Fak {
                    news.push_back((seat, News::Ended { order }));
                } else {
                    self.book.push(taker);
                    self.show(side, price);
                }
            }
            Request::Cancel { order } => {
                if let Some(at) = self.book.iter().position(|rest| rest.order == order) {
                    let gone = self.book.remove(at);
                    news.push_back((seat, News::Ended { order }));
                    self.show(gone.side, gone.price);
                }
            }
            Request::Merge { market, qty } => {
                let micro = i64::try_from(qty.micro()).expect("small");
                let purse = &mut self.seats[seat];
                purse.shares = purse.shares.map(|held| held - micro);
                purse.cash += micro;
                news.push_back((seat, News::Merged { market, qty }));
            }
            Request::CancelAll | Request::Split { .. } => panic!("nobody here asks for {request:?}"),
        }
    }

    /// The first of the best orders of a side.
    fn best(&self, side: Side) -> Option<usize> {
        let key = |rest: &Rest| match side {
            Side::Buy => 10_000 - rest.price.ten_thousandths(),
            Side::Sell => rest.price.ten_thousandths(),
        };
        let of_side = self.book.iter().enumerate().filter(|(_, rest)| rest.side == side);
        of_side.min_by_key(|(_, rest)| (key(rest), rest.order)).map(|(at, _)| at)
    }

    fn fill(&mut self, rest: &Rest, yes_price: Price, qty: Qty, news: &mut VecDeque<(usize, News)>) {
        let price = if rest.outcome == Outcome::Yes { yes_price } else { yes_price.complement() };
        let side = if sells(rest) { Side::Sell } else { Side::Buy };
        let micro = i64::try_from(qty.micro()).expect("small");
        // sizes are whole hundredths, so this is exact
        let dollars = micro / 10_000 * i64::from(price.ten_thousandths());
        let sign = if side == Side::Buy { 1 } else { -1 };
        let purse = &mut self.seats[rest.seat];
        purse.cash -= sign * dollars;
        purse.shares[usize::from(rest.outcome == Outcome::No)] += sign * micro;
        assert!(purse.shares.iter().all(|held| *held >= 0), "sold what it did not have");
        let (order, market, outcome, fee) = (rest.order, MARKET, rest.outcome, Usdc::ZERO);
        news.push_back((rest.seat, News::Filled { order, market, outcome, side, price, qty, fee }));
    }

    fn show(&mut self, side: Side, price: Price) {
        let at = self.book.iter().filter(|rest| (rest.side, rest.price) == (side, price));
        let qty = at.fold(Qty::ZERO, |sum, rest| sum.saturating_add(rest.left));
        self.board.tell(self.now, Change::Level { market: MARKET, side, price, qty });
    }

    /// Dollars a seat has gained if YES is worth `p`.
    pub(super) fn gain(&self, seat: usize, p: f64) -> f64 {
        let Seat { cash, shares, .. } = &self.seats[seat];
        let micro = |n: i64| real(n.unsigned_abs()) / 1e6 * if n < 0 { -1.0 } else { 1.0 };
        micro(*cash) + micro(shares[0]) * p + micro(shares[1]) * (1.0 - p)
    }
}

fn sells(rest: &Rest) -> bool {
    (rest.side == Side::Sell) == (rest.outcome == Outcome::Yes)
}

fn crosses(taker: &Rest, price: Price) -> bool {
    match taker.side {
        Side::Buy => taker.price >= price,
        Side::Sell => taker.price <= price,
    }
}

/// Never runs out.
pub(super) const CAPITAL: Usdc = Usdc::from_micro(1_000_000_000_000);

pub(super) fn after_s(s: u64) -> Timestamp {
    START.plus(Nanos::from_secs(s))
}

pub(super) fn still(start: f64, ends: Option<u64>) -> Process {
    let resolution =
        ends.map(|s| Resolution { at: after_s(s), kind: ResolutionKind::Secret, announced_after: Nanos::ZERO });
    Process {
        market: MARKET,
        name: "m".to_owned(),
        start,
        volatility_per_sqrt_h: 0.0,
        motion: Motion::Martingale,
        jumps: None,
        resolution,
    }
}

pub(super) fn noise(name: &str, arrivals_per_h: f64, size: &str, draws: &Draws) -> Box<dyn Agent> {
    let size = NoiseSize::Fixed(qty(size));
    // takes whatever is offered
    let reach = Reach::Through(price("0.9999"));
    let params = NoiseParams { market: MARKET, capital: CAPITAL, arrivals_per_h, buys: 0.5, size, reach };
    Box::new(Noise::new(name, params, draws).expect("possible"))
}

pub(super) fn dealer(rule: DealerRule, belief: Belief, size: &str, look_every: Nanos) -> Box<dyn Agent> {
    let params =
        DealerParams { market: MARKET, capital: CAPITAL, look_every, size: qty(size), refill_below: 1.0, rule, belief };
    Box::new(Dealer::new("dealer/0", params).expect("possible"))
}
