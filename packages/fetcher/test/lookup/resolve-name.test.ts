import { describe, expect, it } from '@jest/globals';
import { installLeakGuard } from '@fetchfleet/testing';
import { parseHosts } from '../../src/lookup/hosts-file.ts';
import { alternate, resolveName } from '../../src/lookup/resolve-name.ts';
import { closeDnsAfterEachTest, startDns, type Zone } from './dns-server.ts';

closeDnsAfterEachTest();
installLeakGuard();

const ZONE: Zone = {
  'both.test': ['127.0.0.1', '127.0.0.2', '::1'],
  'four.test': ['127.0.0.1'],
  'six.test': ['::1'],
  'none.test': [],
  'broken.test': 'broken',
  'broken.test.corp.test': ['127.0.0.9'],
  'wiki.corp.test': ['127.0.0.3'],
};
const SEARCH = { search: ['corp.test'], ndots: 1 };

async function resolve(name: string, hosts = ''): Promise<unknown> {
  const { resolver, questions } = await startDns(ZONE, ['four.test']);
  const sources = { hosts: parseHosts(hosts), rules: SEARCH, dns: resolver };
  const { found } = await resolveName(name, sources);
  const addresses = found instanceof Error ? found.code : found.map(({ address }) => address);
  return { addresses, isAsked: questions.length > 0 };
}

describe('resolveName', () => {
  it.each([
    ['alternates the families, IPv6 first', 'both.test', ['::1', '127.0.0.1', '127.0.0.2']],
    ['does not wait for IPv6 that is never answered', 'four.test', ['127.0.0.1']],
    ['finds a name that has IPv6 only', 'six.test', ['::1']],
    ['finds a short name in the search domains', 'wiki', ['127.0.0.3']],
    ['says that a name does not exist', 'nosuch.test', 'ENOTFOUND'],
    ['says that a name has no address', 'none.test', 'ENOTFOUND'],
    ['says that DNS has failed, and asks for no other name', 'broken.test', 'EAI_AGAIN'],
    ['takes a name that ends with a dot as it is', 'wiki.', 'ENOTFOUND'],
    ['says that no name can be so long', `${'a'.repeat(70)}.test`, 'ENOTFOUND'],
  ])('%s', async (_what, name, addresses) => {
    await expect(resolve(name)).resolves.toMatchObject({ addresses });
  });

  it.each([
    ['a name in the file', 'both.test', ['10.0.0.7']],
    ['such a name that ends with a dot', 'both.test.', ['10.0.0.7']],
    ['localhost', 'localhost', ['::1', '127.0.0.1']],
    ['a name below localhost', 'a.localhost', ['::1', '127.0.0.1']],
  ])('does not ask DNS for %s', async (_what, name, addresses) => {
    const found = await resolve(name, '10.0.0.7 both.test');
    expect(found).toEqual({ addresses, isAsked: false });
  });
});

describe('alternate', () => {
  it('keeps the order within a family', () => {
    const four = ['1', '2', '3'].map((address) => ({ address, family: 4 }));
    const six = { address: 'a', family: 6 };
    expect(alternate([...four, six]).map(({ address }) => address)).toEqual(['a', '1', '2', '3']);
  });
});
