/** What happy-dom lacks and a browser has: a canvas to draw on, observers of size and view. */

import { cleanup, configure } from "@testing-library/preact";
import { afterEach, beforeEach, vi } from "vitest";
import { FakeEventSource, PATIENCE } from "./fakes";

configure({ asyncUtilTimeout: PATIENCE.timeout });

/** Takes every drawing order and does nothing. */
const canvasContext = new Proxy({} as Record<string | symbol, unknown>, {
  get: (target, name) => {
    if (name in target) return target[name];
    return name === "measureText" ? () => ({ width: 10 }) : () => undefined;
  },
  set: (target, name, value) => {
    target[name] = value;
    return true;
  },
});
HTMLCanvasElement.prototype.getContext = (() => canvasContext) as never;

class SeenAtOnce {
  constructor(private readonly callback: (entries: { isIntersecting: boolean }[]) => void) {}
  observe(): void {
    this.callback([{ isIntersecting: true }]);
  }
  disconnect(): void {}
}

class NeverResized {
  observe(): void {}
  disconnect(): void {}
}

vi.stubGlobal("IntersectionObserver", SeenAtOnce);
vi.stubGlobal("ResizeObserver", NeverResized);
vi.stubGlobal("EventSource", FakeEventSource);
vi.stubGlobal(
  "Path2D",
  class {
    moveTo(): void {}
    lineTo(): void {}
    arc(): void {}
    rect(): void {}
    closePath(): void {}
    bezierCurveTo(): void {}
  },
);
vi.stubGlobal("devicePixelRatio", 1);

beforeEach(() => {
  FakeEventSource.opened.length = 0;
  localStorage.clear();
});

afterEach(() => {
  cleanup();
  history.replaceState(null, "", "/");
});
