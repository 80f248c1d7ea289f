/** Code that no page waits for, in one file: the kill switch, and the waves of a rollout under way. */

import { lazyPart } from "./lazy";

const read = () => import("./asides");

export const killSwitch = lazyPart(
  async () => (await read()).KillSwitch,
  () => null,
);
export const killBanners = lazyPart(
  async () => (await read()).KillBanners,
  () => <p class="banner kill-banner">A kill switch is on.</p>,
);
/** The waves of a revision that goes out in some, until the last of them is through. */
export const rolloutLine = lazyPart(
  async () => (await read()).RolloutLine,
  () => null,
);
