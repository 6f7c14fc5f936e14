//! What a latent world is made of, and what is impossible.

use mm_core::domain::{MarketIx, Nanos, Timestamp};

/// Most grid steps a simulated hour may have: a step of a millisecond.
const STEP_MIN: Nanos = Nanos::from_ms(1);

/// The latent state of a world.
#[derive(Clone, Debug, PartialEq)]
pub struct LatentParams {
    /// Grid of the diffusion: 1 ms or more; a second is fine enough for makers who look every few seconds.
    pub step: Nanos,
    /// One process a market.
    pub markets: Vec<Process>,
    /// Markets that move together; a market is in one link at most.
    pub links: Vec<Link>,
}

/// One market's log-odds.
#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    /// Which market.
    pub market: MarketIx,
    /// The entity name of its draws: unique, such as the market's slug.
    pub name: String,
    /// First probability of YES, above 0 and below 1. Members of an exclusive link are scaled to the sum 1.
    pub start: f64,
    /// Standard deviation of log-odds over one hour, 0 to 100. In an exclusive link: of the log-odds between two members.
    pub volatility_per_sqrt_h: f64,
    /// How it moves between jumps.
    pub motion: Motion,
    /// Its own jumps.
    pub jumps: Option<Jumps>,
    /// Its end.
    pub resolution: Option<Resolution>,
}

/// Movement between jumps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Motion {
    /// The probability cannot be predicted.
    Martingale,
    /// Log-odds are pulled to a level: a stress mode in which prices can be predicted.
    Reverting {
        /// Log-odds it is pulled to.
        to: f64,
        /// Strength per hour, 0 to 10,000; 0 = none, then log-odds (not the probability) are a martingale.
        per_h: f64,
    },
}

/// A Poisson process of jumps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jumps {
    /// Mean number an hour, above 0, at most 1,000,000.
    pub per_h: f64,
    /// How far.
    pub size: JumpSize,
    /// Whether everybody is told, at the moment it happens.
    pub public: bool,
}

/// Law of a jump's size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum JumpSize {
    /// Of log-odds, with this mean and standard deviation. A martingale takes its absolute value and draws the direction.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        sd: f64,
    },
    /// Of the probability itself, in dollars: exponential with this mean, up or down alike, held inside (0, 1).
    ExponentialDollars {
        /// Mean.
        mean: f64,
    },
}

/// A market's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// When it is decided: after the world's first moment.
    pub at: Timestamp,
    /// How.
    pub kind: ResolutionKind,
    /// From then until the oracle says so.
    pub announced_after: Nanos,
}

/// How a market is decided. The law of the winner is the same: YES with probability p.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolutionKind {
    /// In secret: the fair price stays where it was until the oracle speaks.
    Secret,
    /// By a last public jump to (nearly) 0 or 1.
    FinalJump,
}

/// Markets that move together.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Which, two or more.
    pub members: Vec<MarketIx>,
    /// Share of each increment's variance that is common, 0 to 1: the correlation of two members' increments. 0 if exclusive,
    /// where outcomes move against each other as they are.
    pub correlation: f64,
    /// Jumps that hit all members at one moment, in one direction where that is possible. Not if exclusive: there one member's
    /// jump moves all others.
    pub common: Option<Jumps>,
    /// Whether exactly one member wins. They then share their motion's kind and their resolution.
    pub exclusive: bool,
}

/// Why a latent world is impossible.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BadLatent {
    /// A number outside its range, or not a number.
    #[error("{name}: {what} must be {range}, is {is}")]
    Range {
        /// Which process, or link.
        name: String,
        /// Which number.
        what: &'static str,
        /// What is allowed.
        range: &'static str,
        /// What was given.
        is: f64,
    },
    /// Two things that must differ.
    #[error("{what} {which} is there twice")]
    Twice {
        /// What.
        what: &'static str,
        /// Which.
        which: String,
    },
    /// The grid is too fine.
    #[error("step is {} ns, must be a millisecond or more", .0.nanos())]
    Step(Nanos),
    /// A link names a market without a process.
    #[error("link of market {}, which has no process", .0.0)]
    Unknown(MarketIx),
    /// A name that belongs to a link's draws.
    #[error("process {0:?}: a name must not be empty or begin with link/")]
    Name(String),
    /// A resolution before the beginning.
    #[error("{0}: resolves before the world begins")]
    Past(String),
    /// Something exclusive links cannot have.
    #[error("link/{link}: {why}")]
    Link {
        /// Which link.
        link: usize,
        /// What is wrong.
        why: &'static str,
    },
}

impl LatentParams {
    /// Checks everything.
    ///
    /// # Errors
    /// [`BadLatent`], the first thing found.
    pub fn check(&self, start: Timestamp) -> Result<(), BadLatent> {
        if self.step < STEP_MIN {
            return Err(BadLatent::Step(self.step));
        }
        for (n, process) in self.markets.iter().enumerate() {
            process.check(start)?;
            let before = &self.markets[..n];
            if before.iter().any(|other| other.market == process.market) {
                return Err(BadLatent::Twice { what: "market", which: process.market.0.to_string() });
            }
            if before.iter().any(|other| other.name == process.name) {
                return Err(BadLatent::Twice { what: "process", which: process.name.clone() });
            }
        }
        let mut linked = Vec::new();
        for (n, link) in self.links.iter().enumerate() {
            for market in &link.members {
                if linked.contains(market) {
                    return Err(BadLatent::Twice { what: "linked market", which: market.0.to_string() });
                }
                linked.push(*market);
            }
            self.check_link(n, link)?;
        }
        Ok(())
    }

    fn check_link(&self, n: usize, link: &Link) -> Result<(), BadLatent> {
        let bad = |why| Err(BadLatent::Link { link: n, why });
        let name = format!("link/{n}");
        within(&name, "correlation", link.correlation, 0.0, 1.0, "0 to 1")?;
        if let Some(jumps) = &link.common {
            jumps.check(&name)?;
        }
        let mut members = Vec::with_capacity(link.members.len());
        for market in &link.members {
            let process = self.markets.iter().find(|process| process.market == *market);
            members.push(process.ok_or(BadLatent::Unknown(*market))?);
        }
        let Some((first, rest)) = members.split_first().filter(|(_, rest)| !rest.is_empty()) else {
            return bad("needs two members or more");
        };
        if !link.exclusive {
            return Ok(());
        }
        if link.correlation > 0.0 || link.common.is_some() {
            return bad("exclusive outcomes have no correlation and no common jumps: each one's move moves the others");
        }
        let kind = |process: &Process| matches!(process.motion, Motion::Martingale);
        if rest.iter().any(|process| kind(process) != kind(first)) {
            return bad("exclusive outcomes are all martingales, or none");
        }
        if rest.iter().any(|process| process.resolution != first.resolution) {
            return bad("exclusive outcomes are decided together");
        }
        Ok(())
    }
}

impl Process {
    fn check(&self, start: Timestamp) -> Result<(), BadLatent> {
        let name = &self.name;
        if name.is_empty() || name.starts_with("link/") {
            return Err(BadLatent::Name(name.clone()));
        }
        if !(self.start > 0.0 && self.start < 1.0) {
            let (what, range) = ("start", "above 0 and below 1");
            return Err(BadLatent::Range { name: name.clone(), what, range, is: self.start });
        }
        within(name, "volatility_per_sqrt_h", self.volatility_per_sqrt_h, 0.0, 100.0, "0 to 100")?;
        if let Motion::Reverting { to, per_h } = self.motion {
            within(name, "reverting to", to, -15.0, 15.0, "-15 to 15")?;
            within(name, "reverting per hour", per_h, 0.0, 10_000.0, "0 to 10,000")?;
        }
        if let Some(jumps) = &self.jumps {
            jumps.check(name)?;
        }
        if self.resolution.is_some_and(|resolution| resolution.at <= start) {
            return Err(BadLatent::Past(name.clone()));
        }
        Ok(())
    }
}

impl Jumps {
    fn check(&self, name: &str) -> Result<(), BadLatent> {
        within(name, "jumps per hour", self.per_h, 1e-9, 1e6, "above 0, at most 1,000,000")?;
        match self.size {
            JumpSize::Normal { mean, sd } => {
                within(name, "jump mean", mean, -15.0, 15.0, "-15 to 15")?;
                within(name, "jump sd", sd, 0.0, 15.0, "0 to 15")
            }
            JumpSize::ExponentialDollars { mean } => {
                within(name, "jump mean in dollars", mean, 1e-6, 1.0, "a millionth to 1")
            }
        }
    }
}

fn within(name: &str, what: &'static str, is: f64, low: f64, high: f64, range: &'static str) -> Result<(), BadLatent> {
    // written so that NaN is refused
    if is >= low && is <= high { Ok(()) } else { Err(BadLatent::Range { name: name.to_owned(), what, range, is }) }
}
