/** Jobs that are not this fleet's, and adoptions under way (`/api/v1/adoptable`). */

import { list, number, object, text } from "./json";

export interface OtherJob {
  id: string;
  kind: string;
  status: string;
  copies: number;
  fleet: string;
  component: string;
  submittedAt: number | null;
  whose: string;
  next: string;
}

export interface Adoption {
  bot: string;
  job: string;
  by: string;
  reason: string;
  at: number | null;
  /** waiting, starting, ending, changed, held, apart */
  state: string;
  message: string;
  next: string;
}

export interface Adoptable {
  jobs: OtherJob[];
  waiting: Adoption[];
}

function decodeJob(value: unknown): OtherJob {
  const it = object(value);
  return {
    id: text(it.id),
    kind: text(it.kind),
    status: text(it.status),
    copies: number(it.copies) ?? 0,
    fleet: text(it.fleet),
    component: text(it.component),
    submittedAt: number(it.submitted_at),
    whose: text(it.whose),
    next: text(it.next),
  };
}

function decodeAdoption(value: unknown): Adoption {
  const it = object(value);
  return {
    bot: text(it.bot),
    job: text(it.job),
    by: text(it.by),
    reason: text(it.reason),
    at: number(it.at),
    state: text(it.state),
    message: text(it.message),
    next: text(it.next),
  };
}

export function decodeAdoptable(value: unknown): Adoptable {
  const it = object(value);
  return { jobs: list(it.jobs).map(decodeJob), waiting: list(it.waiting).map(decodeAdoption) };
}
