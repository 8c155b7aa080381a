import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, installLeakGuard } from '@fetchfleet/testing';
import { crawlFile } from '../cli-fixture.ts';
import { FleetProject } from '../fleet-fixture.ts';

let fleet: FleetProject;

beforeEach(async () => {
  fleet = await FleetProject.create();
});

afterEach(async () => fleet.remove());

installLeakGuard();

describe('a batch that is paused', () => {
  it('lets running fetches end, starts no other, and goes on when it is resumed', async () => {
    const { origin } = fleet;
    const total = 1_000;
    origin.respond(/^\/echo/u, { delayMs: 300, body: '{}' });
    await Promise.all([
      fleet.worker(['--concurrency', '20']),
      fleet.worker(['--concurrency', '20']),
    ]);
    const id = await fleet.enqueue(crawlFile(origin.url, total));
    await eventually(() => origin.arrivals.length > 60);
    const paused = await fleet.json('pause', id);
    expect(paused).toMatchObject({ code: 0, document: { state: 'paused', total } });
    await eventually(async () => {
      const { active, delayed, waiting } = await fleet.queue.counts();
      expect({ active, delayed, waiting }).toEqual({ active: 0, delayed: 0, waiting: 0 });
    });
    expect(origin.inFlight).toBe(0);
    const there = origin.arrivals.length;
    expect(there).toBeLessThan(total);
    await eventually(async () => (await fleet.ledger.status(id))?.settled === there);
    const again = await fleet.json('pause', id);
    expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining('paused already') });
    const shown = await fleet.project.call(['status', id]);
    expect(shown.stdout).toMatch(/state +paused/u);

    origin.respond(/^\/echo/u, { body: '{}' });
    const resumed = await fleet.json('resume', id);
    expect(resumed).toMatchObject({ code: 0, document: { total } });
    const watched = await fleet.json('status', id, '--watch');
    expect(watched).toMatchObject({ code: 0, document: { state: 'finished', ok: total } });
    expect(origin.arrivals).toHaveLength(total);
  });

  it('costs nothing, however large it is: none of its slices is started, and others run beside it', async () => {
    const { origin } = fleet;
    const total = 20_000;
    origin.respond(/^\/echo\/\d+\?slow/u, { delayMs: 200, body: '{}' });
    await Promise.all([fleet.worker(), fleet.worker()]);
    const large = crawlFile(origin.url, total).replace('/echo/{n}', '/echo/{n}?slow=1');
    const id = await fleet.enqueue(large);
    await eventually(() => origin.arrivals.length > 100);
    await fleet.json('pause', id);
    const { settled } = (await fleet.ledger.status(id)) ?? { settled: 0 };
    await eventually(async () => (await fleet.queue.counts())['active'] === 0);
    const paused = await fleet.pausedSlices.count(id);
    expect(paused).toBeGreaterThan((total - settled) / 50 - 100);
    const starts = await fleet.starts(id);
    // Only slices that workers had claimed before.
    expect(starts).toBeLessThan(100);
    for (let round = 0; round < 3; round += 1) {
      const other = await fleet.enqueue(crawlFile(origin.url, 300));
      const { document } = await fleet.json('status', other, '--watch');
      expect(document).toMatchObject({ state: 'finished', ok: 300 });
    }
    expect(await fleet.starts(id)).toBe(starts);

    const arrivals = origin.arrivals.length;
    const resuming = fleet.json('resume', id);
    await eventually(async () => (await fleet.ledger.state(id)) === 'running');
    await eventually(() => origin.arrivals.length > arrivals + 50);
    expect(await resuming).toMatchObject({ code: 0 });
    expect(await fleet.pausedSlices.count(id)).toBe(0);
    // It has saved up no turns: a small batch does not come after all of it.
    const small = await fleet.enqueue(crawlFile(origin.url, 20));
    const { document } = await fleet.json('status', small, '--watch');
    expect(document).toMatchObject({ state: 'finished', ok: 20 });
    expect((await fleet.ledger.status(id))?.state).toBe('running');
  });

  it('can be enqueued further, and runs after resume', async () => {
    const total = 100_000;
    await fleet.worker();
    fleet.origin.respond(/^\/echo/u, { delayMs: 1_000, body: '{}' });
    await fleet.project.write('crawl.yaml', crawlFile(fleet.origin.url, total));
    const producer = await fleet.project.start(['start', 'crawl.yaml']);
    const [id] = await producer.waitForLine(/^test-\S+/u);
    // It stands still until the batch is paused: most of it is enqueued after that.
    producer.signal('SIGSTOP');
    const paused = await fleet.json('pause', id);
    producer.signal('SIGCONT');
    expect(paused.document).toMatchObject({ state: 'paused' });
    expect(await producer.exit).toMatchObject({ code: 0 });
    await eventually(async () => {
      const { waiting = 0, active = 0 } = await fleet.queue.counts();
      return waiting + active === 0;
    });
    const resumed = await fleet.json('resume', id);
    expect(resumed).toMatchObject({ code: 0, document: { state: 'running', total } });
    const cancelled = await fleet.json('cancel', id);
    expect(cancelled).toMatchObject({ code: 0, document: { state: 'cancelled' } });
    await eventually(
      async () => (await fleet.redis.keys(`{${fleet.name}}:slices:test*`)).length === 0,
    );
  });

  it('finishes if every fetch that was left was in flight', async () => {
    const { origin } = fleet;
    origin.respond(/^\/echo/u, { delayMs: 3_000, body: '{}' });
    await fleet.worker();
    const id = await fleet.enqueue(crawlFile(origin.url, 5));
    await eventually(() => origin.inFlight === 5);
    await fleet.json('pause', id);
    await eventually(async () => (await fleet.ledger.state(id)) === 'finished');
    const paused = await fleet.project.call(['pause', id]);
    expect(paused).toMatchObject({ code: 2, stderr: expect.stringContaining('is finished') });
  });

  it('is continued by run and by resume in a folder with the private Redis', async () => {
    const { project, origin } = fleet;
    origin.respond(/^\/echo/u, { delayMs: 200, body: '{}' });
    await project.write('crawl.yaml', crawlFile(origin.url, 400));
    const env = { REDIS_URL: undefined };
    const args = ['--workers', '1', '--concurrency', '10'];
    const run = await project.start(['run', 'crawl.yaml', ...args, '--json'], { env });
    const [, id = ''] = await run.waitForLine(/Batch (\S+): 400/u);
    await eventually(() => origin.arrivals.length > 20);
    const paused = await project.run(['pause', id, '--json'], env);
    expect(JSON.parse(paused.stdout)).toMatchObject({ state: 'paused' });
    await run.kill('SIGINT');
    const resumed = await project.run(['resume', id, ...args, '--json'], env);
    expect(resumed.code).toBe(0);
    expect(JSON.parse(resumed.stdout)).toMatchObject({ state: 'finished', ok: 400 });
    expect(origin.arrivals).toHaveLength(400);
  });
});

describe('a batch that is cancelled', () => {
  it('stops its running fetches on all workers, and leaves no slice in the queue', async () => {
    const { origin } = fleet;
    origin.respond(/^\/echo/u, async () => new Promise(() => undefined));
    await Promise.all([
      fleet.worker(['--concurrency', '10']),
      fleet.worker(['--concurrency', '10']),
    ]);
    const id = await fleet.enqueue(crawlFile(origin.url, 20_000));
    await eventually(() => origin.inFlight === 20);
    const cancelled = await fleet.json('cancel', id);
    expect(cancelled).toMatchObject({ code: 0, document: { state: 'cancelled', settled: 0 } });
    await eventually(() => origin.inFlight === 0);
    await eventually(
      async () => (await fleet.redis.keys(`{${fleet.name}}:slices:test*`)).length === 0,
    );
    expect(origin.arrivals.length).toBeLessThan(60);
  });
});
