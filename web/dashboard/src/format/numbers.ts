/** Numbers as text: grouped, with their sign or unit, and never more digits than carry something. */

export const MINUS = "\u2212";
export const NOTHING = "\u2013";

const grouped = new Map<string, Intl.NumberFormat>();

function format(value: number, digits: number, least = digits): string {
  const kind = `${least} ${digits}`;
  let formatter = grouped.get(kind);
  if (formatter === undefined) {
    formatter = new Intl.NumberFormat("en-US", {
      minimumFractionDigits: least,
      maximumFractionDigits: digits,
    });
    grouped.set(kind, formatter);
  }
  return formatter.format(value);
}

/** Decimals so that about five digits show, and a whole number has none. */
function decimals(size: number): number {
  if (size === 0 || size >= 10_000) return size % 1 === 0 ? 0 : 2;
  if (size >= 1) return size % 1 === 0 ? 0 : size >= 10 ? 2 : 4;
  return Math.min(10, 3 - Math.floor(Math.log10(size)));
}

/** A plain quantity: `12,345.67`, `0.0001234`. */
export function quantity(value: number): string {
  const text = format(Math.abs(value), decimals(Math.abs(value)));
  return value < 0 ? MINUS + text : text;
}

const short = new Intl.NumberFormat("en-US", { maximumFractionDigits: 8 });

/** A quantity in running text, with no more digits than it has: `0.25`. */
export function plain(value: number): string {
  const text = short.format(Math.abs(value));
  return value < 0 ? MINUS + text : text;
}

/** An amount of money: two decimals, more where it is small and has more. */
export function money(value: number): string {
  const size = Math.abs(value);
  const digits = size === 0 || size >= 1 ? 2 : Math.max(2, decimals(size));
  return (value < 0 ? MINUS : "") + format(size, digits, 2);
}

/** An amount with its sign, also when it is positive; zero has none. */
export function signed(value: number): string {
  return value > 0 ? `+${money(value)}` : money(value);
}

export function percent(value: number): string {
  return `${format(value, value < 10 && value % 1 !== 0 ? 1 : 0)}%`;
}

const STEPS = ["B", "KiB", "MiB", "GiB", "TiB"];

function scale(value: number): number {
  const power = value <= 0 ? 0 : Math.floor(Math.log2(value) / 10);
  return Math.min(STEPS.length - 1, Math.max(0, power));
}

function inStep(value: number, step: number): string {
  const scaled = value / 1024 ** step;
  return format(scaled, step > 0 && scaled < 10 && scaled % 1 !== 0 ? 1 : 0);
}

/** `41 MiB`. */
export function bytes(value: number): string {
  const step = scale(Math.abs(value));
  return `${inStep(value, step)} ${STEPS[step]}`;
}

/** `41/64 MiB`: use and limit in the limit's unit. */
export function bytesOf(value: number, limit: number): string {
  const step = scale(limit);
  return `${inStep(value, step)}/${inStep(limit, step)} ${STEPS[step]}`;
}

/** `1 bot`, `3 bots`. */
export function count(number: number, noun: string): string {
  return `${format(number, 0)} ${noun}${number === 1 ? "" : "s"}`;
}

/** `214 bots`, or `3 of 214 bots` while a search is on. */
export function shownOf(shown: number, all: number, noun: string): string {
  return shown === all ? count(all, noun) : `${format(shown, 0)} of ${count(all, noun)}`;
}
