import { PassThrough } from 'node:stream';
import { createLogger, RepeatLog } from '@fetchfleet/service';
import { describe, expect, it } from '@jest/globals';
import { ErrorLog } from '../../src/health/error-log.ts';

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly reason?: string;
  readonly err?: { readonly message: string; readonly stack: string };
  readonly repeats?: number;
}

function logging() {
  const destination = new PassThrough();
  const repeats = new RepeatLog(createLogger({ name: 'test', pretty: false, destination }));
  const lines = (): Line[] => {
    repeats.flush();
    return String(destination.read() ?? '')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  };
  return { errors: new ErrorLog(repeats), lines };
}

describe('the error log', () => {
  it('logs an error of Redis as a warning with its reason', () => {
    const { errors, lines } = logging();
    errors.report(new Error('Connection is closed.'));
    expect(lines()).toMatchObject([
      { level: 'warn', msg: 'Redis trouble; trying again', reason: 'Connection is closed.' },
    ]);
  });

  it('logs any other error with its stack, and does not blame Redis', () => {
    const { errors, lines } = logging();
    errors.report(new TypeError('x is not a function'));
    const [line] = lines();
    expect(line).toMatchObject({ level: 'error', msg: 'internal error' });
    expect(line?.err?.stack).toContain('error-log.test.ts');
  });

  it('takes every error of a connection for one of Redis, and names its code where it has no message', () => {
    const { errors, lines } = logging();
    errors.connectionFailed(new Error('self-signed certificate'));
    errors.connectionFailed(Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }));
    expect(lines()).toMatchObject([
      { level: 'warn', reason: 'self-signed certificate' },
      { level: 'warn', reason: 'ECONNREFUSED' },
    ]);
  });

  it('counts errors that keep coming', () => {
    const { errors, lines } = logging();
    for (let i = 0; i < 5; i++) {
      errors.report(new Error('Connection is closed.'));
      errors.report(new RangeError('too far'));
    }
    expect(lines().map(({ level, repeats }) => [level, repeats])).toEqual([
      ['warn', undefined],
      ['error', undefined],
      ['warn', 4],
      ['error', 4],
    ]);
  });
});
