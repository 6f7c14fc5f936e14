//! Against plainer models, over generated histories.

use super::bucket::{Bucket, Kind, Signer};
use super::window::{Addresses, DELAY_MAX, Group, Host};
use super::{Rate, Tier};
use mm_core::domain::{Nanos, Timestamp};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};

fn ms(n: u64) -> Timestamp {
    Timestamp::from_ms(n)
}

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[test]
fn the_published_table() {
    let rows = Tier::ALL.map(|tier| {
        let (o, c) = (tier.orders(), tier.cancels());
        let owes = if tier.may_owe_cancels() { "owes" } else { "no" };
        format!("{} {},{} {},{} {owes}", tier.name(), o.per_second, o.burst, c.per_second, c.burst)
    });
    expect_test::expect![[r#"
        standard 40,60 80,120 owes
        copper 60,90 120,180 owes
        bronze 80,120 160,240 owes
        silver 200,300 400,600 owes
        gold 400,600 800,1200 owes
        platinum 450,675 900,1350 no
        diamond 525,787 1050,1575 no
        elite 600,900 1200,1800 no"#]]
    .assert_eq(&rows.join("\n"));
    assert!(Tier::ALL.into_iter().all(|tier| Tier::parse(tier.name()) == Some(tier)));
    assert_eq!(Tier::parse("off"), None);
}

#[test]
fn a_batch_is_paid_whole_or_not_at_all() {
    let mut signer = Signer::new(Tier::Standard, ms(0));
    assert_eq!(signer.pay(ms(0), Kind::Order, 50, false).remaining, 10);
    let refused = signer.pay(ms(0), Kind::Order, 11, false);
    assert_eq!((refused.remaining, refused.retry_after, refused.warned), (10, Some(1), false));
    let stamp = signer.pay(ms(25), Kind::Order, 11, false);
    assert_eq!((stamp.remaining, stamp.retry_after), (0, None));
    assert_eq!(stamp.reset, 2, "sixty tokens at forty a second, from 25 ms on");
    assert_eq!(signer.level(Kind::Cancel), (120, 120), "cancels are another bucket");
}

#[test]
fn a_large_cancel_all_is_owed() {
    let mut signer = Signer::new(Tier::Standard, ms(0));
    assert_eq!(signer.pay(ms(0), Kind::Cancel, 1, false).retry_after, None);
    assert_eq!(signer.pay_afterwards(ms(0), 279, false).remaining, -160);
    let blocked = signer.pay(ms(1_000), Kind::Cancel, 1, false);
    assert_eq!((blocked.remaining, blocked.retry_after), (-80, Some(2)));
    assert_eq!(signer.pay(ms(2_013), Kind::Cancel, 1, false).retry_after, None, "the debt is repaid");

    let mut rich = Signer::new(Tier::Platinum, ms(0));
    assert_eq!(rich.pay_afterwards(ms(0), 9_000, false).remaining, 0, "the upper tiers owe nothing");
}

#[test]
fn a_limiter_that_warns_refuses_nothing() {
    let mut signer = Signer::new(Tier::Standard, ms(0));
    let stamp = signer.pay(ms(0), Kind::Order, 61, true);
    assert_eq!((stamp.warned, stamp.retry_after, stamp.remaining), (true, None, 60));
    assert_eq!(signer.pay_afterwards(ms(0), 9_999, true).remaining, 0);
}

#[test]
fn what_is_over_is_delayed_and_then_refused() {
    let mut addresses = Addresses::default();
    let groups = Group::of(Host::Clob, "GET", "/balance-allowance/update");
    assert_eq!(groups, [Group::Everything, Group::Clob, Group::BalanceUpdate]);
    for n in 0..50 {
        assert_eq!(addresses.pass(ms(n), HOME, &groups), Ok(Nanos::from_ms(0)), "request {n}");
    }
    assert_eq!(addresses.pass(ms(8_000), HOME, &groups), Err(Nanos::from_ms(2_000)));
    assert_eq!(addresses.pass(ms(9_500), HOME, &groups), Ok(Nanos::from_ms(500)), "behind the first of them");
    assert_eq!(addresses.pass(ms(9_500), HOME, &groups), Ok(Nanos::from_ms(501)), "and the next behind the second");
    let elsewhere = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    assert_eq!(addresses.pass(ms(9_500), elsewhere, &groups), Ok(Nanos::from_ms(0)));
}

proptest! {
    /// Tokens are what came in less what went out, and never more than the bucket holds.
    #[test]
    fn a_bucket_equals_its_history(
        per_second in 1u32..700,
        steps in proptest::collection::vec((0u64..3_000, 0u32..40, any::<bool>()), 1..60),
    ) {
        let rate = Rate { per_second, burst: per_second * 3 / 2 };
        let mut bucket = Bucket::full(rate, ms(0));
        // a plain model in parts of a thousandth of a token: rates are whole numbers a second, steps whole milliseconds
        let (mut model, mut now) = (i64::from(rate.burst) * 1000, 0);
        for (wait, cost, afterwards) in steps {
            now += wait;
            model = (model + i64::try_from(wait).expect("small") * i64::from(per_second)).min(i64::from(rate.burst) * 1000);
            let parts = i64::from(cost) * 1000;
            if afterwards {
                bucket.charge(ms(now), cost, true);
                model -= parts;
            } else {
                let paid = bucket.take(ms(now), cost);
                prop_assert_eq!(paid.is_ok(), parts <= model);
                match paid {
                    Ok(()) => model -= parts,
                    Err(wait) if cost <= rate.burst => {
                        let mut later = bucket;
                        prop_assert!(later.take(ms(now).plus(wait), cost).is_ok(), "the wait it names is enough");
                        let mut early = bucket;
                        prop_assert!(early.take(ms(now).plus(wait).minus(Nanos::from_nanos(1)), cost).is_err(), "and not too long");
                    }
                    Err(_) => {}
                }
            }
            prop_assert_eq!(bucket.remaining(), model.div_euclid(1000));
            prop_assert!(bucket.remaining() <= i64::from(bucket.depth()));
        }
    }

    /// No window ever lets more through than its limit, whatever comes, and nobody waits longer than the limit asks for.
    #[test]
    fn no_counter_exceeds_its_limit(gaps in proptest::collection::vec((0u64..900, 0usize..4), 1..1_500)) {
        let kinds = [
            Group::of(Host::Clob, "POST", "/balance-allowance/update"),
            Group::of(Host::Clob, "GET", "/ok"),
            Group::of(Host::Clob, "GET", "/notifications"),
            Group::of(Host::Clob, "DELETE", "/cancel-all"),
        ];
        let mut addresses = Addresses::default();
        let mut now = 0;
        for (gap, kind) in gaps {
            now += gap / 40;
            if let Ok(wait) = addresses.pass(ms(now), HOME, &kinds[kind]) {
                prop_assert!(wait <= DELAY_MAX);
            }
        }
        for (group, most, limit) in addresses.fullest() {
            prop_assert!(most <= limit, "{group:?}: {most} within a span, {limit} allowed");
        }
    }
}
