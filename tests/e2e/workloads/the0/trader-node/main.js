// Buys and sells on quotes that it makes up, in the idiom of the0's own Node bots: lines of pino, metrics beside.
const START = 10000;
const FEE = 0.001;

const metric = (type, data) => console.log(JSON.stringify({ _metric: type, ...data, timestamp: new Date().toISOString() }));
const logger = (level) => (fields, msg) => console.log(JSON.stringify({ level, time: Date.now(), pid: process.pid, ...fields, msg }));
const info = logger(30);
const error = logger(50);

function priceIn(answer) {
  return JSON.parse(answer).quote.price;
}

async function main(id, config) {
  let [cash, held, entry, realized, fees, fills, price] = [START, 0, 0, 0, 0, 0, 0];
  info({ botId: id }, "Bot started");
  for (let look = 1; ; look += 1) {
    try {
      price = priceIn(JSON.stringify({ [look === 10 ? "quota" : "quote"]: { price: 45000 + (look % 7) * 35.5 } }));
    } catch (err) {
      error({ err: { type: err.name, message: err.message, stack: err.stack } }, "Look failed");
    }
    metric("price", { symbol: config.symbol, value: price });
    if (look <= config.looks && look % 2 === 0) {
      const side = held ? "sell" : "buy";
      const signed = side === "buy" ? config.quantity : -config.quantity;
      const fee = config.quantity * price * FEE;
      if (side === "sell") realized += (price - entry) * config.quantity;
      [cash, held, entry] = [cash - signed * price - fee, held + signed, price];
      fills += 1;
      fees += fee;
      metric("trade", { symbol: config.symbol, side, quantity: config.quantity, price, fee, total: config.quantity * price });
      metric("position", { symbol: config.symbol, quantity: held, price, value: held * price });
      metric("portfolio_value", { value: cash + held * price, change_pct: cash / START - 1 });
    }
    if (look === config.looks) info({ fills, realized, fees, held, value: cash + held * price }, "Summary");
    await new Promise((resolve) => setTimeout(resolve, look < config.looks ? config.update_interval_ms : 500));
  }
}

module.exports = { main };
