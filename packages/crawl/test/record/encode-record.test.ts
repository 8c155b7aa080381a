import { createHash, type Hash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  draftRecord,
  encodeRecord as encodeLine,
  encodeSelection,
  type RecordBody,
} from '../../src/record/encode-record.ts';
import { encodeDrafts } from '../../src/record/record-draft.ts';
import { lineLength, lineText } from '../../src/record/record-line.ts';
import { bodyText, decodeBody } from '../../src/record/record-body.ts';
import type { FetchRecord } from '../../src/record/record.ts';
import { recordCorpus } from './record-corpus.ts';
import expectedLines from './record-lines.json' with { type: 'json' };

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

const META_EQUIV = '<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">';
const XML_1251 = '<?xml version="1.0" encoding="windows-1251"?>';

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function encodeRecord(of: FetchRecord, body?: RecordBody): string {
  return lineText(encodeLine(of, body));
}

function encode(bytes: Buffer | string, contentType: string): string {
  return encodeRecord(record, { bytes: Buffer.from(bytes), contentType });
}

/** Turns that the event loop takes for others meanwhile. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isDone = false;
  const count = (): void => {
    turns += 1;
    if (!isDone) {
      setImmediate(count);
    }
  };
  setImmediate(count);
  await work();
  isDone = true;
  return turns;
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

  it('names the method behind the URL', () => {
    const { url } = record;
    expect(encodeRecord({ ...record, method: 'POST' })).toContain(
      `"url":"${url}","method":"POST","outcome":"ok"`,
    );
  });

  it('writes kept headers before the URL, and what was selected as the body', () => {
    const headers = { etag: '"x"', url: '},"url":', body: ',"body":' };
    const line = encodeSelection({ ...record, headers, selected: 2 }, '[1.10,2]');
    const text = '"params":{"country":"kenya"},"headers":{"etag":"\\"x\\""';
    expect(line).toContain(text);
    expect(line).toMatch(/,"worker":"w-7c1e","selected":2,"body":\[1\.10,2\]\}$/);
    expect(JSON.parse(line)).toMatchObject({ headers, url: record.url, body: [1.1, 2] });
    expect(bodyText(line)).toBe('[1.10,2]');
    const none = encodeSelection({ ...record, headers, selected: 0 }, undefined);
    expect(none).toMatch(/,"selected":0\}$/);
    expect(bodyText(none)).toBeUndefined();
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

  it.each([
    ['text/json', 'text/json;charset=utf-8'],
    ['any type with +json', 'model/gltf+json'],
    ['a suffix with parameters', 'application/vnd.api+json; ext="a,b;c"'],
    ['a header that a proxy joined', 'application/json, application/json; charset=utf-8'],
    ['the last type of a list', 'text/html, application/json'],
    ['a list that ends with no type', 'application/json, */*, '],
  ])('embeds JSON of the type: %s', (_, contentType) => {
    expect(bodyText(encode('{"n":1}', contentType))).toBe('{"n":1}');
  });

  it.each(['application/json+x', 'text/jsonp', 'json', 'application/json-seq', '+json'])(
    'does not take %s for JSON',
    (contentType) => {
      expect(JSON.parse(encode('{}', contentType))).toMatchObject({ bodyEncoding: 'text' });
    },
  );

  const zoe = '{"name":"Zo\u00eb"}';
  const utf16be = Buffer.from(`\ufeff${zoe}`, 'utf16le').swap16();

  it.each([
    ['behind a byte order mark', Buffer.from(`\ufeff${zoe}`), 'application/json', undefined],
    ['in the charset of its header', latin1(zoe), 'text/json; charset=latin1', 'windows-1252'],
    ['in quotes', latin1(zoe), 'text/json; charset="ISO-8859-1"', 'windows-1252'],
    ['UTF-16 with a mark', Buffer.from(`\ufeff${zoe}`, 'utf16le'), 'text/json', 'utf-16le'],
    ['UTF-16, big-endian', utf16be, 'application/json; charset=utf-8', 'utf-16be'],
    ['UTF-16 by its header', Buffer.from(zoe, 'utf16le'), 'text/json;charset=utf-16', 'utf-16le'],
    ['UTF-8, whatever its header says', zoe, 'text/json; charset=latin1', undefined],
    ['UTF-8 of an unknown charset', zoe, 'text/json; charset=utf-88', undefined],
  ])('embeds JSON: %s', (_, bytes, contentType, charset) => {
    const line = encode(bytes, contentType);
    expect(bodyText(line)).toBe(zoe);
    expect(JSON.parse(line).charset).toBe(charset);
  });

  const cyrillic = Buffer.from([0xcf, 0xf0, 0xe8, 0xe2, 0xe5, 0xf2]);
  const sjis = Buffer.from([0x83, 0x65, 0x83, 0x58, 0x83, 0x67]);
  const page = (head: string, bytes = cyrillic) => Buffer.concat([Buffer.from(head), bytes]);
  const meta1251 = '<meta charset=windows-1251>';

  it.each([
    ['the header', cyrillic, 'text/plain; charset=cp1251', 'windows-1251', 'Привет'],
    ['<meta charset>', page(meta1251), 'text/html', 'windows-1251', `${meta1251}Привет`],
    ['<meta http-equiv>', page(META_EQUIV), 'text/html', 'windows-1251', `${META_EQUIV}Привет`],
    ['the XML declaration', page(XML_1251), 'image/svg+xml', 'windows-1251', `${XML_1251}Привет`],
    [
      'the header, not <meta>',
      page(meta1251, sjis),
      'text/html; charset=sjis',
      'shift_jis',
      `${meta1251}テスト`,
    ],
    ['a mark, not the header', '\ufeffПривет', 'text/html; charset=koi8-r', undefined, 'Привет'],
    [
      'no declaration in a comment',
      `<!--${meta1251}-->Привет`,
      'text/html',
      undefined,
      `<!--${meta1251}-->Привет`,
    ],
    [
      'no declaration in plain text',
      `${meta1251}Привет`,
      'text/plain',
      undefined,
      `${meta1251}Привет`,
    ],
    ['no charset at all', latin1('Zo\u00eb \u0080'), 'text/csv', 'windows-1252', 'Zoë €'],
    [
      '<meta> that cannot be right',
      '<meta charset=utf-16>Zoë',
      'text/html',
      undefined,
      '<meta charset=utf-16>Zoë',
    ],
    [
      'ISO-2022-JP',
      '\x1b$B%F%9%H\x1b(B',
      'text/plain; charset=iso-2022-jp',
      'iso-2022-jp',
      'テスト',
    ],
    [
      'a broken character of UTF-8',
      Buffer.from([0x61, 0xff, 0x62]),
      'text/html; charset=utf-8',
      undefined,
      'a\ufffdb',
    ],
  ])('decodes text by %s', (_, bytes, contentType, charset, text) => {
    const parsed = JSON.parse(encode(bytes, contentType));
    expect(parsed).toMatchObject({ bodyEncoding: 'text', body: text });
    expect(parsed.charset).toBe(charset);
  });

  const png = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0xff]);

  it.each([
    ['an image', png, 'image/png'],
    ['an image that calls itself text', png, 'text/plain; charset=utf-8'],
    ['an image that names a charset', png, 'image/png; charset=iso-8859-1'],
    ['bytes without a type', latin1('Zo\u00eb'), undefined],
    ['bytes of no text type', latin1('Zo\u00eb'), 'application/octet-stream'],
    ['JSON that is broken in its charset', latin1('"\u00eb"'), 'application/json; charset=utf-8'],
    ['half a character of UTF-16', Buffer.from([0xff, 0xfe, 0x41]), 'text/plain'],
  ])('keeps as base64: %s', (_, bytes, contentType) => {
    const { contentType: __, ...bare } = record;
    const line = encodeRecord(bare, { bytes, ...(contentType !== undefined && { contentType }) });
    expect(JSON.parse(line)).toMatchObject({ bodyEncoding: 'base64' });
    expect(decodeBody(JSON.parse(line))).toEqual(bytes);
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
          { bytes: Buffer.from(body), contentType: 'application/octet-stream' },
        );
        expect(line).not.toMatch(/[\r\n]/);
        const parsed = JSON.parse(line);
        expect(decodeBody(parsed)).toEqual(Buffer.from(body));
        expect(bodyText(line)).toBe(parsed.body);
        expect(parsed).toMatchObject({ worker: changes.worker, url: changes.url, error });
      }),
    );
  });

  it('embeds JSON without a copy', () => {
    const bytes = Buffer.from('{"a":1}');
    const line = encodeLine(record, { bytes });
    expect(line[1]).toBe(',"body":');
    expect(line[2]).toBe(bytes);
    expect(lineLength(line)).toBe(lineText(line).length);
  });

  it('writes the same bytes as ever, whatever the body', async () => {
    const hashes = new Map<string, Hash>();
    for (const { what, bytes, contentType } of recordCorpus(256 * 1_024)) {
      const [line = ''] = await encodeDrafts([draftRecord({ ...record, contentType }, { bytes })]);
      const hash = hashes.get(what) ?? createHash('sha256');
      hashes.set(what, hash.update(lineText(line)).update('\n'));
    }
    const found = [...hashes].map(([what, hash]) => [what, hash.digest('hex')]);
    expect(Object.fromEntries(found)).toEqual(expectedLines);
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

describe('encodeDrafts', () => {
  const emoji = '\u{1f600}'.repeat(200_000);

  it.each([
    ['JSON', JSON.stringify({ list: [1, { a: 'é' }], emoji }), 'application/json'],
    ['JSON on several lines', `{\n"a":\r\n"${emoji}"}`, 'application/json'],
    ['broken JSON', `{"a":"${emoji}`, 'application/json'],
    // The odd one moves the pairs: one of the two texts has one across two steps.
    ['text', emoji, 'text/plain'],
    ['text, moved by one', `x${emoji}`, 'text/plain'],
    [
      'text in another charset',
      Buffer.from('Zoë '.repeat(100_000), 'utf16le'),
      'text/plain;charset=utf-16',
    ],
    ['bytes', Buffer.alloc(300_000, 0xff), 'image/png'],
    ['more bytes than a step', Buffer.alloc(1_000_001, 0xfe), 'image/png'],
    ['pretty JSON', `[\n${'  1,\r\n'.repeat(200_000)}  2\n]`, 'application/json'],
    ['text of a Japanese page', Buffer.alloc(600_001, 0xb1), 'text/html; charset=shift_jis'],
    ['broken text in Shift JIS', Buffer.alloc(600_001, 0x83), 'text/html; charset=shift_jis'],
    ['nothing', '', 'text/plain'],
  ])('encodes as encodeRecord does: %s', async (_, body, contentType) => {
    const given = { bytes: Buffer.from(body), contentType };
    const drafts = [encodeSelection(record, '1'), draftRecord(record, given)];
    const expected = [encodeSelection(record, '1'), encodeRecord(record, given)];
    expect((await encodeDrafts(drafts)).map(lineText)).toEqual(expected);
  });

  it.each([
    ['wide JSON', `[${'1,'.repeat(2_000_000)}1]`, 'application/json'],
    ['text that is escaped', '\n'.repeat(4_000_000), 'text/plain'],
    ['text in another charset', Buffer.alloc(4_000_000, 0xe9), 'text/plain;charset=latin1'],
    ['bytes', Buffer.alloc(9_000_000, 0xfe), 'image/png'],
  ])('lets others run meanwhile: %s', async (_, body, contentType) => {
    const drafts = [draftRecord(record, { bytes: Buffer.from(body), contentType })];
    // Each step takes a millisecond or so; all of it at once takes 50.
    expect(await turnsDuring(async () => encodeDrafts(drafts))).toBeGreaterThan(20);
  });

  it('lets others run between many small bodies', async () => {
    const draft = draftRecord(record, { bytes: Buffer.alloc(10_000, 'x') });
    expect(
      await turnsDuring(async () => encodeDrafts(Array.from({ length: 1_000 }, () => draft))),
    ).toBeGreaterThan(20);
  });
});
