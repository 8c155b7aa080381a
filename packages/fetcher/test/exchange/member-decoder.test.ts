import {
  brotliCompressSync,
  constants,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { BodyDecoder, parseCodings } from '../../src/exchange/body-decoder.ts';

const TEXT = Buffer.from(JSON.stringify(Array.from({ length: 9_000 }, (_, i) => `text ${i}`)));
const HALF = TEXT.length >> 1;
const gzip = gzipSync(TEXT);
const zlib = deflateSync(TEXT);
const raw = deflateRawSync(TEXT);
const br = brotliCompressSync(TEXT);
const zstd = zstdCompressSync(TEXT);
const CHECKED = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };
const checked = zstdCompressSync(TEXT, CHECKED);
const PARTS = [TEXT.subarray(0, 5), TEXT.subarray(5, HALF), TEXT.subarray(HALF)];

/** A header with every optional field. */
const HEADER = Buffer.from('1f8b081e00000000000303006162636e616d650063000000', 'hex');
const PLAIN_HEADER = Buffer.from('1f8b0800000000000003', 'hex');
const SKIPPABLE = Buffer.from('502a4d1803000000616263', 'hex');

/** Up to the end of the first block of a frame whose size takes four bytes. */
function lengthOfFirstBlock(frame: Buffer): number {
  const header = 4 + 1 + 4;
  const block = frame.readUIntLE(header, 3);
  const isRepeatedByte = ((block >> 1) & 3) === 1;
  return header + 3 + (isRepeatedByte ? 1 : block >> 3);
}

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

const SYNC = { finishFlush: constants.Z_SYNC_FLUSH };
const flushed = deflateRawSync(TEXT, SYNC);
const brFlushed = brotliCompressSync(TEXT, { finishFlush: constants.BROTLI_OPERATION_FLUSH });
const ZSTD_FLUSH = { finishFlush: constants.ZSTD_e_flush };
// Frames that announce their size, of blocks of 128 KiB. Those of a repeated text are short.
const twoBlocks = zstdCompressSync(Buffer.alloc(200_000, 'a'));
const oneBlock = lengthOfFirstBlock(twoBlocks);
const zstdFlushed = zstdCompressSync(TEXT, ZSTD_FLUSH);

describe('encoded bodies', () => {
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
    ['deflate', 'the form of zlib', zlib],
    ['deflate', 'no trailer', zlib.subarray(0, -4)],
    ['deflate', 'half a trailer', zlib.subarray(0, -2)],
    ['deflate', 'a flush instead of an end', deflateSync(TEXT, SYNC)],
    ['deflate', 'a line end behind it', Buffer.concat([zlib, Buffer.from('\r\n')])],
    ['deflate', 'the raw form', raw],
    ['deflate', 'the raw form, and a flush instead of an end', flushed],
    ['deflate', 'the raw form, and a line end behind it', Buffer.concat([raw, Buffer.from('\r')])],
    ['br', 'an end', br],
    ['br', 'a flush instead of an end', brFlushed],
    ['br', 'a line end behind it', Buffer.concat([br, Buffer.from('\r\n')])],
    ['zstd', 'a flush instead of an end', zstdFlushed],
    ['zstd', 'a flush before a checksum', zstdCompressSync(TEXT, { ...CHECKED, ...ZSTD_FLUSH })],
    ['zstd', 'a checksum', checked],
    ['zstd', 'half a checksum', checked.subarray(0, -2)],
    ['gzip, br', 'two layers, flushed', brotliCompressSync(gzipSync(TEXT, SYNC))],
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
    ['deflate', 'half of it', zlib.subarray(0, zlib.length >> 1), 'unexpected end of file'],
    ['deflate', 'a header alone', zlib.subarray(0, 2), 'unexpected end of file'],
    [
      'deflate',
      'another checksum',
      Buffer.concat([zlib.subarray(0, -4), Buffer.alloc(4)]),
      'incorrect data check',
    ],
    ['deflate', 'half of a raw one', raw.subarray(0, raw.length >> 1), 'unexpected end of file'],
    ['br', 'half of it', br.subarray(0, br.length >> 1), 'unexpected end of file'],
    [
      'br',
      'half of a flushed one',
      brFlushed.subarray(0, br.length >> 1),
      'unexpected end of file',
    ],
    ['zstd', 'half of a flushed one', zstdFlushed.subarray(0, 5_000), 'unexpected end of file'],
    [
      'zstd',
      'another checksum',
      Buffer.concat([checked.subarray(0, -4), Buffer.alloc(4)]),
      "Restored data doesn't match checksum",
    ],
    ['zstd', 'the first of two blocks', twoBlocks.subarray(0, oneBlock), 'unexpected end of file'],
    ['zstd', 'half of it', zstd.subarray(0, zstd.length >> 1), 'unexpected end of file'],
    ['zstd', 'other bytes', TEXT, 'Unknown frame descriptor'],
    ['zstd', 'yet others', Buffer.from('{}'), 'incorrect header check'],
  ])('are corrupt: %s with %s', async (coding, _, body, message) => {
    for (const step of [body.length, 1_000]) {
      expect(await decoded(coding, body, step)).toBe(message);
    }
  });

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
  ])('never lose a part in silence where they are cut: %s', async (coding, compress) => {
    const short = TEXT.subarray(0, 1_500);
    const body = compress(short);
    const lost: number[] = [];
    for (let end = 1; end < body.length; end += 1) {
      const read = await decoded(coding, body.subarray(0, end), body.length);
      if (Buffer.isBuffer(read) && !read.equals(short)) {
        lost.push(end);
      }
    }
    expect(lost).toEqual([]);
  });
});
