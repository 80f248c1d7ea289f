import { expect, test } from "vitest";
import { decodeLogEvent } from "../src/api/documents";
import { EventList, passes, severity } from "../src/state/logs";
import { fillOf, markOfEvent, marksOfRuns } from "../src/state/marks";
import { HandClock, logDocument, NOW, Refusal, serve } from "./fakes";

const event = (id: string, message: string, changes = {}) =>
  decodeLogEvent(logDocument(id, message, changes));
const shown = (list: EventList) => list.events.value.map(({ message }) => message);

function listOf(answer: unknown) {
  const clock = new HandClock();
  const asked = serve({ "/logs": answer });
  return { clock, asked, list: new EventList("/logs", {}, clock) };
}

test("a page comes newest first and is shown newest last", async () => {
  const { list } = listOf({ events: [logDocument("2", "b"), logDocument("1", "a")], next_cursor: "" });
  await list.load();
  expect(shown(list)).toEqual(["a", "b"]);
});

test("a line that came on the stream and in the page is shown once", async () => {
  const { clock, list } = listOf({ events: [logDocument("1", "a")], next_cursor: "" });
  list.add(event("1", "a"));
  list.add(event("2", "b"));
  await list.load();
  clock.pass();
  expect(shown(list)).toEqual(["a", "b"]);
});

test("a paused list counts what arrives and shows it afterwards", async () => {
  const { clock, list } = listOf({ events: [], next_cursor: "" });
  await list.load();
  list.pause(true);
  list.add(event("1", "a"));
  clock.pass();
  expect(shown(list)).toEqual([]);
  expect(list.unseen.value).toBe(1);
  list.pause(false);
  expect(shown(list)).toEqual(["a"]);
});

test("a search goes to the API and also filters the tail", async () => {
  const { clock, asked, list } = listOf({ events: [], next_cursor: "" });
  await list.search({ text: "Refused", level: "error" });
  expect(asked.at(-1)).toBe("/logs?text=Refused&level=error&limit=200");
  list.add(event("1", "connection refused", { level: "error" }));
  list.add(event("2", "connection refused"));
  list.add(event("3", "fine", { level: "critical" }));
  clock.pass();
  expect(shown(list)).toEqual(["connection refused"]);
});

test("older lines go before the first", async () => {
  const { asked, list } = listOf((query: URLSearchParams) =>
    query.get("cursor") === "c1"
      ? { events: [logDocument("1", "a"), logDocument("2", "b")], next_cursor: "" }
      : { events: [logDocument("2", "b")], next_cursor: "c1" },
  );
  await list.load();
  await list.loadOlder();
  expect(shown(list)).toEqual(["a", "b"]);
  expect(list.older.value).toBe("");
  await list.loadOlder();
  expect(asked).toHaveLength(2);
});

test("a long tail lets its oldest lines go, and reads them again by their time", async () => {
  const { clock, asked, list } = listOf({ events: [], next_cursor: "" });
  await list.load();
  for (let index = 0; index < 1100; index += 1)
    list.add(event(String(index), String(index), { time: NOW + index }));
  clock.pass();
  expect(list.events.value).toHaveLength(1000);
  expect(shown(list)[0]).toBe("100");
  await list.loadOlder();
  expect(asked.at(-1)).toContain(`end=${NOW + 100}.001`);
});

test("a page that cannot be read is told, and can be asked for again", async () => {
  let broken = false;
  const { list } = listOf(() =>
    broken ? new Refusal(503, { title: "No store" }) : { events: [logDocument("1", "a")], next_cursor: "c" },
  );
  await list.load();
  broken = true;
  await list.loadOlder();
  expect(list.problem.value?.title).toBe("No store");
  expect(list.older.value).toBe("c");
  await list.search({ text: "x", level: "" });
  expect(list.problem.value?.status).toBe(503);
});

test("levels of every dialect have their weight", () => {
  expect(["DEBUG", "Info", "warn", "ERROR", "fatal", "odd"].map(severity)).toEqual([0, 1, 2, 3, 4, 1]);
  expect(passes(event("1", "a b"), { text: "B a", level: "" })).toBe(true);
});

test("a run of another revision is a deploy, of the same a start", () => {
  const run = (id: string, startedAt: number | null, revision: string) => ({
    id,
    startedAt,
    endedAt: null,
    outcome: null,
    exitCode: null,
    signal: null,
    message: "",
    revision,
    node: "",
    deploy: "",
  });
  const marks = marksOfRuns([
    run("3", 30, "bbbbbbbbb"),
    run("2", 20, "a"),
    run("1", 10, "a"),
    run("0", null, "a"),
  ]);
  expect(marks.map(({ kind }) => kind)).toEqual(["deploy", "start", "start"]);
  expect(marks[0]?.text.trim()).toBe("deployed bbbbbbb");
  const told = marksOfRuns([{ ...run("2", 20, "b"), deploy: "by desk: fast 10 -> 12" }, run("1", 10, "a")]);
  expect(told[0]?.text).toBe("deployed b by desk: fast 10 -> 12");
});

test("errors and fills are marked", () => {
  expect(markOfEvent(event("1", "boom\ntrace", { level: "error" }))).toMatchObject({
    kind: "error",
    text: "boom",
  });
  expect(markOfEvent(event("1", "fine"))).toBeNull();
  expect(fillOf(event("1", "", { kind: "trade", data: { side: "sell", price: 5 } }))).toMatchObject({
    side: "sell",
  });
  expect(fillOf(event("1", "", { kind: "trade", data: {} }))).toBeNull();
  expect(fillOf(event("1", ""))).toBeNull();
});
