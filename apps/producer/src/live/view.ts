import { setTimeout as sleep } from 'node:timers/promises';
import { LiveScreen, type ScreenSize } from './screen.ts';
import { withTimeout } from '../core/timeouts.ts';

const INTERVAL_MS = 1_000;

export interface LiveView<T> {
  /** Reads what is to be seen: a pipeline or two for Redis. Called once a second. */
  readonly look: () => Promise<T>;
  /** @param silentMs how long ago Redis answered, where that is longer than usual; otherwise 0 */
  readonly page: (seen: T, size: ScreenSize, silentMs: number) => readonly string[];
  readonly isOver: (seen: T) => boolean;
  readonly signal: AbortSignal;
  /** Rejects when Redis has been lost. */
  readonly lost: Promise<never>;
}

/**
 * Shows something in place, drawn anew every second, until it is over.
 *
 * @returns what was seen last
 * @throws the reason of `signal` when that aborts; CommandError (exit 3) when Redis is silent for too long
 */
export async function showLive<T>(view: LiveView<T>): Promise<T> {
  const screen = new LiveScreen();
  const over = new AbortController();
  let draw: (() => void) | undefined;
  // Also while an answer is waited for: that it does not come is worth seeing.
  const timer = setInterval(() => draw?.(), INTERVAL_MS);
  const onSeen = (seen: T): void => {
    const atMs = performance.now();
    draw = () => {
      const silentMs = performance.now() - atMs;
      const told = silentMs > 2 * INTERVAL_MS ? silentMs : 0;
      screen.draw((size) => view.page(seen, size, told));
    };
    screen.start();
    draw();
  };
  try {
    const signal = AbortSignal.any([view.signal, over.signal]);
    return await Promise.race([lookOn(view, signal, onSeen), view.lost]);
  } finally {
    clearInterval(timer);
    over.abort();
    screen.stop();
  }
}

async function lookOn<T>(
  { look, isOver }: LiveView<T>,
  signal: AbortSignal,
  onSeen: (seen: T) => void,
): Promise<T> {
  for (;;) {
    const startMs = performance.now();
    const seen = await withTimeout(look(), { signal });
    if (isOver(seen)) return seen;
    onSeen(seen);
    const restMs = Math.max(0, INTERVAL_MS - (performance.now() - startMs));
    await sleep(restMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
