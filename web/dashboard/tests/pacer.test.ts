import { expect, test } from "vitest";
import { Pacer } from "../src/state/pacer";
import { HandClock } from "./fakes";

function pacer() {
  const clock = new HandClock();
  const painted: string[][] = [];
  return { clock, painted, pacer: new Pacer<string>((keys) => painted.push(keys), clock) };
}

test("a single change shows at the next frame", () => {
  const { clock, painted, pacer: it } = pacer();
  it.touch("a");
  expect(painted).toEqual([]);
  clock.pass();
  expect(painted).toEqual([["a"]]);
});

test("a flood of changes of one row shows at most four times a second", () => {
  const { clock, painted, pacer: it } = pacer();
  for (let ms = 0; ms < 1000; ms += 10) {
    it.touch("a");
    clock.pass(10);
  }
  expect(painted.length).toBeGreaterThanOrEqual(4);
  expect(painted.length).toBeLessThanOrEqual(5);
});

test("the last change of a flood is shown too", () => {
  const { clock, painted, pacer: it } = pacer();
  it.touch("a");
  clock.pass();
  it.touch("a");
  clock.pass(10);
  expect(painted).toHaveLength(1);
  clock.pass(250);
  clock.pass();
  expect(painted).toHaveLength(2);
});

test("rows do not wait for each other", () => {
  const { clock, painted, pacer: it } = pacer();
  it.touch("a");
  clock.pass();
  clock.pass(50);
  it.touch("b");
  clock.pass();
  expect(painted).toEqual([["a"], ["b"]]);
});

test("a forgotten row is not painted", () => {
  const { clock, painted, pacer: it } = pacer();
  it.touch("a");
  it.forget("a");
  clock.pass();
  expect(painted).toEqual([]);
});
