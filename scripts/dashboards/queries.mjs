// Queries that several panels share. `$job` stands for the fleet.
export const job = 'job="$job"';
export const ofOrigin = 'job="$job", origin=~"$origin"';
const ofBatch = 'job="$job", batch=~"$batch"';
export const rate = (metric, labels = job) => `rate(${metric}{${labels}}[$__rate_interval])`;
export const quantile = (q, metric) =>
  `histogram_quantile(${q}, sum by (le) (${rate(`${metric}_bucket`)}))`;
/** Exported by one worker, and by two for a moment when that changes: so `max`, not `sum`. */
export const fleetWide = (metric, by, labels = job) =>
  `max${by === undefined ? '' : ` by (${by})`} (${metric}{${labels}})`;
export const batchFetches = (state) =>
  fleetWide('fetchfleet_batch_fetches', 'batch', `${ofBatch}, state="${state}"`);
export const settledPerSecond = `sum by (batch) (clamp_min(deriv(fetchfleet_batch_fetches{${ofBatch}, state="settled"}[2m]), 0))`;

export function increase(metric) {
  return `increase(${metric}{${job}}[$__rate_interval])`;
}

export const IN_FLIGHT = `sum(fetchfleet_fetches_in_flight{${job}})`;
export const PERMITS = `sum(fetchfleet_concurrency{${job}})`;
export const FETCHES = `sum(${rate('fetchfleet_fetches_total')})`;
export const FAILED = `sum(${rate('fetchfleet_fetches_total', `${job}, outcome!="ok"`)})`;
