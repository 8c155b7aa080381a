import { setTimeout as sleep } from 'node:timers/promises';
import { withTimeout } from '../core/timeouts.ts';
import { LiveScreen, type ScreenSize } from './screen.ts';

const INTERVAL_MS = 1_000;
/** Answers of Redis that are older than this are shown as a silence. */
const SILENCE_MS = 2 * INTERVAL_MS;

export interface LiveView<T> {
  /** Reads the state to show, once a second. Should take one or two pipelines of Redis. */
  readonly read: () => Promise<T>;
  /** @param silentMs time since the last answer of Redis; 0 up to two seconds */
  readonly page: (state: T, size: ScreenSize, silentMs: number) => readonly string[];
  readonly isOver: (state: T) => boolean;
  readonly signal: AbortSignal;
  /** Rejects when the connection to Redis is lost. */
  readonly lost: Promise<never>;
}

/**
 * Shows a page on the whole screen and updates it every second until `isOver`.
 *
 * @returns the last state
 * @throws the reason of `signal`; CommandError (exit 3) if Redis does not answer for 10 s
 */
export async function showLive<T>(view: LiveView<T>): Promise<T> {
  const screen = new LiveScreen();
  const over = new AbortController();
  let draw: (() => void) | undefined;
  // Draws while a read is pending, too: the page then shows how long Redis has been silent.
  const timer = setInterval(() => draw?.(), INTERVAL_MS);
  const onState = (state: T): void => {
    const readAtMs = performance.now();
    draw = () => {
      const ageMs = performance.now() - readAtMs;
      const silentMs = ageMs > SILENCE_MS ? ageMs : 0;
      screen.draw((size) => view.page(state, size, silentMs));
    };
    screen.start();
    draw();
  };
  try {
    const signal = AbortSignal.any([view.signal, over.signal]);
    return await Promise.race([readUntilOver(view, signal, onState), view.lost]);
  } finally {
    clearInterval(timer);
    over.abort();
    screen.stop();
  }
}

async function readUntilOver<T>(
  { read, isOver }: LiveView<T>,
  signal: AbortSignal,
  onState: (state: T) => void,
): Promise<T> {
  for (;;) {
    const startMs = performance.now();
    const state = await withTimeout(read(), { signal });
    if (isOver(state)) {
      return state;
    }
    onState(state);
    const pauseMs = Math.max(0, INTERVAL_MS - (performance.now() - startMs));
    await sleep(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
