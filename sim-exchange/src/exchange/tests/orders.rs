//! Kinds of orders, delays, and the account that meets itself.

use super::arena::{arena, shares, token, told, two, wants};
use super::*;
use mm_core::domain::{MarketIx, NewOrder, Outcome};

#[test]
fn a_delayed_order_is_held_cannot_be_cancelled_and_matches_the_book_of_later() {
    let mut exchange = arena("", "", &["seconds_delay = 3"]);
    let (a, b) = two(&mut exchange);
    exchange.submit(at(0), a, &wants("yes sell 0.50 10")).expect("rests at once: it meets nothing");
    let held = exchange.submit(at(100), b, &wants("yes buy 0.52 10")).expect("held");
    assert_eq!(held.status, PlacedStatus::Delayed);
    assert!(!exchange.withdraw_order(at(200), b, held.order), "a held order cannot be cancelled");
    // a better offer comes while it is held
    exchange.submit(at(1_000), a, &wants("yes sell 0.49 4")).expect_err("below the minimum");
    exchange.submit(at(1_000), a, &wants("yes sell 0.49 6")).expect("rests");
    told(&mut exchange);
    exchange.tick(at(3_099));
    assert_eq!(told(&mut exchange), "");
    exchange.tick(at(3_100));
    expect![[r#"
        a0 order 3 trade 0 maker YES SELL 0.49 x 6
        a1 order 2 trade 0 taker YES BUY 0.49 x 6
        trade 0 MATCHED
        a0 order 3 Updated matched 6 left 0
        a0 order 1 trade 1 maker YES SELL 0.5 x 4
        a1 order 2 trade 1 taker YES BUY 0.5 x 4
        trade 1 MATCHED
        a0 order 1 Updated matched 4 left 6
        a1 order 2 Updated matched 10 left 0
        level SELL 0.49 x 0
        level SELL 0.5 x 6
        print YES BUY 0.49 x 6
        print YES BUY 0.5 x 4
    "#]]
    .assert_eq(&told(&mut exchange));
}

#[test]
fn what_a_delayed_order_becomes_when_the_price_or_the_money_has_gone() {
    for (order, gone, expected) in [
        ("yes buy 0.50 10", true, "a1 order 2 Updated matched 0 left 10\nlevel BUY 0.5 x 10\n"),
        ("yes buy 0.50 10 fok", true, "a1 order 2 Ended(NotFillable) matched 0 left 10\n"),
        ("yes buy 0.50 10 fak", true, "a1 order 2 Ended(NothingToMatch) matched 0 left 10\n"),
        ("yes buy 0.50 10", false, "a1 order 2 Ended(NotEnoughBalance) matched 0 left 10\n"),
    ] {
        let mut exchange = arena("", "", &["taker_delay_ms = 250"]);
        let (a, b) = two(&mut exchange);
        let rests = exchange.submit(at(0), a, &wants("yes sell 0.50 10")).expect("rests");
        exchange.submit(at(0), b, &wants(order)).expect("held");
        if gone {
            assert!(exchange.withdraw_order(at(10), a, rests.order));
        } else {
            let all = mm_core::domain::Usdc::from_micro(899_000_000);
            exchange.withdraw_usdc(at(10), b, all).expect("a held order reserves nothing");
        }
        told(&mut exchange);
        exchange.tick(at(250));
        assert_eq!(told(&mut exchange), expected, "{order}");
    }
}

#[test]
fn a_caller_that_waits_gets_the_final_answer() {
    let mut exchange = arena("", "", &["taker_delay_ms = 250"]);
    let (a, b) = two(&mut exchange);
    let request = |exchange: &Exchange, n: u8, want: &str| {
        let order = wants(want);
        let token = exchange.markets()[0].market.token_id(order.token.outcome).clone();
        let (side, price, qty, tif, post_only) = (order.side, order.price, order.qty, order.tif, order.post_only);
        PlaceRequest { id: id(n), token, side, price, qty, tif, post_only, owner: "owner".to_owned() }
    };
    let first = request(&exchange, 1, "no buy 0.50 10");
    exchange.place(at(0), a, first).expect("rests");
    let second = request(&exchange, 2, "yes buy 0.50 10");
    let held = exchange.place(at(0), b, second).expect("held");
    assert_eq!((held.status, held.reply().status.as_str()), (PlacedStatus::Delayed, "delayed"));
    assert_eq!(exchange.order(b, &id(2)).map(|o| o.status), Some("DELAYED".to_owned()));
    let reason = exchange.cancel(at(100), b, &[id(2)]).not_canceled.remove(&id(2).to_string());
    assert_eq!(reason.as_deref(), Some("order match delayed due to market conditions"));
    exchange.tick(at(250));
    let done = exchange.placed(b, &id(2)).expect("known");
    assert_eq!((done.status, done.matched, done.notional.micro()), (PlacedStatus::Matched, shares(10), 5_000_000));
    assert_eq!(done.trade_ids.len(), 1);
    assert_eq!(exchange.placed(a, &id(2)), None, "somebody else's");
    exchange.check().expect("every promise holds");
}

#[test]
fn an_account_that_meets_itself_loses_its_resting_orders_where_the_rule_says_so() {
    let mut exchange = arena("self_trade = \"cancel-resting\"", "", &[""]);
    let (a, b) = two(&mut exchange);
    exchange.submit(at(0), a, &wants("yes sell 0.50 10")).expect("rests");
    exchange.submit(at(0), b, &wants("yes sell 0.50 10")).expect("rests");
    exchange.submit(at(0), a, &wants("yes sell 0.51 10")).expect("rests");
    told(&mut exchange);
    let fok = exchange.submit(at(0), a, &wants("yes buy 0.51 15 fok")).expect_err("others offer 10");
    assert_eq!(fok, RejectWhy::NotFillable);
    assert_eq!(told(&mut exchange), "", "a refused order leaves no trace");
    exchange.submit(at(0), a, &wants("yes buy 0.50 15")).expect("matches b and rests");
    expect![[r#"
        a0 order 4 Placed matched 0 left 15
        a0 order 1 Ended(Canceled) matched 0 left 10
        a1 order 2 trade 0 maker YES SELL 0.5 x 10
        a0 order 4 trade 0 taker YES BUY 0.5 x 10
        trade 0 MATCHED
        a1 order 2 Updated matched 10 left 0
        a0 order 4 Updated matched 10 left 5
        level SELL 0.5 x 0
        print YES BUY 0.5 x 10
        level BUY 0.5 x 5
    "#]]
    .assert_eq(&told(&mut exchange));
}

#[test]
fn a_market_order_takes_what_is_there_at_any_price() {
    let mut exchange = arena("", "tick = \"0.001\"", &[""]);
    let (a, b) = two(&mut exchange);
    let nothing = exchange.submit_market(at(0), b, (token(0, Outcome::Yes), Side::Buy, shares(10)), false);
    assert_eq!(nothing.err(), Some(RejectWhy::NothingToMatch));
    for order in ["yes sell 0.999 10", "yes sell 0.002 10"] {
        exchange.submit(at(0), a, &wants(order)).expect("rests");
    }
    let taken =
        exchange.submit_market(at(0), b, (token(0, Outcome::Yes), Side::Buy, shares(15)), false).expect("meets");
    assert_eq!((taken.matched, taken.trades, taken.notional.micro()), (shares(15), 2, 5_015_000));
    let all = exchange.submit_market(at(0), b, (token(0, Outcome::Yes), Side::Buy, shares(15)), true);
    assert_eq!(all.err(), Some(RejectWhy::NotFillable));
    exchange.check().expect("every promise holds");
}

#[test]
fn sizes_and_amounts_are_as_fine_as_the_tick_allows() {
    for (tick, price, decimals, finest) in [
        ("0.1", "0.5", 3, 1_000u64),
        ("0.01", "0.51", 4, 100),
        ("0.005", "0.505", 5, 10),
        ("0.0025", "0.5025", 6, 1),
        ("0.001", "0.501", 5, 10),
        ("0.0001", "0.5001", 6, 1),
    ] {
        let mut exchange = arena("", &format!("tick = \"{tick}\""), &[""]);
        let (a, b) = two(&mut exchange);
        exchange.submit(at(0), a, &wants(&format!("yes sell {price} 50"))).expect("rests on its grid");
        let fine = |qty: u64, tif: &str, side: &str| {
            let mut order = wants(&format!("yes {side} {price} 10 {tif}"));
            order.qty = Qty::from_micro(10_000_000 + qty);
            order
        };
        let tick = exchange.markets()[0].market.tick;
        let too_fine = Err(RejectWhy::Precision { side: Side::Buy, decimals });
        assert_eq!(market_precision(Side::Buy, 5_010_000, 10_000_000 + finest, tick), Ok(()));
        assert_eq!(market_precision(Side::Buy, 5_010_001, 10_000_000 + finest, tick), too_fine);
        if finest > 1 {
            assert_eq!(market_precision(Side::Buy, 5_010_000, 10_000_001, tick), too_fine);
            assert_eq!(exchange.submit(at(0), b, &fine(1, "fak", "buy")).map(|_| ()), too_fine);
        }
        let resting = exchange.submit(at(0), b, &fine(finest, "gtc", "buy"));
        assert_eq!(resting.err(), Some(RejectWhy::BadPayload), "only market orders are that fine");
        let selling = exchange.submit(at(0), a, &fine(finest, "fak", "sell"));
        assert_eq!(selling.err(), Some(RejectWhy::Precision { side: Side::Sell, decimals }));
        let taken = exchange.submit(at(0), b, &fine(finest, "fak", "buy")).expect("fine enough");
        assert_eq!(taken.matched, Qty::from_micro(10_000_000 + finest), "tick {tick}");
        exchange.check().expect("every promise holds");
        // off the grid by one ten-thousandth, or at its ends
        for wrong in ["0", "1"] {
            assert!(exchange.submit(at(0), b, &wants(&format!("yes buy {wrong} 10"))).is_err(), "{wrong}");
        }
        if tick.ten_thousandths() > 1 {
            let off = exchange.submit(at(0), b, &wants("yes buy 0.4001 10")).err();
            assert_eq!(off, Some(RejectWhy::OffTick { price: Price::parse("0.4001").expect("a price"), tick }));
        }
    }
    let words = RejectWhy::Precision { side: Side::Buy, decimals: 4 }.reject(&id(1)).text;
    expect!["invalid amounts, the market buy orders maker amount supports a max accuracy of 2 decimals, taker amount a max of 4 decimals"]
        .assert_eq(&words);
}

#[test]
fn many_small_matches_never_take_more_than_the_balance_rule_saw() {
    // the fee of every cent-sized match, 0.000176 dollars, is rounded up to 0.00018; together they must not pass what the order was asked for
    let defaults = "min_order_shares = \"0.01\"\nfee = { rate = \"0.0704\", exponent = 1 }";
    let mut exchange = arena("", defaults, &[""]);
    let (a, poor) = two(&mut exchange);
    for _ in 0..300 {
        exchange.submit(at(0), a, &wants("yes sell 0.50 0.01")).expect("rests");
    }
    let needs = 1_500_000 + exchange.markets[0].fee_at_most(shares(3)).micro();
    let all = exchange.accounts().free(poor, crate::accounts::Asset::Usdc);
    exchange.withdraw_usdc(at(0), poor, mm_core::domain::Usdc::from_micro(all - needs)).expect("it is there");
    let taken = exchange.submit(at(0), poor, &wants("yes buy 0.50 3")).expect("just enough");
    assert_eq!((taken.matched, taken.trades), (shares(3), 1));
    assert_eq!(exchange.accounts().free(poor, crate::accounts::Asset::Usdc), 0);
    exchange.check().expect("every promise holds");
    exchange.tick(at(20_000));
    exchange.check().expect("every promise holds");
}

#[test]
fn odd_sizes_round_the_dollars_and_still_balance() {
    let mut exchange = arena("", "tick = \"0.001\"\nmin_order_shares = \"0.01\"", &[""]);
    let (a, b) = two(&mut exchange);
    for _ in 0..70 {
        exchange.submit(at(0), a, &wants("yes buy 0.667 2")).expect("rests");
    }
    // 61 sizes of five decimals against whole hundredths: every remainder is odd from then on
    for n in 0..61u64 {
        let qty = Qty::from_micro(2_000_030 + 10 * n);
        exchange.submit(at(0), b, &NewOrder { qty, ..wants("no buy 0.999 2 fak") }).expect("meets");
        exchange.check().expect("every promise holds");
    }
    assert!(exchange.markets[0].fractional);
    exchange.tick(at(20_000));
    exchange.check().expect("every promise holds");
}

#[test]
fn a_fee_is_rounded_half_up_to_five_decimals() {
    // shares × rate × p(1 − p), by hand: below, at and above half of a hundred-thousandth
    for (rate, exponent, price, shares, fee) in [
        ("0.04", 1, "0.01", "0.01", 0),
        ("0.04", 1, "0.50", "0.01", 100),
        ("0.05", 1, "0.50", "0.02", 250),
        ("0.05", 1, "0.50", "0.0004", 10),
        ("0.05", 1, "0.50", "0.0003", 0),
        ("0.05", 1, "0.20", "0.01", 80),
        ("0.25", 2, "0.42", "93.2", 1_382_640),
        ("0.05", 1, "0.37", "13.37", 155_830),
    ] {
        let fee_keys = format!("fee = {{ rate = \"{rate}\", exponent = {exponent} }}");
        let exchange = arena("", &fee_keys, &[""]);
        let (price, qty) = (Price::parse(price).expect("a price"), Qty::parse(shares).expect("a size"));
        assert_eq!(exchange.markets[0].fee(price, qty).micro(), fee, "{shares} at {price}");
    }
}

#[test]
fn an_order_struck_twice_in_one_blow_is_struck_once() {
    let mut exchange = arena("", "", &[""]);
    let (a, _) = two(&mut exchange);
    let token = exchange.markets()[0].market.yes.clone();
    let id = exchange.place(at(0), a, PlaceRequest { token, ..order(1, "yes buy 0.50 10") }).expect("rests").id;
    told(&mut exchange);
    // a line that names it twice for six each takes six, not ten in two parts and not twelve
    assert!(exchange.strike(at(1), &[(id, shares(6)), (id, shares(6))]));
    expect![[r#"
        a0 order 1 trade 0 maker YES BUY 0.5 x 6
        trade 0 MATCHED
        a0 order 1 Updated matched 6 left 4
        level BUY 0.5 x 4
        print YES SELL 0.5 x 6
    "#]]
    .assert_eq(&told(&mut exchange));
}

#[test]
fn a_level_told_without_a_wire_carries_the_clock_that_is_shown() {
    for rendering in [true, false] {
        let mut exchange = arena("", "", &[""]);
        let (a, _) = two(&mut exchange);
        exchange.set_rendering(rendering);
        exchange.set_skew(at(0), 2_500);
        exchange.submit(at(1_000), a, &wants("yes buy 0.50 10")).expect("rests");
        let yes = exchange.markets()[0].market.yes.clone();
        let shown = exchange.book(&yes).expect("it is listed").venue_ms;
        assert_eq!(shown, at(3_500).ms(), "rendering {rendering}");
    }
}

#[test]
fn a_sellers_fees_come_out_of_what_it_gets_match_by_match() {
    let mut exchange = arena("", "fee = { rate = \"0.05\", exponent = 1 }\nmin_order_shares = \"1\"", &[""]);
    let (a, b) = two(&mut exchange);
    for size in ["4.43", "11.83"] {
        exchange.submit(at(0), a, &wants(&format!("yes buy 0.50 {size}"))).expect("rests");
    }
    // 0.055375 and 0.147875 dollars, each rounded up: a hundred-thousandth more than the fee of both together
    exchange.submit(at(0), b, &wants("yes sell 0.50 16.26")).expect("meets both");
    assert_eq!(exchange.fees_of(at(0).day(), MarketIx(0)).micro(), 55_380 + 147_880);
    exchange.tick(at(20_000));
    exchange.check().expect("every promise holds");
    assert_eq!(exchange.accounts().fees().micro(), 203_260);
}
