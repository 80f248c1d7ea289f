/** How a bot lives and what it uses (web/documents/liveness.py, resources.py), read tolerantly. */

import { list, number, object, text } from "./json";

/** Verdicts in other words than their own. */
export const LIVES: Record<string, string> = {
  not_trading: "alive but not trading",
  stream_lost: "stream lost",
  market_closed: "market closed",
  waiting: "scheduled, waiting",
};

export interface Sign {
  name: string;
  at: number | null;
  usual: number | null;
  limit: number | null;
}

export interface Liveness {
  verdict: string;
  bad: boolean;
  text: string;
  since: number | null;
  signs: Sign[];
  leftOpen: string[];
}

export interface Forecast {
  resource: string;
  use: number;
  limit: number;
  seconds: number;
}

export interface Use {
  at: number | null;
  values: Record<string, number>;
  forecasts: Forecast[];
}

export function decodeLiveness(value: unknown): Liveness {
  const it = object(value);
  return {
    verdict: text(it.verdict),
    bad: it.bad === true,
    text: text(it.text),
    since: number(it.since),
    signs: Object.entries(object(it.signs)).map(([name, sign]) => {
      const { at, usual, limit } = object(sign);
      return { name, at: number(at), usual: number(usual), limit: number(limit) };
    }),
    leftOpen: list(it.left_open).map(text),
  };
}

export function decodeUse(value: unknown): Use {
  const it = object(value);
  const values = Object.entries(object(it.values)).filter(([, found]) => number(found) !== null);
  return {
    at: number(it.at),
    values: Object.fromEntries(values) as Record<string, number>,
    forecasts: list(it.forecasts).map((one) => {
      const { resource, use, limit, seconds } = object(one);
      return {
        resource: text(resource),
        use: number(use) ?? 0,
        limit: number(limit) ?? 0,
        seconds: number(seconds) ?? 0,
      };
    }),
  };
}
