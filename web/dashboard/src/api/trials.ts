/** Alert rules and risk limits tried on what is stored (`/api/v1/alerts/trials`), read tolerantly. */

import { list, number, object, text } from "./json";

export interface Rule {
  rule: string;
  bots: number;
  /** What is stored tells how it stood. */
  tried: boolean;
}

export const decodeRules = (value: unknown): Rule[] =>
  list(value).map((one) => {
    const it = object(one);
    return {
      rule: text(it.rule),
      bots: number(it.bots) ?? 0,
      tried: it.tried !== false,
    };
  });

/** One alert that would have been; `ended` is null where it still fires at the end. */
export interface Episode {
  began: number;
  ended: number | null;
  text: string;
  muted: boolean;
}

export interface Tried {
  bot: string;
  rule: string;
  severity: string;
  does: string;
  alerts: number;
  messages: number;
  firing: number;
  lacks: string;
  episodes: Episode[];
}

export interface Trial {
  start: number;
  end: number;
  step: number;
  bots: number;
  of: number;
  notes: string[];
  rules: Tried[];
}

function decodeEpisode(value: unknown): Episode {
  const it = object(value);
  return {
    began: number(it.began) ?? 0,
    ended: number(it.ended),
    text: text(it.text),
    muted: it.muted === true,
  };
}

function decodeTried(value: unknown): Tried {
  const it = object(value);
  return {
    bot: text(it.bot),
    rule: text(it.rule),
    severity: text(it.severity),
    does: text(it.does),
    alerts: number(it.alerts) ?? 0,
    messages: number(it.messages) ?? 0,
    firing: number(it.firing_seconds) ?? 0,
    lacks: text(it.lacks),
    episodes: list(it.episodes).map(decodeEpisode),
  };
}

export function decodeTrial(value: unknown): Trial {
  const it = object(value);
  return {
    start: number(it.start) ?? 0,
    end: number(it.end) ?? 0,
    step: number(it.step) ?? 0,
    bots: number(it.bots) ?? 0,
    of: number(it.of) ?? 0,
    notes: list(it.notes).map(text),
    rules: list(it.rules).map(decodeTried),
  };
}

/** A mistake in what was written: its line (from 1, null where it is of no line) and what is wrong. */
export interface Mistake {
  line: number | null;
  text: string;
}

/** Take apart what the service says of a text: `rules:3:19  unknown key "metrc" (did you mean ...)`. */
export function mistakesIn(detail: string): Mistake[] {
  return detail.split("\n").map((said) => {
    const found = /^rules:(\d+):\d+ {2}(.*)$/.exec(said);
    return { line: found ? Number(found[1]) : null, text: found?.[2] ?? said };
  });
}
