import { describe, expect, it } from '@jest/globals';
import { SentNumber, parseJson } from '../../page/src/records/parse-json.ts';

const read = (text: string): unknown => parseJson(text)?.value;

describe('JSON as a tree', () => {
  it('keeps the digits of long numbers', () => {
    const text = '{"id":12345678901234567890,"x":[0.1000000000000000055,1.5,1234567890123456]}';
    expect(parseJson(text)?.value).toEqual({
      id: new SentNumber('12345678901234567890'),
      x: [new SentNumber('0.1000000000000000055'), 1.5, 1234567890123456],
    });
  });

  const numbers =
    '-0 0 -0.0 -0e1 1e400 -1E-400 1e5 1E2 1.5e+3 1.10 1.0 0.10 -12.50 0.0000001 1e-7 0.000001 -0.5 ' +
    '100 1000000000000000000000 1.05 9007199254740993 123456789012345.6 0.1 -7 2.25';
  it.each(numbers.split(' '))('shows a number as it was sent: %s', (number) => {
    const texts = [`[${number}]`, `[1,${number}]`, `{"b":1,"a":${number}}`, `{"a"\t:${number} }`];
    const found = [read(number), ...texts.map((text) => Object.values(read(text) ?? {}).at(-1))];
    const shown = found.map((one) => (one instanceof SentNumber ? one.text : String(one)));
    expect(shown).toEqual(found.map(() => number));
  });

  it('is what the browser can hold, and nothing else', () => {
    expect(parseJson('{"a":[1,null,"12345678901234567890"]}')?.value).toEqual({
      a: [1, null, '12345678901234567890'],
    });
    expect(parseJson('{"a":')).toBeUndefined();
    expect(parseJson(`${'['.repeat(9_999)}1${']'.repeat(9_999)}`)).toBeDefined();
  });
});
