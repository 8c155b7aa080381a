import { closeAfterEach, eventually, startRedis } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { Project } from '../cli-fixture.ts';

closeAfterEach();

describe('exporter', () => {
  it('goes on without Redis, says so, and has the gauges again when it answers', async () => {
    const redis = await startRedis();
    const project = await Project.create(redis.url);
    const running = await project.start(['exporter', '--port', '0']);
    const [address = ''] = await running.waitForLine(/http:\S+/u);
    const pageOf = async (path: string) => {
      const response = await fetch(new URL(path, address));
      return { status: response.status, text: await response.text() };
    };
    const hasGauges = async (): Promise<boolean> =>
      (await pageOf('metrics')).text.includes('fetchfleet_backlog_fetches{');
    await eventually(hasGauges);

    redis.freeze();
    await eventually(async () => expect((await pageOf('readyz')).status).toBe(503));
    expect((await pageOf('healthz')).status).toBe(200);
    await eventually(async () => expect(await hasGauges()).toBe(false));
    await eventually(() => running.stderr.includes('Redis does not answer'));
    redis.thaw();
    await eventually(async () => expect((await pageOf('readyz')).status).toBe(200));
    await eventually(hasGauges);

    await redis.kill();
    await eventually(async () => expect((await pageOf('readyz')).status).toBe(503));
    await redis.restart();
    await eventually(hasGauges);
    await running.kill('SIGTERM');
    await project.remove();
  });
});
