//! What the core says. Trusted for nothing: every message is checked, every place goes through policy.

use super::orders::Cleared;
use super::{Desk, Effect, Purpose};
use crate::exposure::{Phase, Tracked};
use crate::outcome::VenueCall;
use crate::policy::{Ask, decide};
use crate::rows::{IntentRow, LedgerRow, RefusedRow};
use crate::sign::{SALT_MAX, order_id};
use mm_core::domain::{ClientOrderId, Digest, MarketIx, Nanos, NewOrder, OrderId, Timestamp, Token, TokenId};
use mm_core::protocol::{FromExecutor, PROTOCOL_VERSION, Refusal, SessionError, Shut, ToExecutor};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Answers that are kept to repeat them. A number below the oldest kept one is refused as used.
const ANSWERS_MAX: usize = 20_000;
/// Trades that a core is told again when it comes back: half of what may wait for one that reads slowly.
const TOLD_AGAIN_MAX: usize = crate::session::OUTBOUND_MAX / 2;
/// Rows of a core's token table.
const TOKENS_MAX: usize = 4096;

/// Refusals that are written in one second; the others are counted. Whoever asks for a thousand impossible orders must not fill
/// the disk, nor the queue that approved ones wait in.
const REFUSED_ROWS_MAX: u32 = 32;

/// How many refusals were written of late.
#[derive(Debug, Default)]
struct Refusals {
    second: u64,
    written: u32,
    unwritten: u64,
}

impl Refusals {
    /// How many were left out before this one; `None` when this one is left out too.
    fn write(&mut self, at: Timestamp) -> Option<u64> {
        if at.secs() != self.second {
            (self.second, self.written) = (at.secs(), 0);
        }
        if self.written == REFUSED_ROWS_MAX {
            self.unwritten += 1;
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.unwritten))
    }
}

/// The one core.
#[derive(Default)]
pub(super) struct Session {
    up: bool,
    greeted: bool,
    /// What the core's numbers mean.
    tokens: BTreeMap<Token, TokenId>,
    numbers: BTreeMap<TokenId, Token>,
    /// Last answer to each order, with the digest of what was asked.
    answers: BTreeMap<ClientOrderId, (Digest, Option<FromExecutor>)>,
    forgotten: Option<ClientOrderId>,
    refusals: Refusals,
    pub(super) welcome_due: bool,
}

impl Session {
    pub(super) const fn is_up(&self) -> bool {
        self.up && self.greeted
    }

    pub(super) fn number(&self, token: &TokenId) -> Option<Token> {
        self.numbers.get(token).copied()
    }

    pub(super) fn tokens(&self) -> impl Iterator<Item = (&Token, &TokenId)> {
        self.tokens.iter()
    }

    fn learn(&mut self, tokens: Vec<(Token, TokenId)>) -> Result<(), SessionError> {
        let mut numbers = self.numbers.clone();
        let mut names = self.tokens.clone();
        for (number, token) in tokens {
            if names.insert(number, token.clone()).is_some_and(|was| was != token) {
                return Err(SessionError::Tokens(format!("{number:?} was another token before").into()));
            }
            if numbers.insert(token.clone(), number).is_some_and(|was| was != number) {
                return Err(SessionError::Tokens(format!("{token} has two numbers").into()));
            }
        }
        if names.len() > TOKENS_MAX {
            return Err(SessionError::Tokens(format!("more than {TOKENS_MAX} tokens").into()));
        }
        (self.tokens, self.numbers) = (names, numbers);
        Ok(())
    }
}

impl Desk {
    pub(super) fn core_up(&mut self, _uid: u32, out: &mut Vec<Effect>) {
        if self.session.up {
            out.push(Effect::Alert("a second core was let in: the first counts as gone".into()));
            self.core_lost(out);
        }
        self.session.up = true;
    }

    pub(super) fn core_lost(&mut self, out: &mut Vec<Effect>) {
        // Here and not at the end of the turn: a core that is back in the same one would hide that its line broke.
        if self.session.is_up() && self.was_open && self.health.halted.is_none() && !self.health.draining {
            self.was_open = false;
            if self.health.pausing.is_none() {
                self.pause(Shut::CoreSilent, out);
            }
        }
        self.session.up = false;
        self.session.greeted = false;
        self.session.welcome_due = false;
        self.session.tokens.clear();
        self.session.numbers.clear();
        self.health.lease = None;
        self.told = None;
    }

    pub(super) fn core_says(&mut self, message: ToExecutor, out: &mut Vec<Effect>) {
        if !self.session.up {
            return;
        }
        match message {
            ToExecutor::Hello { version, run, config, tokens } => {
                if let Err(why) = self.hello(version, run, config, tokens, out) {
                    self.goodbye(why, out);
                }
            }
            _ if !self.session.greeted => self.goodbye(SessionError::HelloFirst, out),
            ToExecutor::Alive { oldest_feed } => self.health.lease = Some((self.at, oldest_feed)),
            ToExecutor::Place { id, at, order } => self.place(id, at, order, out),
            ToExecutor::Cancel { id } => self.cancel_wanted(id, out),
            ToExecutor::CancelAll { market: None } => {
                self.health.pausing = Some(Shut::CheckFailed);
                self.start_sweep(out);
            }
            ToExecutor::CancelAll { market: Some(market) } => self.cancel_market(market, out),
        }
    }

    fn goodbye(&mut self, why: SessionError, out: &mut Vec<Effect>) {
        out.push(Effect::Tell(FromExecutor::Goodbye { why }));
        out.push(Effect::Hangup);
        self.core_lost(out);
    }

    fn hello(
        &mut self,
        version: u16,
        run: u64,
        config: Digest,
        tokens: Vec<(Token, TokenId)>,
        out: &mut Vec<Effect>,
    ) -> Result<(), SessionError> {
        if version != PROTOCOL_VERSION {
            return Err(SessionError::Version { theirs: version, ours: PROTOCOL_VERSION });
        }
        if run == 0 || (self.session.greeted && run != self.exposure.run()) {
            return Err(SessionError::Garbage("a run is not 0 and does not change within a connection".into()));
        }
        self.session.learn(tokens)?;
        self.session.greeted = true;
        self.references.at_once();
        self.health.lease = Some((self.at, Nanos::ZERO));
        if run != self.exposure.run() {
            // A fresh core never inherits an order it did not place.
            self.record(LedgerRow::Run { at: self.at, run, config }, out);
            self.session.answers.clear();
            self.session.forgotten = None;
            if !self.flat {
                self.health.pausing = Some(Shut::CoreSilent);
                self.start_sweep(out);
                self.session.welcome_due = true;
                return Ok(());
            }
        }
        self.welcome(out);
        Ok(())
    }

    pub(super) fn welcome(&mut self, out: &mut Vec<Effect>) {
        self.session.welcome_due = false;
        let run = self.exposure.run();
        let open = self.exposure.live_orders().filter(|tracked| tracked.row.run == run).filter_map(|tracked| {
            let row = &tracked.row;
            let token = self.session.number(&row.token)?;
            let order =
                NewOrder { token, side: row.side, price: row.price, qty: row.qty, post_only: true, tif: row.tif };
            Some((row.id, row.order, order, tracked.traded()))
        });
        let welcome = FromExecutor::Welcome { open: open.collect(), gate: self.gate(), caps: self.setup.policy.told() };
        out.push(Effect::Tell(welcome));
        self.told = None;
        self.tell_trades_again(out);
        self.want_all_balances(out);
    }

    /// A core whose line broke, or the executor before this one, may have missed any trade of what rests or is not settled. Told again it
    /// is counted once; and the balance that follows has them all.
    fn tell_trades_again(&self, out: &mut Vec<Effect>) {
        let (run, mut left) = (self.exposure.run(), TOLD_AGAIN_MAX);
        let ended = self.exposure.unsettled_orders().filter(|tracked| !tracked.is_live());
        for tracked in self.exposure.live_orders().chain(ended).filter(|tracked| tracked.row.run == run) {
            for (trade, (price, qty, stage)) in &tracked.fills {
                let Some(rest) = left.checked_sub(1) else {
                    out.push(Effect::Alert(
                        format!("a core that came back was told {TOLD_AGAIN_MAX} trades again, and not all").into(),
                    ));
                    return;
                };
                left = rest;
                let (id, trade) = (tracked.row.id, trade.clone());
                out.push(Effect::Tell(FromExecutor::Fill { id, trade, price: *price, qty: *qty, stage: *stage }));
            }
        }
    }

    fn place(&mut self, id: ClientOrderId, decided: Timestamp, order: NewOrder, out: &mut Vec<Effect>) {
        let run = self.exposure.run();
        let payload = Digest::of(&serde_json::to_vec(&order).expect("integers and enums always serialize"));
        if let Some((known, answer)) = self.known(run, id) {
            let answer = if known == payload {
                answer
            } else {
                Some(FromExecutor::Refused { id, why: vec![Refusal::IdReused] })
            };
            out.extend(answer.map(Effect::Tell));
            return;
        }
        if self.session.forgotten.is_some_and(|floor| id <= floor) {
            out.push(Effect::Tell(FromExecutor::Refused { id, why: vec![Refusal::IdReused] }));
            return;
        }
        let token = self.session.tokens.get(&order.token);
        let reference = token.and_then(|token| self.reference(token));
        let ask = Ask { id, decided, token, order, reference };
        let policy = self.setup.policy.digest();
        match decide(&self.setup.policy, &self.exposure, self.gate(), self.at, &ask) {
            Err(why) => {
                if let Some(unwritten) = self.session.refusals.write(self.at) {
                    let (at, token, why) = (self.at, ask.token.cloned(), why.clone());
                    let exposure = self.exposure.digest();
                    let row = RefusedRow { at, run, id, payload, token, why, policy, exposure, unwritten };
                    self.record(LedgerRow::Refused(Box::new(row)), out);
                }
                self.answer(id, payload, FromExecutor::Refused { id, why }, out);
            }
            Ok(approved) => {
                let (salt, at_ms) = (self.salt(run, id), self.at.ms());
                let hash = order_id(&self.setup.account, approved.token(), &order, salt, at_ms);
                let row = IntentRow {
                    at: self.at,
                    epoch: self.exposure.epoch(),
                    run,
                    id,
                    payload,
                    order: hash,
                    salt,
                    at_ms,
                    market: approved.market().clone(),
                    outcome: approved.outcome(),
                    token: approved.token().id().clone(),
                    neg_risk: approved.token().neg_risk(),
                    side: order.side,
                    price: order.price,
                    qty: order.qty,
                    tif: order.tif,
                    reserve: approved.reserve(),
                    gate: self.gate(),
                    policy,
                    exposure: self.exposure.digest(),
                    reference,
                };
                self.references.placed(hash, self.at);
                self.remember(id, payload, None);
                self.record(LedgerRow::Intent(Box::new(row)), out);
                let until = decided.plus(Nanos::from_ms(self.setup.policy.caps().intent_max_age_ms));
                self.waiting.insert(hash, Cleared { approved, until, policy });
            }
        }
    }

    /// What was asked under a number, and the answer as it stands.
    fn known(&self, run: u64, id: ClientOrderId) -> Option<(Digest, Option<FromExecutor>)> {
        if let Some(known) = self.session.answers.get(&id) {
            return Some(known.clone());
        }
        // Only the ledger remembers: an order of this run from before a restart of ours.
        let tracked = self.exposure.intent(run, id)?;
        Some((tracked.row.payload, Some(as_told(tracked))))
    }

    /// 53 bits that differ for every intent of every start; safety does not rest on them, the ledger's row comes first.
    fn salt(&self, run: u64, id: ClientOrderId) -> u64 {
        let mut hasher = Sha256::new();
        hasher.update(b"pm-exec/salt/1");
        hasher.update(self.setup.account.key_address());
        for number in [self.exposure.epoch(), run, id.0] {
            hasher.update(number.to_be_bytes());
        }
        let digest: [u8; 32] = hasher.finalize().into();
        let (first, _) = digest.split_first_chunk::<8>().expect("32 bytes are more than 8");
        let bits = u64::from_be_bytes(*first) >> 11;
        debug_assert!(bits <= SALT_MAX, "53 bits");
        bits.max(1)
    }

    /// Tells the core something about an order of its run, and keeps it as the answer to a repeated place.
    pub(super) fn tell(&mut self, order: &OrderId, say: impl Fn(ClientOrderId) -> FromExecutor, out: &mut Vec<Effect>) {
        let Some(tracked) = self.exposure.order(order) else { return };
        if tracked.row.run != self.exposure.run() {
            return;
        }
        let (id, payload) = (tracked.row.id, tracked.row.payload);
        self.answer(id, payload, say(id), out);
    }

    fn answer(&mut self, id: ClientOrderId, payload: Digest, answer: FromExecutor, out: &mut Vec<Effect>) {
        if !matches!(answer, FromExecutor::Fill { .. } | FromExecutor::CancelFailed { .. }) {
            self.remember(id, payload, Some(answer.clone()));
        }
        out.push(Effect::Tell(answer));
    }

    fn remember(&mut self, id: ClientOrderId, payload: Digest, answer: Option<FromExecutor>) {
        self.session.answers.insert(id, (payload, answer));
        while self.session.answers.len() > ANSWERS_MAX {
            let oldest = self.session.answers.pop_first();
            self.session.forgotten = self.session.forgotten.max(oldest.map(|(id, _)| id));
        }
    }

    fn cancel_wanted(&mut self, id: ClientOrderId, out: &mut Vec<Effect>) {
        let Some(tracked) = self.exposure.intent(self.exposure.run(), id) else {
            out.push(Effect::Tell(FromExecutor::CancelFailed { id, why: "no such order".into() }));
            return;
        };
        if tracked.is_live() {
            let order = tracked.row.order;
            self.want_gone(order);
        } else {
            out.push(Effect::Tell(as_told(tracked)));
        }
    }

    fn cancel_market(&mut self, market: MarketIx, out: &mut Vec<Effect>) {
        let named = self.session.tokens().filter(|(number, _)| number.market == market);
        let conditions: Vec<_> =
            named.filter_map(|(_, token)| Some(self.setup.policy.token(token)?.0.condition.clone())).collect();
        let Some(condition) = conditions.into_iter().next() else { return };
        let live: Vec<OrderId> = self.exposure.live_in(&condition).map(|tracked| tracked.row.order).collect();
        for order in live {
            self.want_gone(order);
        }
        if !self.setup.withhold {
            self.call(Purpose::MarketCancel, VenueCall::CancelMarket(condition), out);
        }
    }
}

/// An order's standing in the core's words.
fn as_told(tracked: &Tracked) -> FromExecutor {
    let (id, order) = (tracked.row.id, tracked.row.order);
    match tracked.phase {
        Phase::Open => FromExecutor::Accepted { id, order },
        Phase::InFlight | Phase::Unknown { .. } => FromExecutor::Unknown { id },
        Phase::Ended { matched } => FromExecutor::Canceled { id, matched },
    }
}
