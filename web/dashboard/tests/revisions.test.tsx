import { fireEvent, render, screen, within } from "@testing-library/preact";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { decodeRemovals, RevisionsState } from "../src/state/revisions";
import { navigate } from "../src/state/router";
import { viewer } from "../src/state/viewer";
import { App } from "../src/ui/app";
import {
  type Answers,
  FakeEventSource,
  fleetDocument,
  Refusal,
  revisionDocument,
  serve,
  until,
} from "./fakes";

beforeEach(() => {
  HTMLDialogElement.prototype.showModal = function showModal() {
    this.open = true;
  };
});
afterEach(() => {
  viewer.value = null;
});

const change = (bot: string, changes: Record<string, unknown> = {}) => ({
  bot,
  action: "update",
  summary: "fast 10 -> 12",
  state: "waiting",
  message: "",
  seconds: 0,
  fields: [],
  ...changes,
});

async function open(path: string, answers: Answers) {
  const asked = serve({ "/api/v1/fleet": fleetDocument({ revision: null }), ...answers });
  navigate(path);
  render(<App />);
  await until(() => expect(FakeEventSource.opened).toHaveLength(1));
  FakeEventSource.last.open();
  await screen.findByTestId("sync-age");
  return asked;
}

const listed = (...revisions: unknown[]) => ({ "/api/v1/revisions": revisions });
const one = (revision: Record<string, unknown>, more: Answers = {}) => ({
  [`/api/v1/revisions/${revision.id}`]: revision,
  ...more,
});

test("the timeline says who wrote, who pushed, what changed and what came of it", async () => {
  await open(
    "/revisions",
    listed(revisionDocument("aaaaaaaaaa"), revisionDocument("bbbbbbbbbb", { state: "failed" })),
  );
  expect(FakeEventSource.last.url).toBe("/api/v1/stream?topics=fleet,revisions");
  const text = screen.getByTestId("revision-row-aaaaaaa").textContent ?? "";
  expect(text).toContain("tighter stops");
  expect(text).toContain("1 changed; written by alice, pushed by desk-ops");
  expect(text).toContain("sma-btcchangedfast 10 -> 12healthy in 0.7 s");
  expect(screen.getByTestId("revision-row-bbbbbbb").textContent).toContain("failed");
});

test("what failed, what is held and what was refused stand in the timeline", async () => {
  const failed = change("grid", { state: "failed", message: "crashed: boom", seconds: 0.3 });
  await open(
    "/revisions",
    listed(
      revisionDocument("aaaaaaaaaa", {
        state: "pending",
        held: "9 of 24 bots would be removed",
        trigger: "poll",
        by: "",
        changes: [failed],
        actions: { update: 3, remove: 2, create: 1200 },
      }),
      revisionDocument("bbbbbbbbbb", {
        state: "refused",
        changes: [],
        actions: {},
        errors: [
          { file: "bots/a.yaml", line: 7, message: "unknown parameter", suggestion: "" },
          { file: "bots/b.yaml", line: null, message: "worse", suggestion: "" },
        ],
      }),
    ),
  );
  const text = screen.getByTestId("revision-row-aaaaaaa").textContent ?? "";
  expect(text).toContain("held");
  expect(text).toContain("9 of 24 bots would be removed");
  expect(text).toContain("1,200 new, 3 changed, 2 removed; written by alice, found by polling");
  expect(text).toContain("failed after 0.3 scrashed: boom");
  expect(text).toContain("and 1,204 more");
  const refused = screen.getByTestId("revision-row-bbbbbbb").textContent ?? "";
  expect(refused).toContain("no bot changed");
  expect(refused).toContain("bots/a.yaml:7 unknown parameter and 1 more");
});

test("a fleet without revisions says how the first one is made", async () => {
  await open("/revisions", listed());
  expect(screen.getByText("No revisions yet")).toBeTruthy();
});

test("a revision under way moves on the timeline by itself, and a new one comes on top", async () => {
  await open("/revisions", listed(revisionDocument("aaaaaaaaaa")));
  const running = {
    ...revisionDocument("cccccccccc", { state: "running", changes: [] }),
    actions: { update: 2 },
    results: { waiting: 1, running: 1 },
  };
  const moved = [change("a"), change("b", { state: "running", seconds: 0.3 })];
  FakeEventSource.last.send("revision", { revision: running, changes: moved });
  const row = await screen.findByTestId("revision-row-ccccccc");
  expect(within(row).getByRole("progressbar").getAttribute("aria-label")).toBe("1 of 2 bots done");
  expect(row.textContent).toContain("running in 0.3 s");
  FakeEventSource.last.send("revision", {
    revision: { ...running, state: "applied", results: { running: 2 } },
    changes: [change("a", { state: "running", seconds: 0.9 })],
  });
  await until(() => expect(row.textContent).toContain("running in 0.9 s"));
  expect(row.textContent).toContain("running in 0.3 s");
  expect(within(row).queryByRole("progressbar")).toBeNull();
  expect(screen.getAllByTestId(/^revision-row/)[0]).toBe(row);
});

test("older revisions are read when they are asked for", async () => {
  const page = Array.from({ length: 50 }, (_, index) => revisionDocument(`a${index}`.padEnd(10, "0")));
  const asked = await open("/revisions", {
    "/api/v1/revisions": (query: URLSearchParams) =>
      query.get("before") === null ? page : [revisionDocument("zzzzzzzzzz")],
  });
  fireEvent.click(screen.getByText("Older revisions"));
  await screen.findByTestId("revision-row-zzzzzzz");
  expect(asked).toContain("/api/v1/revisions?limit=50&before=a490000000");
  expect(screen.getByText("These are all that are kept.")).toBeTruthy();
});

test("older revisions that cannot be read are told of", async () => {
  const page = Array.from({ length: 50 }, (_, index) => revisionDocument(`a${index}`.padEnd(10, "0")));
  serve({
    "/api/v1/fleet": fleetDocument(),
    "/api/v1/revisions": (query: URLSearchParams) =>
      query.get("before") === null ? page : new Refusal(503, { title: "The database is away" }),
  });
  const state = new RevisionsState();
  await state.loadMore();
  await state.load(new AbortController().signal);
  await state.loadMore();
  expect(state.problem.value?.title).toBe("The database is away");
  expect(state.more.value).toBe(true);
});

test("a bot's revisions are a page of their own, and its filter leads there", async () => {
  const asked = await open("/revisions?bot=sma-btc", listed(revisionDocument("aaaaaaaaaa")));
  expect(asked).toContain("/api/v1/revisions?limit=50&bot=sma-btc");
  expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("Revisions of sma-btc");
  const other = { revision: revisionDocument("cccccccccc", { changes: [] }), changes: [change("other")] };
  FakeEventSource.last.send("revision", other);
  FakeEventSource.last.send("revision", { ...other, changes: [change("sma-btc")] });
  await screen.findByTestId("revision-row-ccccccc");
  expect(screen.getAllByTestId(/^revision-row/)).toHaveLength(2);
  fireEvent.input(screen.getByTestId("bot-filter"), { target: { value: "" } });
  fireEvent.submit(screen.getByTestId("bot-filter").closest("form") as HTMLFormElement);
  expect(location.pathname + location.search).toBe("/revisions");
});

test("a bot that no revision changed says so", async () => {
  await open("/revisions?bot=nobody", listed());
  expect(screen.getByText(/No revision that is kept changed a bot of this name/)).toBeTruthy();
});

test("a revision shows each field before and after, its errors and who brought it", async () => {
  const errors = [
    { file: "bots/a.yaml", line: 7, message: 'unknown parameter "volatilty"', suggestion: "volatility" },
  ];
  await open("/revisions/aaaaaaaaaa", one(revisionDocument("aaaaaaaaaa", { errors })));
  const page = await screen.findByTestId("revision-page");
  const text = page.textContent ?? "";
  expect(text).toContain("aaaaaaa tighter stops");
  expect(text).toContain("Agreed on Friday.");
  expect(text).toContain("Brought bydesk-ops");
  expect(text).toContain("Written byalice");
  expect(text).toContain('bots/a.yaml:7 unknown parameter "volatilty" (did you mean "volatility"?)');
  const row = screen.getByTestId("change-sma-btc");
  expect(row.textContent).toContain("sma-btcchangedfast 10 -> 12healthy in 0.7 s");
  expect(row.querySelector("details")?.open).toBe(true);
  const cells = [...row.querySelectorAll("tr")].map((line) => line.textContent);
  expect(cells).toEqual(["fast1012", "slownot there30"]);
});

test("a new bot's fields are what it is, and stay closed", async () => {
  const fields = [{ name: "program", before: null, after: "grid 2.0.1" }];
  const made = change("grid", { action: "create", state: "removed", fields, message: "stopped", seconds: 2 });
  const revision = revisionDocument("aaaaaaaaaa", {
    changes: [made],
    rewritten: "ffffffffff",
    source: "desk",
  });
  await open("/r/aaaaaaaaaa", one(revision));
  expect((await screen.findByTestId("rewritten")).textContent).toContain(
    "replaces fffffff without following it",
  );
  const details = (await screen.findByTestId("change-grid")).querySelector("details");
  expect(details?.open).toBe(false);
  expect(details?.textContent).toContain("1 field, what it is");
});

test.each([
  ["good", "ada@example.org (SHA256:abc)"],
  ["unknown", "a key that the trust policy does not know"],
])("a revision whose signature is %s says so", async (signature, words) => {
  const signer = signature === "good" ? words : "";
  await open("/r/aaaaaaaaaa", one(revisionDocument("aaaaaaaaaa", { signature, signer })));
  expect(await screen.findByText(words)).toBeTruthy();
});

test("of a revision of many bots, names are searched", async () => {
  const many = Array.from({ length: 250 }, (_, index) => change(`bot-${String(index).padStart(3, "0")}`));
  await open(
    "/revisions/aaaaaaaaaa",
    one(revisionDocument("aaaaaaaaaa", { changes: many, actions: { update: 250 } })),
  );
  await screen.findByTestId("revision-page");
  expect(screen.getAllByTestId(/^change-/)).toHaveLength(200);
  expect(screen.getByText(/and 50 more/)).toBeTruthy();
  fireEvent.input(screen.getByLabelText("Search bots"), { target: { value: "BOT-24" } });
  await until(() => expect(screen.getAllByTestId(/^change-/)).toHaveLength(10));
});

test("a running revision changes on its page by itself, other revisions leave it alone", async () => {
  const running = revisionDocument("aaaaaaaaaa", {
    state: "running",
    finished_at: null,
    changes: [],
    actions: {},
  });
  await open("/revisions/aaaaaaaaaa", one(running));
  await screen.findByText("This revision changed no bot.");
  FakeEventSource.last.send("revision", { revision: revisionDocument("other"), changes: [change("x")] });
  FakeEventSource.last.send("revision", { revision: running, changes: [change("sma-btc")] });
  await screen.findByTestId("change-sma-btc");
  expect(screen.queryByTestId("change-x")).toBeNull();
});

test("a held revision names what would go, how to confirm it, and confirms it", async () => {
  const held = revisionDocument("aaaaaaaaaa", { state: "pending", held: "2 of 3 bots would be removed" });
  const actions = [
    { bot: "a", action: "remove" },
    { bot: "b", action: "remove" },
    { bot: "c", action: "none" },
  ];
  await open("/revisions/aaaaaaaaaa", one(held, { "/api/v1/plan": { actions, prune: ["0a1b2c3d"] } }));
  const note = await screen.findByTestId("held");
  await until(() => expect(note.textContent).toContain("To be removed: a, b"));
  expect(note.textContent).toContain("herdsman sync --confirm-prune 0a1b2c3d");
  const posted: unknown[] = [];
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    posted.push([path, init.method, JSON.parse(String(init.body))]);
    return new Response("{}", { status: 202 });
  });
  fireEvent.click(screen.getByTestId("confirm-prune"));
  const dialog = screen.getByRole("dialog", { name: "Remove these bots" });
  expect(dialog.textContent).toContain("2 bots of this fleet will be stopped and removed: a, b.");
  fireEvent.submit(dialog.querySelector("form") as HTMLFormElement);
  await until(() => expect(posted).toEqual([["/api/v1/sync", "POST", { prune: ["0a1b2c3d"] }]]));
  FakeEventSource.last.send("revision", { revision: { ...held, held: "", state: "running" }, changes: [] });
  await until(() => expect(screen.queryByTestId("held")).toBeNull());
});

test("a plan that makes no sense removes nothing", () => {
  expect(decodeRemovals(null)).toEqual({ bots: [], codes: [] });
  expect(decodeRemovals({ actions: 3 })).toEqual({ bots: [], codes: [] });
});

test("a revision that is not known is told, with the ways back", async () => {
  serve({ "/api/v1/fleet": fleetDocument() });
  navigate("/revisions/fff");
  render(<App />);
  await until(() => expect(FakeEventSource.opened).toHaveLength(1));
  FakeEventSource.last.open();
  const problem = await screen.findByTestId("problem");
  expect(within(problem).getByText("all revisions")).toBeTruthy();
});

test("who may only read sees the buttons, closed, and why", async () => {
  viewer.value = { name: "guest", scope: "read" };
  await open("/revisions", listed(revisionDocument("aaaaaaaaaa")));
  const button = screen.getByTestId("sync") as HTMLButtonElement;
  expect(button.disabled).toBe(true);
  expect(button.title).toContain("takes the scope operate");
  expect(screen.getByTestId("why-not").textContent).toContain("guest");
});

test("what the server refuses is told in the dialog, which stays", async () => {
  await open("/revisions", listed(revisionDocument("aaaaaaaaaa")));
  vi.stubGlobal("fetch", async () =>
    Response.json(
      { title: "Not allowed", detail: "this takes operate", next: "use another token" },
      { status: 403 },
    ),
  );
  fireEvent.click(screen.getByTestId("sync"));
  const dialog = screen.getByRole("dialog", { name: "Sync now" });
  fireEvent.submit(dialog.querySelector("form") as HTMLFormElement);
  await within(dialog).findByText("this takes operate. use another token");
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError()));
  fireEvent.submit(dialog.querySelector("form") as HTMLFormElement);
  await within(dialog).findByText(/Nothing was done as far as this page knows/);
  fireEvent.click(within(dialog).getByText("Cancel"));
});
