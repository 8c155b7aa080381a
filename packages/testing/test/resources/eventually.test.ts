import { describe, expect, it } from '@jest/globals';
import { eventually } from '../../src/index.ts';

const deadlineMs = 20;
const AT_ONCE = { deadlineMs, intervalMs: 1 };

describe('eventually', () => {
  it('repeats a check until it neither throws nor returns false', async () => {
    const answers = [false, new Error('not yet'), 'there'];
    const value = await eventually(
      () => {
        const answer = answers.shift();
        if (answer instanceof Error) {
          throw answer;
        }
        return answer;
      },
      { intervalMs: 1 },
    );
    expect(value).toBe('there');
  });

  it('throws the last error at its deadline', async () => {
    const waiting = eventually(() => expect(1).toBe(2), AT_ONCE);
    await expect(waiting).rejects.toThrow('Expected: 2');
  });

  it('gives up on a check that never answers', async () => {
    const silent = Promise.withResolvers<string>();
    const waiting = eventually(async () => silent.promise, AT_ONCE);
    await expect(waiting).rejects.toThrow('Condition gave no answer');
  });
});
