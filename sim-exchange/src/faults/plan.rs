//! Which faults a world has: rows of a scenario, or switches of an operator. Checked here against the table of kinds.

use super::kind::Kind;
use crate::draws::Draws;

/// Both ends included; a single value has equal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Smallest.
    pub lo: u64,
    /// Largest.
    pub hi: u64,
}

impl Range {
    /// One value and no other.
    #[must_use]
    pub const fn just(value: u64) -> Self {
        Self { lo: value, hi: value }
    }

    /// A value of it by one 64-bit draw.
    pub(super) fn pick(self, draws: &Draws, entity: &str, k: u64) -> u64 {
        match self.hi.saturating_sub(self.lo) {
            0 => self.lo,
            width => self.lo + draws.below(super::STREAM, entity, k, width.saturating_add(1)),
        }
    }
}

/// When a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At random times, millionths of an occurrence per hour.
    PerHour {
        /// Of an occurrence.
        millionths: u64,
    },
    /// Once, when the world's event with this number has happened; the first is 1.
    AtEvent(u64),
}

/// One row: a kind, its times and its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Names its draws; unique in a plan.
    pub name: String,
    /// What it is.
    pub kind: &'static Kind,
    /// When it happens.
    pub when: When,
    /// How long it lasts, milliseconds; zero for a moment.
    pub lasts_ms: Range,
    /// One range for each knob of the kind.
    pub knobs: Vec<Range>,
}

/// A parameter as a file or a body gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// A whole number.
    Number(u64),
    /// Smallest and largest.
    Between(u64, u64),
    /// One of the knob's words.
    Word(String),
}

/// Longest time a fault may last: a day.
pub const LASTS_MAX_MS: u64 = 86_400_000;

impl Spec {
    /// A row of a kind with everything at its usual range.
    #[must_use]
    pub fn usual(kind: &'static Kind, when: When) -> Self {
        let (lo, hi) = kind.lasts_ms.unwrap_or((0, 0));
        let knobs = kind.knobs.iter().map(|knob| Range { lo: knob.usual.0, hi: knob.usual.1 }).collect();
        Self { name: kind.name.to_owned(), kind, when, lasts_ms: Range { lo, hi }, knobs }
    }

    /// Sets one parameter.
    ///
    /// # Errors
    /// What is allowed, when it is not this.
    pub fn set(&mut self, key: &str, setting: &Setting) -> Result<(), String> {
        let (place, least, most, words) = if key == "lasts_ms" {
            if self.kind.is_moment() {
                return Err(format!("{} is over in a moment", self.kind.name));
            }
            (None, 1, LASTS_MAX_MS, &[] as &[&str])
        } else {
            let place = self.kind.knobs.iter().position(|knob| knob.key == key);
            let place = place.ok_or_else(|| format!("unknown key; {}", self.known()))?;
            let knob = &self.kind.knobs[place];
            (Some(place), knob.least, knob.most, knob.words)
        };
        let range = match setting {
            Setting::Word(word) => {
                let at = words.iter().position(|known| known == word);
                let at = at.ok_or_else(|| {
                    if words.is_empty() {
                        format!("must be a whole number, is {word:?}")
                    } else {
                        format!("{word:?} is none of {}", words.join(", "))
                    }
                })?;
                Range::just(u64::try_from(at).expect("a knob has a handful of words"))
            }
            _ if !words.is_empty() => return Err(format!("must be one of {}", words.join(", "))),
            Setting::Number(n) => Range::just(*n),
            Setting::Between(lo, hi) => Range { lo: *lo, hi: *hi },
        };
        if range.lo > range.hi || range.lo < least || range.hi > most {
            return Err(format!("must be in {least}..={most}, the smaller value first"));
        }
        match place {
            Some(place) => self.knobs[place] = range,
            None => self.lasts_ms = range,
        }
        Ok(())
    }

    /// Whether the parameters go together: what one of them says is not to be ignored because of another.
    ///
    /// # Errors
    /// Which do not.
    pub fn check(&self) -> Result<(), String> {
        let of = |key| {
            let mut all = self.kind.knobs.iter().zip(&self.knobs);
            all.find(|(knob, _)| knob.key == key).map(|(knob, range)| (knob.usual, *range))
        };
        let Some((_, tokens)) = of("tokens").filter(|(_, tokens)| tokens.hi > 0) else { return Ok(()) };
        for (key, why) in [("channel", "on market sockets alone"), ("fresh", "on new connections too")] {
            if let Some(((lo, hi), range)) = of(key)
                && range != (Range { lo, hi })
            {
                return Err(format!("tokens above zero ({}) are dead {why}: leave out {key}", tokens.hi));
            }
        }
        Ok(())
    }

    /// The keys this kind knows.
    fn known(&self) -> String {
        let lasts = if self.kind.is_moment() { None } else { Some("lasts_ms") };
        let keys: Vec<&str> = lasts.into_iter().chain(self.kind.knobs.iter().map(|knob| knob.key)).collect();
        if keys.is_empty() {
            format!("{} has no parameters", self.kind.name)
        } else {
            format!("known here: {}", keys.join(", "))
        }
    }
}

/// Many kinds at once: which ones, and how often each, is drawn for each seed. Ranges stay the usual ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swarm {
    /// How many of a hundred kinds take part.
    pub percent: u8,
    /// Mean of the rates, millionths of an occurrence per hour; each kind's is a quarter to four times as much.
    pub per_hour_millionths: u64,
}

/// All faults of a world.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Named rows.
    pub rows: Vec<Spec>,
    /// The swarm beside them, if any.
    pub swarm: Option<Swarm>,
}

impl Plan {
    /// Nothing goes wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.swarm.is_none()
    }

    /// What is planned: kinds in order of their rows, and `swarm`.
    #[must_use]
    pub fn kinds(&self) -> Vec<&'static str> {
        self.rows.iter().map(|row| row.kind.name).chain(self.swarm.iter().map(|_| "swarm")).collect()
    }

    /// The rows of one seed: the named ones, then those of the swarm.
    pub(super) fn rows(&self, draws: &Draws) -> Vec<Spec> {
        let mut rows = self.rows.clone();
        let Some(swarm) = &self.swarm else { return rows };
        for kind in Kind::all() {
            let name = format!("swarm/{}", kind.name);
            if draws.below(super::STREAM, &name, 0, 100) >= u64::from(swarm.percent) {
                continue;
            }
            // a quarter, a half, once, twice or four times
            let shift = draws.below(super::STREAM, &name, 1, 5);
            let millionths = (swarm.per_hour_millionths / 4).saturating_mul(1 << shift).max(1);
            let mut row = Spec::usual(kind, When::PerHour { millionths });
            row.name = name;
            rows.push(row);
        }
        rows
    }
}
