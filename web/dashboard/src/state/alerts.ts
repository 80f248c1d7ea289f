/** What fires of all bots, or of one, and what happened to alerts before. */

import { batch, type Signal, signal } from "@preact/signals";
import { type Alert, decodeAlert, decodeHistory, decodeStanding, type Standing } from "../api/alerts";
import { decodeFleet, type Fleet } from "../api/documents";
import { address, getJson } from "../api/http";
import type { StreamEvent } from "../api/stream";
import { followServer } from "./clock";

const MOST_PAST = 200;

export class AlertsState {
  readonly fleet: Signal<Fleet | null> = signal(null);
  readonly standing: Signal<Standing> = signal({ alerts: [], mutes: [], rules: 0 });
  readonly past: Signal<readonly Alert[]> = signal([]);

  constructor(readonly bot: string) {}

  async load(abort: AbortSignal): Promise<void> {
    const of = { bot: this.bot };
    const [fleet, standing, past] = await Promise.all([
      getJson("/api/v1/fleet", decodeFleet, abort),
      getJson(address("/api/v1/alerts", of), decodeStanding, abort),
      getJson(address("/api/v1/alerts/history", { ...of, limit: 100 }), decodeHistory, abort),
    ]);
    batch(() => {
      this.showFleet(fleet);
      this.standing.value = standing;
      this.past.value = past;
    });
  }

  apply(event: StreamEvent, data: unknown): void {
    if (event === "fleet") this.showFleet(decodeFleet(data));
    if (event === "alert") this.take(decodeAlert(data));
  }

  private take(alert: Alert): void {
    if (this.bot !== "" && alert.bot !== this.bot) return;
    const standing = this.standing.value;
    const others = standing.alerts.filter((one) => one.bot !== alert.bot || one.rule !== alert.rule);
    const alerts = alert.state === "ok" ? others : [alert, ...others];
    batch(() => {
      this.standing.value = { ...standing, alerts };
      if (alert.what !== "") this.past.value = [alert, ...this.past.value].slice(0, MOST_PAST);
    });
  }

  private showFleet(fleet: Fleet): void {
    followServer(fleet.time);
    this.fleet.value = fleet;
  }
}
