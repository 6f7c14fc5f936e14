"""Drives the official Python client, unmodified, through a maker's day at the simulated venue.

usage: drive.py READY   (READY: the first line `sim-exchange serve` prints)

Prints one line a step and `steps: N passed, M failed` last; exit code 1 if a step failed. The key is a well-known public
development key: never fund it.
"""

import json
import logging
import sys
import time

from py_clob_client_v2 import (
    AssetType,
    BalanceAllowanceParams,
    BookParams,
    ClobClient,
    MarketOrderArgs,
    OpenOrderParams,
    OrderArgs,
    OrderMarketCancelParams,
    OrderPayload,
    OrderScoringParams,
    OrdersScoringParams,
    OrderType,
    PostOrdersV2Args,
    PricesHistoryParams,
    TradeParams,
)
from py_clob_client_v2.exceptions import PolyApiException
from py_clob_client_v2.utilities import parse_raw_orderbook_summary

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
# The key's proxy and Safe; a deposit wallet is whatever its owner signs for first.
WALLETS = {
    1: "0x365f0CA36Ae1f641E02fE3B7743673da42A13A70",
    2: "0xd93B25cb943D14d0d34FBaF01Fc93a0f8b5F6E47",
    3: "0x1234567890123456789012345678901234567890",
}

# Refusals are part of the script; the client logs each as an error.
logging.disable(logging.CRITICAL)

passed = failed = 0


def step(name):
    """Runs the decorated function at once and prints how it went."""

    def run(work):
        global passed, failed
        try:
            shown = work()
            passed += 1
            print(f"ok     {name}" + (f": {shown}" if shown else ""), flush=True)
        except Exception as why:  # a step that breaks off has failed, whatever broke
            failed += 1
            print(f"FAILED {name}: {type(why).__name__}: {why}", flush=True)

    return run


def expect(is_so, shown=""):
    if not is_so:
        raise AssertionError(shown or "not so")


def refused(status, text, call):
    try:
        call()
    except PolyApiException as why:
        expect(why.status_code == status, why)
        expect(text in json.dumps(why.error_msg), why)
        return why.error_msg
    raise AssertionError("it was accepted")


ready = json.loads(sys.argv[1])
host, chain = ready["clob"], ready["chain_id"]
market = ready["markets"][0]
yes, no, condition = market["yes"], market["no"], market["condition"]

client = ClobClient(host, chain, key=KEY)


@step("create or derive the API key")
def _():
    creds = client.create_or_derive_api_key()
    client.set_api_creds(creds)
    expect(client.derive_api_key() == creds, "derived credentials differ")
    expect(creds.api_key in client.get_api_keys()["apiKeys"])
    expect(client.get_closed_only_mode() == {"closed_only": False})
    return creds.api_key


@step("health, clock, version")
def _():
    expect(client.get_ok() == "OK")
    expect(abs(client.get_server_time() - time.time()) < 5)
    expect(client.get_version() == 2)


@step("market lists and parameters")
def _():
    for rows in (client.get_markets(), client.get_sampling_markets(), client.get_simplified_markets(),
                 client.get_sampling_simplified_markets()):
        expect(rows["next_cursor"] == "LTE=" and rows["count"] == len(rows["data"]) > 0, rows)
    expect(client.get_market(condition)["condition_id"] == condition)
    expect(client.get_clob_market_info(condition)["c"] == condition)
    expect(client.get_neg_risk(yes) == market["neg_risk"])
    expect(str(client.get_tick_size(yes)) == market["tick"])
    client.get_fee_rate_bps(yes)
    client.get_fee_exponent(yes)


@step("books and their hash")
def _():
    raw = client.get_order_book(yes)
    book = parse_raw_orderbook_summary(raw) if isinstance(raw, dict) else raw
    told = book.hash
    expect(client.get_order_book_hash(book) == told, "hashes differ")
    both = client.get_order_books([BookParams(yes), BookParams(no)])
    expect([(b["asset_id"] if isinstance(b, dict) else b.asset_id) for b in both] == [yes, no])
    return told


@step("prices")
def _():
    ask = [BookParams(yes, "BUY"), BookParams(yes, "SELL")]
    mid = float(client.get_midpoint(yes)["mid"])
    bid, offer = (float(client.get_price(yes, side)["price"]) for side in ("BUY", "SELL"))
    expect(bid < mid < offer)
    expect(float(client.get_midpoints(ask)[yes]) > 0)
    expect(set(client.get_prices(ask)[yes]) == {"BUY", "SELL"})
    expect(float(client.get_spread(yes)["spread"]) > 0)
    expect(float(client.get_spreads(ask)[yes]) > 0)
    client.get_last_trade_price(yes)
    expect(len(client.get_last_trades_prices(ask)) == 2)
    expect("history" in client.get_prices_history(PricesHistoryParams(market=yes, interval="1d")))
    return f"{bid} / {offer}"


@step("balances")
def _():
    dollars = client.get_balance_allowance(BalanceAllowanceParams(asset_type=AssetType.COLLATERAL))
    expect(int(dollars["balance"]) > 0 and len(dollars["allowances"]) == 2, dollars)
    shares = BalanceAllowanceParams(asset_type=AssetType.CONDITIONAL, token_id=yes)
    client.update_balance_allowance(shares)
    expect(int(client.get_balance_allowance(shares)["balance"]) >= 0)


def bid(price, size=20, token=yes, side="BUY", **more):
    return client.create_order(OrderArgs(token_id=token, price=price, size=size, side=side, **more))


def placed(reply):
    expect(reply["success"] and reply["errorMsg"] == "" and reply["orderID"], reply)
    return reply["orderID"]


@step("post-only GTC, read back, refused twice")
def _():
    order = bid(0.40)
    reply = client.post_order(order, OrderType.GTC, post_only=True)
    order_id = placed(reply)
    expect(reply["status"] == "live" and reply["makingAmount"] == reply["takingAmount"] == "", reply)
    row = client.get_order(order_id)
    expect((row["status"], row["price"], row["original_size"]) == ("LIVE", "0.4", "20"), row)
    expect([row["id"] for row in client.get_open_orders(OpenOrderParams(id=order_id))] == [order_id])
    refused(400, "Duplicated", lambda: client.post_order(order, OrderType.GTC, post_only=True))
    return order_id


@step("post-only GTD")
def _():
    end = int(time.time()) + 600
    order_id = placed(client.post_order(bid(0.39, expiration=end), OrderType.GTD, post_only=True))
    row = client.get_order(order_id)
    expect((row["order_type"], row["expiration"]) == ("GTD", str(end)), row)
    soon = bid(0.39, expiration=int(time.time()) + 90)
    refused(400, "invalid expiration", lambda: client.post_order(soon, OrderType.GTD, post_only=True))


@step("refusals in the venue's words")
def _():
    post = lambda order: lambda: client.post_order(order, OrderType.GTC, post_only=True)
    refused(400, "invalid post-only order: order crosses book", post(bid(0.90)))
    refused(400, "lower than the minimum: 5", post(bid(0.40, size=4)))
    refused(400, "not enough balance / allowance", post(bid(0.40, size=1_000_000)))
    refused(400, "not enough balance / allowance", post(bid(0.60, side="SELL")))


@step("batch, entry by entry")
def _():
    orders = [bid(0.38), bid(0.95), bid(0.37, token=no)]
    replies = client.post_orders([PostOrdersV2Args(order, OrderType.GTC) for order in orders], post_only=True)
    expect([reply["errorMsg"] == "" for reply in replies] == [True, False, True], replies)
    expect("crosses book" in replies[1]["errorMsg"] and replies[1]["orderID"] == "", replies)


@step("open orders and scoring")
def _():
    rows = client.get_open_orders(OpenOrderParams(market=condition))
    expect(len(rows) == 4, rows)
    ids = [row["id"] for row in rows]
    expect(client.is_order_scoring(OrderScoringParams(orderId=ids[0])) == {"scoring": False})
    expect(set(client.are_orders_scoring(OrdersScoringParams(orderIds=ids))) == set(ids))


@step("cancel one, many, a market's, all")
def _():
    ids = [row["id"] for row in client.get_open_orders()]
    expect(client.cancel_order(OrderPayload(orderID=ids[0]))["canceled"] == [ids[0]])
    reply = client.cancel_orders([ids[0], ids[1]])
    expect(reply["canceled"] == [ids[1]] and list(reply["not_canceled"]) == [ids[0]], reply)
    reply = client.cancel_market_orders(OrderMarketCancelParams(asset_id=no))
    expect(len(reply["canceled"]) == 1, reply)
    expect(len(client.cancel_all()["canceled"]) == 1)
    expect(client.cancel_all() == {"canceled": [], "not_canceled": {}})
    expect(client.get_order(ids[0])["status"] == "CANCELED")


@step("a market order, its trade and its transaction")
def _():
    order = client.create_market_order(MarketOrderArgs(token_id=yes, amount=5, side="BUY", order_type=OrderType.FAK))
    reply = client.post_order(order, OrderType.FAK)
    placed(reply)
    expect(reply["status"] == "matched" and float(reply["takingAmount"]) > 0, reply)
    expect(reply["transactionsHashes"] and reply["tradeIDs"], reply)
    trades = client.get_trades(TradeParams(id=reply["tradeIDs"][0]))
    expect(len(trades) == 1 and trades[0]["trader_side"] == "TAKER", trades)
    expect(trades[0]["transaction_hash"] in reply["transactionsHashes"], trades)
    expect(client.get_trades_paginated(TradeParams(market=condition))["count"] >= 1)
    notes = client.get_notifications()
    expect(any(note["type"] == 2 and note["payload"]["order_id"] == reply["orderID"] for note in notes), notes)
    client.drop_notifications()
    shares = client.get_balance_allowance(BalanceAllowanceParams(asset_type=AssetType.CONDITIONAL, token_id=yes))
    expect(int(shares["balance"]) > 0, shares)
    return reply["takingAmount"] + " shares"


@step("heartbeats: first, chained, stale")
def _():
    first = client.post_heartbeat("")["heartbeat_id"]
    second = client.post_heartbeat(first)["heartbeat_id"]
    expect(first != second)
    answer = refused(400, "Invalid Heartbeat ID", lambda: client.post_heartbeat(first))
    expect(answer["heartbeat_id"] == second, answer)
    client.post_heartbeat(second)


@step("read-only and builder keys")
def _():
    key = client.create_readonly_api_key()["apiKey"]
    expect(client.get_readonly_api_keys()["readonlyApiKeys"] == [key])
    client.delete_readonly_api_key(key)
    expect(client.get_readonly_api_keys() == {"readonlyApiKeys": []})
    expect(client.create_builder_api_key()["key"] in [row["key"] for row in client.get_builder_api_keys()])
    client.revoke_builder_api_key()
    expect(client.get_builder_api_keys() == [])


@step("rewards")
def _():
    client.get_current_rewards()
    client.get_raw_rewards_for_market(condition)


for kind, wallet in WALLETS.items():

    @step(f"a wallet of signature type {kind}")
    def _():
        other = ClobClient(host, chain, key=KEY, creds=client.creds, signature_type=kind, funder=wallet)
        order = other.create_order(OrderArgs(token_id=yes, price=0.41, size=10, side="BUY"))
        order_id = placed(other.post_order(order, OrderType.GTC, post_only=True))
        expect(other.get_order(order_id)["maker_address"].lower() == wallet.lower())
        dollars = other.get_balance_allowance(BalanceAllowanceParams(asset_type=AssetType.COLLATERAL))
        expect(int(dollars["balance"]) > 0, dollars)
        expect(other.cancel_order(OrderPayload(orderID=order_id))["canceled"] == [order_id])


@step("revoke the key")
def _():
    client.delete_api_key()
    refused(401, "Unauthorized/Invalid api key", client.get_api_keys)


print(f"steps: {passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
