//! Minutes of a market maker whose venue answers in moods.

use super::plain::{OLD, Plain, resting};
use crate::noise::{Draws, MARKETS, Rules, Step, World, market};
use mm_core::domain::{ClientOrderId, Nanos};
use mm_core::event::{Action, Input};
use mm_core::protocol::FromExecutor;
use std::collections::BTreeMap;

pub(super) const MINUTE_MS: u64 = 60_000;
/// How the venue answers in one minute.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mood {
    Yes,
    No,
    /// One order yes, the other no.
    Mixed,
    Error,
    /// Yes, then no.
    TurnsDown,
    /// No, then yes.
    TurnsUp,
    /// No, after the sample.
    LateNo,
    /// Yes, after the sample.
    LateYes,
    Silent,
}

impl Mood {
    /// What is said of the `n`th order: before the sample, one after the other, and after it.
    pub(super) fn says(self, n: usize) -> (&'static [Option<bool>], Option<bool>) {
        match self {
            Self::Yes => (&[Some(true)], None),
            Self::No => (&[Some(false)], None),
            Self::Mixed => (if n == 0 { &[Some(true)] } else { &[Some(false)] }, None),
            Self::Error => (&[None], None),
            Self::TurnsDown => (&[Some(true), Some(false)], None),
            Self::TurnsUp => (&[Some(false), Some(true)], None),
            Self::LateNo => (&[], Some(false)),
            Self::LateYes => (&[], Some(true)),
            Self::Silent => (&[], None),
        }
    }

    pub(super) fn draw(draws: &mut Draws) -> Self {
        match draws.below(16) {
            0..=3 => Self::Yes,
            4..=8 => Self::No,
            9 => Self::Mixed,
            10 => Self::Error,
            11 => Self::TurnsDown,
            12 => Self::TurnsUp,
            13 => Self::LateNo,
            14 => Self::LateYes,
            _ => Self::Silent,
        }
    }
}

/// A world with its plain ledgers.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) plains: Vec<Plain>,
    pub(super) placed: BTreeMap<ClientOrderId, u64>,
}

impl Scene {
    pub(super) fn new(seed: u64, rules: Rules) -> Result<Self, String> {
        let world = World::new(seed, rules);
        let plains = (0..MARKETS).map(|_| Plain::default()).collect();
        let mut scene = Self { world, plains, placed: BTreeMap::new() };
        let placed: Vec<_> = scene.world.orders.keys().copied().collect();
        scene.placed.extend(placed.into_iter().map(|id| (id, scene.world.now())));
        let mut markets: Vec<_> = (0..MARKETS).map(market).collect();
        if let Some(terms) = &mut markets[usize::from(OLD.0)].rewards {
            terms.min_age = Nanos::from_ms(OLD.1);
        }
        scene.turn(vec![Input::Universe(markets)])?;
        Ok(scene)
    }

    pub(super) fn turn(&mut self, inputs: Vec<Input>) -> Result<(), String> {
        let placed = &mut self.placed;
        self.world.turn(inputs, &mut |step| note(step, placed)).map(drop)
    }

    pub(super) fn advance(&mut self, ms: u64) -> Result<(), String> {
        let placed = &mut self.placed;
        self.world.advance(ms, &mut |step| note(step, placed))
    }

    pub(super) fn books(&mut self) -> Result<(), String> {
        let books = (0..MARKETS).map(|ix| self.world.book(ix)).collect();
        self.turn(books)
    }

    /// Time up to two seconds before the next sample, in strides, with books that keep the link alive.
    pub(super) fn idle(&mut self) -> Result<(), String> {
        let end = (self.world.now() / MINUTE_MS + 1) * MINUTE_MS - 2_000;
        while self.world.now() < end {
            let left = end - self.world.now();
            self.advance(left.min(1_500))?;
            self.books()?;
        }
        Ok(())
    }

    pub(super) fn say(&mut self, ix: u16, id: ClientOrderId, scoring: Option<bool>) -> Result<(), String> {
        self.plains[usize::from(ix)].answers.insert(id, (self.world.now(), scoring));
        self.turn(vec![Input::Executor(FromExecutor::Scoring { id, scoring })])
    }

    /// One minute: books may move, everything comes to rest, the venue answers in these moods, the sample is taken.
    pub(super) fn minute(&mut self, moods: &[Mood]) -> Result<(), String> {
        self.idle()?;
        let rests: Vec<_> = (0..MARKETS).map(|ix| resting(&self.world, ix)).collect();
        for ((ix, mood), orders) in (0..MARKETS).zip(moods).zip(&rests) {
            for (n, order) in orders.iter().enumerate() {
                for said in mood.says(n).0 {
                    self.say(ix, order.0, *said)?;
                }
            }
        }
        self.advance(3_000)?;
        for (ix, orders) in (0..MARKETS).zip(&rests) {
            self.plains[usize::from(ix)].sample(&self.world, ix, orders, &self.placed);
        }
        self.advance(100)?;
        for ((ix, mood), orders) in (0..MARKETS).zip(moods).zip(&rests) {
            for (n, order) in orders.iter().enumerate() {
                if let (_, Some(late)) = mood.says(n) {
                    self.say(ix, order.0, Some(late))?;
                }
            }
        }
        Ok(())
    }

    /// Minutes in drawn moods; books move by a cent or two between some of them.
    pub(super) fn play(
        &mut self,
        seed: u64,
        minutes: u64,
        judge: fn(&Self) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut draws = Draws(seed);
        for _ in 0..minutes {
            for ix in 0..MARKETS {
                if draws.below(6) == 0 {
                    let cents = [-2, -1, 1, 2][usize::try_from(draws.below(4)).expect("below four")];
                    self.world.shift(ix, cents);
                }
            }
            self.books()?;
            let moods: Vec<_> = (0..MARKETS).map(|_| Mood::draw(&mut draws)).collect();
            self.idle()?;
            judge(self)?;
            self.minute(&moods)?;
        }
        Ok(())
    }
}

pub(super) fn note(step: &Step<'_>, placed: &mut BTreeMap<ClientOrderId, u64>) -> Result<(), String> {
    for action in step.actions {
        if let Action::Place { id, .. } = action {
            placed.insert(*id, step.at_ms);
        }
    }
    Ok(())
}
