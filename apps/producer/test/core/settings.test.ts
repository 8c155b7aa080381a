import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { Interrupts } from '../../src/core/interrupts.ts';
import { Place } from '@fetchfleet/results/place';
import { readListAccess, readPlaces, readRunSettings } from '../../src/core/settings.ts';
import { Terminal } from '../../src/core/terminal.ts';

function contextWith(env: Readonly<Record<string, string>>) {
  return {
    env,
    cwd: '/srv',
    terminal: new Terminal({ stdout: new PassThrough(), stderr: new PassThrough() }),
    interrupts: new Interrupts(() => undefined),
  };
}

const RESULTS = Place.parse('/srv/results', '/');

describe('the settings of a command that fetches', () => {
  it('have defaults', () => {
    expect(readRunSettings({}, contextWith({}))).toEqual({
      workers: expect.any(Number),
      concurrency: 50,
      transport: 'got',
      results: RESULTS,
      compress: 'none',
      umask: 0o077,
      lists: { allowPrivate: false, trustLists: false, results: RESULTS },
    });
  });

  it('take the former name of the fast transport', () => {
    const fromVariable = contextWith({ FETCHFLEET_TRANSPORT: 'undici' });
    for (const settings of [
      readRunSettings({ transport: 'undici' }, contextWith({})),
      readRunSettings({}, fromVariable),
    ]) {
      expect(settings.transport).toBe('native');
    }
  });

  it('say which lists may be read', () => {
    const context = contextWith({ FETCHFLEET_ALLOW_PRIVATE: '1' });
    const results = RESULTS;
    expect(readListAccess({}, context)).toEqual({ allowPrivate: true, trustLists: false, results });
    const flags = { allowPrivate: true, trustLists: true, results: 'others' };
    expect(readListAccess(flags, contextWith({}))).toEqual({
      ...flags,
      results: Place.parse('/srv/others', '/'),
    });
    expect(() => readListAccess({}, contextWith({ FETCHFLEET_ALLOW_PRIVATE: 'yes' }))).toThrow(
      /^--allow-private \(FETCHFLEET_ALLOW_PRIVATE\): must be true, false/u,
    );
  });

  it('come from a flag, else from its variable, else from the default', () => {
    const env = { FETCHFLEET_WORKERS: '2', FETCHFLEET_CONCURRENCY: '7', FETCHFLEET_RESULTS: '' };
    expect(readRunSettings({ workers: '3' }, contextWith(env))).toMatchObject({
      workers: 3,
      concurrency: 7,
      results: RESULTS,
    });
    const context = contextWith({ FETCHFLEET_RESULTS: '/mnt' });
    const locations = (flags?: string[]) =>
      readPlaces(flags, context).map(({ location }) => location);
    expect(locations()).toEqual(['/mnt']);
    expect(locations(['a', '/b', './a', 's3://bucket/p', 's3://bucket/p/'])).toEqual([
      '/srv/a',
      '/b',
      's3://bucket/p',
    ]);
  });

  it('do not compress where that is not asked of a folder', () => {
    const flags = { compress: 'zstd', results: 's3://bucket/p' };
    expect(() => readRunSettings(flags, contextWith({}))).toThrow(
      '--compress (FETCHFLEET_COMPRESS): is for results in folders',
    );
    expect(readRunSettings({ compress: 'zstd' }, contextWith({}))).toMatchObject({
      compress: 'zstd',
    });
  });

  it('never show the password of a place', () => {
    const results = 'postgres://me:pa/ss@host?password=word';
    for (const read of [readRunSettings, readListAccess]) {
      expect(() => read({ results }, contextWith({}))).toThrow(
        /^--results \(FETCHFLEET_RESULTS\): must name a database: .*, got "\*\*\*@host\?password=\*\*\*"$/u,
      );
    }
  });

  it('are refused all at once, each with flag, variable, limit and value', () => {
    const flags = {
      workers: '65',
      concurrency: '1e3',
      transport: 'gto',
      umask: '777',
      results: 's3:/x',
    };
    expect(() => readRunSettings(flags, contextWith({}))).toThrow(
      [
        '--workers (FETCHFLEET_WORKERS): must be at most 64, got "65"',
        '--concurrency (FETCHFLEET_CONCURRENCY): must be a whole number, got "1e3"',
        '--transport (FETCHFLEET_TRANSPORT): must be one of got, native, got "gto"',
        '--umask (FETCHFLEET_UMASK): must be octal, from 000 to 077, got "777"',
      ].join('\n'),
    );
  });
});
