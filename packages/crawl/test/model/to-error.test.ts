import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { toError } from '../../src/model/to-error.ts';

describe('toError', () => {
  it('returns an error unchanged', () => {
    const error = new TypeError('no');
    expect(toError(error)).toBe(error);
  });

  it('recognises an error of another realm', () => {
    const error: unknown = runInNewContext('new RangeError("far away")');
    expect(error).not.toBeInstanceOf(Error);
    expect(toError(error)).toBe(error);
  });

  it.each([
    ['text', 'text'],
    [undefined, 'undefined'],
    [{ code: 7 }, '{ code: 7 }'],
    [Object.create(null), '[Object: null prototype] {}'],
  ])('turns any other value into an error with that cause: %p', (thrown: unknown, message) => {
    const error = toError(thrown);
    expect(error.message).toBe(message);
    expect(error.cause).toBe(thrown);
  });
});
