import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { toError } from '../../src/model/to-error.ts';

describe('toError', () => {
  it('passes an error through as the same object', () => {
    const error = new TypeError('no');
    expect(toError(error)).toBe(error);
  });

  it('knows an error from another realm', () => {
    const error: unknown = runInNewContext('new RangeError("far away")');
    expect(error).not.toBeInstanceOf(Error);
    expect(toError(error)).toBe(error);
  });

  it.each([
    ['text', 'text'],
    [undefined, 'undefined'],
    [{ code: 7 }, '{ code: 7 }'],
    [Object.create(null), '[Object: null prototype] {}'],
  ])('makes an error of anything else, which stays its cause: %p', (thrown: unknown, message) => {
    const error = toError(thrown);
    expect(error.message).toBe(message);
    expect(error.cause).toBe(thrown);
  });
});
