import type { RecordHead } from '@fetchfleet/results';

/** What a browser may show as an image: no script can be in these. */
const IMAGES: readonly (readonly [type: string, isOne: (bytes: Buffer) => boolean])[] = [
  ['image/png', (bytes) => bytes.subarray(0, 8).toString('latin1') === '\x89PNG\r\n\x1a\n'],
  ['image/jpeg', (bytes) => bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff],
  ['image/gif', (bytes) => /^GIF8[79]a/u.test(bytes.subarray(0, 6).toString('latin1'))],
  ['image/webp', (bytes) => /^RIFF[^]{4}WEBP/u.test(bytes.subarray(0, 12).toString('latin1'))],
];

/** A body as it is served. */
export interface ServedBody {
  readonly kind: 'json' | 'text' | 'image' | 'binary';
  readonly contentType: string;
  readonly bytes: Buffer;
}

/** @param raw the value of `body` in the record */
export function servedBody(
  raw: Buffer,
  { bodyEncoding }: Pick<RecordHead, 'bodyEncoding'>,
): ServedBody {
  const text = 'text/plain; charset=utf-8';
  if (bodyEncoding === undefined) {
    return { kind: 'json', contentType: text, bytes: raw };
  }
  const value: unknown = JSON.parse(raw.toString('utf8'));
  const decoded = typeof value === 'string' ? value : '';
  if (bodyEncoding === 'text') {
    return { kind: 'text', contentType: text, bytes: Buffer.from(decoded) };
  }
  const bytes = Buffer.from(decoded, 'base64');
  // Its first bytes say what it is. What the origin calls it says nothing.
  const [image] = IMAGES.filter(([, isOne]) => isOne(bytes));
  return image === undefined
    ? { kind: 'binary', contentType: 'application/octet-stream', bytes }
    : { kind: 'image', contentType: image[0], bytes };
}
