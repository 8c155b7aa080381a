import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createLogger } from '../../src/process/logger.ts';
import { type RepeatedLine, RepeatLog } from '../../src/process/repeat-log.ts';

const TROUBLE = {
  level: 'warn',
  message: 'trouble',
  fields: { reason: 'no route' },
  key: 'no route',
} as const satisfies RepeatedLine;
const PERIOD_MS = 30_000;

function logging() {
  const destination = new PassThrough();
  const log = new RepeatLog(createLogger({ name: 'test', pretty: false, destination }));
  /** Messages with the number of repeats, since the last call. */
  const written = (): string[] =>
    String(destination.read() ?? '')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { msg: string; repeats?: number })
      .map(({ msg, repeats }) => (repeats === undefined ? msg : `${msg} ×${repeats}`));
  const write = (times: number, changes: Partial<RepeatedLine> = {}): void => {
    for (let i = 0; i < times; i++) {
      log.write({ ...TROUBLE, ...changes });
    }
  };
  return { log, write, written };
}

describe('RepeatLog', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('logs the first line at once, and the number of its repeats after 30 s', () => {
    const { write, written } = logging();
    write(5);
    expect(written()).toEqual(['trouble']);
    jest.advanceTimersByTime(PERIOD_MS);
    expect(written()).toEqual(['trouble ×4']);
  });

  it('counts anew in each period, as long as the line keeps coming', () => {
    const { write, written } = logging();
    write(2);
    jest.advanceTimersByTime(PERIOD_MS);
    write(3);
    jest.advanceTimersByTime(PERIOD_MS);
    expect(written()).toEqual(['trouble', 'trouble ×1', 'trouble ×3']);
  });

  it('logs a line at once again after a period without it', () => {
    const { write, written } = logging();
    write(1);
    jest.advanceTimersByTime(PERIOD_MS);
    write(1);
    expect(written()).toEqual(['trouble', 'trouble']);
  });

  it.each([{ level: 'error' }, { message: 'other trouble' }, { key: 'no answer' }] as const)(
    'takes lines that differ in %j for different ones',
    (changes) => {
      const { write, written } = logging();
      write(1);
      write(1, changes);
      expect(written()).toHaveLength(2);
    },
  );

  it('logs and forgets all counts when it is flushed', () => {
    const { log, write, written } = logging();
    write(3);
    log.flush();
    expect(written()).toEqual(['trouble', 'trouble ×2']);
    log.flush();
    jest.advanceTimersByTime(PERIOD_MS);
    expect(written()).toEqual([]);
    write(1);
    expect(written()).toEqual(['trouble']);
    log.flush();
  });

  it('remembers at most a hundred lines', () => {
    const { log, write, written } = logging();
    write(2, { key: 'oldest' });
    for (let i = 0; i < 100; i++) {
      write(1, { key: `key ${i}` });
    }
    expect(written().filter((line) => line.includes('×'))).toEqual(['trouble ×1']);
    expect(jest.getTimerCount()).toBe(100);
    log.flush();
    expect(jest.getTimerCount()).toBe(0);
  });
});
