import { Place } from '@fetchfleet/results/place';
import { ProxyRules, SecretRules } from '@fetchfleet/crawl';
import { SettingsError } from '@fetchfleet/service';
import { describe, expect, it } from '@jest/globals';
import { readSettings } from '../src/config.ts';

const ENV = { REDIS_URL: 'redis://localhost:6379' };

function problemsOf(argv: readonly string[], env: Record<string, string> = ENV) {
  try {
    readSettings(argv, env);
  } catch (error) {
    if (error instanceof SettingsError) {
      return error.problems;
    }
    throw error;
  }
  return [];
}

describe('the settings of a worker', () => {
  it('have a default each, but for the address of Redis', () => {
    expect(readSettings([], ENV)).toEqual({
      redisUrl: 'redis://localhost:6379',
      concurrency: 50,
      results: Place.parse('results', process.cwd()),
      compress: 'none',
      newResults: false,
      umask: 0o077,
      transport: 'got',
      metricsPort: 9464,
      metricsHost: '127.0.0.1',
      allowPrivate: false,
      proxy: '',
      allowProxy: ProxyRules.parse(''),
      allowInsecureTls: false,
      secrets: SecretRules.parse('FETCHFLEET_SECRET_*'),
      retention: true,
      schedules: true,
      drainTimeoutMs: 20_000,
      stallTimeoutMs: 30_000,
      maxRetryAfterMs: 3_600_000,
      maxBodyBytes: 268_435_456,
      maxTimeoutMs: 3_600_000,
      fleet: 'fetchfleet',
      logLevel: 'info',
      logFormat: 'auto',
    });
    expect(problemsOf([], {})).toEqual(['--redis-url (REDIS_URL): must be set']);
  });

  it('come from the environment, and from flags before that', () => {
    const env = {
      ...ENV,
      FETCHFLEET_CONCURRENCY: '7',
      FETCHFLEET_DRAIN_TIMEOUT: '1m',
      FETCHFLEET_ALLOW_PRIVATE: 'true',
      FETCHFLEET_SCHEDULES: 'false',
    };
    expect(readSettings(['--concurrency', '8'], env)).toMatchObject({
      concurrency: 8,
      drainTimeoutMs: 60_000,
      allowPrivate: true,
      schedules: false,
    });
    const flags = ['--allow-private', '--no-schedules', '--max-retry-after', '2d'];
    expect(readSettings(flags, { ...ENV, FETCHFLEET_SCHEDULES: 'true' })).toMatchObject({
      allowPrivate: true,
      schedules: false,
      maxRetryAfterMs: 2 * 86_400_000,
    });
  });

  it('do not allow private addresses because a variable says false', () => {
    const env = { ...ENV, FETCHFLEET_ALLOW_PRIVATE: 'false' };
    expect(readSettings([], env)).toMatchObject({ allowPrivate: false });
  });

  it('are refused all at once, with flag, variable, value and limit', () => {
    const env = { ...ENV, FETCHFLEET_FLEET: 'My Fleet', FETCHFLEET_SCHEDULES: 'off' };
    expect(
      problemsOf(
        [
          '--concurrency',
          '0',
          '--stall-timeout',
          '9s',
          '--drain-timeout',
          '25d',
          '--log-level',
          'x',
        ],
        env,
      ),
    ).toEqual([
      '--concurrency (FETCHFLEET_CONCURRENCY): must be at least 1, got "0"',
      '--no-schedules (FETCHFLEET_SCHEDULES): must be true, false, 1 or 0, got "off"',
      '--drain-timeout (FETCHFLEET_DRAIN_TIMEOUT): must be at most 24d, got "25d"',
      '--stall-timeout (FETCHFLEET_STALL_TIMEOUT): must be at least 10s, got "9s"',
      '--fleet (FETCHFLEET_FLEET): must be 1 to 40 of a-z, 0-9 and -, got "My Fleet"',
      expect.stringMatching(/^--log-level \(FETCHFLEET_LOG_LEVEL\): must be one of .*, got "x"$/),
    ]);
  });
});
