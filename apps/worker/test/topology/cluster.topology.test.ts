import {
  closeAfterEach,
  eventually,
  type RedisCluster,
  type RedisClusterOptions,
  startRedisCluster,
  temporaryFolder,
} from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { crawlFile, expectComplete, settled, setUpFleet } from '../fleet/fleet-fixture.ts';
import { expectRecovery, resume, startBatch } from './recovery.ts';

closeAfterEach();

// So many that a batch is still running when a busy machine gets round to the next step of a test.
const TOTAL = 2_400;

async function setUp(options: RedisClusterOptions = {}) {
  const cluster = await startRedisCluster(options);
  const made = await setUpFleet(cluster.url, { delayMs: 80 });
  const { fleet, origin } = made;
  const crawl = crawlFile(`${origin.url}/echo/{n}`, TOTAL);
  const folder = await temporaryFolder();
  const batch = await startBatch(fleet, { url: cluster.url, folder: folder.path, crawl });
  const start = async () => fleet.worker(['--concurrency', '20']);
  const workers = await Promise.all([start(), start()]);
  const queueKey = fleet.keys.home.queue('wait');
  /** The batch is complete; which of the workers have lasted. */
  const end = async (): Promise<boolean[]> => {
    await resume(fleet, cluster.url, batch);
    await expectComplete(made, batch, TOTAL);
    const haveLasted = workers.map(({ isRunning }) => isRunning);
    await Promise.all(workers.map(async (worker) => worker.kill('SIGTERM')));
    await fleet.stop();
    await folder.remove();
    await cluster.dispose();
    return haveLasted;
  };
  return { ...made, cluster, batch, queueKey, end };
}

/** Moves the slot of the queue to another master. */
async function moveQueue(cluster: RedisCluster, queueKey: string): Promise<void> {
  const from = await cluster.masterOf(queueKey);
  const [to = from] = await cluster.mastersOtherThan(from);
  await cluster.moveSlotOf(queueKey, to);
  expect(await cluster.masterOf(queueKey)).toBe(to);
}

describe('N in, N out on a cluster', () => {
  it('while slots move between masters, that of the queue too, and a node is added', async () => {
    const { cluster, fleet, batch, origin, queueKey, end } = await setUp();
    await settled(fleet, batch, 100);
    await moveQueue(cluster, queueKey);
    await settled(fleet, batch, 500);
    const added = await cluster.addMaster();
    const from = await cluster.masterOf(fleet.keys.gate(origin.url));
    await cluster.reshard(from, added, 500);
    await cluster.moveSlotOf(fleet.keys.gate(origin.url), added);
    await cluster.moveSlotOf(queueKey, added);
    await settled(fleet, batch, 900);
    await moveQueue(cluster, queueKey);
    expect(await end()).toEqual([true, true]);
  });

  it('when the master of the queue is killed and its replica is promoted', async () => {
    const { cluster, fleet, batch, origin, queueKey, end } = await setUp({ replicas: 1 });
    await settled(fleet, batch, 100);
    const master = await cluster.masterOf(queueKey);
    await master.server.kill();
    await eventually(async () => (await cluster.masterOf(queueKey)) !== master);
    await cluster.untilOk();
    await expectRecovery(origin);
    expect(await end()).toEqual([true, true]);
  });

  it('when the master of the queue hangs, and comes back as a replica', async () => {
    const { cluster, fleet, batch, origin, queueKey, end } = await setUp({ replicas: 1 });
    await settled(fleet, batch, 100);
    const master = await cluster.masterOf(queueKey);
    master.server.freeze();
    await eventually(async () => (await cluster.masterOf(queueKey)) !== master);
    await expectRecovery(origin);
    master.server.thaw();
    await cluster.untilOk();
    expect(await end()).toEqual([true, true]);
  });

  it('when every node is away for a while', async () => {
    const { cluster, fleet, batch, origin, end } = await setUp();
    await settled(fleet, batch, 100);
    await Promise.all(cluster.nodes.map(async ({ server }) => server.kill()));
    await Promise.all(cluster.nodes.map(async ({ server }) => server.restart()));
    await cluster.untilOk();
    await expectRecovery(origin);
    expect(await end()).toEqual([true, true]);
  });
});
