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
    // A mistake in the program, in a function that `origins` calls.
    const mistake =
      'Array.prototype.toSorted = () => { throw new TypeError("a\\u001b[2J mistake"); };';
    await project.write('mistake.mjs', mistake);
    const env = { NODE_OPTIONS: '--import=./mistake.mjs' };
    const [plain, debug] = await Promise.all([
      project.run(['origins'], env),
      project.run(['origins'], { ...env, FETCHFLEET_DEBUG: '1' }),
    ]);
    for (const ended of [plain, debug]) {
      expect(ended).toMatchObject({ code: 1, stdout: '' });
      expect(ended.stderr).toContain(String.raw`error: a\u001b[2J mistake`);
      expect(ended.stderr).not.toContain('\u001b');
    }
    expect(plain.stderr).toContain('FETCHFLEET_DEBUG=1 shows where it happened');
    expect(plain.stderr).not.toMatch(/^\s+at /mu);
    expect(debug.stderr).toMatch(/^\s+at /mu);
  });
});
