import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdir, writeFile } from 'node:fs/promises';
import { printable } from '@fetchfleet/crawl';
import { readCrawlFile } from '@fetchfleet/crawl/file';
import {
  connectRedis,
  type FleetKeys,
  fleetKeys,
  Ledger,
  Origins,
  ScheduleStore,
  Workers,
} from '@fetchfleet/fleet';
import { redisUrl } from '@fetchfleet/testing';
import type { Redis } from 'ioredis';
import { crawlFile, Project } from '../cli-fixture.ts';

/** Clears the screen, sets a title, colours, turns the text, ends the line, ends a cell. */
const HOSTILE = '\u001b[2J\u001b]0;x\u0007\u009b31m\u202eevil\u2066\r\nerror: faked\t\u200b';
const SHOWN = String.raw`\u001b[2J\u001b]0;x\u0007\u009b31m\u202eevil\u2066`;
const GOOD = 'good-20261123-0017-k3f9';
const ODD = 'odd-20261123-0017-k3f9';
const ORIGIN = 'https://good.example';

let project: Project;
let redis: Redis;
let keys: FleetKeys;

/** Two good batches, one of them with names of others in it; and what no fleet has stored. */
beforeAll(async () => {
  project = await Project.create(redisUrl());
  redis = await connectRedis(redisUrl());
  keys = fleetKeys(project.env['FETCHFLEET_FLEET']);
  await project.write('crawl.yaml', crawlFile(ORIGIN, 4));
  await forgeBatches();
  await forgeWorkers();
  await forgeOrigins();
  await forgeSchedules();
});

afterAll(async () => {
  const found = await redis.keys(`*${project.env['FETCHFLEET_FLEET'] ?? ''}*`);
  await redis.del(...found);
  redis.disconnect();
  await project.remove();
});

async function forgeBatches(): Promise<void> {
  const ledger = new Ledger(redis, keys);
  const crawl = await readCrawlFile(project.path('crawl.yaml'));
  for (const id of [GOOD, ODD]) {
    const source = id === ODD ? HOSTILE : 'crawl.yaml';
    await ledger.register({ id, crawl, total: 4, sliceSize: 1, source, fingerprint: id });
    await ledger.expanded(id);
    await ledger.settle(id, [{ index: 0, outcome: 'http-error', durationMs: 1, bytes: 1 }]);
    await record(id);
  }
  await redis.hset(keys.batch(ODD), { results: HOSTILE, [`results:${HOSTILE}`]: '1' });
  await redis.zadd(keys.missingSecrets(ODD), Date.now() + 3_600_000, HOSTILE);
  const fields = await redis.hgetall(keys.batch(GOOD));
  const garbage: Record<string, Record<string, string>> = {
    'bad-count': { ...fields, total: 'many' },
    'bad-date': { ...fields, createdAt: '9'.repeat(16) },
    'bad-state': { ...fields, state: HOSTILE },
    'bad-name': { ...fields, name: HOSTILE },
    'bad-ended': { ...fields, state: 'finished', finishedAt: 'x' },
    '$(touch x)': fields,
    [HOSTILE]: fields,
  };
  for (const [id, hash] of Object.entries(garbage)) {
    await redis.hset(keys.batch(id), hash);
    await redis.zadd(keys.home.batches, '1', id);
  }
  await redis.rpush(keys.batch('bad-type'), 'x');
  await redis.zadd(keys.home.batches, '1', 'bad-type', '2', 'bad-packed');
  await redis.hset(keys.batch('bad-packed'), {
    state: 'finished',
    total: 1,
    settled: 1,
    failed: 0,
  });
  await redis.set(keys.packed('bad-packed'), 'AAAA');
  await redis.hset(keys.home.removals, { [HOSTILE]: '/', 'gone-20261123-0017-k3f9': HOSTILE });
}

/** The results of a batch: one failed fetch, with what its origin said. */
async function record(batch: string): Promise<void> {
  const url = `${ORIGIN}/echo/1`;
  const error = { code: `HTTP_500${HOSTILE}`, message: `it said ${HOSTILE}` };
  const line = {
    batch,
    index: 0,
    params: { n: '1' },
    url,
    outcome: 'http-error',
    status: 500,
    error,
  };
  await mkdir(project.path('results', batch), { recursive: true });
  await writeFile(
    project.path('results', batch, 'part-w-1.ndjson'),
    `${JSON.stringify({ ...line, startedAt: '2026-11-23T00:17:04.120Z' })}\n`,
  );
}

async function forgeWorkers(): Promise<void> {
  const report = {
    id: 'w-600d',
    host: 'here',
    pid: 7,
    version: '0.0.0',
    transport: 'got',
    concurrency: 50,
    inFlight: 12,
    slices: 1,
    batches: [GOOD],
    state: 'working',
    roles: ['fetch'],
    fetchesPerSecond: 9,
    uptimeMs: 1_000,
  } as const;
  const workers = new Workers(redis, keys);
  await workers.heartbeat(report);
  await workers.heartbeat({ ...report, id: 'w-0dd', host: HOSTILE, version: HOSTILE });
  await workers.heartbeat({ ...report, id: 'w-bad1', uptimeMs: 1e300 });
  await workers.heartbeat({ ...report, id: 'w-bad2', batches: [HOSTILE] });
  await workers.heartbeat({ ...report, id: HOSTILE });
  const reports = { 'w-bad3': '{"id":', 'w-bad4': '[]', 'w-bad5': JSON.stringify(report) };
  await redis.hset(keys.workersInfo, reports);
  const now = String(Date.now() / 1_000);
  await redis.zadd(keys.workers, now, 'w-bad3', now, 'w-bad4', '+inf', 'w-bad5');
}

async function forgeOrigins(): Promise<void> {
  const origins = new Origins(redis, keys);
  await origins.set(ORIGIN, { burst: 2 });
  await origins.set('https://odd.example', { burst: 3 });
  const blocked = { blockedUntil: String((Date.now() + 3_600_000) * 1_000), blockedFor: HOSTILE };
  const limits = { [`limits:${ODD}`]: '0 1 0 9999999999999999' };
  await redis.hset(keys.gate('https://odd.example'), { ...blocked, ...limits, lastError: HOSTILE });
  const events = `${keys.gate('https://odd.example')}:events`;
  await redis.rpush(events, `1 1 1 0 opened x_y ${HOSTILE}`, '1e9 1 1 0 closed - ', HOSTILE);
  const robots = { kind: 'wait', tries: 3, againAt: Date.now() + 60_000, reason: HOSTILE };
  await redis.set(keys.robots('https://odd.example'), JSON.stringify(robots));
  // What is no number in a gate is as if it were absent.
  await redis.hset(keys.gate('https://odd1.example'), { learned: 'x', tat: 'y' });
  await redis.hset(keys.gate('https://odd2.example'), 'limits:b', 'x');
  await redis.hset(keys.gateSettings('https://odd3.example'), 'interval', 'nan');
  await redis.set(keys.gate('https://bad4.example'), 'x');
  await redis.set(keys.waitlist('https://bad5.example'), 'x');
  await redis.hset(keys.gate('https://bad5.example'), 'tat', '1');
  const names = ['odd1', 'odd2', 'odd3', 'bad4', 'bad5'].map((name) => `https://${name}.example`);
  await redis.sadd(keys.originsWithSettings, ...names, HOSTILE, 'javascript:x');
}

async function forgeSchedules(): Promise<void> {
  const schedules = new ScheduleStore(redis, keys);
  const { plan } = await readCrawlFile(project.path('crawl.yaml'));
  const crawl = { plan, sources: [], combine: 'product' as const };
  const terms = {
    source: HOSTILE,
    cron: '@daily',
    tz: 'UTC',
    overlap: 'skip',
    catchUpMs: 0,
  } as const;
  await schedules.put('good-schedule', { ...terms, crawl });
  const ids = ['bad-cron', 'bad-zone', 'bad-terms', 'bad-dates'];
  for (const id of ids) {
    await schedules.put(id, { ...terms, crawl });
  }
  await redis.hset(keys.schedule('bad-cron'), 'terms', JSON.stringify({ ...terms, cron: 'x' }));
  await redis.hset(keys.schedule('bad-zone'), 'terms', JSON.stringify({ ...terms, tz: HOSTILE }));
  await redis.hset(keys.schedule('bad-terms'), 'terms', '{');
  await redis.hset(keys.schedule('bad-dates'), 'createdAt', '1e99');
  await redis.set(keys.schedule('bad-type'), 'x');
  await redis.sadd(keys.home.schedules, 'bad-type', HOSTILE);
  const run = { key: '1', kind: 'tick', at: 1, state: 'missed', decidedAt: 1, reason: HOSTILE };
  const runs = [run, { ...run, at: 1e300 }, { ...run, batch: HOSTILE }, {}];
  await redis.rpush(
    keys.scheduleRuns('good-schedule'),
    ...runs.map((one) => JSON.stringify(one)),
    '[',
  );
}

interface Shown {
  /** Without our colours. */
  readonly text: string;
  readonly code: number | null;
}

/** Runs a command on a terminal: stdout and stderr are what a person sees. */
async function onTerminal(
  words: readonly string[],
  env: Record<string, string> = {},
): Promise<Shown> {
  const { stdout, stderr, code } = await project.call(words, env, 300);
  // oxlint-disable-next-line no-control-regex -- these are our own
  return { text: `${stdout}${stderr}`.replaceAll(/\u001b\[\d+m/gu, ''), code };
}

/** A terminal gets text, ends of lines and our colours; nobody gets what only programs say. */
function expectClean({ text }: Shown): void {
  expect(text.replaceAll('\n', '')).not.toMatch(
    /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\u200b]/u,
  );
  expect(text).not.toMatch(/^error: faked/mu);
  expect(text).not.toMatch(/NaN|Infinity|undefined|TypeError|error in fetchfleet|Invalid/u);
}

const COMMANDS: readonly (readonly [command: string, code: number, shown: readonly string[]])[] = [
  ['status', 0, [GOOD, ODD, 'batch bad-count is not valid in Redis: its total is wrong']],
  ['batches', 0, [GOOD, ODD, 'batch bad-type has another type', 'batch bad-packed is damaged']],
  [
    'batches --state running',
    0,
    [GOOD, ODD, '"$(touch x)" is not a batch id, and was passed over'],
  ],
  [`status ${ODD}`, 0, [ODD, SHOWN, 'held', 'https://odd.example']],
  ['status bad-date', 1, ['error: batch bad-date is not valid in Redis: its createdAt is wrong']],
  ['cancel bad-type', 1, ['error: batch bad-type has another type in Redis']],
  [
    'workers',
    0,
    ['w-600d', 'w-0dd', SHOWN, 'worker w-bad1 is not valid', 'worker w-bad3 is damaged'],
  ],
  [
    'origins',
    0,
    [
      ORIGIN,
      'https://odd.example',
      SHOWN,
      'https://odd1.example  unlimited',
      'https://odd2.example  unlimited',
      'https://odd3.example  unlimited',
      'origin https://bad4.example has another type',
    ],
  ],
  [
    'origins https://odd.example',
    0,
    [`down: ${SHOWN}`, `cannot be had (3 times): ${SHOWN}`, 'x_y'],
  ],
  ['origins try https://bad4.example', 1, ['error: origin https://bad4.example has another type']],
  [
    'schedule list',
    0,
    ['good-schedule', 'schedule bad-cron is not valid', 'schedule bad-terms is'],
  ],
  ['schedule list good-schedule', 0, [SHOWN, 'a run of schedule good-schedule is']],
  [
    'schedule list bad-zone',
    1,
    ['error: schedule bad-zone is not valid in Redis: its tz is wrong'],
  ],
  [`failures ${GOOD}`, 0, [ORIGIN, 'HTTP 500', SHOWN]],
  [`failures ${GOOD} --list`, 0, ['HTTP 500']],
  [`show ${GOOD} 0`, 0, ['http-error', SHOWN]],
  [`verify ${ODD}`, 0, [ODD]],
  ['prune --older-than 1s --dry-run', 0, ['gone-20261123-0017-k3f9', 'batch bad-ended']],
  ['status \u009b31m\u202e', 2, ['no batch "']],
  ['--\u001b[2J', 2, ['error: unknown option']],
];

describe('what others have written', () => {
  const cases = COMMANDS.map(([command, code, texts]) => {
    return { title: printable(command), words: command.split(' '), code, texts };
  });

  it.each(cases)('does no harm to $title', async ({ words, code, texts }) => {
    const found = await onTerminal(words);
    expectClean(found);
    for (const text of texts) {
      expect(found.text).toContain(text);
    }
    expect(found.code).toBe(code);
  });

  it.each(['status', 'workers', 'origins', 'schedule list', 'prune --older-than 1s --dry-run'])(
    'leaves `%s --json` a document with what is good',
    async (command) => {
      const { stdout, code } = await project.call([...command.split(' '), '--json']);
      expect(code).toBe(0);
      expect(stdout.trimEnd()).not.toMatch(/[\p{Cc}\p{Bidi_Control}]|NaN|Infinity|bad-|bad\d/u);
      expect(JSON.stringify(JSON.parse(stdout))).toMatch(/good|gone/u);
    },
  );
});

it.each(['status', 'batches', 'workers', 'origins', 'schedule list', 'prune --older-than 1d'])(
  '`%s` passes lists of another type over',
  async (command) => {
    const fleet = `${project.env['FETCHFLEET_FLEET'] ?? ''}x`;
    const own = fleetKeys(fleet);
    const lists = [
      own.home.batches,
      own.home.unfinished,
      own.home.removals,
      own.workers,
      own.workersInfo,
    ];
    for (const key of [...lists, own.origins, own.originsWithSettings, own.home.schedules]) {
      await redis.set(key, HOSTILE);
    }
    const found = await onTerminal(command.split(' '), { FETCHFLEET_FLEET: fleet });
    expectClean(found);
    expect(found.code).toBe(0);
    expect(found.text).toMatch(/the list of \w+.* has another type in Redis .*was passed over/u);
  },
);
