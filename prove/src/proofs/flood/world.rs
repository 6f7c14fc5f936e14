//! One desk under the flood, and the plain model that says which frames may have an effect.

use super::frames::{self, CLASSES, Scene, below};
use super::json;
use super::plain::{self, Lives, Order, Says};
use crate::proofs::executor::Draws;
use executor::desk::{DeskInput, Op};
use executor::operator::{Ask, REASON_MAX};
use executor::reasons::Author;
use executor::rehearsal::{Rehearsal, setup, times, token_id, wide_policy};
use executor::rows::LedgerRow;
use executor::session::{admit, hear};
use mm_core::domain::{ClientOrderId, OrderId, Outcome};
use mm_core::io::uds::{Decoder, FrameError};
use mm_core::protocol::{FRAME_MAX, FromExecutor, PROTOCOL_VERSION, Refusal, SessionError, ToExecutor};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Frames one desk takes before the next one starts.
const FRAMES: u64 = 5000;
/// Bytes that arrive at once, as the shell reads them.
const READ: usize = 16 * 1024;
/// Most bytes a decoder may set aside: the largest frame and one reading, doubled as buffers grow.
const BUFFER_MAX: usize = 2 * (FRAME_MAX + 4 + READ);

/// A bug put in on purpose, to see that the flood finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Planted {
    Nothing,
    /// A panic on one message of many.
    Panic,
    /// Fields nobody knows are passed over.
    UnknownField,
    /// Of a field that comes twice the last counts.
    FieldTwice,
    /// What follows the message is passed over.
    Trailing,
    /// A number with a point or an exponent is made whole.
    Float,
    /// A price above one dollar counts as one.
    PriceAboveOne,
    /// A core may speak before its `Hello`, and a second one beside the first.
    Stray,
    /// `view.sock` takes every word.
    EveryWord,
}

impl Planted {
    pub(super) const ALL: [Self; 8] = [
        Self::Panic,
        Self::UnknownField,
        Self::FieldTwice,
        Self::Trailing,
        Self::Float,
        Self::PriceAboveOne,
        Self::Stray,
        Self::EveryWord,
    ];

    fn decode(self, frame: &[u8]) -> Result<ToExecutor, serde_json::Error> {
        let strict = serde_json::from_slice::<ToExecutor>(frame);
        let lax = |change: fn(&mut Value)| {
            let mut value: Value = serde_json::from_slice(frame)?;
            // Each is lax in one way alone.
            if self != Self::FieldTwice && json::read(frame).is_some_and(|tree| tree.has_a_field_twice()) {
                return serde_json::from_slice(frame);
            }
            walk(&mut value, change);
            serde_json::from_value(value)
        };
        match self {
            Self::Panic if matches!(&strict, Ok(ToExecutor::Cancel { id: ClientOrderId(u64::MAX) })) => {
                std::panic::resume_unwind(Box::new("planted"))
            }
            Self::UnknownField => strict.or_else(|_| {
                lax(|value| {
                    if let Value::Object(fields) = value {
                        fields.retain(|key, _| key != "neg_risk" && key != "salt");
                    }
                })
            }),
            Self::FieldTwice => strict.or_else(|_| lax(|_| ())),
            Self::Trailing => {
                strict.or_else(|why| serde_json::Deserializer::from_slice(frame).into_iter().next().unwrap_or(Err(why)))
            }
            Self::Float => strict.or_else(|_| {
                lax(|value| {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "the bug that is planted"
                    )]
                    if let Some(number) = value.as_f64().filter(|_| !value.is_u64()) {
                        *value = Value::from(number as u64);
                    }
                })
            }),
            Self::PriceAboveOne => strict.or_else(|_| {
                lax(|value| {
                    if let Some(price) = value.get_mut("price")
                        && price.as_u64().is_some_and(|price| price > 10_000)
                    {
                        *price = Value::from(10_000);
                    }
                })
            }),
            _ => strict,
        }
    }
}

fn walk(value: &mut Value, change: fn(&mut Value)) {
    change(value);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, change)),
        Value::Object(fields) => fields.values_mut().for_each(|field| walk(field, change)),
        _ => {}
    }
}

/// What a flood found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) frames: u64,
    /// Frames of each class.
    pub(super) classes: [u64; CLASSES.len()],
    /// Frames that reached a desk.
    pub(super) heard: u64,
    /// Orders that were rightly taken, and those that reached the venue.
    pub(super) taken: u64,
    pub(super) posts: u64,
    /// Answers that were repeated, and conflicts that were told.
    pub(super) repeated: u64,
    pub(super) conflicts: u64,
    /// Connections that ended with a goodbye.
    pub(super) ended: u64,
    /// Words on the other two sockets.
    pub(super) words: u64,
    /// Most bytes one decoder had set aside.
    pub(super) buffer: usize,
    pub(super) wrong: Vec<String>,
}

/// Frames over as many desks as it takes; ends at the first thing that is wrong.
pub(super) fn flood(seed: u64, frames: u64, planted: Planted) -> Found {
    let mut found = Found::default();
    let mut nth = 0;
    while found.frames < frames && found.wrong.is_empty() {
        let until = frames.min(found.frames + FRAMES);
        let draws = Draws::new(seed.wrapping_add(nth).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut world = World::new(draws, planted, &mut found);
        let run = std::panic::AssertUnwindSafe(|| world.run(until));
        if let Err(panic) = std::panic::catch_unwind(run) {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            found.wrong.push(format!("desk {nth}: panic: {text}"));
        }
        nth += 1;
    }
    found
}

/// The core's connection as its peer sees it.
struct Wire {
    decoder: Decoder,
    /// The bytes of it that are no frame yet.
    plain: Vec<u8>,
}

impl Wire {
    fn new() -> Self {
        Self { decoder: Decoder::new(), plain: Vec::new() }
    }
}

/// Whether a connection goes on.
#[derive(PartialEq, Eq)]
enum After {
    Goes,
    Ends,
}

struct World<'a> {
    draws: Draws,
    planted: Planted,
    found: &'a mut Found,
    stage: Rehearsal,
    wire: Option<Wire>,
    run: u64,
    next: u64,
    /// The core's table, plainly.
    table: BTreeMap<(u16, bool), String>,
    /// Tokens that may be traded, and whether they are the first of their market.
    listed: BTreeMap<String, bool>,
    /// What was asked for under each number of this run, and the last answer.
    asked: BTreeMap<u64, (Order, Option<FromExecutor>)>,
    /// Every order that was taken: its run and number, its hash.
    taken: BTreeSet<(u64, u64)>,
    hashes: BTreeSet<OrderId>,
}

impl<'a> World<'a> {
    fn new(draws: Draws, planted: Planted, found: &'a mut Found) -> Self {
        let mut setup = setup(wide_policy(), false);
        // Connections end all the time here: that is no reason to stay shut.
        setup.times = executor::gate::GateTimes { pauses_max: u32::MAX, ..times() };
        let stage = Rehearsal::armed(setup, frames::MARKETS);
        let listed = (0..2)
            .flat_map(|n| [Outcome::Yes, Outcome::No].map(|o| (token_id(n, o).as_str().to_owned(), o == Outcome::Yes)));
        let row = |(market, outcome, id): (u64, &str, mm_core::domain::TokenId)| {
            ((u16::try_from(market).unwrap_or(u16::MAX), outcome == "Yes"), id.as_str().to_owned())
        };
        Self {
            draws,
            planted,
            found,
            stage,
            wire: Some(Wire::new()),
            run: 1,
            next: 1,
            table: frames::table().into_iter().map(row).collect(),
            listed: listed.collect(),
            asked: BTreeMap::new(),
            taken: BTreeSet::new(),
            hashes: BTreeSet::new(),
        }
    }

    fn run(&mut self, until: u64) {
        while self.found.frames < until && self.found.wrong.is_empty() {
            self.step();
        }
        self.stage.run_ms(2000);
        let mut left = BTreeSet::new();
        for (_, order) in &self.stage.venue.posts {
            if !self.hashes.contains(order) || !left.insert(*order) {
                self.found.wrong.push(format!("{order} reached the venue and was not asked for, or twice"));
            }
        }
        self.found.posts += left.len() as u64;
    }

    fn step(&mut self) {
        if self.draws.below(20) == 0 {
            self.found.frames += 1;
            return self.word();
        }
        if self.wire.is_none() && self.draws.below(4) == 0 {
            return self.connect();
        }
        self.breathe();
        let class = below(&mut self.draws, CLASSES.len());
        // What ends the connection is tried beside it most of the time, or little else would be tried on it.
        let ends = matches!(class, 1..=9 | 17..=19);
        let beside = self.draws.below(if ends { 40 } else { 4 });
        let on_line = self.wire.is_some() && (beside == 0) == ends;
        let scene = self.scene();
        let payload = frames::make(class, &scene, &mut self.draws);
        let mut bytes = Vec::new();
        self.frame(&payload, on_line, &mut bytes);
        self.count(class);
        if self.draws.below(8) == 0 {
            // Two in one write.
            let payload = frames::make(0, &scene, &mut self.draws);
            self.frame(&payload, true, &mut bytes);
            self.count(0);
        }
        if on_line {
            if let Some(wire) = self.wire.take() {
                self.wire = self.send(wire, true, &bytes);
                if self.wire.is_none() {
                    self.lose();
                }
            }
        } else {
            // A connection beside the first, or before it.
            drop(self.send(Wire::new(), false, &bytes));
        }
    }

    fn count(&mut self, class: usize) {
        self.found.frames += 1;
        self.found.classes[class] += 1;
    }

    fn scene(&mut self) -> Scene {
        let known: Vec<u64> = self.asked.iter().rev().take(40).map(|(id, _)| *id).collect();
        let id = known.get(below(&mut self.draws, known.len().max(1))).copied();
        let earlier = id.and_then(|id| {
            let (order, _) = self.asked.get(&id).filter(|(order, _)| order.lives != Lives::Taker)?;
            Some((id, frames::order_tree(order)))
        });
        Scene { at: self.stage.at.nanos(), run: self.run, next: self.next, earlier }
    }

    /// Time passes; a desk that is shut gets the chance to open.
    fn breathe(&mut self) {
        match self.draws.below(100) {
            0 => self.stage.run_ms(200),
            1..=15 => {
                let ms = self.draws.below(20);
                self.stage.run_ms(ms);
            }
            _ => {}
        }
        if !self.stage.is_open() && self.wire.is_some() && self.draws.below(10) == 0 {
            self.stage.run_ms(600);
            if !self.stage.is_open() {
                self.stage.arm();
                self.stage.run_ms(600);
            }
        } else if self.draws.below(10_000) == 0 {
            self.stage.operate(Op::Halt { by: Author::Operator(0), why: "tried".into() });
        }
        self.listen();
    }

    /// Appends a payload with its length, which may be a lie.
    fn frame(&mut self, payload: &[u8], on_line: bool, out: &mut Vec<u8>) {
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let limit = u32::try_from(FRAME_MAX).unwrap_or(u32::MAX);
        let told = match self.draws.below(if on_line { 4000 } else { 60 }) {
            0 => [0, 1, limit, limit + 1, u32::MAX, 1 << 31][below(&mut self.draws, 6)],
            1 => len.wrapping_sub(1),
            2 => len + 1,
            _ => len,
        };
        out.extend_from_slice(&told.to_le_bytes());
        out.extend_from_slice(payload);
    }

    /// Sends bytes in pieces over a connection; what is left of it.
    fn send(&mut self, mut wire: Wire, greeted: bool, bytes: &[u8]) -> Option<Wire> {
        let piece = match self.draws.below(16) {
            0 if bytes.len() < 600 => 1,
            1..=4 => 1 + below(&mut self.draws, bytes.len().max(1)),
            _ => READ,
        };
        for piece in bytes.chunks(piece.min(READ)) {
            wire.decoder.push(piece);
            wire.plain.extend_from_slice(piece);
            self.found.buffer = self.found.buffer.max(wire.decoder.capacity());
            loop {
                let expected = plain_frame(&wire.plain);
                let got = match (wire.decoder.next_frame(), &expected) {
                    (Ok(None), Plain::Waits) => break,
                    (Ok(Some(got)), Plain::Frame(frame)) if got == frame.as_slice() => got,
                    (Err(FrameError::TooLarge { .. }), Plain::TooLarge) => {
                        self.found.ended += 1;
                        return None;
                    }
                    (got, _) => {
                        self.found.wrong.push(format!("framing: {got:?} where {expected:?} was sent"));
                        return None;
                    }
                };
                let after = self.hear(got, greeted);
                wire.plain.drain(..4 + got.len());
                if after == After::Ends {
                    return None;
                }
            }
        }
        if self.found.buffer > BUFFER_MAX {
            self.found.wrong.push(format!("{} bytes were set aside", self.found.buffer));
        }
        Some(wire)
    }

    /// One frame through decoder and session, held against the plain reading.
    fn hear(&mut self, frame: &[u8], greeted: bool) -> After {
        let strays_in = self.planted == Planted::Stray;
        let heard = hear(greeted || strays_in, self.planted.decode(frame).map_err(FrameError::Garbage));
        let says = plain::says(frame);
        match (heard, says) {
            (Err(Some(SessionError::Garbage(_))), None) => {}
            (Err(Some(SessionError::Version { .. })), Some(Says::Hello { version, .. }))
                if version != PROTOCOL_VERSION => {}
            (Err(Some(SessionError::HelloFirst)), Some(says)) if !greeted && !matches!(says, Says::Hello { .. }) => {}
            (Ok(message), Some(says)) if plain::of(&message) == says => {
                let is_hello = matches!(says, Says::Hello { .. });
                if greeted || strays_in && !is_hello {
                    return self.deliver(message, &says, greeted);
                }
                if is_hello {
                    // The line is taken: busy.
                    self.found.ended += 1;
                    return After::Ends;
                }
                self.found.wrong.push(format!("heard before Hello: {says:?}"));
            }
            (heard, says) => {
                let frame = String::from_utf8_lossy(&frame[..frame.len().min(300)]).into_owned();
                self.found.wrong.push(format!("{frame} is {says:?} and was heard as {heard:?}"));
            }
        }
        self.found.ended += 1;
        After::Ends
    }

    /// A message reaches the desk; every effect must be the plain model's.
    fn deliver(&mut self, message: ToExecutor, says: &Says, greeted: bool) -> After {
        self.listen();
        self.found.heard += 1;
        let may = greeted && self.may_be_taken(says);
        let rows = self.stage.ledger.rows().len();
        let known = if let Says::Place { id, .. } = says { self.asked.get(id).cloned() } else { None };
        let posts = self.stage.venue.posts.len();
        self.stage.input(DeskInput::Core(message));
        self.stage.run_ms(0);
        let mut orders = 0;
        for row in &self.stage.ledger.rows()[rows..] {
            match row {
                LedgerRow::Intent(row) => {
                    orders += 1;
                    let same = matches!(says, Says::Place { id, order, .. }
                        if row.id.0 == *id && row.run == self.run && row.price.ten_thousandths() == order.price
                            && row.qty.micro() == order.qty && self.table.get(&order.token).map(String::as_str) == Some(row.token.as_str())
                            && plain::lives_of(row.tif) == order.lives);
                    if !may || !same || orders > 1 {
                        self.found.wrong.push(format!("a row with an order for {says:?}"));
                    }
                    self.taken.insert((row.run, row.id.0));
                    self.hashes.insert(row.order);
                }
                LedgerRow::Arm { .. } => self.found.wrong.push(format!("armed by {says:?}")),
                _ => {}
            }
        }
        self.found.taken += orders;
        if self.stage.venue.posts.len() > posts {
            self.found.wrong.push(format!("{says:?} left at once, before its row could be durable"));
        }
        let said_goodbye = self.stage.told.iter().any(|told| matches!(told, FromExecutor::Goodbye { .. }));
        let ends = match says {
            Says::Hello { run, tokens, .. } => !self.learn(*run, tokens),
            _ => false,
        };
        if greeted && said_goodbye != ends {
            self.found.wrong.push(format!("{says:?}: goodbye {said_goodbye}, expected {ends}"));
        }
        if let (Says::Place { id, order, .. }, true) = (says, greeted) {
            self.check_answer(*id, order, known);
        }
        if matches!(says, Says::Cancel(_)) {
            // How an order stands, told to one who wants it gone, is no answer to its place.
            self.stage.told.clear();
        }
        self.listen();
        if ends { After::Ends } else { After::Goes }
    }

    /// The answer to a place whose number was used before: the stored one, or that it is another order.
    fn check_answer(&mut self, id: u64, order: &Order, known: Option<(Order, Option<FromExecutor>)>) {
        let Some((was, answer)) = known else {
            self.asked.entry(id).or_insert_with(|| (order.clone(), None));
            self.next += u64::from(id == self.next);
            return;
        };
        let told: Vec<&FromExecutor> = self.stage.told.iter().filter(|told| answer_id(told) == Some(id)).collect();
        let conflict =
            |told: &FromExecutor| matches!(told, FromExecutor::Refused { why, .. } if why.contains(&Refusal::IdReused));
        let right = if was == *order {
            self.found.repeated += 1;
            told.iter().all(|told| !conflict(told)) && (answer.is_none() || told == answer.iter().collect::<Vec<_>>())
        } else {
            self.found.conflicts += 1;
            told.len() == 1 && conflict(told[0])
        };
        if !right {
            self.found.wrong.push(format!("number {id} again: {told:?}, the answer was {answer:?}"));
        }
        // A conflict is no answer to what was asked first.
        self.stage.told.clear();
    }

    /// Whether a place is a valid, authorised intent in sequence; nothing else may have an effect.
    fn may_be_taken(&self, says: &Says) -> bool {
        let Says::Place { id, at, order } = says else { return false };
        let now = self.stage.at.nanos();
        let (ms, s) = (1_000_000, 1_000_000_000);
        let in_time = now.saturating_sub(*at) < 2001 * ms && at.saturating_sub(now) < 3001 * ms;
        let token = self.table.get(&order.token).and_then(|token| self.listed.get(token));
        let cost = (u128::from(order.price) * u128::from(order.qty)).div_ceil(10_000);
        let rests = match order.lives {
            Lives::Gtc => true,
            Lives::Gtd(end) => end >= now + 180 * s,
            Lives::Taker => false,
        };
        self.stage.is_open()
            && !self.asked.contains_key(id)
            && !self.taken.contains(&(self.run, *id))
            && in_time
            && token == Some(&order.token.1)
            // Nothing was ever bought here, so nothing can be sold.
            && order.buy
            && order.price % 100 == 0
            && (200..=9800).contains(&order.price)
            && order.qty % 10_000 == 0
            && (5_000_000..=100_000_000).contains(&order.qty)
            && cost <= 25_000_000
            && order.post_only
            && rests
    }

    /// A `Hello` on a connection that has said one; false when it ends it.
    fn learn(&mut self, run: u64, tokens: &[((u16, bool), String)]) -> bool {
        if run != self.run {
            return false;
        }
        let mut table = self.table.clone();
        for (number, token) in tokens {
            let named = table.iter().find(|(_, known)| *known == token).map(|(number, _)| *number);
            if named.is_some_and(|named| named != *number) {
                return false;
            }
            if table.insert(*number, token.clone()).is_some_and(|was| was != *token) {
                return false;
            }
        }
        if table.len() > 4096 {
            return false;
        }
        self.table = table;
        true
    }

    fn lose(&mut self) {
        self.stage.input(DeskInput::CoreLost);
        self.stage.run_ms(0);
        self.listen();
    }

    /// The next core, of the same run or of the next.
    fn connect(&mut self) {
        let run = self.run + u64::from(self.draws.below(4) == 0);
        if run != self.run {
            self.asked.clear();
            self.next = 1;
        }
        self.run = run;
        self.table.clear();
        self.stage.input(DeskInput::CoreUp { uid: 0 });
        let mut payload = Vec::new();
        frames::hello(run, &frames::table()).write(&mut self.draws, &mut payload);
        let mut bytes = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes().to_vec();
        bytes.append(&mut payload);
        self.count(0);
        self.wire = self.send(Wire::new(), true, &bytes);
        if self.wire.is_none() {
            self.found.wrong.push("an honest core was not let in".to_owned());
        }
    }

    /// Keeps the answers the desk has told.
    fn listen(&mut self) {
        for told in self.stage.told.drain(..) {
            if let Some(id) = answer_id(&told)
                && let Some((_, answer)) = self.asked.get_mut(&id)
            {
                *answer = Some(told);
            }
        }
    }

    /// A word on one of the other sockets.
    fn word(&mut self) {
        self.found.words += 1;
        let frame = frames::word(&mut self.draws);
        let may_arm = self.draws.below(2) == 0;
        let lax = self.planted == Planted::EveryWord;
        let admitted = serde_json::from_slice::<Ask>(&frame).ok().and_then(|ask| admit(may_arm || lax, ask).ok());
        let admitted = admitted.map(|ask| match ask {
            Ask::Status => "Status",
            Ask::Halt { .. } => "Halt",
            Ask::CancelAll => "CancelAll",
            Ask::AskArm => "AskArm",
            Ask::Arm { .. } => "Arm",
            Ask::Tighten { .. } => "Tighten",
            Ask::AcceptBalances => "AcceptBalances",
        });
        let expected = plain::asks(&frame).and_then(|(name, reason)| {
            let safe = matches!(name, "Status" | "CancelAll") || name == "Halt" && reason <= REASON_MAX;
            (safe || may_arm && name != "Halt").then_some(name)
        });
        if admitted != expected {
            let frame = String::from_utf8_lossy(&frame).into_owned();
            self.found.wrong.push(format!("{frame} is {expected:?} and was admitted as {admitted:?}"));
        }
    }
}

/// Whose answer a message is; fills and failed cancels are none.
const fn answer_id(told: &FromExecutor) -> Option<u64> {
    match told {
        FromExecutor::Refused { id, .. }
        | FromExecutor::Rejected { id, .. }
        | FromExecutor::Accepted { id, .. }
        | FromExecutor::Unknown { id }
        | FromExecutor::Canceled { id, .. } => Some(id.0),
        _ => None,
    }
}

#[derive(Debug)]
enum Plain {
    Waits,
    TooLarge,
    Frame(Vec<u8>),
}

/// The first frame of these bytes, cut out plainly.
fn plain_frame(bytes: &[u8]) -> Plain {
    let [a, b, c, d, rest @ ..] = bytes else { return Plain::Waits };
    let len = usize::from(*a) + (usize::from(*b) << 8) + (usize::from(*c) << 16) + (usize::from(*d) << 24);
    match rest.get(..len) {
        _ if len > 262_144 => Plain::TooLarge,
        Some(frame) => Plain::Frame(frame.to_vec()),
        None => Plain::Waits,
    }
}
