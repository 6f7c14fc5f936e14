//! Frames that know the grammar and break it, each in one named way (executor.md 2.5).

use super::json::J;
use super::plain::{Lives, Order};
use crate::proofs::executor::Draws;
use executor::rehearsal::token_id;
use mm_core::domain::{Outcome, TokenId};
use mm_core::protocol::{FRAME_MAX, PROTOCOL_VERSION};

/// Markets a core knows; the last is not in the policy.
pub(super) const MARKETS: u16 = 3;

/// What a generator may refer to.
pub(super) struct Scene {
    /// Now, nanoseconds since 1970.
    pub(super) at: u64,
    /// The run of the core that is connected.
    pub(super) run: u64,
    /// The next number no order has had.
    pub(super) next: u64,
    /// A place that was asked for before: its number and its order.
    pub(super) earlier: Option<(u64, J)>,
}

/// The ways a frame is made, in the order of [`make`].
pub(super) const CLASSES: [&str; 20] = [
    "as it should be",
    "a number that is none or an edge",
    "an unknown field",
    "a field twice",
    "a field missing",
    "an unknown type",
    "two types",
    "a value of another kind",
    "a struct as a list",
    "an operator's word",
    "an old or future time",
    "a price off tick, at 0, at 1, above 1",
    "a size of nothing, below the minimum, off the grid, without end",
    "an order that would take",
    "a token that is not in the policy",
    "the same number again",
    "a number of before with another order",
    "another version, run or table",
    "bytes changed",
    "garbage",
];

/// A payload of class `class`.
pub(super) fn make(class: usize, scene: &Scene, draws: &mut Draws) -> Vec<u8> {
    let mut tree = message(scene, draws);
    match class {
        1 => change(&mut tree, draws, |place| matches!(place, J::Num(_)), |_, draws| J::Num(horror(draws))),
        2 => change(&mut tree, draws, is_object, |mut place, draws| {
            if let J::Obj(fields) = &mut place {
                let keys = ["neg_risk", "salt", "Price", "price ", "", "maker", "__proto__"];
                fields.push((pick(draws, &keys).to_string(), J::num(1)));
            }
            place
        }),
        3 => change(&mut tree, draws, is_object, |mut place, draws| {
            if let J::Obj(fields) = &mut place
                && !fields.is_empty()
            {
                let (key, value) = fields[below(draws, fields.len())].clone();
                let value = if draws.below(2) == 0 { value } else { J::num(draws.below(10_000)) };
                fields.insert(below(draws, fields.len() + 1), (key, value));
            }
            place
        }),
        4 => change(&mut tree, draws, is_object, |mut place, draws| {
            if let J::Obj(fields) = &mut place
                && !fields.is_empty()
            {
                fields.remove(below(draws, fields.len()));
            }
            place
        }),
        5 => rename(&mut tree, pick(draws, &["place", "PLACE", "Place ", "Sign", "Withdraw", "Accepted", ""])),
        6 => {
            if let (J::Obj(fields), J::Obj(more)) = (&mut tree, message(scene, draws)) {
                fields.extend(more);
            }
        }
        7 => change(&mut tree, draws, |_| true, |_, draws| other_kind(draws)),
        8 => change(&mut tree, draws, is_object, |place, _| match place {
            J::Obj(fields) => J::Arr(fields.into_iter().map(|(_, value)| value).collect()),
            other => other,
        }),
        9 => {
            let word =
                pick(draws, &["AskArm", "Arm", "Status", "Halt", "Tighten", "AcceptBalances", "CancelAll", "Drain"]);
            tree = if draws.below(2) == 0 { J::text(word) } else { J::obj([(word, J::Null)]) };
        }
        10 => {
            let by = [2_000_000_000, 2_000_999_999, 2_001_000_000, 3_001_000_000, 3_600_000_000_000, u64::MAX];
            let by = by[below(draws, by.len())];
            let at = if draws.below(2) == 0 { scene.at.saturating_sub(by) } else { scene.at.saturating_add(by) };
            tree = place(scene, draws, &[("at", J::num(at))]);
        }
        11 => {
            let price = [0, 1, 49, 99, 101, 199, 4001, 9801, 9999, 10_000, 10_001, 65_535, 65_536];
            let price = J::num(price[below(draws, price.len())]);
            tree = place(scene, draws, &[("price", price)]);
        }
        12 => {
            let sizes = [0, 1, 4_999_999, 4_990_000, 5_000_001, 100_000_001, 100_010_000, u64::MAX - 1, u64::MAX];
            let size = J::num(sizes[below(draws, sizes.len())]);
            tree = place(scene, draws, &[("qty", size)]);
        }
        13 => {
            let end = scene.at.saturating_add(draws.below(400) * 1_000_000_000);
            let tif = match draws.below(3) {
                0 => J::text(pick(draws, &["Fok", "Fak"])),
                1 => J::obj([("Gtd", J::num(end))]),
                _ => J::text("Gtc"),
            };
            let post_only = J::Bool(draws.below(2) == 0);
            tree = place(scene, draws, &[("tif", tif), ("post_only", post_only)]);
        }
        14 => {
            let market = if draws.below(2) == 0 { u64::from(MARKETS) - 1 } else { draws.below(70_000) };
            let token = J::obj([("market", J::num(market)), ("outcome", J::text("Yes"))]);
            tree = place(scene, draws, &[("token", token)]);
        }
        15 | 16 => {
            if let Some((id, order)) = scene.earlier.clone() {
                let order = if class == 15 { order } else { field(place(scene, draws, &[]), "order") };
                tree = wrap("Place", [("id", J::num(id)), ("at", J::num(scene.at)), ("order", order)]);
            }
        }
        17 => tree = strange_hello(scene, draws),
        _ => {}
    }
    let mut bytes = Vec::new();
    tree.write(draws, &mut bytes);
    match class {
        18 => {
            for _ in 0..=draws.below(3) {
                spoil(&mut bytes, draws);
            }
        }
        19 => bytes = garbage(draws),
        0 if draws.below(500) == 0 => bytes.resize(FRAME_MAX, b' '),
        _ => {}
    }
    bytes
}

/// One of the protocol's messages, as a well-behaved core would send it.
fn message(scene: &Scene, draws: &mut Draws) -> J {
    match draws.below(8) {
        0 => hello(scene.run, &table()),
        1 => wrap("Alive", [("oldest_feed", J::num(draws.below(50_000_000)))]),
        2 | 3 => wrap("Cancel", [("id", J::num(draws.below(scene.next + 2)))]),
        4 if draws.below(4) == 0 => {
            let market = if draws.below(2) == 0 { J::Null } else { J::num(draws.below(4)) };
            wrap("CancelAll", [("market", market)])
        }
        _ => place(scene, draws, &[]),
    }
}

/// A place that policy would pass, with some fields of it or of its order set.
fn place(scene: &Scene, draws: &mut Draws, set: &[(&str, J)]) -> J {
    let token = J::obj([
        ("market", J::num(draws.below(u64::from(MARKETS) - 1))),
        ("outcome", J::text(pick(draws, &["Yes", "No"]))),
    ]);
    let mut order = J::obj([
        ("token", token),
        ("side", J::text(if draws.below(8) == 0 { "Sell" } else { "Buy" })),
        ("price", J::num((3 + draws.below(45)) * 100)),
        ("qty", J::num((5 + draws.below(20)) * 1_000_000)),
        ("post_only", J::Bool(true)),
        ("tif", J::text("Gtc")),
    ]);
    let mut at = J::num(scene.at.saturating_sub(draws.below(20_000_000)));
    for (name, value) in set {
        if *name == "at" {
            at = value.clone();
        } else if let J::Obj(fields) = &mut order
            && let Some(field) = fields.iter_mut().find(|(key, _)| key == name)
        {
            field.1 = value.clone();
        }
    }
    wrap("Place", [("id", J::num(scene.next)), ("at", at), ("order", order)])
}

/// Every token of [`MARKETS`] markets, as [`executor::rehearsal`] names them.
pub(super) fn table() -> Vec<(u64, &'static str, TokenId)> {
    let both =
        |n: u16| [("Yes", Outcome::Yes), ("No", Outcome::No)].map(|(name, o)| (u64::from(n), name, token_id(n, o)));
    (0..MARKETS).flat_map(both).collect()
}

/// The first message of a core.
pub(super) fn hello(run: u64, tokens: &[(u64, &str, TokenId)]) -> J {
    let rows = tokens.iter().map(|(market, outcome, id)| {
        let number = J::obj([("market", J::num(market)), ("outcome", J::text(outcome))]);
        J::Arr(vec![number, J::text(id.as_str())])
    });
    wrap(
        "Hello",
        [
            ("version", J::num(PROTOCOL_VERSION)),
            ("run", J::num(run)),
            ("config", J::text(&"0".repeat(64))),
            ("tokens", J::Arr(rows.collect())),
        ],
    )
}

fn strange_hello(scene: &Scene, draws: &mut Draws) -> J {
    let mut tokens = table();
    let mut run = scene.run;
    match draws.below(6) {
        0 => run = [0, 1, scene.run + 1, u64::MAX][below(draws, 4)],
        1 => drop(tokens.swap_remove(below(draws, 6))),
        2 => {
            let other = tokens[below(draws, 6)].2.clone();
            tokens[0].2 = other;
        }
        3 => tokens.push((draws.below(70_000), "Yes", token_id(0, Outcome::Yes))),
        4 if draws.below(40) == 0 => {
            let many = |n: u64| TokenId::parse(&n.to_string()).map(|id| (n % 65_536, "Yes", id));
            tokens.extend((10..2_000 + draws.below(3_000)).filter_map(|n| many(n).ok()));
        }
        _ => {
            let mut tree = hello(run, &tokens);
            let version: u32 = [0, 1, 3, 65_535, 65_536][below(draws, 5)];
            if let J::Obj(fields) = &mut tree
                && let J::Obj(fields) = &mut fields[0].1
            {
                fields[0].1 = J::num(version);
            }
            return tree;
        }
    };
    hello(run, &tokens)
}

/// An order that was read, to be asked for again.
pub(super) fn order_tree(order: &Order) -> J {
    let (market, yes) = order.token;
    let tif = match order.lives {
        Lives::Gtc => J::text("Gtc"),
        Lives::Gtd(end) => J::obj([("Gtd", J::num(end))]),
        Lives::Taker => J::text("Fok"),
    };
    J::obj([
        ("token", J::obj([("market", J::num(market)), ("outcome", J::text(if yes { "Yes" } else { "No" }))])),
        ("side", J::text(if order.buy { "Buy" } else { "Sell" })),
        ("price", J::num(order.price)),
        ("qty", J::num(order.qty)),
        ("post_only", J::Bool(order.post_only)),
        ("tif", tif),
    ])
}

/// Words on `view.sock` and `op.sock`, also strange ones.
pub(super) fn word(draws: &mut Draws) -> Vec<u8> {
    let mut tree = match draws.below(9) {
        0 => J::text("Status"),
        1 => J::text("AskArm"),
        2 => J::obj([("Arm", J::Null)]),
        3 => wrap("Halt", [("reason", J::text(&"x".repeat(below(draws, 300))))]),
        4 => J::text("CancelAll"),
        5 => wrap("Tighten", [("config", J::text("[policy]"))]),
        6 => J::text("AcceptBalances"),
        7 => wrap("Arm", [("code", J::text("123456"))]),
        _ => J::text(pick(draws, &["arm", "Arm", "Disarm", "Sign", "Drain", "", "Place"])),
    };
    match draws.below(6) {
        0 => change(&mut tree, draws, |_| true, |_, draws| other_kind(draws)),
        1 => change(&mut tree, draws, is_object, |mut place, draws| {
            if let J::Obj(fields) = &mut place {
                fields.push((pick(draws, &["Arm", "reason", "config", "by"]).to_owned(), J::Null));
            }
            place
        }),
        _ => {}
    }
    let mut bytes = Vec::new();
    tree.write(draws, &mut bytes);
    if draws.below(6) == 0 {
        spoil(&mut bytes, draws);
    }
    bytes
}

fn wrap<const N: usize>(name: &str, fields: [(&str, J); N]) -> J {
    J::obj([(name, J::obj(fields))])
}

/// A field of the only object in a message.
pub(super) fn field(message: J, name: &str) -> J {
    let J::Obj(mut outer) = message else { return J::Null };
    let Some((_, J::Obj(fields))) = outer.pop() else { return J::Null };
    fields.into_iter().find(|(key, _)| key == name).map_or(J::Null, |(_, value)| value)
}

fn rename(tree: &mut J, name: &str) {
    if let J::Obj(fields) = tree
        && let Some(first) = fields.first_mut()
    {
        name.clone_into(&mut first.0);
    }
}

const fn is_object(place: &J) -> bool {
    matches!(place, J::Obj(_))
}

/// Replaces a place of a kind by something made of it.
fn change(tree: &mut J, draws: &mut Draws, is: fn(&J) -> bool, make: impl Fn(J, &mut Draws) -> J) {
    let of_kind: Vec<usize> =
        (0..tree.places()).filter(|nth| tree.place(*nth).is_some_and(|place| is(place))).collect();
    if let Some(nth) = of_kind.get(below(draws, of_kind.len().max(1)))
        && let Some(place) = tree.place(*nth)
    {
        *place = make(place.clone(), draws);
    }
}

fn horror(draws: &mut Draws) -> String {
    let digits = "1234567890123456789012345678901234567890";
    let horrors = [
        "-1",
        "-0",
        "0",
        "1",
        "1e5",
        "1E400",
        "1e-5",
        "NaN",
        "Infinity",
        "-Infinity",
        "+5",
        "0.5",
        "5.0",
        "5.0000001",
        digits,
        "01",
        "00",
        "\u{0663}",
        "\u{ff11}",
        "18446744073709551615",
        "18446744073709551616",
        "9223372036854775808",
        "65535",
        "65536",
        "9999",
        "10000",
        "10001",
        "0x10",
        "1_000",
        ".5",
        "5.",
        "1e",
        "--5",
        "\"5\"",
        "5 5",
        "1,000",
        "null",
        "true",
    ];
    pick(draws, &horrors).to_owned()
}

fn other_kind(draws: &mut Draws) -> J {
    match draws.below(7) {
        0 => J::Null,
        1 => J::Bool(draws.below(2) == 0),
        2 => J::num(draws.below(20_000)),
        3 => J::text(pick(draws, &["", "Buy", "Yes", "0", "\u{0}", "\u{1f980}"])),
        4 => J::Arr(Vec::new()),
        5 => J::obj([]),
        _ => J::obj([(pick(draws, &["Buy", "Gtc", "Yes"]), J::Null)]),
    }
}

fn spoil(bytes: &mut Vec<u8>, draws: &mut Draws) {
    let at = below(draws, bytes.len().max(1));
    let byte = draws.below(256).to_le_bytes()[0];
    match draws.below(6) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at.min(bytes.len()), byte),
        2 if at < bytes.len() => {
            bytes.remove(at);
        }
        3 => bytes.extend_from_slice(b"{}"),
        4 => bytes.extend_from_within(at.min(bytes.len())..),
        _ => {
            if let Some(place) = bytes.get_mut(at) {
                *place ^= 1 << draws.below(8);
            }
        }
    }
}

fn garbage(draws: &mut Draws) -> Vec<u8> {
    let len = if draws.below(200) == 0 { below(draws, FRAME_MAX + 1) } else { below(draws, 64) };
    match draws.below(4) {
        0 => vec![b'['; len],
        1 => "{\"Place\":".repeat(len / 8).into_bytes(),
        2 => vec![0; len],
        _ => (0..len).map(|_| draws.below(256).to_le_bytes()[0]).collect(),
    }
}

fn pick<'a>(draws: &mut Draws, of: &[&'a str]) -> &'a str {
    of[below(draws, of.len())]
}

pub(super) fn below(draws: &mut Draws, n: usize) -> usize {
    usize::try_from(draws.below(n as u64)).unwrap_or(0)
}
