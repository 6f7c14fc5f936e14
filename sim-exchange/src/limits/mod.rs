//! How much a client may ask: the venue's published limits (`clob-rest.md` section 16).
//!
//! Two kinds. A *signer* has two token buckets, one for orders and one for cancels, sized by its tier ([`bucket`]). An *address*
//! has sliding windows for groups of endpoints ([`window`]): what is over is first delayed, then refused. Pure: who asks brings
//! the time; no counter ever exceeds its limit.

pub mod bucket;
pub mod window;

#[cfg(test)]
mod tests;

/// What the venue limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Every signer's tier; `None` = nothing is limited, neither signers nor addresses.
    pub tier: Option<Tier>,
    /// The signer limiter only warns: what would be refused is done, and says so in a header.
    pub warn_only: bool,
}

/// A signer's tier, by the volume of 30 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Everybody.
    Standard,
    /// From 30,000 dollars.
    Copper,
    /// From 50,000 dollars.
    Bronze,
    /// From 100,000 dollars.
    Silver,
    /// From 500,000 dollars.
    Gold,
    /// From 2.5 million dollars.
    Platinum,
    /// From 5 million dollars.
    Diamond,
    /// From 10 million dollars.
    Elite,
}

/// Speed and depth of a bucket, in requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Added each second.
    pub per_second: u32,
    /// Most it holds.
    pub burst: u32,
}

impl Tier {
    /// All tiers, lowest first.
    pub const ALL: [Self; 8] = [
        Self::Standard,
        Self::Copper,
        Self::Bronze,
        Self::Silver,
        Self::Gold,
        Self::Platinum,
        Self::Diamond,
        Self::Elite,
    ];

    /// The name, as the scenario and `Poly-RateLimit-Tier` write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Copper => "copper",
            Self::Bronze => "bronze",
            Self::Silver => "silver",
            Self::Gold => "gold",
            Self::Platinum => "platinum",
            Self::Diamond => "diamond",
            Self::Elite => "elite",
        }
    }

    /// The tier of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.name() == name)
    }

    /// The order bucket. Every bucket holds what comes in during a second and a half, rounded down.
    #[must_use]
    pub const fn orders(self) -> Rate {
        let per_second = match self {
            Self::Standard => 40,
            Self::Copper => 60,
            Self::Bronze => 80,
            Self::Silver => 200,
            Self::Gold => 400,
            Self::Platinum => 450,
            Self::Diamond => 525,
            Self::Elite => 600,
        };
        Rate { per_second, burst: per_second * 3 / 2 }
    }

    /// The cancel bucket: twice as fast.
    #[must_use]
    pub const fn cancels(self) -> Rate {
        let per_second = 2 * self.orders().per_second;
        Rate { per_second, burst: per_second * 3 / 2 }
    }

    /// Whether a cancel of many may leave the cancel bucket below zero.
    #[must_use]
    pub const fn may_owe_cancels(self) -> bool {
        !matches!(self, Self::Platinum | Self::Diamond | Self::Elite)
    }
}
