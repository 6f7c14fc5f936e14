//! The venue's liquidity rewards and maker rebates: samples, epochs, payouts. Pure, exact, and without a clock.
//!
//! Once a minute, at an offset nobody can foresee ([`Minutes`]), every maker of every market is scored ([`Sampler`]). The
//! shares of a UTC day add up to an [`Epoch`]; at 00:00 UTC the day is closed and paid ([`Programme::close`]). The score
//! itself is `mm_core::rewards`, the library the bot plans with: it is written once.
//!
//! What holds here:
//!
//! 1. **Everybody is a maker like us.** Competing accounts are scored one by one; of a recorded book nobody knows the owners,
//!    so it counts as one maker ([`Maker::Recorded`]).
//! 2. **Every rounding has a site and a direction.** A share goes down to 10^-27 ([`SHARE_ONE`]) and what is lost stays in the
//!    pool; a day's amount is told half to even with twelve decimals, as the vectors do, which swallows the roundings of a
//!    day of shares; money goes down to a millionth when it reaches a maker or a sponsor, and up when a pool is filled.
//! 3. **A pool never pays more than was put into it**, and what it does not pay is accounted for: refunded where nobody
//!    scored, kept where a maker stayed below the smallest payout.
//!
//! Where the venue is silent the conventions are those of `rewards.md` section 2.4, and the choice is a value in [`Rules`].

mod amount;
mod books;
mod clock;
mod epoch;
mod programme;
mod rebate;
mod sample;
mod terms;

#[cfg(test)]
mod tests;

pub use amount::{MICRO, SHARE_ONE};
pub use books::{DayBook, Earning, Move, Payment, PaymentKind, PoolView, Rebate};
pub use clock::Minutes;
pub use epoch::{Epoch, PoolDay};
pub use programme::{Event, Programme};
pub use rebate::FeeDay;
pub use sample::{Maker, MakerPoints, OrderPoints, Resting, Sample, Sampler, Terms};
pub use terms::{Accrual, Currency, Plan, Rules, Sponsorship, TermsChange};

/// Minutes, and so samples at most, in a UTC day.
pub const SAMPLES_PER_DAY: u64 = 1_440;
