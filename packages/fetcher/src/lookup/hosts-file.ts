import { isIP } from 'node:net';
import type { LookupAddress } from 'node:dns';

/** The addresses of the names in `/etc/hosts`, by lower-case name. */
export type Hosts = ReadonlyMap<string, readonly LookupAddress[]>;

/** Reads the text of `/etc/hosts`. Lines that are not of its form are skipped, as by the system. */
export function parseHosts(text: string): Hosts {
  const hosts = new Map<string, LookupAddress[]>();
  for (const line of text.split(/\r?\n/)) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const family = isIP(address);
    if (family === 0) {
      continue;
    }
    for (const name of names) {
      const key = name.toLowerCase();
      const addresses = hosts.get(key) ?? [];
      if (addresses.every((known) => known.address !== address)) {
        addresses.push({ address, family });
      }
      hosts.set(key, addresses);
    }
  }
  return hosts;
}
