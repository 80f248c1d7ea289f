/** The errors of all bots, and one of them with what it means and what came before it. */

import { batch, type Signal, signal } from "@preact/signals";
import { decodeFleet, type Fleet } from "../api/documents";
import {
  type Code,
  decodeCode,
  decodeErrorDetail,
  decodeErrorGroup,
  decodeErrorGroups,
  decodeExplanation,
  type ErrorDetail,
  type ErrorGroup,
  type Explanation,
} from "../api/errors";
import { type ApiProblem, address, asProblem, getJson, post } from "../api/http";
import type { StreamEvent } from "../api/stream";
import { followServer } from "./clock";

abstract class WithFleet {
  readonly fleet: Signal<Fleet | null> = signal(null);

  protected showFleet(fleet: Fleet): void {
    followServer(fleet.time);
    this.fleet.value = fleet;
  }
}

export class ErrorsState extends WithFleet {
  readonly errors: Signal<readonly ErrorGroup[]> = signal([]);

  constructor(
    readonly bot: string,
    readonly all: boolean,
  ) {
    super();
  }

  async load(abort: AbortSignal): Promise<void> {
    const path = address("/api/v1/errors", { bot: this.bot, states: this.all ? "all" : "" });
    const [fleet, errors] = await Promise.all([
      getJson("/api/v1/fleet", decodeFleet, abort),
      getJson(path, decodeErrorGroups, abort),
    ]);
    batch(() => {
      this.showFleet(fleet);
      this.errors.value = errors;
    });
  }

  apply(event: StreamEvent, data: unknown): void {
    if (event === "fleet") this.showFleet(decodeFleet(data));
    if (event === "error_group") this.take(decodeErrorGroup(data));
  }

  /** A group that changed was seen just now: it comes first. */
  private take(group: ErrorGroup): void {
    if (this.bot !== "" && group.bot !== this.bot) return;
    const others = this.errors.value.filter((one) => one.id !== group.id);
    this.errors.value = group.state === "resolved" && !this.all ? others : [group, ...others];
  }
}

export class ErrorState extends WithFleet {
  readonly detail: Signal<ErrorDetail | null> = signal(null);
  readonly explanation: Signal<Explanation | null> = signal(null);
  readonly code: Signal<Code | null> = signal(null);
  readonly problem: Signal<ApiProblem | null> = signal(null);

  constructor(readonly id: string) {
    super();
  }

  get path(): string {
    return `/api/v1/errors/${encodeURIComponent(this.id)}`;
  }

  async load(abort: AbortSignal): Promise<void> {
    const [fleet, detail] = await Promise.all([
      getJson("/api/v1/fleet", decodeFleet, abort),
      getJson(this.path, decodeErrorDetail, abort),
    ]);
    batch(() => {
      this.showFleet(fleet);
      this.detail.value = detail;
    });
    void this.explain(false);
    void this.readCode(detail.error);
  }

  apply(event: StreamEvent, data: unknown): void {
    if (event === "fleet") this.showFleet(decodeFleet(data));
    const detail = this.detail.value;
    if (event !== "error_group" || detail === null) return;
    const error = decodeErrorGroup(data);
    if (error.id === this.id) this.detail.value = { ...detail, error };
  }

  async explain(model: boolean): Promise<void> {
    try {
      const answer = await post(`${this.path}/explain`, { model });
      this.explanation.value = decodeExplanation(await answer.json());
    } catch (error) {
      this.problem.value = asProblem(error);
    }
  }

  /** Where the lines cannot be had (another source, a file of a library), the page is whole without. */
  private async readCode(error: ErrorGroup): Promise<void> {
    if (error.file === "" || error.line === 0) return;
    const { program, version, file, line, lastRevision: revision } = error;
    try {
      const path = address("/api/v1/code", { program, version, revision, file, line });
      this.code.value = await getJson(path, decodeCode);
    } catch {
      this.code.value = null;
    }
  }
}
