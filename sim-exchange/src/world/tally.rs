//! Who earned what from whom: kept from the facts alone, beside the venue's own books.
//!
//! Every fill is booked twice, once for each side, under the kinds of the two parties. Cash and shares are exact; what the shares are
//! worth is decided when somebody asks. So the profit of a kind, split by whom it traded with, adds up to its whole trading
//! profit (invariant 4).

use crate::exchange::{AccountIx, Fact, OrderChange, Stage};
use mm_core::domain::{MarketIx, Outcome, Price, Qty, Side, cost_floor};

/// What kind of party an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Trades without knowing anything.
    Noise,
    /// Knows something.
    Informed,
    /// Races to stale quotes.
    Sniper,
    /// Quotes for rewards.
    Maker,
    /// Quotes as a textbook says.
    Dealer,
    /// Our own bot.
    Bot,
    /// A client on a socket.
    Client,
    /// The recorded world.
    House,
}

impl Kind {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 8] =
        [Self::Bot, Self::Maker, Self::Noise, Self::Informed, Self::Sniper, Self::Dealer, Self::Client, Self::House];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Noise => "noise",
            Self::Informed => "informed",
            Self::Sniper => "sniper",
            Self::Maker => "maker",
            Self::Dealer => "dealer",
            Self::Bot => "bot",
            Self::Client => "client",
            Self::House => "house",
        }
    }
}

/// What one kind did with another in one market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Dealt {
    /// Millionths of a dollar: received less paid, fees not included.
    cash: i64,
    /// Millionths of a share, bought less sold.
    yes: i64,
    no: i64,
    fills: u64,
    shares: u64,
}

/// What one kind did with another, in dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Profit {
    /// Cash received less paid, plus shares at their marks; millionths of a dollar.
    pub micro: i64,
    /// Fills.
    pub fills: u64,
    /// Shares traded, millionths.
    pub shares: u64,
}

/// Counters of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Orders accepted.
    pub placed: u64,
    /// Orders that ended with something left.
    pub ended: u64,
    /// Fills, as maker and as taker.
    pub fills: u64,
    /// Fills as maker.
    pub maker_fills: u64,
    /// Fees paid, millionths of a dollar.
    pub fees: u64,
}

/// A maker's part in a trade that is being told.
#[derive(Clone, Copy, Debug)]
struct Told {
    account: AccountIx,
    market: MarketIx,
    outcome: Outcome,
    side: Side,
    price: Price,
    qty: Qty,
}

/// The books.
#[derive(Clone, Debug)]
pub struct Tally {
    kinds: Vec<Kind>,
    markets: usize,
    /// By kind, counterparty and market.
    dealt: Vec<Dealt>,
    counts: [Counts; Kind::ALL.len()],
    /// The trade that is being told.
    makers: Vec<Told>,
    taker: Option<Told>,
    trades: u64,
    volume: u64,
}

const KINDS: usize = Kind::ALL.len();

const fn row(kind: Kind) -> usize {
    kind as usize
}

impl Tally {
    /// Empty books of that many markets.
    #[must_use]
    pub fn new(markets: usize) -> Self {
        Self {
            kinds: Vec::new(),
            markets,
            dealt: vec![Dealt::default(); KINDS * KINDS * markets],
            counts: [Counts::default(); KINDS],
            makers: Vec::new(),
            taker: None,
            trades: 0,
            volume: 0,
        }
    }

    /// Says what an account is; one nobody named is a client.
    pub fn name(&mut self, account: AccountIx, kind: Kind) {
        let ix = account.0 as usize;
        if self.kinds.len() <= ix {
            self.kinds.resize(ix + 1, Kind::Client);
        }
        self.kinds[ix] = kind;
    }

    /// What an account is.
    #[must_use]
    pub fn kind(&self, account: AccountIx) -> Kind {
        self.kinds.get(account.0 as usize).copied().unwrap_or(Kind::Client)
    }

    /// Trades so far.
    #[must_use]
    pub const fn trades(&self) -> u64 {
        self.trades
    }

    /// Shares traded so far, millionths.
    #[must_use]
    pub const fn volume(&self) -> u64 {
        self.volume
    }

    /// Counters of a kind.
    #[must_use]
    pub const fn counts(&self, kind: Kind) -> Counts {
        self.counts[row(kind)]
    }
}

impl Tally {
    /// Takes in one fact. Facts must come in their order, every one.
    pub fn hear(&mut self, fact: &Fact) {
        match *fact {
            Fact::Order { account, change, .. } => {
                let counts = &mut self.counts[row(self.kind(account))];
                match change {
                    OrderChange::Placed => counts.placed += 1,
                    OrderChange::Updated => {}
                    OrderChange::Ended(_) => counts.ended += 1,
                }
            }
            Fact::Fill { account, market, outcome, side, price, qty, fee, taker, .. } => {
                let counts = &mut self.counts[row(self.kind(account))];
                counts.fills += 1;
                counts.maker_fills += u64::from(!taker);
                counts.fees += fee.micro();
                let told = Told { account, market, outcome, side, price, qty };
                if taker {
                    self.taker = Some(told);
                } else {
                    self.makers.push(told);
                }
            }
            Fact::Trade { stage: Stage::Matched, .. } => self.book(),
            _ => {}
        }
    }

    /// The facts of one trade are complete: its makers, then its taker. Who was not named is the recorded world.
    fn book(&mut self) {
        let taker = self.taker.take();
        let kind = taker.map_or(Kind::House, |taker| self.kind(taker.account));
        self.trades += 1;
        let mut makers = std::mem::take(&mut self.makers);
        let mut left = taker.map_or(Qty::ZERO, |taker| taker.qty);
        for maker in makers.drain(..) {
            self.between(self.kind(maker.account), kind, &maker);
            left = left.saturating_sub(maker.qty);
        }
        self.makers = makers;
        if let Some(taker) = taker
            && !left.is_zero()
        {
            self.between(kind, Kind::House, &Told { qty: left, ..taker });
        }
    }

    /// `of` made this fill against `with`, who did the opposite. The other may have traded the other token: in YES terms that is
    /// the same.
    fn between(&mut self, of: Kind, with: Kind, fill: &Told) {
        self.volume += fill.qty.micro();
        let cash = signed(cost_floor(fill.price, fill.qty).micro());
        let shares = signed(fill.qty.micro());
        let (cash, shares) = match fill.side {
            Side::Buy => (-cash, shares),
            Side::Sell => (cash, -shares),
        };
        self.deal(of, with, fill, cash, shares);
        self.deal(with, of, fill, -cash, -shares);
    }

    fn deal(&mut self, of: Kind, with: Kind, fill: &Told, cash: i64, shares: i64) {
        let dealt = &mut self.dealt[(row(of) * KINDS + row(with)) * self.markets + fill.market.index()];
        dealt.cash += cash;
        match fill.outcome {
            Outcome::Yes => dealt.yes += shares,
            Outcome::No => dealt.no += shares,
        }
        dealt.fills += 1;
        dealt.shares += fill.qty.micro();
    }

    /// What `of` made by trading with `with`, with a share of YES at `mark` in each market and one of NO at a dollar less that.
    /// Fees are not in it.
    #[must_use]
    pub fn profit(&self, of: Kind, with: Kind, mark: &dyn Fn(MarketIx) -> Price) -> Profit {
        let from = (row(of) * KINDS + row(with)) * self.markets;
        let mut profit = Profit::default();
        for (market, dealt) in (0u16..).map(MarketIx).zip(&self.dealt[from..from + self.markets]) {
            let yes = mark(market);
            profit.micro += dealt.cash + worth(dealt.yes, yes) + worth(dealt.no, yes.complement());
            profit.fills += dealt.fills;
            profit.shares += dealt.shares;
        }
        profit
    }

    /// Cash a kind has received less what it has paid by trading, fees not included; millionths of a dollar.
    #[must_use]
    pub fn cash(&self, of: Kind) -> i64 {
        let from = row(of) * KINDS * self.markets;
        self.dealt[from..from + KINDS * self.markets].iter().map(|dealt| dealt.cash).sum()
    }

    /// Shares of YES less shares of NO that a kind has come to hold in a market by trading, millionths.
    #[must_use]
    pub fn net_yes(&self, of: Kind, market: MarketIx) -> i64 {
        let with = (0..KINDS).map(|with| &self.dealt[(row(of) * KINDS + with) * self.markets + market.index()]);
        with.map(|dealt| dealt.yes - dealt.no).sum()
    }
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).expect("amounts of one world stay far below 2^63 millionths")
}

/// Shares at a price, rounded down.
fn worth(shares: i64, price: Price) -> i64 {
    let micro = i128::from(shares) * i128::from(price.ten_thousandths());
    i64::try_from(micro.div_euclid(10_000)).expect("amounts of one world stay far below 2^63 millionths")
}
