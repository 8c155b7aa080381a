import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Politeness } from '@fetchfleet/crawl';
import {
  connectRedis,
  fleetKeys,
  EMPTY_REPORT,
  Gate,
  type GateAnswer,
  type OriginReport,
  Origins,
} from '@fetchfleet/fleet';
import { installLeakGuard, redisUrl } from '@fetchfleet/testing';
import type { Redis } from 'ioredis';
import { type Ended, Project } from '../../cli-fixture.ts';

const ORIGIN = 'https://api.example';

let project: Project;
let redis: Redis;
let origins: Origins;

beforeEach(async () => {
  project = await Project.create(redisUrl());
  redis = await connectRedis(redisUrl());
  origins = new Origins(redis, fleetKeys(project.env['FETCHFLEET_FLEET']));
});

afterEach(async () => {
  const keys = await redis.keys(`*${project.env['FETCHFLEET_FLEET'] ?? ''}*`);
  if (keys.length > 0) {
    await redis.del(...keys);
  }
  redis.disconnect();
  await project.remove();
});

installLeakGuard();

const politeness: Politeness = {
  rate: 'unlimited',
  burst: 1,
  concurrency: 4,
  robots: 'ignore',
  patienceMs: 1_000,
};

function worker(): Gate {
  return new Gate({ redis, keys: fleetKeys(project.env['FETCHFLEET_FLEET']), worker: 'w-1' });
}

/** One exchange of a worker. */
async function ask(
  gate: Gate,
  call: { inFlight: number; want: number; report?: Partial<OriginReport> },
): Promise<GateAnswer> {
  const report = { ...EMPTY_REPORT, ...call.report };
  const batches = [{ batch: 'b', politeness }];
  return gate.exchange(ORIGIN, {
    ...call,
    report,
    batches,
    horizonMs: 50,
    leadMs: 0,
    waiting: 0,
    arrivals: [],
  });
}

/** Puts the origin into the state after refusals without and with Retry-After. */
async function refused(): Promise<void> {
  const gate = worker();
  const refusal = { ended: 31, durationMs: 620, ok: 30, refused: 1 };
  await ask(gate, { inFlight: 2, want: 0, report: refusal });
  const report = { ...refusal, blockMs: 3_600_000, blockReason: '429' };
  await ask(gate, { inFlight: 2, want: 0, report });
  await gate.defer(ORIGIN, { slice: 'b.0', count: 50, ticket: 0 });
  await origins.markActive([ORIGIN]);
}

/** Runs them at the same time: each takes as long as Node takes to start. */
async function runAll(commands: readonly (readonly string[])[]): Promise<Ended[]> {
  return Promise.all(commands.map(async (args) => project.run(args)));
}

describe('fetchfleet origins', () => {
  it('prints what the gate knows, as a table and as JSON', async () => {
    await refused();
    const [table, json] = await runAll([['origins'], ['origins', '--json']]);
    expect(table).toMatchObject({ code: 0, stderr: '' });
    expect(table?.stdout).toMatch(
      /^https:\/\/api\.example +\S+ learned +2 of 4 +50 +blocked, next try in (1 h|59 min \d+ s): 429$/mu,
    );
    expect(table?.stdout).not.toContain('\u001B');
    expect(json?.code).toBe(0);
    expect(JSON.parse(json?.stdout ?? '')).toMatchObject({
      origins: [
        {
          origin: ORIGIN,
          inUse: 2,
          workers: 1,
          waiting: 50,
          blockedFor: '429',
          breaker: 'closed',
          openUntil: null,
          concurrency: { limit: 4, source: 'crawl file' },
        },
      ],
    });
  });

  it('says that all origins are free where the gate knows none', async () => {
    const [table, json] = await runAll([['origins'], ['origins', '--json']]);
    expect(table).toMatchObject({ code: 0, stdout: '' });
    expect(table?.stderr).toMatch(/all origins are free/iu);
    expect(json).toMatchObject({ code: 0, stdout: '{"origins":[]}\n' });
  });

  it('repeats the table with --watch until it is interrupted', async () => {
    await origins.set(ORIGIN, { rate: { count: 5, perMs: 1_000 } });
    const watching = await project.start(['origins', '--watch']);
    await watching.waitForLine(/^1 origin: 0 in flight, 0 waiting$/u);
    await watching.waitForLine(/5\/s set/u);
    await refused();
    await watching.waitForLine(/blocked, .*: 429$/u);
    expect(await watching.kill('SIGINT')).toMatchObject({ code: 130 });
    expect(watching.stderr).toBe('');
  });
});

describe('fetchfleet origins ORIGIN', () => {
  it('shows one origin with what has happened there, as text and as JSON', async () => {
    await refused();
    await origins.set(ORIGIN, { rate: { count: 5, perMs: 1_000 } });
    const [text, json] = await runAll([
      ['origins', `${ORIGIN}/`],
      ['origins', ORIGIN, '--json'],
    ]);
    expect(text).toMatchObject({ code: 0, stderr: '' });
    expect(text?.stdout.split('\n')).toEqual([
      `origin      ${ORIGIN}`,
      expect.stringMatching(/^state {7}blocked, next try in (?:1 h|59 min \d+ s): 429$/u),
      expect.stringMatching(/^limits {6}at most 5\/s, 4 in flight \(crawl file\)$/u),
      expect.stringMatching(/^learned {5}\d+(?:\.\d+)?\/s$/u),
      'in flight   2',
      'waiting     50',
      'takes       20 ms',
      'robots.txt  not read',
      'batches     b',
      '',
      expect.stringMatching(/^when +what/u),
      expect.stringMatching(/^[\d:]+Z +limits set: rate 5\/s$/u),
      expect.stringMatching(/^[\d:]+Z +blocked: 429; until [\d: -]+Z$/u),
      expect.stringMatching(/^[\d:]+Z +slowed down to [\d.]+\/s: it refused more$/u),
      '',
    ]);
    expect(json?.code).toBe(0);
    expect(JSON.parse(json?.stdout ?? '')).toMatchObject({
      origin: { origin: ORIGIN, blockedFor: '429' },
      events: [{ event: 'set' }, { event: 'blocked', times: 1 }, { event: 'slowed' }],
      learnedRates: { everyMs: 60_000 },
      batches: ['b'],
      batchCount: 1,
      robots: { state: 'unknown', readAt: null },
    });
  });

  it('refuses what it does not know, with what is near', async () => {
    await origins.set(ORIGIN, { burst: 2 });
    const unknown = await project.call(['origins', 'https://apo.example']);
    expect(unknown).toMatchObject({ code: 2, stdout: '' });
    expect(unknown.stderr).toMatch(/nothing is known of .*did you mean https:\/\/api\.example\?/u);
    const watched = await project.call(['origins', ORIGIN, '--watch']);
    expect(watched).toMatchObject({ code: 2, stdout: '' });
    expect(watched.stderr).toContain('leave the origin out');
  });
});

describe('fetchfleet origins try', () => {
  it('ends what keeps an origin shut, so that one fetch goes there', async () => {
    await refused();
    const tried = await project.call(['origins', 'try', ORIGIN, '--json']);
    expect(tried).toMatchObject({ code: 0 });
    expect(JSON.parse(tried.stdout)).toEqual({ origin: ORIGIN, ended: ['block'], woken: 0 });
    expect(tried.stderr).toContain('ended its block; one fetch tries it');
    expect(await ask(worker(), { inFlight: 0, want: 3 })).toMatchObject({
      granted: 1,
      state: 'probing',
    });
    const [event] = (await origins.detail(ORIGIN)).events;
    expect(event).toMatchObject({ event: 'half-open' });
    const again = await project.call(['origins', 'try', ORIGIN, '--json']);
    expect(JSON.parse(again.stdout)).toEqual({ origin: ORIGIN, ended: [], woken: 0 });
    expect(again.stderr).toContain('is tried already');
  });

  it('says so where nothing does', async () => {
    await origins.set(ORIGIN, { burst: 2 });
    const tried = await project.call(['origins', 'try', 'https://apo.example']);
    expect(tried).toMatchObject({ code: 0, stdout: '' });
    expect(tried.stderr).toContain(
      'https://apo.example is neither blocked nor down; did you mean https://api.example?',
    );
    const wrong = await project.call(['origins', 'try', 'api.example']);
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('fetchfleet origins set', () => {
  it('sets the named limits for the whole fleet, and unset removes them', async () => {
    const rated = await project.call([
      'origins',
      'set',
      'HTTPS://Api.Example:443/',
      '--rate',
      '5/s',
    ]);
    expect(rated).toMatchObject({ code: 0, stdout: '' });
    expect(rated.stderr).toContain(`Set for ${ORIGIN}: at most 5/s, any number in flight`);
    expect(rated.stderr).toContain('hold from its first fetch on');
    const args = ['--burst', '3', '--concurrency', '2', '--json'];
    const more = await project.call(['origins', 'set', ORIGIN, ...args]);
    expect(more.code).toBe(0);
    expect(JSON.parse(more.stdout)).toMatchObject({
      origin: ORIGIN,
      rate: { limit: '5/s', perSecond: 5, source: 'set' },
      burst: 3,
      concurrency: { limit: 2, source: 'set' },
    });
    const free = ['--rate', 'unlimited', '--concurrency', 'unlimited'];
    expect(await project.call(['origins', 'set', ORIGIN, ...free])).toMatchObject({ code: 0 });
    expect(await origins.status(ORIGIN)).toMatchObject({
      rate: { limit: 'unlimited', source: 'set' },
      concurrency: { limit: 'unlimited', source: 'set' },
    });
    const typo = await project.call(['origins', 'unset', 'https://apo.example']);
    expect(typo.code).toBe(0);
    expect(typo.stderr).toContain(
      'nothing was set for https://apo.example; did you mean https://api.example?',
    );
    const unset = await project.call(['origins', 'unset', ORIGIN, '--json']);
    expect(unset).toMatchObject({ code: 0, stdout: `{"origin":"${ORIGIN}","changed":true}\n` });
    expect(await origins.list()).toEqual([]);
  });

  it('holds from the next exchange of any worker on, also for a running batch', async () => {
    const gate = worker();
    expect(await ask(gate, { inFlight: 0, want: 50 })).toMatchObject({ granted: 4 });
    await project.call(['origins', 'set', ORIGIN, '--concurrency', '7', '--rate', '1/s']);
    expect(await ask(gate, { inFlight: 4, want: 50 })).toMatchObject({
      granted: 1,
      state: 'rate',
    });
    await project.call(['origins', 'set', ORIGIN, '--rate', 'unlimited']);
    expect(await ask(gate, { inFlight: 5, want: 50 })).toMatchObject({ granted: 2 });
  });

  it('forgets what the fleet has learned', async () => {
    const gate = worker();
    const refusal = { ended: 4, ok: 3, refused: 1, durationMs: 40 };
    await ask(gate, { inFlight: 0, want: 0, report: refusal });
    expect((await origins.status(ORIGIN))?.learnedRate).toBeGreaterThan(0);
    const ended = await project.call(['origins', 'set', ORIGIN, '--forget', '--json']);
    expect(ended.code).toBe(0);
    expect(ended.stderr).toContain(`Forgot what the fleet had learned of ${ORIGIN}`);
    expect(JSON.parse(ended.stdout)).toMatchObject({ learnedRate: null });
  });

  it('reports all problems at once, and sets nothing', async () => {
    const bad = ['origins', 'set', 'api.example/path', '--rate', '0/s', '--burst', '-1'];
    const [all, none, path, secret, unset, pattern, watch, unknown] = await runAll([
      [...bad, '--concurrency', 'many'],
      ['origins', 'set', ORIGIN],
      ['origins', 'set', `${ORIGIN}/v1?x=1`, '--rate', '5'],
      ['origins', 'set', 'https://user:geheim@api.example', '--rate', '1/m'],
      ['origins', 'unset', 'ftp://api.example'],
      ['origins', 'set', 'https://{country}.example', '--rate', '1000001/s'],
      ['origins', '--watch', '--json'],
      ['origins', 'sett', ORIGIN],
    ]);
    for (const ended of [all, none, path, secret, unset, pattern, watch, unknown]) {
      expect(ended).toMatchObject({ code: 2, stdout: '' });
      expect(ended?.stderr).not.toContain('geheim');
      expect(ended?.stderr).not.toMatch(/^\s+at .+:\d+/mu);
    }
    expect(all?.stderr).toMatch(/not an origin.*did you mean https:\/\/api\.example\?/u);
    expect(all?.stderr).toMatch(/--rate: must be N\/s.*got "0\/s"/u);
    expect(all?.stderr).toMatch(/--burst: must be a whole number from 1 to 10000, got "-1"/u);
    expect(all?.stderr).toMatch(/--concurrency: must be .*unlimited.*got "many"/u);
    expect(all?.stderr).toContain('4 problems: nothing was set');
    expect(none?.stderr).toContain('nothing to set: name --rate, --burst, --concurrency');
    expect(path?.stderr).toContain('limits hold for all of https://api.example');
    expect(path?.stderr).toContain('got "5"');
    expect(pattern?.stderr).toMatch(/is a pattern/u);
    expect(pattern?.stderr).toContain('got "1000001/s"');
    expect(watch?.stderr).toContain('--json');
    expect(await origins.list()).toEqual([]);
  });

  it('exits with 3 when Redis does not answer', async () => {
    const env = { REDIS_URL: 'redis://user:geheim@127.0.0.1:1' };
    const ended = await project.call(['origins', 'set', ORIGIN, '--rate', '1/s'], env);
    expect(ended).toMatchObject({ code: 3, stdout: '' });
    expect(ended.stderr).not.toContain('geheim');
  });

  it('has a help text with examples', async () => {
    const [top, help, set] = await runAll([
      ['--help'],
      ['origins', '--help'],
      ['origins', 'set', '--help'],
    ]);
    expect(top?.stdout).toMatch(/^ {2}origins /mu);
    expect(help?.stdout).toMatch(/fetchfleet origins set https:\/\/api\.example --rate 5\/s/u);
    for (const flag of ['--rate', '--burst', '--concurrency', '--json']) {
      expect(set?.stdout).toContain(flag);
    }
    for (const ended of [top, help, set]) {
      expect(ended).toMatchObject({ code: 0, stderr: '' });
    }
  });
});
