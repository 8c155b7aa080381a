import { describe, expect, it } from '@jest/globals';
import type { FailedRecord } from '@fetchfleet/results';
import {
  type FilterFlags,
  isChosen,
  isFiltered,
  needsRecords,
  readFailureFilter,
} from '../../src/failures/failure-filter.ts';
import { IndexSet } from '../../src/failures/index-set.ts';
import { Problems } from '../../src/core/errors.ts';

const RECORDS: readonly FailedRecord[] = [
  { index: 0, url: 'https://a.example/0', outcome: 'http-error', status: 404 },
  { index: 1, url: 'https://a.example/1', outcome: 'http-error', status: 503 },
  { index: 2, url: 'https://b.example:8443/2', outcome: 'http-error', status: 503 },
  { index: 3, url: 'https://b.example:8443/3', outcome: 'timeout' },
  { index: 4, url: 'not a URL', outcome: 'timeout' },
].map((one) => ({ ...one, startedAt: '' }) as FailedRecord);

function read(flags: FilterFlags) {
  const problems = new Problems();
  const filter = readFailureFilter(flags, problems);
  problems.throwIfAny('nothing was done');
  return filter;
}

describe('a filter of failures', () => {
  it.each<[FilterFlags, readonly number[]]>([
    [{}, [0, 1, 2, 3, 4]],
    [{ status: ['500-599'] }, [1, 2]],
    [{ status: ['404,503'], index: ['0-1'] }, [0, 1]],
    [{ origin: ['https://b.example:8443'] }, [2, 3]],
    [{ origin: ['HTTPS://A.example:443/', 'https://c.example'] }, [0, 1]],
    [{ origin: ['https://b.example:8443'], status: ['503'], outcome: ['http-error'] }, [2]],
    [{ outcome: ['timeout'] }, [3, 4]],
    [{ index: ['4,1', '9'] }, [1, 4]],
    [{ status: ['404'], outcome: ['timeout'] }, []],
  ])('%j', (flags, indexes) => {
    const filter = read(flags);
    expect(RECORDS.filter((one) => isChosen(filter, one)).map(({ index }) => index)).toEqual(
      indexes,
    );
    expect(isFiltered(filter)).toBe(Object.keys(flags).length > 0);
    expect(needsRecords(filter)).toBe('status' in flags || 'origin' in flags);
  });

  it.each([
    [{ origin: ['a.example'] }, '"a.example" is no origin'],
    [{ origin: ['https://a.example/path'] }, 'is no origin'],
    [{ origin: ['ftp://a.example'] }, 'is no origin'],
    [{ status: ['5xx'] }, '"5xx" is no number or range'],
    [{ index: ['-1'] }, '"-1" is no number or range'],
    [{ outcome: ['timeuot'] }, '"timeuot" is none of'],
  ])('refuses %j', (flags, message) => {
    expect(() => read(flags)).toThrow(
      expect.objectContaining({ problems: [expect.stringContaining(message)] }),
    );
  });

  it('shows no credentials of what it refuses', () => {
    expect(() => read({ origin: ['https://me:sesame@a.example'] })).toThrow(
      expect.objectContaining({ problems: [expect.not.stringContaining('sesame')] }),
    );
  });
});

describe('a set of indexes', () => {
  it('has each of them once, in order', () => {
    const set = new IndexSet(70);
    [69, 0, 8, 7, 8, 33].forEach((index) => set.add(index));
    expect([...set]).toEqual([0, 7, 8, 33, 69]);
    expect(set.size).toBe(5);
  });
});
