import type { Outcome } from '@fetchfleet/crawl';
import { Registry, collectDefaultMetrics } from 'prom-client';
import { SLICE_RESULTS } from './catalogue.ts';
import { Collectors, type CollectFunction } from './collectors.ts';
import { FetchCounts } from './fetch-counts.ts';
import { type FLEET_GAUGES, type FleetSeen, recordFleet } from './fleet-gauges.ts';
import { type Instruments, createInstruments } from './instruments.ts';
import { LoopLag } from './loop-lag.ts';
import { OriginLabels } from './origin-labels.ts';

/** Reasons are a short list; the cap only keeps a mistake in one from filling Prometheus. */
const REASON_CAP = 50;

/** Gauges with the ending of a counter; the same by type stay. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
] as const;

/**
 * Looking at the event loop a hundred times a second, which we do more rarely. Nothing measures where its precision, in ms, is a day.
 */
const UNWANTED = ['', '_min', '_max', '_mean', '_stddev', '_p50', '_p90', '_p99'].map(
  (stat) => `nodejs_eventloop_lag${stat}_seconds`,
);
const NEVER = 86_400_000;

export interface MetricsOptions {
  /** The worker's id: a label of `fetchfleet_build_info`, so that a restart renames one series and not all of them. */
  readonly worker: string;
  /** @default 'unknown' */
  readonly version?: string;
  /** `got` or `undici`. @default 'none' */
  readonly transport?: string;
  /** Origins that get a label of their own; the rest is `other`. @default 100 */
  readonly originCap?: number;
}

/** What one scrape answers. */
interface MetricsPage {
  readonly contentType: string;
  readonly body: string;
}

export interface SettledFetch {
  readonly outcome: Outcome;
  readonly origin: string;
  readonly durationSeconds: number;
  /** Of the decompressed body. */
  readonly bytes: number;
}

/** The metrics of this process, in a registry of their own. Labels that come from outside go through the methods, which bound them. */
export interface Metrics extends Omit<
  Instruments,
  'fetches' | 'receivedBytes' | 'retries' | 'throttles' | (typeof FLEET_GAUGES)[number]
> {
  /** Counts a settled fetch: outcome, duration and bytes. Costs well under a microsecond. */
  fetchSettled(fetch: SettledFetch): void;
  /** Counts an attempt that is made again later. */
  fetchRetried(reason: string): void;
  /** Counts a "not now" of an origin. */
  fetchThrottled(throttle: { readonly origin: string; readonly reason: string }): void;
  /** Shows the fleet on the page of this scrape. Without it the page has no series of the fleet. */
  fleetSeen(fleet: FleetSeen): void;
  /** Calls `collect` before every scrape, for gauges whose value must be asked for elsewhere. */
  onCollect(collect: CollectFunction): void;
  /** The page for Prometheus. Never waits longer than 2 s for `onCollect` functions. */
  page(): Promise<MetricsPage>;
  /** Stops measuring the event loop. */
  stop(): void;
}

/** Makes the metrics of the catalogue and the standard ones of a Node process. The global registry is left alone. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  const fleetRegistry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: NEVER });
  for (const name of [...MISNAMED, ...UNWANTED]) registry.removeSingleMetric(name);
  const all = createInstruments({ worker: registry, fleet: fleetRegistry });
  const { fetches, receivedBytes, retries, throttles, ...instruments } = all;
  const counts = new FetchCounts({ fetches, receivedBytes });
  const origins = new OriginLabels(options.originCap);
  const reasons = new OriginLabels(REASON_CAP);
  const loop = new LoopLag();
  const collectors = new Collectors(() => instruments.collectErrors.inc());
  const inResult = {
    ok: instruments.fetchDuration.labels('ok'),
    failed: instruments.fetchDuration.labels('failed'),
  };
  let isFleetSeen = false;
  setUp(instruments, options);

  return {
    ...instruments,
    fetchSettled({ outcome, origin, durationSeconds, bytes }) {
      counts.add(origins.labelOf(origin), outcome, bytes);
      inResult[outcome === 'ok' ? 'ok' : 'failed'].observe(durationSeconds);
    },
    fetchRetried: (reason) => retries.inc({ reason: reasons.labelOf(reason) }),
    fetchThrottled({ origin, reason }) {
      throttles.inc({ origin: origins.labelOf(origin), reason: reasons.labelOf(reason) });
    },
    fleetSeen(fleet) {
      isFleetSeen = true;
      recordFleet(fleet, all);
    },
    onCollect: (collect) => collectors.add(collect),
    page: singleFlight(async () => {
      // What cannot be asked for is absent from the page, not old.
      isFleetSeen = false;
      recordLoopLag(instruments, loop);
      await collectors.run();
      counts.flush();
      const parts = isFleetSeen ? [registry, fleetRegistry] : [registry];
      const texts = await Promise.all(parts.map(async (part) => part.metrics()));
      return { contentType: registry.contentType, body: texts.join('') };
    }),
    stop() {
      loop.stop();
    },
  };
}

function setUp(
  instruments: Pick<Instruments, 'buildInfo' | 'slices'>,
  options: MetricsOptions,
): void {
  const { worker, version = 'unknown', transport = 'none' } = options;
  instruments.buildInfo.set({ worker, version, transport, node: process.versions.node }, 1);
  // A counter that starts to exist with its first event loses that event for `rate()`.
  for (const result of SLICE_RESULTS) instruments.slices.inc({ result }, 0);
}

function recordLoopLag({ eventLoopLag }: Pick<Instruments, 'eventLoopLag'>, loop: LoopLag): void {
  const { p50, p99, max } = loop.take();
  eventLoopLag.set({ stat: 'p50' }, p50);
  eventLoopLag.set({ stat: 'p99' }, p99);
  eventLoopLag.set({ stat: 'max' }, max);
}

/** Two scrapes at once share one answer: each would reset what the other is filling in. */
function singleFlight<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => {
    running ??= work().finally(() => {
      running = undefined;
    });
    return running;
  };
}
