/** The kill switch's own code, which no page waits for. */

import { lazyPart } from "./lazy";

const read = () => import("./kill_switch");

export const killSwitch = lazyPart(
  async () => (await read()).KillSwitch,
  () => null,
);
export const killBanners = lazyPart(
  async () => (await read()).KillBanners,
  () => <p class="banner kill-banner">A kill switch is on.</p>,
);
