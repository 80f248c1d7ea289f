import { expect, test, vi } from "vitest";
import { browserStream } from "../src/api/environment";
import { ApiProblem, address, asProblem, getJson } from "../src/api/http";
import { FakeEventSource, Refusal, serve } from "./fakes";

const identity = (value: unknown) => value;

test("an answer is decoded", async () => {
  serve({ "/x": [1] });
  expect(await getJson("/x", identity)).toEqual([1]);
});

test("problem details become one error with its next step", async () => {
  serve({ "/x": new Refusal(422, { title: "No", detail: "because", next: "do this" }) });
  const problem = await getJson("/x", identity).catch(asProblem);
  expect(problem).toMatchObject({
    status: 422,
    title: "No",
    detail: "because",
    next: "do this",
    denied: false,
  });
  expect((problem as ApiProblem).message).toBe("No: because");
});

test("an error page that is no JSON is told by its status", async () => {
  serve({ "/x": new Refusal(502, "<html>") });
  expect(await getJson("/x", identity).catch(asProblem)).toMatchObject({ title: "The server answered 502" });
});

test("no session is recognised", async () => {
  serve({ "/api/v1/fleet": new Refusal(401, {}) });
  await expect(browserStream.probe()).rejects.toMatchObject({ denied: true });
  expect(browserStream.open("/s")).toBeInstanceOf(FakeEventSource);
});

test("a server that does not answer is a problem of its own", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("network")));
  await expect(getJson("/x", identity)).rejects.toMatchObject({ status: 0 });
});

test("an ended reading stays an ended reading", async () => {
  const abort = new AbortController();
  abort.abort();
  serve({ "/x": 1 });
  const error = await getJson("/x", identity, abort.signal).catch((caught: unknown) => caught);
  expect(error).not.toBeInstanceOf(ApiProblem);
});

test("an address carries only what is set", () => {
  expect(address("/x", { a: "1 2", b: "", c: null, d: 0 })).toBe("/x?a=1+2&d=0");
  expect(address("/x", {})).toBe("/x");
});

test("anything unexpected is told as a problem", () => {
  expect(asProblem(new Error("odd")).detail).toContain("odd");
});
