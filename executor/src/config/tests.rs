use super::*;
use crate::exposure::Losses;

const EXAMPLE: &str = include_str!("../../../config/executor.toml");

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse("executor.toml", text)
}

/// The example with the line that begins with `key` replaced.
fn with(key: &str, line: &str) -> String {
    let mut found = false;
    let lines = EXAMPLE.lines().map(|old| {
        let hit = old.starts_with(&format!("{key} ="));
        found |= hit;
        if hit { line } else { old }
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    assert!(found, "{key} is not in the example");
    text
}

fn refused(text: &str, words: &str) {
    let why = parse(text).err().map(|why| why.to_string()).unwrap_or_default();
    assert!(why.contains(words), "{words:?} is not in {why:?}");
}

#[test]
fn the_example_is_a_configuration() {
    let config = parse(EXAMPLE).expect("the example");
    assert_eq!((config.profile, config.submit, config.auto_arm), (Profile::Live, Submit::Withhold, false));
    assert_eq!(config.policy.markets().len(), 1);
    let market = &config.policy.markets()[0].condition;
    let worst = config.policy.worst(&crate::exposure::Exposure::default(), market, Losses::default());
    assert!(worst.house.is_zero());
}

#[test]
fn the_drill_is_a_configuration() {
    let drill = parse(include_str!("../../../config/drill.toml")).expect("the drill");
    assert_eq!((drill.profile, drill.submit, drill.auto_arm), (Profile::Sim, Submit::Post, false));
}

#[test]
fn every_cap_is_mandatory_and_above_zero() {
    let caps = EXAMPLE.lines().skip_while(|line| !line.starts_with("[policy]")).skip(1);
    let keys: Vec<&str> = caps
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| Some(line.split_once(" = ")?.0))
        .filter(|key| !key.starts_with('#'))
        .collect();
    assert!(keys.len() >= 19, "{keys:?}");
    for key in keys {
        refused(&with(key, ""), key);
        let zero = if EXAMPLE.contains(&format!("\n{key} = \"")) { "\"0\"" } else { "0" };
        if key != "max_order_shares" {
            refused(&with(key, &format!("{key} = {zero}")), key);
        }
    }
}

#[test]
fn a_part_may_not_have_more_than_the_whole() {
    for (part, whole) in [
        ("max_order_usdc", "max_market_usdc"),
        ("max_market_usdc", "max_total_usdc"),
        ("max_market_loss_usdc", "max_event_loss_usdc"),
        ("max_event_loss_usdc", "max_total_loss_usdc"),
        ("max_day_outflow_usdc", "max_day_bought_usdc"),
    ] {
        refused(&with(part, &format!("{part} = \"100000\"")), whole);
    }
}

#[test]
fn prices_of_many_markets_cannot_be_read_faster_than_the_limits_allow() {
    let block = &EXAMPLE[EXAMPLE.find("[[market]]").expect("the example has a market")..];
    let many = |age: &str| {
        let mut text = with("reference_max_age_ms", &format!("reference_max_age_ms = {age}"));
        for n in 1..25u32 {
            let more = block
                .replace("slug = \"example\"", &format!("slug = \"example-{n}\""))
                .replace(&"0".repeat(64), &format!("{n:064x}"))
                .replace("71321045679252212594626385532706", &format!("{n}713210456792522125946263855327"))
                .replace("52114319501245915516055106046884", &format!("{n}521143195012459155160551060468"));
            text = format!("{text}\n{more}");
        }
        text
    };
    assert_eq!(parse(&many("3000")).expect("25 markets").policy.markets().len(), 25);
    refused(&many("2999"), "3000 at least, with 25 markets");
}

#[test]
fn unknown_keys_and_other_schemas_are_refused() {
    refused(&with("schema", "schema = 2"), "schema");
    refused(&with("min_price", "min_price = \"0.02\"\nmax_luck = 1"), "max_luck");
    let throw_away = |rest: &str| with("key", &format!("key = {{ source = \"throw-away\"{rest} }}"));
    assert!(parse(&throw_away("")).is_ok());
    refused(&throw_away(", path = \"run/key\""), "unknown field `path`");
}

#[test]
fn where_real_orders_leave_nothing_is_convenient() {
    let live = |text: String| text.replace("submit = \"withhold\"", "submit = \"post\"");
    refused(&live(EXAMPLE.to_owned()), "account.key.source");
    refused(&live(with("auto_arm", "auto_arm = true")), "auto_arm");
    assert!(parse(&with("auto_arm", "auto_arm = true")).is_ok(), "nothing leaves with withhold");
}

/// Real orders: a credential, and a user each for core and operator.
fn real(peers: [&str; 2]) -> String {
    let key = with("key", "key = { source = \"credential\", name = \"clob-key\" }");
    let [core, operator] = peers;
    key.replace("submit = \"withhold\"", "submit = \"post\"")
        .replace("core_uids = []", &format!("core_uids = {core}"))
        .replace("operator_uids = []", &format!("operator_uids = {operator}"))
}

#[test]
fn a_core_that_is_taken_over_cannot_be_the_operator() {
    assert!(parse(&real(["[1001]", "[1002]"])).is_ok());
    refused(&real(["[]", "[1002]"]), "peers.core_uids");
    refused(&real(["[1001]", "[]"]), "peers.operator_uids");
    refused(&real(["[1001, 1002]", "[1002]"]), "peers.core_uids = \"1002\"");
}

#[test]
fn a_core_that_is_taken_over_cannot_read_the_key() {
    refused(&real(["[1001, 0]", "[1002]"]), "must not be root");
    let config = parse(&real(["[1001, 1003]", "[1002]"])).expect("a configuration");
    for (ours, expected) in [(998, Ok(())), (1002, Ok(())), (1001, Err(CoreIsUs(1001))), (1003, Err(CoreIsUs(1003)))] {
        assert_eq!(config.expect_core_apart(ours), expected);
    }
    let shadow = parse(&with("core_uids", "core_uids = [0, 1001]")).expect("nothing leaves");
    assert_eq!(shadow.expect_core_apart(1001), Ok(()));
}

#[test]
fn no_real_order_is_given_up_while_it_may_well_land() {
    let soon = |text: String, ms: u64| text.replace("late_landing_ms = 120000", &format!("late_landing_ms = {ms}"));
    let peers = ["[1001]", "[1002]"];
    refused(&soon(real(peers), 59_999), "gate.late_landing_ms");
    assert!(parse(&soon(real(peers), 60_000)).is_ok());
    assert!(parse(&soon(EXAMPLE.to_owned(), 1_000)).is_ok(), "nothing leaves");
}

#[test]
fn real_orders_leave_only_under_a_policy_somebody_has_looked_at() {
    let shadow = parse(EXAMPLE).expect("the example");
    let config = parse(&real(["[1001]", "[1002]"])).expect("a configuration");
    let digest = config.policy.digest();
    assert_eq!(shadow.expect_policy(None), Ok(()));
    assert_eq!(config.expect_policy(None), Err(OtherPolicy::Unnamed(digest)));
    assert_eq!(config.expect_policy(Some(&digest.to_string())), Ok(()));
    let other = parse(&with("max_open_orders", "max_open_orders = 49")).expect("the example").policy.digest();
    for config in [&shadow, &config] {
        assert!(matches!(config.expect_policy(Some(&other.to_string())), Err(OtherPolicy::Differs { .. })));
    }
}

#[test]
fn live_addresses_are_compiled_in_and_others_are_loopback() {
    let venue = |host: &str| {
        format!(
            "\n[venue]\nrest_url = \"http://{host}\"\nuser_ws_url = \"ws://{host}/u\"\ngeoblock_url = \"http://{host}/g\"\nchain_id = 137\n"
        )
    };
    refused(&format!("{EXAMPLE}{}", venue("127.0.0.1:4")), "venue");
    let sim = with("profile", "profile = \"sim\"");
    refused(&sim, "venue");
    assert!(parse(&format!("{sim}{}", venue("127.0.0.1:4"))).is_ok());
    for host in ["localhost:4", "192.0.2.1:4", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:4@evil:4"] {
        refused(&format!("{sim}{}", venue(host)), "venue.rest_url");
    }
}

#[test]
fn no_error_repeats_what_may_be_a_secret() {
    let key = "c0ffee".repeat(11)[..64].to_owned();
    let prefixed = format!("0x{key}");
    let words = "canary ".repeat(12);
    let cut = |given: &str| given.trim_start_matches("0x")[..12].to_owned();
    for given in [&key, &prefixed, &words] {
        let table = |line: &str| EXAMPLE.replace("[account]", &format!("[account]\n{line}"));
        for (what, text) in [
            ("under an unknown key", table(&format!("private_key = \"{given}\""))),
            ("as a key", table(&format!("\"{given}\" = 1"))),
            ("as a bare key", table(&format!("{given} = 1"))),
            ("twice", table(&format!("\"{given}\" = 1\n\"{given}\" = 1"))),
            ("unquoted", table(&format!("private_key = {given}"))),
            ("unquoted, in a known key", with("funder", &format!("funder = {given}"))),
            ("on a line of its own", table(given)),
            ("in a comment that is none", with("funder", &format!("funder = \"\" {given}"))),
            ("not closed", with("funder", &format!("funder = \"{given}"))),
            ("as a number", with("signature_type", &format!("signature_type = \"{given}\""))),
            ("as the source of the key", with("key", &format!("key = {{ source = \"{given}\" }}"))),
            ("as the key", with("key", &format!("key = \"{given}\""))),
            (
                "beside the source",
                with("key", &format!("key = {{ source = \"file\", path = \"key\", hex = \"{given}\" }}")),
            ),
            ("as the profile", with("profile", &format!("profile = \"{given}\""))),
            ("as the wallet", with("funder", &format!("funder = \"{given}\""))),
            (
                "as the credential's name",
                with("key", &format!("key = {{ source = \"credential\", name = \"/{given}\" }}")),
            ),
            ("as the tier", with("tier", &format!("tier = \"{given}\""))),
            ("as a cap", with("max_order_usdc", &format!("max_order_usdc = \"{given}\""))),
            ("as a condition", with("condition", &format!("condition = \"1{given}\""))),
            ("as a token", with("yes", &format!("yes = \"{given}\""))),
            ("as a tick", with("tick", &format!("tick = \"{given}\""))),
            ("as an event", with("event", &format!("event = \"\u{fc}{given}\""))),
            ("as the whole file", given.clone()),
            ("as the whole file, with an end", format!("{given}\n")),
            ("as a line without a configuration", format!("key = \"{given}\"\n")),
        ] {
            let told = parse(&text).map(drop).expect_err(what).to_string();
            assert!(!told.contains(&cut(given)), "{what}: {told}");
        }
    }
}

#[test]
fn an_error_names_the_place_and_what_is_allowed() {
    let line = 1 + EXAMPLE.lines().position(|line| line.starts_with("min_price =")).expect("it has one");
    let text = with("min_price", "min_price = \"0.02\"\nmax_luck = 1");
    refused(
        &text,
        &format!("executor.toml: line {}, column 1: unknown field `max_luck`, expected one of `max_order", line + 1),
    );
    let line = 1 + EXAMPLE.lines().position(|line| line.starts_with("max_open_orders =")).expect("it has one");
    let text = with("max_open_orders", "max_open_orders = \"fifty\"");
    refused(&text, &format!("line {line}, column 19: invalid type: string (not repeated here), expected u32"));
    refused("hunter2\n", "executor.toml: no configuration: no line of it begins with `schema =`");
    refused(&with("funder", "funder = \"0x12\""), "account.funder = \"0x12\"");
    let whole = EXAMPLE.replace("schema = 1", "");
    refused(&whole, "`schema =`");
}
