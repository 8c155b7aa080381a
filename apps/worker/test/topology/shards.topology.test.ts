import { readShards } from '@fetchfleet/fleet';
import { closeAfterEach, startRedisCluster, temporaryFolder } from '@fetchfleet/testing';
import { expect, it } from '@jest/globals';
import { crawlFile, expectComplete, settled, setUpFleet } from '../fleet/fleet-fixture.ts';
import { runProducer, startBatch } from './recovery.ts';

closeAfterEach();

const TOTAL = 1_000;

it('batches spread over all masters of a cluster, and are complete when a worker dies', async () => {
  const cluster = await startRedisCluster();
  const { url } = cluster;
  const made = await setUpFleet(url, { delayMs: 60 });
  const { fleet, origin } = made;
  const folder = await temporaryFolder();
  // They are there before anybody says that there are to be shards.
  const start = async () => fleet.worker(['--concurrency', '20']);
  const [victim, survivor] = [await start(), await start()];
  const crawl = crawlFile(`${origin.url}/echo/{n}`, TOTAL);
  const flags = ['--shards', '3', '--new'];
  const batches: string[] = [];
  for (let n = 0; n < 3; n += 1) {
    batches.push(await startBatch(fleet, { url, folder: folder.path, crawl, flags }));
  }
  await readShards(fleet.redis, fleet.keys);
  expect(fleet.keys.shards).toHaveLength(3);
  const masters = batches.map(async (batch) => cluster.masterOf(fleet.keys.batch(batch)));
  expect(new Set(await Promise.all(masters)).size).toBe(3);
  await Promise.all(batches.map(async (batch) => settled(fleet, batch, 50)));
  await victim.kill('SIGKILL');
  await Promise.all(batches.map(async (batch) => expectComplete(made, batch, TOTAL)));
  const listed = await runProducer(['batches', '--json'], { url, name: fleet.name });
  expect(batches.every((batch) => listed.includes(`"${batch}"`))).toBe(true);
  await survivor.kill('SIGTERM');
  await fleet.stop();
  await folder.remove();
  await cluster.dispose();
});
