import { describe, expect, it } from '@jest/globals';
import { readOptions } from '../options.ts';

const KNOWN = ['worker-kill', 'redis-kill'];

describe('the options of the chaos suite', () => {
  it('are five minutes of all faults with a seed of chance, if none are given', () => {
    const { minutes, faults, workers, previous, seed } = readOptions([], KNOWN);
    expect([minutes, faults, workers, previous]).toEqual([5, [], 3, undefined]);
    expect(Number.isSafeInteger(seed)).toBe(true);
  });

  it('choose faults, seed and release', () => {
    const args = ['--fault', 'redis-kill', '--seed', '7', '--minutes', '0.5', '--previous', '/old'];
    expect(readOptions(args, KNOWN)).toEqual({
      minutes: 0.5,
      seed: 7,
      workers: 3,
      faults: ['redis-kill'],
      previous: '/old',
      isKept: false,
      isList: false,
    });
  });

  it.each([
    [['--fault', 'worker'], 'there is no fault "worker"; allowed: worker-kill, redis-kill'],
    [['--minutes', '0'], '--minutes is a number above 0, at most 1440, not "0"'],
    [['--seed', 'x'], '--seed is a whole number from 0 to 2147483647, not "x"'],
    [['--workers', '9'], '--workers is a whole number from 1 to 8, not "9"'],
  ])('%j are refused', (args, message) => {
    expect(() => readOptions(args, KNOWN)).toThrow(message);
  });
});
