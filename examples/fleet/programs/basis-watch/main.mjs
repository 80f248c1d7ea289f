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

/** What ends a pause early. */
let wake = () => {};

/** Waits for so many seconds, or until it is woken. */
function pause(seconds) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    wake = () => (clearTimeout(timer), resolve());
  });
}

export async function main(id, config) {
  let ending = false;
  process.once("SIGTERM", () => {
    ending = true;
    wake();
  });
  log(`${id} watches the basis of ${config.symbol}`);
  const market = new Market(config.start_price);
  let wide = false;
  while (!ending) {
    market.step();
    metric("price", { symbol: config.symbol, value: Number(market.spot.toFixed(2)) });
    metric("basis", { symbol: config.symbol, value: Number(market.basis.toFixed(3)) });
    if (!wide && market.basis >= config.wide_bps) {
      metric("signal", { symbol: config.symbol, direction: "sell", reason: "the future is dear" });
    }
    wide = market.basis >= config.wide_bps;
    await pause(config.interval);
  }
  log("asked to stop; nothing is open");
}
