import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { NetworkPolicy } from './plan.ts';

/**
 * Who can reach an address.
 *
 * - `public`: reachable by anybody
 * - `private`: RFC 1918, unique-local, carrier-grade NAT
 * - `loopback`: this machine
 * - `link-local`: this link, and every metadata service of a cloud
 * - `reserved`: documentation, benchmarking, multicast, broadcast, "any", tunnels, and text that is
 *   not an address
 */
export type AddressClass = 'public' | 'private' | 'loopback' | 'link-local' | 'reserved';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Metadata services outside the link-local ranges; they hand out credentials too. */
const METADATA = [
  '100.100.100.200/32',
  '168.63.129.16/32',
  '192.0.0.192/32',
  'fd00:ec2::/32',
  'fd20:ce::254/128',
].map((cidr) => ipaddr.parseCIDR(cidr));

const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');
/** Deprecated IPv4-compatible form, `::a.b.c.d`. */
const V4_COMPATIBLE = ipaddr.IPv6.parseCIDR('::/96');
const NAT64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96');

const CLASSES: Readonly<Partial<Record<string, AddressClass>>> = {
  unicast: 'public',
  private: 'private',
  uniqueLocal: 'private',
  carrierGradeNat: 'private',
  loopback: 'loopback',
  linkLocal: 'link-local',
};

/** Classifies an IPv4 or IPv6 address, with or without zone id. Any other text is `reserved`. */
export function classifyAddress(ip: string): AddressClass {
  const address = parseAddress(ip);
  return address === undefined ? 'reserved' : classify(address);
}

/**
 * Whether a crawl may connect to an address: always if it is public, with `allowPrivate` if it is
 * loopback or private, and only if `allow` lists it if it is link-local or reserved.
 */
export function isAddressAllowed(ip: string, policy: NetworkPolicy): boolean {
  const address = parseAddress(ip);
  if (address === undefined) {
    return false;
  }
  const kind = classify(address);
  if (kind === 'public') {
    return true;
  }
  if (policy.allowPrivate && (kind === 'private' || kind === 'loopback')) {
    return true;
  }
  const forms = [address, embeddedIPv4(address)].filter((form) => form !== undefined);
  return policy.allow.some((cidr) => {
    if (!ipaddr.isValidCIDR(cidr)) {
      return false;
    }
    const range = ipaddr.parseCIDR(cidr);
    return forms.some((form) => matches(form, range));
  });
}

/** Whether a text is a CIDR of IPv4 (four parts) or IPv6: `169.254.169.254/32`, `fe80::/10`. */
export function isCidr(text: string): boolean {
  return isIP(text.slice(0, Math.max(0, text.indexOf('/')))) !== 0 && ipaddr.isValidCIDR(text);
}

function parseAddress(ip: string): Address | undefined {
  const bare = ip.startsWith('[') && ip.endsWith(']') ? ip.slice(1, -1) : ip;
  const [text = ''] = bare.split('%');
  // ipaddr.js also accepts `127.1` and `0x7f000001`.
  const version = isIP(text);
  if (version === 0) {
    return undefined;
  }
  if (version === 4 || !text.includes('.')) {
    return ipaddr.parse(text);
  }
  // ipaddr.js reads `::8.8.8.8` as `::ffff:8.8.8.8`; a URL normalises every form to hexadecimal.
  const { hostname } = new URL(`http://[${text}]`);
  return ipaddr.parse(hostname.slice(1, -1));
}

function classify(address: Address): AddressClass {
  if (METADATA.some((range) => matches(address, range))) {
    return 'link-local';
  }
  const embedded = embeddedIPv4(address);
  if (embedded !== undefined) {
    const kind = classify(embedded);
    // The deprecated form reaches nothing public.
    return kind === 'public' && matches(address, V4_COMPATIBLE) ? 'reserved' : kind;
  }
  const kind = CLASSES[address.range()] ?? 'reserved';
  if (kind === 'public' && isIPv6(address) && !address.match(GLOBAL_UNICAST)) {
    return 'reserved';
  }
  return kind;
}

/** The IPv4 address to which a translator, a tunnel or the kernel would send the packets. */
function embeddedIPv4(address: Address): ipaddr.IPv4 | undefined {
  if (!isIPv6(address)) {
    return undefined;
  }
  const bytes = address.toByteArray();
  const range = address.range();
  if (range === 'ipv4Mapped' || range === 'rfc6145' || address.match(NAT64)) {
    return new ipaddr.IPv4(bytes.slice(12));
  }
  if (range === '6to4') {
    return new ipaddr.IPv4(bytes.slice(2, 6));
  }
  const isOwnKind = range === 'loopback' || range === 'unspecified';
  return !isOwnKind && address.match(V4_COMPATIBLE) ? new ipaddr.IPv4(bytes.slice(12)) : undefined;
}

function matches(address: Address, [range, bits]: [Address, number]): boolean {
  return address.kind() === range.kind() && address.match(range, bits);
}

function isIPv6(address: Address): address is ipaddr.IPv6 {
  return address.kind() === 'ipv6';
}
