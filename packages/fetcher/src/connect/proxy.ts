import { BlockList, isIP } from 'node:net';
import type { NetworkPolicy } from '@fetchfleet/crawl';

/** A proxy that requests may go through. */
export interface Proxy {
  /** Scheme, host and port: `http://proxy.example:3128`. */
  readonly origin: string;
  /** The value of `proxy-authorization`: never log it. @default none is sent */
  readonly authorization?: string;
  /** Whether its address may be any, because the operator has named it. */
  readonly isTrusted: boolean;
}

/** Which requests go through which proxies; several are taken in turn. */
export interface ProxyRoutes {
  /** For http URLs. */
  readonly http: readonly Proxy[];
  /** For https URLs. */
  readonly https: readonly Proxy[];
  /** Hosts that are reached directly, written as in NO_PROXY. */
  readonly bypass: readonly string[];
}

/** How certificates of origins are checked. */
export interface Trust {
  /** Certificates (PEM) of authorities that are trusted besides those that Node knows. */
  readonly ca?: string;
  /** Accepts any certificate. */
  readonly insecure?: boolean;
}

/** How the fetches of a crawl connect. */
export interface FetchNetwork extends NetworkPolicy {
  /** @default those of the process */
  readonly routes?: ProxyRoutes | undefined;
  /** @default the authorities that Node knows */
  readonly trust?: Trust | undefined;
}

/** Host and port as messages show them: a URL with credentials never stands in one. */
export function shownProxy({ origin }: Pick<Proxy, 'origin'>): string {
  const { host, hostname, protocol } = new URL(origin);
  return host === hostname ? `${host}:${protocol === 'https:' ? 443 : 80}` : host;
}

/** The proxies for a URL, none if it is reached directly. */
export function proxiesFor(url: URL, routes: ProxyRoutes): readonly Proxy[] {
  const proxies = url.protocol === 'https:' ? routes.https : routes.http;
  return routes.bypass.some((entry) => isBypassed(url, entry)) ? [] : proxies;
}

/**
 * Whether an entry of NO_PROXY covers a URL, as curl and Go read it: `*`; a host with everything
 * below it, with or without a dot in front; an address or a range of addresses; each of them with
 * a port or without.
 */
function isBypassed(url: URL, entry: string): boolean {
  if (entry === '*') {
    return true;
  }
  const host = bare(url.hostname);
  if (entry.includes('/')) {
    return isInRange(host, entry);
  }
  const [, name = entry, port] = /^(.*[^:]):(\d+)$/.exec(entry) ?? [];
  const isIPv6 = isIP(entry) === 6;
  const ownPort = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  if (!isIPv6 && port !== undefined && port !== ownPort) {
    return false;
  }
  const wanted = bare((isIPv6 ? entry : name).toLowerCase().replace(/^\*?\./, ''));
  return host === wanted || (isIP(host) === 0 && host.endsWith(`.${wanted}`));
}

function isInRange(host: string, range: string): boolean {
  const family = isIP(host);
  const [network = '', bits = ''] = range.split('/');
  if (family === 0 || isIP(network) !== family || !/^\d{1,3}$/.test(bits)) {
    return false;
  }
  const type = family === 6 ? 'ipv6' : 'ipv4';
  if (Number(bits) > (family === 6 ? 128 : 32)) {
    return false;
  }
  const list = new BlockList();
  list.addSubnet(network, Number(bits), type);
  return list.check(host, type);
}

function bare(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}
