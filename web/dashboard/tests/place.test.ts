import { afterEach, expect, test, vi } from "vitest";
import { followServer, now, serverNow, startClock } from "../src/state/clock";
import { botUrl, navigate, parsePlace, place, revisionUrl, setQuery, startRouter } from "../src/state/router";
import { applySettings, dockHeight, pnlColours, zone, zoneName } from "../src/state/settings";

afterEach(() => {
  vi.useRealTimers();
  followServer(Date.now() / 1000);
});

test("an address names a page", () => {
  const page = (path: string) => parsePlace(path, "").page;
  expect(page("/")).toEqual({ name: "fleet" });
  expect(page("/bots")).toEqual({ name: "fleet" });
  expect(page("/bots/a%20b")).toEqual({ name: "bot", bot: "a b" });
  expect(page("/bots/%")).toEqual({ name: "bot", bot: "%" });
  expect(page("/revisions")).toEqual({ name: "revisions" });
  expect(page("/r/3f9a")).toEqual({ name: "revision", revision: "3f9a" });
  expect(page("/revisions/3f9a")).toEqual({ name: "revision", revision: "3f9a" });
  expect(page("/system")).toEqual({ name: "system" });
  expect(page("/sign-in")).toEqual({ name: "sign-in" });
  expect(page("/what")).toEqual({ name: "nowhere", path: "/what" });
  expect(page("/bots/a/b")).toMatchObject({ name: "nowhere" });
  expect([botUrl("a b"), revisionUrl("3f9a2c1d8e7b6a5f")]).toEqual([
    "/bots/a%20b",
    "/revisions/3f9a2c1d8e7b",
  ]);
});

test("the query changes in place and keeps the rest", () => {
  navigate("/bots/x?tab=runs");
  setQuery({ range: "1h" });
  expect(location.search).toBe("?tab=runs&range=1h");
  setQuery({ tab: null, range: null }, true);
  expect(location.search).toBe("");
  expect(place.value.page).toEqual({ name: "bot", bot: "x" });
});

test("links to our pages do not load the document anew", () => {
  const stop = startRouter();
  document.body.innerHTML = '<a href="/revisions" data-page><b>go</b></a><a href="#x" id="other">x</a>';
  document.querySelector("b")?.click();
  expect(place.value.page.name).toBe("revisions");
  document.querySelector<HTMLElement>("#other")?.click();
  document
    .querySelector("b")
    ?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ctrlKey: true }));
  history.pushState(null, "", "/r/abc");
  dispatchEvent(new PopStateEvent("popstate"));
  expect(place.value.page).toEqual({ name: "revision", revision: "abc" });
  stop();
  document.body.innerHTML = "";
});

test("the page's time is the server's, and ticks once a second", () => {
  vi.useFakeTimers();
  followServer(Date.now() / 1000 + 100);
  followServer(null);
  expect(serverNow()).toBeCloseTo(Date.now() / 1000 + 100, 3);
  const stop = startClock();
  vi.advanceTimersByTime(1000);
  expect(now.value).toBeCloseTo(serverNow(), 1);
  stop();
});

test("settings are kept and put on the document", () => {
  const stop = applySettings(document.documentElement);
  pnlColours.value = "blue-orange";
  dockHeight.value = 200;
  expect(document.documentElement.dataset.pnl).toBe("blue-orange");
  expect(localStorage.getItem("herdsman.dock")).toBe("200");
  zone.value = "local";
  expect(zoneName()).toBeUndefined();
  zone.value = "UTC";
  pnlColours.value = "green-red";
  expect(zoneName()).toBe("UTC");
  stop();
});
