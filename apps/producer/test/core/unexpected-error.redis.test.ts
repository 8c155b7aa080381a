import { fleetKeys, connectRedis } from '@fetchfleet/fleet';
import { closeAfterEach, redisUrl } from '@fetchfleet/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Project } from '../cli-fixture.ts';

closeAfterEach();

let project: Project;

beforeAll(async () => {
  project = await Project.create(redisUrl());
});

afterAll(async () => project.remove());

describe('an error that nobody expected', () => {
  it('ends a command with 1 and its message, and with its stack for debugging', async () => {
    const { batches } = fleetKeys(project.env['FETCHFLEET_FLEET']);
    const redis = await connectRedis(redisUrl());
    await redis.set(batches, 'not the sorted set that belongs here');
    const [plain, debug] = await Promise.all([
      project.call(['status']),
      project.call(['status'], { FETCHFLEET_DEBUG: '1' }),
    ]);
    await redis.del(batches);
    redis.disconnect();
    for (const ended of [plain, debug]) {
      expect(ended).toMatchObject({ code: 1, stdout: '' });
      expect(ended.stderr).toContain('error: WRONGTYPE');
    }
    expect(plain.stderr).toContain('FETCHFLEET_DEBUG=1 shows where it happened');
    expect(plain.stderr).not.toMatch(/^\s+at /mu);
    expect(debug.stderr).toMatch(/^\s+at /mu);
  });
});
