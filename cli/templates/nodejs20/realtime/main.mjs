// A first bot: it needs nothing but Node.js, and shows what herdsman sees of a bot.

// herdsman asks a bot to stop with SIGTERM: cancel orders, save, end.
let stopping = false;
let wake = () => {};
process.once("SIGTERM", () => {
  stopping = true;
  wake();
});

// A JSON line with `_metric` becomes series on the dashboard.
const metric = (kind, fields) => console.log(JSON.stringify({ _metric: kind, timestamp: new Date().toISOString(), ...fields }));

const pause = (seconds) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    wake = () => (clearTimeout(timer), resolve());
  });

export async function main(id, config) {
  console.log(`${id} watches ${config.symbol}`);
  let price = 100;
  const cash = 5000;
  const amount = 50;
  while (!stopping) {
    price *= 1 + (Math.random() - 0.5) * 0.003;
    metric("price", { symbol: config.symbol, value: Number(price.toFixed(4)) });
    metric("equity", { equity: Number((cash + amount * price).toFixed(2)), currency: "USDT" });
    await pause(config.every);
  }
  console.log(`${id} stopped as asked`);
}
