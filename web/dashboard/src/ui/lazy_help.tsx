/** The keys and settings, read when somebody first asks for them. */

import { helpOpen } from "./keys";
import { lazyPart } from "./lazy";

const help = lazyPart(
  async () => (await import("./help")).Help,
  () => null,
);

export function LazyHelp() {
  return helpOpen.value ? <help.Page /> : null;
}
