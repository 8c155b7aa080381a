import { describe, expect, it } from '@jest/globals';
import { type CheckedRecord, recordProblems } from '../checks/record-check.ts';
import { scheduleProblems } from '../checks/schedule-check.ts';
import type { Expected } from '../model/crawls.ts';

const expected: readonly Expected[] = [1, 2].map((number) => ({
  url: `http://127.0.0.1:80/ok/batch/${number}`,
  outcome: 'ok',
  pages: 1,
}));

function record(index: number, changes: Partial<CheckedRecord> = {}): CheckedRecord {
  const body = { batch: 'batch', index: String(index + 1), page: 1 };
  return { index, url: expected[index]?.url ?? '', outcome: 'ok', body, ...changes };
}

const strict = { wasOriginFaulty: false, mayBeMissing: false };

describe('the check of records', () => {
  it('accepts one record for each fetch', () => {
    expect(recordProblems([record(0), record(1)], expected, strict)).toEqual([]);
  });

  it.each([
    ['a record that is missing', [record(0)], 'index 1 has no record'],
    ['one that is twice there', [record(0), record(0), record(1)], 'index 0 has pages 1, 1'],
    ['one of something else', [record(0), record(1), record(2)], 'index 2 is not of this batch'],
    ['another URL', [record(0), record(1, { url: 'http://x' })], 'index 1 is http://x instead'],
    ['another outcome', [record(0), record(1, { outcome: 'timeout' })], 'index 1 is timeout'],
    ['the body of another', [record(0), record(1, { body: {} })], 'index 1 has the body of'],
  ])('finds %s', (_, records, problem) => {
    expect(recordProblems(records, expected, strict)).toEqual([expect.stringContaining(problem)]);
  });

  it('accepts failures of an origin that failed, but no lost worker', () => {
    const faulty = { ...strict, wasOriginFaulty: true };
    const failed = (outcome: string): unknown =>
      recordProblems([record(0), record(1, { outcome })], expected, faulty);
    expect(failed('network-error')).toEqual([]);
    expect(failed('worker-lost')).toHaveLength(1);
  });

  it('accepts that records of a cancelled batch are missing', () => {
    expect(recordProblems([record(1)], expected, { ...strict, mayBeMissing: true })).toEqual([]);
  });
});

const run = (at: string, batch: string) => ({ at, kind: 'tick', state: 'started', batch });

describe('the check of a schedule', () => {
  it('finds a tick that ran twice, and a batch of two runs', () => {
    expect(scheduleProblems([run('10', 'a'), run('20', 'b')])).toEqual([]);
    expect(scheduleProblems([run('10', 'a'), run('10', 'b')])).toEqual([
      'the tick of 10 has two runs',
    ]);
    expect(scheduleProblems([run('10', 'a'), run('20', 'a')])).toEqual([
      'a is the batch of two runs',
    ]);
  });
});
