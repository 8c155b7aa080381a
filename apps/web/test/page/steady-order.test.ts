import { describe, expect, it } from '@jest/globals';
import { inSteadyOrder } from '../../page/src/part/steady-order.ts';

const keyOf = (row: string): string => row;

describe('rows of a table that lives', () => {
  it('come as they are while nobody points at one, and stay where they are otherwise', () => {
    const places = new Map<string, number>();
    const order = (rows: string, isHeld: boolean): string =>
      inSteadyOrder(rows.split(''), { keyOf, places, isHeld }).join('');
    expect(order('abc', false)).toBe('abc');
    expect(order('cab', false)).toBe('cab');
    expect(order('abc', true)).toBe('cab');
    expect(order('xbac', true)).toBe('cabx');
    expect(order('bx', true)).toBe('bx');
    expect(order('xab', true)).toBe('abx');
    expect(order('xb', false)).toBe('xb');
  });
});
