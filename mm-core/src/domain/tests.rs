use super::*;
use proptest::prelude::*;

#[test]
fn decimals_of_the_venue() {
    let price = |t: &str| Price::parse(t).map(|p| p.to_string());
    assert_eq!(price("0.1").as_deref(), Ok("0.1"));
    assert_eq!(price(".48").as_deref(), Ok("0.48"));
    assert_eq!(price("0.50").as_deref(), Ok("0.5"));
    assert_eq!(price("1").as_deref(), Ok("1"));
    assert_eq!(price("0.12345"), Err(BadDecimal::TooFine(4)));
    assert_eq!(price("1.0001"), Err(BadDecimal::TooLarge));
    assert_eq!(price(""), Err(BadDecimal::Empty));
    assert_eq!(price("."), Err(BadDecimal::Empty));
    for bad in ["-0.1", "+0.1", "1e-1", " 0.1", "0.1.2", "0,1", "NaN", "٠.١"] {
        assert!(matches!(price(bad), Err(BadDecimal::Character(_))), "{bad}");
    }
    assert_eq!(Qty::parse("219.217767").map(Qty::micro), Ok(219_217_767));
    assert_eq!(Qty::parse("18446744073710"), Err(BadDecimal::TooLarge));
}

#[test]
fn ticks_round_inside_the_range() {
    let p = Price::parse("0.9999").expect("a price");
    assert_eq!(p.to_tick_up(TickSize::CENT), Price::ONE);
    assert_eq!(p.to_tick_down(TickSize::CENT).to_string(), "0.99");
    assert!(!Price::ONE.is_orderable(TickSize::CENT));
    assert!(!Price::ZERO.is_orderable(TickSize::CENT));
    assert_eq!(TickSize::parse("0.0025").map(TickSize::price_decimals), Ok(4));
    assert!(TickSize::parse("0.02").is_err());
}

#[test]
fn timestamps_print_as_utc() {
    assert_eq!(Timestamp::from_ms(1_780_795_851_472).to_string(), "2026-06-07T01:30:51.472Z");
    assert_eq!(Timestamp::from_ms(951_782_400_000).to_string(), "2000-02-29T00:00:00.000Z");
}

#[test]
fn ids_are_checked() {
    assert!(TokenId::parse("0123").is_err());
    assert!(TokenId::parse("12a").is_err());
    assert!(ConditionId::parse("0xzz").is_err());
    let id = OrderId::parse(&format!("0x{}", "AB".repeat(32))).expect("an id");
    assert_eq!(id.to_string(), format!("0x{}", "ab".repeat(32)));
    let back: OrderId = serde_json::from_str(&serde_json::to_string(&id).expect("text")).expect("an id");
    assert_eq!(back, id);
}

#[test]
fn a_universe_grows_only_at_its_end() {
    let market = |n: u8| Market {
        condition: ConditionId::parse(&format!("0x{}", format!("{n:02x}").repeat(32))).expect("an id"),
        event: None,
        yes: TokenId::parse(&format!("{n}1")).expect("an id"),
        no: TokenId::parse(&format!("{n}2")).expect("an id"),
        tick: TickSize::CENT,
        min_order: Qty::ZERO,
        neg_risk: false,
        ready: true,
        rewards: None,
        resolving: false,
        starts: None,
        ends: None,
    };
    let mut universe = Universe::new(vec![market(1)]).expect("one market");
    universe.update(vec![market(1), market(2)]).expect("a longer picture");
    assert_eq!(universe.token("22"), Some(Token { market: MarketIx(1), outcome: Outcome::No }));
    assert!(matches!(universe.update(vec![market(2), market(1)]), Err(UniverseError::RowMoved { row: 0, .. })));
    assert!(matches!(universe.update(vec![market(1)]), Err(UniverseError::RowsVanished { given: 1, known: 2 })));
    assert!(matches!(Universe::new(vec![market(3), market(3)]), Err(UniverseError::DuplicateToken(_))));
}

proptest! {
    #[test]
    fn decimals_survive_the_round_trip(n in any::<u64>()) {
        let q = Qty::from_micro(n);
        prop_assert_eq!(Qty::parse(&q.to_string()), Ok(q));
    }

    #[test]
    fn hex_is_read_as_one_digit_at_a_time(
        hex in prop_oneof!["[0-9a-fA-F]{8}", "[0-9a-fA-F]{7}[!-~]", "[ -~]{8}", "[0-9a-f]{0,9}"],
        byte in any::<u8>(), at in 0usize..8,
    ) {
        let mut text = hex.into_bytes();
        for replaced in [false, true] {
            if replaced && let Some(place) = text.get_mut(at) {
                *place = byte;
            }
            let digits: Option<Vec<u8>> =
                text.iter().map(|b| char::from(*b).to_digit(16).and_then(|n| u8::try_from(n).ok())).collect();
            let slow = digits.filter(|d| d.len() == 8).map(|d| [0, 2, 4, 6].map(|n| d[n] * 16 + d[n + 1]));
            prop_assert_eq!(read_hex::<4>(&text), slow, "{:?}", text);
        }
    }

    #[test]
    fn the_two_roundings_enclose_the_product(p in 0u16..=10_000, n in any::<u64>()) {
        let (p, q) = (Price::from_ten_thousandths(p).expect("in range"), Qty::from_micro(n));
        let exact = u128::from(p.ten_thousandths()) * u128::from(n);
        prop_assert!(u128::from(cost_floor(p, q).micro()) * 10_000 <= exact);
        prop_assert!(u128::from(cost_ceil(p, q).micro()) * 10_000 >= exact);
        prop_assert!(cost_ceil(p, q).micro() - cost_floor(p, q).micro() <= 1);
        if q.is_orderable() { prop_assert_eq!(cost_floor(p, q), cost_ceil(p, q)); }
    }

    #[test]
    fn ticks_enclose_the_price(p in 0u16..=10_000, t in 0usize..6) {
        let (p, t) = (Price::from_ten_thousandths(p).expect("in range"), TickSize::ALL[t]);
        prop_assert!(p.to_tick_down(t) <= p && p <= p.to_tick_up(t));
        prop_assert!(p.to_tick_down(t).is_on(t) && p.to_tick_up(t).is_on(t));
    }
}

#[test]
fn iso_times_are_read_in_every_form_seen_and_nothing_else() {
    let at = Timestamp::from_ms(1_776_524_400_000);
    for text in [
        "2026-04-18T15:00:00Z",
        "2026-04-18T15:00:00.000Z",
        "2026-04-18T15:00:00",
        "2026-04-18 15:00:00+00",
        "2026-04-18T15:00:00+00:00",
        "2026-04-18T11:00:00-0400",
        "2026-04-18T20:30:00+05:30",
    ] {
        assert_eq!(Timestamp::parse_iso(text), Some(at), "{text}");
    }
    assert_eq!(Timestamp::parse_iso("1970-01-01"), Some(Timestamp::EPOCH));
    assert_eq!(Timestamp::parse_iso("1970-01-01T00:00:00.000000001Z"), Some(Timestamp::from_nanos(1)));
    for text in [
        "",
        "2026",
        "2026-04-31",
        "2026-02-29",
        "2100-02-29",
        "2026-13-01",
        "2026-00-01",
        "2026-4-18",
        "1969-12-31",
        "2026-04-18T25:00:00Z",
        "2026-04-18T15:60:00Z",
        "2026-04-18T15:00Z",
        "2026-04-18T15:00:00ZZ",
        "2026-04-18T15:00:00.Z",
        "2026-04-18T15:00:00+1",
        "1776524400",
        "+026-04-18",
        "1970-01-01T00:00:00+01:00",
    ] {
        assert_eq!(Timestamp::parse_iso(text), None, "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn a_printed_time_reads_back(ms in 0u64..16_725_225_600_000) {
        let at = Timestamp::from_ms(ms);
        proptest::prop_assert_eq!(Timestamp::parse_iso(&at.to_string()), Some(at));
    }

    #[test]
    fn reading_a_time_never_panics(text in "[0-9TZ:+. -]{0,32}") {
        let _ = Timestamp::parse_iso(&text);
    }
}

#[test]
fn orders_and_tokens_refuse_fields_they_do_not_have() {
    let order = |more: &str, of_token: &str| {
        let text = format!(
            r#"{{"token":{{"market":0,"outcome":"Yes"{of_token}}},"side":"Buy","price":4000,"qty":5000000,"post_only":true,"tif":"Gtc"{more}}}"#
        );
        serde_json::from_str::<NewOrder>(&text)
    };
    assert!(order("", "").is_ok());
    assert!(order(r#","neg_risk":true"#, "").is_err());
    assert!(order("", r#","id":"1""#).is_err());
}
