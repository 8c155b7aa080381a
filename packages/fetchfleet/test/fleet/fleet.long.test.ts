import { afterEach, describe, expect, it } from '@jest/globals';
import {
  closeAfterEach,
  type Origin,
  redisUrl,
  startOrigin,
  temporaryFolder,
} from '@fetchfleet/testing';
import {
  connectFleet,
  createWorker,
  defineCrawl,
  type Fleet,
  type FetchRecord,
  type WorkerOptions,
} from '../../src/index.ts';

closeAfterEach();

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) {
    await one[Symbol.asyncDispose]();
  }
});

let lastFleet = 0;

interface Setup {
  readonly fleet: Fleet;
  readonly name: string;
  readonly results: string;
  readonly work: (options?: Partial<WorkerOptions>) => Promise<void>;
}

/** A fleet of its own in the shared Redis. */
async function setUp(): Promise<Setup> {
  lastFleet += 1;
  const name = `library-${process.pid}-${lastFleet}`;
  const { path: results } = await temporaryFolder();
  const fleet = await connectFleet({ redisUrl: redisUrl(), fleet: name, results });
  open.push(fleet);
  return {
    fleet,
    name,
    results,
    work: async (options) => {
      const worker = await createWorker({
        redisUrl: redisUrl(),
        fleet: name,
        results,
        allowPrivate: true,
        ...options,
      });
      open.push(worker);
    },
  };
}

function numbers(origin: Origin, to: number) {
  return defineCrawl({
    name: 'numbers',
    url: `${origin.url}/{n}`,
    params: { n: { from: 1, to } },
    politeness: { robots: 'ignore' },
    network: { allowPrivate: true },
  });
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) {
    found.push(item);
  }
  return found;
}

describe('a fleet in a program', () => {
  it('starts a batch, waits for it, and reads its records in order', async () => {
    const { fleet, work } = await setUp();
    const origin = await startOrigin();
    origin.respond(/^\/\d+$/, (request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ path: request.url }));
    });
    const batch = await fleet.start(numbers(origin, 300));
    await work();
    await expect(batch.wait()).resolves.toMatchObject({ state: 'finished', ok: 300, failed: 0 });
    const records = await all(batch.records<{ readonly path: string }>());
    expect(records.map(({ index }) => index)).toEqual(Array.from({ length: 300 }, (_, i) => i));
    expect(records.map(({ params, body }) => `/${params.n}` === body?.path)).not.toContain(false);
    await expect(all(batch.events())).resolves.toMatchObject([
      { event: 'created' },
      { event: 'started' },
      { event: 'finished' },
    ]);
  });

  it('pauses, resumes and cancels', async () => {
    const { fleet, work } = await setUp();
    const origin = await startOrigin();
    const batch = await fleet.start(numbers(origin, 200));
    await batch.pause();
    await work();
    await expect(batch.status()).resolves.toMatchObject({ state: 'paused', settled: 0 });
    await batch.resume();
    await batch.wait();
    await expect(batch.pause()).rejects.toMatchObject({ code: 'BATCH_ENDED' });
    const other = await fleet.start(numbers(origin, 200));
    await other.cancel();
    await expect(other.wait()).resolves.toMatchObject({ state: 'cancelled' });
  });

  it('cancels a batch that is disposed of before its end, and no other', async () => {
    const { fleet } = await setUp();
    const origin = await startOrigin();
    const left = await fleet.start(numbers(origin, 3));
    {
      await using batch = await fleet.start(numbers(origin, 3));
      await expect(batch.status()).resolves.toMatchObject({ state: 'running' });
    }
    const batches = await fleet.batches();
    expect(batches.map(({ batch, state }) => [batch === left.id, state])).toEqual(
      expect.arrayContaining([
        [false, 'cancelled'],
        [true, 'running'],
      ]),
    );
  });

  it('takes what is left out from the variables of commands and workers', async () => {
    const { name, results } = await setUp();
    const origin = await startOrigin();
    const env = {
      FETCHFLEET_FLEET: name,
      FETCHFLEET_RESULTS: results,
      FETCHFLEET_ALLOW_PRIVATE: 'true',
      FETCHFLEET_TRANSPORT: 'native',
    };
    const fleet = await connectFleet({ redisUrl: redisUrl(), env });
    open.push(fleet);
    open.push(await createWorker({ redisUrl: redisUrl(), env }));
    const batch = await fleet.start(numbers(origin, 5));
    await expect(batch.wait()).resolves.toMatchObject({ ok: 5, resultsFolders: [results] });
    await expect(all(batch.records())).resolves.toHaveLength(5);
  });

  it('shares nothing with another fleet of the same process and Redis', async () => {
    const [one, other] = [await setUp(), await setUp()];
    const origin = await startOrigin();
    const batch = await one.fleet.start(numbers(origin, 5));
    await expect(other.fleet.batch(batch.id)).rejects.toMatchObject({ code: 'BATCH_UNKNOWN' });
    await other.work();
    await one.work();
    await expect(batch.wait()).resolves.toMatchObject({ ok: 5 });
    await expect(other.fleet.batches()).resolves.toEqual([]);
  });

  it('stops waiting, following and reading when it is told to', async () => {
    const { fleet, work } = await setUp();
    const origin = await startOrigin();
    const batch = await fleet.start(numbers(origin, 2_000));
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    await expect(batch.wait({ signal })).rejects.toBe(reason);
    await expect(all(batch.events({ signal }))).rejects.toBe(reason);
    await work();
    await batch.wait();
    for await (const { index } of batch.records()) {
      if (index === 3) {
        break;
      }
    }
    await expect(all(batch.records({ signal }))).rejects.toBe(reason);
  });

  it('tells of every record that is durable', async () => {
    const { fleet, work } = await setUp();
    const origin = await startOrigin();
    const seen: FetchRecord[] = [];
    const lines: unknown[] = [];
    await work({
      onRecord: (record) => {
        seen.push(record);
        if (record.index === 7) {
          throw new Error('of the program');
        }
      },
      onLog: (line) => lines.push(line),
    });
    const batch = await fleet.start(numbers(origin, 40));
    await batch.wait();
    expect(new Set(seen.map(({ index }) => index)).size).toBe(40);
    expect(lines).toContainEqual(expect.objectContaining({ msg: 'onRecord failed' }));
    await expect(all(batch.records())).resolves.toHaveLength(40);
  });

  it('writes to a sink of the program, and settles nothing before it is stored', async () => {
    const { fleet, work } = await setUp();
    const origin = await startOrigin();
    const stored = new Map<number, FetchRecord>();
    let refusals = 2;
    await work({
      results: {
        name: 'memory',
        write: async (_batch, records) => {
          if (refusals > 0) {
            refusals -= 1;
            throw new Error('the store is away');
          }
          for (const record of records) {
            stored.set(record.index, record);
          }
        },
      },
    });
    const batch = await fleet.start(numbers(origin, 40));
    await expect(batch.wait()).resolves.toMatchObject({ ok: 40 });
    expect(stored.size).toBe(40);
    expect(refusals).toBe(0);
  });

  it('refuses a sink without a name, and settings that are none', async () => {
    const { work } = await setUp();
    const results = { name: 'a b', write: () => undefined };
    await expect(work({ results })).rejects.toThrow(/name of a sink/);
    await expect(work({ concurrency: 0 })).rejects.toMatchObject({ code: 'SETTINGS_INVALID' });
  });

  it('says what is wrong with a Redis, or that there is none', async () => {
    await expect(connectFleet({ redisUrl: 'http://a.example' })).rejects.toMatchObject({
      code: 'REDIS_URL_INVALID',
    });
  });
});
