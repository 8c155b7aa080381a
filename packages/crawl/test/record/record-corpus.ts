/** Bodies of every kind, and the types that they come with. The same ones in every run. */
export interface CorpusBody {
  readonly what: string;
  readonly bytes: Buffer;
  readonly contentType: string | undefined;
}

const TYPES = [
  'application/json',
  'application/problem+json; charset=utf-8',
  'text/json; charset=latin1',
  'application/json; charset=utf-16',
  'text/html',
  'text/html; charset=windows-1251',
  'text/plain; charset=shift_jis',
  'image/svg+xml',
  'application/octet-stream',
  undefined,
];
const TYPES_OF_LARGE = ['application/json', 'text/html', undefined];

const TEXTS: readonly (readonly [string, string])[] = [
  ['nothing', ''],
  ['a word', 'null'],
  ['a number', '-0.5e+10'],
  ['an object', '{"id":1,"name":"Zo\u00eb","list":[1,2.50,true,null,"a\\u00e9\\n"]}'],
  ['pretty JSON', '{\r\n  "a": [\n\t1.0\r\n  ],\r "b": {}\n}\n'],
  ['broken JSON', '{"a":[1,2}'],
  ['JSON and more', '{} {}'],
  ['JSON behind a mark', '\ufeff{"a":"\u{1f600}"}'],
  ['a text with line breaks', 'a\r\nb\nc\r"quoted" \\ \t\u0001\u007f\u2028'],
  ['emoji', '\u{1f600} \u00e9 \u6f22'],
  ['a page', '<html><meta charset=windows-1251><p class="x">\u041f\u0440</p>'],
  ['XML', '<?xml version="1.0" encoding="iso-8859-15"?><a>\u20ac</a>'],
  ['a key called body', '{"x":"},\\"url\\":","body":"2"}'],
  ['a lone surrogate', '["\\ud800"]'],
];

const BYTES: readonly (readonly [string, Buffer])[] = [
  ...TEXTS.map(([name, text]) => [name, Buffer.from(text)] as const),
  ...TEXTS.map(
    ([name, text]) => [`${name} in UTF-16`, Buffer.from(`\ufeff${text}`, 'utf16le')] as const,
  ),
  ['Latin-1', Buffer.from('{"name":"Zo\u00eb"}', 'latin1')],
  ['an encoded lone surrogate', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
  ['half a character', Buffer.from([0x5b, 0x22, 0xe2, 0x82])],
  ['every byte', Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))],
];

/** Each of the bytes: as they are, as a list of many, and so many times that the body is large. */
export function recordCorpus(largeBytes: number): CorpusBody[] {
  return BYTES.flatMap(([what, bytes]) => {
    const times = Math.ceil(largeBytes / Math.max(1, bytes.length));
    const list = `[${Array.from({ length: times }, () => bytes.toString()).join(',')}]`;
    const large = [Buffer.from(list), Buffer.concat(Array.from({ length: times }, () => bytes))];
    return [
      ...TYPES.map((contentType) => ({ what, bytes, contentType })),
      ...TYPES_OF_LARGE.flatMap((contentType) =>
        large.map((body) => ({ what, bytes: body, contentType })),
      ),
    ];
  });
}
