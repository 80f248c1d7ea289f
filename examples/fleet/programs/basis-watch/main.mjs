// Watches a made-up basis: the future's price above the spot's, in basis points.

const print = (fields) => console.log(JSON.stringify({ ...fields, timestamp: new Date().toISOString() }));
const metric = (type, fields) => print({ _metric: type, ...fields });
const log = (message, level = "info") => print({ level, message });

/** A spot price that walks, and a basis that is drawn back to its mean. */
class Market {
  constructor(price) {
    this.spot = price;
    this.basis = 8;
  }

  step() {
    this.spot *= 1 + (Math.random() - 0.5) * 0.0008;
    this.basis += 0.1 * (8 - this.basis) + (Math.random() - 0.5) * 4;
  }
}

/** Returns the pause until `ended` is aborted or the seconds are over. */
function pause(seconds, ended) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    ended.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

export async function main(id, config) {
  const ending = new AbortController();
  process.once("SIGTERM", () => ending.abort());
  log(`${id} watches the basis of ${config.symbol}`);
  const market = new Market(config.start_price);
  let wide = false;
  while (!ending.signal.aborted) {
    market.step();
    metric("price", { symbol: config.symbol, value: Number(market.spot.toFixed(2)) });
    metric("basis", { symbol: config.symbol, value: Number(market.basis.toFixed(3)) });
    if (!wide && market.basis >= config.wide_bps) {
      metric("signal", { symbol: config.symbol, direction: "sell", reason: "the future is dear" });
    }
    wide = market.basis >= config.wide_bps;
    await pause(config.interval, ending.signal);
  }
  log("asked to stop; nothing is open");
}
