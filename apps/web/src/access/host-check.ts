import { isIP } from 'node:net';

export interface HostCheckOptions {
  /** The address that the server listens on, as it was set. */
  readonly host: string;
  /** Further names, in lower case. */
  readonly allowed: readonly string[];
}

/**
 * Whether a request was meant for this server. A page of another site can let a name of its own
 * lead here (DNS rebinding), and its browser then takes our answers for that site's own; but it
 * cannot change the name in `Host`. Addresses cannot be rebound, but only those that the server has
 * are its names.
 */
export class HostCheck {
  readonly #host: string;
  readonly #allowed: readonly string[];

  constructor({ host, allowed }: HostCheckOptions) {
    this.#host = host.toLowerCase();
    this.#allowed = allowed;
  }

  /**
   * @param header `Host` of the request
   * @param localAddress where the connection has arrived
   */
  isOwn(header: string | undefined, localAddress: string | undefined): boolean {
    const name = hostnameOf(header ?? '');
    if (name === undefined) {
      return false;
    }
    const own = [this.#host, plainAddress(localAddress ?? '')];
    return own.includes(name) || isLoopback(name) || this.isFurther(name);
  }

  /** Whether it is one of the further names. */
  isFurther(name: string): boolean {
    return this.#allowed.includes(name);
  }
}

/** Name or address without port and brackets, in lower case; undefined if it is neither. */
export function hostnameOf(authority: string): string | undefined {
  const [, bracketed, name] =
    /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::\d{1,5})?$/iu.exec(authority) ?? [];
  return (bracketed ?? name)?.toLowerCase();
}

export function isLoopback(host: string): boolean {
  const address = plainAddress(host.toLowerCase());
  return (
    address === 'localhost' ||
    address === '::1' ||
    (isIP(address) === 4 && address.startsWith('127.'))
  );
}

/** An IPv4 address that IPv6 stands around. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/iu, '');
}
