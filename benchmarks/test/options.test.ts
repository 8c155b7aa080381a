import { describe, expect, it } from '@jest/globals';
import { readOptions } from '../options.ts';

describe('the command line', () => {
  const names = { known: ['a', 'b', 'extra'], usual: ['a', 'b'] };

  it('selects the usual benchmarks unless it names others', () => {
    expect(readOptions([], names)).toMatchObject({ names: ['a', 'b'], rounds: 5 });
    expect(readOptions(['extra', '--quick'], names)).toMatchObject({ names: ['extra'], rounds: 1 });
    expect(readOptions(['all', '--rounds', '7'], names)).toMatchObject({ rounds: 7 });
  });

  it.each([
    { args: ['c'], says: 'there is no benchmark "c"' },
    { args: ['--rounds', '0'], says: 'a whole number from 1, not "0"' },
    { args: ['--rounds', 'x'], says: 'a whole number from 1, not "x"' },
    { args: ['--fast'], says: '--fast' },
  ])('refuses $args', ({ args, says }) => {
    expect(() => readOptions(args, names)).toThrow(says);
  });
});
