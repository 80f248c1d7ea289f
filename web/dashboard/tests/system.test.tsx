import { render, screen } from "@testing-library/preact";
import { beforeEach, expect, test } from "vitest";
import { decodeSystem } from "../src/api/system";
import { now as clock } from "../src/state/clock";
import { navigate } from "../src/state/router";
import { App } from "../src/ui/app";
import { figureText } from "../src/ui/system_page";
import { FakeEventSource, fleetDocument, NOW, serve, until } from "./fakes";

const now = () => NOW;

beforeEach(() => {
  clock.value = NOW; // ages stand still, however long a test takes
});

function systemDocument(changes: Record<string, unknown> = {}) {
  return {
    time: now(),
    state: "warning",
    version: "0.1.0",
    fleet: "desk",
    parts: [
      {
        name: "intake",
        state: "ok",
        message: "in time",
        next: "",
        facts: [
          { name: "lines", value: 12.34, unit: "per_second", hint: "" },
          { name: "lag", value: 0.0123, unit: "s", hint: "age of the newest line" },
          { name: "next look", value: now() + 30, unit: "at", hint: "" },
          { name: "address", value: null, unit: "", hint: "" },
        ],
        table: null,
      },
      {
        name: "agents",
        state: "warning",
        message: "nothing heard of n2",
        next: "is `herdsman agent` running there?",
        facts: [],
        table: { columns: ["agent", "last heard"], units: ["", "at"], rows: [["n2", now() - 400]] },
      },
    ],
    notes: [{ time: now() - 5, level: "error", source: "herdsman.web", message: "boom", times: 3, first: 0 }],
    ...changes,
  };
}

async function open(document: unknown) {
  serve({ "/api/v1/fleet": fleetDocument(), "/api/v1/system": document });
  navigate("/system");
  render(<App />);
  await until(() => expect(FakeEventSource.opened).toHaveLength(1));
  FakeEventSource.last.open();
  await screen.findByTestId("system-page");
}

test("every part says how it is, with its figures and what to do", async () => {
  await open(systemDocument());
  expect(FakeEventSource.last.url).toBe("/api/v1/stream?topics=fleet,system");
  expect(screen.getByText("something wants a look")).toBeTruthy();
  expect(screen.getByTestId("intake-lines").textContent).toBe("12.3/s");
  expect(screen.getByTestId("intake-lag").textContent).toBe("12.3 ms");
  expect(screen.getByTestId("intake-next look").textContent).toBe("in 30 s");
  expect(screen.getByTestId("intake-address").textContent).toBe("\u2013");
  const agents = screen.getByTestId("part-agents");
  expect(agents.dataset.state).toBe("warning");
  expect(agents.querySelector("code")?.textContent).toBe("herdsman agent");
  expect(agents.querySelector("tbody")?.textContent).toBe("n26 min ago");
  expect(screen.getByText("boom").textContent).toContain("(3 times)");
});

test("figures change by themselves", async () => {
  await open(systemDocument());
  FakeEventSource.last.send("system", systemDocument({ parts: [], notes: [], state: "ok" }));
  await screen.findByText("every part is well");
  expect(screen.getByText(/they run elsewhere/)).toBeTruthy();
  expect(screen.getByText("None since its start.")).toBeTruthy();
});

test("a document that lacks everything is a system of no parts", () => {
  expect(decodeSystem(null).parts).toEqual([]);
  const [part] = decodeSystem({ parts: [{ facts: [{ value: {} }], table: { rows: [[1, "a", {}]] } }] }).parts;
  expect(part?.facts[0]?.value).toBeNull();
  expect(part?.table?.rows).toEqual([[1, "a", null]]);
  expect(part?.state).toBe("failing");
});

test("figures are read by their unit", () => {
  const texts = [
    figureText(184_003, "s"),
    figureText(2.31, "s"),
    figureText(1024, "bytes"),
    figureText(3.4, "percent"),
    figureText(1234.5, "per_second"),
    figureText(12_000, ""),
  ];
  expect(texts).toEqual(["2 d 3 h", "2.3 s", "1 KiB", "3.4%", "1,235/s", "12,000"]);
});

const momentum = { id: "momentum", kind: "service", status: "running", copies: 1, whose: "nobody's we know" };

test("jobs of others are told of with what to do, and how far an adoption is", async () => {
  const adopting = { bot: "sma-btc", job: "old", by: "ada", reason: "to herdsman", at: now() - 130 };
  serve({
    "/api/v1/fleet": fleetDocument(),
    "/api/v1/system": systemDocument(),
    "/api/v1/adoptable": {
      jobs: [
        { ...momentum, id: "desk-agent", component: "agent", whose: "herdsman's agent" },
        { ...momentum, id: "lab-x", fleet: "lab-1", whose: "the fleet lab-1" },
        {
          ...momentum,
          submitted_at: now() - 7300,
          next: "`herdsman adopt BOT --job momentum`, then push BOT",
        },
      ],
      waiting: [{ ...adopting, state: "changed", message: "the job was changed", next: "look `again`" }],
    },
  });
  navigate("/system");
  render(<App />);
  await until(() => expect(FakeEventSource.opened).toHaveLength(1));
  FakeEventSource.last.open();
  const panel = await screen.findByTestId("adoption");
  expect([...panel.querySelectorAll(".other-jobs li")].map((one) => one.getAttribute("data-testid"))).toEqual(
    ["other-job-momentum", "other-job-lab-x"],
  );
  expect(screen.getByTestId("other-job-momentum").textContent).toContain(
    "service, running, 1 copy, for 2 h (nobody's we know)",
  );
  const one = screen.getByTestId("adoption-sma-btc");
  expect(one.dataset.state).toBe("changed");
  expect(one.textContent).toContain("sma-btc and the job old: the job was changed");
  expect(one.textContent).toContain("look again. By ada, 2 min ago: to herdsman");
});

test("without jobs of others, or the scope to see them, nothing is shown", async () => {
  await open(systemDocument());
  expect(screen.queryByTestId("adoption")).toBeNull();
});
