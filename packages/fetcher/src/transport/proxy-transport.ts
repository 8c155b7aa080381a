import { ProxyError, proxyErrorOf } from '../connect/errors.ts';
import { proxiesFor, type Proxy, type ProxyRoutes, shownProxy } from '../connect/proxy.ts';
import type { ProxyHealth } from './proxy-health.ts';
import type { RequestMessage, ResponseHandler, SentRequest, Transport } from './transport.ts';

export interface ProxyTransportOptions {
  readonly routes: ProxyRoutes;
  readonly health: ProxyHealth;
  /** @param proxy undefined for connections to the origins themselves */
  readonly create: (proxy: Proxy | undefined) => Transport;
  /** Called for every request that a proxy did not let through. */
  readonly onError: (code: ProxyError['code']) => void;
}

/**
 * Sends requests through proxies, each over a transport of its own: a connection belongs to one
 * origin and one proxy.
 */
export class ProxyTransport implements Transport {
  readonly options: ProxyTransportOptions;
  readonly #transports = new Map<Proxy | undefined, Transport>();
  #turn = 0;

  constructor(options: ProxyTransportOptions) {
    this.options = options;
  }

  send(message: RequestMessage, handler: ResponseHandler): SentRequest {
    return this.forFetch().send(message, handler);
  }

  /** A fetch keeps its proxy over redirects: what they set may hold for its address only. */
  forFetch(): Pick<Transport, 'send'> {
    return new FetchProxies(this);
  }

  closeIdle(): void {
    for (const transport of this.#transports.values()) {
      transport.closeIdle();
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#transports.values()].map(async (one) => one.stop()));
  }

  /** The proxies in the order in which one request tries them: each begins with the next one. */
  inTurn(proxies: readonly Proxy[]): readonly Proxy[] {
    const at = this.#turn % proxies.length;
    this.#turn += 1;
    return this.options.health.workingFirst([...proxies.slice(at), ...proxies.slice(0, at)]);
  }

  through(proxy: Proxy | undefined): Transport {
    let transport = this.#transports.get(proxy);
    if (transport === undefined) {
      transport = this.options.create(proxy);
      this.#transports.set(proxy, transport);
    }
    return transport;
  }
}

/** The proxies of one fetch. */
class FetchProxies {
  readonly #owner: ProxyTransport;
  #last: Proxy | undefined;

  constructor(owner: ProxyTransport) {
    this.#owner = owner;
  }

  send(message: RequestMessage, handler: ResponseHandler): SentRequest {
    const { routes } = this.#owner.options;
    const proxies = proxiesFor(message.url, routes);
    if (proxies.length === 0) {
      return this.#owner.through(undefined).send(message, handler);
    }
    const last = this.#last;
    // Only a fetch takes a turn, not each of its redirects.
    const order =
      last !== undefined && proxies.includes(last)
        ? [
            last,
            ...this.#owner.options.health.workingFirst(proxies.filter((proxy) => proxy !== last)),
          ]
        : this.#owner.inTurn(proxies);
    const onAnswer = (proxy: Proxy): void => {
      this.#last = proxy;
    };
    return new ProxiedRequest(this.#owner, { message, handler, order, onAnswer });
  }
}

/** Every one of them is a request that the origin may see. */
const MAX_ANSWERS = 2;

interface ProxiedRequestOptions {
  readonly message: RequestMessage;
  readonly handler: ResponseHandler;
  /** At least one. */
  readonly order: readonly Proxy[];
  readonly onAnswer: (proxy: Proxy) => void;
}

/**
 * One request, through the first proxy that lets it through. Where one does not, nothing has
 * reached the origin, so that the next one may be asked.
 */
class ProxiedRequest implements ResponseHandler, SentRequest {
  readonly #owner: ProxyTransport;
  readonly #options: ProxiedRequestOptions;
  #at = 0;
  /** Of proxies that work and have not reached the origin. */
  #answers = 0;
  #sent: SentRequest | undefined;
  #isOver = false;

  constructor(owner: ProxyTransport, options: ProxiedRequestOptions) {
    this.#owner = owner;
    this.#options = options;
    this.#send();
  }

  pause(): void {
    this.#sent?.pause();
  }

  resume(): void {
    this.#sent?.resume();
  }

  abort(): void {
    this.#isOver = true;
    this.#sent?.abort();
  }

  get isConnecting(): boolean {
    return this.#sent?.isConnecting ?? true;
  }

  get isInHead(): boolean {
    return this.#sent?.isInHead ?? false;
  }

  timedOut(): ProxyError | undefined {
    if (!this.isConnecting) {
      return undefined;
    }
    const proxy = this.#proxy;
    const message = `the proxy ${shownProxy(proxy)} let nothing through in time`;
    this.#owner.options.onError('PROXY_UNREACHABLE');
    return new ProxyError('PROXY_UNREACHABLE', message, true);
  }

  onHeaders(
    status: number,
    headers: Readonly<Record<string, string>>,
    cookies: readonly string[] | undefined,
  ): void {
    const proxy = this.#proxy;
    if (status === 407 && this.#isPlain) {
      this.#sent?.abort();
      const message = `the proxy ${shownProxy(proxy)} answered 407`;
      // An origin may have answered that: it must not take the proxy from others, or be asked
      // twice.
      this.#owner.options.onError('PROXY_REFUSED');
      this.#options.handler.onError(new ProxyError('PROXY_REFUSED', message, false));
      return;
    }
    this.#owner.options.health.worked(proxy);
    this.#options.onAnswer(proxy);
    this.#options.handler.onHeaders(status, headers, cookies);
  }

  bodySpace(): Buffer | undefined {
    return this.#options.handler.bodySpace();
  }

  onData(chunk: Buffer): void {
    this.#options.handler.onData(chunk);
  }

  onEnd(): void {
    this.#options.handler.onEnd();
  }

  onTooLate(): void {
    // The fetch uses the connection that is there now.
    this.#options.onAnswer(this.#proxy);
    this.#options.handler.onTooLate();
  }

  onError(error: Error): void {
    const fault = proxyErrorOf(error);
    if (fault === undefined) {
      this.#options.handler.onError(error);
    } else {
      this.#onProxyError(fault);
    }
  }

  get #proxy(): Proxy {
    const proxy = this.#options.order[this.#at];
    if (proxy === undefined) {
      throw new Error('a request has no proxy left');
    }
    return proxy;
  }

  /** A proxy is asked for http URLs as a whole, and for a tunnel to others. */
  get #isPlain(): boolean {
    return this.#options.message.url.protocol === 'http:';
  }

  #send(): void {
    const proxy = this.#proxy;
    const { message } = this.#options;
    this.#sent = this.#owner
      .through(proxy)
      .send(
        this.#isPlain
          ? { ...message, isToProxy: true, headers: headersFor(proxy, message.headers) }
          : message,
        this,
      );
  }

  #onProxyError(error: ProxyError): void {
    const { health, onError } = this.#owner.options;
    onError(error.code);
    if (error.isProxyDown) {
      health.failed(this.#proxy, error.message);
    }
    if (this.#isOver) {
      return;
    }
    // What a proxy that works says of the origin, one more is asked: each of them asks the origin.
    this.#answers += error.isProxyDown ? 0 : 1;
    const isLast = this.#at + 1 >= this.#options.order.length || this.#answers >= MAX_ANSWERS;
    if (isLast) {
      this.#options.handler.onError(error);
      return;
    }
    this.#at += 1;
    this.#send();
  }
}

function headersFor(
  { authorization }: Proxy,
  headers: RequestMessage['headers'],
): RequestMessage['headers'] {
  return authorization === undefined
    ? headers
    : { ...headers, 'proxy-authorization': authorization };
}
