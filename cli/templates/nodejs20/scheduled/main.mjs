// One run: look, decide, say so, end. herdsman starts the next one at the next slot.

import { writeFileSync } from "node:fs";

// A JSON line with `_metric` becomes series on the dashboard.
const metric = (kind, fields) => console.log(JSON.stringify({ _metric: kind, timestamp: new Date().toISOString(), ...fields }));

// The outcome of this run, as `herdsman status` and the run history show it.
const result = (status, message) =>
  writeFileSync(`/${process.env.CODE_MOUNT_DIR}/result.json`, JSON.stringify({ status, message }));

// SIGTERM ends a run at once: what must be put in order first belongs into a handler of it.
export function main(id, config) {
  const price = Number((100 + (Math.random() - 0.5) * 4).toFixed(2));
  metric("price", { symbol: config.symbol, value: price });
  console.log(`${id} saw ${config.symbol} at ${price}`);
  result("success", `${config.symbol} at ${price}`);
}
