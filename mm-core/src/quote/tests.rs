use super::ladder::{Leg, Target};
use super::*;
use crate::domain::{ConditionId, Outcome, TickSize, TokenId};
use crate::protocol::Held;
use crate::rewards::Ladder;
use proptest::prelude::*;

mod again;
mod fair;
mod rivals;

const ROW: MarketIx = MarketIx(3);

fn raw() -> RawQuote {
    RawQuote {
        strategy: "fixed".to_owned(),
        distance_cents: "1.5".to_owned(),
        size_shares: "20".to_owned(),
        max_size_shares: "100".to_owned(),
        max_book_spread_cents: "6".to_owned(),
        max_held_shares: "200".to_owned(),
        skew_cents_per_100_shares: "1".to_owned(),
        min_midpoint: "0.05".to_owned(),
        max_midpoint: "0.95".to_owned(),
        stop_before_end_s: 3600,
        require_rewards: true,
        min_size_headroom_percent: 10,
        sell_from_shares: String::new(),
        fills_per_day: String::new(),
        fill_decay_per_cent: String::new(),
        markout_cents: String::new(),
        jumps_per_day: String::new(),
        jump_cents: String::new(),
        rebate_cents: String::new(),
        resolutions_per_day: String::new(),
        capital_percent_per_year: String::new(),
        risk_aversion: String::new(),
        volatility_per_sqrt_h: String::new(),
        toxic_markout_cents: String::new(),
        learn_share_days: String::new(),
        news_move_cents: String::new(),
        news_window_s: 30,
        news_pause_s: 60,
        micro_price_percent: 0,
        flow_cents_per_1000_shares: String::new(),
        flow_half_life_s: 10,
        flow_max_cents: "1".to_owned(),
    }
}

/// A view that can be changed before it is asked.
pub(super) struct Scene {
    pub(super) market: Market,
    pub(super) book: Ladder,
    pub(super) held: Holdings,
    pub(super) linked: Vec<Linked>,
    pub(super) own: Vec<NewOrder>,
    pub(super) room: Room,
    pub(super) params: QuoteParams,
    pub(super) adjust: Adjust,
    pub(super) recent: Recent,
    pub(super) at: Timestamp,
    pub(super) book_trusted: bool,
    pub(super) stale: bool,
    pub(super) gate_open: bool,
    pub(super) paused: bool,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self {
            market: Market {
                condition: ConditionId::parse(&format!("0x{}", "1".repeat(64))).expect("hex"),
                event: None,
                yes: TokenId::parse("1").expect("digits"),
                no: TokenId::parse("2").expect("digits"),
                tick: TickSize::CENT,
                min_order: shares("5"),
                neg_risk: false,
                ready: true,
                rewards: Some(RewardTerms {
                    max_spread: price("0.035"),
                    min_size: shares("20"),
                    min_age: Nanos::ZERO,
                    rate_per_day: Usdc::from_whole(50).expect("small"),
                }),
                resolving: false,
                starts: None,
                ends: None,
            },
            book: Ladder::default(),
            held: Holdings::default(),
            linked: Vec::new(),
            own: Vec::new(),
            room: Room::ALL,
            params: QuoteParams::try_from(&raw()).expect("valid"),
            adjust: Adjust::default(),
            recent: Recent::default(),
            at: Timestamp::from_ms(1_000_000_000),
            book_trusted: true,
            stale: false,
            gate_open: true,
            paused: false,
        }
    }

    pub(super) fn view(&self) -> View<'_, Ladder> {
        View {
            at: self.at,
            row: ROW,
            market: &self.market,
            book: &self.book,
            book_trusted: self.book_trusted,
            stale: self.stale,
            held: self.held,
            linked: &self.linked,
            own: &self.own,
            shown: &self.own,
            room: self.room,
            params: &self.params,
            adjust: self.adjust,
            recent: self.recent,
            gate_open: self.gate_open,
            paused: self.paused,
        }
    }

    pub(super) fn terms(&mut self) -> &mut RewardTerms {
        self.market.rewards.as_mut().expect("set in new")
    }
}

pub(super) fn costs(fills: &str, decay: &str, markout: &str, jumps: &str, jump: &str) -> Option<CostModel> {
    let keys = CostKeys {
        fills_per_day: fills,
        fill_decay_per_cent: decay,
        markout_cents: markout,
        jumps_per_day: jumps,
        jump_cents: jump,
        rebate_cents: "",
        resolutions_per_day: "",
        capital_percent_per_year: "",
    };
    CostModel::read(&keys).expect("decimals")
}

fn price(text: &str) -> Price {
    Price::parse(text).expect("a price")
}

pub(super) fn shares(text: &str) -> Qty {
    Qty::parse(text).expect("a size")
}

pub(super) fn levels(text: &str) -> Vec<(Price, Qty)> {
    let level = |word: &str| word.split_once('x').map(|(p, q)| (price(p), shares(q))).expect("price x size");
    text.split_whitespace().map(level).collect()
}

pub(super) fn show(answer: &Result<Quotes, NoQuote>) -> String {
    match answer {
        Err(why) => format!("{}: {why}", why.name()),
        Ok(quotes) => {
            let order = |o: &NewOrder| format!("{} {} {}x{}", o.side, o.token.outcome, o.price, o.qty);
            quotes.orders.iter().map(order).collect::<Vec<_>>().join(", ")
        }
    }
}

/// `bids | asks`, best first; changes; then the orders or the reason.
fn check(book: &str, change: impl FnOnce(&mut Scene), expected: &str) {
    let mut scene = Scene::new();
    let (bids, asks) = book.split_once('|').expect("bids | asks");
    scene.book = Ladder { bids: levels(bids), asks: levels(asks) };
    change(&mut scene);
    let answer = quote(&scene.view());
    assert_eq!(show(&answer), expected, "book {book}");
    if let Ok(quotes) = answer {
        assert_eq!(broken_promise(&scene.view(), &quotes), None, "book {book}");
    }
}

pub(super) const BOOK: &str = "0.48x500 0.47x100 | 0.52x500 0.53x100";

fn own(outcome: Outcome, at: &str, size: &str) -> NewOrder {
    let price = if outcome == Outcome::Yes { price(at) } else { price(at).complement() };
    Target { leg: Leg { outcome, side: Side::Buy }, price, qty: shares(size) }.order(ROW)
}

pub(super) fn hold(scene: &mut Scene, yes: &str, no: &str) {
    let held = |text: &str| Held { matched: shares(text), confirmed: shares(text) };
    scene.held = Holdings { yes: held(yes), no: held(no), ..scene.held };
}

#[test]
fn two_buys_round_away_from_the_midpoint() {
    check(BOOK, |_| (), "BUY YES 0.48x22, BUY NO 0.48x22");
    check("0.49x500 | 0.52x500", |_| (), "BUY YES 0.49x22, BUY NO 0.48x22");
    check(
        "0.480x500 | 0.520x500",
        |s| s.market.tick = TickSize::parse("0.001").expect("a tick"),
        "BUY YES 0.485x22, BUY NO 0.485x22",
    );
}

#[test]
fn the_band_is_open_at_its_edge() {
    // 2 cents away is exactly the edge: in by a tick
    let narrow = |s: &mut Scene| s.terms().max_spread = price("0.02");
    check(BOOK, narrow, "BUY YES 0.49x22, BUY NO 0.49x22");
    let far = |s: &mut Scene| s.params.distance = price("0.0349");
    check(BOOK, far, "BUY YES 0.47x22, BUY NO 0.47x22");
    let beyond = |s: &mut Scene| s.params.distance = price("0.035");
    check(BOOK, beyond, "beyond-band: orders 0.035 from the midpoint score nothing in a band of 0.035");
    // nothing on the tick is inside without touching the midpoint
    let closed = |s: &mut Scene| {
        s.params.distance = price("0.0049");
        s.terms().max_spread = price("0.005");
    };
    check(BOOK, closed, "no-room: no price on the tick 0.01 is inside 0.005 of midpoint 0.5 without crossing");
}

#[test]
fn never_at_or_through_the_other_side() {
    // dust at 0.49 does not move the midpoint but would meet our NO buy's mirror at 0.49
    let near = |s: &mut Scene| s.params.distance = price("0.0001");
    check("0.48x500 | 0.49x1 0.52x500", near, "BUY YES 0.48x22, BUY NO 0.49x22");
    check("0.50x500 | 0.51x500", near, "BUY YES 0.5x22, BUY NO 0.49x22");
}

#[test]
fn our_own_orders_do_not_move_the_reference() {
    let inside = |s: &mut Scene| {
        s.book = Ladder { bids: levels("0.50x20 0.48x500"), asks: levels("0.52x500") };
        s.own = vec![own(Outcome::Yes, "0.50", "20")];
    };
    check(BOOK, inside, "BUY YES 0.48x22, BUY NO 0.48x22");
    let alone = |s: &mut Scene| {
        s.book = Ladder { bids: levels("0.48x20"), asks: levels("0.52x500") };
        s.own = vec![own(Outcome::Yes, "0.48", "20")];
    };
    check(BOOK, alone, "one-sided: a side of the book has no level of 20 shares or more");
}

#[test]
fn inventory_leans_then_withdraws_then_sells() {
    check(BOOK, |s| hold(s, "50", "0"), "BUY YES 0.48x22, BUY NO 0.48x22");
    check(BOOK, |s| hold(s, "51", "0"), "BUY YES 0.47x22, BUY NO 0.49x22");
    check(BOOK, |s| hold(s, "100", "0"), "BUY YES 0.47x22, BUY NO 0.49x22");
    check(BOOK, |s| hold(s, "0", "100"), "BUY YES 0.49x22, BUY NO 0.47x22");
    check(BOOK, |s| hold(s, "178", "178"), "BUY YES 0.48x22, BUY NO 0.48x22");
    check(BOOK, |s| hold(s, "178.01", "0"), "BUY NO 0.49x22");
    check(BOOK, |s| hold(s, "179", "179"), "holdings-full: 179 YES and 179 NO are held, with 22 more the limit is 200");
    let sells = |s: &mut Scene| {
        hold(s, "190", "0");
        s.params.sell_from = Some(shares("150"));
    };
    check(BOOK, sells, "SELL YES 0.51x22");
    let unconfirmed = |s: &mut Scene| {
        hold(s, "190", "0");
        s.held.yes.confirmed = shares("149");
        s.params.sell_from = Some(shares("150"));
    };
    check(BOOK, unconfirmed, "BUY NO 0.49x22");
    // where one side alone scores nothing, both go
    let low = |s: &mut Scene| {
        s.book = Ladder { bids: levels("0.07x500"), asks: levels("0.09x500") };
        hold(s, "190", "0");
    };
    check(BOOK, low, "holdings-full: 190 YES and 0 NO are held, with 22 more the limit is 200");
}

#[test]
fn what_sheds_inventory_stays_when_the_cap_is_reached() {
    let reached = |s: &mut Scene| {
        hold(s, "190", "0");
        s.params.max_held = shares("1000");
        s.params.sell_from = Some(shares("150"));
        s.room.left = Usdc::from_whole(3).expect("small");
    };
    // the buy that would add to it has no room
    check(BOOK, reached, "SELL YES 0.51x22");
    let short = |s: &mut Scene| {
        reached(s);
        hold(s, "0", "190");
    };
    check(BOOK, short, "SELL NO 0.51x22");
    // with room for both, both
    let roomy = |s: &mut Scene| {
        reached(s);
        s.room.left = Usdc::from_whole(30).expect("small");
    };
    check(BOOK, roomy, "BUY YES 0.47x22, SELL YES 0.51x22");
}

#[test]
fn sizes_meet_every_minimum() {
    check(BOOK, |s| s.terms().min_size = shares("50"), "BUY YES 0.48x55, BUY NO 0.48x55");
    check(BOOK, |s| s.terms().min_size = shares("95"), "BUY YES 0.48x100, BUY NO 0.48x100");
    check(BOOK, |s| s.terms().min_size = shares("101"), "below-minimum: largest order is 100 shares, 101 are needed");
    check(BOOK, |s| s.market.min_order = shares("30.001"), "BUY YES 0.48x30.01, BUY NO 0.48x30.01");
}

#[test]
fn an_adjustment_is_nearer_and_larger_within_what_is_allowed() {
    let adjust = |ticks, percent| {
        move |s: &mut Scene| {
            s.adjust = Adjust { tighten_ticks: ticks, raise_size_percent: percent };
        }
    };
    check(BOOK, adjust(1, 0), "BUY YES 0.49x22, BUY NO 0.49x22");
    check(BOOK, adjust(9, 0), "BUY YES 0.49x22, BUY NO 0.49x22");
    check(BOOK, adjust(0, 25), "BUY YES 0.48x27.5, BUY NO 0.48x27.5");
    check(BOOK, adjust(0, 1_000), "BUY YES 0.48x100, BUY NO 0.48x100");
    assert_eq!(
        Adjust { tighten_ticks: 2, raise_size_percent: 30 }.times(3),
        Adjust { tighten_ticks: 6, raise_size_percent: 90 }
    );
}

#[test]
fn every_reason_has_its_case() {
    check(BOOK, |s| s.paused = true, "paused: paused by an operator");
    check(BOOK, |s| s.gate_open = false, "gate-shut: the executor's gate is not open");
    check(BOOK, |s| s.market.ready = false, "not-ready: the market does not accept orders");
    check(BOOK, |s| s.market.resolving = true, "resolving: an answer to its question is proposed");
    check(BOOK, |s| s.stale = true, "stale: the feed is stale");
    check(BOOK, |s| s.book_trusted = false, "book-broken: the book is not trusted");
    check("0.53x500 | 0.52x500", |_| (), "book-broken: the book is not trusted");
    check(BOOK, |s| s.market.rewards = None, "no-rewards: no reward pool is funded");
    check(BOOK, |s| s.terms().rate_per_day = Usdc::ZERO, "no-rewards: no reward pool is funded");
    check("0.48x500 |", |_| (), "one-sided: a side of the book has no level of 20 shares or more");
    check("0.46x500 | 0.53x500", |_| (), "too-wide: the book is 0.07 wide, limit is 0.06");
    check("0.03x500 | 0.04x500", |_| (), "outside-midpoints: midpoint 0.035 is outside 0.05..=0.95");
    check("0.96x500 | 0.97x500", |_| (), "outside-midpoints: midpoint 0.965 is outside 0.05..=0.95");
    let toxic = |s: &mut Scene| {
        s.params.toxic_markout = Some(price("0.01"));
        s.recent.markout = Some(Markout { gain: -101, shares: shares("60") });
    };
    check(BOOK, toxic, "toxic: the last 60 shares lost 1.01 cents each within a minute, limit is 0.01 dollars");
    let news = |s: &mut Scene| {
        s.recent.jumped = Some(Jumped { halves: 400, until: s.at.plus(Nanos::from_ms(1500)) });
    };
    check(BOOK, news, "news: the midpoint moved by 0.02 dollars at once, 1500 ms are left to wait");
    let ends = |s: &mut Scene| s.market.ends = Some(s.at.plus(Nanos::from_secs(3599)));
    check(BOOK, ends, "ends-soon: 3599 s from the market's start or end, limit is 3600 s");
    let ended = |s: &mut Scene| s.market.ends = Some(s.at.minus(Nanos::from_secs(9)));
    check(BOOK, ended, "ends-soon: 0 s from the market's start or end, limit is 3600 s");
    let started = |s: &mut Scene| s.market.starts = Some(s.at.minus(Nanos::from_secs(60)));
    check(BOOK, started, "ends-soon: 60 s from the market's start or end, limit is 3600 s");
    let long_ago = |s: &mut Scene| s.market.starts = Some(s.at.minus(Nanos::from_secs(3600)));
    check(BOOK, long_ago, "BUY YES 0.48x22, BUY NO 0.48x22");
    let ignored = |s: &mut Scene| {
        s.market.ends = Some(s.at);
        s.params.stop_before_end = Nanos::ZERO;
    };
    check(BOOK, ignored, "BUY YES 0.48x22, BUY NO 0.48x22");
}

#[test]
fn without_rewards_only_the_distance_counts() {
    let free = |s: &mut Scene| {
        s.market.rewards = None;
        s.params.require_rewards = false;
        s.params.distance = price("0.1");
    };
    check(BOOK, free, "BUY YES 0.4x20, BUY NO 0.4x20");
}

/// The `reward` strategy with jumps of 2.5 cents, eight a day, sizes up to `most` and little flow.
pub(super) fn rewarded(scene: &mut Scene, most: &str) {
    scene.params.strategy = super::Strategy::Reward;
    scene.params.max_size = shares(most);
    scene.params.max_held = shares("1000000");
    scene.params.cost = costs("0", "0", "0", "8", "2.5");
}

#[test]
fn bad_parameters_name_key_and_what_is_allowed() {
    let refused = |change: &dyn Fn(&mut RawQuote), expected: &str| {
        let mut raw = raw();
        change(&mut raw);
        let error = QuoteParams::try_from(&raw).expect_err("must be refused");
        assert_eq!(error.to_string(), expected);
    };
    refused(
        &|r| r.strategy = "clever".into(),
        "strategy = \"clever\": must be \"fixed\", \"reward\" or \"avellaneda-stoikov\"",
    );
    let cents = "cents from 0.01 to 50 with at most 2 decimals, like \"1.5\"";
    refused(&|r| r.distance_cents = "0".into(), &format!("distance_cents = \"0\": must be {cents}"));
    refused(&|r| r.distance_cents = "1.505".into(), &format!("distance_cents = \"1.505\": must be {cents}"));
    let size = "a number of shares above 0 with at most 2 decimals, like \"20\"";
    refused(&|r| r.size_shares = "0".into(), &format!("size_shares = \"0\": must be {size}"));
    refused(&|r| r.sell_from_shares = "x".into(), &format!("sell_from_shares = \"x\": must be {size}"));
    refused(&|r| r.max_size_shares = "19".into(), "size_shares = \"20\" must not be above max_size_shares = \"19\"");
    refused(&|r| r.max_held_shares = "19".into(), "size_shares = \"20\" must not be above max_held_shares = \"19\"");
    refused(&|r| r.min_midpoint = "0.96".into(), "min_midpoint = \"0.96\" must not be above max_midpoint = \"0.95\"");
    refused(&|r| r.min_size_headroom_percent = 1001, "min_size_headroom_percent = \"1001\": must be 0 to 1000");
}

#[test]
fn a_market_overrides_any_key_and_no_other() {
    let own: QuoteOverrides =
        serde_json::from_str(r#"{"distance_cents":"2","require_rewards":false}"#).expect("known keys");
    let merged = raw().with(&own);
    assert_eq!(merged, RawQuote { distance_cents: "2".to_owned(), require_rewards: false, ..raw() });
    assert!(serde_json::from_str::<QuoteOverrides>(r#"{"distance":"2"}"#).is_err());
    assert_eq!(raw().with(&QuoteOverrides::default()), raw());
}

prop_compose! {
    fn scene()(
        tick in prop::sample::select(TickSize::ALL.to_vec()),
        centre in 1u16..10_000,
        gaps in prop::collection::vec((0u16..12, 0u16..12, 1u64..200_000_000, 1u64..200_000_000), 1..8),
        min_size in prop::sample::select(vec![0u64, 5, 20, 50, 100]),
        max_spread in prop::sample::select(vec![100u16, 150, 250, 300, 350, 450, 550, 1000, 17]),
        distance in 1u16..600,
        skew in 0u16..300,
        (yes, no) in (0u64..250_000_000, 0u64..250_000_000),
        size in 1u64..3_000,
        sell_from in prop::option::of(1u64..200_000_000),
        funded in prop::bool::weighted(0.9),
        own in prop::collection::vec((any::<bool>(), 1u16..10_000, 1u64..3_000), 0..3),
        reward in prop::option::of((0u32..40, 0u32..60, 1u32..5)),
        (left, linked) in (
            prop_oneof![Just(u64::MAX), 1_000_000u64..60_000_000],
            prop::collection::vec((1u16..10_000, 0u64..250_000_000, 0u64..250_000_000), 0..3),
        ),
        (tighten_ticks, raise_size_percent) in (0u16..4, 0u16..80),
        (percent, flow) in (prop_oneof![Just(0u64), 1u64..=100], prop_oneof![Just(0i16), -300i16..300]),
    ) -> Scene {
        let mut scene = Scene::new();
        let step = tick.ten_thousandths();
        let on_tick = |p: u16| Price::from_ten_thousandths(p / step * step).filter(|p| p.is_orderable(tick));
        let (mut bid, mut ask) = (centre / step * step, centre / step * step);
        for (down, up, bid_size, ask_size) in gaps {
            bid = bid.saturating_sub((down + u16::from(bid == ask)) * step);
            ask = ask.saturating_add(up.max(1) * step).min(10_000);
            if let Some(p) = on_tick(bid).filter(|p| scene.book.bids.last().is_none_or(|(last, _)| p < last)) {
                scene.book.bids.push((p, Qty::from_micro(bid_size)));
            }
            if let Some(p) = on_tick(ask).filter(|p| scene.book.asks.last().is_none_or(|(last, _)| p > last)) {
                scene.book.asks.push((p, Qty::from_micro(ask_size)));
            }
        }
        scene.market.tick = tick;
        scene.terms().min_size = Qty::from_whole(min_size).expect("small");
        scene.terms().max_spread = Price::from_ten_thousandths(max_spread).expect("a price");
        if !funded {
            scene.terms().rate_per_day = Usdc::ZERO;
        }
        scene.held.yes = Held { matched: Qty::from_micro(yes), confirmed: Qty::from_micro(yes / 2) };
        scene.held.no = Held { matched: Qty::from_micro(no), confirmed: Qty::from_micro(no) };
        scene.own = own
            .into_iter()
            .filter_map(|(yes, p, n)| {
                let outcome = if yes { Outcome::Yes } else { Outcome::No };
                let leg = Leg { outcome, side: Side::Buy };
                Some(Target { leg, price: on_tick(p)?, qty: Qty::from_micro(n * 10_000) }.order(ROW))
            })
            .collect();
        scene.adjust = Adjust { tighten_ticks, raise_size_percent };
        scene.params = QuoteParams {
            distance: Price::from_ten_thousandths(distance).expect("a price"),
            size: Qty::from_micro(size * 10_000),
            max_book_spread: price("0.5"),
            skew_per_100_shares: Price::from_ten_thousandths(skew).expect("a price"),
            min_midpoint: Price::ZERO,
            max_midpoint: Price::ONE,
            require_rewards: false,
            sell_from: sell_from.map(Qty::from_micro),
            ..scene.params
        };
        if let Some((fills, jumps, cents)) = reward {
            scene.params.strategy = super::Strategy::Reward;
            scene.params.cost = costs(&fills.to_string(), "0.7", "1", &jumps.to_string(), &cents.to_string());
        }
        scene.linked = linked
            .into_iter()
            .filter_map(|(p, yes, no)| {
                let midpoint = Midpoint::between(Price::from_ten_thousandths(p)?, Price::from_ten_thousandths(p)?);
                Some(Linked { midpoint, yes: Qty::from_micro(yes), no: Qty::from_micro(no) })
            })
            .collect();
        scene.room.left = Usdc::from_micro(left);
        scene.params.fair = FairRule::read(percent, "", 10, "").expect("allowed");
        scene.recent.flow = flow;
        scene
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn every_answer_keeps_every_promise(scene in scene()) {
        let view = scene.view();
        let answer = quote(&view);
        if let Ok(quotes) = &answer {
            prop_assert_eq!(broken_promise(&view, quotes), None, "{}", show(&answer));
        }
        prop_assert_eq!(quote(&view), answer);
    }
}

impl std::fmt::Debug for Scene {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.view().fmt(f)
    }
}
