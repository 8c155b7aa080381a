import { globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { closeAfterEach, repositoryRoot, startRedis } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { connectRedis, fleetKeys, lackedPermissions } from '../../src/index.ts';

closeAfterEach();

/** Commands that scripts call. Those of BullMQ are all there, also what a fleet does not use. */
function calledCommands(): string[] {
  const bullmq = dirname(createRequire(import.meta.url).resolve('bullmq'));
  const files = [
    ...globSync(join(repositoryRoot, 'packages/fleet/src/**/*.ts')),
    ...globSync(join(bullmq, 'scripts/*.js')),
  ];
  const called = files.flatMap((file) => [
    ...readFileSync(file, 'utf8').matchAll(/\b(?:redis\.p?call|rcall)\(\s*['"](\w+)/gu),
  ]);
  const names = new Set(called.map(([, name = '']) => name.toUpperCase()));
  names.delete('INFO'); // the one that a user need not have
  return [...names].toSorted();
}

describe('what a user of Redis may do', () => {
  it('names each command, key and channel that is denied', async () => {
    const server = await startRedis();
    const admin = await connectRedis(server.url);
    const keys = fleetKeys('t');
    const lackedBy = async (rules: string) => {
      await admin.call('ACL', 'SETUSER', 'u', 'reset', 'on', '>pw', ...rules.split(' '));
      const redis = await connectRedis(`redis://u:pw@127.0.0.1:${server.port}`);
      try {
        return await lackedPermissions(redis, keys);
      } finally {
        redis.disconnect();
      }
    };
    const all = '~{t}:* ~t:* &{t}:*';
    expect(await lackedBy(`${all} +@all`)).toEqual({ commands: [], patterns: [] });
    expect(await lackedBy(`~{t}:* +@all`)).toEqual({ commands: [], patterns: ['~t:*', '&{t}:*'] });
    expect(await lackedBy(`~t:* &{t}:* ~nothing +@all`)).toMatchObject({ patterns: ['~{t}:*'] });
    // Every command that a script calls is one that is asked for.
    for (const name of calledCommands()) {
      expect(await lackedBy(`${all} +@all -${name}`)).toEqual({ commands: [name], patterns: [] });
    }
    expect(calledCommands().length).toBeGreaterThan(50);
    // Nothing was written.
    expect(await admin.dbsize()).toBe(0);
    admin.disconnect();
    await server.dispose();
  });
});
