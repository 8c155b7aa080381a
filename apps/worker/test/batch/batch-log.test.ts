import { PassThrough } from 'node:stream';
import { Beat, createLogger } from '@fetchfleet/service';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { BatchLog } from '../../src/batch/batch-log.ts';
import { activeBatch } from './batch-fixture.ts';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

function logging() {
  const destination = new PassThrough();
  const log = createLogger({ name: 'test', pretty: false, destination });
  const batchLog = new BatchLog({ log, every: new Beat().every, status: async () => undefined });
  batchLog.start();
  const messages = (): string[] => {
    const lines = String(destination.read() ?? '').split('\n');
    return lines.filter((line) => line !== '').map((line) => String(JSON.parse(line).msg));
  };
  return { batchLog, messages };
}

describe('the log of batches', () => {
  it('has one line for the first slice of a batch, whatever follows', () => {
    const { batchLog, messages } = logging();
    const batch = activeBatch();
    batchLog.sliceClaimed(batch);
    batchLog.sliceClaimed(batch);
    jest.advanceTimersByTime(10_000);
    expect(messages()).toEqual(['first slice of a batch']);
    batchLog.stop();
    expect(jest.getTimerCount()).toBe(0);
  });

  it.each([
    ['warns once when the first hundred fetches fail in the same way', ['timeout', 'timeout'], 1],
    ['says nothing when the failures differ', ['timeout', 'http-error'], 0],
    ['says nothing when one fetch succeeds', ['ok', 'timeout'], 0],
    ['says nothing when all succeed', ['ok', 'ok'], 0],
  ] as const)('%s', (_title, [first, rest], warnings) => {
    const { batchLog, messages } = logging();
    const batch = activeBatch();
    batchLog.sliceClaimed(batch);
    batchLog.settled(batch.id, [{ outcome: first }]);
    for (let i = 0; i < 30; i++) {
      batchLog.settled(
        batch.id,
        Array.from({ length: 10 }, () => ({ outcome: rest })),
      );
    }
    expect(messages().filter((text) => text.includes('same way'))).toHaveLength(warnings);
    batchLog.stop();
  });

  it('has one line for each change of state, within a second', () => {
    const { batchLog, messages } = logging();
    const cancel = new AbortController();
    const batch = { ...activeBatch({ cancelled: cancel.signal }) };
    batchLog.sliceClaimed(batch);
    Object.assign(batch, { state: 'paused' });
    jest.advanceTimersByTime(5_000);
    Object.assign(batch, { state: 'running' });
    jest.advanceTimersByTime(5_000);
    cancel.abort();
    jest.advanceTimersByTime(5_000);
    expect(messages()).toEqual([
      'first slice of a batch',
      'batch paused',
      'batch resumed',
      'batch cancelled',
    ]);
    batchLog.stop();
  });

  it('has no line for a batch that was cancelled before its first slice', () => {
    const { batchLog, messages } = logging();
    batchLog.sliceClaimed(activeBatch({ state: 'cancelled' }));
    jest.advanceTimersByTime(5_000);
    expect(messages()).toEqual([]);
    batchLog.stop();
  });
});
