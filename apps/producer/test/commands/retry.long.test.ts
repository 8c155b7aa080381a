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

const ONCE = 'retry: { attempts: 1 }';

/** Every tenth fetch gets a 404; those whose number ends in 5 lose the connection. */
function fail(): void {
  fleet.origin.respond(/^\/echo\/\d*0$/u, { status: 404 });
  fleet.origin.respond(/^\/echo\/\d*5$/u, (_, response) => void response.destroy());
}

function recover(): void {
  fleet.origin.respond(/^\/echo/u, { body: '{}' });
}

async function expectWhole(id: string, total: number, failed: number): Promise<void> {
  const { records, stderr } = await fleet.exported(id);
  expect(stderr).not.toContain('no record');
  expect(records.map(({ index }) => index)).toEqual(Array.from({ length: total }, (_, i) => i));
  expect(records.filter(({ outcome }) => outcome !== 'ok')).toHaveLength(failed);
}

describe('a retry', () => {
  it('fetches only failures of the named outcomes, and replaces their records', async () => {
    const { origin } = fleet;
    fail();
    await fleet.worker();
    const id = await fleet.enqueue(crawlFile(origin.url, 200, ONCE));
    const first = await fleet.json('status', id, '--watch');
    expect(first).toMatchObject({
      code: 1,
      document: { ok: 160, outcomes: { ok: 160, 'http-error': 20, 'network-error': 20 } },
    });
    await expectWhole(id, 200, 40);
    recover();
    origin.forget();
    const some = await fleet.json('retry', id, '--outcome', 'network-error', '--wait');
    expect(some).toMatchObject({
      code: 1,
      document: { state: 'finished', ok: 180, failed: 20, outcomes: { 'network-error': 0 } },
    });
    expect(origin.arrivals).toHaveLength(20);
    await expectWhole(id, 200, 20);
    const rest = await fleet.json('retry', id, '--wait');
    expect(rest).toMatchObject({ code: 0, document: { state: 'finished', ok: 200, failed: 0 } });
    expect(origin.arrivals).toHaveLength(40);
    await expectWhole(id, 200, 0);
    const nothing = await fleet.json('retry', id);
    expect(nothing).toMatchObject({ code: 0, stderr: expect.stringContaining('nothing to retry') });
  });

  it('adds the failures of a running batch to its queued slices', async () => {
    const { origin } = fleet;
    const total = 600;
    fail();
    origin.respond(/^\/echo\/\d*[1-4]$/u, { delayMs: 1_000, body: '{}' });
    await Promise.all([
      fleet.worker(['--concurrency', '20']),
      fleet.worker(['--concurrency', '20']),
    ]);
    const id = await fleet.enqueue(crawlFile(origin.url, total, ONCE));
    await eventually(async () => ((await fleet.ledger.status(id))?.failed ?? 0) > 20);
    const running = await fleet.json('retry', id);
    expect(running.code).toBe(0);
    expect(running.stderr).toMatch(/Retrying \d+ fetches/u);
    expect((await fleet.ledger.status(id))?.retries).toBe(1);
    recover();
    const watched = await fleet.json('status', id, '--watch');
    expect(watched.document).toMatchObject({ state: 'finished', settled: total });
    await expectWhole(id, total, watched.document.failed as number);
    const last = await fleet.json('retry', id, '--wait');
    expect(last.document).toMatchObject({ state: 'finished', ok: total });
    await expectWhole(id, total, 0);
  });

  it('is completed by the next retry after it was killed', async () => {
    const total = 120_000;
    const id = await fleet.enqueue(crawlFile('https://a.example', total));
    for (const key of await fleet.redis.keys(`{${fleet.name}}:slices:*`)) {
      await fleet.redis.unlink(key);
    }
    for (let from = 0; from < total; from += 1_000) {
      const outcome = from < 100_000 ? ('timeout' as const) : ('ok' as const);
      const some = Array.from({ length: 1_000 }, (_, i) => ({
        index: from + i,
        outcome,
        durationMs: 1,
        bytes: 1,
      }));
      await fleet.ledger.settle(id, some);
    }
    expect(await fleet.ledger.state(id)).toBe('finished');
    const first = await fleet.project.start(['retry', id]);
    await eventually(async () => ((await fleet.queue.counts())['waiting'] ?? 0) > 200, {
      intervalMs: 5,
    });
    await first.kill('SIGKILL');
    const again = await fleet.json('retry', id);
    expect(again).toMatchObject({
      code: 0,
      document: { state: 'running', settled: 20_000, failed: 0 },
    });
    expect(await fleet.queue.counts()).toMatchObject({ waiting: 100_000 / 50 });
  });

  it('is refused while the batch is cancelled, with the command that helps', async () => {
    const id = await fleet.enqueue(crawlFile(fleet.origin.url, 3));
    await fleet.json('cancel', id);
    const refused = await fleet.project.call(['retry', id]);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining(`resume ${id}`) });
    const wrong = await fleet.project.call(['retry', id, '--outcome', 'timeuot']);
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('network-error') });
    const unknown = await fleet.project.call(['retry', `${id.slice(0, -1)}!`]);
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('did you mean') });
  });

  it('fetches the failures itself in a folder with the private Redis', async () => {
    const { project, origin } = fleet;
    fail();
    const env = { REDIS_URL: undefined };
    await project.write('crawl.yaml', crawlFile(origin.url, 60, ONCE));
    const run = await project.run(['run', 'crawl.yaml', '--workers', '1', '--json'], env);
    expect(run.code).toBe(1);
    const { batch } = JSON.parse(run.stdout) as { batch: string };
    recover();
    const retried = await project.run(['retry', batch, '--workers', '1', '--json'], env);
    expect(retried.code).toBe(0);
    expect(JSON.parse(retried.stdout)).toMatchObject({ state: 'finished', ok: 60, failed: 0 });
    await expectWhole(batch, 60, 0);
  });
});
