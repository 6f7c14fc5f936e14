//! The plain ledger: everything in lists, nothing rounded, nothing shared with the engine.

use crate::noise::World;
use mm_core::domain::{ClientOrderId, MarketIx, Side};
use mm_core::engine::{Gap, Minute, Verdict};
use std::collections::BTreeMap;

/// The one market whose orders must be this old to score.
pub(super) const OLD: (u16, u64) = (2, 90_000);

/// One sample as the plain ledger has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) at_ms: u64,
    pub(super) q_min: f64,
    pub(super) expected: Option<bool>,
    pub(super) told: Option<bool>,
    pub(super) verdict: Verdict,
    pub(super) gap: Option<Gap>,
}

impl Row {
    /// What an engine's sample says otherwise.
    pub(super) fn differs(&self, minute: &Minute) -> Option<String> {
        let q_min: f64 = minute.q_min.to_string().parse().unwrap_or(f64::NAN);
        let same = self.at_ms == minute.at.ms()
            && (self.q_min - q_min).abs() < 1e-9
            && (self.expected, self.told) == (minute.expected, minute.told)
            && (self.verdict, self.gap) == (minute.verdict, minute.gap);
        (!same).then(|| format!("{minute:?} where {self:?} was due"))
    }
}

/// The plain ledger of one market: everything in lists, nothing rounded, nothing shared with the engine.
#[derive(Default)]
pub(super) struct Plain {
    pub(super) rows: Vec<Row>,
    /// The last answer about each order since the sample before, and when it came.
    pub(super) answers: BTreeMap<ClientOrderId, (u64, Option<bool>)>,
    /// Rows before this were acted upon or forgiven.
    pub(super) from: usize,
    pub(super) steps: u16,
    pub(super) adjusted_until: u64,
    pub(super) left_until: Option<u64>,
    pub(super) adjusted: u64,
    pub(super) left: u64,
}

impl Plain {
    /// Takes a sample of a funded market in which this rested when it was taken.
    pub(super) fn sample(
        &mut self,
        world: &World,
        ix: u16,
        resting: &[Resting],
        placed: &BTreeMap<ClientOrderId, u64>,
    ) {
        let at_ms = world.now();
        let quoting = self.left_until.is_none();
        let min_age = if ix == OLD.0 { OLD.1 } else { 0 };
        // with ours in it: the book's best are three cents apart, and ours are never outside them
        let cents = |side| {
            let ours = resting.iter().filter(|(_, s, _, _)| *s == side).map(|(_, _, price, _)| *price);
            let book = if side == Side::Buy {
                world.midpoint2x(MarketIx(ix)) - 300
            } else {
                world.midpoint2x(MarketIx(ix)) + 300
            };
            let book = f64::from(book) / 200.0;
            ours.fold(book, |best, price| if side == Side::Buy { best.max(price) } else { best.min(price) })
        };
        let middle = (cents(Side::Buy) + cents(Side::Sell)) / 2.0;
        let age = |id: &ClientOrderId| at_ms - placed.get(id).copied().unwrap_or(at_ms);
        let mut q = [0.0, 0.0];
        let (mut young, mut told) = (false, Vec::new());
        for (id, side, price, shares) in resting {
            let old = age(id) >= min_age;
            young |= !old;
            let weight = ((3.5 - (price - middle).abs()) / 3.5).max(0.0).powi(2);
            if old && *shares >= 20.0 {
                q[usize::from(*side == Side::Sell)] += weight * shares;
            }
            let answer = self.answers.get(id).copied();
            let of_age = |came: u64| came - placed.get(id).copied().unwrap_or(came) >= min_age;
            let told_now = answer.and_then(|(came, said)| said.filter(|yes| *yes || of_age(came)));
            told.push((old, told_now));
        }
        let one_may_stand_alone = (10.0..=90.0).contains(&middle);
        let alone = if one_may_stand_alone { q[0].max(q[1]) / 3.0 } else { 0.0 };
        let q_min = q[0].min(q[1]).max(alone);
        let expected = q_min > 0.0;
        let asked: Vec<_> = told.iter().filter(|(old, _)| *old || !expected).map(|(_, told)| *told).collect();
        let told = if asked.contains(&Some(false)) {
            Some(false)
        } else {
            (!asked.is_empty() && asked.iter().all(|told| *told == Some(true))).then_some(true)
        };
        let verdict = match (quoting, expected, told) {
            (false, ..) => Verdict::Idle,
            (true, true, Some(true)) => Verdict::Scored,
            (true, _, Some(false)) | (true, false, None) => Verdict::Unscored,
            (true, true, None) | (true, false, Some(true)) => Verdict::Unknown,
        };
        let gap = match () {
            () if !quoting => Some(Gap::NotQuoting),
            () if resting.is_empty() => Some(Gap::NothingRests),
            () if expected && told == Some(false) => Some(Gap::Disputed),
            () if young => Some(Gap::Age),
            () => (resting.len() < 2).then_some(Gap::OneSided),
        };
        self.rows.push(Row { at_ms, q_min, expected: Some(expected), told, verdict, gap });
        self.answers.clear();
        self.act(at_ms, verdict, gap);
    }

    pub(super) fn act(&mut self, at_ms: u64, verdict: Verdict, gap: Option<Gap>) {
        self.left_until = self.left_until.filter(|until| at_ms < *until);
        if at_ms >= self.adjusted_until {
            self.steps = 0;
        }
        if verdict == Verdict::Scored {
            self.from = self.rows.len();
            return;
        }
        let window = &self.rows[self.from.max(self.rows.len().saturating_sub(4))..];
        if window.iter().filter(|row| row.verdict == Verdict::Unscored).count() < 2 {
            return;
        }
        self.from = self.rows.len();
        if gap == Some(Gap::Disputed) && self.steps < 2 {
            self.steps += 1;
            self.adjusted_until = at_ms + 1_200_000;
            self.adjusted += 1;
        } else {
            self.steps = 0;
            self.left_until = Some(at_ms + 240_000);
            self.left += 1;
        }
    }
}

/// An order at the venue: number, side and cents in YES terms, shares.
pub(super) type Resting = (ClientOrderId, Side, f64, f64);

pub(super) fn resting(world: &World, ix: u16) -> Vec<Resting> {
    let here = world.orders.iter().filter(|(_, o)| o.rests && o.order.token.market.0 == ix);
    here.map(|(id, o)| {
        let (side, price) = o.order.in_yes_terms();
        let shares = o.order.qty.saturating_sub(o.matched).micro();
        (
            *id,
            side,
            f64::from(price.ten_thousandths()) / 100.0,
            f64::from(u32::try_from(shares).unwrap_or(u32::MAX)) / 1e6,
        )
    })
    .collect()
}
