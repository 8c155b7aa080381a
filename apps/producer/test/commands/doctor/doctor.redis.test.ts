import { chmod, mkdir } from 'node:fs/promises';
import { connectRedis, fleetKeys, Workers } from '@fetchfleet/fleet';
import { closeAfterEach, type PrivateRedis, startRedis } from '@fetchfleet/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { Project } from '../../cli-fixture.ts';

closeAfterEach();

interface Found {
  readonly section: string;
  readonly check: string;
  readonly verdict: string;
  readonly text: string;
}

/** A user who may do what docs/operations.md says, and what a test adds. */
const FLEET_USER =
  'on >pw ~{fetchfleet}:* ~fetchfleet:* &{fetchfleet}:* +@read +@write +@pubsub +@scripting ' +
  '+@connection +@transaction -@dangerous +info +time';

describe('doctor', () => {
  let server: PrivateRedis;
  let redis: Redis;
  let project: Project;
  beforeAll(async () => {
    server = await startRedis({ appendonly: true });
    redis = await connectRedis(server.url);
    await redis.config('SET', 'maxmemory', '1gb');
    project = await Project.create(server.url);
  });
  afterAll(async () => {
    redis.disconnect();
    await server.dispose();
    await project.folder.remove();
  });

  /** What is found, by section and check. The name servers of this machine are what they are. */
  async function examine(env: Record<string, string | undefined> = {}, ...args: string[]) {
    const { code, stdout } = await project.call(['doctor', '--json', ...args], {
      FETCHFLEET_FLEET: 'fetchfleet',
      ...env,
    });
    const { findings }: { findings: Found[] } = JSON.parse(stdout);
    const of = (section: string, check: string): string =>
      findings
        .filter((one) => one.section === section && one.check === check)
        .map(({ verdict, text }) => `${verdict}: ${text}`)
        .join('\n');
    return { code, findings, of };
  }

  async function asUser(rules: string): Promise<string> {
    await redis.call('ACL', 'SETUSER', 'fleet', 'reset', ...rules.split(' '));
    return `redis://fleet:pw@127.0.0.1:${server.port}`;
  }

  it('finds nothing to do where there is nothing', async () => {
    const { findings, of } = await examine({ REDIS_URL: await asUser(FLEET_USER) });
    const bad = findings.filter(
      ({ verdict, section }) => verdict !== 'ok' && section !== 'network',
    );
    expect(bad).toEqual([]);
    expect(of('redis', 'server')).toMatch(/^ok: version \d+\.\d+\.\d+, standalone, no replica$/u);
    expect(of('redis', 'persistence')).toBe('ok: append-only file');
    expect(of('redis', 'permissions')).toBe('ok: all commands, keys and channels');
    expect(of('fleet', 'clock')).toMatch(/^ok: within /u);
    expect(of('results', 'writing')).toMatch(/no such folder yet/u);
    expect(new Set(findings.map(({ section }) => section))).toEqual(
      new Set(['redis', 'fleet', 'results', 'machine', 'network']),
    );
  });

  it('works for a user without INFO, and says what it then cannot see', async () => {
    const REDIS_URL = await asUser(`${FLEET_USER} -info`);
    const { code, findings, of } = await examine({ REDIS_URL });
    const seen = findings.filter(({ section }) => section === 'redis');
    expect(seen.map(({ check, verdict }) => `${check} ${verdict}`)).toEqual([
      'connection ok',
      'server ok',
      'info warning',
      'permissions ok',
      expect.stringContaining('latency '),
    ]);
    expect(of('redis', 'info')).toMatch(/may not run INFO, so .*: ACL SETUSER NAME \+info$/u);
    expect(of('redis', 'server')).toMatch(/^ok: version \d+\.\d+\.\d+, standalone$/u);
    expect(code).toBe(0);
  });

  it.each([
    ['-zadd', 'this user may not run ZADD:'],
    ['-@pubsub', 'reach &{fetchfleet}:*'],
    ['resetkeys ~{fetchfleet}:*', 'reach ~fetchfleet:*'],
    ['resetkeys ~fetchfleet:*', 'reach ~{fetchfleet}:*'],
    ['-@write', /run BITFIELD.*and \d+ more:/u],
    ['-@scripting', 'does not permit what a fleet needs'],
  ])('names what a user lacks: %s', async (rules, what) => {
    const url = await asUser(`${FLEET_USER} ${rules}`);
    const { code, of } = await examine({ REDIS_URL: url });
    expect(of('redis', 'permissions')).toMatch(/^problem: /u);
    expect(of('redis', 'permissions')).toMatch(what);
    expect(code).toBe(1);
  });

  it('says what may lose data, and what is full', async () => {
    await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await redis.config('SET', 'appendonly', 'no');
    const lossy = await examine();
    expect(lossy.of('redis', 'policy')).toMatch(/^warning: .*allkeys-lru.*noeviction$/u);
    expect(lossy.of('redis', 'persistence')).toMatch(/^warning: .*set appendonly to yes$/u);
    await redis.config('SET', 'maxmemory-policy', 'noeviction');
    await redis.config('SET', 'maxmemory', '1mb');
    const full = await examine();
    expect(full.of('redis', 'memory')).toMatch(/^problem: Redis has used \d+% of its .*: prune/u);
    expect(full.of('redis', 'permissions')).toMatch(/^ok/u); // what is queued is worked off
    expect(full.code).toBe(1);
    await redis.config('SET', 'maxmemory', '0');
    expect((await examine()).of('redis', 'memory')).toMatch(/^warning: .*set maxmemory to/u);
    await redis.config('SET', 'maxmemory', '1gb');
    await redis.config('SET', 'appendonly', 'yes');
  });

  it('tells a replica from its master', async () => {
    await redis.call('REPLICAOF', '127.0.0.1', '1');
    const { of } = await examine();
    expect(of('redis', 'server')).toMatch(/^problem: .*replica.*master, 127\.0\.0\.1:1$/u);
    await redis.call('REPLICAOF', 'NO', 'ONE');
  });

  it('shows what needs no Redis where it refuses', async () => {
    const refused = await examine({ REDIS_URL: `redis://fleet:sesame@127.0.0.1:${server.port}` });
    expect(refused.code).toBe(3);
    expect(refused.of('redis', 'connection')).toMatch(/refuses the user or the password/u);
    expect(refused.of('machine', 'open files')).not.toBe('');
    expect(refused.of('fleet', 'clock')).toBe('');
    expect(JSON.stringify(refused.findings)).not.toContain('sesame');
    const wrong = await examine({ REDIS_URL: 'http://x' });
    expect([wrong.code, wrong.of('redis', 'connection')]).toEqual([
      1,
      expect.stringMatching(/is not a Redis address; allowed/u),
    ]);
  });

  it('tries the place of results, and leaves nothing there', async () => {
    const folder = project.path('readable');
    await mkdir(folder);
    const fine = await examine({ FETCHFLEET_RESULTS: folder });
    // A warning where the disk is slow.
    expect(fine.of('results', 'writing')).toMatch(/^(?!problem).* ms until a file is on disk/u);
    const file = await project.write('file', '');
    const taken = await examine({}, '--results', `${file}/results`);
    expect(taken.of('results', 'writing')).toMatch(/^problem: cannot write results to .*ENOTDIR/u);
    expect(taken.code).toBe(1);
    await chmod(folder, 0o500);
    // The user of the tests may be root, whom no permission keeps out.
    const readOnly = await examine({ FETCHFLEET_RESULTS: folder });
    expect(readOnly.of('results', 'writing')).toMatch(
      process.getuid?.() === 0 ? /^ok/u : /^problem: .*permission denied/u,
    );
    await chmod(folder, 0o700);
    const foreign = await examine({ FETCHFLEET_RESULTS: 'mysql://a' }).catch(String);
    expect(foreign).toContain('SyntaxError'); // a wrong setting is told as by every command
  });

  it('names workers that are off: their clocks, versions, ends', async () => {
    const keys = fleetKeys('fetchfleet');
    const workers = new Workers(redis, keys);
    const report = {
      host: 'a.example',
      pid: 1,
      transport: 'got',
      concurrency: 50,
      inFlight: 0,
      slices: 0,
      batches: [],
      roles: ['fetch'],
      fetchesPerSecond: 0,
      uptimeMs: 1,
    };
    await workers.heartbeat({ ...report, id: 'w-1', version: '0.0.9', state: 'idle' });
    await workers.heartbeat({
      ...report,
      id: 'w-2',
      version: '99.0.0',
      state: 'sink-failing',
      clockAheadMs: -3_600_000,
    });
    const { of } = await examine();
    expect(of('fleet', 'clock')).toMatch(/clock of a\.example is 1 h behind Redis/u);
    expect(of('fleet', 'workers')).toMatch(/ok: 2 running\nproblem: w-2 .*cannot write/u);
    expect(of('fleet', 'versions').split('\n')).toHaveLength(3);
    await workers.remove('w-1');
    await workers.remove('w-2');
  });

  it('is readable on a terminal of 80 columns', async () => {
    const { stdout } = await project.call(['doctor'], { REDIS_URL: 'http://x' }, 80);
    // oxlint-disable-next-line no-control-regex -- colours
    const lines = stdout.replaceAll(/\u001B\[\d+m/gu, '').split('\n');
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines[0]).toBe('Redis');
    expect(lines[1]).toMatch(/^ {2}problem {2}connection {4}REDIS_URL/u);
    expect(lines[2]).toMatch(/^ {25}\S/u);
  });
});
