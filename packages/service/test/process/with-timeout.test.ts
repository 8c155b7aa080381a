import { describe, expect, it } from '@jest/globals';
import { withTimeout } from '../../src/process/with-timeout.ts';

const never = new Promise<string>(() => undefined);
const late = { timeoutMs: 1, onTimeout: () => 'late' };
const soon = { timeoutMs: 60_000, onTimeout: () => 'late' };

function fail(): never {
  throw new Error('too late');
}

describe('withTimeout', () => {
  it('returns the result of work that is in time', async () => {
    expect(await withTimeout(Promise.resolve('done'), soon)).toBe('done');
  });

  it('rejects with the error of work that fails in time', async () => {
    await expect(withTimeout(Promise.reject(new Error('no')), soon)).rejects.toThrow('no');
  });

  it('returns what onTimeout returns when the work is late, and throws what it throws', async () => {
    expect(await withTimeout(never, late)).toBe('late');
    await expect(withTimeout(never, { timeoutMs: 1, onTimeout: fail })).rejects.toThrow('too late');
  });

  it('reports nothing when the work fails after its time', async () => {
    const { promise: failing, reject } = Promise.withResolvers<string>();
    expect(await withTimeout(failing, late)).toBe('late');
    reject(new Error('nobody waits for this'));
    await expect(failing).rejects.toThrow('nobody waits');
  });

  it('rejects with the reason of its signal, aborted before or meanwhile', async () => {
    const aborted = AbortSignal.abort(new Error('interrupted'));
    await expect(withTimeout(never, { ...soon, signal: aborted })).rejects.toThrow('interrupted');
    const controller = new AbortController();
    const waiting = withTimeout(never, { ...soon, signal: controller.signal });
    controller.abort(new Error('interrupted later'));
    await expect(waiting).rejects.toThrow('interrupted later');
  });
});
