//! Fair values that jump in dollars, are pulled back, end and move together; dealers and insiders.

use super::super::*;
use super::{WORLD, check, refused};

const FAIR: &str = "fair = { start = \"0.5\", resolve = { at_s = 60 } }\n";

#[test]
fn a_fair_value_may_jump_in_dollars_be_pulled_back_and_end() {
    let fair = |more: &str| format!("fair = {{ start = \"0.5\"{more} }}\n");
    let text = fair(", jumps_per_h = 3, jump_mean_cents = \"2.5\", reverting = { to = \"0.4\", per_h = 0.5 }");
    let read = check(&format!("{WORLD}{text}")).expect("a restless world").markets[0].fair.expect("it is given");
    assert_eq!((read.jump_mean.ten_thousandths(), read.jump_logit_sd_micro), (250, 0));
    let pulled = read.reverting.expect("it is given");
    assert_eq!((pulled.to.ten_thousandths(), pulled.per_h_micro), (4_000, 500_000));
    let text = fair(", resolve = { at_s = 60, how = \"final-jump\", announced_after_s = 30 }");
    let end = check(&format!("{WORLD}{text}")).expect("it ends").markets[0].fair.expect("it is given").resolve;
    let after = Nanos::from_secs;
    assert_eq!(end, Some(Resolve { at: after(60), final_jump: true, announced_after: after(30) }));
    for (more, words) in [
        (", jumps_per_h = 3, jump_mean_cents = 0", "market[0].fair.jump_logit_sd: jumps without a size"),
        (", jump_logit_sd = 1, jump_mean_cents = 2", "market[0].fair.jump_mean_cents: either"),
        (", reverting = { per_h = 1 }", "market[0].fair.reverting.to: missing"),
        (", reverting = { to = \"0.99\", per_h = 1 }", "market[0].fair.reverting.to"),
        (", reverting = { to = \"0.5\" }", "market[0].fair.reverting.per_h: missing"),
        (", resolve = {}", "market[0].fair.resolve.at_s: missing"),
        (", resolve = { at_s = 0 }", "market[0].fair.resolve.at_s"),
        (", resolve = { at_s = 9, how = \"quietly\" }", "market[0].fair.resolve.how"),
        (", resolve = { at_s = 9, by = 1 }", "market[0].fair.resolve.by: unknown key"),
    ] {
        refused(&fair(more), words);
    }
    refused(&format!("{FAIR}resolve = {{ at_s = 5, winner = \"yes\" }}"), "market[0].resolve: fair.resolve decides");
}

#[test]
fn links_are_read_and_impossible_ones_refused() {
    const TWO: &str =
        "fair = { start = \"0.5\" }\n[[market]]\nslug = \"b\"\nfair = { start = \"0.4\" }\n[[market]]\nslug = \"c\"\n";
    let link = |more: &str| format!("{TWO}[[link]]\n{more}");
    let text = link("markets = [\"a\", \"b\"]\ncorrelation = 0.8\njumps_per_h = 2\njump_mean_cents = 3");
    let world = check(&format!("{WORLD}{text}")).expect("two that move together");
    assert_eq!((world.links[0].correlation_micro, world.links[0].jump_mean.ten_thousandths()), (800_000, 300));
    check(&format!("{WORLD}{}", link("markets = [\"a\", \"b\"]\nexclusive = true"))).expect("one of two");
    for (more, words) in [
        ("correlation = 0.5", "link[0].markets: missing"),
        ("markets = [\"a\"]\ncorrelation = 0.5", "link[0].markets: two"),
        ("markets = [\"a\", \"a\"]\ncorrelation = 0.5", "link[0].markets: \"a\" is linked twice"),
        ("markets = [\"a\", \"d\"]\ncorrelation = 0.5", "link[0].markets: there is no market \"d\""),
        ("markets = [\"a\", \"c\"]\ncorrelation = 0.5", "link[0].markets: market \"c\" has no fair value"),
        ("markets = [\"a\", \"b\"]", "link[0].correlation: nothing links them"),
        ("markets = [\"a\", \"b\"]\ncorrelation = 1.5", "link[0].correlation"),
        (
            "markets = [\"a\", \"b\"]\nexclusive = true\ncorrelation = 0.5",
            "link[0].exclusive: exclusive outcomes have no",
        ),
        ("markets = [\"a\", \"b\"]\njumps_per_h = 1", "link[0].jump_logit_sd: jumps without a size"),
        ("markets = [\"a\", \"b\"]\ncorrelation = 1\ncolour = 1", "link[0].colour: unknown key"),
    ] {
        refused(&link(more), words);
    }
    let ends =
        "fair = { start = \"0.5\" }\n[[market]]\nslug = \"b\"\nfair = { start = \"0.4\", resolve = { at_s = 9 } }\n";
    let one_of_two = "[[link]]\nmarkets = [\"a\", \"b\"]\nexclusive = true";
    refused(&format!("{ends}{one_of_two}"), "link[0].exclusive: exclusive outcomes are decided together");
    let pulled = ends.replace("resolve = { at_s = 9 }", "reverting = { to = \"0.5\", per_h = 1 }");
    refused(&format!("{pulled}{one_of_two}"), "link[0].exclusive: exclusive outcomes are all martingales");
}

#[test]
fn dealers_and_insiders_are_read_and_impossible_ones_refused() {
    let dealer =
        |more: &str| format!("{FAIR}[[agent]]\nkind = \"dealer\"\nlook_every_ms = 500\nsize_shares = \"50\"\n{more}\n");
    let kind = |more: &str| check(&format!("{WORLD}{}", dealer(more))).expect("a dealer").agents[0].kind.clone();
    let AgentKind::Dealer { rule, belief, refill_below_micro, .. } =
        kind("glosten_milgrom = { informed = 0.15 }\nlearns_from = \"0.3\"")
    else {
        panic!("a dealer")
    };
    let gm = DealerSpec::GlostenMilgrom { informed_micro: 150_000, buys_micro: 500_000 };
    assert_eq!((rule, refill_below_micro), (gm, 1_000_000));
    assert!(matches!(belief, BeliefSpec::Learns(p) if p.ten_thousandths() == 3_000));
    kind("competitive = { noise_per_h = 2880, jumps_per_h = 360, jump_mean_cents = 3 }\nsignal = {}");
    for (more, words) in [
        ("belief = \"0.5\"", "agent[0].half_spread_cents: one of"),
        ("half_spread_cents = 1\nglosten_milgrom = { informed = 0.1 }", "agent[0].half_spread_cents: one of"),
        ("half_spread_cents = 1", "agent[0].belief: missing"),
        ("half_spread_cents = 1\nbelief = 1", "agent[0].belief: must be"),
        ("half_spread_cents = 1\nlearns_from = \"0.5\"", "agent[0].learns_from: only glosten_milgrom"),
        (
            "glosten_milgrom = { informed = 0.1 }\nlearns_from = \"0.5\"\nbelief = \"0.5\"",
            "agent[0].learns_from: either",
        ),
        ("glosten_milgrom = { informed = 1 }", "agent[0].glosten_milgrom.informed"),
        ("glosten_milgrom = { informed = 0.1, buys = 0 }", "agent[0].glosten_milgrom.buys"),
        ("competitive = { jumps_per_h = 1, jump_mean_cents = 1 }", "agent[0].competitive.noise_per_h"),
        ("competitive = { noise_per_h = 1, jumps_per_h = 1 }", "agent[0].competitive.jump_mean_cents"),
        ("half_spread_cents = 1\nbelief = \"0.5\"\nskew_cents = 1", "agent[0].skew_cents: unknown key"),
    ] {
        refused(&dealer(more), words);
    }
    let insider = "[[agent]]\nkind = \"insider\"\nrate_per_h = 15\nsize_shares = \"50\"\n";
    check(&format!("{WORLD}{FAIR}{insider}")).expect("somebody who knows");
    refused(&format!("{FAIR}{insider}signal = {{}}"), "agent[0].signal: it knows");
    for fair in [
        "",
        "fair = { start = \"0.5\" }\n",
        "fair = { start = \"0.5\", volatility_per_sqrt_h = 1, resolve = { at_s = 9 } }\n",
    ] {
        refused(&format!("{fair}{insider}"), "agent[0].kind: market \"a\": nobody can know the outcome");
    }
}

#[test]
fn what_a_world_does_not_use_stays_out_of_its_digest() {
    // the words the digest is made of, as they were before fair values could do more
    let world = check(&format!("{WORLD}fair = {{ start = \"0.5\" }}")).expect("a quiet world");
    let words = format!("{world:?}");
    for new in ["links", "jump_mean", "reverting", "resolve: Some"] {
        assert!(!words.contains(new), "{new} is in {words}");
    }
    let ends = check(&format!("{WORLD}{FAIR}")).expect("it ends");
    assert_ne!(world.digest(), ends.digest());
}
