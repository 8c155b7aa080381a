import type { PendingFetch } from '@fetchfleet/crawl';

/** What a fetch waits for at an origin that accepts nothing. */
export interface DeniedWait {
  /** For how long the origin has accepted nothing. */
  readonly deniedForMs: number;
  /** When the fetch began to wait, if it has not waited before, epoch ms. */
  readonly since: number;
}

/**
 * Since when a fetch has been waiting for an origin that accepts nothing, epoch ms. An earlier wait
 * counts only if the origin has accepted nothing since.
 */
export function throttledSinceOf(
  { throttledSince }: Pick<PendingFetch, 'throttledSince'>,
  { deniedForMs, since }: DeniedWait,
): number {
  return Math.max(throttledSince || since, Date.now() - deniedForMs);
}

/** How much longer a fetch waits for such an origin; negative when its patience is over. */
export function patienceLeftMs(
  fetch: Pick<PendingFetch, 'throttledSince'>,
  wait: DeniedWait,
  patienceMs: number,
): number {
  return throttledSinceOf(fetch, wait) + patienceMs - Date.now();
}
