import { render, screen } from "@testing-library/preact";
import { afterEach, expect, test } from "vitest";
import { navigate } from "../src/state/router";
import { viewer } from "../src/state/viewer";
import { App } from "../src/ui/app";
import { FakeEventSource, fleetDocument, PATIENCE, serve, until } from "./fakes";

const now = () => Date.now() / 1000;

afterEach(() => {
  viewer.value = null;
});

function alert(changes: Record<string, unknown> = {}) {
  return {
    bot: "sma-btc",
    rule: "risk-daily-loss",
    severity: "critical",
    state: "firing",
    since: now() - 90,
    text: "daily loss of 612.40 USDT is over the limit of 500",
    message: "",
    muted: false,
    does: "suspend",
    action: "done",
    action_text: "suspended",
    acked_by: "",
    at: now() - 90,
    what: "",
    ...changes,
  };
}

async function open(path: string, standing: unknown, past: unknown[]) {
  serve({
    "/api/v1/fleet": fleetDocument(),
    "/api/v1/alerts": standing,
    "/api/v1/alerts/history": { alerts: past, next: 0 },
  });
  navigate(path);
  render(<App />);
  await until(() => expect(FakeEventSource.opened).toHaveLength(1));
  FakeEventSource.last.open();
}

test("what fires shows why and what was done, and goes into the history when it is over", async () => {
  const mute = { id: "m1", bot: "", rule: "hung", until: now() + 60, by: "ann", reason: "known" };
  await open("/alerts", { alerts: [alert()], mutes: [mute], rules: 12 }, []);
  await screen.findByText("daily loss of 612.40 USDT is over the limit of 500", {}, PATIENCE);
  expect(screen.getByText("suspend: done suspended")).toBeTruthy();
  expect(screen.getByText(/every bot hung by ann: known/)).toBeTruthy();
  const over = alert({ state: "ok", what: "recovered", text: "an operator resumed the bot" });
  FakeEventSource.last.send("alert", over, "1");
  await screen.findByText(/^Nothing fires; 12 rules are ok/, {}, PATIENCE);
  expect(screen.getByText("an operator resumed the bot")).toBeTruthy();
  expect(screen.getByText("recovered")).toBeTruthy();
});

test("the alerts of one bot leave out what moves of another", async () => {
  await open("/alerts?bot=sma-btc", { alerts: [], mutes: [], rules: 3 }, []);
  await screen.findByText(/^Nothing fires/, {}, PATIENCE);
  FakeEventSource.last.send("alert", alert({ bot: "other", text: "not here", what: "fired" }), "1");
  FakeEventSource.last.send("alert", alert({ text: "here", what: "fired", acked_by: "ann" }), "2");
  expect(await screen.findAllByText("here", {}, PATIENCE)).toHaveLength(2);
  expect(screen.queryByText("not here")).toBeNull();
  expect(screen.getByText("looked after by ann")).toBeTruthy();
});
