/**
 * A mock of the herdsman service for work on the dashboard alone: the built files from web/static, the API
 * with a made-up fleet, and a live stream. BOTS=1000 PORT=8421 node dev/server.mjs
 *
 * EMPTY=1: no bots. DENY=1: no session. READER=1: a token that may only read. BROKEN=1: the API fails. HELD=1:
 * removals wait. GONE=1: the first bot was removed. SILENT=1: nothing moves. RATE: prints a bot and second
 * (default 0.3).
 */

import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import * as data from "./fleet.mjs";

const STATIC = new URL("../../static/", import.meta.url).pathname;
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const { EMPTY, DENY, READER, BROKEN, GONE, SILENT, PORT = "8421", BOTS = "24", RATE = "0.3" } = process.env;
const bots = data.makeBots(EMPTY ? 0 : Number(BOTS));
const byName = new Map(bots.map((bot) => [bot.name, bot]));
const kept = new Map();
const readers = new Set();
let signedIn = !DENY;
let serial = 0;

/** What one bot has printed so far: made when it is first asked for. */
function printed(bot) {
  if (!kept.has(bot.name)) {
    const events = [];
    for (let ago = 900; ago > 0; ago -= 2) events.push(data.logEvent(bot, data.now() - ago));
    events[40] = data.logEvent(bot, events[40].time, "warning", "rate limit at 80%");
    events[300] = data.logEvent(bot, events[300].time, "error", data.ERROR_TRACE);
    for (let ago = 900; ago > 0; ago -= 90) events.push(data.tradeEvent(bot, data.now() - ago));
    for (let ago = 880; ago > 0; ago -= 60) events.push(data.orderEvent(bot, data.now() - ago));
    events.push(data.lifecycleEvent(bot, data.now() - 400));
    kept.set(
      bot.name,
      events.sort((a, b) => a.time - b.time),
    );
  }
  return kept.get(bot.name);
}

const WEIGHT = { debug: 0, info: 1, warning: 2, error: 3, critical: 4 };

function search(bot, query, kinds) {
  const text = (query.get("text") ?? "").toLowerCase();
  const least = WEIGHT[query.get("level") ?? ""] ?? 0;
  const limit = Number(query.get("limit") ?? 200);
  const before = Number(query.get("cursor") || query.get("end") || Number.POSITIVE_INFINITY);
  const found = printed(bot)
    .filter(
      (event) => kinds(event.kind) && event.time < before && event.time >= Number(query.get("start") ?? 0),
    )
    .filter((event) => (WEIGHT[event.level] ?? 1) >= least && event.message.toLowerCase().includes(text))
    .reverse();
  const events = found.slice(0, limit);
  return { events, next_cursor: found.length > limit ? String(events.at(-1).time) : "" };
}

function kindsWanted(query) {
  const kind = query.get("kind") ?? "";
  if (kind === "all") return () => true;
  if (kind === "") return (name) => name !== "log";
  return (name) => kind.split(",").includes(name);
}

function revisionsFor(query) {
  const bot = query.get("bot");
  if (bots.length === 0 || query.get("before")) return [];
  return data.revisions(bots).filter((one) => !bot || one.changes.some((change) => change.bot === bot));
}

function gone(bot) {
  const { id } = data.revisions(bots)[0];
  return { ...data.detail(bot, bots), removed: { revision: id, at: data.now() - 3600 } };
}

function answer(path, query) {
  if (path === "/api/v1/fleet") return data.fleetDocument(bots);
  if (path === "/api/v1/bots") return bots;
  if (path === "/api/v1/whoami") return { name: "desk-ops", scope: READER ? "read" : "admin", session: true };
  if (path === "/api/v1/system") return data.system();
  if (path === "/api/v1/plan")
    return { actions: bots.slice(0, 9).map(({ name }) => ({ bot: name, action: "remove" })) };
  if (path === "/api/v1/revisions") return revisionsFor(query);
  if (path.startsWith("/api/v1/revisions/"))
    return data.revisions(bots).find(({ id }) => id.startsWith(path.split("/")[4])) ?? null;
  if (path === "/api/v1/events") return search(byName.get(query.get("bot")), query, kindsWanted(query));
  const [, name, rest = ""] = /^\/api\/v1\/bots\/([^/]+)(?:\/(\w+))?$/.exec(path) ?? [];
  const bot = byName.get(decodeURIComponent(name ?? ""));
  if (bot === undefined) return null;
  if (rest === "") return GONE && bot === bots[0] ? gone(bot) : data.detail(bot, bots);
  if (rest === "runs") return data.runs(bot);
  if (rest === "logs") return search(bot, query, (kind) => kind === "log");
  if (rest !== "series") return null;
  const { metric, start, end } = Object.fromEntries(query);
  return { series: data.series(metric, bot, Number(start), Math.min(Number(end), data.now())) };
}

function send(response, status, type, body) {
  response.writeHead(status, {
    "content-type": type,
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
  });
  response.end(body);
}

function problem(response, status, title, detail) {
  send(response, status, "application/problem+json", JSON.stringify({ title, status, detail }));
}

function sendFile(response, path) {
  const file = normalize(join(STATIC, path));
  const there = file.startsWith(STATIC) && extname(file) !== "" && existsSync(file);
  const found = there ? file : join(STATIC, "index.html");
  send(response, 200, TYPES[extname(found)] ?? "application/octet-stream", readFileSync(found));
}

function openStream(request, response, topics) {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.write(": open\n\n");
  const reader = { response, topics: new Set(topics.split(",")) };
  readers.add(reader);
  request.on("close", () => readers.delete(reader));
}

function publish(topic, event, document) {
  serial += 1;
  const message = `id: ${serial}\nevent: ${event}\ndata: ${JSON.stringify(document)}\n\n`;
  for (const reader of readers) if (reader.topics.has(topic)) reader.response.write(message);
}

function signIn(request, response) {
  let body = "";
  request.on("data", (part) => {
    body += part;
  });
  request.on("end", () => {
    signedIn = new URLSearchParams(body).get("token") === "secret";
    if (!signedIn) return send(response, 401, "text/html", "wrong");
    response.writeHead(303, { location: "/" });
    response.end();
  });
}

const server = createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  if (request.method === "POST" && url.pathname === "/sign-in") return signIn(request, response);
  if (!url.pathname.startsWith("/api/")) return sendFile(response, url.pathname);
  if (!signedIn) return problem(response, 401, "Sign in first", "no session");
  if (BROKEN)
    return problem(response, 503, "A telemetry store does not answer", "embedded store: disk is full");
  if (url.pathname === "/api/v1/stream") return openStream(request, response, url.searchParams.get("topics"));
  const document = answer(url.pathname, url.searchParams);
  if (document === null) return problem(response, 404, "There is no such thing here", url.pathname);
  send(response, 200, "application/json", JSON.stringify(document));
});

function printOne(bot) {
  data.stir(bot);
  publish("fleet", "status", bot);
}

function tick(second) {
  if (second % 2 === 0) publish("system", "system", data.system());
  for (const reader of readers) {
    for (const topic of reader.topics) {
      const bot = byName.get(topic.replace(/^bot:/, ""));
      if (bot === undefined) continue;
      publish(topic, "samples", { bot: bot.name, samples: data.samplesNow(bot, second) });
      const line = data.logEvent(bot, data.now());
      printed(bot).push(line);
      publish(topic, "log", line);
      if (second % 20 === 0) publish(topic, "event", data.tradeEvent(bot, data.now()));
    }
  }
}

if (!SILENT) {
  let second = 0;
  setInterval(() => tick(second++), 1000);
  const alive = bots.filter((bot) => bot.health === "Healthy" && !(GONE && bot === bots[0]));
  const each = Math.max(1, Math.round((alive.length * Number(RATE)) / 20));
  if (alive.length > 0) {
    setInterval(() => {
      for (let count = 0; count < each; count += 1) printOne(data.pick(alive));
    }, 50);
  }
}

server.listen(Number(PORT), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/`));
