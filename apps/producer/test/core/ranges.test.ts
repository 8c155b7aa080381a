import { describe, expect, it } from '@jest/globals';
import { Problems } from '../../src/core/errors.ts';
import { readRanges } from '../../src/core/ranges.ts';

function read(texts: readonly string[], max = 999) {
  const problems = new Problems();
  const ranges = readRanges('--x', texts, { max, problems });
  problems.throwIfAny('nothing');
  return ranges;
}

describe('ranges', () => {
  it.each<[readonly string[], readonly number[]]>([
    [['3'], [3]],
    [
      ['3,17', '40-42'],
      [3, 17, 40, 41, 42],
    ],
    [[' 5 , 1-3'], [1, 2, 3, 5]],
    [['1-3,2-5,2,9-9'], [1, 2, 3, 4, 5, 9]],
    [['40-60'], [40, 41, 42, 43, 44, 45, 46, 47, 48, 49]],
    [['50'], []],
  ])('%j', (texts, numbers) => {
    const ranges = read(texts);
    expect([...(ranges?.below(50) ?? [])]).toEqual(numbers);
    expect(Array.from({ length: 50 }, (_, at) => at).filter((at) => ranges?.has(at))).toEqual(
      numbers,
    );
  });

  it('are none without any', () => {
    expect(read([])).toBeUndefined();
  });

  it.each(['', 'x', '5-', '-5', '7-3', '1000', '1.5', '1-2-3', '0x1', '5xx'])(
    'refuse "%s"',
    (text) => {
      expect(() => read([`1,${text}`])).toThrow('1 problem');
    },
  );
});
