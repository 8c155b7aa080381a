import { describe, expect, it } from '@jest/globals';
import { classifyAddress, isAddressAllowed, isCidr } from '../../src/model/address.ts';

const CLASSES = [
  ['8.8.8.8', 'public'],
  ['1.1.1.1', 'public'],
  ['172.32.0.1', 'public'],
  ['10.0.0.1', 'private'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.168.1.1', 'private'],
  ['100.64.0.1', 'private'],
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['169.254.169.254', 'link-local'],
  ['169.254.0.1', 'link-local'],
  ['100.100.100.200', 'link-local'],
  ['168.63.129.16', 'link-local'],
  ['192.0.0.192', 'link-local'],
  ['0.0.0.0', 'reserved'],
  ['0.1.2.3', 'reserved'],
  ['255.255.255.255', 'reserved'],
  ['224.0.0.1', 'reserved'],
  ['240.0.0.1', 'reserved'],
  ['192.0.2.1', 'reserved'],
  ['198.51.100.1', 'reserved'],
  ['203.0.113.1', 'reserved'],
  ['198.18.0.1', 'reserved'],
  ['2606:4700:4700::1111', 'public'],
  ['::1', 'loopback'],
  ['0:0:0:0:0:0:0:1', 'loopback'],
  ['::', 'reserved'],
  ['fc00::1', 'private'],
  ['fd12:3456::1', 'private'],
  ['fe80::1', 'link-local'],
  ['fe80::1%eth0', 'link-local'],
  ['febf::1', 'link-local'],
  ['fd00:ec2::254', 'link-local'],
  ['fd20:ce::254', 'link-local'],
  ['fec0::1', 'reserved'],
  ['ff02::1', 'reserved'],
  ['2001:db8::1', 'reserved'],
  ['3fff::1', 'reserved'],
  ['100::1', 'reserved'],
  ['4000::1', 'reserved'],
  ['2001::1', 'reserved'],
  ['::ffff:8.8.8.8', 'public'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['::ffff:7f00:1', 'loopback'],
  ['::ffff:a9fe:a9fe', 'link-local'],
  ['::ffff:10.0.0.1', 'private'],
  ['::ffff:0:127.0.0.1', 'loopback'],
  ['::127.0.0.1', 'loopback'],
  ['::8.8.8.8', 'reserved'],
  ['64:ff9b::8.8.8.8', 'public'],
  ['64:ff9b::169.254.169.254', 'link-local'],
  ['64:ff9b::10.0.0.1', 'private'],
  ['64:ff9b:1::1', 'reserved'],
  ['2002:0808:0808::1', 'public'],
  ['2002:7f00:0001::1', 'loopback'],
  ['2002:a9fe:a9fe::', 'link-local'],
  ['[::1]', 'loopback'],
  ['127.1', 'reserved'],
  ['0x7f000001', 'reserved'],
  ['2130706433', 'reserved'],
  ['localhost', 'reserved'],
  ['', 'reserved'],
] as const;

const closed = { allowPrivate: false, allow: [] };
const open = { allowPrivate: true, allow: [] };

describe('classifyAddress', () => {
  it.each(CLASSES)('classifies %s as %s', (ip, kind) => {
    expect(classifyAddress(ip)).toBe(kind);
  });
});

describe('isAddressAllowed', () => {
  it.each(CLASSES)('allows %s (%s) only if the policy does', (ip, kind) => {
    expect(isAddressAllowed(ip, closed)).toBe(kind === 'public');
    expect(isAddressAllowed(ip, open)).toBe(
      kind === 'public' || kind === 'private' || kind === 'loopback',
    );
  });

  it.each([
    ['169.254.169.254', '169.254.169.254/32', true],
    ['169.254.169.253', '169.254.169.254/32', false],
    ['::ffff:169.254.169.254', '169.254.0.0/16', true],
    ['64:ff9b::169.254.169.254', '169.254.0.0/16', true],
    ['fe80::1%eth0', 'fe80::/10', true],
    ['10.1.2.3', '10.0.0.0/8', true],
    ['10.1.2.3', 'fe80::/10', false],
    ['192.0.2.1', '192.0.2.0/24', true],
    ['not an address', '0.0.0.0/0', false],
  ])('decides about %s with the list [%s]: %s', (ip, cidr, allowed) => {
    expect(isAddressAllowed(ip, { allowPrivate: false, allow: [cidr] })).toBe(allowed);
  });
});

describe('isCidr', () => {
  it.each([
    ['10.0.0.0/8', true],
    ['fe80::/10', true],
    ['10.0.0.0/33', false],
    ['10.0.0.1', false],
    ['10/8', false],
    ['x/8', false],
    ['/8', false],
  ])('decides about %s: %s', (text, is) => {
    expect(isCidr(text)).toBe(is);
  });
});
