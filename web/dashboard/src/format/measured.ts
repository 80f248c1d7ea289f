/** Numbers of series as text: a size with its unit, any other as it is. */

import { bytes, quantity } from "./numbers";

/** The value of a series: `41 MiB`, `1.5 KiB/s`, `12,345.67`. */
export function measured(series: string, value: number): string {
  const of = /_bytes(_per_second)?(_total)?$/.exec(series);
  if (of === null) return quantity(value);
  return of[1] === undefined ? bytes(value) : `${bytes(value)}/s`;
}
