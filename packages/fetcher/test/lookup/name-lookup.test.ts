import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LookupAddress } from 'node:dns';
import { describe, expect, it } from '@jest/globals';
import { eventually, installLeakGuard, temporaryFolder } from '@fetchfleet/testing';
import { parseHosts } from '../../src/lookup/hosts-file.ts';
import { NameLookup, type NameLookupOptions } from '../../src/lookup/name-lookup.ts';
import { NO_SEARCH } from '../../src/lookup/resolv-conf.ts';
import { ResolverFiles } from '../../src/lookup/resolver-files.ts';
import { closeDnsAfterEachTest, type DnsServer, startDns, type Zone } from './dns-server.ts';

closeDnsAfterEachTest();
installLeakGuard();

async function setUp(zone: Zone, options: NameLookupOptions = {}) {
  const server = await startDns(zone);
  const results: string[] = [];
  const names = new NameLookup({
    files: filesWith(server),
    onResult: (result) => results.push(result),
    ...options,
  });
  return { names, results, questions: server.questions };
}

function filesWith({ resolver }: DnsServer): NonNullable<NameLookupOptions['files']> {
  const sources = { hosts: parseHosts('127.0.0.9 listed.test'), rules: NO_SEARCH, dns: resolver };
  return { read: async () => Promise.resolve(sources), stop: () => resolver.cancel() };
}

async function look(names: NameLookup, name: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    names.lookup(name, { all: true }, (error, found) => {
      if (error) {
        reject(error);
      } else {
        const all: LookupAddress[] = Array.isArray(found) ? found : [];
        resolve(all.map(({ address }) => address));
      }
    });
  });
}

function namesOf(kind: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${kind}-${index}.test`);
}

describe('a lookup of names', () => {
  it('finds 200 names while 200 others wait for silent name servers', async () => {
    const [live, dead] = [namesOf('live', 200), namesOf('dead', 200)];
    const zone = {
      ...Object.fromEntries(live.map((name) => [name, ['127.0.0.1']])),
      ...Object.fromEntries(dead.map((name) => [name, 'silent' as const])),
    };
    const { names } = await setUp(zone, { timeoutMs: 60_000 });
    const waiting = Promise.allSettled(dead.map(async (name) => look(names, name)));
    const found = await Promise.all(live.map(async (name) => look(names, name)));
    expect(found.every(([address]) => address === '127.0.0.1')).toBe(true);
    expect(names.running).toBe(200);
    names.stop();
    const ended = await waiting;
    expect(ended.every(({ status }) => status === 'rejected')).toBe(true);
  });

  it('gives a name up after its time', async () => {
    const { names, results } = await setUp({ 'dead.test': 'silent' }, { timeoutMs: 100 });
    await expect(look(names, 'dead.test')).rejects.toMatchObject({
      code: 'EAI_AGAIN',
      message: 'dead.test cannot be resolved: no answer within 0.1 s',
    });
    expect([names.running, results]).toEqual([0, ['failed']]);
  });

  it('gives up the name that has waited longest when too many wait', async () => {
    const zone = { 'a.test': 'silent', 'b.test': 'silent', 'live.test': ['127.0.0.1'] } as const;
    const { names } = await setUp(zone, { maxAtOnce: 2 });
    const [a, b] = [look(names, 'a.test'), look(names, 'b.test')];
    const live = look(names, 'live.test');
    await expect(a).rejects.toMatchObject({ code: 'EAI_AGAIN' });
    await expect(live).resolves.toEqual(['127.0.0.1']);
    expect(names.running).toBe(1);
    names.stop();
    await expect(b).rejects.toMatchObject({ code: 'EAI_AGAIN' });
  });

  it('asks once for a name that many fetches need, and remembers it', async () => {
    let now = 0;
    const zone = { 'a.test': ['127.0.0.1'] };
    const { names, questions, results } = await setUp(zone, { now: () => now });
    await Promise.all(Array.from({ length: 50 }, async () => look(names, 'a.test')));
    await look(names, 'A.TEST');
    expect([...questions].toSorted()).toEqual(['a.test A', 'a.test AAAA']);
    expect(results).toEqual(['found', 'cached']);
    // Its lifetime in DNS.
    now += 30_001;
    await look(names, 'a.test');
    expect(questions).toHaveLength(4);
  });

  it('asks again a second after a name was missing', async () => {
    let now = 0;
    const zone: Record<string, string[]> = {};
    const { names, results } = await setUp(zone, { now: () => now });
    await expect(look(names, 'a.test')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    zone['a.test'] = ['127.0.0.1'];
    await expect(look(names, 'a.test')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    now += 1_001;
    await expect(look(names, 'a.test')).resolves.toEqual(['127.0.0.1']);
    expect(results).toEqual(['not-found', 'cached', 'found']);
  });

  it('takes a name from the file of hosts', async () => {
    const { names, results } = await setUp({});
    await expect(look(names, 'listed.test')).resolves.toEqual(['127.0.0.9']);
    expect(results).toEqual(['hosts-file']);
  });
});

describe('the files of the system', () => {
  it('are read again when they change, appear or vanish', async () => {
    const folder = await temporaryFolder();
    const [hostsFile, resolvConf] = [join(folder.path, 'hosts'), join(folder.path, 'resolv.conf')];
    const files = new ResolverFiles({ hostsFile, resolvConf });
    const first = await files.read();
    expect([first.hosts.size, first.rules]).toEqual([0, NO_SEARCH]);
    await writeFile(hostsFile, '10.0.0.1 a.test');
    await writeFile(resolvConf, 'search b.test');
    await eventually(async () => {
      const { hosts, rules, dns } = await files.read();
      expect(hosts.get('a.test')).toEqual([{ address: '10.0.0.1', family: 4 }]);
      expect(rules.search).toEqual(['b.test']);
      expect(dns).not.toBe(first.dns);
    });
    await folder.remove();
    await eventually(async () => expect((await files.read()).hosts.size).toBe(0));
  });
});
