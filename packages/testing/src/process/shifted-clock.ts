import { fileURLToPath } from 'node:url';

const preload = fileURLToPath(new URL('shifted-clock.mjs', import.meta.url));

/** The environment of a Node process whose clock is wrong. @param ms negative if it is behind */
export function shiftedClock(ms: number): Readonly<Record<string, string>> {
  return { NODE_OPTIONS: `--import=${preload}`, CLOCK_SHIFT_MS: String(ms) };
}
