import type { LookupAddress } from 'node:dns';
import { isIP, type LookupFunction, Socket } from 'node:net';
import type { NetworkPolicy } from '@fetchfleet/crawl';
import { filterLookup, refuseAddress } from './address-filter.ts';
import { ConnectTimeoutError } from './errors.ts';
import type { SocketBudget } from './socket-budget.ts';
import { tellingError } from './telling-error.ts';

/** How long an address is tried alone (RFC 8305, section 5). */
const ATTEMPT_DELAY_MS = 250;
/** Addresses of a name that are tried. */
const MAX_ADDRESSES = 8;
/** The interval of tries while the process has no file descriptor left. */
const RETRY_MS = 100;
const KEEP_ALIVE_MS = 60_000;

/** The process or the machine has no descriptor left: not the origin's fault. */
const NO_DESCRIPTOR = new Set(['EMFILE', 'ENFILE']);

export interface DialOptions {
  readonly policy: NetworkPolicy;
  readonly lookup: LookupFunction;
  /** DNS, TCP and TLS together, from the moment a socket may be opened. */
  readonly connectTimeoutMs: number;
  readonly sockets: SocketBudget;
}

export interface DialTarget {
  /** A name or an address, IPv6 with or without brackets. */
  readonly host: string;
  readonly port: number;
  /** Makes the socket of one attempt. @default `new Socket()` */
  readonly createSocket?: () => Socket;
}

/** Called once, never before the constructor of `Dial` has returned. */
export interface DialListener {
  onConnected(socket: Socket): void;
  onFailed(error: Error): void;
}

/**
 * Opens a TCP connection to a host:
 *
 *     waiting for a socket ──▶ name ──▶ address 1 ──250 ms or error──▶ address 2 …
 *                                          └──────────connected───────────┴──▶ over
 *
 * The addresses are those that the policy allows. A later attempt does not end the earlier ones: a
 * host that is far away connects as well, only later. The first connection wins.
 */
export class Dial {
  readonly #target: DialTarget;
  readonly #options: DialOptions;
  readonly #listener: DialListener;
  readonly #attempts = new Set<Socket>();
  readonly #errors: Error[] = [];
  readonly #withdraw: () => void;
  #addresses: LookupAddress[] = [];
  #next = 0;
  #startedAt = 0;
  /** The error of the last attempt for which the process had no descriptor. */
  #shortage: Error | undefined;
  /** The place that was taken first has not been used for an attempt yet. */
  #hasPlace = false;
  #isOver = false;
  #limit: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(target: DialTarget, options: DialOptions, listener: DialListener) {
    this.#target = target;
    this.#options = options;
    this.#listener = listener;
    this.#withdraw = options.sockets.take(() => {
      this.#hasPlace = true;
      this.#start();
    });
  }

  /** Gives up without calling the listener. Nothing happens after the end. */
  abort(): void {
    this.#end();
  }

  /** Destroys a socket that does not finish the TLS handshake in what is left of the time. */
  limitTls(socket: Socket): void {
    const limit = this.#startLimit((error) => socket.destroy(error));
    const clear = (): void => clearTimeout(limit);
    socket.once('secureConnect', clear);
    socket.once('close', clear);
  }

  #start(): void {
    this.#startedAt = performance.now();
    this.#limit = this.#startLimit((error) => this.#fail(this.#shortage ?? error));
    const { host } = this.#target;
    const name = host.startsWith('[') ? host.slice(1, -1) : host;
    const { lookup, policy } = this.#options;
    const family = isIP(name);
    if (family !== 0) {
      this.#answer(refuseAddress(name, policy), [{ address: name, family }]);
      return;
    }
    filterLookup(lookup, policy)(name, { all: true }, (error, found) => {
      this.#answer(error ?? undefined, Array.isArray(found) ? found : []);
    });
  }

  /** Deferred, so that the listener is never called before the constructor has returned. */
  #answer(error: Error | undefined, addresses: LookupAddress[]): void {
    process.nextTick(() => this.#onAddresses(error, addresses));
  }

  #startLimit(onTimeout: (error: Error) => void): NodeJS.Timeout {
    const { connectTimeoutMs } = this.#options;
    const message = `no connection to ${this.#target.host} within ${connectTimeoutMs / 1_000} s`;
    const leftMs = connectTimeoutMs - (performance.now() - this.#startedAt);
    return setTimeout(() => onTimeout(new ConnectTimeoutError(message)), leftMs);
  }

  #onAddresses(error: Error | undefined, addresses: LookupAddress[]): void {
    if (this.#isOver) {
      return;
    }
    if (error !== undefined) {
      this.#fail(error);
      return;
    }
    this.#addresses = addresses.slice(0, MAX_ADDRESSES);
    this.#tryNext();
  }

  #tryNext(): void {
    clearTimeout(this.#timer);
    const address = this.#addresses[this.#next];
    if (address === undefined) {
      this.#failIfAllHaveFailed();
      return;
    }
    if (!this.#hasPlace && !this.#options.sockets.tryTake()) {
      this.#timer = setTimeout(() => this.#tryNext(), ATTEMPT_DELAY_MS);
      return;
    }
    this.#hasPlace = false;
    this.#next += 1;
    this.#try(address);
    if (this.#next < this.#addresses.length) {
      this.#timer = setTimeout(() => this.#tryNext(), ATTEMPT_DELAY_MS);
    }
  }

  #try({ address }: LookupAddress): void {
    const { port, createSocket } = this.#target;
    const socket = createSocket === undefined ? new Socket() : createSocket();
    this.#attempts.add(socket);
    socket.once('close', () => this.#options.sockets.release());
    socket.on('error', (error) => this.#onAttemptFailed(socket, error));
    socket.once('connect', () => {
      this.#attempts.delete(socket);
      this.#end();
      socket.setNoDelay(true);
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      this.#listener.onConnected(socket);
    });
    socket.connect({ host: address, port });
  }

  #onAttemptFailed(socket: Socket, error: Error & { code?: string }): void {
    this.#attempts.delete(socket);
    if (this.#isOver) {
      return;
    }
    if (NO_DESCRIPTOR.has(error.code ?? '')) {
      this.#options.sockets.exhausted();
      this.#shortage = error;
      this.#next -= 1;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#tryNext(), RETRY_MS);
      return;
    }
    this.#errors.push(error);
    this.#tryNext();
  }

  #failIfAllHaveFailed(): void {
    const error = tellingError(this.#errors);
    if (this.#attempts.size === 0 && error !== undefined) {
      this.#fail(error);
    }
  }

  #fail(error: Error): void {
    if (!this.#isOver) {
      this.#end();
      this.#listener.onFailed(error);
    }
  }

  #end(): void {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    clearTimeout(this.#limit);
    clearTimeout(this.#timer);
    this.#withdraw();
    if (this.#hasPlace) {
      this.#hasPlace = false;
      this.#options.sockets.release();
    }
    for (const socket of this.#attempts) {
      socket.destroy();
    }
    this.#attempts.clear();
  }
}
