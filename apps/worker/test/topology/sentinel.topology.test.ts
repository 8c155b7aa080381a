import {
  closeAfterEach,
  eventually,
  type RedisSentinels,
  startProcess,
  startRedisSentinels,
  temporaryFolder,
} from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { crawlFile, expectComplete, settled, setUpFleet } from '../fleet/fleet-fixture.ts';
import { expectRecovery, resume, startBatch } from './recovery.ts';

closeAfterEach();

// So many that a batch is still running when a busy machine gets round to the next step of a test.
const TOTAL = 2_400;

function urlOf({ ports, name }: RedisSentinels, user = ''): string {
  return `redis+sentinel://${user}${ports.map((port) => `127.0.0.1:${port}`).join(',')}/${name}/2`;
}

async function setUp() {
  const sentinels = await startRedisSentinels();
  const made = await setUpFleet(urlOf(sentinels), { delayMs: 80 });
  const { fleet, origin } = made;
  const crawl = crawlFile(`${origin.url}/echo/{n}`, TOTAL);
  const folder = await temporaryFolder();
  const batch = await startBatch(fleet, { url: urlOf(sentinels), folder: folder.path, crawl });
  const start = async () => fleet.worker(['--concurrency', '20']);
  const workers = await Promise.all([start(), start()]);
  /** The batch is complete; which of the workers have lasted. */
  const end = async (): Promise<boolean[]> => {
    await resume(fleet, urlOf(sentinels), batch);
    await expectComplete(made, batch, TOTAL);
    const haveLasted = workers.map(({ isRunning }) => isRunning);
    await Promise.all(workers.map(async (worker) => worker.kill('SIGTERM')));
    await fleet.stop();
    await folder.remove();
    await sentinels.dispose();
    return haveLasted;
  };
  return { ...made, sentinels, batch, end };
}

async function untilReplaced(sentinels: RedisSentinels): Promise<void> {
  const [master] = sentinels.servers;
  await eventually(async () => (await sentinels.masterPort()) !== master.port);
}

describe('N in, N out behind Sentinels', () => {
  it('when the master is killed, and comes back as a replica', async () => {
    const { sentinels, fleet, batch, origin, end } = await setUp();
    await settled(fleet, batch, 100);
    const [master] = sentinels.servers;
    await master.kill();
    await untilReplaced(sentinels);
    await expectRecovery(origin);
    await master.restart();
    expect(await end()).toEqual([true, true]);
  });

  it('when the master hangs', async () => {
    const { sentinels, fleet, batch, origin, end } = await setUp();
    await settled(fleet, batch, 100);
    sentinels.servers[0].freeze();
    await untilReplaced(sentinels);
    await expectRecovery(origin);
    expect(await end()).toEqual([true, true]);
  });

  it('with passwords of Sentinels and master', async () => {
    const sentinels = await startRedisSentinels({ password: 'mp', sentinelPassword: 'sp' });
    const folder = await temporaryFolder();
    const env = { REDIS_URL: urlOf(sentinels, ':mp@'), REDIS_SENTINEL_PASSWORD: 'sp' };
    const flags = ['--metrics-port', '0', '--results', folder.path];
    const worker = await startProcess('fetchfleet-worker', flags, { env });
    await worker.waitForLine(/worker ready/);
    const command = await startProcess('fetchfleet', ['workers', '--json'], { env });
    await command.exit;
    expect(JSON.parse(command.stdout)).toMatchObject({ workers: [{ state: expect.any(String) }] });
    await worker.kill('SIGTERM');
    await folder.remove();
    await sentinels.dispose();
  });
});
