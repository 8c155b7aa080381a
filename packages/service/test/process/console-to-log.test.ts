// oxlint-disable no-console -- what is tested
import { afterEach, describe, expect, it } from '@jest/globals';
import { redirectConsole } from '../../src/index.ts';

let restore = (): void => undefined;

afterEach(() => restore());

describe('what libraries print', () => {
  it('goes elsewhere, as it would have been printed, until that ends', () => {
    const lines: string[] = [];
    const { warn } = console;
    restore = redirectConsole((text) => lines.push(text));
    console.warn('policy is %s', 'lru', { a: 1 });
    console.error(['x']);
    console.log('plain');
    expect(lines).toEqual(['policy is lru { a: 1 }', "[ 'x' ]", 'plain']);
    restore();
    expect(console.warn).toBe(warn);
  });
});
