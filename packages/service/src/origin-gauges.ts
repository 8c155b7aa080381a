import type { Instruments } from './instruments.ts';
import { OTHER, type OriginLabels } from './origin-labels.ts';

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

/**
 * Shows these origins alone. Those beyond the cap share one label: what can be added up is, the worst of the rest counts, and limits are
 * left out, because those of many origins are no limit of any.
 */
export function recordOrigins(
  seen: readonly GatedOrigin[],
  gauges: Pick<Instruments, (typeof ORIGIN_GAUGES)[number]>,
  labels: OriginLabels,
): void {
  for (const key of ORIGIN_GAUGES) gauges[key].reset();
  const worst = { blockedMs: 0, isOpen: false };
  for (const one of seen) {
    const origin = labels.labelOf(one.origin);
    gauges.originInUse.inc({ origin }, one.inUse);
    gauges.originWaiting.inc({ origin }, one.waiting);
    const isOpen = one.breaker !== 'closed';
    if (origin === OTHER) {
      worst.blockedMs = Math.max(worst.blockedMs, one.blockedMs ?? 0);
      worst.isOpen ||= isOpen;
    }
    const { blockedMs, isOpen: isShownOpen } =
      origin === OTHER ? worst : { blockedMs: one.blockedMs ?? 0, isOpen };
    gauges.originBlocked.set({ origin }, blockedMs / 1000);
    gauges.originBreakerOpen.set({ origin }, isShownOpen ? 1 : 0);
    if (origin !== OTHER) recordLimits(one, gauges);
  }
}

function recordLimits(
  { origin, rate, concurrency }: GatedOrigin,
  { originLimit }: Pick<Instruments, 'originLimit'>,
): void {
  if (rate.perSecond !== undefined) originLimit.set({ origin, kind: 'rate' }, rate.perSecond);
  if (concurrency.limit !== 'unlimited') {
    originLimit.set({ origin, kind: 'concurrency' }, concurrency.limit);
  }
}
