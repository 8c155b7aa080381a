import { isUtf8 } from 'node:buffer';
import { isIP } from 'node:net';
import { classifyAddress, isAddressAllowed } from './address.ts';
import type { NetworkPolicy } from './plan.ts';

const NOT_ASCII = /[\x80-\xff]/;
const OCTETS = /[\x80-\xff]/g;
const USER_INFO = /^([a-z][a-z0-9+.-]*:\/\/)[^/?#\\]*@/i;

/** Scheme, host and port, without a default port. Throws `TypeError` if the text is not a URL. */
export function originOf(url: string): string {
  return new URL(url).origin;
}

/** Whether a text is what {@link originOf} returns of a URL that can be fetched. */
export function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  return url?.origin === text && /^https?:$/.test(url.protocol);
}

/**
 * Removes user name and password. Accepts invalid URLs as well, so it is safe in error messages.
 */
export function redactUrl(url: string): string {
  return url.includes('@') ? url.replace(USER_INFO, '$1') : url;
}

/**
 * The text of a header with URLs whose octets came as Latin-1: UTF-8 if it can be, as servers send
 * it that do not escape their paths. Other octets are escaped as they are.
 */
export function fromOctets(header: string): string {
  if (!NOT_ASCII.test(header)) {
    return header;
  }
  const octets = Buffer.from(header, 'latin1');
  return isUtf8(octets) ? octets.toString('utf8') : header.replaceAll(OCTETS, escapeOctet);
}

function escapeOctet(octet: string): string {
  return `%${octet.charCodeAt(0).toString(16).toUpperCase()}`;
}

/**
 * The reason for which a URL cannot be fetched, as far as its text shows: it is invalid, is not
 * http or https, contains credentials (which would end up in records), or names a refused address.
 */
export function problemOfUrl(text: string, network: NetworkPolicy): string | undefined {
  const url = URL.parse(text);
  const shown = JSON.stringify(redactUrl(text).slice(0, 200));
  if (url === null) {
    return `${shown} is not a valid URL`;
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return `${shown} is neither http nor https`;
  }
  if (url.username !== '' || url.password !== '') {
    return `${shown} contains credentials; put them into a header as \${env:NAME}`;
  }
  return problemOfHost(url.hostname, network);
}

/** Whether what is sent to a URL can be read on the way: http, and not on this machine. */
export function isReadableOnTheWay(text: string): boolean {
  const url = URL.parse(text);
  if (url?.protocol !== 'http:') {
    return false;
  }
  const addresses = literalAddresses(url.hostname);
  return !addresses.some((address) => classifyAddress(address) === 'loopback');
}

function problemOfHost(hostname: string, network: NetworkPolicy): string | undefined {
  const addresses = literalAddresses(hostname);
  if (addresses.length === 0) {
    return undefined;
  }
  if (addresses.some((address) => isAddressAllowed(address, network))) {
    return undefined;
  }
  const kind = classifyAddress(addresses[0] ?? '');
  const remedy =
    kind === 'private' || kind === 'loopback'
      ? 'set network.allowPrivate: true'
      : 'list it under network.allow';
  return `${hostname} is a ${kind} address, which is refused; to allow it, ${remedy}`;
}

/** The addresses of a host name that needs no look-up. */
function literalAddresses(hostname: string): string[] {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  if (isIP(bare) !== 0) {
    return [bare];
  }
  // RFC 6761: localhost and all names below it are this machine.
  return bare === 'localhost' || bare.endsWith('.localhost') ? ['127.0.0.1', '::1'] : [];
}
