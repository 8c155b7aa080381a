import { InputError } from '@fetchfleet/crawl';
import { SettingsError } from '@fetchfleet/service';
import { describe, expect, it } from '@jest/globals';
import {
  CommandError,
  exitCodeFor,
  isUnexpected,
  problemLines,
  Problems,
} from '../../src/core/errors.ts';

function withFields(message: string, fields: Readonly<Record<string, string>>): Error {
  return Object.assign(new Error(message), fields);
}

const PROBLEM = { file: 'crawl.yaml', line: 1, key: 'url', message: 'must be set' };

const ERRORS: [what: string, error: unknown, exitCode: number][] = [
  ['a problem of a crawl file', new InputError([PROBLEM]), 2],
  ['a wrong setting', new SettingsError(['--workers: must be at least 1']), 2],
  ['a batch that a package does not know', withFields('x', { code: 'BATCH_UNKNOWN' }), 2],
  ['a batch that ended', new CommandError('x', { code: 'BATCH_ENDED' }), 2],
  ['Redis that does not answer', new CommandError('x', { code: 'REDIS_UNREACHABLE' }), 3],
  ['a results folder that cannot be written', withFields('x', { code: 'SINK_UNWRITABLE' }), 3],
  ['a Redis without its replicas', withFields('NOREPLICAS Not enough', { name: 'ReplyError' }), 3],
  ['a full Redis', withFields('OOM command not allowed', { name: 'ReplyError' }), 3],
  [
    'a full Redis 6.2',
    withFields('ERR Error running script: @user_script: 3: -OOM command not allowed', {
      name: 'ReplyError',
    }),
    3,
  ],
  ['a Redis that is loading', withFields('LOADING Redis is loading', { name: 'ReplyError' }), 3],
  ['a connection that closed for good', new Error('Connection is closed.'), 3],
  ['a full disk', withFields('no space left', { code: 'ENOSPC', syscall: 'write' }), 3],
  ['workers that all die', new CommandError('x', { code: 'WORKERS_LOST' }), 1],
  ['a run of a schedule that failed', new CommandError('x', { code: 'SCHEDULE_RUN_FAILED' }), 1],
  ['a bug', new TypeError("Cannot read properties of undefined (reading 'x')"), 1],
  ['a command that Redis does not understand', withFields('ERR x', { name: 'ReplyError' }), 1],
  ['a key of the wrong type', withFields('WRONGTYPE x', { name: 'ReplyError' }), 1],
  ['a batch that was changed in Redis', withFields('x', { code: 'STORED_STATE_INVALID' }), 1],
  ['a file that should be there', withFields('x', { code: 'ENOENT', syscall: 'open' }), 1],
  ['a code that no table knows', withFields('x', { code: 'toString' }), 1],
  ['something that is no error', 'thrown text', 1],
];

describe('the exit status', () => {
  it.each(ERRORS)('of %s follows from its consequence', (_what, error, exitCode) => {
    expect(exitCodeFor(error)).toBe(exitCode);
  });

  it('is called unexpected only where no line of the catalogue explains the error', () => {
    const unexpected = ERRORS.filter(([, error]) => isUnexpected(error)).map(([what]) => what);
    expect(unexpected).toEqual([
      'a bug',
      'a command that Redis does not understand',
      'a file that should be there',
      'a code that no table knows',
      'something that is no error',
    ]);
  });
});

describe('problems with the input', () => {
  it('are reported together, one line each, with what did not happen', async () => {
    const problems = new Problems();
    problems.add('--limit: must be a number');
    await problems.collect(() => {
      throw new SettingsError(['--workers: must be at least 1', '--results: must be set']);
    });
    expect(() => problems.throwIfAny('nothing was enqueued')).toThrow(
      expect.objectContaining({
        exitCode: 2,
        message: '3 problems: nothing was enqueued',
        problems: [
          '--limit: must be a number',
          '--workers: must be at least 1',
          '--results: must be set',
        ],
      }),
    );
  });

  it('are not made of errors of another kind', async () => {
    const problems = new Problems();
    const failure = new CommandError('Redis has not answered', { code: 'REDIS_UNREACHABLE' });
    const collected = problems.collect(() => {
      throw failure;
    });
    await expect(collected).rejects.toBe(failure);
    expect(problemLines(new TypeError('x'))).toBeUndefined();
  });
});
