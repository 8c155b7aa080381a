import { describe, expect, it } from '@jest/globals';
import { LongNumber, parseJson } from '../../page/src/records/parse-json.ts';

describe('JSON as a tree', () => {
  it('keeps the digits of long numbers', () => {
    const text = '{"id":12345678901234567890,"x":[0.1000000000000000055,1.5,1234567890123456]}';
    expect(parseJson(text)?.value).toEqual({
      id: new LongNumber('12345678901234567890'),
      x: [new LongNumber('0.1000000000000000055'), 1.5, 1234567890123456],
    });
  });

  it('is what the browser can hold, and nothing else', () => {
    expect(parseJson('{"a":[1,null,"12345678901234567890"]}')?.value).toEqual({
      a: [1, null, '12345678901234567890'],
    });
    expect(parseJson('{"a":')).toBeUndefined();
    expect(parseJson(`${'['.repeat(9_999)}1${']'.repeat(9_999)}`)).toBeDefined();
  });
});
