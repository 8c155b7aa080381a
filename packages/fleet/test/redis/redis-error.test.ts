import { describe, expect, it } from '@jest/globals';
import { ReplyError } from 'ioredis';
import { isRedisError } from '../../src/redis/redis-error.ts';

function errorWith(message: string, fields: object): Error {
  return Object.assign(new Error(message), fields);
}

describe('isRedisError', () => {
  it.each([
    new ReplyError('OOM command not allowed, on @user_script:3.'),
    new ReplyError(
      'ERR Error running script (call to f_1): @user_script:3: @user_script: 3: -OOM command not allowed',
    ),
    new ReplyError('NOREPLICAS Not enough good replicas to write.'),
    new ReplyError('READONLY You cannot write against a read only replica.'),
    errorWith('', { code: 'ECONNREFUSED' }),
    errorWith('connect ETIMEDOUT', { code: 'ETIMEDOUT', errno: -110 }),
    errorWith('Missing lock for job b.0', { code: -2 }),
    new Error('Connection is closed.'),
    new Error('Command timed out'),
    new Error('could not renew lock for job b.0'),
    new ReplyError(
      'ERR Script attempted to access a non local key in a cluster node script: f_1, on @user_script:3.',
    ),
    new Error('Too many Cluster redirections. Last error: ReplyError: TRYAGAIN Multiple keys'),
    new Error('None of startup nodes is available'),
    new Error('All sentinels are unreachable. Retrying from scratch after 500ms.'),
  ])('is true for %p', (error) => {
    expect(isRedisError(error)).toBe(true);
  });

  it.each([
    new TypeError('x is not a function'),
    new ReplyError('ERR user_script:3: attempt to index a nil value'),
    errorWith('no such file', { code: 'ENOENT', errno: -2 }),
    errorWith('disk full', { code: 'ENOSPC', errno: -28 }),
    'Connection is closed.',
    undefined,
  ])('is false for %p', (error) => {
    expect(isRedisError(error)).toBe(false);
  });
});
