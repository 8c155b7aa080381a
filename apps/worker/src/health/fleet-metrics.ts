import type { FleetOverview, FleetSnapshot } from '@fetchfleet/fleet';
import type { Metrics } from '@fetchfleet/service';

/** Scrapers that come together share one look at the fleet. */
const FRESH_MS = 2_000;

/**
 * The gauges of the whole fleet. The worker that holds a lease in Redis exports them and no other does, so that nothing is counted
 * once per worker. The lease is renewed every 2 s; 15 s after its holder was last heard of another worker has it.
 */
export class FleetMetrics {
  readonly #overview: FleetOverview;
  readonly #metrics: Metrics;
  readonly #worker: string;
  #heldUntil = Number.NEGATIVE_INFINITY;
  #snapshot: Promise<FleetSnapshot> | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(options: {
    readonly overview: FleetOverview;
    readonly metrics: Metrics;
    readonly worker: string;
  }) {
    this.#overview = options.overview;
    this.#metrics = options.metrics;
    this.#worker = options.worker;
  }

  /** False as soon as the lease may have ended, whether Redis could be asked or not: two exporters would be worse than none. */
  get isExporter(): boolean {
    return performance.now() < this.#heldUntil;
  }

  /** Takes or renews the lease. */
  async beat(): Promise<void> {
    this.#heldUntil = (await this.#overview.holdExport(this.#worker)) ?? Number.NEGATIVE_INFINITY;
  }

  /** To be called before every scrape. */
  async collect(): Promise<void> {
    this.#metrics.exporter.set(this.isExporter ? 1 : 0);
    if (!this.isExporter) return;
    const snapshot = await this.#look();
    if (this.isExporter) this.#metrics.fleetSeen(snapshot);
  }

  /** Lets another worker export at once. */
  async stop(): Promise<void> {
    if (!this.isExporter) return;
    this.#heldUntil = Number.NEGATIVE_INFINITY;
    await this.#overview.releaseExport(this.#worker);
  }

  #look(): Promise<FleetSnapshot> {
    const now = performance.now();
    if (this.#snapshot === undefined || now - this.#lookedAt > FRESH_MS) {
      this.#lookedAt = now;
      const look = this.#overview.read();
      this.#snapshot = look;
      look.catch(() => {
        if (this.#snapshot === look) this.#snapshot = undefined;
      });
    }
    return this.#snapshot;
  }
}
