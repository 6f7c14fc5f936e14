use super::*;
use crate::faults::When;
use mm_core::domain::Usdc;

mod known_answers;

const WORLD: &str = "schema = 1\nstart_utc = \"2026-06-07T01:30:00Z\"\n[[market]]\nslug = \"a\"\n";

fn check(text: &str) -> Result<Scenario, String> {
    Scenario::parse(text, Path::new("folder")).map_err(|why| why.to_string())
}

/// The world with more lines must be refused with words that name the key.
fn refused(more: &str, words: &str) {
    let why = check(&format!("{WORLD}{more}")).expect_err("this world is impossible");
    assert!(why.contains(words), "{why:?} does not say {words:?}");
}

#[test]
fn the_files_in_config_are_sound() {
    for name in [
        "basic",
        "busy",
        "day",
        "tape",
        "linked",
        "theory-break-even",
        "theory-glosten-milgrom",
        "theory-poisson",
        "theory-sniping",
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../config/sim/{name}.toml"));
        let scenario = Scenario::load(&path).expect("a scenario of the repository");
        assert_eq!(scenario.tape.is_some(), name == "tape");
    }
}

#[test]
fn a_moment_is_read_exactly() {
    let scenario = check(WORLD).expect("a small world");
    assert_eq!(scenario.start_utc.to_string(), "2026-06-07T01:30:00.000Z");
    for bad in [
        "2026-02-29T00:00:00Z",
        "2026-06-07 01:30:00Z",
        "2026-06-07T01:30:00+01:00",
        "2026-06-07T24:30:00Z",
        "1969-12-31T23:59:59Z",
        "tomorrow",
    ] {
        let why = check(&WORLD.replace("2026-06-07T01:30:00Z", bad)).expect_err(bad);
        assert!(why.to_string().contains("start_utc"), "{why}");
    }
}

#[test]
fn an_unknown_key_is_named_with_its_path() {
    refused("colour = 1", "market[0].colour: unknown key");
    refused(
        "rewards = { max_spread_cents = \"3\", min_size_shares = \"20\", rate_usdc_per_day = \"5\", bonus = 1 }",
        "market[0].rewards.bonus",
    );
    refused("[venue]\nspeed = 3", "venue.speed: unknown key; known here: limits");
    let why = check("schema = 1\nstart_utc = \"2026-06-07T01:30:00Z\"\nworld = 1").expect_err("unknown");
    assert!(why.contains("world: unknown key"), "{why}");
}

#[test]
fn impossible_worlds_are_refused() {
    refused("tick = \"0.02\"", "market[0].tick");
    refused("tick = \"auto\"", "auto needs a recording");
    refused("min_order_shares = \"0.001\"", "market[0].min_order_shares");
    refused("fair = { start = \"0.99\" }", "market[0].fair.start");
    refused("yes = \"12\"\nno = \"12\"", "market[0].yes");
    refused("[[market]]\nslug = \"a\"", "market[1].slug");
    refused("[venue]\nsettle = { mined_ms = 5, confirmed_ms = 4 }", "venue.settle.mined_ms");
    refused("[venue]\nheartbeat_check_ms = 0", "heartbeat");
    refused("[venue]\nwallet_usdc = \"-1\"", "venue.wallet_usdc");
    refused("[tape]\nfile = \"x\"", "condition: missing");
    let nothing = check("schema = 1\nstart_utc = \"2026-06-07T01:30:00Z\"").expect_err("no market");
    assert!(nothing.contains("[tape] or at least one [[market]]"), "{nothing}");
    assert!(check("schema = 2").expect_err("newer").contains("schema: must be 1"));
}

#[test]
fn later_features_are_refused_only_where_they_would_change_something() {
    refused("[venue]\nlimits = \"golden\"", "venue.limits: \"golden\" is neither \"off\" nor a tier: standard, copper");
    refused("[venue]\nlimits_warn_only = true", "venue.limits_warn_only");
    refused("[venue]\nlimits = \"gold\"\nlimits_warn_only = 1", "venue.limits_warn_only");
    let quiet = "[venue]\nlatency = { feed_ms = 0 }\n";
    check(&format!("{WORLD}{quiet}")).expect("nothing here changes anything");
}

#[test]
fn latency_and_order_of_one_instant_are_read() {
    let world = check(&format!(
        "{WORLD}[venue]\nsame_instant = \"orders-first\"\nlatency = {{ feed_ms = 40, order_ms = 30, cancel_ms = 20, jitter_ms = 10 }}"
    ))
    .expect("a world with distances");
    let ms = Nanos::from_ms;
    let latency = Latency { feed: ms(40), order: ms(30), cancel: ms(20), jitter: ms(10) };
    assert_eq!(world.venue.latency, latency);
    assert_eq!(world.venue.same_instant, crate::kernel::SameInstant::OrdersFirst);
    refused("[venue]\nsame_instant = \"both\"", "venue.same_instant");
    refused("[venue]\nlatency = { feed_ms = 40, news_ms = 1 }", "venue.latency.news_ms");
}

#[test]
fn a_fair_value_that_moves_is_read() {
    let world = check(&format!(
        "{WORLD}fair = {{ start = \"0.5\", volatility_per_sqrt_h = 0.2, jumps_per_h = 0.5, jump_logit_sd = 0.3 }}"
    ))
    .expect("a world that moves");
    let fair = world.markets[0].fair.expect("it is given");
    assert_eq!(
        (fair.volatility_per_sqrt_h_micro, fair.jumps_per_h_micro, fair.jump_logit_sd_micro),
        (200_000, 500_000, 300_000)
    );
    refused("fair = { start = \"0.5\", jumps_per_h = 1 }", "market[0].fair.jump_logit_sd");
    refused("fair = { start = \"0.5\", drift = 1 }", "market[0].fair.drift");
}

#[test]
fn a_bot_is_configured_by_the_files_of_the_programs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/sim");
    let bot = "[bot]\nmm_core = \"../mm-core.toml\"\nexecutor = \"../executor.toml\"\n";
    let read = |more: &str| Scenario::parse(&format!("{WORLD}{bot}{more}"), &folder).map_err(|why| why.to_string());
    let spec = read("[bot.core_over.quote]\nsize_shares = \"50\"").expect("two files").bot.expect("a bot");
    let core: toml::Table = spec.mm_core.parse().expect("TOML");
    assert_eq!(core["quote"]["size_shares"].as_str(), Some("50"));
    assert_eq!(core["quote"]["strategy"].as_str(), Some("fixed"));
    assert!(!spec.executor.contains("[[market]]"), "the world's markets are put there");
    assert!(read("speed = 1").expect_err("unknown").contains("bot.speed: unknown key"));
    let nowhere = Scenario::parse(&format!("{WORLD}[bot]\nmm_core = \"x\""), &folder).expect_err("no such file");
    assert!(nowhere.to_string().contains("bot.mm_core"), "{nowhere}");
}

#[test]
fn reward_keys_are_read_and_bad_ones_named() {
    let with = |rewards: &str, rules: &str| {
        let text = format!(
            "schema = 1\nstart_utc = \"2026-06-07T00:00:00Z\"\n{rules}\n[[market]]\nslug = \"a\"\n\
             rewards = {{ max_spread_cents = 3.5, min_size_shares = 20, rate_usdc_per_day = 50{rewards} }}"
        );
        Scenario::parse(&text, Path::new("."))
    };
    let read = with(
        ", change = [{ at_s = 60, rate_usdc_per_day = 0 }], sponsored = [{ rate_usdc_per_day = 5, lasts_s = 3600 }]",
        "[rewards]\naccrual = \"day\"\nmidpoint = \"order\"\nmin_payout_usdc = \"0.5\"",
    )
    .expect("sound");
    let plan = &read.markets[0].terms.reward_plan;
    assert_eq!((plan.changes.len(), plan.sponsored.len()), (1, 1));
    assert_eq!(read.rewards.accrual, crate::rewards::Accrual::Day);
    assert_eq!(read.rewards.min_payout.to_string(), "0.5");

    let refused = |rewards: &str, rules: &str| with(rewards, rules).expect_err("refused").to_string();
    for (rewards, rules, key) in [
        ("", "[rewards]\naccrual = \"week\"", "rewards.accrual"),
        ("", "[rewards]\nmidpoint = \"mean\"", "rewards.midpoint"),
        ("", "[rewards]\npayout = 1", "rewards.payout"),
        (", max_spread = 1", "", "market[0].rewards.max_spread"),
        (", change = [{ at_s = 60 }]", "", "market[0].rewards.change[0].at_s"),
        (", change = [{ rate_usdc_per_day = 1 }]", "", "market[0].rewards.change[0].at_s"),
        (", change = [{ at_s = 9, min_age_ms = 1 }, { at_s = 8, min_age_ms = 2 }]", "", "market[0].rewards.change"),
        (", sponsored = [{ rate_usdc_per_day = 5 }]", "", "market[0].rewards.sponsored[0].lasts_s"),
        (
            ", sponsored = [{ lasts_s = 60, rate_usdc_per_day = 2000000 }]",
            "",
            "market[0].rewards.sponsored[0].rate_usdc_per_day",
        ),
        (
            ", sponsored = [{ lasts_s = 60, rate_usdc_per_day = 5, sponsor = \"me\" }]",
            "",
            "market[0].rewards.sponsored[0].sponsor",
        ),
        (
            ", sponsored = [{ lasts_s = 60, rate_usdc_per_day = 5, currency = \"dai\" }]",
            "",
            "market[0].rewards.sponsored[0].currency",
        ),
    ] {
        let why = refused(rewards, rules);
        assert!(why.starts_with(&format!("{key}:")), "{why}");
    }
}

#[test]
fn agents_are_read_and_what_cannot_be_is_refused() {
    const NOISE: &str = "[[agent]]\nkind = \"noise\"\nrate_per_h = 120.0\nreach_cents = \"3\"\n";
    const SIZE: &str = "size_shares = { median = \"20\", p99 = \"500\" }\n";
    let world = check(&format!("{WORLD}{NOISE}{SIZE}count = 3\ncapital_usdc = \"500\"\n")).expect("a noisy world");
    let agent = &world.agents[0];
    assert_eq!((agent.name.as_str(), agent.count, agent.capital), ("noise", 3, Usdc::from_whole(500)));
    assert!(!world.markets[0].built_in_book, "agents make the book");
    refused("[[agent]]\nkind = \"oracle\"", "agent[0].kind");
    refused(NOISE, "agent[0].size_shares: missing");
    refused(&format!("{NOISE}size_shares = {{ mean = \"3\", fixed = \"4\" }}"), "agent[0].size_shares: either");
    refused(&format!("{NOISE}{SIZE}decay_per_cent = 1"), "agent[0].reach_cents");
    refused(&format!("{NOISE}{SIZE}colour = 1"), "agent[0].colour: unknown key");
    refused(&format!("{NOISE}{SIZE}{NOISE}{SIZE}"), "agent[1].name");
    refused(&format!("{NOISE}{SIZE}markets = [\"b\"]"), "agent[0].markets: there is no market \"b\"");
    refused("[[agent]]\nkind = \"sniper\"\nmax_shares = \"50\"", "agent[0].signal: market \"a\" has no fair value");
    let informed = "[[agent]]\nkind = \"informed\"\nrate_per_h = 1\n";
    refused(informed, "agent[0].signal: missing");
    refused(&format!("{informed}signal = {{ noise_sd = 0.1 }}"), "agent[0].signal.refresh_ms");
    let maker =
        "[[agent]]\nkind = \"maker\"\nlook_every_ms = 500\nsize_shares = \"50\"\nmax_position_shares = \"200\"\n";
    refused(&format!("{maker}distance_of_band = 0.5"), "agent[0].distance_of_band: market \"a\" has no reward band");
    refused(maker, "agent[0].distance_cents");
}

#[test]
fn faults_are_read_against_the_table_of_kinds() {
    let world = check(&format!(
        "{WORLD}[[fault]]\nkind = \"zombie-feed\"\nrate_per_h = 2.5\nlasts_ms = [1000, 2000]\ntokens = 1\n\
         [[fault]]\nkind = \"lost-answer\"\nat_event = 1234\ncalls = \"cancels\"\n\
         [[fault]]\nkind = \"swarm\"\nrate_per_h = 6"
    ))
    .expect("a world with faults");
    let [zombie, lost] = &world.faults.rows[..] else { panic!("two rows") };
    assert_eq!(
        (zombie.when, zombie.lasts_ms.lo, zombie.lasts_ms.hi),
        (When::PerHour { millionths: 2_500_000 }, 1000, 2000)
    );
    assert_eq!((lost.when, lost.name.as_str()), (When::AtEvent(1234), "lost-answer"));
    assert_eq!(world.faults.swarm.map(|swarm| swarm.percent), Some(50));
    refused("[[fault]]\nkind = \"zombie\"\nrate_per_h = 1", "fault[0].kind: \"zombie\" is none of swarm, zombie-feed");
    refused("[[fault]]\nkind = \"zombie-feed\"", "fault[0].rate_per_h: missing; or at_event");
    refused("[[fault]]\nkind = \"zombie-feed\"\nrate_per_h = 1\nat_event = 2", "fault[0].at_event: either");
    refused(
        "[[fault]]\nkind = \"silent-drop\"\nrate_per_h = 1\nlasts_ms = 5",
        "fault[0].lasts_ms: silent-drop is over",
    );
    refused("[[fault]]\nkind = \"lost-answer\"\nrate_per_h = 1\npercent = 101", "fault[0].percent: must be in 1..=100");
    refused("[[fault]]\nkind = \"lost-answer\"\nrate_per_h = 1\ncolour = 1", "fault[0].colour: unknown key");
    refused(
        "[[fault]]\nkind = \"lost-answer\"\nrate_per_h = 1\ncalls = \"gold\"",
        "fault[0].calls: \"gold\" is none of orders",
    );
    refused(
        "[[fault]]\nkind = \"zombie-feed\"\nrate_per_h = 1\ntokens = 1\nfresh = \"alive\"",
        "fault[0].kind: tokens above zero",
    );
    let twice = "[[fault]]\nkind = \"geoblock\"\nrate_per_h = 1\n";
    refused(&format!("{twice}{twice}"), "fault[1].name: there are two rows \"geoblock\"");
    check(&format!("{WORLD}{twice}{twice}name = \"again\"")).expect("a name of its own");
}

#[test]
fn the_list_of_faults_lists_every_kind_with_its_usual_parameters() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/sim/faults.toml");
    let text = std::fs::read_to_string(&path).expect("the list is there");
    let scenario = Scenario::load(&path).expect("and is sound");
    assert_eq!(scenario.faults.rows, [], "every row of it is a comment");
    // with the signs of comment taken off, every row is what it would be without any parameter
    let rows: String =
        text.lines().filter_map(|line| line.strip_prefix("#: ")).map(|line| format!("{line}\n")).collect();
    let world = check(&format!("{WORLD}{rows}")).expect("each row can be taken as it stands");
    let listed: Vec<_> = world.faults.rows.iter().map(|row| row.kind.name).collect();
    assert_eq!(listed, crate::faults::Kind::all().map(|kind| kind.name).collect::<Vec<_>>());
    for row in &world.faults.rows {
        assert_eq!(*row, crate::faults::Spec::usual(row.kind, row.when), "{}", row.name);
        let keys = std::iter::once("lasts_ms").filter(|_| !row.kind.is_moment());
        for key in keys.chain(row.kind.knobs.iter().map(|knob| knob.key)) {
            let head = format!("#: kind = \"{}\"", row.kind.name);
            let block: String =
                text.lines().skip_while(|line| **line != head).take_while(|line| !line.is_empty()).collect();
            assert!(block.contains(&format!("{key} = ")), "{}: {key} is not shown", row.name);
        }
    }
    assert!(world.faults.swarm.is_some());
}
