import type { LookupFunction } from 'node:net';
import type { FetchResult } from '@fetchfleet/crawl';
import { Exchange } from '../exchange/exchange.ts';
import {
  forOtherOrigins,
  prepareHeaders,
  type RequestHeaders,
  withCredentialsOf,
} from '../exchange/request-headers.ts';
import { type LookupResult, NameLookup } from '../lookup/name-lookup.ts';
import { FetcherStoppedError, type ProxyError } from '../connect/errors.ts';
import { type Proxy, type ProxyRoutes, shownProxy } from '../connect/proxy.ts';
import { tlsOptions } from '../connect/tls-options.ts';
import { PolicyPools } from '../transport/policy-pools.ts';
import { type OnProxyDown, ProxyHealth } from '../transport/proxy-health.ts';
import { ProxyTransport } from '../transport/proxy-transport.ts';
import { SocketBudget } from '../connect/socket-budget.ts';
import type { ConnectOptions, Transport } from '../transport/transport.ts';
import { type Abortable, AbortListeners } from './abort-listeners.ts';
import type { FetchListener, FetchRequest } from './fetch-request.ts';
import { type FetchHooks, RunningFetch } from './running-fetch.ts';

export interface FetcherOptions {
  /** `got` is the complete transport, `native` the fast one; they behave the same. */
  readonly transport: 'got' | 'native';
  /**
   * Whether this process may connect to private addresses. If not, neither `allowPrivate` nor
   * `allow` of a crawl has an effect.
   */
  readonly allowPrivate: boolean;
  /** Sent unless the crawl file sets its own. */
  readonly userAgent: string;
  /** Called when a fetch ends, before its listener. @default nothing */
  readonly onEnd?: () => void;
  /** Safety limit; the concurrency of an origin is limited elsewhere. @default 1024 */
  readonly maxConnectionsPerOrigin?: number;
  /** Time for DNS, TCP and TLS of one connection together, in milliseconds. @default 10 s */
  readonly connectTimeoutMs?: number;
  /**
   * Sockets that all connections may have open together; more than fetches in flight. Idle
   * connections are closed when a new one finds no place. @default without a limit
   */
  readonly maxSockets?: number;
  /** Resolves names; the address filter checks what it returns. @default `NameLookup` */
  readonly lookup?: LookupFunction;
  /** What requests go through whose network names no proxies. @default they go directly */
  readonly routes?: ProxyRoutes | undefined;
  /** Called for every request that a proxy did not let through. @default nothing */
  readonly onProxyError?: (code: ProxyError['code']) => void;
  /** Called with host and port of a proxy when it begins to fail. @default nothing */
  readonly onProxyDown?: OnProxyDown;
  /** Called for every lookup of a name that has ended. @default nothing */
  readonly onLookup?: (result: LookupResult) => void;
}

export interface Fetcher {
  readonly transport: 'got' | 'native';
  /** Whether fetches are in flight and the last of them is not overdue. */
  readonly isBusy: boolean;
  /** Names that are looked up now. */
  readonly lookups: number;
  /**
   * Fetches, and resolves with the response or the network failure. Rejects only with the reason of
   * an aborted signal.
   *
   * @throws FetcherStoppedError after `stop`
   */
  fetch(request: FetchRequest): Promise<FetchResult>;
  /**
   * The same without a promise, for callers that start thousands of fetches a second. What it
   * returns aborts this one fetch; after its end that does nothing.
   *
   * @throws FetcherStoppedError after `stop`
   */
  start(request: FetchRequest, listener: FetchListener): Abortable;
  /**
   * Waits for the fetches in flight, then closes all connections. Abort the signals of the fetches
   * to end them early. Idempotent.
   */
  stop(): Promise<void>;
}

/** Creates a fetcher. It opens no connection before the first fetch. */
export function createFetcher(options: FetcherOptions): Fetcher {
  return new PooledFetcher(options);
}

/** A fetch ends at its timeout at the latest; it is overdue this much later. */
const OVERDUE_MS = 5_000;

type TransportClass = new (options: ConnectOptions) => Transport;

/** Imports got only where it is used: it needs a sixth of a second to load. */
async function loadTransport(name: FetcherOptions['transport']): Promise<TransportClass> {
  if (name === 'native') {
    return (await import('../transport/native-transport.ts')).NativeTransport;
  }
  return (await import('../transport/got-transport.ts')).GotTransport;
}

class PooledFetcher implements Fetcher {
  readonly transport: 'got' | 'native';
  readonly #userAgent: string;
  readonly #pools: PolicyPools;
  readonly #names: NameLookup;
  readonly #abortListeners = new AbortListeners();
  readonly #prepared = new WeakMap<RequestHeaders, RequestHeaders>();
  readonly #hooks: FetchHooks;
  readonly #loading: Promise<TransportClass>;
  #loaded: TransportClass | undefined;
  #inFlight = 0;
  /** When the last of the fetches in flight is overdue, on the clock of `performance.now()`. */
  #overdueAt = 0;
  #onIdle: (() => void) | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: FetcherOptions) {
    const { onEnd } = options;
    this.transport = options.transport;
    this.#userAgent = options.userAgent;
    this.#loading = loadTransport(options.transport);
    this.#hooks = {
      onEnd: () => {
        this.#inFlight -= 1;
        onEnd?.();
        if (this.#inFlight === 0) {
          this.#onIdle?.();
        }
      },
      onFollow: (request) => this.#extend(request),
    };
    const { onLookup, lookup, maxSockets = Infinity } = options;
    this.#names = new NameLookup(onLookup === undefined ? {} : { onResult: onLookup });
    const sockets = new SocketBudget(maxSockets, () => this.#pools.closeIdle());
    const { onProxyError: onError = () => undefined, onProxyDown } = options;
    const health = new ProxyHealth(onProxyDown);
    this.#pools = new PolicyPools(options, ({ routes, trust, ...policy }) => {
      const connect: ConnectOptions = {
        policy,
        tls: tlsOptions(trust),
        lookup: lookup ?? this.#names.lookup,
        sockets,
        connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
        maxConnectionsPerOrigin: options.maxConnectionsPerOrigin ?? 1_024,
      };
      const Loaded = this.#loaded;
      if (Loaded === undefined) {
        throw new Error('a pool was opened before its transport was loaded');
      }
      if (routes === undefined) {
        return new Loaded(connect);
      }
      const create = (proxy: Proxy | undefined): Transport =>
        new Loaded(proxy === undefined ? connect : { ...connect, proxy, ...watch(proxy, health) });
      return new ProxyTransport({ routes, health, create, onError });
    });
  }

  get isBusy(): boolean {
    return this.#inFlight > 0 && performance.now() < this.#overdueAt;
  }

  get lookups(): number {
    return this.#names.running;
  }

  async fetch(request: FetchRequest): Promise<FetchResult> {
    return new Promise((resolve, reject) => {
      this.start(request, { onResult: resolve, onAborted: reject });
    });
  }

  start(request: FetchRequest, listener: FetchListener): Abortable {
    if (this.#stopping) {
      throw new FetcherStoppedError('the fetcher has been stopped');
    }
    this.#inFlight += 1;
    this.#extend(request);
    const running = new RunningFetch(request, listener, this.#hooks);
    if (this.#loaded === undefined) {
      this.#load().then(
        () => this.#send(running),
        (error: unknown) => running.abort(error),
      );
    } else {
      this.#send(running);
    }
    return running;
  }

  async stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    await this.#stopping;
  }

  /** From now on a fetch may take its whole timeout. */
  #extend({ limits }: FetchRequest): void {
    const overdueAt = performance.now() + limits.timeoutMs + OVERDUE_MS;
    this.#overdueAt = Math.max(this.#overdueAt, overdueAt);
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
    this.#names.stop();
  }

  #send(running: RunningFetch): void {
    const { request } = running;
    const {
      url: text,
      method = 'GET',
      body,
      idempotencyKey,
      conditions,
      signal,
      limits,
      secretHeaders,
      secrets,
      network,
      isOnNewConnection = false,
      isElsewhere = false,
    } = request;
    if (running.isOver) {
      return;
    }
    if (signal?.aborted === true) {
      queueMicrotask(() => running.abort(signal.reason));
      return;
    }
    const url = URL.parse(text);
    if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
      queueMicrotask(() => running.onResult(urlInvalid()));
      return;
    }
    const own = this.#headersOf(request.headers);
    const prepared = isElsewhere
      ? forOtherOrigins(own, { secretHeaders, userAgent: this.#userAgent })
      : withCredentialsOf(url, own);
    const headers =
      idempotencyKey === undefined ? prepared : { ...prepared, 'idempotency-key': idempotencyKey };
    // Assigning parses the URL again, which costs time at ten thousand fetches a second.
    if (url.username !== '') {
      url.username = '';
    }
    if (url.password !== '') {
      url.password = '';
    }
    const pool = this.#pools.of(network);
    const transport = pool.transport.forFetch?.() ?? pool.transport;
    const exchange = new Exchange({
      url,
      method,
      body,
      headers,
      conditions,
      secretHeaders,
      secrets,
      userAgent: this.#userAgent,
      limits,
      isOnNewConnection,
      transport,
      listener: running,
    });
    running.start(exchange, pool, this.#abortListeners);
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

/** A proxy that accepts no connection is known before the time for one is over. */
function watch(proxy: Proxy, health: ProxyHealth): Pick<ConnectOptions, 'onProxySilent'> {
  const reason = `the proxy ${shownProxy(proxy)} accepted no connection in time`;
  return { onProxySilent: () => health.failed(proxy, reason) };
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
