/** Alerts of bots (`/api/v1/alerts`), read tolerantly. */

import { list, number, object, text } from "./json";

export interface Alert {
  bot: string;
  rule: string;
  severity: string;
  state: string;
  since: number;
  text: string;
  message: string;
  muted: boolean;
  does: string;
  action: string;
  actionText: string;
  ackedBy: string;
  at: number;
  what: string;
  number: number;
}

export function decodeAlert(value: unknown): Alert {
  const it = object(value);
  return {
    bot: text(it.bot),
    rule: text(it.rule),
    severity: text(it.severity),
    state: text(it.state),
    since: number(it.since) ?? 0,
    text: text(it.text),
    message: text(it.message),
    muted: it.muted === true,
    does: text(it.does),
    action: text(it.action),
    actionText: text(it.action_text),
    ackedBy: text(it.acked_by),
    at: number(it.at) ?? 0,
    what: text(it.what),
    number: number(it.number) ?? 0,
  };
}

export interface Standing {
  alerts: Alert[];
  mutes: { id: string; bot: string; rule: string; until: number; by: string; reason: string }[];
  rules: number;
}

export function decodeStanding(value: unknown): Standing {
  const it = object(value);
  return {
    alerts: list(it.alerts).map(decodeAlert),
    mutes: list(it.mutes).map((one) => {
      const mute = object(one);
      return {
        id: text(mute.id),
        bot: text(mute.bot),
        rule: text(mute.rule),
        until: number(mute.until) ?? 0,
        by: text(mute.by),
        reason: text(mute.reason),
      };
    }),
    rules: number(it.rules) ?? 0,
  };
}

export const decodeHistory = (value: unknown): Alert[] => list(object(value).alerts).map(decodeAlert);
