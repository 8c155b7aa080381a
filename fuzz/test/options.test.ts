import { describe, expect, it } from '@jest/globals';
import { readOptions } from '../options.ts';

const KNOWN = ['robots', 'cron'];

describe('the options of the fuzzing suite', () => {
  it('are five minutes of all targets with a seed of chance, if none are given', () => {
    const { names, minutes, runs, seed, path } = readOptions([], KNOWN);
    expect([names, minutes, runs, path]).toEqual([KNOWN, 5, undefined, undefined]);
    expect(Number.isSafeInteger(seed)).toBe(true);
  });

  it('repeat one input of a failure', () => {
    const args = ['--target', 'cron', '--seed', '7', '--path', '3:0:1'];
    expect(readOptions(args, KNOWN)).toEqual({
      names: ['cron'],
      seed: 7,
      minutes: undefined,
      runs: 1,
      path: '3:0:1',
      isList: false,
    });
  });

  it.each([
    [['--target', 'corn'], 'there is no target "corn"; allowed: robots, cron'],
    [['--minutes', '0'], '--minutes is a number above 0, not "0"'],
    [['--runs', '1.5'], '--runs is a whole number from 1 to 1000000000, not "1.5"'],
    [['--seed', 'x'], '--seed is a whole number'],
    [['--minutes', '1', '--runs', '1'], '--minutes and --runs exclude each other'],
    [['--path', '3'], '--path needs one --target and the --seed of the failure'],
    [['--target', 'cron', '--seed', '1', '--path', 'x'], '--path is numbers with ":" between them'],
  ])('%j are refused', (args, message) => {
    expect(() => readOptions(args, KNOWN)).toThrow(message);
  });
});
