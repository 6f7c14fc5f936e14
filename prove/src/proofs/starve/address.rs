//! M5: how often an address calls, counted as the venue counts.

use crate::proof::{Bench, Depth, Evidence, Proof, Verdict};
use crate::proofs::judged;
use executor::config::Buckets;
use executor::limits::{Limits, Next, Places, Toll, Waiting};
use executor::outcome::VenueCall;
use executor::rehearsal::condition;
use mm_core::domain::{Nanos, OrderId, Timestamp};
use std::collections::VecDeque;

pub(super) const PROOF: Proof = Proof {
    id: "an-address-stays-in-its-windows",
    milestone: 5,
    claim: "Places and cancels of each kind at many times what any window of the venue holds, for longer than the longest: ten seconds or \
            ten minutes never see more requests than published, and every cancel-all leaves in the turn it is wanted in.",
    quick: true,
    min_cases: 40_000,
    run: |bench| flooded(bench, 1),
    sabotage_claim: "a second executor floods from the same address",
    sabotage: Some(|bench| flooded(bench, 2)),
};

/// Lowest and highest tier: orders a second and burst, cancels a second and burst (`clob-rest.md` section 16).
const TIERS: [[u32; 4]; 3] = [[40, 60, 80, 120], [600, 900, 1200, 1800], [200, 300, 400, 600]];
/// Requests of an address within ten seconds and ten minutes, copied from the same page apart from the executor.
const WINDOWS: [(&str, u64, u64); 6] = [
    ("POST /order", 5_000, 120_000),
    ("POST /orders", 2_000, 21_000),
    ("DELETE /order", 5_000, 120_000),
    ("DELETE /orders", 2_000, 15_000),
    ("DELETE /cancel-all", 250, 6_000),
    ("DELETE /cancel-market-orders", 1_500, 21_000),
];
const TOTAL: u64 = 9_000;
const SHORT_MS: u64 = 10_000;
const LONG_MS: u64 = 600_000;

const TICK_MS: u64 = 20;
/// Orders of a tick, and calls of each kind that cancels: above every window, and above the highest tier's buckets.
const ORDERS_A_TICK: usize = 40;
const CANCELS_A_TICK: usize = 25;
/// A cancel-all is wanted every so many ticks.
const CANCEL_ALL_TICKS: u64 = 25;
/// What is asked for changes every minute.
const MINUTE_MS: u64 = 60_000;

/// When requests passed, by how the venue counts them.
struct Counted {
    passed: VecDeque<u64>,
    long_ms: u64,
    allowed: u64,
    most: u64,
}

impl Counted {
    const fn new(long_ms: u64, allowed: u64) -> Self {
        Self { passed: VecDeque::new(), long_ms, allowed, most: 0 }
    }

    fn count(&mut self, now: u64, requests: u64) {
        while self.passed.front().is_some_and(|ms| ms + self.long_ms <= now) {
            self.passed.pop_front();
        }
        self.passed.extend((0..requests).map(|_| now));
        self.most = self.most.max(self.passed.len() as u64);
    }
}

/// The venue's counters of one address.
struct Venue {
    kinds: [[Counted; 2]; 6],
    total: Counted,
    /// How many executors do the same from this address.
    callers: u64,
}

impl Venue {
    fn new(callers: u64) -> Self {
        let kinds = WINDOWS.map(|(_, short, long)| [Counted::new(SHORT_MS, short), Counted::new(LONG_MS, long)]);
        Self { kinds, total: Counted::new(SHORT_MS, TOTAL), callers }
    }

    fn hears(&mut self, now: u64, kind: usize) {
        for counted in &mut self.kinds[kind] {
            counted.count(now, self.callers);
        }
        self.total.count(now, self.callers);
    }

    fn exceeded(&self) -> Vec<String> {
        let kinds = self.kinds.iter().flatten().zip(WINDOWS.iter().flat_map(|(name, ..)| [name; 2]));
        let all = kinds.map(|(counted, name)| (counted, *name)).chain([(&self.total, "all requests")]);
        let over = all.filter(|(counted, _)| counted.most > counted.allowed);
        over.map(|(of, name)| format!("{name}: {} of {} within {} s", of.most, of.allowed, of.long_ms / 1000)).collect()
    }
}

fn flooded(bench: &Bench, callers: u64) -> Verdict {
    let (mut evidence, mut failures) = (Evidence::default(), Vec::new());
    let (tiers, minutes) = match bench.depth {
        Depth::Quick | Depth::Default => (&TIERS[..2], 13),
        Depth::Full => (&TIERS[..], 70),
    };
    let mut late = 0;
    for tier in tiers {
        let mut venue = Venue::new(callers);
        late += flood(*tier, minutes, &mut venue, &mut evidence.cases);
        failures.extend(venue.exceeded().into_iter().map(|what| format!("{tier:?}: {what}")));
        let fullest = venue.kinds.iter().flatten().map(|of| of.most * 100 / of.allowed).max().unwrap_or(0);
        let [orders, ..] = tier;
        let told = format!("{fullest} % of its window, all requests {} %", venue.total.most * 100 / TOTAL);
        evidence.fact(&format!("{orders} orders a second: most of a kind"), told);
    }
    evidence.fact("cancel-alls that did not leave at once", late);
    if late > 0 {
        failures.push(format!("{late} cancel-alls waited"));
    }
    judged(evidence, &failures)
}

/// So many minutes of everything at once; how many cancel-alls waited.
fn flood(
    [orders, orders_burst, cancels, cancels_burst]: [u32; 4],
    minutes: u64,
    venue: &mut Venue,
    passed: &mut u64,
) -> u64 {
    let limits = Limits::new(Some(Buckets { orders, orders_burst, cancels, cancels_burst }));
    let (mut waiting, mut places) = (Waiting::default(), Places::default());
    let markets = [0, 1].map(condition);
    let order = OrderId::from_bytes([7; 32]);
    let mut late = 0;
    for tick in 0..minutes * MINUTE_MS / TICK_MS {
        let now = tick * TICK_MS;
        let at = Timestamp::from_ms(1_000_000_000 + now);
        let minute = now / MINUTE_MS;
        let mut wanted = Vec::new();
        // In every third minute nothing is cancelled, so that places are kept in by nothing but their own limits.
        if minute % 3 != 2 {
            let call = match minute % 4 {
                0 => VenueCall::Cancel(vec![order]),
                1 => VenueCall::Cancel(vec![order; 2]),
                _ => VenueCall::CancelMarket(markets[0].clone()),
            };
            wanted.extend(std::iter::repeat_n(call, CANCELS_A_TICK));
        }
        if tick % CANCEL_ALL_TICKS == 0 {
            wanted.push(VenueCall::CancelAll);
        }
        let leave_by = at.plus(Nanos::from_ms(500));
        let mut all_wanted = 0;
        for call in wanted {
            all_wanted += u64::from(call == VenueCall::CancelAll);
            // one too many is answered at once that it was not sent
            let _ = waiting.push(Toll::of(&call), leave_by, call);
        }
        while let Ok(next) = waiting.pop(&limits, at) {
            let Next::Leaves(call) = next else { continue };
            *passed += 1;
            venue.hears(
                now,
                match &call {
                    VenueCall::CancelAll => {
                        all_wanted -= 1;
                        4
                    }
                    VenueCall::Cancel(ids) if ids.len() == 1 => 2,
                    VenueCall::Cancel(_) => 3,
                    _ => 5,
                },
            );
        }
        late += all_wanted;
        let turns = if minute.is_multiple_of(2) { vec![1; ORDERS_A_TICK] } else { vec![ORDERS_A_TICK] };
        for orders in turns {
            let asked = (0..orders).map(|nth| &markets[nth % 2]).collect();
            for batch in places.sort_out(&limits, at, waiting.is_urgent(), asked, |market| *market).batches {
                *passed += 1;
                venue.hears(now, usize::from(batch.len() > 1));
            }
        }
    }
    late
}
