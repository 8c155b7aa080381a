import { type Outcome, PAGE_ENDS, type PageEnd } from '@fetchfleet/crawl';
import { Registry } from 'prom-client';
import { Beat, type Every } from '../process/beat.ts';
import { SLICE_RESULTS } from './catalogue.ts';
import type { CollectFunction } from './collectors.ts';
import { FetchCounts } from './fetch-counts.ts';
import type { FLEET_GAUGES, FleetState } from './fleet-gauges.ts';
import { type Instruments, createInstruments } from './instruments.ts';
import { LoopLag } from './loop-lag.ts';
import { type MetricsPage, PageMaker } from './metrics-page.ts';
import { OriginLabels } from './origin-labels.ts';
import { createProcessRegistry } from './process-registry.ts';

/** Reasons are a short list; the cap keeps a mistake from flooding Prometheus with series. */
const REASON_CAP = 50;

// A rate needs the series from the first scrape on.
const LOOKUP_RESULTS = ['found', 'not-found', 'failed', 'hosts-file', 'cached'] as const;
const PROXY_ERRORS = ['PROXY_UNREACHABLE', 'PROXY_REFUSED'] as const;
const TOKEN_RESULTS = ['granted', 'refused', 'failed'] as const;
const PRUNE_RESULTS = ['removed', 'failed'] as const;
const NOTIFICATION_RESULTS = ['delivered', 'failed', 'gone', 'refused', 'expired'] as const;

export interface MetricsOptions {
  /**
   * Id of the worker: only a label of `fetchfleet_build_info`, so that a restart renames one series
   * and not all.
   */
  readonly worker: string;
  /** @default 'unknown' */
  readonly version?: string;
  /** `got` or `native`. @default 'none' */
  readonly transport?: string;
  /** Origins with a label of their own; the others are `other`. @default 100 */
  readonly originCap?: number;
  /** What checks the event loop. @default a timer of its own */
  readonly every?: Every;
}

export interface SettledFetch {
  readonly outcome: Outcome;
  readonly origin: string;
  readonly durationSeconds: number;
  /** Of the decompressed body. */
  readonly bytes: number;
}

interface RecordedPage {
  readonly durationSeconds: number;
  /** Of the decompressed body. */
  readonly bytes: number;
  /** Why it is the last one of its fetch, which is counted as settled then. */
  readonly end: PageEnd | undefined;
}

/**
 * The metrics of this process, in their own registry. Label values from outside go through the
 * methods, which bound them.
 */
export interface Metrics extends Omit<
  Instruments,
  | 'fetches'
  | 'receivedBytes'
  | 'retries'
  | 'pages'
  | 'pageEnds'
  | 'throttles'
  | (typeof FLEET_GAUGES)[number]
> {
  /** Counts a settled fetch: outcome, duration and bytes. Costs well under a microsecond. */
  fetchSettled(fetch: SettledFetch): void;
  /** Counts the record of a page, and that of the last one also by the reason. */
  pageRecorded(page: RecordedPage): void;
  /** Counts a failed attempt that is repeated later. */
  fetchRetried(reason: string): void;
  /** Counts an answer that asks to try later. */
  fetchThrottled(throttle: { readonly origin: string; readonly reason: string }): void;
  /**
   * Adds the gauges of the fleet to the page of this scrape; otherwise the page has none of them.
   */
  setFleet(fleet: FleetState): void;
  /** Calls `collect` before every scrape, for gauges whose values come from elsewhere. */
  onCollect(collect: CollectFunction): void;
  /** The page for Prometheus. It waits at most 2 s for the `onCollect` functions. */
  page(): Promise<MetricsPage>;
  /** How late the event loop is: 99th percentile of at most the last minute, in seconds. */
  recentLoopLag(): number;
  /** Stops measuring the event loop. */
  stop(): void;
}

/**
 * Creates the metrics of the catalogue and prom-client's metrics of a Node process. The global
 * registry stays empty.
 */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = createProcessRegistry();
  const fleetRegistry = new Registry();
  const all = createInstruments({ worker: registry, fleet: fleetRegistry });
  const { fetches, receivedBytes, retries, throttles, pages, pageEnds, ...instruments } = all;
  const counts = new FetchCounts({ fetches, receivedBytes });
  const origins = new OriginLabels(options.originCap);
  const reasons = new OriginLabels(REASON_CAP);
  const loop = new LoopLag(options.every ?? new Beat().every);
  const maker = new PageMaker({
    registry,
    fleetRegistry,
    instruments: all,
    before: () => recordLoopLag(instruments, loop),
    after: () => counts.flush(),
  });
  const inResult = {
    ok: instruments.fetchDuration.labels('ok'),
    failed: instruments.fetchDuration.labels('failed'),
  };
  setUp({ ...instruments, pageEnds }, options);

  return {
    ...instruments,
    fetchSettled({ outcome, origin, durationSeconds, bytes }) {
      counts.add(origins.labelOf(origin), outcome, bytes);
      inResult[outcome === 'ok' ? 'ok' : 'failed'].observe(durationSeconds);
    },
    pageRecorded({ durationSeconds, bytes, end }) {
      pages.inc();
      if (end === undefined) {
        receivedBytes.inc(bytes);
        inResult.ok.observe(durationSeconds);
      } else {
        pageEnds.inc({ end });
      }
    },
    fetchRetried: (reason) => retries.inc({ reason: reasons.labelOf(reason) }),
    fetchThrottled({ origin, reason }) {
      throttles.inc({ origin: origins.labelOf(origin), reason: reasons.labelOf(reason) });
    },
    setFleet: (fleet) => maker.setFleet(fleet),
    onCollect: (collect) => maker.onCollect(collect),
    page: async () => maker.page(),
    recentLoopLag: () => loop.recent().p99,
    stop() {
      loop.stop();
    },
  };
}

function setUp(
  instruments: Pick<
    Instruments,
    | 'buildInfo'
    | 'lookups'
    | 'notifications'
    | 'pageEnds'
    | 'proxyErrors'
    | 'prunedBatches'
    | 'slices'
    | 'tokenRequests'
  >,
  options: MetricsOptions,
): void {
  const { worker, version = 'unknown', transport = 'none' } = options;
  instruments.buildInfo.set({ worker, version, transport, node: process.versions.node }, 1);
  // `rate()` misses the first event of a counter that appears with it.
  for (const result of SLICE_RESULTS) {
    instruments.slices.inc({ result }, 0);
  }
  for (const end of PAGE_ENDS) {
    instruments.pageEnds.inc({ end }, 0);
  }
  for (const result of LOOKUP_RESULTS) {
    instruments.lookups.inc({ result }, 0);
  }
  for (const code of PROXY_ERRORS) {
    instruments.proxyErrors.inc({ code }, 0);
  }
  for (const result of TOKEN_RESULTS) {
    instruments.tokenRequests.inc({ result }, 0);
  }
  for (const result of PRUNE_RESULTS) {
    instruments.prunedBatches.inc({ result }, 0);
  }
  for (const result of NOTIFICATION_RESULTS) {
    instruments.notifications.inc({ result }, 0);
  }
}

function recordLoopLag({ eventLoopLag }: Pick<Instruments, 'eventLoopLag'>, loop: LoopLag): void {
  const { p50, p99, max } = loop.take();
  eventLoopLag.set({ stat: 'p50' }, p50);
  eventLoopLag.set({ stat: 'p99' }, p99);
  eventLoopLag.set({ stat: 'max' }, max);
}
