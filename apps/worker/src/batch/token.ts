import type { FetchFailure, FetchResponse } from '@fetchfleet/crawl';

type Headers = Readonly<Record<string, string>>;

/** What the request for a token has come to. Texts never hold a secret. */
export type TokenResult =
  | { readonly kind: 'token'; readonly token: string; readonly expiresInMs: number }
  /** Its turn is too far away. */
  | { readonly kind: 'wait'; readonly dueInMs: number }
  /** The token server is down or overloaded: fetches wait, as long as they have patience. */
  | { readonly kind: 'down'; readonly dueInMs: number; readonly reason: string }
  /** It gives none. This uses an attempt of each fetch, because a person has to help. */
  | { readonly kind: 'refused'; readonly result: FetchFailure };

/** Whether fetches may start; the same answers as for robots.txt. */
export type TokenAnswer =
  | { readonly kind: 'token' }
  | Extract<TokenResult, { readonly kind: 'wait' }>
  | {
      readonly kind: 'unreachable';
      readonly dueInMs: number;
      readonly unreachableForMs: number;
      readonly reason: string;
    }
  | { readonly kind: 'lost'; readonly result: FetchFailure };

/** A token is renewed at this part of its life, and this long before its end. */
const RENEWED_AT = 0.9;
const RENEWED_BEFORE_MS = 5_000;
/** However short its life is, it is not renewed more often. */
const MIN_LIFE_MS = 1_000;
/** A token that is younger is the reason of a 401 only if that says so. */
const FRESH_MS = 10_000;
/** Between two requests after a failure; doubled each time. */
const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 60_000;

/** Tokens before the one in use that are still kept out of what is written. */
const MAX_BEFORE = 8;

/** RFC 6750, 3.1: it has expired, or was revoked. */
const INVALID_TOKEN = /\berror="?invalid_token\b/i;

type Answer = Pick<FetchResponse, 'status' | 'headers' | 'startedAt'>;

interface Current {
  readonly token: string;
  /** Epoch ms. */
  readonly obtainedAt: number;
  readonly renewAt: number;
  readonly expiresAt: number;
  /** An origin has refused it. It is sent on by what has been granted its start already. */
  isRevoked: boolean;
  /** An origin has answered with something else than 401. */
  hasWorked: boolean;
}

interface Failing {
  readonly answer: Exclude<TokenResult, { readonly kind: 'token' | 'wait' }>;
  /** Epoch ms. */
  readonly since: number;
  readonly againAt: number;
  readonly pauseMs: number;
}

/**
 * The token of one batch in this worker. It is in memory only.
 *
 *     none ──ask──▶ requested ──▶ valid ──90 % of its life, at a fetch──▶ valid, renewed meanwhile
 *                       └─────▶ failing: not asked again for a while
 *     valid ──a 401 that is its fault──▶ revoked, as if there were none
 */
export class BatchToken {
  readonly #request: () => Promise<TokenResult>;
  readonly #now: () => number;
  #current: Current | undefined;
  /** What requests in flight may still carry; the last one comes first. */
  #before: readonly Current[] = [];
  #failing: Failing | undefined;
  #running: Promise<TokenAnswer> | undefined;
  /** Headers with the token in use, for the headers without it: each object is prepared once. */
  #authorized = new WeakMap<Headers, Headers>();

  /** @param request one is running at a time */
  constructor(request: () => Promise<TokenResult>, now: () => number = Date.now) {
    this.#request = request;
    this.#now = now;
  }

  /** Whether fetches may start without asking anybody. */
  get isKnown(): boolean {
    const current = this.#current;
    return current !== undefined && !current.isRevoked && this.#now() < current.expiresAt;
  }

  /** The token in use, and those before that have not expired: never log or store them. */
  get values(): readonly string[] {
    const now = this.#now();
    const before = this.#before.filter(({ expiresAt }) => now < expiresAt);
    const all = this.#current === undefined ? before : [this.#current, ...before];
    return all.map(({ token }) => token);
  }

  /** Takes as long as the token server likes. */
  async ask(): Promise<TokenAnswer> {
    if (this.isKnown) {
      return { kind: 'token' };
    }
    const failing = this.#failing;
    if (failing !== undefined && this.#now() < failing.againAt) {
      return this.#answerOf(failing);
    }
    return this.#renew();
  }

  /** The headers of a fetch with the token; renews it in the background when that is due. */
  authorize(headers: Headers): Headers {
    const current = this.#current;
    if (current === undefined) {
      return headers;
    }
    const now = this.#now();
    if ((current.isRevoked || now >= current.renewAt) && now >= (this.#failing?.againAt ?? 0)) {
      // `ask` tells what has gone wrong when the token has expired.
      this.#renew().catch(() => undefined);
    }
    let authorized = this.#authorized.get(headers);
    if (authorized === undefined) {
      authorized = { ...headers, authorization: `Bearer ${current.token}` };
      this.#authorized.set(headers, authorized);
    }
    return authorized;
  }

  /**
   * Takes note of an answer, and says whether its fetch is to be sent again with another token. A
   * 401 is the fault of a token that is not fresh, or that has worked before and is called invalid
   * now. Of all others it says that the client may not have the URL.
   */
  isAtFault({ status, headers, startedAt }: Answer): boolean {
    const current = this.#current;
    if (status !== 401) {
      if (current !== undefined) {
        current.hasWorked = true;
      }
      return false;
    }
    // In the millisecond of a renewal, either token may have been sent.
    if (current === undefined || current.isRevoked || startedAt <= current.obtainedAt) {
      return true;
    }
    const isFresh = this.#now() - current.obtainedAt < FRESH_MS;
    const isInvalid = INVALID_TOKEN.test(headers['www-authenticate'] ?? '');
    current.isRevoked = !isFresh || (isInvalid && current.hasWorked);
    return current.isRevoked;
  }

  async #renew(): Promise<TokenAnswer> {
    this.#running ??= this.#requestOnce();
    return this.#running;
  }

  async #requestOnce(): Promise<TokenAnswer> {
    try {
      return this.#accept(await this.#request());
    } finally {
      this.#running = undefined;
    }
  }

  #accept(result: TokenResult): TokenAnswer {
    const now = this.#now();
    if (result.kind === 'wait') {
      return result;
    }
    if (result.kind === 'token') {
      const { token, expiresInMs } = result;
      const early = Math.min(expiresInMs * RENEWED_AT, expiresInMs - RENEWED_BEFORE_MS);
      const renewAt = now + Math.max(early, Math.min(MIN_LIFE_MS, expiresInMs / 2));
      const expiresAt = now + expiresInMs;
      if (this.#current !== undefined) {
        this.#before = [this.#current, ...this.#before].slice(0, MAX_BEFORE);
      }
      this.#current = {
        token,
        obtainedAt: now,
        renewAt,
        expiresAt,
        isRevoked: false,
        hasWorked: false,
      };
      this.#authorized = new WeakMap();
      this.#failing = undefined;
      return { kind: 'token' };
    }
    const before = this.#failing;
    const pauseMs = Math.min(
      before === undefined ? FIRST_PAUSE_MS : 2 * before.pauseMs,
      MAX_PAUSE_MS,
    );
    const askedMs = result.kind === 'down' ? result.dueInMs : 0;
    this.#failing = {
      answer: result,
      since: before?.since ?? now,
      againAt: now + Math.max(pauseMs, askedMs),
      pauseMs,
    };
    return this.#answerOf(this.#failing);
  }

  #answerOf({ answer, since, againAt }: Failing): TokenAnswer {
    const now = this.#now();
    return answer.kind === 'refused'
      ? { kind: 'lost', result: { ...answer.result, startedAt: now } }
      : {
          kind: 'unreachable',
          dueInMs: Math.max(againAt - now, 1),
          unreachableForMs: now - since,
          reason: answer.reason,
        };
  }
}
