import { request as httpRequest } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { connect as startTls } from 'node:tls';
import type { NetworkPolicy } from '@fetchfleet/crawl';
import { refuseHost } from './address-filter.ts';
import { Dial, type DialListener, type DialOptions, type DialTarget } from './dial.ts';
import { ConnectTimeoutError, ProxyError } from './errors.ts';
import { type Proxy, shownProxy } from './proxy.ts';
import { serverNameOf, type TlsOptions } from './tls-options.ts';

/** The operator has named the proxy. */
const ANYWHERE: NetworkPolicy = { allowPrivate: true, allow: ['0.0.0.0/0', '::/0'] };

/** Faults of this machine, whatever it connects to. */
const OWN_FAULTS = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'ADDRESS_REFUSED']);

/** A proxy that has accepted no connection for so long is not just far away. */
const SILENCE_MS = 1_000;

/** A proxy answers CONNECT with a head only; a larger one is refused. */
const MAX_HEAD_BYTES = 16_384;

export interface ConnectionOptions extends DialOptions {
  /** @default connections go to the host itself */
  readonly proxy?: Proxy;
  /** Called when the proxy had accepted no connection until whoever waited gave up. */
  readonly onProxySilent?: () => void;
  /** @default the authorities that Node knows */
  readonly tls?: TlsOptions;
}

export interface ConnectionTarget extends DialTarget {
  /** Whether TLS is spoken with it, so that a proxy opens a tunnel. */
  readonly isTls: boolean;
}

/** A connection that is being made. */
export interface Connecting {
  /** Gives up without calling the listener. */
  abort(): void;
  /** Destroys a socket that does not finish the TLS handshake in what is left of the time. */
  limitTls(socket: Socket): void;
}

/** Opens a connection over which a host can be asked, itself or through a proxy. */
export function connect(
  target: ConnectionTarget,
  options: ConnectionOptions,
  listener: DialListener,
): Connecting {
  const { proxy } = options;
  return proxy === undefined
    ? new Dial(target, options, listener)
    : new ProxyConnection({ target, options, listener, proxy });
}

interface ProxyConnectionOptions {
  readonly target: ConnectionTarget;
  readonly options: ConnectionOptions;
  readonly listener: DialListener;
  readonly proxy: Proxy;
}

/**
 * A connection through a proxy:
 *
 *     dial ──▶ TLS with an https proxy ──▶ CONNECT for an https URL ──▶ over
 *
 * An agent of a library would dial by itself: past the address filter, the resolver and the limit
 * of sockets. Both transports use this one, so both say the same of a proxy that fails.
 */
class ProxyConnection implements Connecting {
  readonly #options: ProxyConnectionOptions;
  readonly #shown: string;
  #dial: Dial | undefined;
  #socket: Socket | undefined;
  #limit: NodeJS.Timeout | undefined;
  #isOver = false;
  readonly #startedAt = performance.now();

  constructor(options: ProxyConnectionOptions) {
    this.#options = options;
    this.#shown = shownProxy(options.proxy);
    const { host } = options.target;
    // Names are resolved by the proxy, so that only what the URL itself says can be refused.
    const refusal = refuseHost(host, options.options.policy);
    if (refusal !== undefined) {
      process.nextTick(() => this.#fail(refusal));
      return;
    }
    this.#start();
  }

  abort(): void {
    const { onProxySilent } = this.#options.options;
    const isSilent = this.#socket === undefined && performance.now() - this.#startedAt > SILENCE_MS;
    if (!this.#isOver && isSilent) {
      onProxySilent?.();
    }
    this.#isOver = true;
    clearTimeout(this.#limit);
    this.#dial?.abort();
    this.#socket?.destroy();
  }

  /** The time begins anew: proxy and origin have each needed some of it. */
  limitTls(socket: Socket): void {
    const { options, target } = this.#options;
    const seconds = options.connectTimeoutMs / 1_000;
    const message = `no TLS with ${target.host} within ${seconds} s`;
    const limit = setTimeout(() => {
      socket.destroy(new ConnectTimeoutError(message));
    }, options.connectTimeoutMs);
    const clear = (): void => clearTimeout(limit);
    socket.once('secureConnect', clear);
    socket.once('close', clear);
  }

  #start(): void {
    const { options, proxy } = this.#options;
    const { hostname, port, protocol } = new URL(proxy.origin);
    const isTls = protocol === 'https:';
    const policy = proxy.isTrusted ? ANYWHERE : options.policy;
    const at = { host: hostname, port: Number(port) || (isTls ? 443 : 80) };
    this.#dial = new Dial(
      at,
      { ...options, policy },
      {
        onConnected: (tcp) => this.#onTcp(tcp, isTls ? hostname : undefined),
        onFailed: (error) => this.#fail(this.#unreachable(error)),
      },
    );
  }

  #unreachable(error: Error & { readonly code?: string }): Error {
    if (OWN_FAULTS.has(error.code ?? '')) {
      return error;
    }
    const message = `the proxy ${this.#shown} cannot be reached: ${error.message}`;
    return new ProxyError('PROXY_UNREACHABLE', message, true);
  }

  /** @param tlsHost name in the certificate of an https proxy */
  #onTcp(tcp: Socket, tlsHost: string | undefined): void {
    this.#socket = tcp;
    if (this.#isOver) {
      tcp.destroy();
      return;
    }
    if (tlsHost === undefined) {
      this.#onProxy(tcp);
      return;
    }
    const name = tlsHost.replace(/^\[(.*)\]$/, '$1');
    const servername = serverNameOf(name);
    // Whoever accepts any certificate of an origin has not said so of the proxy.
    const { secureContext } = this.#options.options.tls ?? {};
    const tls = startTls({ socket: tcp, host: name, servername, secureContext });
    this.#socket = tls;
    const fail = (error: Error): void => this.#fail(this.#unreachable(error));
    tls.once('error', fail);
    this.#dial?.limitTls(tls);
    tls.once('secureConnect', () => {
      tls.off('error', fail);
      tls.on('error', () => undefined); // whoever uses it sees it close
      this.#onProxy(tls);
    });
  }

  /** The proxy is there. An http URL is asked of it as a whole: many open tunnels to 443 only. */
  #onProxy(socket: Socket): void {
    const { target } = this.#options;
    if (target.isTls) {
      const host = isIP(target.host) === 6 ? `[${target.host}]` : target.host;
      this.#openTunnel(socket, `${host}:${target.port}`);
    } else {
      this.#end(socket);
    }
  }

  #openTunnel(socket: Socket, authority: string): void {
    const { proxy, options } = this.#options;
    const { authorization } = proxy;
    const request = httpRequest({
      method: 'CONNECT',
      path: authority,
      maxHeaderSize: MAX_HEAD_BYTES,
      // LF alone, folded lines, control characters. Nothing of the head but its status is used.
      insecureHTTPParser: true,
      setHost: false,
      headers: {
        host: authority,
        ...(authorization !== undefined && { 'proxy-authorization': authorization }),
      },
      createConnection: () => socket,
    });
    // The time begins anew: the proxy has to connect as well.
    this.#limit = setTimeout(() => {
      const seconds = options.connectTimeoutMs / 1_000;
      this.#refused(`opened no connection to ${authority} within ${seconds} s`);
      request.destroy();
    }, options.connectTimeoutMs);
    request.once('connect', ({ statusCode = 0 }, _socket, head: Buffer) => {
      clearTimeout(this.#limit);
      if (statusCode < 200 || statusCode > 299) {
        // All others would be refused as well, where the proxy does not know us.
        this.#refused(`answered ${statusCode} to CONNECT ${authority}`, statusCode === 407);
        socket.destroy();
        return;
      }
      if (head.length > 0) {
        socket.unshift(head);
      }
      this.#end(socket);
    });
    request.once('error', (error) => {
      clearTimeout(this.#limit);
      this.#refused(`did not answer CONNECT ${authority}: ${error.message}`);
    });
    request.end();
  }

  #refused(what: string, isProxyDown = false): void {
    this.#fail(new ProxyError('PROXY_REFUSED', `the proxy ${this.#shown} ${what}`, isProxyDown));
  }

  #end(socket: Socket): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#options.listener.onConnected(socket);
    }
  }

  #fail(error: Error): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#socket?.destroy();
      this.#options.listener.onFailed(error);
    }
  }
}
