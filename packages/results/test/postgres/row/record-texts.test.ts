import { expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { textsOf } from '../../../src/postgres/row/columns.ts';
import { storedLine } from '../../../src/postgres/row/record-texts.ts';
import { parseRow } from '../../../src/rows/row.ts';
import { recordLine } from '../../record-lines.ts';
import { anyLines } from '../any-lines.ts';

function texts(line: string) {
  const row = parseRow(Buffer.from(line));
  if (row === undefined) {
    throw new Error(`no record: ${line}`);
  }
  return textsOf(row);
}

it('makes the same line of the columns of a record again', () => {
  fc.assert(
    fc.property(anyLines, (lines) => {
      expect(lines.map((line) => storedLine(texts(line)))).toEqual(lines);
    }),
    { numRuns: 30 },
  );
});

it('keeps the record as it was only where its columns do not', () => {
  expect(texts(recordLine({ index: 0, body: '{"n":1.50}' }))['record']).toBeUndefined();
  expect(texts(recordLine({ index: 0, body: '"a\\u0000"', bodyEncoding: 'text' }))['record']).toBe(
    undefined,
  );
  const line = recordLine({ index: 0, body: '{"n":1.50}' });
  const first = line.replace('"params"', '"page":1,"params"');
  expect(texts(first)['record']).toBe(first.replace(',"body":{"n":1.50}', ''));
});

it('lets nobody put a second line into a row', () => {
  const line = recordLine({ index: 0, body: '[1]' });
  expect(storedLine({ ...texts(line), body: '[1,\n2]', outcome: 'o\r\nk' })).toBe(
    line.replace('[1]', '[1, 2]').replace('"ok"', '"o  k"'),
  );
});
