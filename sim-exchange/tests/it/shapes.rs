//! The bodies themselves, whole: what a client's parser meets. The world is drawn from a seed and its clock stands still, so
//! nothing in them moves; `UPDATE_EXPECT=1` writes them anew, and the difference is for the reviewer.

use crate::client::{Trader, fetch, still_venue};
use expect_test::{Expect, expect};
use serde_json::{Value, json};

fn check(body: &Value, expected: &Expect) {
    expected.assert_eq(&serde_json::to_string_pretty(body).expect("JSON"));
}

/// A body in which lists of levels are cut to their best.
fn best_only(mut book: Value) -> Value {
    for side in ["bids", "asks"] {
        let levels = book[side].as_array_mut().expect("levels");
        *levels = levels.split_off(levels.len() - 1);
    }
    book
}

#[tokio::test]
async fn of_markets_and_books() {
    let (running, _) = still_venue("").await;
    let (ready, http) = (&running.ready, crate::client::http());
    let get = async |path: String| {
        let (status, body) = fetch(http.get(format!("{}{path}", ready.clob))).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    };
    let market = &ready.markets[0];
    check(
        &get(format!("/clob-markets/{}", market.condition)).await,
        &expect![[r#"
        {
          "ao": true,
          "c": "0xf9022c1bd9d0f8ac8acde7b3a64a7dfd1bbba46afb4a6b6a0b1f68bbc0f62aed",
          "mos": 5,
          "mts": 0.01,
          "r": null,
          "t": [
            {
              "o": "Yes",
              "t": "175697825792809787563341585070312020290"
            },
            {
              "o": "No",
              "t": "209749990232005196807227742360333447433"
            }
          ]
        }"#]],
    );
    check(
        &get(format!("/markets/{}", market.condition)).await,
        &expect![[r#"
        {
          "accepting_order_timestamp": null,
          "accepting_orders": true,
          "active": true,
          "archived": false,
          "closed": false,
          "condition_id": "0xf9022c1bd9d0f8ac8acde7b3a64a7dfd1bbba46afb4a6b6a0b1f68bbc0f62aed",
          "description": "",
          "enable_order_book": true,
          "end_date_iso": null,
          "fpmm": "",
          "game_start_time": null,
          "icon": "",
          "image": "",
          "is_50_50_outcome": false,
          "maker_base_fee": 0,
          "market_slug": "still",
          "minimum_order_size": 5,
          "minimum_tick_size": 0.01,
          "neg_risk": false,
          "neg_risk_market_id": "",
          "neg_risk_request_id": "",
          "notifications_enabled": false,
          "question": "still",
          "question_id": "0x44231018dac3a9f68a6a2aef4ee80def8ced1de3bddac9508ff8a343679fe66e",
          "rewards": {
            "max_spread": 0,
            "min_size": 0,
            "rates": null
          },
          "seconds_delay": 0,
          "tags": [],
          "taker_base_fee": 0,
          "tokens": [
            {
              "outcome": "Yes",
              "price": 0.5,
              "token_id": "175697825792809787563341585070312020290",
              "winner": false
            },
            {
              "outcome": "No",
              "price": 0.5,
              "token_id": "209749990232005196807227742360333447433",
              "winner": false
            }
          ]
        }"#]],
    );
    check(
        &get("/simplified-markets".to_owned()).await,
        &expect![[r#"
        {
          "count": 1,
          "data": [
            {
              "accepting_orders": true,
              "active": true,
              "archived": false,
              "closed": false,
              "condition_id": "0xf9022c1bd9d0f8ac8acde7b3a64a7dfd1bbba46afb4a6b6a0b1f68bbc0f62aed",
              "rewards": {
                "max_spread": 0,
                "min_size": 0,
                "rates": null
              },
              "tokens": [
                {
                  "outcome": "Yes",
                  "price": 0.5,
                  "token_id": "175697825792809787563341585070312020290",
                  "winner": false
                },
                {
                  "outcome": "No",
                  "price": 0.5,
                  "token_id": "209749990232005196807227742360333447433",
                  "winner": false
                }
              ]
            }
          ],
          "limit": 100,
          "next_cursor": "LTE="
        }"#]],
    );
    check(
        &best_only(get(format!("/book?token_id={}", market.no)).await),
        &expect![[r#"
        {
          "asks": [
            {
              "price": "0.51",
              "size": "456"
            }
          ],
          "asset_id": "209749990232005196807227742360333447433",
          "bids": [
            {
              "price": "0.49",
              "size": "443"
            }
          ],
          "hash": "e8648b19ed918debf6f749e9ff21d357c691d5f3",
          "last_trade_price": "",
          "market": "0xf9022c1bd9d0f8ac8acde7b3a64a7dfd1bbba46afb4a6b6a0b1f68bbc0f62aed",
          "min_order_size": "5",
          "neg_risk": false,
          "tick_size": "0.01",
          "timestamp": "1795219200000"
        }"#]],
    );
    running.stop().await;
}

#[tokio::test]
async fn of_orders_and_trades() {
    let (running, hands) = still_venue("").await;
    let trader = Trader::login(&running.ready, 0).await;
    let mut post = trader.order_of("BUY", 5_100_000, 10_000_000);
    post["postOnly"] = json!(false);
    let (_, reply) = trader.call("POST", "/order", &post).await;
    // the order's hash covers the moment it was signed
    let masked = |value: Value| -> Value {
        let (text, id) = (value.to_string(), reply["orderID"].as_str().expect("an id"));
        serde_json::from_str(&text.replace(id, "0x(the order)")).expect("JSON")
    };
    check(
        &masked(reply.clone()),
        &expect![[r#"
        {
          "errorMsg": "",
          "makingAmount": "5.1",
          "orderID": "0x(the order)",
          "status": "matched",
          "success": true,
          "takingAmount": "10",
          "tradeIDs": [
            "fc56d8d7-6ce1-425d-8303-e1fac8225e22"
          ]
        }"#]],
    );
    let id = reply["orderID"].as_str().expect("an id");
    check(
        &masked(trader.get(&format!("/data/order/{id}"), "").await.1),
        &expect![[r#"
        {
          "asset_id": "175697825792809787563341585070312020290",
          "associate_trades": [
            "fc56d8d7-6ce1-425d-8303-e1fac8225e22"
          ],
          "created_at": 1795219200,
          "expiration": "0",
          "id": "0x(the order)",
          "maker_address": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
          "market": "0xf9022c1bd9d0f8ac8acde7b3a64a7dfd1bbba46afb4a6b6a0b1f68bbc0f62aed",
          "order_type": "GTC",
          "original_size": "10",
          "outcome": "Yes",
          "owner": "e4d4e22c-ac1c-441c-aa6e-421077a1f416",
          "price": "0.51",
          "side": "BUY",
          "size_matched": "10",
          "status": "MATCHED"
        }"#]],
    );
    hands.advance_ms(2_000);
    check(
        &masked(trader.get("/data/trades", "").await.1),
        &expect![[r#"
        {
          "count": 1,
          "data": [
            {
              "asset_id": "175697825792809787563341585070312020290",
              "bucket_index": 0,
              "fee_rate_bps": "0",
              "id": "fc56d8d7-6ce1-425d-8303-e1fac8225e22",
              "last_update": "1795219202",
              "maker_address": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
              "maker_orders": [
                {
                  "asset_id": "175697825792809787563341585070312020290",
                  "fee_rate_bps": "0",
                  "maker_address": "0x000000000000000000000000000000000000dEaD",
                  "matched_amount": "10",
                  "order_id": "0x3c44057c67a62ca666b8808c2c0c7d12a0238c9a4c3f21e127cfaebdefd933d6",
                  "outcome": "Yes",
                  "owner": "c923a4e0-ee0b-42e0-b8ee-f700f7383d47",
                  "price": "0.51",
                  "side": "SELL"
                }
              ],
              "market": "0xf9022c1bd9d0f8ac8acde7b3a64a7dfd1bbba46afb4a6b6a0b1f68bbc0f62aed",
              "match_time": "1795219200",
              "outcome": "Yes",
              "owner": "e4d4e22c-ac1c-441c-aa6e-421077a1f416",
              "price": "0.51",
              "side": "BUY",
              "size": "10",
              "status": "MINED",
              "taker_order_id": "0x(the order)",
              "trader_side": "TAKER",
              "transaction_hash": "0xed0aaf08ab3102b7cfd4bbf64a5502d06b1a1be8dbd51d7920f04e2fbc2d62d6"
            }
          ],
          "limit": 100,
          "next_cursor": "LTE="
        }"#]],
    );
    check(
        &masked(trader.get("/notifications", "").await.1),
        &expect![[r#"
        [
          {
            "id": 1,
            "owner": "e4d4e22c-ac1c-441c-aa6e-421077a1f416",
            "payload": {
              "asset_id": "175697825792809787563341585070312020290",
              "condition_id": "0xf9022c1bd9d0f8ac8acde7b3a64a7dfd1bbba46afb4a6b6a0b1f68bbc0f62aed",
              "eventSlug": "still",
              "icon": "",
              "image": "",
              "market": "0xf9022c1bd9d0f8ac8acde7b3a64a7dfd1bbba46afb4a6b6a0b1f68bbc0f62aed",
              "market_slug": "still",
              "matched_size": 10,
              "order_id": "0x(the order)",
              "original_size": 10,
              "outcome": "Yes",
              "outcome_index": 0,
              "owner": "e4d4e22c-ac1c-441c-aa6e-421077a1f416",
              "price": 0.51,
              "question": "still",
              "remaining_size": 0,
              "seriesSlug": "",
              "side": "BUY",
              "trade_id": "fc56d8d7-6ce1-425d-8303-e1fac8225e22",
              "transaction_hash": "0x0000000000000000000000000000000000000000000000000000000000000000",
              "type": "GTC"
            },
            "timestamp": 1795219200,
            "type": 2
          }
        ]"#]],
    );
    check(
        &trader.get("/balance-allowance", "?asset_type=COLLATERAL").await.1,
        &expect![[r#"
        {
          "allowances": {
            "0xE111180000d2663C0091e4f400237545B87B996B": "115792089237316195423570985008687907853269984665640564039457584007913129639935",
            "0xe2222d279d744050d28e00520010520000310F59": "115792089237316195423570985008687907853269984665640564039457584007913129639935"
          },
          "balance": "9994900000"
        }"#]],
    );
    running.stop().await;
}

#[tokio::test]
async fn of_the_other_hosts() {
    let (running, hands) = still_venue("").await;
    let trader = Trader::login(&running.ready, 0).await;
    let mut post = trader.order_of("BUY", 5_100_000, 10_000_000);
    post["postOnly"] = json!(false);
    trader.call("POST", "/order", &post).await;
    hands.advance_ms(15_000);
    let get = async |url: String| fetch(trader.http.get(url)).await.1;
    check(
        &get(format!("{}/events", running.ready.gamma)).await,
        &expect![[r#"
        [
          {
            "active": true,
            "archived": false,
            "closed": false,
            "enableOrderBook": true,
            "endDate": null,
            "id": "81111115",
            "markets": [
              {
                "acceptingOrders": true,
                "active": true,
                "archived": false,
                "bestAsk": 0.51,
                "bestBid": 0.49,
                "clearBookOnStart": false,
                "clobRewards": [],
                "clobTokenIds": "[\"175697825792809787563341585070312020290\",\"209749990232005196807227742360333447433\"]",
                "closed": false,
                "conditionId": "0xf9022c1bd9d0f8ac8acde7b3a64a7dfd1bbba46afb4a6b6a0b1f68bbc0f62aed",
                "enableOrderBook": true,
                "endDate": null,
                "events": [
                  {
                    "id": "81111115",
                    "slug": "still",
                    "title": "still"
                  }
                ],
                "feesEnabled": false,
                "id": "1",
                "lastTradePrice": 0.51,
                "orderMinSize": 5,
                "orderPriceMinTickSize": 0.01,
                "outcomePrices": "[\"0.5\",\"0.5\"]",
                "outcomes": "[\"Yes\",\"No\"]",
                "question": "still",
                "questionID": "0x44231018dac3a9f68a6a2aef4ee80def8ced1de3bddac9508ff8a343679fe66e",
                "restricted": false,
                "rewardsMaxSpread": 0,
                "rewardsMinSize": 0,
                "secondsDelay": 0,
                "slug": "still",
                "spread": 0.02,
                "startDate": null,
                "version": "v1",
                "volume24hr": 9.69
              }
            ],
            "restricted": false,
            "slug": "still",
            "startDate": null,
            "ticker": "still",
            "title": "still"
          }
        ]"#]],
    );
    check(
        &get(format!("{}/v2/positions?user={}", running.ready.data, trader.address())).await,
        &expect![[r#"
        {
          "data": [
            {
              "archived": false,
              "avg_price": "0.51",
              "condition_id": "0xf9022c1bd9d0f8ac8acde7b3a64a7dfd1bbba46afb4a6b6a0b1f68bbc0f62aed",
              "current_price": "0.5",
              "current_size": "10",
              "current_value": "5",
              "end_date": null,
              "entry_cost_usdc": "5.1",
              "entry_fees_usdc": "0",
              "event_id": "81111115",
              "first_entry_at": 1795219200,
              "last_event_at": 1795219200,
              "mergeable": false,
              "negative_risk": false,
              "opposite_token_id": "209749990232005196807227742360333447433",
              "outcome": "Yes",
              "outcome_index": 0,
              "proxy_wallet": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
              "realized_pnl": "0",
              "redeemable": false,
              "slug": "still",
              "status": "OPEN",
              "title": "still",
              "token_id": "175697825792809787563341585070312020290",
              "total_cost_usdc": "5.1",
              "total_pnl": "-0.1",
              "total_size": "10",
              "unrealized_pnl": "-0.1"
            }
          ],
          "pagination": {
            "has_more": false,
            "next_cursor": null
          }
        }"#]],
    );
    check(
        &get(running.ready.geoblock.clone()).await,
        &expect![[r#"
        {
          "blocked": false,
          "country": "NO",
          "ip": "127.0.0.1",
          "region": ""
        }"#]],
    );
    running.stop().await;
}
