import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { readDecimal, readWhole, TimeReader, UNREAD } from '../../src/rows/line-values.ts';

type Read = (data: Buffer, from: number, to: number) => number;

/** Reads a text that stands between others. */
function read(reader: Read, text: string): number {
  const data = Buffer.from(`9:"${text}",9`);
  return reader(data, 3, data.length - 3);
}

const digits = fc.string({ unit: fc.constantFrom(...'0123456789.-+eE '.split('')), maxLength: 18 });
const number = fc.oneof(
  digits,
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.nat().map((n) => (n / 100).toFixed(2)),
  fc.bigInt({ min: -1n, max: 10n ** 20n }).map(String),
);

describe('readDecimal', () => {
  it('reads what it reads as JSON does', () => {
    fc.assert(
      fc.property(number, (text) => {
        const value = read(readDecimal, text);
        expect([UNREAD, parsed(text)]).toContain(value);
      }),
    );
  });

  it.each(['0', '12.34', '0.1', '103.2', '999999999999999', '1.00000000000000', '0.0'])(
    'reads %s',
    (text) => {
      expect(read(readDecimal, text)).toBe(Number(text));
    },
  );

  it.each([
    '',
    '.',
    '1.',
    '.5',
    '01',
    '-1',
    '1e3',
    '1.5.1',
    '1 ',
    '9007199254740993',
    '0.1234567890123456',
  ])('leaves %j to be parsed', (text) => {
    expect(read(readDecimal, text)).toBe(UNREAD);
  });
});

describe('readWhole', () => {
  it('reads whole numbers of up to 15 digits, and nothing else', () => {
    fc.assert(
      fc.property(number, (text) => {
        const isWhole = /^(?:0|[1-9]\d{0,14})$/u.test(text);
        expect(read(readWhole, text)).toBe(isWhole ? Number(text) : UNREAD);
      }),
    );
  });
});

describe('TimeReader', () => {
  const canonical = fc
    .date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })
    .map((date) => date.toISOString());
  const close = fc.nat(200_000).map((ms) => new Date(1_764_385_200_000 + ms).toISOString());
  const edited = fc
    .tuple(
      fc.oneof(canonical, close),
      fc.nat(23),
      fc.constantFrom(...'0123456789-:.TZ +é'.split('')),
    )
    .map(([text, at, other]) => text.slice(0, at) + other + text.slice(at + 1));
  const parts = fc
    .tuple(...[9999, 19, 39, 29, 69, 69, 999].map((max) => fc.nat(max)))
    .map(([year = 0, ...rest]) => {
      const [month = 0, day = 0, hour = 0, minute = 0, second = 0, ms = 0] = rest;
      const date = `${pad(year, 4)}-${pad(month)}-${pad(day)}`;
      return `${date}T${pad(hour)}:${pad(minute)}:${pad(second)}.${pad(ms, 3)}Z`;
    });

  it('reads every time that workers write, as Date.parse does', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(canonical, close), { minLength: 1 }), (texts) => {
        const times = new TimeReader();
        const reader: Read = (...bytes) => times.read(...bytes);
        expect(texts.map((text) => read(reader, text))).toEqual(texts.map(Date.parse));
      }),
    );
  });

  it('leaves everything else to be parsed, or reads the same', () => {
    const any = fc.oneof(canonical, close, edited, parts, fc.string({ maxLength: 30 }));
    fc.assert(
      fc.property(fc.array(any, { maxLength: 20 }), (texts) => {
        const times = new TimeReader();
        for (const text of texts) {
          const value = read((...bytes) => times.read(...bytes), text);
          expect([UNREAD, Date.parse(text)]).toContain(value);
        }
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    '2026-02-30T03:00:04.120Z',
    '2026-11-29T24:00:00.000Z',
    '2026-11-29T03:00:60.000Z',
    '2026-11-29t03:00:04.120z',
    '2026-11-29T03:00:04,120Z',
    '1969-12-31T23:59:59.999Z',
  ])('leaves %s to be parsed', (text) => {
    const times = new TimeReader();
    expect(read((...bytes) => times.read(...bytes), text)).toBe(UNREAD);
  });
});

function pad(value: number, width = 2): string {
  return String(value).padStart(width, '0');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
