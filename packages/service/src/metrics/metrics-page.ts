import type { Registry } from 'prom-client';
import { Collectors, type CollectFunction } from './collectors.ts';
import { type FLEET_GAUGES, type FleetState, recordFleet } from './fleet-gauges.ts';
import type { Instruments } from './instruments.ts';

/** The answer to one scrape. */
export interface MetricsPage {
  readonly contentType: string;
  readonly body: string;
}

export interface PageMakerOptions {
  /** Of this process. */
  readonly registry: Registry;
  /** Of the gauges below. */
  readonly fleetRegistry: Registry;
  readonly instruments: Pick<Instruments, 'collectErrors' | (typeof FLEET_GAUGES)[number]>;
  /** Called before the gauges are collected. */
  readonly before?: () => void;
  /** Called after it. */
  readonly after?: () => void;
}

/** Makes the page for Prometheus; the gauges of the fleet are on it where they were set for it. */
export class PageMaker {
  readonly #options: PageMakerOptions;
  readonly #collectors: Collectors;
  #hasFleet = false;
  #running: Promise<MetricsPage> | undefined;

  constructor(options: PageMakerOptions) {
    this.#options = options;
    this.#collectors = new Collectors(() => options.instruments.collectErrors.inc());
  }

  /** Calls `collect` before every scrape, for gauges whose values come from elsewhere. */
  onCollect(collect: CollectFunction): void {
    this.#collectors.add(collect);
  }

  setFleet(fleet: FleetState): void {
    this.#hasFleet = true;
    recordFleet(fleet, this.#options.instruments);
  }

  /** Two scrapes at once share one answer; otherwise each would reset the gauges of the other. */
  async page(): Promise<MetricsPage> {
    this.#running ??= this.#make().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #make(): Promise<MetricsPage> {
    const { registry, fleetRegistry, before, after } = this.#options;
    // A gauge that cannot be read is absent; it does not keep its old value.
    this.#hasFleet = false;
    before?.();
    await this.#collectors.run();
    after?.();
    const parts = this.#hasFleet ? [registry, fleetRegistry] : [registry];
    const texts = await Promise.all(parts.map(async (part) => part.metrics()));
    return { contentType: registry.contentType, body: texts.join('') };
  }
}
