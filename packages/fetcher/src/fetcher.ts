import { lookup as dnsLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';

import type { FetchResult, Limits, NetworkPolicy } from '@fetchfleet/crawl';

import { type Abortable, AbortFan } from './abort-fan.ts';
import { FetcherStoppedError } from './errors.ts';
import { Exchange } from './exchange.ts';
import { type Lane, Lanes } from './lanes.ts';
import { prepareHeaders, type RequestHeaders, withCredentialsOf } from './request-headers.ts';
import type { ConnectOptions, Transport } from './transport.ts';

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
  /** `got` is the default of the project, `undici` the fast lane; they behave the same. */
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

export interface Fetcher {
  readonly transport: 'got' | 'undici';
  /**
   * Resolves for everything that can happen on the network. Rejects only with the reason of an aborted
   * `signal`, or once the fetcher has been stopped.
   */
  fetch(request: FetchRequest): Promise<FetchResult>;
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
  if (name === 'undici') return (await import('./undici-transport.ts')).UndiciTransport;
  return (await import('./got-transport.ts')).GotTransport;
}

class PooledFetcher implements Fetcher {
  readonly transport: 'got' | 'undici';
  readonly #userAgent: string;
  readonly #lanes: Lanes;
  readonly #fan = new AbortFan();
  readonly #prepared = new WeakMap<RequestHeaders, RequestHeaders>();
  readonly #inFlight = new Set<Promise<unknown>>();
  readonly #loading: Promise<TransportClass>;
  #loaded: TransportClass | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: FetcherOptions) {
    this.transport = options.transport;
    this.#userAgent = options.userAgent;
    this.#loading = loadTransport(options.transport);
    this.#lanes = new Lanes(options.allowPrivate, (policy) => {
      const connect: ConnectOptions = {
        policy,
        lookup: options.lookup ?? dnsLookup,
        connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
        maxConnectionsPerOrigin: options.maxConnectionsPerOrigin ?? 1_024,
      };
      if (this.#loaded === undefined) throw new Error('a lane was opened before its transport');
      return new this.#loaded(connect);
    });
  }

  async fetch(request: FetchRequest): Promise<FetchResult> {
    if (this.#stopping) {
      throw new FetcherStoppedError('the fetcher has been stopped');
    }
    request.signal?.throwIfAborted();
    const url = URL.parse(request.url);
    if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
      return urlInvalid();
    }
    if (this.#loaded === undefined) await this.#load(request.signal);
    const lane = this.#lanes.of(request.network);
    const running = this.#run(request, url, lane);
    this.#inFlight.add(running);
    lane.inFlight += 1;
    try {
      return await running;
    } finally {
      lane.inFlight -= 1;
      this.#inFlight.delete(running);
    }
  }

  async stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    await this.#stopping;
  }

  async #load(signal: AbortSignal | undefined): Promise<void> {
    this.#inFlight.add(this.#loading);
    try {
      this.#loaded = await this.#loading;
    } finally {
      this.#inFlight.delete(this.#loading);
    }
    signal?.throwIfAborted();
  }

  async #stop(): Promise<void> {
    // What waited for its transport is under way only then.
    while (this.#inFlight.size > 0) await Promise.allSettled(this.#inFlight);
    await this.#lanes.stop();
  }

  #run(request: FetchRequest, url: URL, lane: Lane): Promise<FetchResult> {
    const { signal, limits, secretHeaders } = request;
    const { transport } = lane;
    const headers = withCredentialsOf(url, this.#headersOf(request.headers));
    // Assigning parses the URL again, which is felt at ten thousand a second.
    if (url.username !== '') url.username = '';
    if (url.password !== '') url.password = '';
    return new Promise((resolve, reject) => {
      const onResult = (result: FetchResult) => {
        if (signal) {
          this.#fan.remove(signal, abortable);
        }
        resolve(result);
      };
      const exchange = new Exchange({ url, headers, secretHeaders, limits, transport, onResult });
      const abortable: Abortable = {
        abort: (reason) => {
          exchange.abort();
          reject(reason);
        },
      };
      if (signal) {
        this.#fan.add(signal, abortable);
      }
      exchange.start();
    });
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
