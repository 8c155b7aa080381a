import type { LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { classifyAddress, isAddressAllowed, type NetworkPolicy } from '@fetchfleet/crawl';
import { AddressRefusedError } from './errors.ts';

const CLOSED: NetworkPolicy = { allowPrivate: false, allow: [] };

/** The policy of a crawl if this process allows private addresses, else the closed one. */
export function effectivePolicy(policy: NetworkPolicy, allowPrivate: boolean): NetworkPolicy {
  return allowPrivate ? policy : CLOSED;
}

/**
 * The error for a host that is a refused address. Undefined for an allowed address, and for a name:
 * that one is checked by `filterLookup`.
 */
export function refuseAddress(
  host: string,
  policy: NetworkPolicy,
): AddressRefusedError | undefined {
  const address = host.startsWith('[') ? host.slice(1, -1) : host;
  if (isIP(address) === 0 || isAddressAllowed(address, policy)) {
    return undefined;
  }
  return refused(host, [address]);
}

/**
 * The same for a host that is not looked up here, because a proxy does it: names that always mean
 * this machine are refused as its address is.
 */
export function refuseHost(host: string, policy: NetworkPolicy): AddressRefusedError | undefined {
  const name = host.replace(/\.$/, '');
  const isOwn = name === 'localhost' || name.endsWith('.localhost');
  const refusals = (isOwn ? ['127.0.0.1', '::1'] : [name]).map((one) => refuseAddress(one, policy));
  return refusals.includes(undefined) ? undefined : refusals[0];
}

/**
 * Wraps a resolver so that it returns allowed addresses only. The socket connects to exactly these,
 * so a name that resolves differently the second time (DNS rebinding) reaches nothing else.
 */
export function filterLookup(lookup: LookupFunction, policy: NetworkPolicy): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found, family) => {
      if (error) {
        callback(error, []);
        return;
      }
      const addresses = toAddresses(found, family);
      const allowed = addresses.filter(({ address }) => isAddressAllowed(address, policy));
      const [first] = allowed;
      if (first === undefined) {
        callback(refusalOf(hostname, addresses), []);
      } else if (options.all === true) {
        callback(null, allowed);
      } else {
        callback(null, first.address, first.family);
      }
    });
  };
}

function toAddresses(found: string | LookupAddress[], family: number | undefined): LookupAddress[] {
  if (typeof found !== 'string') {
    return found;
  }
  return [{ address: found, family: family ?? isIP(found) }];
}

function refusalOf(hostname: string, addresses: readonly LookupAddress[]): Error {
  if (addresses.length === 0) {
    return Object.assign(new Error(`${hostname} has no address`), { code: 'ENOTFOUND' });
  }
  return refused(
    hostname,
    addresses.map(({ address }) => address),
  );
}

function refused(host: string, addresses: readonly string[]): AddressRefusedError {
  const [address = host] = addresses;
  const kind = classifyAddress(address);
  const what = host === address || host === `[${address}]` ? host : `${host} (${address})`;
  const remedy =
    kind === 'link-local' || kind === 'reserved'
      ? 'list it under network.allow in the crawl file'
      : 'set network.allowPrivate in the crawl file, or list it under network.allow';
  return new AddressRefusedError(
    `${what} is a ${kind} address, which is refused; to reach it, ${remedy}, ` +
      'and start workers with --allow-private (FETCHFLEET_ALLOW_PRIVATE=true), for a list also the ' +
      'command that reads it',
  );
}
