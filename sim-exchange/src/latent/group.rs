//! Markets that move together: one alone, several with common increments, or outcomes that exclude each other.

use super::Resolved;
use super::jumps::{JumpDraw, JumpTimes, hours};
use super::logit::{logistic, logit};
use super::params::{Link, Motion, Process, Resolution, ResolutionKind};
use super::signals::Jump;
use crate::draws::{Ahead, Draws, Stream};
use mm_core::domain::{MarketIx, Nanos, Outcome, Timestamp};
use std::collections::VecDeque;
use std::ops::Range;

/// Log-odds of what has been decided in public: p within 1e-11 of 0 or 1.
const CERTAIN: f64 = 26.0;

/// One market of a group.
#[derive(Clone, Debug)]
struct Member {
    market: MarketIx,
    /// Log-odds; in an exclusive group the logarithm of a weight.
    x: f64,
    /// Where `x` stands without the jumps since the last grid point.
    at_grid: f64,
    /// What those jumps will be at the next grid point.
    carried: f64,
    /// Standard deviation of one step's increment.
    step_sd: f64,
    /// For a reverting one: level, and what is left of a distance after one step.
    pull: Option<Pull>,
    noise: Ahead,
    drift: Ahead,
    jumps: Option<JumpTimes>,
    /// Log-odds by time, oldest first, never empty.
    past: VecDeque<(Timestamp, f64)>,
}

#[derive(Clone, Copy, Debug)]
struct Pull {
    to: f64,
    per_h: f64,
    left_after_step: f64,
}

/// Markets that move together.
#[derive(Clone, Debug)]
pub(super) struct Group {
    members: Vec<Member>,
    exclusive: bool,
    /// Share of an increment's variance that is common, and its draws.
    common: Option<(f64, Stream)>,
    common_jumps: Option<JumpTimes>,
    step: Nanos,
    /// Number of the next grid point, and when it is; the end of time where nothing diffuses.
    next_step: u64,
    grid: Timestamp,
    resolutions: Vec<Option<Resolution>>,
    outcomes: Vec<Option<Outcome>>,
    winner: Vec<Stream>,
}

impl Group {
    pub(super) fn new(
        name: &str,
        processes: &[&Process],
        link: Option<&Link>,
        step: Nanos,
        draws: &Draws,
        start: Timestamp,
    ) -> Self {
        let exclusive = link.is_some_and(|link| link.exclusive);
        let members: Vec<Member> =
            processes.iter().map(|process| Member::new(process, exclusive, step, draws, start)).collect();
        let moves = members.iter().any(|m| m.step_sd > 0.0 || m.pull.is_some_and(|pull| pull.per_h > 0.0));
        let mut group = Self {
            members,
            exclusive,
            common: link.filter(|l| l.correlation > 0.0).map(|l| (l.correlation, draws.stream("latent", name))),
            common_jumps: link.and_then(|l| l.common).map(|jumps| JumpTimes::new(name, jumps, draws, start)),
            step,
            next_step: 0,
            grid: if moves { start.plus(step) } else { Timestamp::MAX },
            resolutions: processes.iter().map(|process| process.resolution).collect(),
            outcomes: vec![None; processes.len()],
            // exclusive outcomes share one draw
            winner: processes.iter().map(|p| draws.stream("outcome", if exclusive { name } else { &p.name })).collect(),
        };
        for place in 0..group.members.len() {
            let x = group.log_odds(place);
            group.members[place].past.push_back((start, x));
        }
        group
    }

    pub(super) fn markets(&self) -> impl Iterator<Item = MarketIx> {
        self.members.iter().map(|member| member.market)
    }

    /// When anything changes next.
    pub(super) fn due(&self) -> Timestamp {
        self.grid.min(self.next_event())
    }

    /// When a jump or a resolution comes next.
    pub(super) fn next_event(&self) -> Timestamp {
        let undecided = || self.outcomes.iter().zip(&self.members).filter(|(outcome, _)| outcome.is_none());
        let jumps = undecided().filter_map(|(_, member)| Some(member.jumps.as_ref()?.next())).min();
        let common = self.common_jumps.as_ref().filter(|_| undecided().next().is_some()).map(JumpTimes::next);
        let ends = self.resolutions.iter().zip(&self.outcomes).filter(|(_, outcome)| outcome.is_none());
        let ends = ends.filter_map(|(resolution, _)| Some(resolution.as_ref()?.at)).min();
        [jumps, common, ends].into_iter().flatten().min().unwrap_or(Timestamp::MAX)
    }

    /// Log-odds of YES now.
    pub(super) fn log_odds(&self, place: usize) -> f64 {
        let x = self.members[place].x;
        if !self.exclusive || self.outcomes[place].is_some() {
            return x;
        }
        // against the sum of the other weights, the largest taken out so that nothing overflows
        let others = || (self.members.iter().enumerate()).filter(|(n, _)| *n != place).map(|(_, member)| member.x);
        let top = others().fold(f64::NEG_INFINITY, f64::max);
        x - top - libm::log(others().map(|other| libm::exp(other - top)).sum())
    }

    /// Log-odds of YES at a past moment: the first kept value for anything older.
    pub(super) fn log_odds_at(&self, place: usize, when: Timestamp) -> f64 {
        let past = &self.members[place].past;
        match past.back() {
            Some((since, x)) if *since <= when => *x,
            _ => {
                let after = past.partition_point(|(since, _)| *since <= when);
                past.get(after.saturating_sub(1)).map_or(f64::NAN, |(_, x)| *x)
            }
        }
    }

    /// The outcome, where it is settled already: decided, or decided by a draw on a probability that never moves.
    pub(super) fn foreseen(&self, place: usize) -> Option<Outcome> {
        if let Some(outcome) = self.outcomes[place] {
            return Some(outcome);
        }
        let still = self.grid == Timestamp::MAX
            && self.common_jumps.is_none()
            && self.members.iter().all(|member| member.jumps.is_none());
        (still && self.resolutions[place].is_some()).then(|| self.draw_outcome(place))
    }

    pub(super) fn held(&self) -> usize {
        self.members.iter().map(|member| member.past.len()).sum()
    }

    /// Does all that is due up to `at`; forgets what is older than `oldest`. At one moment: jumps, grid, resolutions.
    pub(super) fn advance(
        &mut self,
        at: Timestamp,
        oldest: Timestamp,
        jumps: &mut Vec<Jump>,
        resolved: &mut Vec<Resolved>,
    ) {
        loop {
            let now = self.due();
            if now > at || now == Timestamp::MAX {
                break;
            }
            self.jump(now, jumps);
            if self.grid == now {
                self.diffuse(now);
            }
            self.resolve(now, jumps, resolved);
        }
        for member in &mut self.members {
            while member.past.get(1).is_some_and(|(since, _)| *since <= oldest) {
                member.past.pop_front();
            }
        }
    }

    fn jump(&mut self, now: Timestamp, told: &mut Vec<Jump>) {
        for place in 0..self.members.len() {
            let own = self.members[place].jumps.as_mut().filter(|times| times.next() == now).map(JumpTimes::take);
            if let Some(draw) = own
                && self.outcomes[place].is_none()
            {
                self.hit(place..place + 1, draw, now, told);
            }
        }
        if let Some(draw) = self.common_jumps.as_mut().filter(|times| times.next() == now).map(JumpTimes::take) {
            self.hit(0..self.members.len(), draw, now, told);
        }
    }

    /// One jump of some members; in an exclusive group the others give way. Told where the fair price really moved.
    fn hit(&mut self, places: Range<usize>, draw: JumpDraw, now: Timestamp, told: &mut Vec<Jump>) {
        let moved = if self.exclusive { 0..self.members.len() } else { places.clone() };
        let before: Vec<f64> = moved.clone().map(|place| self.log_odds(place)).collect();
        for place in places.filter(|place| self.outcomes[*place].is_none()) {
            let x = self.log_odds(place);
            let until_grid = self.grid.since(now);
            let member = &mut self.members[place];
            match member.pull {
                None => {
                    let by = draw.fair(x);
                    member.x += by;
                    member.at_grid += by;
                }
                Some(pull) => {
                    let by = draw.plain(x);
                    member.x += by;
                    member.carried += if self.grid == Timestamp::MAX { by } else { by * decay(pull.per_h, until_grid) };
                }
            }
        }
        for (place, before) in moved.zip(before) {
            let after = self.log_odds(place);
            if after.to_bits() != before.to_bits() {
                self.remember(place, now);
                if draw.public {
                    told.push(Jump { market: self.members[place].market, at: now, before, after });
                }
            }
        }
    }

    /// One step of the diffusion, over the whole interval since the last grid point.
    fn diffuse(&mut self, now: Timestamp) {
        let k = self.next_step;
        self.next_step += 1;
        self.grid = now.plus(self.step);
        let shared = self.common.map(|(share, stream)| (share.sqrt() * stream.draw(k).normal(), (1.0 - share).sqrt()));
        // who wins, as the next observation is drawn: afresh for every step
        let favoured = self.exclusive.then(|| {
            let u = self.members[0].drift.draw(k).uniform();
            self.pick(u)
        });
        for place in 0..self.members.len() {
            if self.outcomes[place].is_some() {
                continue;
            }
            let p = logistic(self.members[place].at_grid);
            let member = &mut self.members[place];
            let sd = member.step_sd;
            let own = if sd > 0.0 { member.noise.draw(k).normal() } else { 0.0 };
            let z = shared.map_or(own, |(common, rest)| common + rest * own);
            member.x = match member.pull {
                None => {
                    let wins = match favoured {
                        Some(winner) => winner == place,
                        None => sd > 0.0 && member.drift.draw(k).bernoulli(p),
                    };
                    member.at_grid + sd * sd * (if wins { 0.5 } else { -0.5 }) + sd * z
                }
                Some(pull) => pull.to + (member.at_grid - pull.to) * pull.left_after_step + sd * z + member.carried,
            };
            member.at_grid = member.x;
            member.carried = 0.0;
        }
        for place in 0..self.members.len() {
            if self.outcomes[place].is_none() {
                self.remember(place, now);
            }
        }
    }

    fn resolve(&mut self, now: Timestamp, told: &mut Vec<Jump>, resolved: &mut Vec<Resolved>) {
        let due = |group: &Self, place: usize| {
            group.resolutions[place].filter(|r| group.outcomes[place].is_none() && r.at == now)
        };
        let winners: Vec<Option<Outcome>> = match (0..self.members.len()).any(|place| due(self, place).is_some()) {
            false => return,
            true => (0..self.members.len()).map(|p| due(self, p).map(|_| self.draw_outcome(p))).collect(),
        };
        let before: Vec<f64> = (0..self.members.len()).map(|place| self.log_odds(place)).collect();
        for (place, winner) in winners.into_iter().enumerate() {
            let (Some(winner), Some(resolution)) = (winner, self.resolutions[place]) else { continue };
            let market = self.members[place].market;
            self.outcomes[place] = Some(winner);
            self.members[place].x = before[place];
            if resolution.kind == ResolutionKind::FinalJump {
                let after = if winner == Outcome::Yes { CERTAIN } else { -CERTAIN };
                self.members[place].x = after;
                self.remember(place, now);
                told.push(Jump { market, at: now, before: before[place], after });
            }
            resolved.push(Resolved { market, winner, at: now, announced: now.plus(resolution.announced_after) });
        }
        if self.outcomes.iter().all(Option::is_some) {
            self.grid = Timestamp::MAX;
        }
    }

    fn draw_outcome(&self, place: usize) -> Outcome {
        let u = self.winner[place].draw(0).uniform();
        let yes = if self.exclusive { self.pick(u) == place } else { u < logistic(self.log_odds(place)) };
        if yes { Outcome::Yes } else { Outcome::No }
    }

    /// The member of an exclusive group at `u` of the summed probabilities.
    fn pick(&self, u: f64) -> usize {
        let top = self.members.iter().fold(f64::NEG_INFINITY, |top, member| top.max(member.x));
        let weight = |member: &Member| libm::exp(member.x - top);
        let target = u * self.members.iter().map(weight).sum::<f64>();
        let mut sum = 0.0;
        let found = self.members.iter().position(|member| {
            sum += weight(member);
            target < sum
        });
        found.unwrap_or(self.members.len() - 1)
    }

    fn remember(&mut self, place: usize, now: Timestamp) {
        let x = self.log_odds(place);
        let past = &mut self.members[place].past;
        match past.back_mut() {
            Some(last) if last.0 == now => last.1 = x,
            _ => past.push_back((now, x)),
        }
    }
}

impl Member {
    fn new(process: &Process, exclusive: bool, step: Nanos, draws: &Draws, start: Timestamp) -> Self {
        let h = hours(step);
        // Between two of the weights the variances add up: each takes half.
        let share: f64 = if exclusive { 0.5 } else { 1.0 };
        let sd_per_sqrt_h = process.volatility_per_sqrt_h * share.sqrt();
        let (pull, variance) = match process.motion {
            Motion::Martingale => (None, sd_per_sqrt_h * sd_per_sqrt_h * h),
            Motion::Reverting { to, per_h } => {
                let left = decay(per_h, step);
                let pull = Pull { to, per_h, left_after_step: left };
                // (1 − e^(−2κΔ))/(2κ), whose limit at κ = 0 is Δ
                let time = if per_h > 0.0 { -libm::expm1(-2.0 * per_h * h) / (2.0 * per_h) } else { h };
                (Some(pull), sd_per_sqrt_h * sd_per_sqrt_h * time)
            }
        };
        let x = if exclusive { libm::log(process.start) } else { logit(process.start) };
        Self {
            market: process.market,
            x,
            at_grid: x,
            carried: 0.0,
            step_sd: variance.sqrt(),
            pull,
            noise: Ahead::new(draws.stream("latent", &process.name)),
            drift: Ahead::new(draws.stream("latent-drift", &process.name)),
            jumps: process.jumps.map(|jumps| JumpTimes::new(&process.name, jumps, draws, start)),
            past: VecDeque::new(),
        }
    }
}

/// What is left of a distance after `d`.
fn decay(per_h: f64, d: Nanos) -> f64 {
    libm::exp(-per_h * hours(d))
}
