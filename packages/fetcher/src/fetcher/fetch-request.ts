import type { FetchResponse, FetchResult, Limits, Method } from '@fetchfleet/crawl';
import type { FailureReason } from '../exchange/failure.ts';
import type { FetchNetwork } from '../connect/proxy.ts';

/** One request and its limits. */
export interface FetchRequest {
  /** http or https. Credentials in it are sent as Basic authorization. */
  readonly url: string;
  /** @default GET */
  readonly method?: Method;
  /** Sent with its length. It must not change before the fetch has ended. @default none */
  readonly body?: Buffer | undefined;
  /** Sent as `Idempotency-Key`. @default none */
  readonly idempotencyKey?: string | undefined;
  /**
   * Headers that say when it needs no answer. They are about the answer of this URL, so that no
   * redirect carries them on. @default none
   */
  readonly conditions?: Readonly<Record<string, string>> | undefined;
  /**
   * Headers with their secrets resolved. Pass the same object for all fetches of a batch: it is
   * prepared once.
   */
  readonly headers: Readonly<Record<string, string>>;
  readonly limits: Limits;
  readonly network: FetchNetwork;
  /**
   * Whether an origin that the crawl does not name had a say in the URL: then only what every
   * origin may see is sent. @default false
   */
  readonly isElsewhere?: boolean;
  /** Headers whose value holds a secret: no other origin gets them. @default [] */
  readonly secretHeaders?: readonly string[];
  /**
   * Gives the values of secrets: no final URL and no message repeats one, and no redirect to an
   * origin whose name does is followed. Headers may hold more beside them. @default none
   */
  readonly secrets?: (() => readonly string[]) | undefined;
  /**
   * Whether it must have a new connection, for fetches that have no attempt to lose: an origin may
   * close a connection that was used before just when the request is on its way. @default false
   */
  readonly isOnNewConnection?: boolean;
  /** Ends the fetch without a result: `fetch` rejects with the reason of the signal. */
  readonly signal?: AbortSignal;
}

/**
 * A fetch between two requests. Nothing of it is in flight, and its timeout stands still until
 * `follow` is called. Exactly one method is to be called, once; none after the signal of the
 * fetch was aborted.
 */
export interface HeldFetch {
  /** The URL of its next request. */
  readonly target: URL;
  follow(): void;
  /** Ends the fetch with a failure: its listener is called. */
  refuse(reason: FailureReason): void;
  /** Ends the fetch without a result: its listener is not called any more. */
  drop(): void;
}

/** A fetch that has come to a redirect. */
export interface RedirectedFetch extends HeldFetch {
  /** The redirect itself: its status and headers, and the time of this one request. */
  readonly answer: FetchResponse;
}

/**
 * Exactly one of `onResult` and `onAborted` is called, once, and never before `start` has returned.
 */
export interface FetchListener {
  /** Called with the response, or with the network failure. */
  onResult(result: FetchResult): void;
  /** Called with the reason of an aborted signal. */
  onAborted(reason: unknown): void;
  /** Called at every redirect. @default it is followed at once */
  onRedirect?(held: RedirectedFetch): void;
  /**
   * How many ms after now the next request may still be sent: later it would meet those that others
   * send. HEAD is sent at any time. @default Infinity
   */
  sendWithinMs?(): number;
  /**
   * Called when the connection for a request was ready only after that. The request has not been
   * sent, and the connection is kept for it. @default it is sent at once
   */
  onTooLate?(held: HeldFetch): void;
}
