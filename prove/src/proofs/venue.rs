//! M1: the venue. The tape rules on the bundled recording, conservation, and the same world from the same seed.

use crate::proof::{Bench, Evidence, Proof, Verdict};
use mm_core::domain::{Nanos, OrderId, Outcome, Price, Qty, Side, TimeInForce, Timestamp, TokenId};
use mm_core::io::frames;
use mm_core::venue::market_ws::{self, MarketFrame};
use mm_core::venue::user_ws::{TradeEvent, UserEvent};
use sim_exchange::exchange::{AccountIx, Chain, Exchange, Notice, PlaceRequest};
use sim_exchange::scenario::Scenario;
use sim_exchange::tape::{Grower, Report};
use std::collections::BTreeMap;
use std::path::Path;

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "tape-rules-hold",
        milestone: 1,
        claim: "The bundled recording opens six markets within 21 s under the tape rules, with three repairs, and none closes.",
        quick: true,
        min_cases: 80_000,
        run: |bench| tape_rules(bench, 0),
        sabotage_claim: "every 1,000th frame of the recording is lost",
        sabotage: Some(|bench| tape_rules(bench, 1_000)),
    },
    Proof {
        id: "venue-conserves",
        milestone: 1,
        claim: "With a maker resting in the recorded book, money, tokens, collateral and reservations balance after every event, \
                and the wallet equals what its user channel told.",
        quick: true,
        min_cases: 5_000,
        run: |bench| conserves(bench, false),
        sabotage_claim: "one fill is counted twice",
        sabotage: Some(|bench| conserves(bench, true)),
    },
    Proof {
        id: "venue-same-seed-same-world",
        milestone: 1,
        claim: "The same seed and the same calls give the same notices, byte for byte.",
        quick: true,
        min_cases: 5_000,
        run: |bench| same_world(bench, 0),
        sabotage_claim: "the second run has another seed",
        sabotage: Some(|bench| same_world(bench, 1)),
    },
];

const RECORDING: &str = "sim-exchange/testdata/tape/nhl-20260607.jsonl.zst";

/// Applies the rules to the recording, leaving out every `lose`th frame if that is not 0.
fn tape_rules(bench: &Bench, lose: u64) -> Verdict {
    let report = match grow(&bench.root.join(RECORDING), lose) {
        Ok(report) => report,
        Err(why) => return refuted(Evidence::default(), &why),
    };
    let last_opened = report.markets.iter().filter_map(|(_, m)| m.opened_ms).max().unwrap_or(u64::MAX);
    let within_ms = last_opened.saturating_sub(report.start_ms);
    let mut evidence =
        Evidence { cases: report.markets.iter().map(|(_, m)| m.timestamps).sum(), ..Evidence::default() };
    evidence.fact("markets opened", report.opened());
    evidence.fact("last opened after, ms", within_ms);
    evidence.fact("repairs", report.repairs());
    evidence.fact("closed", report.closed());
    let holds = report.opened() == 6 && within_ms <= 21_000 && report.repairs() == 3 && report.closed() == 0;
    if holds { Verdict::Proved(evidence) } else { Verdict::Refuted(evidence) }
}

fn grow(path: &Path, lose: u64) -> Result<Report, String> {
    let mut grower = Grower::new();
    for (n, frame) in (1u64..).zip(frames::read(path).map_err(|why| why.to_string())?) {
        let frame = frame.map_err(|why| why.to_string())?;
        if lose != 0 && n.is_multiple_of(lose) {
            continue;
        }
        let (decoded, _) = market_ws::decode(&frame.text).map_err(|why| format!("line {}: {why}", frame.line))?;
        if let MarketFrame::Events(events) = decoded {
            events.iter().for_each(|event| grower.push(event));
        }
    }
    grower.finish();
    Ok(grower.report())
}

fn refuted(mut evidence: Evidence, why: &str) -> Verdict {
    evidence.fact("why", why);
    Verdict::Refuted(evidence)
}

/// A run with a maker that moves its quotes every five seconds, one notice at a time.
struct Run {
    exchange: Exchange,
    account: AccountIx,
    placed: u64,
    notices: Vec<Notice>,
    steps: u64,
}

/// Names the maker's wallet; no key belongs to it.
const WALLET: &str = "0x0000000000000000000000000000000000000a11";

/// Plays `seconds` of the demo's world in real tape time on virtual time; `seed` is added to the scenario's.
fn play(bench: &Bench, seconds: u64, seed: u64) -> Result<Run, String> {
    let mut scenario = Scenario::load(&bench.root.join("config/sim/tape.toml")).map_err(|why| why.to_string())?;
    scenario.seed = scenario.seed.wrapping_add(seed);
    if let Some(tape) = scenario.tape.as_mut() {
        tape.speed_milli = 1_000;
    }
    let start = scenario.start_utc;
    let mut exchange = Exchange::new(&scenario, start).map_err(|why| why.to_string())?;
    let account = exchange.open_account(start, WALLET);
    let mut run = Run { exchange, account, placed: 0, notices: Vec::new(), steps: 0 };
    let end = start.plus(Nanos::from_secs(seconds));
    let mut requote = start;
    while let Some(due) = run.exchange.next_deadline().map(|due| due.min(requote)).filter(|due| *due <= end) {
        run.exchange.tick(due);
        if due == requote {
            requote = requote.plus(Nanos::from_secs(5));
            run.quote(due);
        }
        run.look()?;
    }
    // an empty house: everything cancelled, everything settled
    let last = end.plus(Nanos::from_secs(60));
    run.exchange.cancel_all(end, account);
    run.exchange.tick(last);
    run.look()?;
    Ok(run)
}

impl Run {
    fn look(&mut self) -> Result<(), String> {
        self.steps += 1;
        self.notices.append(&mut self.exchange.drain());
        self.exchange.check().map_err(|why| format!("step {}: {why}", self.steps))
    }

    /// One buy of each outcome at the best bid of its token, in every open market.
    fn quote(&mut self, at: Timestamp) {
        self.exchange.cancel_all(at, self.account);
        for info in self.exchange.markets() {
            for outcome in [Outcome::Yes, Outcome::No] {
                let token = info.market.token_id(outcome).clone();
                let Some((price, _)) = self.exchange.book(&token).and_then(|book| book.bids.last().copied()) else {
                    continue;
                };
                self.placed += 1;
                let request = self.request(token, price);
                // a refusal (out of money, crossed) is the venue's answer, and leaves no trace
                let _ = self.exchange.place(at, self.account, request);
            }
        }
    }

    fn request(&self, token: TokenId, price: Price) -> PlaceRequest {
        let mut id = [0u8; 32];
        id[..8].copy_from_slice(&self.placed.to_le_bytes());
        PlaceRequest {
            id: OrderId::from_bytes(id),
            token,
            side: Side::Buy,
            price,
            qty: Qty::from_whole(20).unwrap_or(Qty::ZERO),
            tif: TimeInForce::Gtc,
            post_only: true,
            owner: "00000000-0000-4000-8000-000000000001".to_owned(),
        }
    }
}

fn conserves(bench: &Bench, twice: bool) -> Verdict {
    let run = match play(bench, bench.depth.pick(180, 850, 850), 0) {
        Ok(run) => run,
        Err(why) => return refuted(Evidence::default(), &why),
    };
    let trades: Vec<&TradeEvent> = (run.notices.iter())
        .filter_map(|notice| match notice {
            Notice::User { event, .. } => match event.as_ref() {
                UserEvent::Trade(trade) if trade.status == "CONFIRMED" => Some(trade),
                _ => None,
            },
            Notice::Market(_) => None,
        })
        .collect();
    let (mut shares, mut spent): (BTreeMap<TokenId, u64>, u64) = (BTreeMap::new(), 0);
    for (n, trade) in trades.iter().enumerate() {
        let times = if twice && n == 0 { 2 } else { 1 };
        for part in &trade.maker_orders {
            *shares.entry(part.asset_id.clone()).or_insert(0) += times * part.matched_amount.micro();
            spent += times * mm_core::domain::cost_floor(part.price, part.matched_amount).micro();
        }
    }
    let mut evidence = Evidence { cases: run.steps, ..Evidence::default() };
    evidence.fact("orders placed", run.placed);
    evidence.fact("fills confirmed", trades.len());
    evidence.fact("notices", run.notices.len());
    let funds = 10_000_000_000u64;
    let usdc = run.exchange.balance(run.account, None);
    evidence.fact("dollars spent, millionths", spent);
    let wallet_agrees = funds.checked_sub(spent) == Some(usdc)
        && shares.iter().all(|(token, qty)| run.exchange.balance(run.account, Some(token)) == *qty);
    if trades.is_empty() {
        return refuted(evidence, "nothing was filled: the run shows nothing");
    }
    if wallet_agrees {
        Verdict::Proved(evidence)
    } else {
        refuted(evidence, "the wallet differs from what its channel told")
    }
}

fn same_world(bench: &Bench, other_seed: u64) -> Verdict {
    let seconds = bench.depth.pick(180, 850, 850);
    let (first, second) = match (play(bench, seconds, 0), play(bench, seconds, other_seed)) {
        (Ok(first), Ok(second)) => (first, second),
        (Err(why), _) | (_, Err(why)) => return refuted(Evidence::default(), &why),
    };
    let chain = |run: &Run| {
        let mut chain = Chain::new("venue-same-seed-same-world");
        run.notices.iter().for_each(|notice| chain.absorb(notice));
        chain
    };
    let (a, b) = (chain(&first), chain(&second));
    let mut evidence = Evidence { cases: a.count(), ..Evidence::default() };
    evidence.fact("first hash", a.digest());
    evidence.fact("second hash", b.digest());
    if a.digest() == b.digest() { Verdict::Proved(evidence) } else { Verdict::Refuted(evidence) }
}
