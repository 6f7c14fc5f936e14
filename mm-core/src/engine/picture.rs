//! The engine's state as plain data, and as one digest.

use super::{Engine, MarketSnapshot, OrderSnapshot, ScoringSnapshot, Snapshot};
use crate::book::Sync;
use crate::domain::{Digest, MarketIx, NewOrder, Side};
use crate::rewards::{Fixed12, book_midpoint};
use sha2::Digest as _;

impl Engine {
    /// A picture for people and metrics.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            seq: self.seq,
            at: self.at,
            gate: self.gate,
            paused: self.paused,
            halted_by: self.brake.reason(self.at),
            hash_checks_off: self.hashes.is_off(),
            markets: (0u16..).map(MarketIx).take(self.markets.len()).map(|ix| self.market_snapshot(ix)).collect(),
            money_price: self.money_price(),
            days: self.days().copied().collect(),
            totals: self.totals.clone(),
        }
    }

    fn market_snapshot(&self, ix: MarketIx) -> MarketSnapshot {
        let state = &self.markets[ix.index()];
        let scored = self.score(ix);
        let shown: Vec<NewOrder> = state.places.in_book(ix).collect();
        let min_size = state.facts.rewards.as_ref().map(|terms| terms.min_size).unwrap_or_default();
        let percent = |share: Option<Fixed12>| {
            let hundredths = share.map_or(0, |share| share.units() / 100_000_000);
            format!("{}.{:02}", hundredths / 100, hundredths % 100)
        };
        let held = self.inventory.holdings(ix);
        MarketSnapshot {
            market: ix,
            condition: state.facts.condition.clone(),
            sync: state.book.sync().as_str().to_owned(),
            bid: state.book.best(Side::Buy).map(|(price, _)| price),
            ask: state.book.best(Side::Sell).map(|(price, _)| price),
            midpoint: book_midpoint(&state.book, &shown, &[], min_size).map(|m| m.to_string()),
            fair: state.decision.and_then(Result::ok).map(|why| why.fair.value.to_string()),
            orders: self
                .orders
                .live_in(ix)
                .map(|(id, t)| OrderSnapshot {
                    id,
                    outcome: t.order.token.outcome,
                    side: t.order.side,
                    price: t.order.price,
                    qty: t.order.qty,
                    filled: t.matched_so_far(),
                    state: t.state.name().to_owned(),
                    scores: t.scoring.and_then(|answer| answer.scoring),
                    place_why: t.place_why.to_string(),
                    cancel_why: t.cancel_why.map(|why| why.to_string()),
                })
                .collect(),
            no_quote: state.decision.and_then(|decision| decision.err()).map(|why| why.name().to_owned()),
            why: state.decision.map(|decision| match decision {
                Ok(why) => why.to_string(),
                Err(why) => why.to_string(),
            }),
            q_min: scored.as_ref().map_or(Fixed12::ZERO, |s| s.q_min).to_string(),
            share_percent: percent(scored.as_ref().map(|s| s.share)),
            worst_share_percent: percent(scored.as_ref().map(|s| s.worst.share)),
            best_share_percent: percent(scored.as_ref().map(|s| s.best.share)),
            expected_rewards: state.expected.to_string(),
            expected_rewards_between: state.expected_between.map(|sum| sum.to_string()),
            markouts: [0, 1, 2, 3].map(|horizon| state.markouts.mean(horizon, crate::domain::Qty::ZERO)),
            kept: state.kept.map(|kept| kept.to_string()),
            scoring: self.scoring_snapshot(ix),
            yes: held.yes,
            no: held.no,
            witness_equal: state.witness.equal,
            witness_differs: state.witness.differs,
            unwitnessed_ms: match state.book.sync() {
                Sync::Synced { since } => Some(self.at.since(state.sources.compared(since)).nanos() / 1_000_000),
                _ => None,
            },
            epoch: state.book.epoch(),
        }
    }

    fn scoring_snapshot(&self, ix: MarketIx) -> ScoringSnapshot {
        let minutes = &self.markets[ix.index()].minutes;
        let last = minutes.last();
        ScoringSnapshot {
            counts: minutes.counts.clone(),
            last: last.map(|minute| minute.verdict),
            gap: last.and_then(|minute| minute.gap),
            expected: last.and_then(|minute| minute.expected),
            told: last.and_then(|minute| minute.told),
            range: last.and_then(|minute| minute.range),
            narrowed: last.and_then(|minute| minute.narrowed),
            earning: last.and_then(|minute| minute.earning),
            unscored: minutes.unscored(),
            adjust: minutes.adjust(&self.config.rewards.rules),
            left_until: minutes.left_until,
        }
    }

    /// Hash of all state, for checkpoints: books by their running level digests, orders and holdings one by one.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hash = sha2::Sha256::new();
        hash.update(self.seq.to_le_bytes());
        hash.update(self.at.nanos().to_le_bytes());
        for (row, state) in (0u16..).zip(&self.markets) {
            let held = self.inventory.holdings(MarketIx(row));
            hash.update(state.book.level_digest().bytes());
            hash.update(state.book.sync().as_str().as_bytes());
            hash.update(state.book.epoch().to_le_bytes());
            hash.update(state.book.venue_ms().to_le_bytes());
            for sum in std::iter::once(state.expected).chain(state.expected_between) {
                hash.update(sum.units().to_le_bytes());
            }
            let (rest, placed, refused) = self.orders.edit_history(MarketIx(row));
            hash.update(rest.unwrap_or_default().nanos().to_le_bytes());
            hash.update([placed.to_le_bytes(), refused.to_le_bytes()].concat());
            hash.update([u8::from(state.kept.is_some())]);
            hash.update([u8::from(state.resolved), u8::from(matches!(state.decision, Some(Err(_))))]);
            for n in [
                state.witness.equal,
                state.witness.differs,
                held.yes.matched.micro(),
                held.yes.confirmed.micro(),
                held.no.matched.micro(),
                held.no.confirmed.micro(),
            ]
            .into_iter()
            .chain(state.hash.numbers())
            .chain(state.sources.numbers())
            .chain(state.coupling.digest())
            {
                hash.update(n.to_le_bytes());
            }
        }
        hash.update(self.watch.level().to_le_bytes());
        let ledgers =
            self.markets.iter().flat_map(|state| state.minutes.digest().into_iter().chain(state.told.digest()));
        for n in ledgers {
            hash.update(n.to_le_bytes());
        }
        for state in &self.markets {
            for n in state
                .markouts
                .numbers()
                .chain(state.jumps.numbers())
                .chain(state.flow.numbers())
                .chain(state.places.numbers())
            {
                hash.update(n.to_le_bytes());
            }
        }
        hash.update(self.ration.price.to_le_bytes());
        hash.update([u8::from(self.ration.due)]);
        for n in self.days.numbers() {
            hash.update(n.to_le_bytes());
        }
        hash.update(self.inventory.usdc_free().micro().to_le_bytes());
        for (id, tracked) in self.orders.live() {
            hash.update(id.0.to_le_bytes());
            hash.update(tracked.state.name().as_bytes());
            hash.update(tracked.order.price.ten_thousandths().to_le_bytes());
            hash.update(tracked.remaining().micro().to_le_bytes());
            hash.update(tracked.since.nanos().to_le_bytes());
            let answer = tracked.scoring.map(|answer| (answer.at.nanos(), answer.scoring));
            hash.update(answer.map_or(0, |(at, _)| at).to_le_bytes());
            hash.update([answer.and_then(|(_, told)| told).map_or(2, u8::from)]);
        }
        let t = &self.totals;
        for n in [
            t.frames,
            t.bad_frames,
            t.placed,
            t.canceled,
            t.cancel_all,
            t.accepted,
            t.fills,
            t.books_broken,
            t.foreign_events,
            t.bad_rest,
            t.hashes_proven,
            t.hashes_unproven,
            t.hashes_contradicted,
        ] {
            hash.update(n.to_le_bytes());
        }
        hash.update([
            u8::from(self.paused),
            u8::from(self.welcomed),
            u8::from(self.ran),
            u8::from(self.impossible.is_some()),
            u8::from(self.hashes.is_off()),
        ]);
        Digest(hash.finalize().into())
    }
}
