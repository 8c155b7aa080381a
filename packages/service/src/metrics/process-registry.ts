import { collectDefaultMetrics, Registry } from 'prom-client';

/** Gauges whose names end like those of counters; the ones by type stay. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
] as const;

/** They sample the event loop a hundred times a second; `LoopLag` takes their place. */
const UNWANTED = ['', '_min', '_max', '_mean', '_stddev', '_p50', '_p90', '_p99'].map(
  (stat) => `nodejs_eventloop_lag${stat}_seconds`,
);

/** A sampling precision of a day, in ms: it never samples. */
const NEVER_MS = 86_400_000;

/** A registry of its own with prom-client's metrics of a Node process. */
export function createProcessRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: NEVER_MS });
  for (const name of [...MISNAMED, ...UNWANTED]) {
    registry.removeSingleMetric(name);
  }
  return registry;
}
