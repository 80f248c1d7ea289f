import { render, screen } from "@testing-library/preact";
import { expect, test } from "vitest";
import { decodeTrading } from "../src/api/trading";
import { panelsOf } from "../src/state/panels";
import { navigate } from "../src/state/router";
import { App } from "../src/ui/app";
import { missing, share } from "../src/ui/figures";
import { botAnswers, FakeEventSource, fleetDocument, NOW, PATIENCE, serve, until } from "./fakes";

const figures = (changes: Record<string, unknown> = {}) => ({
  name: "main",
  mode: "dry",
  account: "main",
  currency: "USDT",
  bots: 2,
  equity: 10_250.5,
  change_today: -12.25,
  realized_pnl: 250,
  unrealized_pnl: 10.5,
  fees: 10,
  net_pnl: 250.5,
  pnl_source: "fills",
  other_fees: { BNB: 0.25 },
  gross_exposure: 300,
  net_exposure: -100,
  open_positions: 1,
  open_orders: 1,
  fills: 44,
  drawdown: { current: -0.012, maximum: -0.1, under_water: 60, longest_under_water: 7200 },
  ratios: { returns: 12, annualization: 365, sharpe: null, sortino: null, calmar: null, cagr: null },
  trips: { count: 22, wins: 10, losses: 8, even: 4, win_rate: 0.4545, profit_factor: 1.25, expectancy: 11.5 },
  reconciliation: { since: NOW, equity_change: 251, pnl_from_fills: 250.5, difference: 0.5 },
  ...changes,
});

const position = (changes: Record<string, unknown> = {}) => ({
  bot: "sma-btc",
  mode: "dry",
  account: "main",
  currency: "USDT",
  symbol: "BTC/USDT",
  side: "short",
  quantity: 2,
  entry_price: 101,
  mark_price: 100,
  value: -200,
  unrealized_pnl: 2,
  opened_at: NOW - 60,
  source: "fills",
  ...changes,
});

const order = {
  order_id: "o-7",
  symbol: "BTC/USDT",
  side: "buy",
  status: "partially_filled",
  order_type: "limit",
  quantity: 2,
  filled: 0.5,
  price: 95,
  since: NOW - 5,
};

const fill = {
  id: "f1",
  time: NOW,
  symbol: "BTC/USDT",
  side: "sell",
  quantity: 2,
  price: 101,
  fee: 0.2,
  fee_currency: "USDT",
};

const trading = (changes: Record<string, unknown> = {}) => ({
  complete: true,
  figures: [figures()],
  positions: [position()],
  orders: [order],
  fills: [fill],
  ...changes,
});

async function openTab(answer: unknown = trading()) {
  serve({ ...botAnswers(), "/api/v1/bots/sma-btc/trading": answer });
  navigate("/bots/sma-btc?tab=trading");
  render(<App />);
  await until(() => expect(FakeEventSource.opened).toHaveLength(1));
  FakeEventSource.last.open();
  await screen.findByRole("heading", { name: "sma-btc" }, PATIENCE);
}

test("a bot's figures, positions, orders and fills are shown, with counts where a figure is missing", async () => {
  await openTab();
  const shown = await screen.findByTestId("figures-dry-main-USDT", {}, PATIENCE);
  expect(shown.textContent).toContain("Net P&L+250.50");
  expect(shown.textContent).toContain("10.00 + 0.25");
  expect(shown.textContent).toContain("Sharpe (365 d)12 of 30 days");
  expect(shown.textContent).toContain("Win rate45.5%");
  expect(shown.textContent).toContain("\u22121.2% / \u221210.0%");
  expect(screen.getByTestId("difference").textContent).toBe("+0.50");
  expect(screen.getByTestId("positions").textContent).toContain("short BTC/USDT");
  expect(screen.getByTestId("orders").textContent).toContain("partially filled");
  expect(screen.getByTestId("fills").textContent).toContain("\u22122");
});

test("the stream moves the tab, and its trades join the fills", async () => {
  await openTab();
  await screen.findByTestId("figures-dry-main-USDT", {}, PATIENCE);
  FakeEventSource.last.send(
    "trading",
    trading({ figures: [figures({ net_pnl: -3 })], positions: [], orders: [], fills: null }),
  );
  await until(() => expect(screen.getByTestId("net-pnl").textContent).toBe("\u22123.00"));
  expect(screen.getByText("No open position.")).toBeTruthy();
  const data = { symbol: "ETH/USDT", side: "buy", quantity: 3, price: 50 };
  FakeEventSource.last.send("event", {
    id: "f2",
    bot: "sma-btc",
    time: NOW + 1,
    kind: "trade",
    level: "info",
    data,
  });
  await until(() => expect(screen.getByTestId("fills").textContent).toContain("buy ETH/USDT"));
});

test("a bot that does not trade is told how to, and one whose past is being read says so", async () => {
  await openTab(trading({ figures: [] }));
  await screen.findByText(/No trading yet/, {}, PATIENCE);
  expect(decodeTrading({ complete: false }).complete).toBe(false);
});

test("the page of all has each account and every position, the largest first", async () => {
  const small = position({ bot: "small", value: 5, symbol: "S" });
  const asked = serve({
    "/api/v1/fleet": fleetDocument(),
    "/api/v1/figures": { figures: [figures(), figures({ mode: "live", currency: "EUR" })] },
    "/api/v1/positions": { positions: [small, position()] },
  });
  navigate("/trading");
  render(<App />);
  await until(() => expect(FakeEventSource.opened).toHaveLength(1));
  expect(FakeEventSource.last.url).toContain("topics=fleet,trading");
  FakeEventSource.last.open();
  await screen.findByTestId("figures-live-main-EUR", {}, PATIENCE);
  const rows = [...screen.getByTestId("positions").querySelectorAll("tbody a")].map(
    (link) => link.textContent,
  );
  expect(rows).toEqual(["sma-btc", "small"]);
  FakeEventSource.last.send("figures", { figures: [figures({ net_pnl: 9 })] });
  await until(() =>
    expect(screen.getAllByTestId("net-pnl").map((one) => one.textContent)).toEqual(["+9.00"]),
  );
  const before = asked.filter((path) => path.startsWith("/api/v1/positions")).length;
  await until(() =>
    expect(asked.filter((path) => path.startsWith("/api/v1/positions")).length).toBeGreaterThan(before),
  );
});

test("of the derived series only the drawdown is a chart, in percent, under the equity", () => {
  const names = [
    "bot_trading_sharpe",
    "bot_price",
    "bot_trading_drawdown",
    "bot_equity",
    "bot_trading_net_pnl",
  ];
  const panels = panelsOf(names, "USDT");
  expect(panels.map((panel) => panel.metric)).toEqual(["bot_equity", "bot_trading_drawdown", "bot_price"]);
  expect([panels[1]?.title, panels[1]?.format(-0.125), panels[1]?.fromZero]).toEqual([
    "drawdown",
    "\u221212.50%",
    true,
  ]);
});

test("shares have one decimal and a sign that means something", () => {
  expect([share(null), share(-0.0001), share(-0.5), share(0.123)]).toEqual([
    "\u2013",
    "0.0%",
    "\u221250.0%",
    "12.3%",
  ]);
  expect([missing(12, 30, "days"), missing(30, 30, "days")]).toEqual(["12 of 30 days", ""]);
});
