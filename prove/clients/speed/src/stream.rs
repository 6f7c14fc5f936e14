//! The frames: a generated stream with the venue's mix, and a recorded one.

use mm_core::domain::{ConditionId, Market, Outcome, Price, Qty, TickSize, TokenId, Universe};
use mm_core::venue::market_ws::{MarketFrame, PriceChange, WireEvent, decode_tolerant};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

pub struct Frame {
    pub text: String,
    /// The venue's clock stands for ours.
    pub at_ms: u64,
    pub is_change: bool,
}

pub struct Stream {
    pub name: String,
    pub markets: Vec<Market>,
    pub frames: Vec<Frame>,
}

impl Stream {
    pub fn universe(&self) -> Universe {
        Universe::new(self.markets.clone()).expect("every token once")
    }

    /// Token ids of all markets, YES before NO.
    pub fn tokens(&self) -> impl Iterator<Item = &TokenId> {
        self.markets.iter().flat_map(|market| [&market.yes, &market.no])
    }

    pub fn words(&self) -> String {
        let n = self.frames.len() as f64;
        let share = |count: usize| 100.0 * count as f64 / n;
        let bytes: usize = self.frames.iter().map(|frame| frame.text.len()).sum();
        let books = self.frames.iter().filter(|frame| frame.text.contains("\"event_type\":\"book\"")).count();
        format!(
            "{}: {} frames, {:.0} bytes mean, {:.1} % price_change, {:.1} % book, {} markets",
            self.name,
            self.frames.len(),
            bytes as f64 / n,
            share(self.frames.iter().filter(|frame| frame.is_change).count()),
            share(books),
            self.markets.len()
        )
    }
}

/// SplitMix64.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| char::from_digit(self.below(16) as u32, 16).expect("a hex digit")).collect()
    }

    fn token(&mut self) -> TokenId {
        let rest: String = (0..76).map(|_| char::from_digit(self.below(10) as u32, 10).expect("a digit")).collect();
        TokenId::parse(&format!("{}{rest}", 1 + self.below(9))).expect("77 digits")
    }
}

/// One market's book in YES terms: sizes in hundredths of a share by price in ten-thousandths.
#[derive(Default)]
struct Book {
    bids: BTreeMap<u16, u64>,
    asks: BTreeMap<u16, u64>,
}

impl Book {
    fn bid(&self) -> Option<u16> {
        self.bids.keys().next_back().copied()
    }

    fn ask(&self) -> Option<u16> {
        self.asks.keys().next().copied()
    }

    fn set(&mut self, buys: bool, price: u16, size: u64) {
        let side = if buys { &mut self.bids } else { &mut self.asks };
        if size == 0 {
            side.remove(&price);
        } else {
            side.insert(price, size);
        }
    }

    /// Bids rising and asks falling, of one token.
    fn sides(&self, outcome: Outcome) -> [Vec<(u16, u64)>; 2] {
        let mirrored = |(price, size): (&u16, &u64)| (10_000 - price, *size);
        let plain = |(price, size): (&u16, &u64)| (*price, *size);
        match outcome {
            Outcome::Yes => [self.bids.iter().map(plain).collect(), self.asks.iter().rev().map(plain).collect()],
            Outcome::No => [self.asks.iter().rev().map(mirrored).collect(), self.bids.iter().map(mirrored).collect()],
        }
    }
}

fn price(n: u16) -> Price {
    Price::from_ten_thousandths(n).expect("at most a dollar")
}

fn market(draws: &mut Draws, tick: TickSize) -> Market {
    Market {
        condition: ConditionId::parse(&format!("0x{}", draws.hex(64))).expect("64 digits"),
        event: None,
        yes: draws.token(),
        no: draws.token(),
        tick,
        min_order: Qty::from_micro(5_000_000),
        neg_risk: false,
        ready: true,
        rewards: None,
        resolving: false,
        starts: None,
        ends: None,
    }
}

impl Stream {
    /// 97 % `price_change` (mostly one order and its mirror, up to three), 2 % `book`, 1 % trades; a fifth of the markets on
    /// a tenth of a cent.
    pub fn generated(seed: u64, count: usize) -> Self {
        let mut draws = Draws(seed);
        let ticks: Vec<u16> = (0..200).map(|n| if n % 5 == 0 { 10 } else { 100 }).collect();
        let markets: Vec<Market> =
            ticks.iter().map(|tick| market(&mut draws, TickSize::try_from(*tick).expect("a tick"))).collect();
        let mut books: Vec<Book> = ticks.iter().map(|tick| opening(&mut draws, *tick)).collect();
        let mut at_ms = 1_780_000_000_000;
        let mut frames = Vec::with_capacity(count + 2 * markets.len());
        for (market, book) in markets.iter().zip(&books) {
            for outcome in [Outcome::Yes, Outcome::No] {
                let text = book_text(&mut draws, market, book, outcome, at_ms, true);
                frames.push(Frame { text, at_ms, is_change: false });
            }
        }
        for _ in 0..count {
            at_ms += draws.below(4);
            let row = draws.below(markets.len() as u64) as usize;
            let (market, book) = (&markets[row], &mut books[row]);
            let kind = draws.below(100);
            let text = if kind < 97 {
                // a millisecond of its own: each frame is one whole batch
                at_ms += 1;
                changes(&mut draws, market, book, ticks[row], at_ms)
            } else if kind < 99 {
                let outcome = if draws.below(2) == 0 { Outcome::Yes } else { Outcome::No };
                book_text(&mut draws, market, book, outcome, at_ms, false)
            } else {
                trade(&mut draws, market, book, at_ms)
            };
            frames.push(Frame { text, at_ms, is_change: kind < 97 });
        }
        Self { name: format!("generated, seed {seed}"), markets, frames }
    }

    /// A recording without snapshots, opened by one `book` frame a token: what its first tenth leads to.
    pub fn recorded(path: &Path) -> Result<Self, String> {
        let packed = std::fs::read(path).map_err(|why| why.to_string())?;
        let text = zstd::decode_all(packed.as_slice()).map_err(|why| why.to_string())?;
        let text = String::from_utf8(text).map_err(|why| why.to_string())?;
        let lines: Vec<(&str, WireEvent)> = text
            .lines()
            .map(|line| match decode_tolerant(line) {
                Ok(MarketFrame::Events(mut events)) if events.len() == 1 => Ok((line, events.remove(0))),
                other => Err(format!("not one event: {other:?}")),
            })
            .collect::<Result<_, _>>()?;
        let opening = lines.len() / 10;
        let mut known: Vec<(Market, Book)> = Vec::new();
        for (nth, (_, event)) in lines.iter().enumerate() {
            if let WireEvent::PriceChange(change) = event {
                grow(&mut known, change, nth < opening);
            }
        }
        // the venue's stamps step back now and then: an opening must be older than all that follows, and a clock only goes on
        let opened_ms = lines[opening..].iter().filter_map(|(_, event)| venue_ms(event)).min().unwrap_or(1) - 1;
        let mut frames = Vec::new();
        for (market, book) in &known {
            for outcome in [Outcome::Yes, Outcome::No] {
                let text = book_text(&mut Draws(1), market, book, outcome, opened_ms, true);
                frames.push(Frame { text, at_ms: opened_ms, is_change: false });
            }
        }
        let mut at_ms = opened_ms;
        for (line, event) in &lines[opening..] {
            at_ms = at_ms.max(venue_ms(event).ok_or("an event without a time")?);
            let is_change = matches!(event, WireEvent::PriceChange(_));
            // the one row that has lost its mirror would leave the two tokens of the SDK's user apart
            if !matches!(event, WireEvent::PriceChange(change) if change.changes.len() == 1) {
                frames.push(Frame { text: (*line).to_owned(), at_ms, is_change });
            }
        }
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Ok(Self {
            name: format!("recorded, {name}"),
            markets: known.into_iter().map(|(market, _)| market).collect(),
            frames,
        })
    }
}

fn venue_ms(event: &WireEvent) -> Option<u64> {
    match event {
        WireEvent::PriceChange(change) => Some(change.venue_ms),
        WireEvent::LastTradePrice { venue_ms, .. } => Some(*venue_ms),
        _ => None,
    }
}

/// Learns a market from a change, and takes it into the market's book if it is still to be opened; levels beyond the announced
/// top go.
fn grow(known: &mut Vec<(Market, Book)>, change: &PriceChange, takes: bool) {
    let row = known.iter().position(|(market, _)| market.condition == change.market).unwrap_or_else(|| {
        let [first, second] = [0, 1].map(|n: usize| change.changes.get(n).map(|entry| entry.token.clone()));
        let mut made = market(&mut Draws(0), TickSize::CENT);
        made.condition = change.market.clone();
        if let (Some(first), Some(second)) = (first, second) {
            (made.yes, made.no) = (first, second);
        }
        known.push((made, Book::default()));
        known.len() - 1
    });
    let (market, book) = &mut known[row];
    for entry in change.changes.iter().filter(|entry| entry.token == market.yes) {
        let n = entry.price.ten_thousandths();
        if n % 100 != 0 {
            market.tick = TickSize::try_from(10).expect("a tick");
        }
        if !takes {
            continue;
        }
        book.set(entry.side == mm_core::domain::Side::Buy, n, entry.qty.micro() / 10_000);
        if let Some(top) = entry.top {
            let (bid, ask) = (top.bid.map(Price::ten_thousandths), top.ask.map(Price::ten_thousandths));
            book.bids.retain(|price, _| bid.is_some_and(|bid| *price <= bid));
            book.asks.retain(|price, _| ask.is_some_and(|ask| *price >= ask));
        }
    }
}

/// About 115 levels around a price of its own.
fn opening(draws: &mut Draws, tick: u16) -> Book {
    let mut book = Book::default();
    let ticks = u64::from(10_000 / tick);
    let middle = ticks / 4 + draws.below(ticks / 2);
    let levels = if tick == 10 { 180 } else { 99 };
    for _ in 0..levels * 2 {
        let price = 1 + draws.below(ticks - 1);
        let near = if tick == 10 { middle.abs_diff(price) < 160 } else { true };
        if near && price != middle {
            book.set(price < middle, price as u16 * tick, 500 + draws.below(200_000));
        }
    }
    book
}

/// One order or up to three, each with its mirror; tops and hashes are those after all of them.
fn changes(draws: &mut Draws, market: &Market, book: &mut Book, tick: u16, at_ms: u64) -> String {
    let orders = match draws.below(20) {
        0 => 3,
        1 | 2 => 2,
        _ => 1,
    };
    let mut entries = Vec::new();
    for _ in 0..orders {
        let buys = draws.below(2) == 0;
        let away = (draws.below(12) * draws.below(12) / 12) as u16 * tick;
        let (bid, ask) = (book.bid().unwrap_or(tick), book.ask().unwrap_or(10_000 - tick));
        let wide = ask - bid > 3 * tick;
        let price = match (buys, wide && draws.below(2) == 0) {
            (true, true) => bid + tick,
            (false, true) => ask - tick,
            (true, false) => bid.saturating_sub(away).max(tick),
            (false, false) => (ask + away).min(10_000 - tick),
        };
        let (here, count) = {
            let side = if buys { &book.bids } else { &book.asks };
            (side.contains_key(&price), side.len())
        };
        let size = if here && count > 12 && draws.below(4) == 0 { 0 } else { 500 + draws.below(200_000) };
        book.set(buys, price, size);
        entries.push((buys, price, size));
    }
    let (bid, ask) = (book.bid(), book.ask());
    let hashes = [draws.hex(40), draws.hex(40)];
    let mut text = format!("{{\"market\":\"{}\",\"price_changes\":[", market.condition);
    for (n, (buys, at, size)) in entries.iter().enumerate() {
        for (outcome, hash) in [Outcome::Yes, Outcome::No].into_iter().zip(&hashes) {
            let is_yes = outcome == Outcome::Yes;
            let at = if is_yes { *at } else { 10_000 - at };
            let side = if *buys == is_yes { "BUY" } else { "SELL" };
            let (bid, ask) =
                if is_yes { (bid, ask) } else { (ask.map(|price| 10_000 - price), bid.map(|price| 10_000 - price)) };
            let comma = if n == 0 && is_yes { "" } else { "," };
            let _ = write!(
                text,
                "{comma}{{\"asset_id\":\"{}\",\"price\":\"{}\",\"size\":\"{}\",\"side\":\"{side}\",\"hash\":\"{hash}\",\
                 \"best_bid\":\"{}\",\"best_ask\":\"{}\"}}",
                market.token_id(outcome),
                price(at),
                Qty::from_micro(size * 10_000),
                price(bid.unwrap_or(0)),
                price(ask.unwrap_or(10_000)),
            );
        }
    }
    let _ = write!(text, "],\"timestamp\":\"{at_ms}\",\"event_type\":\"price_change\"}}");
    text
}

fn book_text(draws: &mut Draws, market: &Market, book: &Book, outcome: Outcome, at_ms: u64, answer: bool) -> String {
    let [bids, asks] = book.sides(outcome).map(|levels| {
        let levels: Vec<String> = levels
            .into_iter()
            .map(|(at, size)| {
                format!("{{\"price\":\"{}\",\"size\":\"{}\"}}", price(at), Qty::from_micro(size * 10_000))
            })
            .collect();
        levels.join(",")
    });
    let (condition, token, hash) = (&market.condition, market.token_id(outcome), draws.hex(40));
    if answer {
        format!(
            "{{\"market\":\"{condition}\",\"asset_id\":\"{token}\",\"timestamp\":\"{at_ms}\",\"hash\":\"{hash}\",\"bids\":[{bids}],\
             \"asks\":[{asks}],\"tick_size\":\"{}\",\"event_type\":\"book\",\"last_trade_price\":\"0.500\"}}",
            market.tick
        )
    } else {
        format!(
            "{{\"market\":\"{condition}\",\"asset_id\":\"{token}\",\"bids\":[{bids}],\"asks\":[{asks}],\"hash\":\"{hash}\",\
             \"timestamp\":\"{at_ms}\",\"event_type\":\"book\"}}"
        )
    }
}

fn trade(draws: &mut Draws, market: &Market, book: &Book, at_ms: u64) -> String {
    format!(
        "{{\"market\":\"{}\",\"asset_id\":\"{}\",\"price\":\"{}\",\"size\":\"{}\",\"fee_rate_bps\":\"0\",\"side\":\"BUY\",\
         \"timestamp\":\"{at_ms}\",\"event_type\":\"last_trade_price\",\"transaction_hash\":\"0x{}\"}}",
        market.condition,
        market.yes,
        price(book.ask().unwrap_or(5000)),
        Qty::from_micro((100 + draws.below(10_000)) * 10_000),
        draws.hex(64)
    )
}
