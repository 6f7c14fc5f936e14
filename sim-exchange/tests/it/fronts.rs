//! The two fronts of one world: the same script by calls and over sockets gives the same answers, events, balances and state, with
//! agents living around it.

use crate::client::{Hands, Stream, Trader, served};
use mm_core::domain::{OrderId, Outcome, Price, Qty, Side, TimeInForce, Timestamp, TokenId};
use mm_core::venue::{market_ws, user_ws};
use serde_json::{Value, json};
use sim_exchange::draws::Draws;
use sim_exchange::exchange::{AccountIx, Exchange, Notice, PlaceRequest};
use sim_exchange::scenario::Scenario;
use sim_exchange::world::World;
use std::path::Path;

/// Steps of the script.
const STEPS: u64 = 150;

fn scenario() -> Scenario {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/sim");
    let mut scenario = Scenario::load(&folder.join("busy.toml")).expect("a scenario of the repository");
    // the bot trades in both worlds alike; here strangers are watched
    scenario.bot = None;
    // distances of agents stay; the script's own is none, on both fronts
    let far = std::mem::take(&mut scenario.venue.latency);
    for agent in &mut scenario.agents {
        agent.latency = agent.latency.or(Some(far));
    }
    scenario
}

/// The direct front: a world, and what it has told.
struct Direct {
    world: World,
    market: Vec<String>,
    user: Vec<(AccountIx, String)>,
}

impl Direct {
    fn at(&mut self, at: Timestamp) {
        self.world.advance(at).expect("no violation");
        self.take();
    }

    fn call<T>(&mut self, work: impl FnOnce(&mut Exchange) -> T) -> T {
        let out = self.world.call(work).expect("no violation");
        self.take();
        out
    }

    fn take(&mut self) {
        for notice in self.world.drain() {
            match notice {
                Notice::Market(event) => self.market.extend(market_ws::encode(&event)),
                Notice::User { account, event } => {
                    self.user.extend(user_ws::encode(&event).map(|text| (account, text)));
                }
            }
        }
    }
}

/// A trader in both worlds.
struct Both {
    trader: Trader,
    account: AccountIx,
    stream: Stream,
    placed: Vec<String>,
}

#[tokio::test]
async fn the_same_script_by_calls_and_over_sockets_is_the_same_world() {
    let scenario = scenario();
    let hands = Hands::default();
    let clock = hands.now();
    let world = || World::served(&scenario, None, clock).expect("a world");
    let mut direct = Direct { world: world(), market: Vec::new(), user: Vec::new() };
    let running = served(world(), scenario.seed, &hands).await;
    let market = running.ready.markets[0].clone();
    let listing: Vec<&str> = running.ready.markets.iter().flat_map(|m| [m.yes.as_str(), m.no.as_str()]).collect();
    let first = json!({"assets_ids": listing, "type": "market", "initial_dump": true});
    let mut feed = Stream::open(&running.ready, "market", &first).await;
    feed.next().await.expect("the books");

    let mut traders = Vec::new();
    for n in 0..2 {
        let trader = Trader::login(&running.ready, n).await;
        let account = direct.call(|exchange| exchange.open_account(clock, &trader.address()));
        let auth = json!({"apiKey": trader.api_key, "secret": trader.secret, "passphrase": trader.passphrase});
        let subscribe = json!({"auth": auth, "type": "user", "markets": [market.condition]});
        let mut stream = Stream::open(&running.ready, "user", &subscribe).await;
        // an answer proves that what was said before it was read
        stream.say("PING").await;
        assert_eq!(stream.next().await.as_deref(), Some("PONG"));
        traders.push(Both { trader, account, stream, placed: Vec::new() });
    }

    let draws = Draws::new(11);
    for step in 0..STEPS {
        let draw = |what: &str, n| draws.below("script", what, step, n);
        hands.advance_ms(50 + draw("gap", 400));
        let at = hands.now();
        direct.at(at);
        let who = &mut traders[usize::try_from(draw("who", 2)).expect("two")];
        let (path, body, expected) = match draw("what", 10) {
            0..6 => place(who, &mut direct, at, &market, draw("taker", 3) == 0, &draw),
            6..9 => {
                let id = match who.placed.len() {
                    0 => format!("0x{}", "a".repeat(64)),
                    n => who.placed[usize::try_from(draw("which", n as u64)).expect("an index")].clone(),
                };
                let ids = [OrderId::parse(&id).expect("a hash")];
                let reply = direct.call(|exchange| exchange.cancel(at, who.account, &ids));
                (("DELETE", "/order"), json!({"orderID": id}), (200, json!(reply)))
            }
            _ => {
                let reply = direct.call(|exchange| exchange.cancel_all(at, who.account));
                (("DELETE", "/cancel-all"), Value::Null, (200, json!(reply)))
            }
        };
        let answer = who.trader.call(path.0, path.1, &body).await;
        assert_eq!(answer, expected, "step {step}: {path:?} {body}");
    }
    // everything settles
    for _ in 0..40 {
        hands.advance_ms(500);
        direct.at(hands.now());
        running.inspect(|_| ());
    }

    let fills = direct.user.iter().filter(|(_, text)| text.contains("\"MATCHED\"")).count();
    assert!(
        fills > 20 && direct.market.len() > 500,
        "{fills} fills, {} frames: the script shows little",
        direct.market.len()
    );
    for who in &mut traders {
        for token in [None, Some(Outcome::Yes), Some(Outcome::No)] {
            let of = |exchange: &Exchange| {
                let token = token.map(|outcome| token_of(exchange, outcome));
                exchange.balance(who.account, token.as_ref())
            };
            assert_eq!(running.inspect(of), of(direct.world.exchange()), "{token:?}");
        }
        for (_, text) in direct.user.iter().filter(|(account, _)| *account == who.account) {
            assert_eq!(who.stream.next().await.as_ref(), Some(text));
        }
    }
    for text in &direct.market {
        assert_eq!(feed.next().await.as_ref(), Some(text));
    }
    assert_eq!(running.inspect(Exchange::state_hash), direct.world.exchange().state_hash());
    running.stop().await;
    assert_eq!(feed.next().await, None, "nothing more was told");
    for who in &mut traders {
        assert_eq!(who.stream.next().await, None, "nothing more was told");
    }
}

fn token_of(exchange: &Exchange, outcome: Outcome) -> TokenId {
    exchange.markets()[0].market.token_id(outcome).clone()
}

/// One order: around the middle of the first market, resting or taking.
fn place(
    who: &mut Both,
    direct: &mut Direct,
    at: Timestamp,
    market: &sim_exchange::server::ReadyMarket,
    taker: bool,
    draw: &dyn Fn(&str, u64) -> u64,
) -> ((&'static str, &'static str), Value, (u16, Value)) {
    let (yes, buy) = (draw("outcome", 2) == 0, draw("side", 4) != 0);
    let (cents, shares) = (35 + draw("price", 30), 5 + draw("size", 40));
    let mut body = who.trader.order(yes, if buy { "BUY" } else { "SELL" }, cents, shares);
    if taker {
        body["orderType"] = json!("FAK");
        body["postOnly"] = json!(false);
    }
    let id = who.trader.id_of(&body);
    let exchange = direct.world.exchange();
    let token = token_of(exchange, if yes { Outcome::Yes } else { Outcome::No });
    assert_eq!(token.as_str(), if yes { &market.yes } else { &market.no });
    let request = PlaceRequest {
        id: OrderId::parse(&id).expect("a hash"),
        token,
        side: if buy { Side::Buy } else { Side::Sell },
        price: Price::from_ten_thousandths(u16::try_from(cents * 100).expect("below a dollar")).expect("a price"),
        qty: Qty::from_whole(shares).expect("small"),
        tif: if taker { TimeInForce::Fak } else { TimeInForce::Gtc },
        post_only: !taker,
        owner: who.trader.api_key.clone(),
    };
    let expected = match direct.call(|exchange| exchange.place(at, who.account, request)) {
        Ok(placed) => {
            who.placed.push(id);
            (200, json!(placed.reply()))
        }
        Err(no) => (no.status, json!({"error": no.text})),
    };
    (("POST", "/order"), body, expected)
}
