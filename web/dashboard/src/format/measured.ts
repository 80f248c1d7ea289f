/** Numbers of series that are compared: a size with its unit, any other as it is. */

import { MINUS, quantity } from "./numbers";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** The value of a series: `41 MiB`, `1.5 KiB/s`, `12,345.67`. */
export function measured(series: string, value: number): string {
  const of = /_bytes(_per_second)?(_total)?$/.exec(series);
  if (of === null) return quantity(value);
  return of[1] === undefined ? size(value) : `${size(value)}/s`;
}

/** Three digits tell any two sizes apart that a comparison says are not the same: `11.6 GiB`, `0.45 B`. */
function size(value: number): string {
  let [amount, step] = [Math.abs(value), 0];
  while (step + 1 < UNITS.length && Math.round(amount) >= 1024) {
    amount /= 1024;
    step += 1;
  }
  const shown = amount >= 1000 && amount < 1024 ? Math.round(amount) : Number(amount.toPrecision(3));
  return `${value < 0 ? MINUS : ""}${shown} ${UNITS[step]}`;
}
