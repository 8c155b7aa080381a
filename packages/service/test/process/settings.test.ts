import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { SettingsError, parseSettings } from '../../src/process/settings.ts';

const schema = z.strictObject({
  concurrency: z.coerce.number().int().min(1).max(10_000),
  transport: z.enum(['got', 'native']),
  limit: z.union([z.literal('unlimited'), z.coerce.number().positive()]).default('unlimited'),
  redisUrl: z.url().optional(),
  apiToken: z.string().min(5).optional(),
  pair: z.string().regex(/:/, 'must be a pair like a:b').optional(),
});

const describeSetting = (path: readonly PropertyKey[]): string =>
  `--${path.join('.')} (X_${path.join('_').toUpperCase()})`;

function problemsOf(input: Record<string, unknown>): readonly string[] {
  try {
    parseSettings(schema, input, describeSetting);
  } catch (error) {
    if (error instanceof SettingsError) {
      return error.problems;
    }
    throw error;
  }
  return [];
}

describe('parseSettings', () => {
  it('returns the output of the schema', () => {
    const input = { concurrency: '64', transport: 'got' };
    expect(parseSettings(schema, input, describeSetting)).toEqual({
      concurrency: 64,
      transport: 'got',
      limit: 'unlimited',
    });
  });

  it('names every problem at once, with option, value and what is allowed', () => {
    expect(
      problemsOf({ concurrency: '0', transport: 'curl', limit: '-1', pair: 'ab', typo: 1 }),
    ).toEqual([
      '--concurrency (X_CONCURRENCY): must be at least 1, got "0"',
      '--transport (X_TRANSPORT): must be one of got, native, got "curl"',
      expect.stringMatching(/^--limit \(X_LIMIT\): must be .*more than 0, got "-1"$/),
      '--pair (X_PAIR): must be a pair like a:b, got "ab"',
      '--typo (X_TYPO): no such setting',
    ]);
  });

  it.each([
    [{ transport: 'got' }, 'must be set'],
    [{ transport: 'got', concurrency: 'many' }, 'must be a number, got "many"'],
    [{ transport: 'got', concurrency: '1.5' }, 'must be a whole number, got "1.5"'],
    [{ transport: 'got', concurrency: '10001' }, 'must be at most 10000, got "10001"'],
    [{ transport: 'got', concurrency: '' }, 'must be at least 1, got ""'],
  ])('says of %j: %s', (input, message) => {
    expect(problemsOf(input)).toEqual([`--concurrency (X_CONCURRENCY): ${message}`]);
  });

  it('never shows a secret or the credentials of a URL, not even of a broken one', () => {
    const secrets = { apiToken: 'pw', redisUrl: ':pw@host' };
    const problems = problemsOf({ concurrency: 1, transport: 'redis://u:pw@h', ...secrets });
    expect(problems).toHaveLength(3);
    expect(problems.join('\n')).not.toContain('pw');
  });

  it('throws an error with a stable code', () => {
    expect(() => parseSettings(schema, {}, describeSetting)).toThrow(
      expect.objectContaining({ name: 'SettingsError', code: 'SETTINGS_INVALID' }),
    );
  });
});
