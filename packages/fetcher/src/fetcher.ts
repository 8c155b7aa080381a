import { lookup as dnsLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';

import type { FetchResult, Limits, NetworkPolicy } from '@fetchfleet/crawl';

import { AbortFan } from './abort-fan.ts';
import { FetcherStoppedError } from './transport/errors.ts';
import { Exchange } from './exchange/exchange.ts';
import { PolicyPools } from './transport/policy-pools.ts';
import {
  prepareHeaders,
  type RequestHeaders,
  withCredentialsOf,
} from './exchange/request-headers.ts';
import { RunningFetch } from './running-fetch.ts';
import type { ConnectOptions, Transport } from './transport/transport.ts';

/** One GET, with the bounds it must keep. */
export interface FetchRequest {
  /** http or https. Credentials in it are sent as Basic authorization. */
  readonly url: string;
  /** With secrets resolved. Pass the same object for all fetches of a batch: it is prepared once. */
  readonly headers: Readonly<Record<string, string>>;
  readonly limits: Limits;
  readonly network: NetworkPolicy;
  /** Headers whose value holds a secret: dropped when a redirect leaves the origin. @default [] */
  readonly secretHeaders?: readonly string[];
  /** Ends the fetch without a result: `fetch` rejects with its reason. */
  readonly signal?: AbortSignal;
}

export interface FetcherOptions {
  /** `got` is the default of the project, `undici` the fast pool; they behave the same. */
  readonly transport: 'got' | 'undici';
  /** The worker's own permission; without it neither `allowPrivate` nor `allow` of a crawl opens anything. */
  readonly allowPrivate: boolean;
  /** Sent unless the crawl file sets its own. */
  readonly userAgent: string;
  /** A bound of safety; how many fetches an origin bears is decided elsewhere. @default 1024 */
  readonly maxConnectionsPerOrigin?: number;
  /** DNS, TCP and TLS of one connection together, in milliseconds. @default 10 s */
  readonly connectTimeoutMs?: number;
  /** Resolves names; what it returns still has to pass the address guard. @default dns.lookup */
  readonly lookup?: LookupFunction;
}

/** Who waits for the end of a fetch: exactly one of these is called, once, and never before `start` has returned. */
export interface FetchListener {
  /** For everything that can happen on the network. */
  onResult(result: FetchResult): void;
  /** The signal was aborted, for this reason. */
  onAborted(reason: unknown): void;
}

export interface Fetcher {
  readonly transport: 'got' | 'undici';
  /**
   * Resolves for everything that can happen on the network. Rejects only with the reason of an aborted
   * `signal`, or once the fetcher has been stopped.
   */
  fetch(request: FetchRequest): Promise<FetchResult>;
  /**
   * The same without a promise, for those who start thousands a second.
   *
   * @throws FetcherStoppedError once it has been stopped
   */
  start(request: FetchRequest, listener: FetchListener): void;
  /** Waits for the fetches in flight (abort their signals to hurry them), then closes all connections. Idempotent. */
  stop(): Promise<void>;
}

/** A fetcher opens no connection before the first fetch. */
export function createFetcher(options: FetcherOptions): Fetcher {
  return new PooledFetcher(options);
}

type TransportClass = new (options: ConnectOptions) => Transport;

/** Each library takes a process a sixth of a second to load; nobody needs both. */
async function loadTransport(name: FetcherOptions['transport']): Promise<TransportClass> {
  if (name === 'undici') return (await import('./transport/undici-transport.ts')).UndiciTransport;
  return (await import('./transport/got-transport.ts')).GotTransport;
}

class PooledFetcher implements Fetcher {
  readonly transport: 'got' | 'undici';
  readonly #userAgent: string;
  readonly #pools: PolicyPools;
  readonly #fan = new AbortFan();
  readonly #prepared = new WeakMap<RequestHeaders, RequestHeaders>();
  #inFlight = 0;
  #onIdle: (() => void) | undefined;
  readonly #onEnd = (): void => {
    this.#inFlight -= 1;
    if (this.#inFlight === 0) this.#onIdle?.();
  };
  readonly #loading: Promise<TransportClass>;
  #loaded: TransportClass | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: FetcherOptions) {
    this.transport = options.transport;
    this.#userAgent = options.userAgent;
    this.#loading = loadTransport(options.transport);
    this.#pools = new PolicyPools(options.allowPrivate, (policy) => {
      const connect: ConnectOptions = {
        policy,
        lookup: options.lookup ?? dnsLookup,
        connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
        maxConnectionsPerOrigin: options.maxConnectionsPerOrigin ?? 1_024,
      };
      if (this.#loaded === undefined) throw new Error('a pool was opened before its transport');
      return new this.#loaded(connect);
    });
  }

  async fetch(request: FetchRequest): Promise<FetchResult> {
    return new Promise((resolve, reject) => {
      this.start(request, { onResult: resolve, onAborted: reject });
    });
  }

  start(request: FetchRequest, listener: FetchListener): void {
    if (this.#stopping) {
      throw new FetcherStoppedError('the fetcher has been stopped');
    }
    this.#inFlight += 1;
    const running = new RunningFetch(request, listener, this.#onEnd);
    if (this.#loaded === undefined) {
      this.#load().then(
        () => this.#send(running),
        (error: unknown) => running.abort(error),
      );
    } else {
      this.#send(running);
    }
  }

  async stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    await this.#stopping;
  }

  async #load(): Promise<void> {
    this.#loaded = await this.#loading;
  }

  async #stop(): Promise<void> {
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await this.#pools.stop();
  }

  #send(running: RunningFetch): void {
    const { request } = running;
    const { url: text, signal, limits, secretHeaders, network } = request;
    if (signal?.aborted === true) {
      queueMicrotask(() => running.abort(signal.reason));
      return;
    }
    const url = URL.parse(text);
    if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
      queueMicrotask(() => running.onResult(urlInvalid()));
      return;
    }
    const headers = withCredentialsOf(url, this.#headersOf(request.headers));
    // Assigning parses the URL again, which is felt at ten thousand a second.
    if (url.username !== '') url.username = '';
    if (url.password !== '') url.password = '';
    const pool = this.#pools.of(network);
    const { transport } = pool;
    const options = { url, headers, secretHeaders, limits, transport, listener: running };
    running.start(new Exchange(options), pool, this.#fan);
  }

  #headersOf(headers: RequestHeaders): RequestHeaders {
    let prepared = this.#prepared.get(headers);
    if (prepared === undefined) {
      prepared = prepareHeaders(headers, this.#userAgent);
      this.#prepared.set(headers, prepared);
    }
    return prepared;
  }
}

function urlInvalid(): FetchResult {
  return {
    kind: 'failure',
    startedAt: Date.now(),
    durationMs: 0,
    outcome: 'network-error',
    code: 'URL_INVALID',
    message: 'the URL is not a valid http or https URL',
    bytes: 0,
  };
}
