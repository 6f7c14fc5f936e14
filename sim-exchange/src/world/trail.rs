//! What a run has been: a hash over everything that happened, and the log where one is wanted.
//!
//! Every event and every fact goes into a running mix of 128 bits, cheap enough to be always on. Every 10,000 events the mix and the
//! venue's whole state go into a chain of SHA-256: equal chains mean equal runs, with the log or without it. The log holds the same
//! events in words (`entry`).

use super::crowd::Event;
use super::entry;
use crate::exchange::{AccountIx, Exchange, Fact, OrderChange};
use crate::kernel::{Class, Party};
use crate::log::{Chain, Header, LogWriter, Writer};
use crate::scenario::Scenario;
use mm_core::domain::{Digest, MarketIx, Outcome, Price, Side, Timestamp, Usdc};
use std::io::Write;

/// Events between two looks at the whole state.
pub(super) const STATE_EVERY: u64 = 10_000;

/// The trail of one run.
#[derive(Debug)]
pub(super) struct Trail {
    events: u64,
    facts: u64,
    mix: Mix,
    chain: Chain,
    log: Option<Log>,
}

/// The log and the entry that is being written.
#[derive(Debug)]
struct Log {
    writer: LogWriter,
    entry: Writer,
    open: bool,
    /// It could not be written: it stops there, and says so at the end.
    failed: Option<std::io::Error>,
}

/// The running mix: two lanes of multiply and fold. Not made to withstand an adversary; the chain and the log are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mix(u64, u64);

impl Mix {
    #[inline]
    fn add(&mut self, word: u64) {
        self.0 = fold(self.0 ^ word, 0x9e37_79b9_7f4a_7c15);
        self.1 = fold(self.1.rotate_left(23) ^ word, 0xd6e8_feb8_6659_fd93);
    }
}

#[inline]
fn fold(x: u64, by: u64) -> u64 {
    let product = u128::from(x ^ 0x2545_f491_4f6c_dd1d) * u128::from(by);
    #[expect(clippy::cast_possible_truncation, reason = "both halves of the product are taken")]
    let halves = (product as u64, (product >> 64) as u64);
    halves.0 ^ halves.1
}

impl Trail {
    pub(super) fn new(scenario: &Scenario, log: Option<Box<dyn Write + Send>>) -> std::io::Result<Self> {
        let header = header(scenario);
        let log = match log {
            None => None,
            Some(out) => {
                let writer = LogWriter::new(out, &header)?;
                Some(Log { writer, entry: Writer::new(), open: false, failed: None })
            }
        };
        let chain = Chain::new(&header.bytes());
        Ok(Self { events: 0, facts: 0, mix: Mix(scenario.seed, 0), chain, log })
    }

    /// Events so far.
    pub(super) const fn events(&self) -> u64 {
        self.events
    }

    /// Facts so far.
    pub(super) const fn facts(&self) -> u64 {
        self.facts
    }

    /// A wallet is opened, which is the first thing that happens to it.
    pub(super) fn open(&mut self, exchange: &mut Exchange, at: Timestamp, address: &str, funds: Usdc) -> AccountIx {
        let account = exchange.open_funded(at, address, funds);
        self.event(at, Class::Control, Party(account.0), &Event::Open(address.to_owned(), funds));
        self.close(exchange, at);
        account
    }

    /// Something happens.
    #[inline]
    pub(super) fn event(&mut self, at: Timestamp, class: Class, party: Party, event: &Event) {
        self.events += 1;
        self.mix.add(at.nanos());
        self.mix.add(u64::from(party.0) << 8 | class as u64);
        if let Some(log) = &mut self.log {
            log.entry.clear();
            entry::begin(&mut log.entry, at, class, event);
            log.open = true;
        }
    }

    /// It has this consequence.
    #[inline]
    pub(super) fn fact(&mut self, fact: &Fact) {
        self.facts += 1;
        for word in words(fact) {
            self.mix.add(word);
        }
        if let Some(log) = &mut self.log
            && log.open
        {
            entry::fact(&mut log.entry, fact);
        }
    }

    /// It is over.
    #[inline]
    pub(super) fn close(&mut self, exchange: &Exchange, at: Timestamp) {
        let events = self.events;
        if let Some(log) = &mut self.log
            && std::mem::take(&mut log.open)
        {
            entry::end(&mut log.entry, events);
            log.append();
        }
        if events.is_multiple_of(STATE_EVERY) {
            self.note_state(exchange, at);
        }
    }

    /// The mix and the venue's state go into the chain, and into the log.
    fn note_state(&mut self, exchange: &Exchange, at: Timestamp) {
        let state = exchange.state_hash_at(at);
        let mut bytes = [0u8; 56];
        bytes[..8].copy_from_slice(&self.events.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.mix.0.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.mix.1.to_le_bytes());
        bytes[24..].copy_from_slice(&state.0);
        self.chain.absorb(&bytes);
        if let Some(log) = &mut self.log {
            log.entry.clear();
            entry::state(&mut log.entry, self.events, at, &state);
            log.append();
        }
    }

    /// The hash of the whole run, which ends at `at`.
    ///
    /// # Errors
    /// The log's, if it was not written completely.
    pub(super) fn finish(&mut self, exchange: &Exchange, at: Timestamp) -> std::io::Result<Digest> {
        self.note_state(exchange, at);
        if let Some(log) = &mut self.log {
            if let Some(why) = log.failed.take() {
                return Err(why);
            }
            log.writer.flush()?;
        }
        Ok(self.chain.digest())
    }

    /// The last hash and the number of entries of the log, if there is one.
    pub(super) fn logged(&self) -> Option<(u64, Digest)> {
        self.log.as_ref().map(|log| (log.writer.chain().count(), log.writer.chain().digest()))
    }
}

impl Log {
    fn append(&mut self) {
        if self.failed.is_none()
            && let Err(why) = self.writer.append(self.entry.bytes())
        {
            self.failed = Some(why);
        }
    }
}

/// What must be the same for two runs to be the same.
pub(super) fn header(scenario: &Scenario) -> Header {
    let mut features = Vec::new();
    if scenario.bot.is_some() {
        features.push("bot".to_owned());
    }
    if scenario.tape.is_some() {
        features.push("tape".to_owned());
    }
    Header {
        code: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned(),
        config: scenario.digest(),
        seed: scenario.seed,
        features,
    }
}

/// A fact in three words: every field is in them.
#[inline]
fn words(fact: &Fact) -> [u64; 3] {
    let place = |tag: u64, market: MarketIx, outcome: Outcome, side: Side, price: Price| {
        tag << 56
            | u64::from(market.0) << 32
            | u64::from(price.ten_thousandths()) << 8
            | (outcome as u64) << 1
            | side as u64
    };
    let of = |tag: u64, rest: u64| tag << 56 | rest;
    let pair = |account: u32, order: u32| u64::from(account) << 32 | u64::from(order);
    match *fact {
        Fact::Level { market, side, price, qty, first } => [place(1, market, first, side, price), qty.micro(), 0],
        Fact::Print { market, outcome, side, price, qty } => [place(2, market, outcome, side, price), qty.micro(), 0],
        Fact::Whole { market, outcome } => [of(3, u64::from(market.0) << 8 | outcome as u64), 0, 0],
        Fact::Tick { market, old, new } => {
            let ticks = u64::from(old.ten_thousandths()) << 16 | u64::from(new.ten_thousandths());
            [of(4, u64::from(market.0)), ticks, 0]
        }
        Fact::Opened { market } => [of(5, u64::from(market.0)), 0, 0],
        Fact::Closed { market } => [of(6, u64::from(market.0)), 0, 0],
        Fact::Resolved { market, winner } => {
            let winner = winner.map_or(2, |winner| winner as u64);
            [of(7, u64::from(market.0) << 8 | winner), 0, 0]
        }
        Fact::Order { account, order, change, matched, left } => {
            let what = match change {
                OrderChange::Placed => 0,
                OrderChange::Updated => 1,
                OrderChange::Ended(why) => 2 + why as u64,
            };
            [of(8, what << 48 ^ pair(account.0, order.0)), matched.micro(), left.micro()]
        }
        Fact::Fill { account, order, trade, market, outcome, side, price, qty, fee, taker } => {
            let place = place(9, market, outcome, side, price) ^ u64::from(taker) << 2;
            [place, pair(account.0, order.0) ^ trade.0.rotate_left(40), qty.micro() ^ fee.micro().rotate_left(32)]
        }
        Fact::Trade { trade, stage } => [of(10, stage as u64), trade.0, 0],
        Fact::Paid { account, kind, amount } => [of(11, kind as u64), u64::from(account.0), amount.micro()],
    }
}
