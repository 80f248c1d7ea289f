import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Feed } from "../src/api/feed";
import { ApiProblem } from "../src/api/http";
import { LiveStream, type StreamEnvironment } from "../src/api/stream";
import { FakeEventSource } from "./fakes";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function environment(probe: () => Promise<void> = async () => {}): StreamEnvironment {
  return { open: (url) => new FakeEventSource(url) as unknown as EventSource, probe, random: () => 1 };
}

function startedStream(probe?: () => Promise<void>) {
  const handlers = { opened: vi.fn(), received: vi.fn() };
  const stream = new LiveStream(["fleet", "bot:a b"], handlers, environment(probe));
  stream.start();
  return { stream, handlers };
}

test("one stream carries all topics of the page", () => {
  const { stream } = startedStream();
  expect(FakeEventSource.last.url).toBe("/api/v1/stream?topics=fleet,bot%3Aa%20b");
  expect(stream.state.value).toBe("connecting");
  FakeEventSource.last.open();
  expect(stream.state.value).toBe("live");
});

test("a message is handed on decoded, and one that is no JSON is dropped", () => {
  const { handlers } = startedStream();
  FakeEventSource.last.send("status", { name: "a" });
  FakeEventSource.last.send("status", "{half");
  expect(handlers.received.mock.calls).toEqual([["status", { name: "a" }]]);
});

test.each([false, true])("a lost line goes on after the last message (given up: %s)", async (gaveUp) => {
  const { stream, handlers } = startedStream();
  const source = FakeEventSource.last;
  source.open();
  source.send("status", {}, "e-7");
  source.fail(gaveUp);
  expect(stream.state.value).toBe("lost");
  expect(source.readyState).toBe(2);
  await vi.advanceTimersByTimeAsync(500);
  expect(FakeEventSource.opened).toHaveLength(2);
  expect(FakeEventSource.last.url).toContain("&last_event_id=e-7");
  FakeEventSource.last.open();
  expect(stream.state.value).toBe("live");
  expect(handlers.opened.mock.calls).toEqual([[true], [false]]);
});

test("the reader sees since when the line is lost and when it is tried again, and may try at once", async () => {
  const { stream } = startedStream();
  FakeEventSource.last.open();
  const lost = Date.now();
  FakeEventSource.last.fail(true);
  await vi.advanceTimersByTimeAsync(0);
  expect([stream.lostAt.value, stream.retryAt.value]).toEqual([lost, lost + 500]);
  stream.retry();
  expect(FakeEventSource.opened).toHaveLength(2);
  expect(stream.retryAt.value).toBeNull();
  await vi.advanceTimersByTimeAsync(5000);
  expect(FakeEventSource.opened).toHaveLength(2);
  FakeEventSource.last.open();
  expect([stream.state.value, stream.lostAt.value]).toEqual(["live", null]);
  stream.retry();
  expect(FakeEventSource.opened).toHaveLength(2);
});

test("a server that stays away is asked ever more rarely", async () => {
  startedStream(async () => {
    throw new ApiProblem(0, "no answer", "");
  });
  for (const wait of [500, 1000, 2000, 4000]) {
    const before = FakeEventSource.opened.length;
    FakeEventSource.last.fail(true);
    await vi.advanceTimersByTimeAsync(wait - 1);
    expect(FakeEventSource.opened).toHaveLength(before);
    await vi.advanceTimersByTimeAsync(1);
    expect(FakeEventSource.opened).toHaveLength(before + 1);
  }
});

test("without a session nothing more is tried", async () => {
  const { stream } = startedStream(async () => {
    throw new ApiProblem(401, "Sign in first", "");
  });
  FakeEventSource.last.fail(true);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(stream.state.value).toBe("denied");
  expect(FakeEventSource.opened).toHaveLength(1);
  stream.retry();
  expect(FakeEventSource.opened).toHaveLength(2);
  FakeEventSource.last.open();
  expect(stream.state.value).toBe("live");
});

test("a closed stream opens no other", async () => {
  const { stream } = startedStream();
  FakeEventSource.last.fail(true);
  stream.close();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(FakeEventSource.opened).toHaveLength(1);
});

function startedFeed(load: (signal: AbortSignal) => Promise<void>) {
  const apply = vi.fn();
  const feed = new Feed({ topics: ["fleet"], load, apply }, environment());
  feed.start();
  return { feed, apply };
}

test("what arrives while the snapshot is read is applied after it", async () => {
  const order: string[] = [];
  let finish = () => {};
  const { feed, apply } = startedFeed(async () => {
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    order.push("snapshot");
  });
  apply.mockImplementation((event: string) => order.push(event));
  FakeEventSource.last.open();
  FakeEventSource.last.send("status", {});
  expect(order).toEqual([]);
  finish();
  await vi.advanceTimersByTimeAsync(0);
  FakeEventSource.last.send("fleet", {});
  expect(order).toEqual(["snapshot", "status", "fleet"]);
  expect(feed.loaded.value).toBe(true);
});

test("a reset reads the snapshot again", async () => {
  const load = vi.fn(async () => {});
  startedFeed(load);
  FakeEventSource.last.open();
  await vi.advanceTimersByTimeAsync(0);
  FakeEventSource.last.send("reset", { reason: "too old" });
  await vi.advanceTimersByTimeAsync(0);
  expect(load).toHaveBeenCalledTimes(2);
});

test("the snapshot does not wait for a stream that cannot be opened", async () => {
  const load = vi.fn(async () => {});
  const { feed } = startedFeed(load);
  await vi.advanceTimersByTimeAsync(1500);
  expect(load).toHaveBeenCalledOnce();
  expect(feed.loaded.value).toBe(true);
});

test("a snapshot that fails is told, and read again when the stream is back", async () => {
  const load = vi.fn(async () => {});
  load.mockRejectedValueOnce(new ApiProblem(503, "A telemetry store does not answer", "disk is full"));
  const { feed } = startedFeed(load);
  FakeEventSource.last.open();
  await vi.advanceTimersByTimeAsync(0);
  expect(feed.problem.value?.message).toBe("A telemetry store does not answer: disk is full");
  FakeEventSource.last.fail(false);
  FakeEventSource.last.open();
  await vi.advanceTimersByTimeAsync(0);
  expect(feed.problem.value).toBeNull();
  expect(feed.loaded.value).toBe(true);
});

test("a closed feed ends the reading that still runs", async () => {
  let ended = false;
  const { feed } = startedFeed(
    (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          ended = true;
          reject(signal.reason);
        });
      }),
  );
  FakeEventSource.last.open();
  feed.close();
  await vi.advanceTimersByTimeAsync(0);
  expect(ended).toBe(true);
  expect(feed.problem.value).toBeNull();
});
