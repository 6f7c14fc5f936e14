//! The venue against one too plain to be wrong: orders in a list, money in signed numbers, credits that come when they are mined.

use super::arena::{arena, token};
use super::*;
use mm_core::domain::{MarketIx, NewOrder, Outcome};
use proptest::prelude::*;
use std::collections::BTreeMap;

const MINED_MS: u64 = 2_000;
/// Rate of the taker fee, exponent 1, as the scenario says it.
const FEE_MICRO: u128 = 50_000;
/// A hundred-thousandth of a dollar, in the product of millionths of a share, of the rate, and of two ten-thousandths.
const UNIT: u128 = 1_000_000 * 100_000_000 * 10;

/// Dollars are asset 0; YES and NO of market m are 1 + 2m and 2 + 2m.
type Held = (u32, usize);

const fn share(token: mm_core::domain::Token) -> usize {
    let no = matches!(token.outcome, Outcome::No);
    1 + 2 * token.market.0 as usize + no as usize
}

#[derive(Clone, Debug)]
struct Rests {
    account: u32,
    order: NewOrder,
    left: u64,
    handle: OrderIx,
    ends_ms: Option<u64>,
}

#[derive(Default)]
struct Naive {
    now_ms: u64,
    cancel_own: bool,
    /// What may be used but for open orders: settled credits minus everything promised.
    usable: BTreeMap<Held, i128>,
    /// Credits on their way: due, whose, how much.
    coming: Vec<(u64, Held, i128)>,
    resting: Vec<Rests>,
}

/// Side and price in YES terms, in ten-thousandths.
fn yes(order: &NewOrder) -> (bool, u16) {
    let p = order.price.ten_thousandths();
    match order.token.outcome {
        Outcome::Yes => (order.side == Side::Buy, p),
        Outcome::No => (order.side == Side::Sell, 10_000 - p),
    }
}

fn needs(order: &NewOrder, qty: u64) -> (usize, i128) {
    match order.side {
        Side::Buy => (0, i128::from((u64::from(order.price.ten_thousandths()) * qty).div_ceil(10_000))),
        Side::Sell => (share(order.token), i128::from(qty)),
    }
}

fn fee(p: u16, qty: u64) -> u128 {
    let curve = u128::from(p) * (10_000 - u128::from(p));
    // dollars × 10^-6: shares (10^-6) × rate (10^-6) × curve (10^-8), half up to whole 10^-5
    (u128::from(qty) * FEE_MICRO * curve * 2 + UNIT) / (2 * UNIT) * 10
}

impl Naive {
    fn free(&self, account: u32, asset: usize) -> i128 {
        let mut free = self.usable.get(&(account, asset)).copied().unwrap_or(0);
        for rests in self.resting.iter().filter(|r| r.account == account) {
            let (held, amount) = needs(&rests.order, rests.left);
            if held == asset {
                free -= amount;
            }
        }
        free
    }

    fn advance(&mut self, ms: u64) {
        self.now_ms = ms;
        for (_, held, amount) in self.coming.extract_if(.., |(due, _, _)| *due <= ms) {
            *self.usable.entry(held).or_insert(0) += amount;
        }
        self.resting.retain(|r| r.ends_ms.is_none_or(|end| end > ms));
    }

    /// Position of the best order that would meet this one, others' alone if asked.
    fn best(&self, order: &NewOrder) -> Option<usize> {
        let (buys, limit) = yes(order);
        let mut found: Option<(usize, u16)> = None;
        for (n, rests) in self.resting.iter().enumerate() {
            let (resting_buys, p) = yes(&rests.order);
            let meets = resting_buys != buys
                && rests.order.token.market == order.token.market
                && if buys { p <= limit } else { p >= limit };
            let better = found.is_none_or(|(_, best)| if buys { p < best } else { p > best });
            if meets && better {
                found = Some((n, p));
            }
        }
        found.map(|(n, _)| n)
    }

    /// Why the venue says no; `Ok` is whether the order meets the book.
    fn judge(&self, account: u32, order: &NewOrder) -> Result<bool, &'static str> {
        if !order.price.is_orderable(mm_core::domain::TickSize::CENT) {
            return Err("tick");
        }
        if order.qty.micro() < 5_000_000 {
            return Err("small");
        }
        if let TimeInForce::Gtd(end) = order.tif
            && end < at(self.now_ms + 180_000)
        {
            return Err("expiration");
        }
        let immediate = matches!(order.tif, TimeInForce::Fok | TimeInForce::Fak);
        if immediate && order.post_only {
            return Err("payload");
        }
        let crossing = self.best(order).is_some();
        if order.post_only && crossing {
            return Err("cross");
        }
        let (asset, mut amount) = needs(order, order.qty.micro());
        if crossing && order.side == Side::Buy {
            amount += i128::try_from(fee(5_000, order.qty.micro())).expect("small");
        }
        if amount > self.free(account, asset) {
            return Err("balance");
        }
        if crossing && order.side == Side::Buy && needs(order, order.qty.micro()).1 < 1_000_000 {
            return Err("dollar");
        }
        let (buys, limit) = yes(order);
        let others: u64 = (self.resting.iter())
            .filter(|r| r.order.token.market == order.token.market && !(self.cancel_own && r.account == account))
            .filter(|r| {
                let (resting_buys, p) = yes(&r.order);
                resting_buys != buys && if buys { p <= limit } else { p >= limit }
            })
            .map(|r| r.left)
            .sum();
        if order.tif == TimeInForce::Fok && others < order.qty.micro() {
            return Err("fok");
        }
        if order.tif == TimeInForce::Fak && !crossing {
            return Err("fak");
        }
        Ok(crossing)
    }

    fn pay(&mut self, held: Held, amount: i128) {
        *self.usable.entry(held).or_insert(0) -= amount;
    }

    /// Matches what it can, and rests with what is left. Returns shares matched.
    fn enter(&mut self, account: u32, order: &NewOrder, handle: OrderIx) -> u64 {
        let mut left = order.qty.micro();
        // a buyer was asked for so much; a seller's fees come out of what it gets
        let mut room = if order.side == Side::Buy { fee(5_000, left) } else { u128::MAX };
        let due = self.now_ms + MINED_MS;
        while left > 0 {
            let Some(n) = self.best(order) else { break };
            if self.cancel_own && self.resting[n].account == account {
                self.resting.remove(n);
                continue;
            }
            let maker = self.resting[n].clone();
            let qty = left.min(maker.left);
            let maker_cash = u128::from(maker.order.price.ten_thousandths()) * u128::from(qty) / 10_000;
            let same = maker.order.token == order.token;
            let cash = if same { maker_cash } else { u128::from(qty) - maker_cash };
            let price = if same { maker.order.price } else { maker.order.price.complement() };
            let mut charged = fee(price.ten_thousandths(), qty).min(room);
            if order.side == Side::Sell {
                charged = charged.min(cash);
            }
            room -= charged;
            let n128 = |n: u128| i128::try_from(n).expect("small");
            for (who, o, cash, fee) in [(account, order, cash, charged), (maker.account, &maker.order, maker_cash, 0)] {
                match o.side {
                    Side::Buy => {
                        self.pay((who, 0), n128(cash + fee));
                        self.coming.push((due, (who, share(o.token)), i128::from(qty)));
                    }
                    Side::Sell => {
                        self.pay((who, share(o.token)), i128::from(qty));
                        self.coming.push((due, (who, 0), n128(cash - fee)));
                    }
                }
            }
            left -= qty;
            self.resting[n].left -= qty;
            if self.resting[n].left == 0 {
                self.resting.remove(n);
            }
        }
        let matched = order.qty.micro() - left;
        if left > 0 && !matches!(order.tif, TimeInForce::Fok | TimeInForce::Fak) {
            let ends_ms = match order.tif {
                TimeInForce::Gtd(end) => Some((end.ms() - START.ms()) - 60_000),
                _ => None,
            };
            self.resting.push(Rests { account, order: *order, left, handle, ends_ms });
        }
        matched
    }
}

fn word(why: RejectWhy) -> &'static str {
    match why {
        RejectWhy::OffTick { .. } => "tick",
        RejectWhy::TooSmall { .. } => "small",
        RejectWhy::BadExpiration => "expiration",
        RejectWhy::BadPayload => "payload",
        RejectWhy::WouldCross => "cross",
        RejectWhy::Balance { .. } => "balance",
        RejectWhy::MarketableTooSmall { .. } => "dollar",
        RejectWhy::NotFillable => "fok",
        RejectWhy::NothingToMatch => "fak",
        _ => "other",
    }
}

#[derive(Clone, Debug)]
enum Do {
    Place { account: u32, order: NewOrder, life_ms: Option<u64> },
    Cancel { account: u32, nth: usize },
    Reduce { nth: usize, by: u64 },
    Split { account: u32, market: u16, qty: u64 },
    Merge { account: u32, market: u16, qty: u64 },
    Wait(u64),
}

fn ops() -> impl Strategy<Value = Vec<Do>> {
    let order = (0u16..2, any::<bool>(), any::<bool>(), 85u16..117, 1u64..4_000, 0u8..8, 0u8..5);
    let place = (0u32..4, order, prop::option::weighted(0.2, 100_000u64..400_000)).prop_map(
        |(account, (market, is_yes, buys, half_cents, hundredths, tif, post), life_ms)| {
            let outcome = if is_yes { Outcome::Yes } else { Outcome::No };
            // prices around a half, some between two ticks; sizes in hundredths, some below the minimum
            let price = Price::from_ten_thousandths((half_cents - 50) * 100 - if half_cents == 90 { 50 } else { 0 });
            let order = NewOrder {
                token: token(market, outcome),
                side: if buys { Side::Buy } else { Side::Sell },
                price: price.expect("below a dollar"),
                qty: Qty::from_micro(hundredths * 10_000),
                post_only: post == 0,
                tif: match tif {
                    0 => TimeInForce::Fok,
                    1 => TimeInForce::Fak,
                    _ => TimeInForce::Gtc,
                },
            };
            Do::Place { account, order, life_ms }
        },
    );
    let one = prop_oneof![
        8 => place,
        3 => (0u32..4, 0usize..20).prop_map(|(account, nth)| Do::Cancel { account, nth }),
        1 => (0usize..20, 1u64..900).prop_map(|(nth, by)| Do::Reduce { nth, by: by * 10_000 }),
        1 => (0u32..4, 0u16..2, 1u64..5_000).prop_map(|(account, market, n)| Do::Split { account, market, qty: n * 10_000 }),
        1 => (0u32..4, 0u16..2, 1u64..5_000).prop_map(|(account, market, n)| Do::Merge { account, market, qty: n * 10_000 }),
        2 => (0u64..90_000).prop_map(Do::Wait),
    ];
    prop::collection::vec(one, 0..100)
}

/// Plays a script on both and compares all that can be compared after every step.
fn compare(cancel_own: bool, rendering: bool, ops: Vec<Do>) -> Result<(), TestCaseError> {
    let rule = if cancel_own { "cancel-resting" } else { "allow" };
    let venue = format!("self_trade = \"{rule}\"\nsettle = {{ mined_ms = {MINED_MS}, confirmed_ms = 5000 }}");
    let mut exchange = arena(&venue, "fee = { rate = \"0.05\", exponent = 1 }", &["", ""]);
    exchange.set_rendering(rendering);
    let mut naive = Naive { cancel_own, ..Naive::default() };
    for n in 0..4u32 {
        let account = exchange.open_account(at(0), &format!("0x{n}"));
        // little money, so that it runs out
        exchange.withdraw_usdc(at(0), account, mm_core::domain::Usdc::from_micro(940_000_000)).expect("it has 1000");
        naive.usable.insert((n, 0), 60_000_000);
    }
    for op in ops {
        let now = at(naive.now_ms);
        match op {
            Do::Place { account, mut order, life_ms } => {
                if let (Some(life), TimeInForce::Gtc) = (life_ms, order.tif) {
                    order.tif = TimeInForce::Gtd(at(naive.now_ms + life));
                }
                let expected = naive.judge(account, &order);
                match exchange.submit(now, AccountIx(account), &order) {
                    Ok(accepted) => {
                        prop_assert!(expected.is_ok(), "taken, but {expected:?}: {order:?}");
                        let matched = naive.enter(account, &order, accepted.order);
                        prop_assert_eq!(accepted.matched.micro(), matched);
                    }
                    Err(why) => prop_assert_eq!(expected, Err(word(why))),
                }
            }
            Do::Cancel { account, nth } => {
                let found = naive.resting.get(nth).map(|r| (r.handle, r.account));
                let Some((handle, owner)) = found else { continue };
                prop_assert_eq!(exchange.withdraw_order(now, AccountIx(account), handle), owner == account);
                if owner == account {
                    naive.resting.remove(nth);
                }
                prop_assert!(!exchange.withdraw_order(now, AccountIx(account), handle), "cancelled twice");
            }
            Do::Reduce { nth, by } => {
                let Some(rests) = naive.resting.get_mut(nth) else { continue };
                let can = by < rests.left;
                prop_assert_eq!(exchange.reduce(now, AccountIx(rests.account), rests.handle, Qty::from_micro(by)), can);
                if can {
                    rests.left -= by;
                }
            }
            Do::Split { account, market, qty } => {
                // only of what no order holds: what happens otherwise has tests of its own
                if naive.free(account, 0) < i128::from(qty) {
                    continue;
                }
                prop_assert!(exchange.split(now, AccountIx(account), MarketIx(market), Qty::from_micro(qty)).is_ok());
                naive.pay((account, 0), i128::from(qty));
                for outcome in [Outcome::Yes, Outcome::No] {
                    naive.pay((account, share(token(market, outcome))), -i128::from(qty));
                }
            }
            Do::Merge { account, market, qty } => {
                let both = [Outcome::Yes, Outcome::No].map(|outcome| share(token(market, outcome)));
                if both.iter().any(|asset| naive.free(account, *asset) < i128::from(qty)) {
                    continue;
                }
                prop_assert!(exchange.merge(now, AccountIx(account), MarketIx(market), Qty::from_micro(qty)).is_ok());
                naive.pay((account, 0), -i128::from(qty));
                both.iter().for_each(|asset| naive.pay((account, *asset), i128::from(qty)));
            }
            Do::Wait(ms) => {
                naive.advance(naive.now_ms + ms);
                exchange.tick(at(naive.now_ms));
            }
        }
        prop_assert_eq!(exchange.check(), Ok(()));
        for n in 0..4u32 {
            for asset in 0..5usize {
                let name = match asset {
                    0 => crate::accounts::Asset::Usdc,
                    n => {
                        crate::accounts::Asset::Share((n - 1) / 2, if n % 2 == 1 { Outcome::Yes } else { Outcome::No })
                    }
                };
                let free = i128::from(exchange.accounts().free(AccountIx(n), name));
                prop_assert_eq!(free, naive.free(n, asset), "account {} asset {}", n, asset);
            }
        }
        let mut expected: Vec<(u32, u64)> = naive.resting.iter().map(|r| (r.handle.0, r.left)).collect();
        let mut got: Vec<(u32, u64)> = (0..2)
            .flat_map(|m| exchange.markets[m].book.orders())
            .map(|(_, _, o)| (o.order.0, o.remaining.micro()))
            .collect();
        expected.sort_unstable();
        got.sort_unstable();
        prop_assert_eq!(got, expected);
    }
    // everything cancelled and settled: what is left is what was won and lost
    for n in 0..4u32 {
        exchange.cancel_all(at(naive.now_ms), AccountIx(n));
    }
    naive.resting.clear();
    naive.advance(naive.now_ms + 60_000);
    exchange.tick(at(naive.now_ms));
    prop_assert_eq!(exchange.check(), Ok(()));
    for n in 0..4u32 {
        let dollars = i128::from(exchange.accounts().balance(AccountIx(n), crate::accounts::Asset::Usdc));
        prop_assert_eq!(dollars, naive.free(n, 0));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]
    #[test]
    fn the_venue_does_what_a_list_of_orders_and_signed_money_do(cancel_own in any::<bool>(), ops in ops()) {
        compare(cancel_own, false, ops)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn rendering_changes_nothing(ops in ops()) {
        compare(false, true, ops)?;
    }
}
