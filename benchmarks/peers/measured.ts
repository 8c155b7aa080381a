import { parseArgs } from 'node:util';

/** The task of a loop. */
export interface Task {
  /** The URL of the nth fetch. */
  readonly urlAt: (index: number) => string;
  readonly concurrency: number;
  /** Redis, for loops that need it. */
  readonly redisUrl: string;
}

/** Fetches this many URLs and resolves when the last body has arrived. */
export type Work = (task: Task, fetches: number) => Promise<void>;

/**
 * Runs a loop with the task of the command line, first as a warm-up (compiles code, opens
 * connections), and prints one line of JSON with counts, time and cost.
 */
export async function measured(work: Work): Promise<void> {
  const { values } = parseArgs({
    options: {
      url: { type: 'string', default: '' },
      fetches: { type: 'string', default: '1000' },
      'warm-up': { type: 'string', default: '0' },
      concurrency: { type: 'string', default: '64' },
      redis: { type: 'string', default: '' },
    },
  });
  const urlAt = values.url.includes('{host}') ? urlsOfManyHosts(values.url) : urlsOf(values.url);
  const task = { urlAt, concurrency: Number(values.concurrency), redisUrl: values.redis };
  const fetches = Number(values.fetches);
  const warmUp = Number(values['warm-up']);
  if (warmUp > 0) {
    await work(task, warmUp);
  }
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await work(task, fetches);
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const { rss } = process.memoryUsage();
  console.log(JSON.stringify({ fetches, seconds, cpuMicros: user + system, rssBytes: rss }));
}

function urlsOf(template: string): Task['urlAt'] {
  return (index) => template.replace('{n}', String(index));
}

/** Each URL has another `{row}` and `{host}`, between 1 and 100; ten thousand pairs take turns. */
function urlsOfManyHosts(template: string): Task['urlAt'] {
  let count = 0;
  return (index) => {
    const host = 1 + (count % 100);
    const row = 1 + (Math.floor(count / 100) % 100);
    count += 1;
    return urlsOf(template)(index).replace('{row}', String(row)).replace('{host}', String(host));
  };
}

/** One loop per fetch in flight; all loops take numbers from one counter. */
export async function runConcurrently(
  { urlAt, concurrency }: Task,
  fetches: number,
  one: (url: string) => Promise<void>,
): Promise<void> {
  let next = 0;
  const loop = async (): Promise<void> => {
    while (next < fetches) {
      await one(urlAt(next++));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, loop));
}
