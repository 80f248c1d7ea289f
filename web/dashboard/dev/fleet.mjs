/** A made-up fleet for the mock server: documents as the API sends them, and what changes in them. */

const HEALTHS = [
  ["Healthy", "Running", ""],
  ["Degraded", "CrashLoop", "crashed 5 times in 4 min: ConnectionError: connection refused (main.py:41)"],
  ["Suspended", "Suspended", 'by desk-ops: "exchange maintenance"'],
  ["Progressing", "Starting", "waiting for the bot to stay up for 10 s"],
  ["Missing", "NodeLost", "node-3 does not answer since 14:02 UTC; a replacement waits for the lease"],
  ["Unknown", "SchedulerUnavailable", "Nomad does not answer"],
];
const PROGRAMS = [
  ["sma", "1.5.0"],
  ["grid", "2.0.1"],
  ["mm", "0.9.3"],
  ["rebalance", "1.0.0"],
];
const SYMBOLS = ["btc", "eth", "sol", "ada", "xrp", "dot", "link", "avax"];
const LINES = [
  "book updated, 25 levels each side",
  "signal: fast 64,211.30 crossed slow 64,190.82 upwards",
  "order 8f31 filled 0.25 BTC-USDT at 64,210.50 in 84 ms",
  "spread 0.8 bps is below the least of 1.2 bps, no quotes",
  "heartbeat: 3 open orders, 1 position",
];
export const ERROR_TRACE = `Traceback (most recent call last):
  File "main.py", line 41, in quote
    book = await client.book(symbol)
ConnectionError: connection refused`;

export const now = () => Date.now() / 1000;
export const pick = (list) => list[Math.floor(Math.random() * list.length)];
const started = now() - 8100;
const REVISIONS = [
  ["3f9a2c1d8e7b6a5f4c3d2e1f0a9b8c7d6e5f4a3b", "tighter stops", 540],
  [
    "b81c04e2aa90f13c77d65b3e8f20914cd6a7e5f1",
    "grid-sol: new levels\n\nAgreed with the desk on Friday.",
    7300,
  ],
  ["77aa10fe3b2c4d5e6f708192a3b4c5d6e7f80912", "raise memory of the market makers", 90000],
];

/** Some in a large fleet are not well, a handful in a small one. */
function healthOf(index, total) {
  if (index < HEALTHS.length) return HEALTHS[index];
  return index % Math.max(40, Math.floor(total / 10)) === 7 ? HEALTHS[1] : HEALTHS[0];
}

export function makeBots(total) {
  return Array.from({ length: total }, (_, index) => makeBot(index, total));
}

function makeBot(index, total) {
  const [health, reason, message] = healthOf(index, total);
  const [program, version] = PROGRAMS[index % PROGRAMS.length];
  const scheduled = program === "rebalance";
  const running = health === "Healthy" || health === "Progressing";
  const live = index % 3 === 0;
  const suffix = total > 40 ? `-${String(index).padStart(5, "0")}` : index >= 8 ? `-${index}` : "";
  return {
    name: `${program}-${SYMBOLS[index % SYMBOLS.length]}${suffix}`,
    program,
    version,
    type: scheduled ? "scheduled" : "realtime",
    mode: live ? "live" : "dry",
    environment: "prod",
    sync: index % 23 === 5 ? "OutOfSync" : "Synced",
    health,
    reason: scheduled && health === "Healthy" ? "WaitingForSlot" : reason,
    message,
    applied_revision: REVISIONS[index % 5 === 0 ? 0 : 1][0],
    attempted_revision: REVISIONS[0][0],
    restarts: health === "Degraded" ? 5 : 0,
    started_at: running ? started + index : null,
    since: now() - 60 * (index + 3),
    node: `node-${(index % 4) + 1}`,
    allocation: "0f1e2d3c",
    schedule: scheduled ? "*/15 * * * *" : "",
    timezone: scheduled ? "Europe/Berlin" : "",
    next_run: scheduled ? Math.ceil(now() / 900) * 900 : null,
    account: `acc-${index % 5}`,
    currency: index % 7 === 6 ? "BTC" : "USDT",
    resources: {
      cpu_percent: running ? Math.random() * 6 : null,
      cpu_limit_percent: 50,
      memory_bytes: running ? (38 + Math.random() * 20) * 2 ** 20 : null,
      memory_limit_bytes: 64 * 2 ** 20,
    },
    equity: index % 4 === 2 ? null : 10_000 + index * 13.7,
    pnl_today: index % 4 === 2 ? null : (Math.random() - 0.4) * 300,
    last_metric: index % 4 === 2 ? { name: "bot_spread_bps", value: 1.25, time: now() } : null,
    last_log: { time: now(), level: health === "Degraded" ? "error" : "info", message: lastLine(health) },
    last_data_at: now() - (running ? 1 : 60 * (index + 3)),
  };
}

function lastLine(health) {
  return health === "Degraded" ? "ConnectionError: connection refused" : pick(LINES);
}

/** A running bot prints: its row moves a little. */
export function stir(bot) {
  const time = now();
  if (bot.equity !== null) {
    const step = (Math.random() - 0.49) * 4;
    bot.equity += step;
    bot.pnl_today += step;
  } else {
    bot.last_metric = { name: "bot_spread_bps", value: 1 + Math.random(), time };
  }
  bot.resources.cpu_percent = Math.random() * 6;
  bot.resources.memory_bytes = (38 + Math.random() * 20) * 2 ** 20;
  bot.last_log = { time, level: "info", message: pick(LINES) };
  bot.last_data_at = time;
}

const FIELDS = [
  [
    { name: "fast", before: "10", after: "12" },
    { name: "risk.max_drawdown", before: null, after: "0.08" },
    { name: "api_key", before: "(hidden)", after: "(hidden)" },
  ],
  [{ name: "program", before: "sma 1.4.2", after: "sma 1.5.0" }],
  [
    { name: "program", before: null, after: "grid 2.0.1" },
    { name: "symbol", before: null, after: "SOL/USDT" },
  ],
];

const MISTAKE = {
  file: "bots/prod/sma-btc.yaml",
  line: 7,
  column: 1,
  pointer: "/volatilty",
  message: 'unknown parameter "volatilty" of program sma 1.5.0',
  suggestion: "volatility",
};

const tally = (changes, key) =>
  changes.reduce((found, one) => {
    found[one[key]] = (found[one[key]] ?? 0) + 1;
    return found;
  }, {});

/** `HELD=1`: the newest one waits for a word. */
export function revisions(bots) {
  return REVISIONS.map(([id, message, ago], index) => {
    const held = index === 0 && process.env.HELD;
    const changes = bots.slice(index * 2, index * 2 + 3).map((bot, at) => ({
      bot: bot.name,
      action: ["update", "update", "create"][at],
      summary: ["fast 10 -> 12", "program sma 1.4.2 -> 1.5.0", "realtime, 64 MiB"][at],
      state: index === 1 && at === 1 ? "failed" : at === 0 ? "healthy" : "running",
      message: index === 1 && at === 1 ? "no interpreter python3.11 on any ready node" : "",
      seconds: 0.7 + at / 5,
      fields: FIELDS[at],
    }));
    return {
      id,
      author: ["alice <alice@desk.example>", "bob", "carol"][index],
      message,
      committed_at: now() - ago - 20,
      received_at: now() - ago,
      finished_at: held ? null : now() - ago + 1.2,
      state: held ? "pending" : index === 1 ? "failed" : "applied",
      trigger: ["push", "push", "poll"][index],
      by: ["desk-ops", "ci", ""][index],
      branch: "main",
      held: held ? "9 of 24 bots would be removed, more than 30%: held until it is confirmed" : "",
      actions: tally(changes, "action"),
      results: tally(changes, "state"),
      changes,
      errors: index === 1 ? [MISTAKE] : [],
    };
  });
}

const fact = (name, value, unit = "", hint = "") => ({ name, value, unit, hint });

export function system() {
  const part = (name, state, message, facts = [], table = null, next = "") => ({
    name,
    state,
    message,
    next,
    facts,
    table,
  });
  return {
    time: now(),
    state: "warning",
    version: "0.1.0",
    fleet: "desk-abc123",
    parts: [
      part("controller", "ok", "last pass asked for by push of desk-ops", [
        fact("last pass", now() - 4, "at"),
        fact("took", 0.31, "s"),
        fact("bots it changed", 3),
        fact("changes under way", 0),
      ]),
      part("source", "ok", "herdsman's own git remote", [
        fact("branch", "main"),
        fact("last look", now() - 4, "at"),
        fact("next look", now() + 26, "at"),
        fact("revision", "3f9a2c1"),
      ]),
      part("scheduler", "ok", "it answers", [fact("kind", "nomad"), fact("observed", 3.2, "s")], {
        columns: ["node", "bots"],
        units: ["", ""],
        rows: [
          ["node-1", 14],
          ["node-2", 10],
        ],
      }),
      part("intake", "ok", "what bots print arrives in time", [
        fact("lines", 1234.5 + Math.random() * 40, "per_second"),
        fact("lag", 0.08, "s"),
        fact("waiting", 0, "bytes"),
        fact("pushed back", 0),
      ]),
      part(
        "agents",
        "warning",
        "nothing heard of node-2 for a while",
        [],
        {
          columns: ["agent", "last heard", "lag", "lines", "not taken"],
          units: ["", "at", "s", "", ""],
          rows: [
            ["node-1", now() - 2, 0.1, 120034, 0],
            ["node-2", now() - 400, 12, 90311, 3],
          ],
        },
        "is `herdsman agent` running there, and does its token still hold?",
      ),
      part("events", "ok", "it takes and answers", [
        fact("size", 4.1 * 2 ** 30, "bytes", "at most 8 GiB"),
        fact("disk free", 61 * 2 ** 30, "bytes"),
        fact("kept", "30 d"),
      ]),
      part("process", "ok", "Python 3.11.7", [
        fact("up", 184003, "s"),
        fact("CPU", 3.4, "percent"),
        fact("memory", 96 * 2 ** 20, "bytes"),
        fact("open files", 47),
      ]),
    ],
    notes: [
      {
        time: now() - 40,
        level: "warning",
        source: "herdsman.agent",
        message: "the intake does not take the bots' output, which waits in its files: it answered 503",
        times: 3,
        first: now() - 300,
      },
      {
        time: now() - 4000,
        level: "error",
        source: "controller.reconcile",
        message: "pass-7 (poll): the source cannot be read",
        times: 1,
        first: now() - 4000,
      },
    ],
  };
}

export function fleetDocument(bots) {
  const counts = {};
  for (const bot of bots) counts[bot.health] = (counts[bot.health] ?? 0) + 1;
  const [newest] = revisions(bots);
  return {
    fleet: "desk",
    revision: bots.length === 0 ? null : newest,
    synced_at: now() - 4,
    counts,
    scheduler: "local",
    version: "0.1.0",
    time: now(),
    problems: process.env.PROBLEM ? [process.env.PROBLEM] : [],
  };
}

const METRICS = {
  bot_equity: { base: 10_500, swing: 180, every: 2 },
  bot_equity_unrealized_pnl: { base: 12, swing: 60, every: 2 },
  bot_price: { base: 64_200, swing: 260, every: 1, labels: { symbol: "BTC-USDT" } },
  bot_cpu_percent: { base: 3, swing: 2, every: 5 },
  bot_memory_bytes: { base: 46 * 2 ** 20, swing: 6 * 2 ** 20, every: 5 },
  bot_disk_write_bytes_per_second: { base: 4096, swing: 4000, every: 5 },
  bot_up: { base: 1, swing: 0, every: 5 },
  bot_heartbeat_loop_ms: { base: 12, swing: 8, every: 5 },
  bot_position_quantity: {
    base: 0.4,
    swing: 0.3,
    every: 4,
    lines: [{ symbol: "BTC-USDT" }, { symbol: "ETH-USDT" }, { symbol: "SOL-USDT" }],
  },
  bot_order_price: { base: 64_200, swing: 220, every: 37 },
  bot_cpu_limit_percent: { base: 50, swing: 0, every: 5 },
  bot_spread_bps: { base: 1.2, swing: 0.5, every: 2 },
};

export const metricNames = Object.keys(METRICS).sort();

/** The same value for the same time, so that history and live samples fit together. */
export function valueAt(metric, time, line = 0) {
  const { base, swing } = METRICS[metric];
  const wave = Math.sin(time / 97 + line * 2) * 0.5 + Math.sin(time / 23 + line) * 0.25;
  const noise = (Math.sin(time * 12.9898 + line) * 43_758.5453) % 1;
  return base + swing * (wave + noise * 0.15);
}

const linesOf = (metric) => METRICS[metric].lines ?? [METRICS[metric].labels ?? {}];

/** History, with ten minutes missing so that a gap can be seen. */
export function series(metric, bot, start, end) {
  if (!(metric in METRICS)) return [];
  const gapEnd = now() - 200;
  const step = Math.max(METRICS[metric].every, Math.ceil((end - start) / 1000));
  return linesOf(metric).map((labels, line) => {
    const points = [];
    for (let time = Math.ceil(start / step) * step; time <= end; time += step) {
      if (time > gapEnd - 120 && time < gapEnd) continue;
      points.push([time, valueAt(metric, time, line)]);
    }
    return { labels: { __name__: metric, bot: bot.name, program: bot.program, ...labels }, points };
  });
}

export function samplesNow(bot, second) {
  const samples = [];
  for (const [name, { every }] of Object.entries(METRICS)) {
    if (second % every !== 0) continue;
    linesOf(name).forEach((labels, line) => {
      const time = now();
      samples.push({ name, labels: { bot: bot.name, ...labels }, time, value: valueAt(name, time, line) });
    });
  }
  return samples;
}

let serial = 0;

export function logEvent(bot, time, level = "info", message = pick(LINES)) {
  serial += 1;
  return event(bot, time, "log", level, message, {});
}

export function tradeEvent(bot, time) {
  const side = Math.random() < 0.5 ? "buy" : "sell";
  const data = { symbol: "BTC-USDT", side, quantity: 0.25, price: valueAt("bot_price", time), fee: 0.8 };
  return event(bot, time, "trade", "info", "", data);
}

export function orderEvent(bot, time) {
  const status = pick(["submitted", "accepted", "filled", "canceled"]);
  const data = {
    order_id: `o${serial}`,
    symbol: "BTC-USDT",
    side: "buy",
    status,
    quantity: 0.25,
    price: 64_210.5,
  };
  return event(bot, time, "order", "info", "", data);
}

export function lifecycleEvent(bot, time) {
  return event(bot, time, "lifecycle", "error", "exited with code 1; starts again in 4 s", {
    kind: "exited",
  });
}

function event(bot, time, kind, level, message, data) {
  serial += 1;
  return {
    id: `0f1e/stdout/0/${serial}`,
    bot: bot.name,
    time,
    kind,
    level,
    message,
    stream: "stdout",
    run: "0f1e-1",
    revision: bot.applied_revision,
    data,
  };
}

export function runs(bot) {
  const outcomes =
    bot.type === "scheduled"
      ? [null, "success", "error", "success", "timed_out"]
      : [null, "stopped", "crashed"];
  return outcomes.map((outcome, index) => ({
    id: `0f1e-${outcomes.length - index}`,
    started_at: now() - 300 * (index + 1),
    ended_at: outcome === null ? null : now() - 300 * index - 12,
    outcome,
    exit_code: outcome === null ? null : outcome === "crashed" ? 1 : 0,
    signal: outcome === "timed_out" ? 9 : null,
    message: outcome === "crashed" ? "ConnectionError: connection refused (main.py:41)" : "",
    result: null,
    revision: REVISIONS[index < 2 ? 0 : 1][0],
    node: bot.node,
  }));
}

export function detail(bot, bots) {
  const { id, author, message, committed_at } = revisions(bots).find(
    (one) => one.id === bot.applied_revision,
  );
  return {
    bot,
    path: `bots/prod/${bot.name}.yaml`,
    parameters: { symbol: "BTC-USDT", fast: 12, slow: 26, note: "<b>not bold</b>", levels: [1, 2, 3] },
    metrics: metricNames,
    conditions: [
      { type: "Ready", status: "True", reason: "Running", message: "", since: bot.since },
      { type: "Reconciling", status: "False", reason: "Running", message: "", since: bot.since },
      { type: "Stalled", status: "False", reason: "Running", message: "", since: bot.since },
    ],
    attempts: [
      { revision: id, started_at: now() - 540, ended_at: now() - 539.3, ok: true, message: "" },
      {
        revision: REVISIONS[1][0],
        started_at: now() - 7300,
        ended_at: now() - 7298,
        ok: false,
        message: "no node",
      },
    ],
    suspended:
      bot.health === "Suspended"
        ? { by: "desk-ops", reason: "exchange maintenance", until: now() + 9e3 }
        : null,
    revision: { id, author, message, committed_at },
    removed: null,
  };
}
