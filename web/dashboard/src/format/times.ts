/** Times as text. Ages are short and relative; moments are exact and say their zone. */

import { zone, zoneName } from "../state/settings";

/** `0.3 s`, `12 s`, `3 min`, `2 h`, `5 d`; a moment in the future (by a clock's error) is `0 s`. */
export function duration(seconds: number): string {
  const size = Math.max(0, seconds);
  if (size < 60) return `${Math.floor(size)} s`;
  if (size < 3600) return `${Math.floor(size / 60)} min`;
  if (size < 86_400) return `${Math.floor(size / 3600)} h`;
  return `${Math.floor(size / 86_400)} d`;
}

/** How long something took, where fractions of a second matter: `0.7 s`. */
export function took(seconds: number): string {
  return seconds < 10 ? `${seconds.toFixed(1)} s` : duration(seconds);
}

/** `2 h 14 min`: two units, for an uptime. */
export function longDuration(seconds: number): string {
  const size = Math.max(0, Math.floor(seconds));
  if (size < 60) return `${size} s`;
  const pairs: [number, string, number, string][] = [
    [86_400, "d", 3600, "h"],
    [3600, "h", 60, "min"],
    [60, "min", 1, "s"],
  ];
  const pair = pairs.find(([unit]) => size >= unit) ?? [60, "min", 1, "s"];
  const [large, largeName, small, smallName] = pair as [number, string, number, string];
  const rest = Math.floor((size % large) / small);
  const head = `${Math.floor(size / large)} ${largeName}`;
  return rest === 0 ? head : `${head} ${rest} ${smallName}`;
}

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(kind: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${kind} ${zone.value}`;
  let found = formatters.get(key);
  if (found === undefined) {
    const timeZone = zoneName();
    found = new Intl.DateTimeFormat("sv-SE", { ...options, ...(timeZone ? { timeZone } : {}) });
    formatters.set(key, found);
  }
  return found;
}

const DAY = { year: "numeric", month: "2-digit", day: "2-digit" } as const;
const TIME = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" } as const;
const SHORT = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;

/** `14:02:07` */
export function clock(seconds: number): string {
  return formatter("clock", TIME).format(seconds * 1000);
}

/** `14:02` */
export function shortClock(seconds: number): string {
  return formatter("short", SHORT).format(seconds * 1000);
}

/** `22 Nov` */
export function day(seconds: number): string {
  const parts = formatter("day", DAY)
    .format(seconds * 1000)
    .split("-");
  return `${Number(parts[2])} ${MONTHS[Number(parts[1]) - 1]}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `UTC`, or the browser's own zone as an offset: `UTC+2`. */
export function zoneLabel(seconds = Date.now() / 1000): string {
  if (zone.value === "UTC") return "UTC";
  const minutes = -new Date(seconds * 1000).getTimezoneOffset();
  if (minutes === 0) return "UTC";
  const sign = minutes < 0 ? "\u2212" : "+";
  const hours = Math.floor(Math.abs(minutes) / 60);
  const rest = Math.abs(minutes) % 60;
  return `UTC${sign}${hours}${rest === 0 ? "" : `:${String(rest).padStart(2, "0")}`}`;
}

/** `2026-11-22 14:02:07 UTC`: for titles and details. */
export function moment(seconds: number): string {
  return `${formatter("moment", { ...DAY, ...TIME }).format(seconds * 1000)} ${zoneLabel(seconds)}`;
}
