//! Drives the official Rust client, unmodified, through a maker's day at the simulated venue.
//!
//! usage: official-rust-client READY   (READY: the first line `sim-exchange serve` prints)
//!
//! Prints one line a step and `steps: N passed, M failed` last; exit code 1 if a step failed. The key is the secp256k1 number
//! seven, which everybody knows: never fund it.

use futures_util::StreamExt as _;
use polymarket_client_sdk_v2::auth::state::Authenticated;
use polymarket_client_sdk_v2::auth::{LocalSigner, Normal, Signer as _, Uuid};
use polymarket_client_sdk_v2::clob::types::request::{
    BalanceAllowanceRequest, CancelMarketOrderRequest, DeleteNotificationsRequest, LastTradePriceRequest,
    MidpointRequest, OrderBookSummaryRequest, OrdersRequest, PriceHistoryRequest, PriceRequest, SpreadRequest,
    TradesRequest,
};
use polymarket_client_sdk_v2::clob::types::{
    Amount, AssetType, Interval, OrderStatusType, OrderType, Side, SignatureType, TimeRange,
};
use polymarket_client_sdk_v2::clob::{Client, Config, ws};
use polymarket_client_sdk_v2::error::{Error, Status};
use polymarket_client_sdk_v2::types::{B256, Decimal, U256, Utc};
use polymarket_client_sdk_v2::{POLYGON, gamma};
use serde_json::Value;
use std::fmt::Debug;
use std::process::ExitCode;
use std::str::FromStr as _;
use std::time::Duration;

const KEY: &str = "0x0000000000000000000000000000000000000000000000000000000000000007";

/// No answer of a venue on loopback takes this long.
const PATIENCE: Duration = Duration::from_secs(20);

type Done = Result<String, Box<dyn std::error::Error>>;

#[derive(Default)]
struct Steps {
    passed: u32,
    failed: u32,
}

impl Steps {
    async fn step(&mut self, name: &str, work: impl Future<Output = Done>) {
        let done = tokio::time::timeout(PATIENCE, work).await;
        match done.unwrap_or_else(|_| Err("took too long".into())) {
            Ok(shown) if shown.is_empty() => println!("ok     {name}"),
            Ok(shown) => println!("ok     {name}: {shown}"),
            Err(why) => {
                println!("FAILED {name}: {why}");
                self.failed += 1;
                return;
            }
        }
        self.passed += 1;
    }
}

fn expect(is_so: bool, shown: impl Debug) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(format!("not so: {shown:?}")) }
}

/// A number of this script.
fn dec(text: &str) -> Decimal {
    text.parse().expect("the script's numbers are decimals")
}

/// The body of a refusal with this status and these words.
fn refused<T: Debug>(answer: Result<T, Error>, status: u16, words: &str) -> Result<String, String> {
    let why = match answer {
        Ok(answer) => return Err(format!("it was accepted: {answer:?}")),
        Err(why) => why,
    };
    let told = why.downcast_ref::<Status>().ok_or_else(|| why.to_string())?;
    expect(told.status_code.as_u16() == status && told.message.contains(words), told)?;
    Ok(told.message.clone())
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(steps) => {
            println!("steps: {} passed, {} failed", steps.passed, steps.failed);
            if steps.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(why) => {
            println!("FAILED before the first step: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<Steps, Box<dyn std::error::Error>> {
    let ready: Value = serde_json::from_str(&std::env::args().nth(1).ok_or("usage: official-rust-client READY")?)?;
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or("the ready line lacks something");
    let (host, market) = (text(&ready["clob"])?, &ready["markets"][0]);
    let (yes, no) = (U256::from_str(&text(&market["yes"])?)?, U256::from_str(&text(&market["no"])?)?);
    let condition = B256::from_str(&text(&market["condition"])?)?;
    let signer = LocalSigner::from_str(KEY)?.with_chain_id(Some(POLYGON));
    let geoblock = text(&ready["geoblock"])?.trim_end_matches("api/geoblock").to_owned();
    let config = || Config::builder().geoblock_host(geoblock.clone()).build();

    let mut steps = Steps::default();
    let client = Client::new(&host, config())?.authentication_builder(&signer).authenticate().await?;
    let client = &client;

    steps
        .step("create or derive the API key", async {
            let derived = Client::new(&host, config())?.derive_api_key(&signer, None).await?;
            expect(derived.key() == client.credentials().key(), "derived credentials differ")?;
            client.api_keys().await?;
            expect(!client.closed_only_mode().await?.closed_only, "closed only")?;
            Ok(derived.key().to_string())
        })
        .await;

    // The market channel first: what the next steps do must be heard.
    let market_ws = ws::Client::new(ready["ws"].as_str().unwrap_or_default(), Default::default())?;
    let user_ws = ws::Client::new(ready["ws"].as_str().unwrap_or_default(), Default::default())?
        .authenticate(client.credentials().clone(), client.address())?;
    let mut books = Box::pin(market_ws.subscribe_orderbook(vec![yes, no])?);
    let mut changes = Box::pin(market_ws.subscribe_prices(vec![yes, no])?);
    let mut orders = Box::pin(user_ws.subscribe_orders(vec![condition])?);

    steps
        .step("both channels", async {
            let book = books.next().await.ok_or("the channel ended")??;
            expect(!book.bids.is_empty() && !book.asks.is_empty(), &book)?;
            Ok(format!("{} bids, {} asks", book.bids.len(), book.asks.len()))
        })
        .await;

    steps
        .step("health, clock, version, region", async {
            expect(client.ok().await? == "OK", "health")?;
            expect((client.server_time().await? - Utc::now().timestamp()).abs() < 5, "clock")?;
            expect(client.version().await? == 2, "version")?;
            expect(!client.check_geoblock().await?.blocked, "blocked")?;
            Ok(String::new())
        })
        .await;

    steps
        .step("market lists and parameters", async {
            expect(client.markets(None).await?.next_cursor == "LTE=", "markets")?;
            expect(client.sampling_markets(None).await?.count > 0, "sampling markets")?;
            expect(client.simplified_markets(None).await?.count > 0, "simplified markets")?;
            expect(client.sampling_simplified_markets(None).await?.count > 0, "sampling simplified markets")?;
            expect(client.market(&condition.to_string()).await?.condition_id == Some(condition), "one market")?;
            expect(client.clob_market_info(&condition.to_string()).await?.condition_id == condition, "parameters")?;
            expect(client.market_by_token(no).await?.primary_token_id == yes, "by token")?;
            client.tick_size(yes).await?;
            client.neg_risk(yes).await?;
            client.fee_rate_bps(yes).await?;
            client.fee_exponent(yes).await?;
            Ok(String::new())
        })
        .await;

    steps
        .step("books", async {
            let book = client.order_book(&OrderBookSummaryRequest::builder().token_id(yes).build()).await?;
            let told = book.hash.clone().unwrap_or_default();
            expect(told.len() == 40, &told)?;
            // The client's own hash is SHA-256 over its own text: it can be called, not compared.
            client.order_book_hash(&book)?;
            let both = [yes, no].map(|token| OrderBookSummaryRequest::builder().token_id(token).build());
            let both: Vec<U256> = client.order_books(&both).await?.iter().map(|book| book.asset_id).collect();
            expect(both == [yes, no], &both)?;
            Ok(told)
        })
        .await;

    steps
        .step("prices", async {
            let ask = |side| PriceRequest::builder().token_id(yes).side(side).build();
            let mid = client.midpoint(&MidpointRequest::builder().token_id(yes).build()).await?.mid;
            let (bid, offer) = (client.price(&ask(Side::Buy)).await?.price, client.price(&ask(Side::Sell)).await?.price);
            expect(bid < mid && mid < offer, (bid, mid, offer))?;
            client.midpoints(&[MidpointRequest::builder().token_id(yes).build()]).await?;
            client.prices(&[ask(Side::Buy), ask(Side::Sell)]).await?;
            client.spread(&SpreadRequest::builder().token_id(yes).build()).await?;
            client.spreads(&[SpreadRequest::builder().token_id(yes).build()]).await?;
            let day = TimeRange::Interval { interval: Interval::OneDay };
            client.price_history(&PriceHistoryRequest::builder().market(yes).time_range(day).build()).await?;
            Ok(format!("{bid} / {offer}"))
        })
        .await;

    steps
        .step("balances", async {
            let dollars = BalanceAllowanceRequest::builder().asset_type(AssetType::Collateral).build();
            let answer = client.balance_allowance(dollars).await?;
            expect(answer.balance > Decimal::ZERO && answer.allowances.len() == 2, &answer)?;
            let shares = || BalanceAllowanceRequest::builder().asset_type(AssetType::Conditional).token_id(yes).build();
            client.update_balance_allowance(shares()).await?;
            client.balance_allowance(shares()).await?;
            Ok(String::new())
        })
        .await;

    let bid = |price: Decimal| {
        client.limit_order().token_id(yes).side(Side::Buy).price(price).size(dec("20")).post_only(true)
    };

    steps
        .step("post-only GTC, heard, read back, refused twice", async {
            let signed = client.sign(&signer, bid(dec("0.40")).order_type(OrderType::GTC).build().await?).await?;
            let again = client.sign(&signer, bid(dec("0.40")).order_type(OrderType::GTC).build().await?).await?;
            let reply = client.post_order(signed).await?;
            expect(reply.success && reply.status == OrderStatusType::Live, &reply)?;
            let heard = loop {
                let order = orders.next().await.ok_or("the channel ended")??;
                if order.id == reply.order_id {
                    break order;
                }
            };
            expect(heard.price == dec("0.40") && heard.status == Some(OrderStatusType::Live), &heard)?;
            loop {
                let change = changes.next().await.ok_or("the channel ended")??;
                if change.price_changes.iter().any(|c| c.asset_id == yes && c.price == dec("0.40")) {
                    break;
                }
            }
            let row = client.order(&reply.order_id).await?;
            expect(row.original_size == dec("20") && row.size_matched == Decimal::ZERO, &row)?;
            let named = OrdersRequest::builder().order_id(reply.order_id.clone()).build();
            expect(client.orders(&named, None).await?.count == 1, "listed by its id")?;
            expect(client.post_order(again).await?.success, "another salt is another order")?;
            Ok(reply.order_id)
        })
        .await;

    steps
        .step("post-only GTD", async {
            let end = Utc::now() + Duration::from_secs(600);
            let reply =
                bid(dec("0.39")).order_type(OrderType::GTD).expiration(end).build_sign_and_post(&signer).await?;
            let row = client.order(&reply.order_id).await?;
            expect(row.expiration.timestamp() == end.timestamp(), &row)?;
            Ok(String::new())
        })
        .await;

    steps
        .step("refusals in the venue's words", async {
            let post = async |order: Decimal, size: Decimal| {
                bid(order).size(size).order_type(OrderType::GTC).build_sign_and_post(&signer).await
            };
            refused(post(dec("0.90"), dec("20")).await, 400, "invalid post-only order: order crosses book")?;
            refused(post(dec("0.40"), dec("4")).await, 400, "lower than the minimum: 5")?;
            refused(post(dec("0.40"), dec("1000000")).await, 400, "not enough balance / allowance")?;
            Ok(String::new())
        })
        .await;

    steps
        .step("batch, entry by entry", async {
            let mut batch = Vec::new();
            for price in [dec("0.38"), dec("0.95"), dec("0.37")] {
                batch.push(client.sign(&signer, bid(price).order_type(OrderType::GTC).build().await?).await?);
            }
            let replies = client.post_orders(batch).await?;
            let accepted: Vec<bool> = replies.iter().map(|reply| reply.success).collect();
            expect(accepted == [true, false, true], &replies)?;
            Ok(String::new())
        })
        .await;

    let open = async || -> Result<Vec<String>, Error> {
        let page = client.orders(&OrdersRequest::builder().market(condition).build(), None).await?;
        Ok(page.data.into_iter().map(|order| order.id).collect())
    };

    steps
        .step("open orders and scoring", async {
            let ids = open().await?;
            expect(ids.len() == 5, &ids)?;
            expect(!client.is_order_scoring(&ids[0]).await?.scoring, "ten cents away does not score")?;
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            expect(client.are_orders_scoring(&ids).await?.len() == 5, "all are answered")?;
            Ok(String::new())
        })
        .await;

    steps
        .step("cancel one, many, a market's, all", async {
            let ids = open().await?;
            expect(client.cancel_order(&ids[0]).await?.canceled == [ids[0].clone()], "one")?;
            let many = client.cancel_orders(&[&ids[0], &ids[1]]).await?;
            expect(many.canceled == [ids[1].clone()] && many.not_canceled.len() == 1, &many)?;
            let by_token = CancelMarketOrderRequest::builder().asset_id(no).build();
            expect(client.cancel_market_orders(&by_token).await?.canceled.is_empty(), "nothing on the other token")?;
            let by_market = CancelMarketOrderRequest::builder().market(condition).build();
            expect(client.cancel_market_orders(&by_market).await?.canceled.len() == 3, "a market's")?;
            expect(client.cancel_all_orders().await?.canceled.is_empty(), "all")?;
            Ok(String::new())
        })
        .await;

    steps
        .step("a market order and its trade", async {
            let order = client.market_order().token_id(yes).side(Side::Buy).order_type(OrderType::FAK);
            let reply = order.amount(Amount::usdc(dec("5"))?).build_sign_and_post(&signer).await?;
            expect(reply.status == OrderStatusType::Matched && reply.taking_amount > Decimal::ZERO, &reply)?;
            let id = reply.trade_ids.first().ok_or("no trade id")?;
            let trades = client.trades(&TradesRequest::builder().id(id.clone()).build(), None).await?;
            expect(trades.count == 1, &trades)?;
            client.last_trade_price(&LastTradePriceRequest::builder().token_id(yes).build()).await?;
            client.last_trades_prices(&[LastTradePriceRequest::builder().token_id(yes).build()]).await?;
            let book = client.order_book(&OrderBookSummaryRequest::builder().token_id(yes).build()).await?;
            expect(book.last_trade_price.is_some(), &book)?;
            expect(!client.notifications().await?.is_empty(), "a fill leaves a note")?;
            client.delete_notifications(&DeleteNotificationsRequest::builder().build()).await?;
            Ok(format!("{} shares", reply.taking_amount))
        })
        .await;

    steps
        .step("heartbeats: first, chained, stale", async {
            let first: Uuid = client.post_heartbeat(None).await?.heartbeat_id;
            let second = client.post_heartbeat(Some(first)).await?.heartbeat_id;
            let told = refused(client.post_heartbeat(Some(first)).await, 400, "Invalid Heartbeat ID")?;
            expect(told.contains(&second.to_string()), &told)?;
            client.post_heartbeat(Some(second)).await?;
            Ok(String::new())
        })
        .await;

    steps
        .step("read-only and builder keys", async {
            let key = client.create_readonly_api_key().await?.api_key;
            expect(client.readonly_api_keys().await? == [key.clone()], "listed")?;
            client.delete_readonly_api_key(&key).await?;
            client.create_builder_api_key().await?;
            expect(client.builder_api_keys().await?.len() == 1, "builder keys")?;
            Ok(String::new())
        })
        .await;

    steps
        .step("proxy and Safe wallets", async {
            for kind in [SignatureType::Proxy, SignatureType::GnosisSafe] {
                let wallet = Client::new(&host, config())?.authentication_builder(&signer).signature_type(kind);
                let wallet: Client<Authenticated<Normal>> =
                    wallet.credentials(client.credentials().clone()).authenticate().await?;
                let order = wallet.limit_order().token_id(yes).side(Side::Buy).price(dec("0.41")).size(dec("10"));
                let reply = order.post_only(true).order_type(OrderType::GTC).build_sign_and_post(&signer).await?;
                expect(wallet.order(&reply.order_id).await?.maker_address != client.address(), "its own wallet")?;
                expect(wallet.cancel_order(&reply.order_id).await?.canceled.len() == 1, "cancelled")?;
            }
            Ok(String::new())
        })
        .await;

    steps
        .step("the catalogue", async {
            let catalogue = gamma::Client::new(ready["gamma"].as_str().unwrap_or_default())?;
            let markets = catalogue.markets(&gamma::types::request::MarketsRequest::builder().build()).await?;
            expect(markets.iter().any(|row| row.condition_id == Some(condition)), &markets)?;
            let events = catalogue.events(&gamma::types::request::EventsRequest::builder().build()).await?;
            expect(events.iter().all(|event| event.markets.as_ref().is_some_and(|m| !m.is_empty())), &events)?;
            Ok(format!("{} markets, {} events", markets.len(), events.len()))
        })
        .await;

    steps
        .step("revoke the key", async {
            client.delete_api_key().await?;
            refused(client.api_keys().await, 401, "Unauthorized/Invalid api key")?;
            Ok(String::new())
        })
        .await;

    Ok(steps)
}
