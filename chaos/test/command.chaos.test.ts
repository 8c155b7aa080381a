import { join } from 'node:path';
import { installLeakGuard, repositoryRoot, startProcess } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';

installLeakGuard();

const MAIN = join(repositoryRoot, 'chaos/main.ts');

async function chaos(...args: readonly string[]) {
  const running = await startProcess('node', ['--conditions=@fetchfleet/source', MAIN, ...args]);
  const { code } = await running.exit;
  return { code, stdout: running.stdout, stderr: running.stderr };
}

describe('npm run chaos', () => {
  it('breaks a fleet for a minute, finds nothing, and says what it did', async () => {
    const { code, stdout, stderr } = await chaos('--minutes', '1', '--seed', '1');
    expect({ code, stderr, stdout }).toMatchObject({ code: 0, stderr: '' });
    expect(stdout).toMatch(/seed 1: \d+ faults, \d+ batches, \d+ requests\nevery invariant held/u);
  });

  it('finds records that somebody has removed', async () => {
    const args = ['--minutes', '1', '--seed', '1', '--fault', 'records-lost'];
    const { code, stdout } = await chaos(...args);
    expect(code).toBe(1);
    expect(stdout).toContain('broken');
    expect(stdout).toContain('N in = N out');
  });

  it('refuses a fault that it does not know', async () => {
    const { code, stderr } = await chaos('--fault', 'rain');
    expect([code, stderr.split('\n')[0]]).toEqual([
      2,
      expect.stringContaining('there is no fault "rain"; allowed: worker-kill, '),
    ]);
  });
});
