import type { Instruments } from './instruments.ts';

/** Keys in the catalogue of the gauges that come from the gate. */
export const ORIGIN_GAUGES = [
  'originLimit',
  'originInUse',
  'originWaiting',
  'originBlocked',
  'originBreakerOpen',
] as const;

/** An origin in the gate, as far as the gauges show it. */
export interface GatedOrigin {
  readonly origin: string;
  /** Without `perSecond` there is no limit. */
  readonly rate: { readonly perSecond?: number };
  readonly concurrency: { readonly limit: number | 'unlimited' };
  readonly inUse: number;
  readonly waiting: number;
  /** Time until a block ends. */
  readonly blockedMs?: number;
  readonly breaker: 'closed' | 'open' | 'half-open';
}

/** Sets the gauges of origins; other origins disappear. The caller bounds their number. */
export function recordOrigins(
  origins: readonly GatedOrigin[],
  gauges: Pick<Instruments, (typeof ORIGIN_GAUGES)[number]>,
): void {
  for (const key of ORIGIN_GAUGES) {
    gauges[key].reset();
  }
  for (const { origin, rate, concurrency, inUse, waiting, blockedMs, breaker } of origins) {
    gauges.originInUse.set({ origin }, inUse);
    gauges.originWaiting.set({ origin }, waiting);
    gauges.originBlocked.set({ origin }, (blockedMs ?? 0) / 1000);
    gauges.originBreakerOpen.set({ origin }, breaker === 'closed' ? 0 : 1);
    if (rate.perSecond !== undefined) {
      gauges.originLimit.set({ origin, kind: 'rate' }, rate.perSecond);
    }
    if (concurrency.limit !== 'unlimited') {
      gauges.originLimit.set({ origin, kind: 'concurrency' }, concurrency.limit);
    }
  }
}
