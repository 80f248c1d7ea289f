/** The trading of all bots: figures by account from the stream, positions read again where those moved. */

import { batch, type Signal, signal } from "@preact/signals";
import { decodeFleet, type Fleet } from "../api/documents";
import { getJson } from "../api/http";
import type { StreamEvent } from "../api/stream";
import { decodeAllFigures, decodePositions, type Figures, type OpenPosition } from "../api/trading";
import { followServer } from "./clock";

/** Positions are read at most so often, in ms: there may be thousands of them. */
const POSITIONS_EVERY = 3000;

export class TradingState {
  readonly fleet: Signal<Fleet | null> = signal(null);
  readonly figures: Signal<readonly Figures[]> = signal([]);
  readonly positions: Signal<readonly OpenPosition[]> = signal([]);
  private waiting: ReturnType<typeof setTimeout> | undefined;
  private readonly reading = new AbortController();

  async load(abort: AbortSignal): Promise<void> {
    const [fleet, figures, positions] = await Promise.all([
      getJson("/api/v1/fleet", decodeFleet, abort),
      getJson("/api/v1/figures?by=account", decodeAllFigures, abort),
      getJson("/api/v1/positions", decodePositions, abort),
    ]);
    batch(() => {
      this.showFleet(fleet);
      this.figures.value = figures;
      this.positions.value = positions;
    });
  }

  apply(event: StreamEvent, data: unknown): void {
    if (event === "fleet") this.showFleet(decodeFleet(data));
    if (event !== "figures") return;
    this.figures.value = decodeAllFigures(data);
    this.waiting ??= setTimeout(() => void this.readPositions(), POSITIONS_EVERY);
  }

  close(): void {
    clearTimeout(this.waiting);
    this.reading.abort();
  }

  private async readPositions(): Promise<void> {
    try {
      this.positions.value = await getJson("/api/v1/positions", decodePositions, this.reading.signal);
    } catch {
      // The next figures bring the next reading; what is shown is the last that is known.
    }
    this.waiting = undefined;
  }

  private showFleet(fleet: Fleet): void {
    followServer(fleet.time);
    this.fleet.value = fleet;
  }
}
