import { closeAfterEach } from '@fetchfleet/testing';
import { anyText } from '@fetchfleet/testing/any-text';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  BatchRemoval,
  FleetOverview,
  Ledger,
  Origins,
  RobotsStore,
  ScheduleStore,
  Workers,
} from '../../src/index.ts';
import { readStored } from '../../src/redis/stored-state.ts';
import { freshFleet, registration } from '../fixture.ts';

closeAfterEach();

const GARBAGE = [
  '',
  ' ',
  'x',
  '-1',
  '1.5',
  '1e3',
  '0x10',
  'nan',
  'NaN',
  'inf',
  '-inf',
  '1e999',
  '9'.repeat(16),
  '9'.repeat(400),
  '\u001b[2J',
  '[]',
  '{',
  'null',
  '__proto__',
];

/** What is read has no number that is none. */
function expectNumbers(value: unknown): void {
  const wrong: string[] = [];
  JSON.stringify(value, (key, one: unknown) => {
    if (typeof one === 'number' && !Number.isFinite(one)) {
      wrong.push(key);
    }
    return one;
  });
  expect(wrong).toEqual([]);
}

describe('a batch that was changed in Redis', () => {
  it('is read with numbers and dates that are some, or refused with a sentence', async () => {
    const { redis, keys } = await freshFleet();
    const passedOver: string[] = [];
    const ledger = new Ledger(redis, keys, (sentence) => passedOver.push(sentence));
    await ledger.register(registration('good', 10));
    await ledger.register(registration('bad', 10));
    await ledger.open('bad', '/results');
    await ledger.expanded('bad');
    await ledger.settle('bad', [{ index: 0, outcome: 'timeout', durationMs: 1, bytes: 1 }]);
    await ledger.pause('bad');
    const hash = await redis.hgetall(keys.batch('bad'));
    const fields = [
      ...Object.keys(hash),
      'finishedAt',
      'cancelledAt',
      'paceFrom',
      'retries',
      'planRevision',
    ];
    for (const field of fields) {
      for (const value of [undefined, ...GARBAGE]) {
        await (value === undefined
          ? redis.hdel(keys.batch('bad'), field)
          : redis.hset(keys.batch('bad'), field, value));
        const reads = [
          ledger.status('bad'),
          ledger.open('bad'),
          ledger.changes('bad'),
          ledger.crawl('bad'),
        ];
        const ended = await Promise.allSettled(reads);
        // The slices of an unknown batch are removed.
        expect(ended[1]).not.toMatchObject({ status: 'fulfilled', value: undefined });
        expectNumbers(ended.map((read) => (read.status === 'fulfilled' ? read.value : undefined)));
        for (const refused of ended.filter((read) => read.status === 'rejected')) {
          expect(String(refused.reason)).toMatch(/^StoredStateError: batch bad (?:is|has|cannot)/u);
        }
        const [good, ...others] = await ledger.statuses(['good', 'bad']);
        expect(good?.batch).toBe('good');
        expectNumbers(others);
      }
      await redis.del(keys.batch('bad'));
      await redis.hset(keys.batch('bad'), hash);
    }
    expect(
      passedOver.every((sentence) => /^batch bad .*, and was passed over$/u.test(sentence)),
    ).toBe(true);
    expect(passedOver).toContain(
      'batch bad is not valid in Redis: its total is wrong, and was passed over',
    );
  });

  it('is not blamed for what Redis refuses', async () => {
    const refusals = [
      "ERR The user executing the script can't run this command or subcommand script: 1, on @user_script:3.",
      'OOM command not allowed when used memory > maxmemory script: 1, on @user_script:3.',
      'READONLY You can not write against a read only replica. script: 1, on @user_script:3.',
      'LOADING Redis is loading the dataset in memory',
    ].map((message) => Object.assign(new Error(message), { name: 'ReplyError' }));
    for (const error of [...refusals, new TypeError('x is no function')]) {
      await expect(readStored('batch b', Promise.reject(error))).rejects.toBe(error);
    }
  });

  it('of another type leaves the lists of batches and the metrics as they are', async () => {
    const { redis, keys } = await freshFleet();
    const ledger = new Ledger(redis, keys);
    await ledger.register(registration('good', 10));
    await redis.rpush(keys.batch('typed'), 'x');
    await redis.hset(keys.batch('counted'), { state: 'running', total: 'nan', settled: 'inf' });
    const ids = ['typed', 'counted', 'two\nlines', '', 'x'.repeat(129), '../x', 'A'];
    await redis.zadd(keys.home.batches, ...ids.flatMap((id) => ['+inf', id]));
    expect(await ledger.unfinished()).toEqual(['counted', 'good']);
    expect(await ledger.batches()).toEqual(['typed', 'counted', 'good']);
    expect(await ledger.states(['typed', 'good'])).toEqual([undefined, 'expanding']);
    await expect(ledger.status('typed')).rejects.toThrow('batch typed has another type in Redis');
    // The key of something else.
    expect(await ledger.status('good:settled')).toBeUndefined();
    const { batches, unfinished } = await new FleetOverview(redis, keys).read();
    expect(batches).toEqual({ expanding: 1, running: 0, paused: 0, cancelled: 0, finished: 0 });
    expect(unfinished).toEqual([{ batch: 'good', total: 10, settled: 0, failed: 0 }]);
    // A time that is no time.
    await redis.zadd(keys.home.batches, '+inf', 'good');
    expect((await new FleetOverview(redis, keys).read()).unfinished).toEqual(unfinished);
  });
});

describe('metrics of the fleet', () => {
  it('are numbers whatever is in the queue', async () => {
    const { redis, keys } = await freshFleet();
    const ledger = new Ledger(redis, keys);
    await ledger.register(registration('good', 10));
    const slice = { batch: 'good', origin: 'http://a.example', ranges: [0, 3], columns: [] };
    await redis.hset(keys.home.queue('good.0'), { data: JSON.stringify(slice), timestamp: '1' });
    await redis.hset(keys.home.queue('bad.1'), { data: JSON.stringify(slice), timestamp: 'nan' });
    await redis.hset(keys.home.queue('bad.2'), {
      data: '{"batch":"typed","ranges":[0,1]}',
      timestamp: '-inf',
    });
    await redis.set(keys.home.queue('bad.3'), 'x');
    await redis.set(keys.batch('typed'), 'x');
    await redis.rpush(keys.home.queue('wait'), 'good.0', 'bad.1', 'bad.2', 'bad.3', '\u001b[2J');
    await redis.zadd(keys.origins, '+inf', '\u001b[2J', '1', 'http://a.example');
    const snapshot = await new FleetOverview(redis, keys).read();
    expectNumbers(snapshot);
    expect(snapshot.backlog.runnable).toBeGreaterThan(0);
    for (const key of [keys.home.queue('delayed'), keys.home.batches, keys.workers, keys.origins]) {
      await redis.del(key);
      await redis.set(key, 'x');
    }
    const sentences: string[] = [];
    const overview = new FleetOverview(redis, keys, (sentence) => sentences.push(sentence));
    expectNumbers(await overview.read());
    expect(sentences).toHaveLength(4);
  });
});

it('robots.txt that is not valid is not known, and is written over', async () => {
  const { redis, keys } = await freshFleet();
  const store = new RobotsStore(redis, keys);
  const origin = 'http://a.example';
  const forge = [
    async () => redis.set(keys.robots(origin), '{"kind":'),
    async () => redis.set(keys.robots(origin), '{"kind":"wait","tries":"x"}'),
    async () => redis.del(keys.robots(origin)),
    async () => redis.rpush(keys.robots(origin), 'x'),
  ];
  for (const one of forge) {
    await one();
    expect((await store.read(origin)).known).toBeUndefined();
  }
  await store.write(origin, { kind: 'allow-all' });
  expect((await store.read(origin)).known).toEqual({ kind: 'allow-all' });
});

describe('what is listed', () => {
  it('is what is valid, whatever stands beside it', async () => {
    const { redis, keys } = await freshFleet();
    const sentences = new Set<string>();
    const onPassedOver = (sentence: string): void => void sentences.add(sentence);
    const workers = new Workers(redis, keys, onPassedOver);
    const origins = new Origins(redis, keys, onPassedOver);
    const schedules = new ScheduleStore(redis, keys, { onPassedOver });
    await origins.set('http://good.example', { burst: 2 });
    const scalar = fc.oneof(fc.constantFrom(...GARBAGE), anyText({ maxLength: 9 }));
    const json = fc.json().filter((text) => text.isWellFormed());
    await fc.assert(
      fc.asyncProperty(scalar, fc.oneof(scalar, json), scalar, async (name, report, number) => {
        await redis.zadd(keys.workers, Date.now() / 1_000, name, '+inf', 'w-1');
        await redis.hset(keys.workersInfo, name, report, 'w-1', report);
        await redis.sadd(keys.originsWithSettings, name, 'http://bad.example');
        await redis.hset(
          keys.gateSettings('http://bad.example'),
          'interval',
          number,
          'burst',
          number,
        );
        await redis.hset(keys.gate('http://bad.example'), {
          learned: number,
          [`lease:${name}`]: report,
        });
        await redis.sadd(keys.home.schedules, name, 'bad');
        await redis.hset(keys.schedule('bad'), { name, terms: report, lastTick: number });
        await redis.hset(keys.home.removals, name, report);
        expectNumbers(await workers.list());
        const listed = await origins.list();
        expectNumbers(listed);
        expect(listed.map(({ origin }) => origin)).toContain('http://good.example');
        expect(await schedules.all()).toEqual([]);
        await new BatchRemoval(redis, keys, onPassedOver).unfinished();
      }),
      { numRuns: 40 },
    );
    expect([...sentences].every((sentence) => sentence.endsWith(', and was passed over'))).toBe(
      true,
    );
  });
});
