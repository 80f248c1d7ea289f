import { fireEvent, render, screen } from "@testing-library/preact";
import { afterEach, expect, test } from "vitest";
import { decodeCode, decodeErrorDetail, decodeErrorGroup } from "../src/api/errors";
import { navigate } from "../src/state/router";
import { viewer } from "../src/state/viewer";
import { App } from "../src/ui/app";
import { errorName } from "../src/ui/errors_page";
import { FakeEventSource, fleetDocument, PATIENCE, serve, until } from "./fakes";

const now = () => Date.now() / 1000;

afterEach(() => {
  viewer.value = null;
});

function group(changes: Record<string, unknown> = {}) {
  return {
    id: "4bd0c1f7a2e9",
    bot: "noisy",
    program: "noisy-errors",
    version: "0.2.0",
    state: "new",
    type: "main.BadAnswer",
    message: "cannot read it",
    file: "main.py",
    line: 25,
    count: 3,
    first_seen: now() - 90,
    last_seen: now() - 5,
    last_revision: "3f9a2c1e8d4b4c1a9f001234567890ab12345678",
    since_revision: "3f9a2c1e8d4b4c1a9f001234567890ab12345678",
    ...changes,
  };
}

function event(message: string) {
  return { id: message, bot: "noisy", time: now() - 6, kind: "log", level: "info", message, data: {} };
}

const DETAIL = {
  error: group(),
  revisions: [{ revision: "3f9a2c1e8d4b", version: "0.2.0", count: 3, first_seen: 1, last_seen: 2 }],
  shown: { event: "e", time: now() - 5, revision: "3f9a2c1" },
  event: event("Traceback"),
  trace: [
    {
      type: "main.BadAnswer",
      message: "cannot read it",
      part: false,
      frames: [{ function: "parse", file: "main.py", line: 25, code: "", in_app: true }],
    },
    { type: "KeyError", message: "'price'", part: false, frames: [] },
  ],
  lines: [event("asked the exchange\nand more")],
  trades: [],
  resources: { bot_memory_bytes: 33554432 },
  resolution: null,
  bots: ["other"],
};

const EXPLANATION = {
  explanation: { rule: "key-error", title: "A field is missing", cause: "No `price`.", fix: "Check it." },
  others: [{ title: "Something else" }],
  model_available: true,
  model: null,
};

async function open(path: string, documents: Record<string, unknown>) {
  serve({ "/api/v1/fleet": fleetDocument(), ...documents });
  navigate(path);
  render(<App />);
  await until(() => expect(FakeEventSource.opened).toHaveLength(1));
  FakeEventSource.last.open();
}

test("the list has each error once, and one that is seen again comes first", async () => {
  const second = group({ id: "other", bot: "flaky", type: "error", message: "feed is gone", file: "" });
  await open("/errors", { "/api/v1/errors": [second, group()] });
  await screen.findByText("BadAnswer: cannot read it", {}, PATIENCE);
  expect(screen.getByText("feed is gone")).toBeTruthy();
  FakeEventSource.last.send("error_group", group({ count: 4, state: "regressed" }), "1");
  await screen.findByText("4 times", {}, PATIENCE);
  expect(screen.getByText("regressed")).toBeTruthy();
  const entries = document.querySelectorAll(".error-entry");
  expect(entries[0]?.textContent).toContain("BadAnswer");
  FakeEventSource.last.send("error_group", group({ state: "resolved" }), "2");
  await until(() => expect(document.querySelectorAll(".error-entry")).toHaveLength(1));
});

test("an empty list says what would show here", async () => {
  await open("/errors?all=1", { "/api/v1/errors": [] });
  expect(await screen.findByText(/^No errors\./, {}, PATIENCE)).toBeTruthy();
});

test("an error has its meaning, its source, its trace and what came before it", async () => {
  await open("/errors/4bd0c1f7a2e9", {
    "/api/v1/errors/4bd0c1f7a2e9": DETAIL,
    "/api/v1/errors/4bd0c1f7a2e9/explain": EXPLANATION,
    "/api/v1/code": {
      path: "programs/noisy/main.py",
      commit: "3f9a2c1e8d",
      line: 25,
      url: "https://forge.example/x#L25",
      lines: [{ number: 25, text: "    raise BadAnswer()", commit: "9f8e7d6", author: "ann", summary: "s" }],
    },
  });
  expect(await screen.findByText("A field is missing", {}, PATIENCE)).toBeTruthy();
  expect(screen.getByText("price").tagName).toBe("CODE");
  expect(await screen.findByText("programs/noisy/main.py", {}, PATIENCE)).toBeTruthy();
  expect(screen.getByText("raise BadAnswer()").parentElement?.className).toContain("here");
  expect(screen.getByText("KeyError")).toBeTruthy();
  expect(screen.getByText("asked the exchange")).toBeTruthy();
  expect(screen.getByText(/memory 32/)).toBeTruthy();
  expect(screen.getByText("the same in other")).toBeTruthy();
  FakeEventSource.last.send("error_group", group({ count: 9, state: "resolved" }), "1");
  await screen.findByText("9 times", {}, PATIENCE);
  expect(screen.getByTestId("resolve").textContent).toBe("Reopen");
});

test("the language model is asked where somebody asks, and is labelled", async () => {
  const said = { name: "small at desk", text: "The answer has no price.", problem: "" };
  let asked = 0;
  await open("/errors/4bd0c1f7a2e9", {
    "/api/v1/errors/4bd0c1f7a2e9": { ...DETAIL, trace: [], error: group({ file: "" }) },
    "/api/v1/errors/4bd0c1f7a2e9/explain": () => {
      asked += 1;
      return asked === 1 ? EXPLANATION : { ...EXPLANATION, model: said };
    },
  });
  fireEvent.click(await screen.findByText("Ask the language model", {}, PATIENCE));
  expect(await screen.findByText("The answer has no price.", {}, PATIENCE)).toBeTruthy();
  expect(screen.getByText(/small at desk says \(it may be wrong\)/)).toBeTruthy();
  expect(screen.getByText("What was printed")).toBeTruthy();
});

test("who may only read is told why the language model cannot be asked", async () => {
  await open("/errors/4bd0c1f7a2e9", {
    "/api/v1/whoami": { name: "guest", scope: "read" },
    "/api/v1/errors/4bd0c1f7a2e9": { ...DETAIL, trace: [], error: group({ file: "" }) },
    "/api/v1/errors/4bd0c1f7a2e9/explain": EXPLANATION,
  });
  viewer.value = { name: "guest", scope: "read" };
  const button = await screen.findByText<HTMLButtonElement>("Ask the language model", {}, PATIENCE);
  await until(() => expect(button.disabled).toBe(true));
  expect(button.title).toContain("operate");
});

test("answers that lack parts are read all the same", () => {
  expect(errorName(decodeErrorGroup({}))).toBe("");
  expect(errorName(decodeErrorGroup({ type: "a.B" }))).toBe("B");
  expect(decodeErrorDetail({}).lines).toEqual([]);
  expect(decodeCode({ url: "javascript:alert(1)" }).url).toBe("");
});
