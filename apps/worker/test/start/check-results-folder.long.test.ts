import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  closeAfterEach,
  redisUrl,
  startOrigin,
  startProcess,
  temporaryFolder,
} from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { crawlFile, range, recordedIndexes, settled, startFleet } from '../fleet/fleet-fixture.ts';

closeAfterEach();

const TOTAL = 30;

/** A batch that a killed worker has begun. Its results folder has become another one since. */
async function begunElsewhere() {
  const origin = await startOrigin();
  const { path } = await temporaryFolder();
  const [results, aside] = [join(path, 'results'), join(path, 'aside')];
  const fleet = await startFleet(redisUrl(), results);
  const politeness = '{ rate: 10/s, burst: 1, robots: ignore }';
  await fleet.enqueue('b', crawlFile(`${origin.url}/echo/{n}`, TOTAL, { politeness }));
  const killed = await fleet.worker();
  await settled(fleet, 'b', 1);
  await killed.kill('SIGKILL');
  await rename(results, aside);
  await mkdir(results);
  return { path, results, aside, fleet };
}

describe('a worker whose results folder is not the one of unfinished batches', () => {
  it('is refused until the right folder is back', async () => {
    const { path, results, aside, fleet } = await begunElsewhere();
    // On other paths, and on other machines, workers have folders of their own.
    const other = await fleet.worker(['--results', join(path, 'own'), '--concurrency', '1']);
    await other.kill('SIGTERM');
    // Also the second time, when its marker is in the wrong folder.
    for (const _ of range(2)) {
      const flags = ['--fleet', fleet.name, '--results', results, '--metrics-port', '0'];
      const refused = await startProcess('fetchfleet-worker', flags, {
        env: { REDIS_URL: redisUrl() },
      });
      expect((await refused.exit).code).toBe(3);
      expect(refused.stderr).toMatch(/another folder was at this path when b began\. Mount it/);
    }
    await rm(results, { recursive: true });
    await rename(aside, results);
    await fleet.worker();
    await fleet.finished('b');
    const there = await recordedIndexes(results, 'b');
    const own = await recordedIndexes(join(path, 'own'), 'b').catch(() => []);
    expect(new Set([...there, ...own])).toEqual(new Set(range(TOTAL)));
  });

  it('goes on in the new one if it is told to, and then without being told', async () => {
    const { results, aside, fleet } = await begunElsewhere();
    const first = await fleet.worker(['--new-results']);
    await settled(fleet, 'b', 15);
    await first.kill('SIGTERM');
    await fleet.worker();
    await fleet.finished('b');
    const found = [
      ...(await recordedIndexes(results, 'b')),
      ...(await recordedIndexes(aside, 'b')),
    ];
    expect(new Set(found)).toEqual(new Set(range(TOTAL)));
  });
});
