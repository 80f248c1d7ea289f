/** Where the crosshair stands: one time for all charts of the page. */

import { signal } from "@preact/signals";

export const pointedTime = signal<number | null>(null);
