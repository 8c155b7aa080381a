import { encodeRecord, type FetchRecord, lineText, PAGE_ENDS } from '@fetchfleet/crawl';
import * as fc from 'fast-check';
import { BATCH } from '../record-lines.ts';

const ODD = ['a', '"', '\\', '\\N', '\\.', '\n', '\r', '\t', '\b', '\v', ' '].concat([
  '\u0000',
  '\u2028',
  'ü',
  '🎉',
  '\ud83c',
  '\udf89',
  '},"url":',
  ',"body":',
]);

/** With what COPY, JSON and PostgreSQL treat in their own way. */
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.string({
    unit: fc.constantFrom(...ODD),
    maxLength: 8,
  }),
);
const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });
const name = fc.constantFrom('country', '7', '1', 'a "b", c', '__proto', 'ü');
const texts = fc.dictionary(name, text, { maxKeys: 4 });

const record: fc.Arbitrary<Omit<FetchRecord, 'index'>> = fc.record({
  batch: fc.constant(BATCH),
  page: optional(fc.integer({ min: 1, max: 3 })),
  end: optional(fc.constantFrom(...PAGE_ENDS)),
  params: texts,
  headers: optional(texts),
  url: text,
  method: optional(fc.constantFrom('POST', 'HEAD')),
  outcome: fc.constantFrom('ok', 'timeout', 'http-error'),
  status: optional(fc.nat(999)),
  attempts: fc.nat(9),
  startedAt: fc.nat(9_999_999).map((ms) => new Date(1_700_000_000_000 + ms).toISOString()),
  durationMs: fc.oneof(
    fc.nat(),
    fc.constantFrom(0, 1e21, 1e-7, 103.2),
    fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  ),
  bytes: fc.nat(),
  contentType: optional(text),
  worker: text,
  finalUrl: optional(text),
  error: optional(fc.record({ code: text, message: text })),
  selected: optional(fc.nat()),
});

const json = fc.oneof(
  fc.json(),
  fc.constantFrom(
    ' {"a" :\t1e400,\r\n"body":"x","n":9007199254740993,"p":1.10} ',
    '"\\u0000\\ud800\\/\\b"',
    '{"a":1,"a":2,"":null}',
    `${'['.repeat(3_000)}${']'.repeat(3_000)}`,
    `"${'\\\\🎉'.repeat(50_000)}"`,
  ),
);
const body = optional(
  fc.oneof(
    json.map((served) => ({ bytes: Buffer.from(served), contentType: 'application/json' })),
    text.map((served) => ({ bytes: Buffer.from(served), contentType: 'text/plain' })),
    text.map((served) => ({
      bytes: Buffer.from(served, 'utf16le'),
      contentType: 'text/plain; charset=utf-16',
    })),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => ({ bytes: Buffer.from(bytes) })),
    fc.constant({ bytes: Buffer.alloc(200_001, 255) }),
  ),
);

/** What no worker writes, but others or later versions might. */
const EDITS: readonly ((line: string) => string)[] = [
  (line) => line,
  (line) => line.replace('"attempts":', '"later":{"batch":"b","index":1e3},"attempts":'),
  (line) => line.replace(/"attempts":(\d+),("startedAt":"[^"]*")/, '$2,"attempts":$1'),
  (line) => line.replace(/(\.\d{3})Z","durationMs"/, '$1456Z","durationMs"'),
  (line) => line.replace(/"durationMs":/, '"durationMs": '),
  (line) => line.replace(/"bodyEncoding":"text","body":"/, '"bodyEncoding":"text","body":"\\/'),
  (line) => line.replace(/"bodyEncoding":"text","body":"/, '"bodyEncoding":"text","body":"\\ud800'),
  (line) => line.replace(/=+"\}$/, '"}'),
];

/** Lines of records, with the indexes from 0 on. */
export const anyLines: fc.Arbitrary<string[]> = fc
  .array(fc.tuple(record, body, fc.constantFrom(...EDITS)), { maxLength: 30 })
  .map((all) =>
    all.map(([rest, served, edit], index) =>
      edit(lineText(encodeRecord({ index, ...rest }, served))),
    ),
  );
