import { readFile } from 'node:fs/promises';
import { closeAfterEach, startOrigin, startRedis, temporaryFolder } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { connectRedis } from '@fetchfleet/fleet';
import { crawlFile, expectComplete, startFleet } from './fleet-fixture.ts';

closeAfterEach();

const PAGE = new URL('../../../../docs/operations.md', import.meta.url);

describe('a user of Redis with the rules of docs/operations.md', () => {
  it('is permitted all that a fleet does', async () => {
    const page = await readFile(PAGE, 'utf8');
    const [, rules = ''] = /ACL SETUSER fleet on '>PASSWORD' ([^`]+?)\n```/.exec(page) ?? [];
    const server = await startRedis();
    const admin = await connectRedis(server.url);
    const origin = await startOrigin();
    const { path: results } = await temporaryFolder();
    const url = `redis://fleet:PASSWORD@127.0.0.1:${server.port}`;
    await admin.call('ACL', 'SETUSER', 'fleet', 'on', '>PASSWORD', ...wordsOf(rules, '*'));
    const fleet = await startFleet(url, results);
    const own = wordsOf(rules, fleet.name);
    await admin.call('ACL', 'SETUSER', 'fleet', 'reset', 'on', '>PASSWORD', ...own);
    const total = await fleet.enqueue('acl', crawlFile(`${origin.url}/echo/{n}`, 120));
    await fleet.worker();
    await expectComplete({ fleet, results }, 'acl', total);
    await fleet.ledger.cancel('acl');
    expect(await admin.call('ACL', 'LOG')).toEqual([]);
    await fleet.stop();
    admin.disconnect();
    await server.dispose();
  });
});

/** The rules as a shell reads them, for a fleet of this name. */
function wordsOf(rules: string, fleet: string): string[] {
  const words = rules.replaceAll(/\\\n/g, ' ').trim().split(/\s+/);
  return words.map((word) => word.replaceAll("'", '').replace('fetchfleet', fleet));
}
