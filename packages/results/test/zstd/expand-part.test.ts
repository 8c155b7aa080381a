import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { installLeakGuard, temporaryFolder, type TemporaryFolder } from '@fetchfleet/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { compressFrame } from '../../src/zstd/compress-frame.ts';
import { expandPart } from '../../src/zstd/expand-part.ts';
import { recordLine } from '../record-lines.ts';

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder('zstd');
});
afterAll(async () => folder.remove());
installLeakGuard();

async function frameOf(...chunks: readonly string[]): Promise<Buffer> {
  const written: Buffer[] = [];
  await compressFrame(
    chunks.map((chunk) => [Buffer.from(chunk)]),
    async (chunk) => void written.push(Buffer.from(chunk)),
  );
  return Buffer.concat(written);
}

/** What a reader gets of a compressed part. */
async function expanded(part: Buffer, size = part.length): Promise<string> {
  const [from, to] = [join(folder.path, 'part.zst'), join(folder.path, 'part')];
  await writeFile(from, part);
  await writeFile(to, '');
  await using source = await open(from);
  await using target = await open(to, 'r+');
  let read = 0;
  await expandPart({
    source,
    target,
    size,
    onProgress: (bytes) => {
      read += bytes;
    },
    explain: (error) => new Error('not written', { cause: error }),
  });
  expect(read).toBe(size);
  return await readFile(to, 'utf8');
}

const lines = (from: number, count: number, body = '{"n":1.50}'): string =>
  Array.from({ length: count }, (_, at) => `${recordLine({ index: from + at, body })}\n`).join('');

/** So much that it is compressed in a thread, and read as a stream. */
function noise(characters: number): string {
  let state = 1;
  let text = '';
  while (text.length < characters) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    text += state.toString(36);
  }
  return `{"x":"${text}"}\n`;
}

describe('a compressed part', () => {
  it('has a frame for each flush, which every program reads', async () => {
    const [one, two] = [lines(0, 2), lines(2, 40)];
    const part = Buffer.concat([await frameOf(one), await frameOf(two)]);
    expect(await expanded(part)).toBe(one + two);
    expect(part.length).toBeLessThan((one.length + two.length) / 4);
  });

  it('may have flushes of any size, and none', async () => {
    const large = [noise(1_500_000), noise(700_000)];
    const repetitive = lines(0, 1, JSON.stringify('x'.repeat(17_000_000)));
    const frames = [await frameOf(...large), await frameOf(repetitive), await frameOf(lines(1, 1))];
    expect(frames.map(({ length }) => length > 512 * 1024)).toEqual([true, false, false]);
    const text = await expanded(Buffer.concat(frames));
    // Jest would take seconds to compare, or to show, so much.
    expect(text === [...large, repetitive, lines(1, 1)].join('')).toBe(true);
    expect(await expanded(Buffer.alloc(0))).toBe('');
  });

  it('loses only the frame that a killed worker has torn', async () => {
    const whole = await frameOf(lines(0, 3));
    const torn = await frameOf(lines(3, 3));
    for (const length of [1, 4, 5, 9, torn.length - 4, torn.length - 1]) {
      const text = await expanded(Buffer.concat([whole, torn.subarray(0, length)]));
      expect(text).toBe(`${lines(0, 3)}damaged: frame at byte ${whole.length}\n`);
    }
  });

  it('loses only a large frame that is damaged', async () => {
    const large = await frameOf(noise(1_500_000));
    large[large.length - 9] = (large.at(-9) ?? 0) ^ 1;
    const text = await expanded(
      Buffer.concat([await frameOf(lines(0, 1)), large, await frameOf(lines(1, 1))]),
    );
    const [first = '', damage = '', last = ''] = text.split('\n');
    expect([`${first}\n`, `${last}\n`]).toEqual([lines(0, 1), lines(1, 1)]);
    expect(damage).toMatch(/^damaged: frame at byte/u);
  });

  it('does not trust a frame without a checksum', async () => {
    const unchecked = zstdCompressSync(lines(0, 1));
    const text = await expanded(Buffer.concat([unchecked, await frameOf(lines(1, 1))]));
    expect(text).toBe(`damaged: frame at byte 0\n${lines(1, 1)}`);
  });

  it('is read up to what it was when it was found', async () => {
    const whole = await frameOf(lines(0, 3));
    const part = Buffer.concat([whole, await frameOf(lines(3, 3))]);
    expect(await expanded(part, whole.length)).toBe(lines(0, 3));
  });

  it('ends each frame with a line end, whoever wrote it', async () => {
    const part = Buffer.concat([await frameOf('{"a":1}'), await frameOf(lines(0, 1))]);
    expect(await expanded(part)).toBe(`{"a":1}\n${lines(0, 1)}`);
  });

  it('becomes shorter while it is read without a wrong line', async () => {
    const whole = await frameOf(lines(0, 3));
    expect(await expanded(whole, whole.length + 100)).toBe(
      `${lines(0, 3)}damaged: frame at byte ${whole.length}\n`,
    );
  });
});

/** Something happens to the bytes from `at`, a share of the part. */
const damage = fc.record({
  kind: fc.constantFrom('flip', 'zero', 'cut out', 'put in', 'cut off', 'double'),
  at: fc.double({ min: 0, max: 0.9999, noNaN: true }),
  bytes: fc.integer({ min: 1, max: 40 }),
});

interface Damaged {
  readonly part: Buffer;
  /** The bytes that were changed or removed, of the part as it was. */
  readonly from: number;
  readonly to: number;
}

function damaged(part: Buffer, { kind, at, bytes }: { kind: string; at: number; bytes: number }) {
  const from = Math.floor(at * part.length);
  const to = Math.min(part.length, from + bytes);
  const [head, hit, tail] = [part.subarray(0, from), part.subarray(from, to), part.subarray(to)];
  const as = (middle: Buffer, end = to): Damaged => ({
    part: Buffer.concat([head, middle, part.subarray(end)]),
    from,
    to: end,
  });
  switch (kind) {
    case 'flip':
      return as(Buffer.from(hit.map((byte, n) => byte ^ (n + 1))));
    case 'zero':
      return as(Buffer.alloc(hit.length));
    case 'cut out':
      return as(Buffer.alloc(0));
    case 'put in':
      return { ...as(Buffer.concat([Buffer.alloc(bytes, 0x28), hit])), to: from };
    case 'double':
      return { ...as(Buffer.concat([hit, hit])), to: from };
    default:
      return { part: head, from, to: from + hit.length + tail.length };
  }
}

describe('damage to a compressed part', () => {
  it('never costs a line of an undamaged frame, and never makes one', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 6 }),
        damage,
        async (counts, change) => {
          const texts = counts.map((count, at) => lines(at * 100, count));
          const frames = await Promise.all(texts.map(async (text) => frameOf(text)));
          const { part, from, to } = damaged(Buffer.concat(frames), change);
          let end = 0;
          const isWhole = frames.map(({ length }) => {
            const start = end;
            end += length;
            // What is put in between two bytes of a frame damages it.
            return to <= start || from >= end || (from === to && from <= start);
          });
          const found = (await expanded(part)).split('\n').slice(0, -1);
          const records = found.filter((line) => !line.startsWith('damaged: '));
          const known = new Set(texts.join('').split('\n'));
          expect(records.filter((line) => !known.has(line))).toEqual([]);
          const expected = texts.filter((_, at) => isWhole[at]).join('');
          expect(
            expected.split('\n').filter((line) => line !== '' && !records.includes(line)),
          ).toEqual([]);
          const lost = texts.filter((text) => !records.includes(text.split('\n')[0] ?? ''));
          expect(found.length - records.length).toBeGreaterThanOrEqual(
            lost.length > 0 && part.length > 0 && !isCutBetween(change.kind, frames, from) ? 1 : 0,
          );
        },
      ),
      { numRuns: 100 },
    );
  });
});

/** Then nothing is left of what was lost. */
function isCutBetween(kind: string, frames: readonly Buffer[], from: number): boolean {
  const ends = frames.map((_, at) => frames.slice(0, at).reduce((sum, f) => sum + f.length, 0));
  return kind === 'cut off' && ends.includes(from);
}
