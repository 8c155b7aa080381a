import { eventually } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { AttemptTally } from '../../src/record/attempt-tally.ts';

describe('the tally of attempts', () => {
  it('writes what was counted since, by batch, and nothing twice', () => {
    const written: unknown[] = [];
    const tally = new AttemptTally(
      async (batch, counts) => void written.push([batch, counts]),
      () => undefined,
    );
    tally.retried('a');
    tally.throttled('a');
    tally.throttled('a');
    tally.retried('b');
    tally.flush('a');
    tally.flush('a');
    tally.flush('unknown');
    expect(written).toEqual([['a', { retried: 1, throttled: 2 }]]);
    tally.retried('c');
    tally.flushAll();
    tally.flushAll();
    expect(written.slice(1)).toEqual([
      ['b', { retried: 1, throttled: 0 }],
      ['c', { retried: 1, throttled: 0 }],
    ]);
  });

  it('reports what could not be written', async () => {
    const errors: unknown[] = [];
    const tally = new AttemptTally(
      async () => Promise.reject(new Error('away')),
      (error) => errors.push(error),
    );
    tally.retried('a');
    tally.flushAll();
    await eventually(() => expect(errors).toEqual([new Error('away')]));
  });
});
