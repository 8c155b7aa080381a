import type { FleetHistory, FleetOverview, FleetSnapshot } from '@fetchfleet/fleet';
import type { Metrics } from '@fetchfleet/service';

/** Scrapes within this time share one snapshot. */
const FRESH_MS = 2_000;
/** Between two samples for the history. */
const SAMPLE_MS = 10_000;

export interface FleetMetricsOptions {
  readonly overview: FleetOverview;
  readonly history: Pick<FleetHistory, 'append'>;
  readonly metrics: Metrics;
  readonly worker: string;
}

/**
 * The gauges of the whole fleet, and samples for its history. Only the worker that holds a lease
 * in Redis exports and samples, so that nothing is counted once per worker. The lease is renewed
 * every 2 s; 15 s after its last renewal another worker takes it.
 */
export class FleetMetrics {
  readonly #options: FleetMetricsOptions;
  #heldUntil = Number.NEGATIVE_INFINITY;
  #snapshot: Promise<FleetSnapshot> | undefined;
  #nextSampleAt = Number.NEGATIVE_INFINITY;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(options: FleetMetricsOptions) {
    this.#options = options;
  }

  /**
   * False as soon as the lease may have expired, whether Redis could be asked or not: two exporters
   * would be worse than none.
   */
  get isExporter(): boolean {
    return performance.now() < this.#heldUntil;
  }

  /** Takes or renews the lease. The worker that has it adds a sample when one is due. */
  async renewLease(): Promise<void> {
    const { overview, worker } = this.#options;
    this.#heldUntil = (await overview.holdExport(worker)) ?? Number.NEGATIVE_INFINITY;
    const now = performance.now();
    if (this.isExporter && now >= this.#nextSampleAt) {
      this.#nextSampleAt = now + SAMPLE_MS;
      await this.#options.history.append();
    }
  }

  /** Sets the gauges; called before every scrape. */
  async collect(): Promise<void> {
    const { metrics } = this.#options;
    metrics.exporter.set(this.isExporter ? 1 : 0);
    if (!this.isExporter) {
      return;
    }
    const snapshot = await this.#read();
    if (this.isExporter) {
      metrics.setFleet(snapshot);
    }
  }

  /** Releases the lease, so that another worker exports at once. */
  async stop(): Promise<void> {
    if (!this.isExporter) {
      return;
    }
    this.#heldUntil = Number.NEGATIVE_INFINITY;
    await this.#options.overview.releaseExport(this.#options.worker);
  }

  async #read(): Promise<FleetSnapshot> {
    const now = performance.now();
    if (this.#snapshot === undefined || now - this.#readAt > FRESH_MS) {
      this.#readAt = now;
      const snapshot = this.#options.overview.read();
      this.#snapshot = snapshot;
      snapshot.catch(() => {
        if (this.#snapshot === snapshot) {
          this.#snapshot = undefined;
        }
      });
    }
    return this.#snapshot;
  }
}
