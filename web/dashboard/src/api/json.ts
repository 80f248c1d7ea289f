/** Reading JSON tolerantly: a missing or ill-typed field becomes its empty value. */

export type Json = Record<string, unknown>;

export function object(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

export function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

export function maybe<T>(value: unknown, decode: (value: unknown) => T): T | null {
  return typeof value === "object" && value !== null ? decode(value) : null;
}

export function labels(value: unknown): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [key, label] of Object.entries(object(value))) {
    if (typeof label === "string") found[key] = label;
  }
  return found;
}

/** A row of a table: numbers and texts as they are, anything else as unknown. */
export function decodeRow(value: unknown): (number | string | null)[] {
  return list(value).map((cell) => (typeof cell === "string" ? cell : number(cell)));
}
