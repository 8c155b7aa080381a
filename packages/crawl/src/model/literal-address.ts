import { isIP } from 'node:net';
import { classifyAddress, isAddressAllowed } from './address.ts';
import type { NetworkPolicy } from './plan.ts';
import { redactUrl } from './url.ts';

/**
 * What keeps a URL from being fetched, as far as the text alone tells: it does not parse, is neither http
 * nor https, holds credentials (they would end up in records), or names an address that the policy refuses.
 */
export function problemOfUrl(text: string, network: NetworkPolicy): string | undefined {
  const url = URL.parse(text);
  const shown = JSON.stringify(redactUrl(text).slice(0, 200));
  if (url === null) {
    return `${shown} is no URL`;
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return `${shown} is neither http nor https`;
  }
  if (url.username !== '' || url.password !== '') {
    return `${shown} has credentials in it; put them into a header as \${env:NAME}`;
  }
  return problemOfHost(url.hostname, network);
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
  const opens =
    kind === 'private' || kind === 'loopback' ? 'network.allowPrivate: true' : 'network.allow';
  return `${hostname} is a ${kind} address, which is refused unless ${opens} opens it`;
}

/** The addresses a host name stands for without any look-up. */
function literalAddresses(hostname: string): string[] {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  if (isIP(bare) !== 0) {
    return [bare];
  }
  // RFC 6761: localhost and everything below it is this machine.
  return bare === 'localhost' || bare.endsWith('.localhost') ? ['127.0.0.1', '::1'] : [];
}
