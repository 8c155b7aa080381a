import { type Proxy, shownProxy } from '../connect/proxy.ts';

/** A proxy that failed is not used for this long, then for twice as long, up to the limit. */
const FIRST_PAUSE_MS = 5_000;
const MAX_PAUSE_MS = 60_000;

interface Failing {
  pauseMs: number;
  /** As `performance.now()`. */
  until: number;
}

/** Told of a proxy when it fails for the first time since it worked. */
export type OnProxyDown = (proxy: string, reason: string) => void;

/** Which proxies work, over all fetches of a process. */
export class ProxyHealth {
  readonly #failing = new Map<string, Failing>();
  readonly #onDown: OnProxyDown;
  readonly #now: () => number;

  constructor(onDown: OnProxyDown = () => undefined, now = (): number => performance.now()) {
    this.#onDown = onDown;
    this.#now = now;
  }

  /** Those that fail come last. None is left out, because all may fail. */
  workingFirst(proxies: readonly Proxy[]): readonly Proxy[] {
    return this.#failing.size === 0
      ? proxies
      : proxies.toSorted((a, b) => this.#rank(a) - this.#rank(b));
  }

  worked(proxy: Proxy): void {
    if (this.#failing.size > 0) {
      this.#failing.delete(keyOf(proxy));
    }
  }

  failed(proxy: Proxy, reason: string): void {
    const key = keyOf(proxy);
    const known = this.#failing.get(key);
    const now = this.#now();
    if (known === undefined) {
      this.#failing.set(key, { pauseMs: FIRST_PAUSE_MS, until: now + FIRST_PAUSE_MS });
      this.#onDown(shownProxy(proxy), reason);
    } else if (now >= known.until) {
      known.pauseMs = Math.min(2 * known.pauseMs, MAX_PAUSE_MS);
      known.until = now + known.pauseMs;
    }
  }

  /** 0 for one that may be used. */
  #rank(proxy: Proxy): number {
    const known = this.#failing.get(keyOf(proxy));
    return known === undefined || this.#now() >= known.until ? 0 : known.until;
  }
}

/** A proxy may refuse one user and accept another. */
function keyOf({ origin, authorization = '' }: Proxy): string {
  return `${origin} ${authorization}`;
}
