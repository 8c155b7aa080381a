import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { encodeRecord } from '../../src/record/encode-record.ts';
import { bodyText, decodeBody } from '../../src/record/record-body.ts';
import type { FetchRecord } from '../../src/record/record.ts';

const record: FetchRecord = {
  batch: 'covid-confirmed-20261123-0017-k3f9',
  index: 17,
  params: { country: 'kenya' },
  url: 'http://127.0.0.1:8787/country/kenya/status/confirmed',
  outcome: 'ok',
  status: 200,
  attempts: 1,
  startedAt: '2026-11-23T00:17:04.120Z',
  durationMs: 103.2,
  bytes: 1223,
  contentType: 'application/json',
  worker: 'w-7c1e',
};

function encode(bytes: Buffer | string, contentType: string): string {
  return encodeRecord(record, { bytes: Buffer.from(bytes), contentType });
}

describe('encodeRecord', () => {
  it('writes the keys in a fixed order, with the body at the end', () => {
    const error = { code: 'X', message: 'a "quoted"\nmessage' };
    const line = encodeRecord({ ...record, error }, { bytes: Buffer.from('x') });
    expect(line).toBe(
      '{"batch":"covid-confirmed-20261123-0017-k3f9","index":17,"params":{"country":"kenya"},' +
        '"url":"http://127.0.0.1:8787/country/kenya/status/confirmed","outcome":"ok","status":200,"attempts":1,' +
        '"startedAt":"2026-11-23T00:17:04.120Z","durationMs":103.2,"bytes":1223,"contentType":"application/json",' +
        '"worker":"w-7c1e","error":{"code":"X","message":"a \\"quoted\\"\\nmessage"},"bodyEncoding":"text","body":"x"}',
    );
  });

  it('omits absent keys', () => {
    const { status: _, contentType: __, ...bare } = record;
    const line = encodeRecord({ ...bare, outcome: 'network-error' });
    expect(Object.keys(JSON.parse(line))).not.toEqual(expect.arrayContaining(['status']));
    expect(line).not.toMatch(/contentType|error":\{|body/);
  });

  it.each([
    ['numbers beyond 2^53', '{"n":12345678901234567890,"x":1.10}', 'application/json'],
    ['non-ASCII', '{"name":"Côte d’Ivoire 😀"}', 'application/json; charset=utf-8'],
    ['line separators', '["\u2028\u2029"]', 'application/json'],
    ['a suffix', '{"a":1}', 'application/problem+json'],
    ['upper case', '[]', 'Application/JSON'],
    ['a bare value', 'null', 'application/json'],
    ['a key called body', '{"x":1,"body":"2"}', 'application/json'],
  ])('embeds JSON as it came: %s', (_, json, contentType) => {
    const line = encode(json, contentType);
    expect(bodyText(line)).toBe(json);
    expect(JSON.parse(line)).toMatchObject({ body: JSON.parse(json) });
    expect(line).not.toContain('bodyEncoding');
  });

  it('puts pretty-printed JSON on one line without changing a token', () => {
    const pretty = '{\r\n  "a": [\n    1.0\n  ]\r}';
    const line = encode(pretty, 'application/json');
    expect(line).not.toMatch(/[\r\n]/);
    expect(bodyText(line)).toBe(pretty.replaceAll(/[\r\n]/g, ' '));
  });

  it.each([
    ['HTML', '<p class="x">\n</p>', 'text/html'],
    ['broken JSON', '{"a":', 'application/json'],
    ['JSON behind a byte order mark', '\ufeff{}', 'application/json'],
    ['an empty body', '', 'application/json'],
    ['JSON of another type', '{}', 'text/plain'],
    ['a type that only looks like JSON', '{}', 'application/jsonp'],
    ['several lines', 'a\r\nb\n\u2028\0', 'text/plain'],
  ])('keeps as text: %s', (_, text, contentType) => {
    const line = encode(text, contentType);
    expect(JSON.parse(line)).toMatchObject({ bodyEncoding: 'text', body: text });
    expect(decodeBody(JSON.parse(line))).toEqual(Buffer.from(text));
    expect(bodyText(line)).toBe(text);
  });

  it('encodes anything else as base64', () => {
    const bytes = Buffer.from([0xff, 0xfe, 0, 0x7b, 0x7d]);
    const line = encode(bytes, 'application/json');
    expect(JSON.parse(line)).toMatchObject({ bodyEncoding: 'base64' });
    expect(decodeBody(JSON.parse(line))).toEqual(bytes);
    expect(bodyText(line)).toBe(bytes.toString('base64'));
  });

  it('uses the content type of the record if the body has none', () => {
    expect(encodeRecord(record, { bytes: Buffer.from('[1]') })).toMatch(/,"body":\[1\]\}$/);
  });

  it('returns every body unchanged, whatever the other keys contain', () => {
    const tricky = fc.oneof(fc.string(), fc.constantFrom('},"url":', ',"body":', '"', '\\', '\n'));
    const around = { params: fc.dictionary(tricky, tricky), worker: tricky, url: tricky };
    const bytes = fc.oneof(
      fc.uint8Array(),
      tricky.map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(fc.record(around), bytes, (changes, body) => {
        const error = { code: changes.url, message: changes.worker };
        const line = encodeRecord(
          { ...record, ...changes, error },
          { bytes: Buffer.from(body), contentType: 'text/plain' },
        );
        expect(line).not.toMatch(/[\r\n]/);
        const parsed = JSON.parse(line);
        expect(decodeBody(parsed)).toEqual(Buffer.from(body));
        expect(bodyText(line)).toBe(parsed.body);
        expect(parsed).toMatchObject({ worker: changes.worker, url: changes.url, error });
      }),
    );
  });

  it('embeds every JSON value unchanged', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        expect(bodyText(encode(json, 'application/json'))).toBe(json.replaceAll(/[\r\n]/g, ' '));
      }),
    );
  });
});

describe('bodyText and decodeBody', () => {
  it('return undefined if there is no body', () => {
    const line = encodeRecord({ ...record, params: { body: 'x', a: '1' } });
    expect(bodyText(line)).toBeUndefined();
    expect(decodeBody(JSON.parse(line))).toBeUndefined();
    expect(bodyText('no record')).toBeUndefined();
  });
});
