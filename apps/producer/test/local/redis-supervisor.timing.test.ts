import { join } from 'node:path';
import { closeAfterEach, startProcess, temporaryFolder } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';

closeAfterEach();

describe('a refused connection to the private Redis', () => {
  it('does not hold up a command that connected before the server started', async () => {
    const { path: folder } = await temporaryFolder('project');
    const module = new URL('../../src/local/redis-supervisor.ts', import.meta.url).href;
    const script = `
      const { connectOnce } = await import(${JSON.stringify(module)});
      await connectOnce(${JSON.stringify(join(folder, 'none.sock'))}).catch(() => undefined);
      const refusedAt = performance.now();
      process.once('exit', () => console.log('held for', Math.round(performance.now() - refusedAt)));`;
    const args = ['--conditions=@fetchfleet/source', '--input-type=module', '-e', script];
    const command = await startProcess('node', args);
    await command.exit;
    const [, heldMs] = /^held for (\d+)$/mu.exec(command.stdout) ?? [];
    expect(Number(heldMs)).toBeLessThan(1_000); // the Redis client's default is 2 s
  });
});
