//! The official SDK's client path: its own parser as its connection calls it, the broadcast channel behind it, which is how
//! messages reach a subscriber, then the book a user has to write, since the SDK keeps none. Its tasks and their wake-ups are left
//! out, in its favour.

use crate::stream::Stream;
use crate::{Books, Peer};
use mm_core::domain::{Price, Qty};
use polymarket_client_sdk_v2::clob::types::Side;
use polymarket_client_sdk_v2::clob::ws::WsMessage;
use polymarket_client_sdk_v2::clob::ws::interest::MessageInterest;
use polymarket_client_sdk_v2::clob::ws::types::response::parse_if_interested;
use polymarket_client_sdk_v2::types::{Decimal, U256};
use std::collections::{BTreeMap, HashMap};
use std::str::FromStr as _;
use tokio::sync::broadcast::{Receiver, Sender, channel};

/// Of the SDK's own channel.
const BROADCAST_CAPACITY: usize = 1024;

#[derive(Default)]
struct Book {
    bids: BTreeMap<Decimal, Decimal>,
    asks: BTreeMap<Decimal, Decimal>,
}

pub struct Sdk {
    books: HashMap<U256, Book>,
    sender: Sender<WsMessage>,
    receiver: Receiver<WsMessage>,
}

impl Peer for Sdk {
    const NAME: &'static str = "official SDK, client path";

    fn new(_: &Stream) -> Self {
        let (sender, receiver) = channel(BROADCAST_CAPACITY);
        Self { books: HashMap::new(), sender, receiver }
    }

    fn frame(&mut self, _: usize, _: u64, text: &str) {
        for message in parse_if_interested(text.as_bytes(), &MessageInterest::MARKET).expect("it parses") {
            self.sender.send(message).expect("somebody listens");
        }
        while let Ok(message) = self.receiver.try_recv() {
            match message {
                WsMessage::Book(update) => {
                    let book = self.books.entry(update.asset_id).or_default();
                    book.bids = update.bids.into_iter().map(|level| (level.price, level.size)).collect();
                    book.asks = update.asks.into_iter().map(|level| (level.price, level.size)).collect();
                }
                WsMessage::PriceChange(change) => {
                    for entry in change.price_changes {
                        let book = self.books.entry(entry.asset_id).or_default();
                        let side = if entry.side == Side::Buy { &mut book.bids } else { &mut book.asks };
                        match entry.size {
                            Some(size) if size != Decimal::ZERO => {
                                side.insert(entry.price, size);
                            }
                            _ => {
                                side.remove(&entry.price);
                            }
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn end(&self, stream: &Stream) -> (Books, String) {
        let level = |asks: bool| {
            move |(price, size): (&Decimal, &Decimal)| {
                let price = Price::parse(&price.to_string()).expect("a price").ten_thousandths();
                ((asks, price), Qty::parse(&size.to_string()).expect("a size").micro())
            }
        };
        let of = |id: &mm_core::domain::TokenId| {
            let book = &self.books[&U256::from_str(id.as_str()).expect("a token")];
            book.bids.iter().map(level(false)).chain(book.asks.iter().map(level(true))).collect()
        };
        (stream.tokens().map(of).collect(), String::new())
    }
}
