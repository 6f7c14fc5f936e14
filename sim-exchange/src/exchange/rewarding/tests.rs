//! Days at the venue: accounts quote and trade, samples are taken, money moves at midnight, and nothing is lost.

use super::*;
use crate::exchange::Accepted;
use crate::scenario::Scenario;
use mm_core::domain::{Nanos, NewOrder, Outcome, TimeInForce, Token, Usdc};
use std::path::Path;

const HEAD: &str = r#"
schema = 1
seed = 3
start_utc = "2026-06-06T22:00:00Z"
[venue]
wallet_usdc = "1000"
[defaults]
fee = { rate = "0.07", exponent = 1, rebate_share = "0.2" }
"#;

/// One market of accounts alone, two hours before midnight.
fn world(rewards: &str, rules: &str) -> Exchange {
    let text = format!("{HEAD}rewards = {{ {rewards} }}\n{rules}\n[[market]]\nslug = \"one\"\nbuilt_in_book = false\n");
    let scenario = Scenario::parse(&text, Path::new(".")).expect("the scenario is sound");
    Exchange::new(&scenario, scenario.start_utc).expect("the world begins")
}

const TERMS: &str = r#"max_spread_cents = "3", min_size_shares = "20", min_age_ms = 4000, rate_usdc_per_day = "1440""#;

struct Venue {
    exchange: Exchange,
    start: Timestamp,
}

impl Venue {
    fn new(rewards: &str, rules: &str) -> Self {
        let exchange = world(rewards, rules);
        let start = exchange.now();
        Self { exchange, start }
    }

    fn at(&self, ms: u64) -> Timestamp {
        self.start.plus(Nanos::from_ms(ms))
    }

    fn open(&mut self, n: u32) -> AccountIx {
        let at = self.exchange.now();
        self.exchange.open_account(at, &format!("0x{n:040x}"))
    }

    fn buy(&mut self, ms: u64, account: AccountIx, outcome: Outcome, cents: u16, shares: u64) -> Accepted {
        let order = NewOrder {
            token: Token { market: MarketIx(0), outcome },
            side: Side::Buy,
            price: Price::from_ten_thousandths(cents * 100).expect("below a dollar"),
            qty: Qty::from_micro(shares * 1_000_000),
            post_only: false,
            tif: TimeInForce::Gtc,
        };
        let at = self.at(ms);
        self.exchange.submit(at, account, &order).expect("a sound order")
    }

    /// A bid and an ask of YES one cent from 0.50, both bought: YES at 0.49, NO at 0.49.
    fn quote(&mut self, ms: u64, account: AccountIx, shares: u64) -> [OrderIx; 2] {
        [Outcome::Yes, Outcome::No].map(|outcome| self.buy(ms, account, outcome, 49, shares).order)
    }

    fn share(&mut self, ms: u64, account: AccountIx) -> String {
        let at = self.at(ms);
        let sample = self.exchange.reward_sample(at, MarketIx(0)).expect("in the programme");
        sample.share_of(Maker::Account(account)).to_string()
    }

    fn scores(&mut self, ms: u64, account: AccountIx, order: OrderIx) -> bool {
        let at = self.at(ms);
        self.exchange.scoring_of(at, account, &[Some(order)])[0]
    }

    fn usdc(&self, account: AccountIx) -> Usdc {
        Usdc::from_micro(self.exchange.balance(account, None))
    }

    fn run_to(&mut self, ms: u64) {
        let at = self.at(ms);
        while let Some(due) = self.exchange.next_deadline().filter(|due| *due <= at) {
            self.exchange.tick(due);
            self.exchange.check().expect("every promise holds after every event");
        }
        self.exchange.tick(at);
    }
}

const HOUR: u64 = 3_600_000;

#[test]
fn a_day_is_paid_at_midnight_and_conserves() {
    let mut venue = Venue::new(TERMS, "");
    let (a, b) = (venue.open(1), venue.open(2));
    venue.quote(0, a, 100);
    venue.run_to(HOUR);
    venue.quote(HOUR, b, 300);
    venue.run_to(2 * HOUR - 1);
    let before = (venue.usdc(a), venue.usdc(b));
    venue.exchange.facts();
    venue.run_to(2 * HOUR);
    // a dollar a minute: 60 alone, less the first if its sample came within 4 s, then a quarter of 60
    let paid: Vec<_> = venue.exchange.facts().collect();
    let paid: Vec<(AccountIx, Usdc)> = (paid.into_iter())
        .filter_map(|fact| match fact {
            Fact::Paid { account, kind: PaymentKind::Reward, amount } => Some((account, amount)),
            _ => None,
        })
        .collect();
    let [(first, to_a), (second, to_b)] = paid[..] else { panic!("two receipts, not {paid:?}") };
    assert_eq!((first, second), (a, b));
    assert_eq!(to_a.micro().div_ceil(250_000) * 250_000, to_a.micro(), "whole quarters of a minute: {to_a}");
    let total = to_a.micro() + to_b.micro();
    assert!((119_000_000..=120_000_000).contains(&total), "{total}");
    assert_eq!(venue.usdc(a).micro() - before.0.micro(), to_a.micro());
    assert_eq!(venue.usdc(b).micro() - before.1.micro(), to_b.micro());
    assert_eq!(venue.exchange.accounts.pool(), Usdc::ZERO, "what nobody scored went back");
    let status = venue.exchange.status().accounts;
    assert_eq!((status[0].rewards, status[1].rewards), (to_a, to_b));
    assert!((119..=120).contains(&status[0].reward_minutes) && (59..=60).contains(&status[1].reward_minutes));
}

#[test]
fn a_replaced_order_starts_its_age_anew_and_a_partial_fill_keeps_it() {
    let mut venue = Venue::new(TERMS, "");
    let (a, b) = (venue.open(1), venue.open(2));
    let [bid, _ask] = venue.quote(0, a, 100);
    assert!(!venue.scores(3_999, a, bid));
    assert!(venue.scores(4_000, a, bid));
    // somebody sells into the bid by buying NO: 60 of 100 are left, old enough as before
    venue.buy(10_000, b, Outcome::No, 51, 40);
    assert!(venue.scores(10_000, a, bid));
    // 19 are left: below the minimum, and the level no longer forms a midpoint
    venue.buy(11_000, b, Outcome::No, 51, 41);
    assert!(!venue.scores(11_000, a, bid));
    assert_eq!(venue.share(11_000, a), "0.000000000000");

    let at = venue.at(12_000);
    assert!(venue.exchange.withdraw_order(at, a, bid));
    let again = venue.buy(12_000, a, Outcome::Yes, 49, 100).order;
    assert!(!venue.scores(15_999, a, again), "same price and size, younger than 4 s");
    assert!(venue.scores(16_000, a, again));
    assert!(!venue.scores(16_000, b, again), "somebody else's order does not score");
    venue.exchange.check().expect("every promise holds");
}

#[test]
fn answers_follow_changes_of_terms_within_the_day() {
    let changes = r#", change = [
        { at_s = 60, max_spread_cents = "0.5" }, { at_s = 120, max_spread_cents = "3", min_size_shares = "200" },
        { at_s = 180, min_size_shares = "20", rate_usdc_per_day = "0" }, { at_s = 240, rate_usdc_per_day = "10" }]"#;
    // an inline table ends with its line
    let mut venue = Venue::new(&format!("{TERMS}{}", changes.replace('\n', " ")), "");
    let a = venue.open(1);
    let [bid, _] = venue.quote(0, a, 100);
    let told: Vec<bool> = [59_000, 60_000, 120_000, 180_000, 240_000].map(|ms| venue.scores(ms, a, bid)).to_vec();
    assert_eq!(told, [true, false, false, false, true], "too far away, too small, no pool");
    let pools = venue.exchange.reward_pools(MarketIx(0));
    assert_eq!((pools.len(), pools[0].rate_per_day.to_string()), (1, "10".to_owned()));
    assert_eq!(pools[0].from, venue.at(240_000), "a pool that is issued anew begins anew");
    let at = venue.at(250_000);
    venue.exchange.set_reward_terms(at, MarketIx(0), None);
    assert!(venue.exchange.reward_pools(MarketIx(0)).is_empty());
    assert!(!venue.scores(250_000, a, bid), "the market has left the programme");
    assert_eq!(venue.exchange.reward_sample(at, MarketIx(0)), None);
}

#[test]
fn a_day_that_is_kept_as_text_and_taken_up_again_ends_as_it_would_have() {
    let sponsored = r#", sponsored = [{ rate_usdc_per_day = "720", lasts_s = 86400, currency = "usdc.e" }]"#;
    let mut venue = Venue::new(&format!("{TERMS}{sponsored}"), "");
    let (a, b) = (venue.open(1), venue.open(2));
    venue.quote(0, a, 100);
    venue.run_to(HOUR);
    venue.quote(HOUR, b, 300);
    venue.exchange.drain();
    venue.exchange.facts();
    let kept = serde_json::to_string(&venue.exchange.snapshot()).expect("plain data");
    let again = Exchange::restore(venue.exchange.scenario(), None, serde_json::from_str(&kept).expect("its own text"));
    let mut again = Venue { exchange: again.expect("the same world"), start: venue.start };
    for venue in [&mut venue, &mut again] {
        // over two midnights: the books of the first are kept
        venue.run_to(30 * HOUR);
    }
    assert!(venue.exchange.programme().payments(Maker::Account(a)).count() >= 4, "two days in two currencies");
    assert_eq!(venue.exchange.state_hash(), again.exchange.state_hash());
    let told = |venue: &Venue| serde_json::to_string(&venue.exchange.snapshot()).expect("plain data");
    assert_eq!(told(&venue), told(&again));
}

#[test]
fn takers_fees_go_back_to_makers_at_midnight() {
    let mut venue = Venue::new(TERMS, "");
    let (a, b) = (venue.open(1), venue.open(2));
    venue.buy(0, a, Outcome::Yes, 50, 400);
    venue.buy(1_000, b, Outcome::No, 50, 400);
    venue.run_to(HOUR);
    // 400 × 0.07 × 0.25 = 7 dollars of fees, a fifth of them back
    assert_eq!(venue.exchange.accounts.fees().to_string(), "7");
    let before = venue.usdc(a);
    venue.run_to(2 * HOUR);
    assert_eq!(venue.usdc(a).micro() - before.micro(), 1_400_000);
    assert_eq!(venue.exchange.accounts.fees().to_string(), "5.6");
    assert_eq!(venue.exchange.accounts.pool(), Usdc::ZERO);
}

#[test]
fn sponsored_pools_and_rules_come_from_the_scenario() {
    let sponsored = r#", sponsored = [{ rate_usdc_per_day = "720", lasts_s = 3600, currency = "usdc.e" }]"#;
    let rules = "[rewards]\naccrual = \"day\"\nmidpoint = \"raw\"\nmin_payout_usdc = \"0\"";
    let mut venue = Venue::new(&format!("{TERMS}{sponsored}"), rules);
    let a = venue.open(1);
    assert_eq!(venue.exchange.reward_pools(MarketIx(0)).len(), 2);
    venue.run_to(30 * 60_000);
    venue.quote(30 * 60_000, a, 100);
    let before = venue.usdc(a);
    venue.run_to(2 * HOUR);
    // day-normalised: the whole day's pool although only the last 90 minutes scored
    assert_eq!(venue.usdc(a).micro() - before.micro(), 1_440_000_000);
    // sponsored by the minute: half an hour of it unscored and refunded, half a dollar for each minute of the rest
    let bridged = venue.exchange.programme().bridged(Maker::Account(a));
    assert!((14_500_000..=15_000_000).contains(&bridged.micro()), "{bridged}");
}
