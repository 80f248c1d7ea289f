/** The narrow layout, as a signal: rows are two lines high there. */

import { signal } from "@preact/signals";

const query = matchMedia("(max-width: 720px)");

export const narrow = signal(query.matches);

query.addEventListener("change", (event) => {
  narrow.value = event.matches;
});
