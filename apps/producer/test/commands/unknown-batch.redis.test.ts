import { mkdir } from 'node:fs/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { installLeakGuard, redisUrl } from '@fetchfleet/testing';
import { Project } from '../cli-fixture.ts';

let project: Project;

afterEach(async () => project.remove());

installLeakGuard();

/** Every command that takes the id of a batch. */
const COMMANDS = [
  'export',
  'show',
  'status',
  'failures',
  'retry',
  'cancel',
  'pause',
  'resume',
  'verify',
] as const;

const FOLDERS: readonly (readonly [what: string, folders: readonly string[]])[] = [
  ['is absent', []],
  ['is empty', ['results']],
  ['has others', ['results/other-20261123-0017-k3f9']],
];

describe.each([
  ['with a Redis', true],
  ['where nothing has run', false],
])('a batch that is not there, %s', (_, hasRedis) => {
  it.each(FOLDERS)('is named by every command if the results folder %s', async (_what, folders) => {
    project = await Project.create(hasRedis ? redisUrl() : undefined);
    for (const folder of folders) {
      await mkdir(project.path(folder), { recursive: true });
    }
    const ends = await Promise.all(
      COMMANDS.map(async (command) => ({
        command,
        ...(await project.call([command, 'nosuch-7', ...(command === 'show' ? ['0'] : [])])),
      })),
    );
    const expected = COMMANDS.map((command) => ({
      command,
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('nosuch-7'),
    }));
    expect(ends).toEqual(expected);
  });
});
