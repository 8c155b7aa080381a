import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { SettingsError } from '../../src/process/settings.ts';
import {
  booleanSetting,
  durationMs,
  fetchSchemas,
  readSettingsTable,
  settingHelp,
  sizeInBytes,
  type SettingsSources,
} from '../../src/process/settings-table.ts';

const TABLE = {
  url: { flags: '--url <url>', variable: 'X_URL', help: 'where', schema: z.string() },
  waitMs: {
    flags: '--longest-wait <duration>',
    variable: 'X_WAIT',
    help: 'how long',
    default: '20s',
    schema: durationMs({ min: '1s', max: '1h' }),
  },
  isPrivate: {
    flags: '--private',
    variable: 'X_PRIVATE',
    help: 'hidden',
    default: false,
    schema: booleanSetting(),
  },
  hasTicks: {
    flags: '--no-ticks',
    variable: 'X_TICKS',
    help: 'without ticks',
    default: true,
    schema: booleanSetting(),
  },
} as const;

function read(flags: SettingsSources['flags'], env: SettingsSources['env'] = {}) {
  return readSettingsTable(TABLE, { flags: { ticks: true, url: 'x', ...flags }, env });
}

function problemsOf(flags: SettingsSources['flags'], env?: SettingsSources['env']) {
  try {
    read(flags, env);
  } catch (error) {
    if (error instanceof SettingsError) {
      return error.problems;
    }
    throw error;
  }
  return [];
}

describe('readSettingsTable', () => {
  it('takes the flag, else the variable, else the default', () => {
    expect(read({})).toEqual({ url: 'x', waitMs: 20_000, isPrivate: false, hasTicks: true });
    expect(read({}, { X_WAIT: '2m', X_PRIVATE: '1', X_TICKS: 'false' })).toEqual({
      url: 'x',
      waitMs: 120_000,
      isPrivate: true,
      hasTicks: false,
    });
    expect(
      read(
        { longestWait: '3s', private: true, ticks: false },
        { X_WAIT: '2m', X_PRIVATE: '0', X_TICKS: 'true' },
      ),
    ).toEqual({ url: 'x', waitMs: 3_000, isPrivate: true, hasTicks: false });
  });

  it('names flag, variable, value and limit of every setting that is wrong', () => {
    expect(
      problemsOf({ url: undefined, longestWait: '2' }, { X_PRIVATE: 'no', X_TICKS: 'off' }),
    ).toEqual([
      '--url (X_URL): must be set',
      '--longest-wait (X_WAIT): must be a duration such as 500ms, 20s or 2m, got "2"',
      '--private (X_PRIVATE): must be true, false, 1 or 0, got "no"',
      '--no-ticks (X_TICKS): must be true, false, 1 or 0, got "off"',
    ]);
  });

  it.each([
    ['1s', 1_000],
    ['1.5s', 1_500],
    ['2m', 120_000],
    ['1h', 3_600_000],
  ])('reads %s as %d ms', (longestWait, waitMs) => {
    expect(read({ longestWait })).toMatchObject({ waitMs });
  });

  it.each([
    ['999ms', 'must be at least 1s'],
    ['61m', 'must be at most 1h'],
    ['-1s', 'must be a duration such as 500ms, 20s or 2m'],
    ['', 'must be a duration such as 500ms, 20s or 2m'],
  ])('refuses %j: %s', (longestWait, message) => {
    expect(problemsOf({ longestWait })).toEqual([
      `--longest-wait (X_WAIT): ${message}, got ${JSON.stringify(longestWait)}`,
    ]);
  });
});

describe('the umask', () => {
  it.each([
    ['000', 0],
    ['0', 0],
    ['22', 0o022],
    ['0027', 0o027],
    ['077', 0o077],
  ])('reads %s', (text, mask) => {
    expect(fetchSchemas.umask.parse(text)).toBe(mask);
  });

  it.each(['', '8', '-1', '0o22', '18', '100', '777', ' 022'])('refuses %j', (text) => {
    expect(fetchSchemas.umask.safeParse(text).success).toBe(false);
  });
});

describe('a number', () => {
  it.each(['1e2', '0x10', '5.0', '+5', '', ' 5', '0', '10001'])('is not read from %j', (text) => {
    expect(fetchSchemas.concurrency.safeParse(text).success).toBe(false);
  });

  it('is read from digits', () => {
    expect(fetchSchemas.concurrency.parse('0050')).toBe(50);
  });
});

describe('settingHelp', () => {
  it('names default and variable', () => {
    expect(Object.values(TABLE).map(settingHelp)).toEqual([
      'where (env: X_URL)',
      'how long (default: "20s", env: X_WAIT)',
      'hidden (default: false, env: X_PRIVATE)',
      'without ticks (env: X_TICKS=false)',
    ]);
  });
});

describe('a size', () => {
  const schema = sizeInBytes({ min: '1KiB', max: '1MiB' });

  it.each([
    ['1KiB', 1_024],
    ['1.5KiB', 1_536],
    ['1MiB', 1_048_576],
  ])('is read in bytes: %s', (text, bytes) => {
    expect(schema.parse(text)).toBe(bytes);
  });

  it.each([
    ['', 'must be a size such as 64KiB'],
    ['10', 'must be a size such as 64KiB'],
    ['-1KiB', 'must be a size such as 64KiB'],
    ['1023B', 'must be at least 1KiB'],
    ['2MiB', 'must be at most 1MiB'],
  ])('is refused: %j', (text, message) => {
    expect(() => schema.parse(text)).toThrow(message);
  });
});
