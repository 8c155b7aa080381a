import { PassThrough } from 'node:stream';
import { expect, it } from '@jest/globals';
import type { BatchStatus, Ledger } from '@fetchfleet/fleet';
import { Terminal } from '../src/terminal.ts';
import { watchBatch } from '../src/watch-batch.ts';

const MANY_LOOKS = 15;

it('notices the end of a small batch soon', async () => {
  let looks = 0;
  const ledger = {
    status: async (batch: string) => {
      looks += 1;
      const state = looks < MANY_LOOKS ? 'running' : 'finished';
      return { batch, state, missingSecrets: [] } as unknown as BatchStatus;
    },
  } as unknown as Ledger;
  const startedAt = performance.now();
  const status = await watchBatch({
    ledger,
    batch: 'small',
    progress: { update: () => undefined, stop: () => undefined },
    terminal: new Terminal({ stdout: new PassThrough(), stderr: new PassThrough() }),
    signal: new AbortController().signal,
  });
  expect(status.state).toBe('finished');
  // At the pace of a big batch it would take 2.8 s.
  expect(performance.now() - startedAt).toBeLessThan(1_500);
});
