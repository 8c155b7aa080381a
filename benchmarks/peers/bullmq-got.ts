// One job per fetch, the usual way to crawl with BullMQ. Jobs are added before the measurement.
import { Agent } from 'node:http';
import { parseArgs } from 'node:util';
import { Queue, Worker } from 'bullmq';
import got from 'got';

/** Jobs per `addBulk`. */
const CHUNK = 1_000;

const { values } = parseArgs({
  options: {
    url: { type: 'string', default: '' },
    fetches: { type: 'string', default: '1000' },
    'warm-up': { type: 'string', default: '0' },
    concurrency: { type: 'string', default: '64' },
    redis: { type: 'string', default: '' },
  },
});
const connection = { url: values.redis, maxRetriesPerRequest: null };
const http = new Agent({ keepAlive: true });
const queue = new Queue<{ url: string }>('fetches', { connection });

await run(Number(values['warm-up']));
const figures = await run(Number(values.fetches));
console.log(JSON.stringify({ ...figures, rssBytes: process.memoryUsage().rss }));
await queue.close();
http.destroy();

async function run(fetches: number) {
  for (let from = 0; from < fetches; from += CHUNK) {
    const length = Math.min(CHUNK, fetches - from);
    await queue.addBulk(
      Array.from({ length }, (_, at) => ({
        name: 'fetch',
        data: { url: values.url.replace('{n}', String(from + at)) },
        opts: { removeOnComplete: true, removeOnFail: true },
      })),
    );
  }
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  if (fetches > 0) {
    await fetchAll(fetches);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { fetches, seconds, cpuMicros: user + system };
}

async function fetchAll(fetches: number): Promise<void> {
  let left = fetches;
  const done = Promise.withResolvers<void>();
  const worker = new Worker<{ url: string }, number>(
    'fetches',
    async ({ data }) =>
      (await got(data.url, { agent: { http }, retry: { limit: 0 } }).text()).length,
    { connection, concurrency: Number(values.concurrency) },
  );
  worker.on('completed', () => {
    left -= 1;
    if (left === 0) {
      done.resolve();
    }
  });
  worker.on('failed', (_job, error) => done.reject(error));
  worker.on('error', done.reject);
  await done.promise;
  await worker.close();
}
