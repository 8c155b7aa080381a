import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isTlsUnchecked, onUncheckedTls } from '../../src/process/unchecked-tls.ts';

let before: NodeJS.WarningListener[];

beforeEach(() => {
  before = process.listeners('warning');
});

afterEach(() => {
  process.removeAllListeners('warning');
  for (const listener of before) {
    process.on('warning', listener);
  }
});

describe('certificates that are not checked', () => {
  it.each([
    ['0', true],
    ['1', false],
    ['', false],
    ['false', false],
    [undefined, false],
  ])('are told as Node reads the variable: %j', (value, expected) => {
    expect(isTlsUnchecked({ NODE_TLS_REJECT_UNAUTHORIZED: value })).toBe(expected);
  });

  it("are told in place of Node's warning, and other warnings stay", () => {
    const seen: string[] = [];
    process.removeAllListeners('warning');
    process.on('warning', ({ message }) => seen.push(message));
    onUncheckedTls(() => seen.push('told'));
    const variable = 'Setting the NODE_TLS_REJECT_UNAUTHORIZED environment variable';
    process.emit('warning', Object.assign(new Error(variable), { name: 'Warning' }));
    process.emit('warning', new Error('something else'));
    expect(seen).toEqual(['told', 'something else']);
  });
});
