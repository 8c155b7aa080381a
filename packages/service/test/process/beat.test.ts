import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Beat } from '../../src/process/beat.ts';

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

describe('the beat of a process', () => {
  it('runs what is due at the same time in one turn, whenever it was added', () => {
    const { every } = new Beat();
    const calls: string[] = [];
    every(2_000, () => calls.push('a'));
    jest.advanceTimersByTime(1_000);
    every(2_000, () => calls.push('b'));
    every(4_000, () => calls.push('c'));
    jest.advanceTimersToNextTimer();
    expect(calls).toEqual(['a', 'b']);
    jest.advanceTimersByTime(2_000);
    expect(calls).toEqual(['a', 'b', 'a', 'b', 'c']);
    expect(jest.getTimerCount()).toBe(1);
  });

  it('calls nothing after it is stopped, and has a timer only while something is to be called', () => {
    const { every } = new Beat();
    const first = jest.fn();
    const second = jest.fn();
    const stopFirst = every(1_000, first);
    const stopSecond = every(1_000, second);
    jest.advanceTimersByTime(1_000);
    stopFirst();
    stopFirst();
    jest.advanceTimersByTime(1_000);
    expect(first).toHaveBeenCalledTimes(1);
    expect(second).toHaveBeenCalledTimes(2);
    stopSecond();
    expect(jest.getTimerCount()).toBe(0);
    every(1_000, first);
    jest.advanceTimersByTime(1_000);
    expect(first).toHaveBeenCalledTimes(2);
  });
});
