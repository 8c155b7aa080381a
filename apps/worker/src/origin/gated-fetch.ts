import {
  type FetchFailure,
  type FetchResult,
  type RequestedDelay,
  requestedDelayOf,
} from '@fetchfleet/crawl';
import type {
  Abortable,
  Fetcher,
  FetchListener,
  FetchRequest,
  HeldFetch,
  RedirectedFetch,
} from '@fetchfleet/fetcher';
import type { PermitHolder, StartGrant } from './waiting-slice.ts';

/**
 * How often a fetch waits for another start because its connection was too late. Beyond that its
 * connections do not last until they are used, and it would never be sent.
 */
const MAX_TOO_LATE = 3;

/** Why a fetch is aborted that could not be told to the gate for as long as a permit lasts. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError';

  constructor(origin: string) {
    super(`the permit for a request to ${origin} has ended: Redis could not be reached in time`);
  }
}

/** A fetch that has ended with a result. */
export interface GatedResult {
  readonly result: FetchResult;
  /** What the origin of its last request asks for. */
  readonly delay: RequestedDelay | undefined;
  /** For how long that origin has accepted nothing; 0 unless it refused. */
  readonly deniedForMs: number;
  /** Epoch ms. */
  readonly now: number;
}

/**
 * How a fetch goes on at a redirect.
 *
 * - `granted`: its next request is sent
 * - `refused`: it ends with this failure
 * - `dropped`: it ends without a result, and `onDropped` is called
 */
export type Turn =
  | { readonly kind: 'granted'; readonly grant: StartGrant }
  | {
      readonly kind: 'refused';
      readonly reason: Pick<FetchFailure, 'outcome' | 'code' | 'message'>;
    }
  | { readonly kind: 'dropped'; readonly onDropped: () => void };

/** A redirect. */
export interface Hop {
  readonly target: URL;
  /** The origin that sent it. */
  readonly from: string;
}

/** What the fetches of one owner have in common. `context` tells them apart. */
export interface GatedFetchOwner<Context> {
  /** Resolves when the next request may be sent. A rejection aborts the fetch. */
  turnOf(context: Context, hop: Hop): Promise<Turn>;
  /**
   * The same for a request whose connection was ready too late for its start. @default requests are
   * sent however late they are
   */
  turnAgain?(context: Context, hop: Hop): Promise<Turn>;
  onResult(context: Context, ended: GatedResult): void;
  /** Called with the reason of the signal, a {@link LeaseLostError}, or an error of ours. */
  onAborted(context: Context, reason: unknown): void;
}

export interface GatedFetchOptions<Context> {
  readonly request: FetchRequest & { readonly signal: AbortSignal };
  /** Origin of the first request. */
  readonly origin: string;
  /** The permission for it. */
  readonly grant: StartGrant;
  /** Whether its URL has not been tried before. */
  readonly isFirstAttempt: boolean;
  /** The longest delay that is obeyed, ms. */
  readonly maxRetryAfterMs: number;
  /** One object for many fetches: a worker starts thousands a second. */
  readonly owner: GatedFetchOwner<Context>;
  readonly context: Context;
}

/**
 * A fetch whose every request counts at the origin that it goes to. At a redirect the request
 * before has ended and its permit is given back; then the next one waits for its own turn.
 */
export class GatedFetch<Context> implements FetchListener, PermitHolder {
  readonly #options: GatedFetchOptions<Context>;
  #origin: string;
  #running: Abortable | undefined;
  /** Undefined between two requests. */
  #grant: StartGrant | undefined;
  /** Epoch ms; 0 for the first request, whose times are those of the fetch. */
  #hopStartedAt = 0;
  /** How often a request was too late. */
  #tooLate = 0;
  /** For how long the origin that refused it had accepted nothing. */
  #deniedForMs = 0;

  private constructor(options: GatedFetchOptions<Context>) {
    this.#options = options;
    this.#origin = options.origin;
    this.#hold(options.grant);
  }

  /** Sends its first request at once. Calls `onResult` or `onAborted` unless a turn drops it. */
  static start<Context>(
    fetcher: Pick<Fetcher, 'start'>,
    options: GatedFetchOptions<Context>,
  ): void {
    const fetch = new GatedFetch(options);
    try {
      fetch.#running = fetcher.start(options.request, fetch);
    } catch (error) {
      fetch.onAborted(error);
    }
  }

  onResult(result: FetchResult): void {
    const now = Date.now();
    const startedAt = this.#hopStartedAt;
    const last = startedAt === 0 ? result : { ...result, startedAt, durationMs: now - startedAt };
    const delay = this.#endRequest(last, now);
    const { owner, context } = this.#options;
    owner.onResult(context, { result, delay, deniedForMs: this.#deniedForMs, now });
  }

  onAborted(reason: unknown): void {
    this.#release()?.onEnded(undefined);
    const { owner, context } = this.#options;
    owner.onAborted(context, reason);
  }

  onLeaseLost(): void {
    this.#running?.abort(new LeaseLostError(this.#origin));
  }

  onRedirect(held: RedirectedFetch): void {
    this.#endRequest(held.answer, Date.now());
    void this.#waitForTurn(held, { isTooLate: false });
  }

  sendWithinMs(): number {
    const canWait = this.#options.owner.turnAgain !== undefined && this.#tooLate < MAX_TOO_LATE;
    return (canWait ? this.#grant?.sendWithinMs() : undefined) ?? Infinity;
  }

  /** The start is lost: its time is over. Nothing has been sent. */
  onTooLate(held: HeldFetch): void {
    this.#tooLate += 1;
    this.#release()?.onEnded(undefined);
    void this.#waitForTurn(held, { isTooLate: true });
  }

  #hold(grant: StartGrant): void {
    this.#grant = grant;
    grant.holders.add(this);
  }

  #release(): StartGrant | undefined {
    const grant = this.#grant;
    this.#grant = undefined;
    grant?.holders.delete(this);
    return grant;
  }

  /** Tells the scheduler how a request has ended. Its permit is free then. */
  #endRequest(result: FetchResult, now: number): RequestedDelay | undefined {
    const grant = this.#release();
    const { maxRetryAfterMs, isFirstAttempt } = this.#options;
    const delay = requestedDelayOf(result, now, maxRetryAfterMs);
    grant?.onEnded(result, delay, isFirstAttempt);
    if (grant !== undefined && delay?.isRefusal === true) {
      this.#deniedForMs = grant.deniedForMs();
    }
    return delay;
  }

  async #waitForTurn(
    held: HeldFetch,
    { isTooLate }: { readonly isTooLate: boolean },
  ): Promise<void> {
    const { request, owner, context } = this.#options;
    const { target } = held;
    const from = this.#origin;
    this.#origin = target.origin;
    let turn: Turn;
    try {
      const hop = { target, from };
      turn =
        isTooLate && owner.turnAgain !== undefined
          ? await owner.turnAgain(context, hop)
          : await owner.turnOf(context, hop);
    } catch (error) {
      turn = { kind: 'dropped', onDropped: () => owner.onAborted(context, error) };
    }
    if (request.signal.aborted) {
      // The signal has ended the fetch already.
      if (turn.kind === 'granted') {
        turn.grant.onEnded(undefined);
      }
    } else if (turn.kind === 'granted') {
      this.#hold(turn.grant);
      this.#hopStartedAt = Date.now();
      held.follow();
    } else if (turn.kind === 'refused') {
      held.refuse(turn.reason);
    } else {
      held.drop();
      turn.onDropped();
    }
  }
}
