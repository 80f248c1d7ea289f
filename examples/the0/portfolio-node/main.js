// Keeps a portfolio in its state, by the variables that the0's format documents.
const fs = require("node:fs");
const path = require("node:path");

const file = (key) => path.join(process.env.STATE_DIR, `${key}.json`);
const get = (key, fallback) => {
  try {
    return JSON.parse(fs.readFileSync(file(key), "utf8"));
  } catch {
    return fallback;
  }
};
const set = (key, value) => fs.writeFileSync(file(key), JSON.stringify(value));
const metric = (type, data) =>
  console.log(JSON.stringify({ _metric: type, ...data, timestamp: new Date().toISOString() }));

async function main(id, config) {
  let looks = get("looks", 0);
  console.error(JSON.stringify({ level: "info", message: `Bot ${id} starting`, timestamp: new Date().toISOString() }));
  for (;;) {
    looks += 1;
    set("looks", looks);
    metric("price", { symbol: config.symbol, value: 45000.5 + (looks % 10) });
    await new Promise((resolve) => setTimeout(resolve, config.update_interval_ms));
  }
}

module.exports = { main };
