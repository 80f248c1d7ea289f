/** The browser's own EventSource and fetch, as the stream wants them. */

import { getJson } from "./http";
import type { StreamEnvironment } from "./stream";

export const browserStream: StreamEnvironment = {
  open: (url) => new EventSource(url),
  probe: () => getJson("/api/v1/fleet", () => undefined),
  random: Math.random,
};
