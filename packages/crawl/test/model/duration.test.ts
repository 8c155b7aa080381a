import { describe, expect, it } from '@jest/globals';
import { parseDurationMs } from '../../src/model/duration.ts';

describe('parseDurationMs', () => {
  it.each([
    ['0ms', 0],
    ['0s', 0],
    ['500ms', 500],
    ['30s', 30_000],
    ['30 s', 30_000],
    ['5m', 300_000],
    ['1.5m', 90_000],
    ['1h', 3_600_000],
    ['168h', 604_800_000],
    ['30d', 2_592_000_000],
    ['0.0004s', 0],
    ['0.0006s', 1],
  ])('reads %s as %s ms', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  it.each([
    '',
    '0',
    '30',
    'ms',
    's30',
    '-1s',
    '+1s',
    '.5s',
    '1.s',
    '1,5s',
    '1e3s',
    '30S',
    '5min',
    '1w',
    '1h30m',
    ' 1s',
    '1s ',
    '1toString',
    'NaNs',
    `${'9'.repeat(16)}s`,
  ])('refuses %j', (text) => {
    expect(parseDurationMs(text)).toBeUndefined();
  });
});
