import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { Program } from '../../src/commands/program.ts';

const ENV = {
  PATH: process.env['PATH'],
  REDIS_URL: 'redis://fleet',
  FETCHFLEET_FLEET: 'one',
  FETCHFLEET_SECRET_A: 'secret',
  FETCHFLEET_WEB_TOKEN: 'token',
  API_TOKEN: 'secret',
  AWS_ACCESS_KEY_ID: 'key',
  PGPASSWORD: 'password',
  FETCHFLEET_RESULTS: 'postgres://ann:secret@db/crawls',
};

describe('the program', () => {
  it('gets no secrets, unless it may read results or send them, and never the token', async () => {
    const folder = await temporaryFolder('program');
    const path = join(folder.path, 'program.mjs');
    await writeFile(path, 'console.log(JSON.stringify([process.argv.slice(2), process.env]))');
    const program = new Program({ path, env: ENV });
    const run = async (surroundings: 'fleet' | 'results' | 'everything') => {
      const signal = AbortSignal.timeout(60_000);
      const options = { cwd: folder.path, signal, surroundings };
      const { stdout, exitCode } = await program.run(['a b', '$(id)', '--'], options);
      expect(exitCode).toBe(0);
      return JSON.parse(stdout) as [string[], Record<string, string>];
    };
    const [args, env] = await run('fleet');
    expect(args).toEqual(['a b', '$(id)', '--']);
    const ofFleet = ['FETCHFLEET_FLEET', 'FETCHFLEET_RESULTS', 'PATH', 'REDIS_URL'];
    expect(Object.keys(env).toSorted()).toEqual(ofFleet);
    expect(env['FETCHFLEET_RESULTS']).toBe('postgres://ann@db/crawls');
    const [, withResults] = await run('results');
    const ofResults = ['AWS_ACCESS_KEY_ID', 'PGPASSWORD'];
    expect(Object.keys(withResults).toSorted()).toEqual([...ofFleet, ...ofResults].toSorted());
    expect(withResults['FETCHFLEET_RESULTS']).toBe(ENV.FETCHFLEET_RESULTS);
    const [, all] = await run('everything');
    expect(all).toMatchObject({ API_TOKEN: 'secret', FETCHFLEET_SECRET_A: 'secret' });
    expect(all).not.toHaveProperty('FETCHFLEET_WEB_TOKEN');
    await folder.remove();
  });
});
