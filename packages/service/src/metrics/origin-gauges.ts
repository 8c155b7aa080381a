import type { Instruments } from './instruments.ts';

/** The gauges that are asked of the gate, by their keys in the catalogue. */
export const ORIGIN_GAUGES = [
  'originLimit',
  'originInUse',
  'originWaiting',
  'originBlocked',
  'originBreakerOpen',
] as const;

/** What the gate knows of an origin, as far as it is shown. */
export interface GatedOrigin {
  readonly origin: string;
  /** Absent `perSecond`: unlimited. */
  readonly rate: { readonly perSecond?: number };
  readonly concurrency: { readonly limit: number | 'unlimited' };
  readonly inUse: number;
  readonly waiting: number;
  /** What is left of a block. */
  readonly blockedMs?: number;
  readonly breaker: 'closed' | 'open' | 'half-open';
}

/** Shows these origins alone. Their number is bounded by whoever asks for them. */
export function recordOrigins(
  seen: readonly GatedOrigin[],
  gauges: Pick<Instruments, (typeof ORIGIN_GAUGES)[number]>,
): void {
  for (const key of ORIGIN_GAUGES) gauges[key].reset();
  for (const { origin, rate, concurrency, inUse, waiting, blockedMs, breaker } of seen) {
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
