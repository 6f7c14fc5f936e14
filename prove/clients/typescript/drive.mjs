// Drives the official TypeScript client, unmodified, through a maker's day at the simulated venue.
//
// usage: node drive.mjs READY   (READY: the first line `sim-exchange serve` prints)
//
// Prints one line a step and `steps: N passed, M failed` last; exit code 1 if a step failed. The client has no stream of its
// own: the two channels are read with the socket library its users take. The key is a well-known public development key: never
// fund it.

import assert from "node:assert/strict";
import { AssetType, Chain, ClobClient, OrderType, Side, SignatureTypeV2 } from "@polymarket/clob-client-v2";
import { createWalletClient, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import WebSocket from "ws";

const KEY = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
const DEPOSIT_WALLET = "0x2345678901234567890123456789012345678901";
const PATIENCE_MS = 20_000;

const ready = JSON.parse(process.argv[2]);
const [market] = ready.markets;
const { yes, no, condition } = market;

const signer = createWalletClient({ account: privateKeyToAccount(KEY), transport: http(ready.clob) });
const options = { host: ready.clob, chain: Chain.POLYGON, signer, throwOnError: true };
// The client logs every refusal, and refusals are part of the script.
console.error = () => {};
const log = console.log;
console.log = () => {};

let [passed, failed] = [0, 0];

async function step(name, work) {
  try {
    const shown = await work();
    passed += 1;
    log(`ok     ${name}${shown ? `: ${shown}` : ""}`);
  } catch (why) {
    failed += 1;
    log(`FAILED ${name}: ${why?.message ?? why}`);
  }
}

async function refused(status, text, call) {
  try {
    await call();
  } catch (why) {
    assert.equal(why.status, status, why.message);
    assert.match(JSON.stringify(why.data ?? why.message), new RegExp(text));
    return why.data;
  }
  assert.fail("it was accepted");
}

/** A channel: its first frame, and what has come since. */
function listen(channel, first) {
  const socket = new WebSocket(`${ready.ws}/${channel}`);
  const heard = [];
  const waiting = new Set();
  socket.on("open", () => socket.send(JSON.stringify(first)));
  socket.on("message", (data) => {
    const text = data.toString();
    const frames = text.startsWith("{") || text.startsWith("[") ? [JSON.parse(text)].flat() : [text];
    heard.push(...frames);
    for (const look of waiting) look();
  });
  return {
    say: (text) => socket.send(text),
    close: () => socket.close(),
    find: (is) =>
      new Promise((found, lost) => {
        const late = setTimeout(() => lost(new Error("no such frame came")), PATIENCE_MS);
        const look = () => {
          const frame = heard.find(is);
          if (frame === undefined) return;
          clearTimeout(late);
          waiting.delete(look);
          found(frame);
        };
        waiting.add(look);
        look();
      }),
  };
}

const placed = (reply) => {
  assert.ok(reply.success && reply.errorMsg === "" && reply.orderID, JSON.stringify(reply));
  return reply.orderID;
};

let client = new ClobClient(options);
let creds;
let feed;
let account;

await step("create or derive the API key", async () => {
  creds = await client.createOrDeriveApiKey();
  client = new ClobClient({ ...options, creds });
  assert.deepEqual(await client.deriveApiKey(), creds);
  assert.ok((await client.getApiKeys()).apiKeys.includes(creds.key));
  assert.deepEqual(await client.getClosedOnlyMode(), { closed_only: false });
  return creds.key;
});

await step("both channels", async () => {
  feed = listen("market", { assets_ids: [yes, no], type: "market", initial_dump: true, custom_feature_enabled: true });
  const auth = { apiKey: creds.key, secret: creds.secret, passphrase: creds.passphrase };
  account = listen("user", { auth, type: "user", markets: [condition] });
  const book = await feed.find((frame) => frame.event_type === "book" && frame.asset_id === yes);
  feed.say("PING");
  await feed.find((frame) => frame === "PONG");
  return `${book.bids.length} bids, ${book.asks.length} asks`;
});

await step("health, clock, version", async () => {
  assert.equal(await client.getOk(), "OK");
  assert.ok(Math.abs((await client.getServerTime()) - Date.now() / 1000) < 5);
  assert.equal(await client.getVersion(), 2);
});

await step("market lists and parameters", async () => {
  const lists = ["getMarkets", "getSamplingMarkets", "getSimplifiedMarkets", "getSamplingSimplifiedMarkets"];
  for (const list of lists) {
    const page = await client[list]();
    assert.ok(page.next_cursor === "LTE=" && page.count === page.data.length && page.count > 0, list);
  }
  assert.equal((await client.getMarket(condition)).condition_id, condition);
  assert.equal((await client.getClobMarketInfo(condition)).c, condition);
  assert.equal(await client.getTickSize(yes), market.tick);
  assert.equal(await client.getNegRisk(yes), market.neg_risk);
});

await step("books, their hash, and the stream's", async () => {
  const book = await client.getOrderBook(yes);
  const told = book.hash;
  assert.equal(await client.getOrderBookHash(book), told);
  const both = await client.getOrderBooks([{ token_id: yes }, { token_id: no }]);
  assert.deepEqual(both.map((each) => each.asset_id), [yes, no]);
  return told;
});

await step("prices", async () => {
  const ask = [{ token_id: yes, side: Side.BUY }, { token_id: yes, side: Side.SELL }];
  const [bid, offer] = [await client.getPrice(yes, "BUY"), await client.getPrice(yes, "SELL")].map((x) => +x.price);
  const mid = +(await client.getMidpoint(yes)).mid;
  assert.ok(bid < mid && mid < offer);
  assert.ok(+(await client.getMidpoints(ask))[yes] > 0);
  assert.deepEqual(Object.keys((await client.getPrices(ask))[yes]).sort(), ["BUY", "SELL"]);
  assert.ok(+(await client.getSpread(yes)).spread > 0);
  assert.ok(+(await client.getSpreads(ask))[yes] > 0);
  await client.getLastTradePrice(yes);
  assert.equal((await client.getLastTradesPrices(ask)).length, 2);
  await client.getPricesHistory({ market: yes, interval: "1d" });
  return `${bid} / ${offer}`;
});

await step("balances", async () => {
  const dollars = await client.getBalanceAllowance({ asset_type: AssetType.COLLATERAL });
  assert.ok(BigInt(dollars.balance) > 0n && Object.keys(dollars.allowances).length === 2);
  await client.updateBalanceAllowance({ asset_type: AssetType.CONDITIONAL, token_id: yes });
  await client.getBalanceAllowance({ asset_type: AssetType.CONDITIONAL, token_id: yes });
});

const bid = (price, more = {}) => client.createOrder({ tokenID: yes, price, size: 20, side: Side.BUY, ...more });

await step("post-only GTC, heard, read back, refused twice", async () => {
  const order = await bid(0.4);
  const reply = await client.postOrder(order, OrderType.GTC, true);
  const id = placed(reply);
  assert.equal(reply.status, "live");
  const heard = await account.find((frame) => frame.event_type === "order" && frame.id === id);
  assert.deepEqual([heard.type, heard.status, heard.price], ["PLACEMENT", "LIVE", "0.4"]);
  await feed.find((frame) => frame.event_type === "price_change"
    && frame.price_changes.some((change) => change.asset_id === yes && change.price === "0.4"));
  assert.equal((await client.getOrder(id)).original_size, "20");
  assert.deepEqual((await client.getOpenOrders({ id })).map((row) => row.id), [id]);
  await refused(400, "Duplicated", () => client.postOrder(order, OrderType.GTC, true));
  return id;
});

await step("post-only GTD", async () => {
  const expiration = Math.floor(Date.now() / 1000) + 600;
  const id = placed(await client.postOrder(await bid(0.39, { expiration }), OrderType.GTD, true));
  const row = await client.getOrder(id);
  assert.deepEqual([row.order_type, row.expiration], ["GTD", String(expiration)]);
});

await step("refusals in the venue's words", async () => {
  const post = async (more) => client.postOrder(await bid(0.4, more), OrderType.GTC, true);
  await refused(400, "order crosses book", () => post({ price: 0.9 }));
  await refused(400, "lower than the minimum: 5", () => post({ size: 4 }));
  await refused(400, "not enough balance / allowance", () => post({ size: 1_000_000 }));
});

await step("batch, entry by entry", async () => {
  const orders = [await bid(0.38), await bid(0.95), await bid(0.37, { tokenID: no })];
  const replies = await client.postOrders(orders.map((order) => ({ order, orderType: OrderType.GTC })), true);
  assert.deepEqual(replies.map((reply) => reply.errorMsg === ""), [true, false, true]);
});

await step("open orders and scoring", async () => {
  const ids = (await client.getOpenOrders({ market: condition })).map((row) => row.id);
  assert.equal(ids.length, 4);
  assert.deepEqual(await client.isOrderScoring({ order_id: ids[0] }), { scoring: false });
  assert.deepEqual(Object.keys(await client.areOrdersScoring({ orderIds: ids })).sort(), [...ids].sort());
});

await step("cancel one, many, a market's, all", async () => {
  const ids = (await client.getOpenOrders()).map((row) => row.id);
  assert.deepEqual((await client.cancelOrder({ orderID: ids[0] })).canceled, [ids[0]]);
  await account.find((frame) => frame.type === "CANCELLATION" && frame.id === ids[0]);
  const many = await client.cancelOrders([ids[0], ids[1]]);
  assert.deepEqual([many.canceled, Object.keys(many.not_canceled)], [[ids[1]], [ids[0]]]);
  assert.equal((await client.cancelMarketOrders({ asset_id: no })).canceled.length, 1);
  assert.equal((await client.cancelAll()).canceled.length, 1);
  assert.deepEqual(await client.cancelAll(), { canceled: [], not_canceled: {} });
});

await step("a market order, its trade and its transaction", async () => {
  const order = await client.createMarketOrder({ tokenID: yes, amount: 5, side: Side.BUY, orderType: OrderType.FAK });
  const reply = await client.postOrder(order, OrderType.FAK);
  placed(reply);
  assert.equal(reply.status, "matched");
  assert.equal(reply.transactionsHashes.length, reply.tradeIDs.length);
  const heard = await account.find((frame) => frame.event_type === "trade" && frame.status === "MINED");
  assert.deepEqual([heard.id, heard.transaction_hash], [reply.tradeIDs[0], reply.transactionsHashes[0]]);
  const trades = await client.getTrades({ id: reply.tradeIDs[0] });
  assert.equal(trades[0].trader_side, "TAKER");
  assert.ok((await client.getNotifications()).some((note) => note.payload.order_id === reply.orderID));
  await client.dropNotifications({ ids: ["1"] });
  return `${reply.takingAmount} shares`;
});

await step("heartbeats: first, chained, stale", async () => {
  const first = (await client.postHeartbeat()).heartbeat_id;
  const second = (await client.postHeartbeat(first)).heartbeat_id;
  assert.notEqual(first, second);
  const answer = await refused(400, "Invalid Heartbeat ID", () => client.postHeartbeat(first));
  assert.equal(answer.error.heartbeat_id, second);
  await client.postHeartbeat(second);
});

await step("read-only and builder keys", async () => {
  const { apiKey } = await client.createReadonlyApiKey();
  const listed = await client.getReadonlyApiKeys();
  assert.ok(JSON.stringify(listed).includes(apiKey));
  await client.deleteReadonlyApiKey(apiKey);
  const { key } = await client.createBuilderApiKey();
  assert.ok((await client.getBuilderApiKeys()).some((row) => row.key === key));
});

await step("a deposit wallet", async () => {
  const wallet = { signatureType: SignatureTypeV2.POLY_1271, funderAddress: DEPOSIT_WALLET };
  const other = new ClobClient({ ...options, creds, ...wallet });
  const order = await other.createOrder({ tokenID: yes, price: 0.41, size: 10, side: Side.BUY });
  const id = placed(await other.postOrder(order, OrderType.GTC, true));
  assert.equal((await other.getOrder(id)).maker_address.toLowerCase(), DEPOSIT_WALLET);
  assert.deepEqual((await other.cancelOrder({ orderID: id })).canceled, [id]);
});

await step("revoke the key", async () => {
  await client.deleteApiKey();
  await refused(401, "Unauthorized", () => client.getApiKeys());
});

feed?.close();
account?.close();
log(`steps: ${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
