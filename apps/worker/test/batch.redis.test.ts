import { describe, expect, it } from '@jest/globals';
import {
  eventually,
  installLeakGuard,
  redisUrl,
  startOrigin,
  temporaryFolder,
} from '@fetchfleet/testing';
import { range, readRecords, recordedIndexes, startFleet } from './fleet-fixture.ts';

installLeakGuard();

const isFinished = async (ledger: { state(id: string): Promise<string | undefined> }, id: string) =>
  expect(await ledger.state(id)).toBe('finished');

describe('a worker', () => {
  it.each(['got', 'undici'])('fetches a batch to one record each with %s', async (transport) => {
    const origin = await startOrigin();
    const folder = await temporaryFolder();
    const fleet = await startFleet(redisUrl(), folder.path);
    const total = await fleet.enqueue(
      'plain',
      `url: ${origin.url}/echo/{n}\nparams: { n: { from: 0, to: 299 } }\nnetwork: { allowPrivate: true }\npoliteness: { concurrency: unlimited }`,
    );
    const worker = await fleet.worker(['--transport', transport]);
    await eventually(async () => isFinished(fleet.ledger, 'plain'));

    const status = await fleet.ledger.status('plain');
    expect(status).toMatchObject({ total, settled: total, ok: total, failed: 0 });
    expect(await recordedIndexes(folder.path, 'plain')).toEqual(range(total));
    expect(await readRecords(folder.path, 'plain')).toHaveLength(total);
    await eventually(async () =>
      expect(await fleet.queue.counts()).toMatchObject({ active: 0, waiting: 0, delayed: 0 }),
    );
    expect(await worker.kill('SIGTERM')).toMatchObject({ signal: 'SIGTERM' });
    await fleet.stop();
  });
});
