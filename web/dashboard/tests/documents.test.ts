import { describe, expect, test } from "vitest";
import {
  decodeBot,
  decodeBotDetail,
  decodeBots,
  decodeEvents,
  decodeFleet,
  decodeRuns,
  decodeSamples,
  decodeSeries,
} from "../src/api/documents";
import { attemptsOf, secretsOf } from "../src/api/late";
import { decodeRevisions } from "../src/api/revisions";
import { botDocument, fleetDocument, NOW, revisionDocument } from "./fakes";

describe("a document is read tolerantly", () => {
  test("a whole row keeps every field", () => {
    const bot = decodeBot(botDocument("sma-btc", { last_metric: { name: "m", value: 1, time: NOW } }));
    expect(bot).toMatchObject({
      name: "sma-btc",
      health: "Healthy",
      pnlToday: 184.2,
      appliedRevision: "3f9a2c1d8e",
    });
    expect(bot.resources.memoryLimitBytes).toBe(64 * 2 ** 20);
    expect(bot.lastMetric).toEqual({ name: "m", value: 1, time: NOW });
    expect(bot.lastLog?.message).toBe("tick");
  });

  test("what is missing or of another type becomes empty, and an unknown health is Unknown", () => {
    const bot = decodeBot({ name: "x", health: "Fabulous", restarts: "many", equity: "1", resources: 7 });
    expect(bot).toMatchObject({ health: "Unknown", restarts: 0, equity: null, mode: "dry", sync: "Unknown" });
    expect(bot.resources.cpuPercent).toBeNull();
    expect(decodeBot(null).name).toBe("");
  });

  test("a row without a name is left out", () => {
    expect(decodeBots([botDocument("a"), {}, 3]).map((bot) => bot.name)).toEqual(["a"]);
    expect(decodeBots({ not: "a list" })).toEqual([]);
  });

  test("lists may come bare or under their name", () => {
    expect(decodeRuns([{ id: "1" }])).toHaveLength(1);
    expect(decodeRuns({ runs: [{ id: "1" }] })).toHaveLength(1);
    expect(decodeRevisions({ revisions: [revisionDocument("a")] })[0]?.changes[0]?.seconds).toBe(0.7);
  });

  test("points that are not two numbers are left out", () => {
    const series = decodeSeries({
      series: [{ labels: { a: "b", c: 1 }, points: [[1, 2], [1], "x", [2, null]] }],
    });
    expect(series).toEqual([{ labels: { a: "b" }, points: [[1, 2]] }]);
  });

  test("samples without a name, time or value are left out", () => {
    const { bot, samples } = decodeSamples({
      bot: "b",
      samples: [
        { name: "m", labels: {}, time: 1, value: 2 },
        { name: "m", time: 1 },
        { time: 1, value: 2 },
        null,
      ],
    });
    expect(bot).toBe("b");
    expect(samples).toHaveLength(1);
  });

  test("fleet, detail and events survive an empty object", () => {
    expect(decodeFleet({})).toMatchObject({ fleet: "", revision: null, problems: [] });
    expect(decodeFleet(fleetDocument()).revision?.author).toBe("alice");
    expect(decodeBotDetail({})).toMatchObject({ metrics: [], suspended: null, revision: null });
    expect(attemptsOf(decodeBotDetail({ attempts: [{}] }))[0]?.ok).toBe(null);
    expect(secretsOf(decodeBotDetail({}))).toEqual([]);
    expect(decodeBotDetail({ conditions: [{ type: "Ready", status: true }] }).conditions[0]?.status).toBe(
      "True",
    );
    expect(decodeEvents({ events: [{}] }).events[0]).toMatchObject({ kind: "log", level: "info" });
  });
});
