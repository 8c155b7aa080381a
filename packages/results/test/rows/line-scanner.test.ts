import { encodeRecord, type FetchRecord, lineText } from '@fetchfleet/crawl';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { LineScanner, NOWHERE } from '../../src/rows/line-scanner.ts';
import { parseRow } from '../../src/rows/row.ts';
import { BATCH } from '../record-lines.ts';

const PARAMS = ['country', 'a "b", c'];
const FIELDS = (
  'batch index page end url method outcome status attempts startedAt durationMs bytes ' +
  'contentType worker finalUrl selected headers validators unchanged charset bodyEncoding'
).split(' ');

const NEWLINE = 0x0a;

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.string({
    unit: fc.constantFrom('a', ',', '"', '\\', '\n', '{', '}', 'ü', '\u0000', '\ud800'),
  }),
);
const optional = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(values, { nil: undefined, freq: 1 });
const record: fc.Arbitrary<FetchRecord> = fc.record({
  batch: fc.constant(BATCH),
  index: fc.nat(),
  page: optional(fc.integer({ min: 1, max: 1_000_000 })),
  end: optional(fc.constant('max' as const)),
  params: fc.record({ country: text, 'a "b", c': text }),
  headers: optional(fc.dictionary(text, text, { maxKeys: 3 })),
  url: text,
  method: optional(fc.constant('POST' as const)),
  outcome: fc.constantFrom('ok', 'timeout'),
  status: optional(fc.nat(999)),
  attempts: fc.nat(9),
  startedAt: fc.nat(9999).map((ms) => new Date(1_700_000_000_000 + ms).toISOString()),
  durationMs: fc.nat(9999).map((ms) => ms / 100),
  bytes: fc.nat(),
  contentType: optional(text),
  worker: text,
  finalUrl: optional(text),
  error: optional(fc.record({ code: text, message: text })),
  selected: optional(fc.nat(9)),
  validators: optional(fc.record({ request: text, hash: text, etag: text })),
  unchanged: optional(fc.record({ batch: text, index: fc.nat() })),
});
const body = optional(
  fc.oneof(
    fc.json().map((json) => ({ bytes: Buffer.from(json), contentType: 'application/json' })),
    text.map((own) => ({ bytes: Buffer.from(own), contentType: 'text/plain' })),
  ),
);
const line = fc.tuple(record, body).map(([one, own]) => lineText(encodeRecord(one, own)));

/** What a scan found of a line, or undefined. */
function scanned(own: string | Buffer): Record<string, unknown> | undefined {
  const lines = new LineScanner(PARAMS);
  const data = Buffer.concat([Buffer.from('{}\n'), Buffer.from(own), Buffer.from('\n{}\n')]);
  if (!lines.scan(data, 3, data.length - 4)) {
    return undefined;
  }
  const names = [...FIELDS, ...PARAMS.map((name) => `params.${name}`)];
  const values = [...names, 'error.code', 'error.message'].map((name) => {
    const slot = lines.slotOf(name) ?? NaN;
    return [name, lines.starts[slot] === NOWHERE ? undefined : valueOf(lines, slot)] as const;
  });
  const slot = lines.slotOf('body') ?? NaN;
  const hasBody = lines.starts[slot] !== NOWHERE;
  return { ...Object.fromEntries(values), body: hasBody ? lines.jsonOf(slot) : undefined };
}

/** As a column reads it: bytes that are not coded are the value. */
function valueOf(lines: LineScanner, slot: number): unknown {
  const json = lines.jsonOf(slot);
  const isText = json.startsWith('"');
  return isText && !lines.isCoded(slot)
    ? lines.data.toString('utf8', lines.starts[slot], lines.ends[slot])
    : JSON.parse(json);
}

/** The same as parsing finds it. */
function parsedOf(own: string | Buffer): Record<string, unknown> | undefined {
  const row = parseRow(Buffer.from(own));
  if (row === undefined) {
    return undefined;
  }
  const { head } = row;
  return {
    ...Object.fromEntries(FIELDS.map((name) => [name, head[name]])),
    ...Object.fromEntries(PARAMS.map((name) => [`params.${name}`, head.params?.[name]])),
    'error.code': head.error?.code,
    'error.message': head.error?.message,
    body: row.body?.text,
  };
}

const good = lineText(
  encodeRecord({
    batch: BATCH,
    index: 1,
    params: { country: 'c', 'a "b", c': '' },
    url: 'u',
    outcome: 'ok',
    status: 200,
    attempts: 1,
    startedAt: '',
    durationMs: 1,
    bytes: 9,
    worker: 'w',
  }),
);

describe('LineScanner', () => {
  it('finds every value of every line that a worker writes', () => {
    fc.assert(
      fc.property(line, (own) => {
        expect(scanned(own)).toEqual(parsedOf(own));
      }),
      { numRuns: 300 },
    );
  });

  it('finds the same as parsing in a line that was changed, or nothing', () => {
    const other = fc.oneof(
      fc.constantFrom(...'"\\{}[],:0-.eun \t'.split('')).map((one) => Buffer.from(one)),
      fc
        .constantFrom(
          ',"status":1',
          '"a":1,',
          '\\u00',
          '\\x',
          ',"body":{}',
          ',"error":{"code":"c"}',
        )
        .map((one) => Buffer.from(one)),
      fc.uint8Array({ maxLength: 2 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(
        line,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(2),
        other,
        (own, place, removed, added) => {
          const bytes = Buffer.from(own);
          const at = Math.floor(place * bytes.length);
          const edited = Buffer.concat([
            bytes.subarray(0, at),
            added,
            bytes.subarray(at + removed),
          ]);
          const found = edited.includes(NEWLINE) ? undefined : scanned(edited);
          const parsed = parsedOf(edited);
          // Whether an encoded body is a text is for its column to see.
          const isForColumn = found?.['bodyEncoding'] !== undefined && parsed === undefined;
          expect([undefined, isForColumn ? found : parsed]).toContainEqual(found);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ['a key that workers do not write', '"worker"', '"more":1,"worker"'],
    ['keys in another order', '"status":200,"attempts":1', '"attempts":1,"status":200'],
    ['blanks', '"attempts":1', '"attempts": 1'],
    ['a number with a sign', '"bytes":9', '"bytes":-9'],
    ['a value of another type', '"bytes":9', '"bytes":"9"'],
    ['an error without a message', ',"worker":"w"', ',"worker":"w","error":{"code":"c"}'],
    ['a message without an error', ',"worker":"w"', ',"worker":"w","message":"m"}'],
    ['an escape that is none', '"worker":"w"', '"worker":"\\q"'],
    ['another end', /\}$/u, ',"body":1]'],
  ])('leaves a line with %s to be parsed', (_, from, to) => {
    expect(scanned(good)).toBeDefined();
    expect(good.replace(from, to)).not.toBe(good);
    expect(scanned(good.replace(from, to))).toBeUndefined();
  });
});
