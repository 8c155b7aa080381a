import { type FetchResult, toError } from '@fetchfleet/crawl';
import type { Fetcher, NetworkAccess } from '@fetchfleet/fetcher';
import { type Outbox, type OutboxEntry, placeOfReceiver, type TakenEntry } from '@fetchfleet/fleet';
import type { Every, Logger } from '@fetchfleet/service';
import type { SecretSource } from '../batch/secrets.ts';
import type { Deferral, StartGrant } from '../origin/waiting-slice.ts';
import { GatedFetch, type GatedResult, LeaseLostError } from '../origin/gated-fetch.ts';
import { isGranted, turnAt, type TurnSchedulers } from '../origin/single-request.ts';
import { messageOf } from './message.ts';
import { type ReadyReceiver, resolveReceiver } from './receiver.ts';
import { LIFETIME_MS, pauseMs, verdictOf } from './verdict.ts';

/** What a worker ends itself wakes it; this is for cancelled batches, and for later attempts. */
const POLL_MS = 2_000;
const MAX_RUNNING = 8;
const LIMITS = { timeoutMs: 15_000, maxBodyBytes: 65_536, redirects: 0 };
/** A turn that takes longer is asked for again later. */
const MAX_TURN_MS = 20_000;
/** Longer than a turn and a request, or two workers would send the same entry at once. */
const LEASE_MS = 60_000;
/** How long an entry that this worker cannot send is left to others: at first, and later. */
const LEFT_SOON_MS = 3_000;
const LEFT_SOON_FOR_MS = 600_000;
const LEFT_MS = 60_000;
/** Entries of which that was logged. */
const MAX_LEFT = 1_000;

/** Why a notification is not tried again. */
type GivenUp = 'expired' | 'gone' | 'refused';

export interface NotifierOptions {
  readonly outbox: Outbox;
  readonly fetcher: Pick<Fetcher, 'start'>;
  readonly schedulers: TurnSchedulers;
  readonly secrets: SecretSource;
  readonly network: NetworkAccess;
  /** While Redis is away, commands would only pile up in the client. */
  readonly isConnected: () => boolean;
  /** No request is started any more. */
  readonly draining: AbortSignal;
  /** Aborts what is in flight. */
  readonly stop: AbortSignal;
  /** The longest wait of a receiver that is obeyed, ms. */
  readonly maxRetryAfterMs: number;
  readonly onEnded: (result: 'delivered' | 'failed' | GivenUp) => void;
  readonly log: Logger;
  readonly onError: (error: Error) => void;
  readonly every: Every;
  /** Replaces `Date.now` in tests. */
  readonly now?: () => number;
}

/**
 * Delivers notifications: takes entries that are due from the outbox, has its turn at the origin of
 * each, sends one request, and removes or postpones the entry.
 *
 *     taken ──▶ turn at its origin ──▶ POST ── 2xx ─────────────────▶ removed
 *       │            │                  ├──── 410, refused address ─▶ removed, and logged
 *       │            └ too far away     └──── anything else ────────▶ postponed, for up to a day
 *       └ a secret is not here ─────────────────────────────────────▶ left to other workers
 *
 * A worker that dies in between leaves the entry to others, when its lease ends. So a receiver may
 * see a notification twice, with the same id.
 */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #running = new Set<Promise<void>>();
  readonly #left = new Set<string>();
  #stopTimer: (() => void) | undefined;
  #polling: Promise<void> | undefined;
  #isWoken = false;

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stopTimer ??= this.#options.every(POLL_MS, () => this.wake());
    this.wake();
  }

  /** Something may be due now. */
  wake(): void {
    const { draining, isConnected, onError } = this.#options;
    this.#isWoken = true;
    if (this.#stopTimer === undefined || this.#polling !== undefined) {
      return;
    }
    if (draining.aborted || !isConnected()) {
      return;
    }
    this.#polling = this.#poll()
      .catch((error: unknown) => onError(toError(error)))
      .finally(() => {
        this.#polling = undefined;
      });
  }

  /** Waits for what is in flight. Stopping twice is fine. */
  async stop(): Promise<void> {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    // While Redis is away neither of them ends.
    if (this.#options.isConnected()) {
      await this.#polling;
      await Promise.all(this.#running);
    }
  }

  async #poll(): Promise<void> {
    while (this.#isWoken && this.#running.size < MAX_RUNNING) {
      this.#isWoken = false;
      const free = MAX_RUNNING - this.#running.size;
      const taken = await this.#options.outbox.take(free, LEASE_MS);
      this.#isWoken ||= taken.length === free;
      for (const one of taken) {
        this.#run(one);
      }
    }
  }

  #run(taken: TakenEntry): void {
    const running = this.#deliver(taken)
      .catch((error: unknown) => this.#options.onError(toError(error)))
      .finally(() => {
        this.#running.delete(running);
        if (this.#isWoken) {
          this.wake();
        }
      });
    this.#running.add(running);
  }

  async #deliver(taken: TakenEntry): Promise<void> {
    const { entry } = taken;
    const { outbox, secrets, network } = this.#options;
    if (this.#now() - entry.at > LIFETIME_MS) {
      await this.#giveUp(entry, 'expired', entry.lastProblem ?? 'no worker has sent it');
      return;
    }
    const resolved = resolveReceiver(entry.receiver, secrets, network);
    if (resolved.kind === 'refused') {
      await this.#giveUp(entry, 'refused', resolved.problem);
      return;
    }
    if (resolved.kind === 'lacking') {
      await this.#leave(taken, resolved.problem);
      return;
    }
    const turn = await this.#turnAt(resolved.receiver, entry);
    if (!isGranted(turn)) {
      // It was not tried: its attempts stay, and another worker may be nearer to its turn.
      await outbox.postpone(taken, { dueInMs: turn?.dueInMs ?? 0 });
      return;
    }
    const ended = await this.#send(resolved.receiver, entry, turn);
    if (ended === undefined) {
      await outbox.postpone(taken, { dueInMs: 0 });
      return;
    }
    await this.#conclude(taken, ended.result, ended.delay?.retryAfterMs ?? 0);
  }

  async #conclude(taken: TakenEntry, result: FetchResult, askedMs: number): Promise<void> {
    const { entry } = taken;
    const { outbox, onEnded, log } = this.#options;
    const verdict = verdictOf(result);
    if (verdict.kind === 'delivered') {
      await outbox.remove(entry);
      onEnded('delivered');
      log.info({ ...fieldsOf(entry), attempts: entry.attempts + 1 }, 'notification delivered');
    } else if (verdict.kind === 'failed') {
      await this.#postpone(taken, verdict.problem, askedMs);
    } else {
      await this.#giveUp(entry, verdict.kind, verdict.problem);
    }
  }

  async #postpone(taken: TakenEntry, problem: string, askedMs: number): Promise<void> {
    const { entry } = taken;
    const { outbox, onEnded, log } = this.#options;
    const dueInMs = pauseMs(entry.attempts + 1, askedMs);
    await outbox.postpone(taken, { dueInMs, problem });
    onEnded('failed');
    const fields = { ...fieldsOf(entry), attempts: entry.attempts + 1, reason: problem };
    log.warn({ ...fields, seconds: Math.round(dueInMs / 1_000) }, 'notification not delivered yet');
  }

  /** Leaves it to a worker that has what this one lacks, if there is one. */
  async #leave(taken: TakenEntry, problem: string): Promise<void> {
    const { entry } = taken;
    const { outbox, onEnded, log } = this.#options;
    const isNew = this.#now() - entry.at < LEFT_SOON_FOR_MS;
    const dueInMs = (isNew ? LEFT_SOON_MS : LEFT_MS) * (0.5 + Math.random());
    await outbox.postpone(taken, { dueInMs, problem, isAttempt: false });
    if (this.#left.has(entry.id)) {
      return;
    }
    if (this.#left.size >= MAX_LEFT) {
      this.#left.clear();
    }
    this.#left.add(entry.id);
    onEnded('failed');
    log.warn({ ...fieldsOf(entry), reason: problem }, 'notification left to other workers');
  }

  async #giveUp(entry: OutboxEntry, result: GivenUp, reason: string): Promise<void> {
    const { outbox, onEnded, log } = this.#options;
    await outbox.remove(entry);
    onEnded(result);
    log.error({ ...fieldsOf(entry), reason, result }, 'notification given up');
  }

  async #turnAt(
    { origin }: ReadyReceiver,
    { id, batch, receiver }: OutboxEntry,
  ): Promise<StartGrant | Deferral | undefined> {
    const { schedulers, draining } = this.#options;
    return turnAt(schedulers, origin, {
      id: `${batch} ${id}`,
      limits: { batch, politeness: receiver.politeness },
      comesFirst: true,
      signal: AbortSignal.any([draining, AbortSignal.timeout(MAX_TURN_MS)]),
      hasPatienceFor: (deniedForMs) => deniedForMs < receiver.politeness.patienceMs,
    });
  }

  /** @returns undefined if the worker is stopped, or its permit ends, meanwhile */
  async #send(
    receiver: ReadyReceiver,
    entry: OutboxEntry,
    grant: StartGrant,
  ): Promise<GatedResult | undefined> {
    const { fetcher, stop, maxRetryAfterMs } = this.#options;
    const message = messageOf(entry, receiver, this.#now());
    return new Promise((resolve, reject) => {
      GatedFetch.start(fetcher, {
        request: {
          url: receiver.url,
          method: 'POST',
          ...message,
          limits: LIMITS,
          network: receiver.network,
          secrets: () => receiver.secrets,
          isOnNewConnection: true,
          signal: stop,
        },
        origin: receiver.origin,
        grant,
        isFirstAttempt: entry.attempts === 0,
        maxRetryAfterMs,
        context: undefined,
        owner: {
          turnOf: async () => Promise.reject(new Error('a notification follows no redirect')),
          onResult: (_, ended) => resolve(ended),
          onAborted: (_, reason) =>
            stop.aborted || reason instanceof LeaseLostError ? resolve(undefined) : reject(reason),
        },
      });
    });
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }
}

/** The path of a URL may be a secret. */
function fieldsOf({ id, batch, event, receiver }: OutboxEntry) {
  return { batch, event, to: placeOfReceiver(receiver), notification: id };
}
