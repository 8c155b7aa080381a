import type { Limits, Plan } from '@fetchfleet/crawl';

/** The most that a crawl may ask of this worker for one fetch. */
export type LimitCaps = Pick<Limits, 'maxBodyBytes' | 'timeoutMs'>;

/** A limit of a crawl that was larger than that of this worker. */
export interface ClampedLimit {
  readonly key: 'limits.body' | 'limits.timeout';
  readonly setting: '--max-body' | '--max-timeout';
}

/**
 * The plan as this worker keeps it. A crawl file is checked before it is stored, but whoever can
 * write to Redis can store larger limits, and every fetch in flight holds its body in memory.
 */
export function capLimits(
  plan: Plan,
  { maxBodyBytes, timeoutMs }: LimitCaps,
): { readonly plan: Plan; readonly clamped: readonly ClampedLimit[] } {
  const { limits } = plan;
  const clamped: ClampedLimit[] = [];
  if (limits.maxBodyBytes > maxBodyBytes) {
    clamped.push({ key: 'limits.body', setting: '--max-body' });
  }
  if (limits.timeoutMs > timeoutMs) {
    clamped.push({ key: 'limits.timeout', setting: '--max-timeout' });
  }
  const capped = {
    ...limits,
    maxBodyBytes: Math.min(limits.maxBodyBytes, maxBodyBytes),
    timeoutMs: Math.min(limits.timeoutMs, timeoutMs),
  };
  return { plan: { ...plan, limits: capped }, clamped };
}
