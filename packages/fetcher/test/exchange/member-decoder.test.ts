import { constants, deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { BodyDecoder, parseCodings } from '../../src/exchange/body-decoder.ts';

const TEXT = Buffer.from(JSON.stringify(Array.from({ length: 9_000 }, (_, i) => `text ${i}`)));
const HALF = TEXT.length >> 1;
const gzip = gzipSync(TEXT);
const zstd = zstdCompressSync(TEXT);
const PARTS = [TEXT.subarray(0, 5), TEXT.subarray(5, HALF), TEXT.subarray(HALF)];

/** A header with every optional field. */
const HEADER = Buffer.from('1f8b081e00000000000303006162636e616d650063000000', 'hex');
const PLAIN_HEADER = Buffer.from('1f8b0800000000000003', 'hex');
const SKIPPABLE = Buffer.from('502a4d1803000000616263', 'hex');

async function decoded(coding: string, body: Buffer, step: number): Promise<Buffer | string> {
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    const decoder = new BodyDecoder(parseCodings(coding), 10_000_000, {
      onDecoded: (chunk) => chunks.push(chunk),
      onDrain: () => undefined,
      onDecodedEnd: () => resolve(Buffer.concat(chunks)),
      onCorrupt: (error) => resolve(error.message),
      onTooLarge: () => resolve('too large'),
    });
    for (let at = 0; at < body.length; at += step) {
      decoder.write(body.subarray(at, at + step));
    }
    decoder.end();
  });
}

const flushed = deflateRawSync(TEXT, { finishFlush: constants.Z_SYNC_FLUSH });

describe('bodies of gzip and zstd', () => {
  it.each([
    ['gzip', 'one member', gzip],
    ['gzip', 'several members', Buffer.concat(PARTS.map((part) => gzipSync(part)))],
    ['gzip', 'no trailer', gzip.subarray(0, -8)],
    ['gzip', 'half a trailer', gzip.subarray(0, -3)],
    ['gzip', 'a flush instead of an end', Buffer.concat([PLAIN_HEADER, flushed])],
    ['gzip', 'a header with all fields', Buffer.concat([HEADER, gzip.subarray(10)])],
    ['gzip', 'zeros behind it', Buffer.concat([gzip, Buffer.alloc(32)])],
    ['gzip', 'a line end behind it', Buffer.concat([gzip, Buffer.from('\r\n')])],
    ['gzip, gzip', 'two layers', gzipSync(gzip)],
    ['aws-chunked,gzip', 'a name that changes nothing', gzip],
    ['zstd', 'one frame', zstd],
    ['zstd', 'several frames', Buffer.concat(PARTS.map((part) => zstdCompressSync(part)))],
    ['zstd', 'a skippable frame', Buffer.concat([SKIPPABLE, zstd, SKIPPABLE])],
    ['zstd', 'a line end behind it', Buffer.concat([zstd, Buffer.from('\n')])],
  ])('are whole: %s with %s', async (coding, _, body) => {
    for (const step of [body.length, 1_000, 7]) {
      const text = await decoded(coding, body, step);
      expect(Buffer.isBuffer(text) && text.equals(TEXT)).toBe(true);
    }
  });

  it.each([
    ['gzip', 'half of it', gzip.subarray(0, gzip.length >> 1), 'unexpected end of file'],
    ['gzip', 'no last byte', gzip.subarray(0, -9), 'unexpected end of file'],
    ['gzip', 'half a header', gzip.subarray(0, 5), 'unexpected end of file'],
    [
      'gzip',
      'another checksum',
      Buffer.concat([gzip.subarray(0, -8), Buffer.alloc(8)]),
      'incorrect data check',
    ],
    ['gzip', 'other bytes', TEXT, 'incorrect header check'],
    [
      'gzip',
      'half of the second member',
      Buffer.concat([gzip, gzip.subarray(0, 40)]),
      'unexpected end of file',
    ],
    ['zstd', 'half of it', zstd.subarray(0, zstd.length >> 1), 'unexpected end of file'],
    ['zstd', 'other bytes', TEXT, 'Unknown frame descriptor'],
    ['zstd', 'yet others', Buffer.from('{}'), 'incorrect header check'],
  ])('are corrupt: %s with %s', async (coding, _, body, message) => {
    for (const step of [body.length, 1_000]) {
      expect(await decoded(coding, body, step)).toBe(message);
    }
  });
});
