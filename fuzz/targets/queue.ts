import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Crawl, expandCrawl, isBatchId, packSlices, toError } from '@fetchfleet/crawl';
import { parseCrawlFile } from '@fetchfleet/crawl/file';
import { connectRedis, type FleetKeys, fleetKeys, Ledger, SliceQueue } from '@fetchfleet/fleet';
import {
  eventually,
  type PrivateRedis,
  type Running,
  startProcess,
  startRedis,
} from '@fetchfleet/testing';
import { Queue } from 'bullmq';
import * as fc from 'fast-check';
import type { Arbitrary } from 'fast-check';
import type { Redis } from 'ioredis';
import { type Json, jsonNear, textNear } from '../mutations.ts';
import { Sentinel } from '../sentinel.ts';
import { holds, type Target } from '../target.ts';
import { type RawOrigin, startRawOrigin } from './raw-origin.ts';
import { SLICE_EXAMPLES } from './slices.ts';

const FLEET = 'fuzz';
/** Stand in inputs for what is known later: the origin of the batch, and one that nobody means. */
const ORIGIN = 'http://origin.example';
const UNMEANT = 'http://unmeant.example';
const PACKING = { sliceSize: 50, mixesOrigins: true };
const GOOD_FETCHES = 3;
const GOOD_DEADLINE_MS = 30_000;
/** Files that a worker may write. */
const RESULT = /^(?:batch\.json|part-.+-\d+\.ndjson)$/;

/** What a writer of Redis does to one batch, before a worker sees it. */
type Tampering =
  | { readonly what: 'job'; readonly data: Json }
  | { readonly what: 'job text'; readonly data: string }
  | { readonly what: 'field'; readonly field: string; readonly text: string }
  | { readonly what: 'plan'; readonly plan: Json }
  | { readonly what: 'robots'; readonly text: string }
  | { readonly what: 'gate'; readonly field: string; readonly text: string };

const FIELDS = [
  'state',
  'total',
  'settled',
  'failed',
  'crawl',
  'plan',
  'planRevision',
  'createdAt',
];
const GATE_FIELDS = [
  'tat',
  'blockedUntil',
  'limits:meant',
  'lease:w',
  'window',
  'learned',
  'probe',
];

export const queueTarget: Target = {
  name: 'queue',
  title: 'jobs, batches and limits in Redis: a worker goes on, and writes and asks what it should',
  cpuMs: 5_000,
  hangMs: GOOD_DEADLINE_MS + 20_000,
  open: async ({ folder }) => {
    const fleet = await TamperedFleet.start(folder);
    return {
      arbitrary: fc.array(anyTampering(fleet.sentinel), { minLength: 1, maxLength: 3 }),
      check: async (input: readonly Tampering[]) => fleet.check(input),
      close: async () => fleet.stop(),
    };
  },
};

function anyTampering({ folder, secretFile }: Sentinel): Arbitrary<Tampering> {
  const hostile = [`../../${folder}`, folder, secretFile, '/fuzz', '../fuzz', '.', '__proto__'];
  const values = textNear(['running', '12', '{}', '[]', secretFile, '1e9', '99999999999999']);
  const robots = ['{"kind":"rules","text":"Disallow: /"}', '{"kind":"wait","tries":1,"againAt":9}'];
  return fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        what: fc.constant('job' as const),
        data: jsonNear(SLICE_EXAMPLES, [...hostile, UNMEANT, [0, 50], 2 ** 32, 2 ** 52]),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        what: fc.constant('job text' as const),
        data: textNear(SLICE_EXAMPLES.map((example) => JSON.stringify(example))),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        what: fc.constant('plan' as const),
        plan: jsonNear([PLAN_OF_EXAMPLE], hostile),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        what: fc.constant('field' as const),
        field: fc.constantFrom(...FIELDS),
        text: values,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ what: fc.constant('robots' as const), text: textNear(robots) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        what: fc.constant('gate' as const),
        field: fc.constantFrom(...GATE_FIELDS),
        text: textNear(['1732320000000000', '3 1732320000', 'w 99999999999999', '0.5']),
      }),
    },
  );
}

function crawlOf(url: string, fetches: number, robots: 'obey' | 'ignore'): Crawl {
  const text = `
url: ${JSON.stringify(url)}
params: { n: { from: 0, to: ${fetches - 1} } }
network: { allowPrivate: true }
retry: { attempts: 1 }
politeness: { concurrency: unlimited, robots: ${robots} }
`;
  return parseCrawlFile(text, 'fuzz.yaml');
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a plan is plain JSON
const PLAN_OF_EXAMPLE = JSON.parse(
  JSON.stringify(crawlOf(`${ORIGIN}/meant/{n}`, 2, 'obey').plan),
) as Json;

/** A fleet of one worker, whose Redis others write to. */
class TamperedFleet {
  readonly sentinel: Sentinel;
  readonly #results: string;
  readonly #server: PrivateRedis;
  readonly #redis: Redis;
  readonly #keys: FleetKeys = fleetKeys(FLEET);
  readonly #ledger: Ledger;
  readonly #queue: SliceQueue;
  readonly #foreign: Queue;
  readonly #good: RawOrigin;
  readonly #meant: RawOrigin;
  readonly #unmeant: RawOrigin;
  readonly #worker: Running;
  #count = 0;

  private constructor(parts: {
    readonly sentinel: Sentinel;
    readonly results: string;
    readonly server: PrivateRedis;
    readonly redis: Redis;
    readonly origins: readonly [RawOrigin, RawOrigin, RawOrigin];
    readonly worker: Running;
  }) {
    this.sentinel = parts.sentinel;
    this.#results = parts.results;
    this.#server = parts.server;
    this.#redis = parts.redis;
    [this.#good, this.#meant, this.#unmeant] = parts.origins;
    this.#worker = parts.worker;
    this.#ledger = new Ledger(parts.redis, this.#keys);
    this.#queue = new SliceQueue(parts.redis, this.#keys);
    const { queuePrefix: prefix } = this.#keys.home;
    this.#foreign = new Queue('slices', { connection: parts.redis, prefix });
  }

  static async start(folder: string): Promise<TamperedFleet> {
    const sentinel = new Sentinel(join(folder, 'outside'));
    await sentinel.create();
    const results = join(folder, 'results');
    const cwd = join(folder, 'outside');
    await mkdir(results);
    const server = await startRedis();
    const redis = await connectRedis(server.url);
    // A forged index may ask for a bitmap of 512 MB.
    await redis.config('SET', 'maxmemory', '256mb');
    const origins = [await startOk(), await startOk(), await startOk()] as const;
    // What waits at a tampered origin would use up the time to drain.
    const flags = ['--allow-private', '--metrics-port', '0', '--fleet', FLEET];
    flags.push('--drain-timeout', '1s');
    const worker = await startProcess('fetchfleet-worker', [...flags, '--results', results], {
      env: { REDIS_URL: server.url, FETCHFLEET_LOG_FORMAT: 'json' },
      cwd,
    });
    await worker.waitForLine(/worker ready/);
    return new TamperedFleet({ sentinel, results, server, redis, origins, worker });
  }

  async stop(): Promise<void> {
    await this.#worker.kill('SIGTERM');
    await this.#foreign.close();
    await this.#queue.stop();
    this.#redis.disconnect();
    await Promise.all([this.#good, this.#meant, this.#unmeant].map(async (one) => one.stop()));
    await this.#server.dispose();
  }

  async check(input: readonly Tampering[]): Promise<void> {
    const number = this.#count++;
    await this.#enqueueTampered(`meant-${number}`, input);
    const good = `good-${number}`;
    await this.#enqueue(good, crawlOf(`${this.#good.url}/good/{n}`, GOOD_FETCHES, 'ignore'));
    await this.#ledger.expanded(good);
    await this.#finished(good);
    holds(this.#worker.isRunning, 'the worker goes on', this.#worker.stderr.slice(-2_000));
    const { paths } = this.#meant;
    holds(paths.every(isMeant), 'only what the crawl means is requested', paths);
    holds(this.#unmeant.paths.length === 0, 'no other origin is asked', this.#unmeant.paths);
    await this.sentinel.check();
    await this.#checkResults();
  }

  /** A batch that is changed before a worker can see it. */
  async #enqueueTampered(id: string, input: readonly Tampering[]): Promise<void> {
    const crawl = crawlOf(`${this.#meant.url}/meant/{n}`, 3, 'obey');
    await this.#register(id, crawl);
    for (const tampering of input) {
      await this.#tamper(id, tampering);
    }
    await this.#addSlices(id, crawl);
    // What it says of a batch that is damaged is for whoever asks.
    await this.#ledger.expanded(id).catch(toError);
  }

  async #enqueue(id: string, crawl: Crawl): Promise<void> {
    await this.#register(id, crawl);
    await this.#addSlices(id, crawl);
  }

  async #register(id: string, crawl: Crawl): Promise<void> {
    await this.#ledger.register({
      id,
      crawl,
      total: GOOD_FETCHES,
      ...PACKING,
      source: 'fuzz.yaml',
      fingerprint: id,
    });
  }

  async #addSlices(id: string, crawl: Crawl): Promise<void> {
    for await (const slices of packSlices(id, expandCrawl(crawl), PACKING)) {
      await this.#queue.add(slices);
    }
  }

  async #tamper(id: string, tampering: Tampering): Promise<void> {
    const known = (text: string): string =>
      text
        .replaceAll(ORIGIN, this.#meant.url)
        .replaceAll(UNMEANT, this.#unmeant.url)
        .replaceAll('"batch":"meant"', `"batch":"${id}"`);
    const { origin } = new URL(this.#meant.url);
    switch (tampering.what) {
      case 'job':
        await this.#addForeign(id, known(JSON.stringify(tampering.data)));
        break;
      case 'job text':
        await this.#addForeign(id, known(tampering.data));
        break;
      case 'field':
        await this.#redis.hset(this.#keys.batch(id), tampering.field, tampering.text);
        break;
      case 'plan':
        await this.#redis.hset(this.#keys.batch(id), 'plan', known(JSON.stringify(tampering.plan)));
        break;
      case 'robots':
        await this.#redis.set(this.#keys.robots(origin), tampering.text);
        break;
      case 'gate':
        await this.#redis.hset(this.#keys.gate(origin), tampering.field, tampering.text);
        break;
    }
  }

  /** A job as BullMQ has it, with any text as its data. */
  async #addForeign(id: string, data: string): Promise<void> {
    const jobId = `${id}.${this.#count++}`;
    // Its data is replaced before a worker can claim it.
    await this.#foreign.add('slice', null, { jobId, delay: 1_000_000 });
    await this.#redis.hset(this.#keys.home.queue(jobId), 'data', data);
    const job = await this.#foreign.getJob(jobId).catch(() => undefined);
    // A text that is no JSON cannot be read back: such a job is promoted by its id.
    await (job === undefined ? this.#promote(jobId) : job.promote());
  }

  async #promote(jobId: string): Promise<void> {
    await this.#redis.zrem(this.#keys.home.queue('delayed'), jobId);
    await this.#redis.lpush(this.#keys.home.queue('wait'), jobId);
  }

  async #finished(id: string): Promise<void> {
    await eventually(
      async () => {
        holds(this.#worker.isRunning, 'the worker goes on', this.#worker.stderr.slice(-2_000));
        return (await this.#ledger.state(id)) === 'finished';
      },
      { deadlineMs: GOOD_DEADLINE_MS, intervalMs: 5 },
    );
  }

  /** The results folder has results of batches, and nothing else. */
  async #checkResults(): Promise<void> {
    const entries = await readdir(this.#results, { recursive: true, withFileTypes: true });
    for (const { name, parentPath } of entries) {
      const isAtTop = parentPath === this.#results;
      const isExpected = isAtTop
        ? isBatchId(name) || name.startsWith('.fetchfleet-')
        : RESULT.test(name);
      holds(isExpected, 'the results folder has results only', join(parentPath, name));
    }
  }
}

function isMeant(path: string): boolean {
  return path.startsWith('/meant/') || path === '/robots.txt';
}

async function startOk(): Promise<RawOrigin> {
  return startRawOrigin((socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  });
}
