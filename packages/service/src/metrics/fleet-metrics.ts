import type { FleetState } from './fleet-gauges.ts';
import type { Metrics } from './metrics.ts';

/** Scrapes within this time share one snapshot. */
const FRESH_MS = 2_000;
/** Between two samples for the history. */
const SAMPLE_MS = 10_000;

interface FleetMetricsOptions {
  readonly overview: {
    /** Until when this process has the lease, on its monotonic clock; undefined if another has. */
    holdExport(id: string): Promise<number | undefined>;
    releaseExport(id: string): Promise<void>;
    read(): Promise<FleetState>;
  };
  readonly history: { append(): Promise<void> };
  readonly metrics: Pick<Metrics, 'exporter' | 'setFleet'>;
  /** Of the worker or exporter that this is. */
  readonly id: string;
}

/**
 * The gauges of the whole fleet, and samples for its history. Only the process that holds a lease
 * in Redis exports and samples, so that nothing is counted once per worker. The lease is renewed
 * every 2 s; 15 s after its last renewal another process takes it.
 */
export class FleetMetrics {
  readonly #options: FleetMetricsOptions;
  #heldUntil = Number.NEGATIVE_INFINITY;
  #snapshot: Promise<FleetState> | undefined;
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

  /** Takes or renews the lease. Whoever has it adds a sample when one is due. */
  async renewLease(): Promise<void> {
    const { overview, id } = this.#options;
    this.#heldUntil = (await overview.holdExport(id)) ?? Number.NEGATIVE_INFINITY;
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

  /** Releases the lease, so that another one exports at once. */
  async stop(): Promise<void> {
    if (!this.isExporter) {
      return;
    }
    this.#heldUntil = Number.NEGATIVE_INFINITY;
    await this.#options.overview.releaseExport(this.#options.id);
  }

  async #read(): Promise<FleetState> {
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
