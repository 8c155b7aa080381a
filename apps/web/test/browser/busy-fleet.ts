import { eventually } from '@fetchfleet/testing';
import { crawlOf, PageFleet } from './page-fleet.ts';

/** A view: where it is, and a text that stands there when it is complete. */
export interface View {
  readonly name: string;
  readonly address: string;
  readonly text: string;
}

interface BusyFleet {
  readonly fleet: PageFleet;
  readonly views: readonly View[];
}

const SAMPLES = 360;
const SAMPLE_MS = 10_000;

/** An hour of samples, as the workers of a fleet leave them: it has worked before this run. */
async function writeHistory({ redis, keys }: PageFleet): Promise<void> {
  const now = Date.now();
  const totals = { settled: 0, failed: 0 };
  for (let at = 0; at < SAMPLES; at += 1) {
    const wave = 1 + Math.sin(at / 25) / 3 + Math.sin(at / 3) / 12;
    totals.settled += Math.round(900 * wave);
    totals.failed += at % 40 < 3 ? 30 : 1;
    const sample = { ...totals, inFlight: Math.round(90 * wave), capacity: 150, batches: {} };
    await redis.lpush(
      keys.history,
      JSON.stringify({ at: now - (SAMPLES - at) * SAMPLE_MS, ...sample }),
    );
  }
  await redis.hset(keys.home.totals, totals);
}

/** What was fetched at origins before this run, in slots of five minutes. */
async function writeWork({ redis, keys }: PageFleet, [first, second]: [string, string]) {
  const now = Math.floor(Date.now() / 300_000);
  for (let at = 1; at < 12; at += 1) {
    const key = `${keys.originWork}${now - at}`;
    const wave = 1 + Math.sin(at) / 4;
    await redis.hset(key, first, Math.round(9_000 * wave), second, Math.round(5_000 * wave));
    if (at > 4 && at < 8) {
      await redis.hset(key, `!${second}`, Math.round(1_500 * wave));
    }
    await redis.expire(key, 3_900);
  }
}

/** At the port that the docs use, or another one if somebody has it. */
async function startApi(fleet: PageFleet, port: number, flags: string[]): Promise<string> {
  return fleet.startApi(['--port', String(port), ...flags]).catch(() => fleet.startApi(flags));
}

/**
 * A fleet in which everything is to be seen at once: batches under way, paused and ended, failures,
 * an origin that is blocked, limits that were set, schedules.
 */
export async function busyFleet(url: string): Promise<BusyFleet> {
  const fleet = await PageFleet.start({ url, name: 'main', workers: 0 });
  await writeHistory(fleet);
  await Promise.all([1, 2, 3].map(async () => fleet.startWorker()));
  const api = await startApi(fleet, 8787, ['--latency', '60ms', '--jitter', '80ms']);
  const other = await startApi(fleet, 8786, ['--latency', '20ms']);
  const down = await startApi(fleet, 8785, []);
  await writeWork(fleet, [api, other]);
  const items = '/items/{n}?items=1000000';
  for (const [at, name] of ['oslo', 'lima', 'nairobi'].entries()) {
    const crawl = await fleet.write(crawlOf(`${other}${items}`, 120, { name }));
    await fleet.run('schedule', 'add', crawl, '--cron', `0 ${at + 2} * * *`);
    await fleet.run('schedule', 'run-now', name);
  }
  await fleet.run('schedule', 'pause', 'lima');
  const ended = await fleet.finish(
    crawlOf(`${api}/items/{n}?items=290`, 300, {
      name: 'prices',
      retry: '{ attempts: 1 }',
      keep: '{ headers: all }',
    }),
  );
  await fleet.run('origins', 'set', other, '--rate', '40/s', '--concurrency', '8');
  const stock = crawlOf(`${other}${items}`, 2_000, { name: 'stock' });
  const paused = await fleet.begin(stock);
  await eventually(async () => (await fleet.settledOf(paused)) > 400);
  await fleet.run('pause', paused);
  await fleet.begin(crawlOf(`${down}/items/{n}?status=429&retryAfter=900`, 600, { name: 'news' }));
  const running = await fleet.begin(
    crawlOf(`{+base}${items}&error=0.004`, 20_000, {
      name: 'countries',
      params: `{ base: ["${api}", "${other}"], n: { from: 1, to: 10000 } }`,
      retry: '{ attempts: 1 }',
      politeness: '{ rate: 60/s, robots: ignore }',
    }),
  );
  await eventually(async () => (await fleet.settledOf(running)) > 3_000);
  const records = `#/batches/${ended}/records`;
  return {
    fleet,
    views: [
      { name: 'overview', address: '#/', text: 'is blocked' },
      { name: 'batches', address: '#/batches', text: ended },
      { name: 'batch', address: `#/batches/${running}`, text: 'HTTP 500' },
      { name: 'records', address: `${records}?text=items/24&open=240`, text: 'save the body' },
      { name: 'origins', address: '#/origins', text: 'blocked, next try in' },
      { name: 'workers', address: '#/workers', text: 'of 50' },
      { name: 'schedules', address: '#/schedules', text: 'paused' },
      { name: 'new', address: '#/new', text: 'GET http' },
    ],
  };
}
