import {
  backoffMs,
  type FetchFailure,
  type FetchResult,
  originVerdictOf,
  requestedDelayOf,
} from '@fetchfleet/crawl';
import {
  type Fetcher,
  parseRobots,
  ROBOTS_LIMITS,
  type RobotsRules,
  robotsVerdict,
} from '@fetchfleet/fetcher';
import type { RobotsStore, StoredRobots } from '@fetchfleet/fleet';
import { GatedFetch, type Hop, LeaseLostError, type Turn } from '../origin/gated-fetch.ts';
import { isGranted, turnAt, type TurnSchedulers } from '../origin/single-request.ts';
import type { Deferral, StartGrant } from '../origin/waiting-slice.ts';
import type { ActiveBatch } from './batches.ts';

/** How long a worker uses its own copy without asking Redis again. */
const OWN_CACHE_MS = 5 * 60_000;
/** Parsed rules kept in memory, as origins and as characters; the oldest are evicted first. */
const MAX_CACHED = 1_000;
const MAX_CACHED_SIZE = 16 * 1_024 * 1_024;
/** The longest wait between two attempts, unless the origin asks for more. */
const MAX_BACKOFF_MS = 60_000;
/** Poll interval while another worker fetches it. */
const POLL_MS = 500;

/**
 * Whether the fetches of an origin may start.
 *
 * - `wait`: its robots.txt is not known yet
 * - `unreachable`: its robots.txt cannot be had, so the fetches wait as long as they have patience
 * - `lost`: waiting for the origin is in vain. The fetches fail as the request for robots.txt did
 */
export type RobotsAnswer =
  | { readonly kind: 'rules'; readonly isAllowed: (url: string) => boolean }
  | { readonly kind: 'wait'; readonly dueInMs: number }
  | {
      readonly kind: 'unreachable';
      readonly dueInMs: number;
      readonly unreachableForMs: number;
      /** The origin itself is down. If false, it answers, but not with a robots.txt. */
      readonly isDown: boolean;
      readonly reason: string;
    }
  | { readonly kind: 'lost'; readonly result: FetchFailure };

interface RobotsSchedulers extends TurnSchedulers {
  /** The origin asks for a delay: its scheduler has to ask the gate before anything starts. */
  invalidate(origin: string): void;
}

interface Cached {
  readonly isAllowed: (url: string) => boolean;
  readonly crawlDelayMs: number;
  /** Characters of its rules. */
  readonly size: number;
  readonly until: number;
}

/**
 * What the request for a robots.txt has come to: a result, or a turn that is too far away.
 * Undefined if the worker stops.
 */
type Requested = FetchResult | Deferral | undefined;

type Unreachable = Extract<StoredRobots, { readonly kind: 'wait' }>;

const ALLOW_ALL = (): boolean => true;

/**
 * robots.txt after RFC 9309: fetched once for the whole fleet; 4xx allows everything, and fetches
 * wait while it is unreachable, as long as `politeness.patience` says. Each of its requests has its
 * turn at its origin, like those of fetches.
 */
export class Robots {
  readonly #store: RobotsStore;
  readonly #fetcher: Pick<Fetcher, 'start'>;
  readonly #schedulers: RobotsSchedulers;
  readonly #stop: AbortSignal;
  readonly #worker: string;
  readonly #maxRetryAfterMs: number;
  readonly #cache = new Map<string, Cached>();
  #cachedSize = 0;
  readonly #inProgress = new Map<string, Promise<RobotsAnswer>>();

  constructor(options: {
    readonly store: RobotsStore;
    readonly fetcher: Pick<Fetcher, 'start'>;
    readonly schedulers: RobotsSchedulers;
    /** Aborts what is in flight. */
    readonly stop: AbortSignal;
    readonly worker: string;
    /** The longest wait of an origin that is obeyed, a crawl delay included, ms. */
    readonly maxRetryAfterMs: number;
  }) {
    this.#store = options.store;
    this.#fetcher = options.fetcher;
    this.#schedulers = options.schedulers;
    this.#stop = options.stop;
    this.#worker = options.worker;
    this.#maxRetryAfterMs = options.maxRetryAfterMs;
  }

  /**
   * Milliseconds between two fetches that an origin asks for, at most `maxRetryAfterMs`; 0 if it
   * asks for none, undefined if its robots.txt is not cached here.
   */
  crawlDelayMs(origin: string): number | undefined {
    return this.#cache.get(origin)?.crawlDelayMs;
  }

  /** The answer, if nobody has to be asked for it. */
  known(batch: ActiveBatch, origin: string): RobotsAnswer | undefined {
    if (batch.plan.politeness.robots === 'ignore') {
      return { kind: 'rules', isAllowed: ALLOW_ALL };
    }
    const cached = this.#cache.get(origin);
    return cached !== undefined && cached.until > performance.now()
      ? { kind: 'rules', isAllowed: cached.isAllowed }
      : undefined;
  }

  /** Takes as long as the origin likes: its robots.txt may have to be fetched. */
  async ask(batch: ActiveBatch, origin: string): Promise<RobotsAnswer> {
    const known = this.known(batch, origin);
    if (known !== undefined) {
      return known;
    }
    // Concurrent slices share one request.
    const answer = this.#inProgress.get(origin) ?? this.#askFleet(batch, origin);
    this.#inProgress.set(origin, answer);
    try {
      return await answer;
    } finally {
      this.#inProgress.delete(origin);
    }
  }

  async #askFleet(batch: ActiveBatch, origin: string): Promise<RobotsAnswer> {
    const { known, now } = await this.#store.read(origin);
    if (isCurrent(known, now)) {
      return this.#answer(origin, known, now);
    }
    if (!(await this.#store.claim(origin, this.#worker))) {
      return { kind: 'wait', dueInMs: POLL_MS };
    }
    // Another worker may have fetched it between the look and the claim.
    const claimed = await this.#store.read(origin);
    if (isCurrent(claimed.known, claimed.now)) {
      await this.#store.release(origin);
      return this.#answer(origin, claimed.known, claimed.now);
    }
    return this.#fetch(batch, { origin, before: known, now });
  }

  async #fetch(
    batch: ActiveBatch,
    {
      origin,
      before,
      now,
    }: {
      readonly origin: string;
      readonly before: Unreachable | undefined;
      readonly now: number;
    },
  ): Promise<RobotsAnswer> {
    const { retry } = batch.plan;
    const result = await this.#request(batch, origin);
    if (result === undefined || result.kind === 'deferred') {
      await this.#store.release(origin);
      return result === undefined ? { kind: 'wait', dueInMs: 0 } : laterAnswer(origin, result);
    }
    if (result.kind === 'failure' && result.outcome === 'address-refused') {
      // This holds for this crawl only, and its fetches are refused as well.
      await this.#store.release(origin);
      return { kind: 'rules', isAllowed: ALLOW_ALL };
    }
    const originVerdict = originVerdictOf(result, false);
    if (result.kind === 'failure' && originVerdict === 'lost') {
      await this.#store.release(origin);
      return { kind: 'lost', result };
    }
    const verdict = robotsVerdict(result);
    if (verdict.kind !== 'wait') {
      await this.#store.write(origin, verdict);
      return this.#answer(origin, verdict, now);
    }
    const tries = (before?.tries ?? 0) + 1;
    const known = {
      kind: 'wait',
      tries,
      againAt: now + this.#waitMsAfter(result, tries, retry.backoffMs),
      reason: result.kind === 'failure' ? result.message : `it answered ${result.status}`,
      since: before?.since ?? now,
      isDown: originVerdict === 'down',
    } as const;
    await this.#store.write(origin, known);
    return this.#answer(origin, known, now);
  }

  async #request(batch: ActiveBatch, origin: string): Promise<Requested> {
    const grant = await this.#turnAt(batch, origin);
    return isGranted(grant) ? this.#send(batch, origin, grant) : grant;
  }

  async #send(batch: ActiveBatch, origin: string, grant: StartGrant): Promise<Requested> {
    return new Promise((resolve, reject) => {
      GatedFetch.start(this.#fetcher, {
        request: {
          url: `${origin}/robots.txt`,
          headers: {},
          limits: ROBOTS_LIMITS,
          network: batch.network,
          // The origin has them from fetches.
          secrets: batch.secrets,
          isOnNewConnection: true,
          signal: this.#stop,
        },
        origin,
        grant,
        isFirstAttempt: true,
        maxRetryAfterMs: this.#maxRetryAfterMs,
        context: undefined,
        owner: {
          turnOf: async (_, hop) => this.#hopTurn(batch, hop, resolve),
          onResult: (_, { result }) => resolve(result),
          onAborted: (_, reason) =>
            this.#stop.aborted || reason instanceof LeaseLostError
              ? resolve(undefined)
              : reject(reason),
        },
      });
    });
  }

  async #hopTurn(
    batch: ActiveBatch,
    { target }: Hop,
    onDeferred: (deferral: Deferral | undefined) => void,
  ): Promise<Turn> {
    const turn = await this.#turnAt(batch, target.origin);
    return isGranted(turn)
      ? { kind: 'granted', grant: turn }
      : { kind: 'dropped', onDropped: () => onDeferred(turn) };
  }

  async #turnAt(batch: ActiveBatch, origin: string): Promise<StartGrant | Deferral | undefined> {
    const { id, plan } = batch;
    return turnAt(this.#schedulers, origin, {
      id: `${origin}/robots.txt`,
      limits: { batch: id, politeness: plan.politeness },
      // The fetches of the origin wait for it.
      comesFirst: true,
      signal: this.#stop,
      hasPatienceFor: (deniedForMs) => deniedForMs < plan.politeness.patienceMs,
    });
  }

  #answer(origin: string, known: StoredRobots, now: number): RobotsAnswer {
    if (known.kind === 'allow-all') {
      return this.#remember(origin, { isAllowed: ALLOW_ALL, crawlDelayMs: 0, size: 0 });
    }
    if (known.kind === 'rules') {
      const rules: RobotsRules = parseRobots(known.text, origin);
      return this.#remember(origin, {
        isAllowed: (url) => rules.isAllowed(url),
        crawlDelayMs: Math.min(rules.crawlDelayMs ?? 0, this.#maxRetryAfterMs),
        size: rules.size,
      });
    }
    return {
      kind: 'unreachable',
      dueInMs: Math.max(known.againAt - now, 1),
      unreachableForMs: Math.max(0, now - (known.since ?? now)),
      isDown: known.isDown === true,
      reason: `${origin}/robots.txt cannot be fetched: ${known.reason}`,
    };
  }

  /** Until robots.txt is fetched again. */
  #waitMsAfter(result: FetchResult, tries: number, baseMs: number): number {
    const backoff = { attempt: tries, baseMs, random: () => 1, capMs: MAX_BACKOFF_MS };
    const asked = requestedDelayOf(result, Date.now(), this.#maxRetryAfterMs);
    return Math.max(backoffMs(backoff), asked?.blockMs ?? 0, asked?.retryAfterMs ?? 0);
  }

  #forget(origin: string): void {
    this.#cachedSize -= this.#cache.get(origin)?.size ?? 0;
    this.#cache.delete(origin);
  }

  #remember(origin: string, rules: Omit<Cached, 'until'>): RobotsAnswer {
    this.#forget(origin);
    this.#cachedSize += rules.size;
    for (const oldest of this.#cache.keys()) {
      if (this.#cache.size < MAX_CACHED && this.#cachedSize <= MAX_CACHED_SIZE) {
        break;
      }
      this.#forget(oldest);
    }
    this.#cache.set(origin, { ...rules, until: performance.now() + OWN_CACHE_MS });
    if (rules.crawlDelayMs > 0) {
      // What the gate granted before it knew of the delay is not used.
      this.#schedulers.invalidate(origin);
    }
    return { kind: 'rules', isAllowed: rules.isAllowed };
  }
}

/** Whether nothing has to be fetched yet. */
function isCurrent(known: StoredRobots | undefined, now: number): known is StoredRobots {
  return known !== undefined && (known.kind !== 'wait' || known.againAt > now);
}

/** The origin's turn for robots.txt is too far away. */
function laterAnswer(origin: string, { dueInMs, isRefused, deniedForMs }: Deferral): RobotsAnswer {
  if (!isRefused) {
    return { kind: 'wait', dueInMs };
  }
  const reason = `${origin} went on failing or refusing, so its robots.txt cannot be fetched`;
  return { kind: 'unreachable', dueInMs, unreachableForMs: deniedForMs, isDown: true, reason };
}
