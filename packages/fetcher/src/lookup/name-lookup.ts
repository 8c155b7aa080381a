import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { toError } from '@fetchfleet/crawl';
import { LookupError } from './lookup-error.ts';
import { PacedStarts } from './paced-starts.ts';
import { type ResolvedName, resolveName } from './resolve-name.ts';
import { ResolverFiles } from './resolver-files.ts';

/** How a lookup ended: without DNS, with addresses from DNS, or without an address. */
export const LOOKUP_RESULTS = ['cached', 'hosts-file', 'found', 'not-found', 'failed'] as const;

export type LookupResult = (typeof LOOKUP_RESULTS)[number];

export interface NameLookupOptions {
  /** Called for every lookup that has ended. @default nothing */
  readonly onResult?: (result: LookupResult) => void;
  /** @default the files and name servers of this machine */
  readonly files?: Pick<ResolverFiles, 'read' | 'stop'>;
  /** @default 8 s */
  readonly timeoutMs?: number;
  /** @default 4096 */
  readonly maxAtOnce?: number;
  /** Milliseconds of a clock that never goes back. @default performance.now */
  readonly now?: () => number;
}

/** Shorter than the time for a connection, so that the error names the lookup. */
const TIMEOUT_MS = 8_000;
/** Names that are asked for at once; a dead name holds a place until its time is over. */
const MAX_AT_ONCE = 4_096;
const MAX_CACHED = 10_000;
/** Changes of DNS show within a minute; names without a lifetime are not looked up in bursts. */
const [MIN_CACHED_MS, MAX_CACHED_MS] = [1_000, 60_000];
/** Fetches of the same missing name share a lookup, and the next attempt asks again. */
const MISSING_CACHED_MS = 1_000;

interface CachedName {
  readonly found: LookupAddress[] | LookupError;
  readonly until: number;
}

type Waiter = (found: LookupAddress[] | LookupError) => void;

/** One name that is asked for, and who waits for it. */
interface RunningLookup {
  readonly waiters: Waiter[];
  readonly end: (resolved: ResolvedName) => void;
}

/**
 * Resolves names by `/etc/hosts` and DNS, with the search domains of `/etc/resolv.conf`.
 *
 * The system's own function blocks a thread for each name, and there are four threads: four names
 * whose name servers are silent stop all others. This one sends DNS messages itself (c-ares), so
 * that any number of names can wait. Each name is asked for once at a time, is given up after some
 * seconds, and is remembered for a short time. If too many are asked for at once, the one that has
 * waited longest is given up, as it is the least likely to answer.
 */
export class NameLookup {
  readonly #onResult: (result: LookupResult) => void;
  readonly #files: Pick<ResolverFiles, 'read' | 'stop'>;
  readonly #timeoutMs: number;
  readonly #maxAtOnce: number;
  readonly #now: () => number;
  readonly #starts = new PacedStarts();
  readonly #cache = new Map<string, CachedName>();
  /** The one that has waited longest first. */
  readonly #running = new Map<string, RunningLookup>();

  constructor(options: NameLookupOptions = {}) {
    this.#onResult = options.onResult ?? (() => undefined);
    this.#files = options.files ?? new ResolverFiles();
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    this.#maxAtOnce = options.maxAtOnce ?? MAX_AT_ONCE;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Names that are asked for now. */
  get running(): number {
    return this.#running.size;
  }

  /** For sockets: `net.connect({ lookup })`. */
  readonly lookup: LookupFunction = (name, options, callback) => {
    this.#find(name.toLowerCase(), (found) => {
      const wanted = options.family === 4 || options.family === 6 ? options.family : 0;
      const addresses =
        found instanceof Error
          ? []
          : found.filter(({ family }) => wanted === 0 || family === wanted);
      const [first] = addresses;
      if (first === undefined) {
        callback(found instanceof Error ? found : LookupError.notFound(name), []);
      } else if (options.all === true) {
        callback(null, addresses);
      } else {
        callback(null, first.address, first.family);
      }
    });
  };

  /** Gives up what is running. */
  stop(): void {
    for (const [name, running] of this.#running) {
      running.end({ found: LookupError.failed(name, 'the lookup was stopped'), ttlMs: 0 });
    }
    this.#starts.stop();
    this.#files.stop();
  }

  #find(name: string, waiter: Waiter): void {
    const cached = this.#cache.get(name);
    if (cached !== undefined && cached.until > this.#now()) {
      this.#onResult('cached');
      // Never before `lookup` has returned.
      process.nextTick(waiter, cached.found);
      return;
    }
    const running = this.#running.get(name);
    if (running === undefined) {
      this.#run(name, waiter);
    } else {
      running.waiters.push(waiter);
    }
  }

  #run(name: string, first: Waiter): void {
    this.#makeRoom();
    const seconds = this.#timeoutMs / 1_000;
    const timer = setTimeout(() => {
      end({ found: LookupError.failed(name, `no answer within ${seconds} s`), ttlMs: 0 });
    }, this.#timeoutMs);
    const waiters = [first];
    const end = (resolved: ResolvedName): void => {
      if (this.#running.get(name)?.waiters !== waiters) {
        return;
      }
      clearTimeout(timer);
      this.#running.delete(name);
      this.#remember(name, resolved);
      this.#onResult(resultOf(resolved));
      for (const waiter of waiters) {
        waiter(resolved.found);
      }
    };
    this.#running.set(name, { waiters, end });
    this.#starts.add(() => {
      this.#resolve(name).then(end, (error: unknown) => {
        end({ found: LookupError.failed(name, toError(error).message), ttlMs: 0 });
      });
    });
  }

  async #resolve(name: string): Promise<ResolvedName> {
    return resolveName(name, await this.#files.read());
  }

  #makeRoom(): void {
    const [oldest] = this.#running;
    if (oldest !== undefined && this.#running.size >= this.#maxAtOnce) {
      const [name, { end }] = oldest;
      const found = LookupError.failed(name, 'no answer, and too many other names wait');
      end({ found, ttlMs: 0 });
    }
  }

  #remember(name: string, { found, ttlMs }: ResolvedName): void {
    const isMissing = found instanceof Error;
    const keptMs = Math.min(Math.max(ttlMs, MIN_CACHED_MS), MAX_CACHED_MS);
    this.#cache.delete(name);
    this.#cache.set(name, {
      found,
      until: this.#now() + (isMissing ? MISSING_CACHED_MS : keptMs),
    });
    const [oldest] = this.#cache.keys();
    if (oldest !== undefined && this.#cache.size > MAX_CACHED) {
      this.#cache.delete(oldest);
    }
  }
}

function resultOf({ found, isFromFile }: ResolvedName): LookupResult {
  if (found instanceof LookupError) {
    return found.code === 'ENOTFOUND' ? 'not-found' : 'failed';
  }
  return isFromFile === true ? 'hosts-file' : 'found';
}
