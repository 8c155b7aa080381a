import { appendFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  installLeakGuard,
  startProcess,
  temporaryFolder,
  type TemporaryFolder,
} from '@fetchfleet/testing';
import { exportBatch } from '@fetchfleet/results';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { BATCH, exported, layOut, manifestOf, recordLine } from '../record-lines.ts';

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder('export');
});
afterEach(async () => {
  await folder.remove();
});
installLeakGuard();

const line = (index: number, outcome = 'ok', second = 0): string =>
  recordLine({
    index,
    outcome,
    startedAt: `2026-11-23T00:00:${String(second).padStart(2, '0')}.000Z`,
  });
const lines = (...list: readonly string[]): string => list.map((text) => `${text}\n`).join('');

describe('exportBatch', () => {
  it('writes each index once, in index order, from all parts', async () => {
    await layOut(folder.path, manifestOf(5), {
      'a-1': lines(line(4), line(0)),
      'a-2': lines(line(2)),
      'b-1': lines(line(3), line(1)),
    });
    const result = await exported({ dir: folder.path });
    expect(result.lines).toEqual([0, 1, 2, 3, 4].map((index) => line(index)));
    expect(result).toMatchObject({ written: 5, missing: 0, skippedLines: 0 });
  });

  it.each<[[number, number], number[], number]>([
    [[0, 9], [0, 1, 2, 4], 1],
    [[1, 3], [1, 2], 0],
    [[2, 4], [2], 1],
    [[3, 4], [], 1],
    [[5, 9], [], 0],
  ])('writes only the indexes of a range: %j', async (range, indexes, missing) => {
    await layOut(folder.path, manifestOf(5), {
      'a-1': lines(line(4), line(0), line(1, 'timeout')),
      'b-1': lines(line(2), line(1), line(7)),
    });
    for (const maxIndexedRecords of [1, 2, 100]) {
      const result = await exported({ dir: folder.path, range, maxIndexedRecords });
      expect(result.lines).toEqual(indexes.map((index) => line(index)));
      expect(result).toMatchObject({ written: indexes.length, missing });
    }
  });

  it('prefers a success to a failure, and the later start for the same outcome', async () => {
    await layOut(folder.path, manifestOf(4), {
      'a-1': lines(
        line(0, 'ok', 1),
        line(1, 'timeout', 9),
        line(2, 'ok', 5),
        line(3, 'timeout', 2),
      ),
      'b-1': lines(
        line(0, 'timeout', 9),
        line(1, 'ok', 1),
        line(2, 'ok', 3),
        line(3, 'timeout', 4),
      ),
    });
    const { lines: found } = await exported({ dir: folder.path });
    const best = [line(0, 'ok', 1), line(1, 'ok', 1), line(2, 'ok', 5), line(3, 'timeout', 4)];
    expect(found).toEqual(best);
  });

  it('is not confused by parameters and bodies that look like record fields', async () => {
    const tricky = { outcome: 'ok', url: '","outcome":"ok"', body: '{"a":1}', startedAt: '9999' };
    const failed = recordLine({ index: 0, params: tricky, outcome: 'timeout' });
    const good = recordLine({ index: 0, params: tricky, body: '{"x":1,"body":{"startedAt":"0"}}' });
    await layOut(folder.path, manifestOf(1), { 'a-1': lines(good, failed), 'b-1': lines(failed) });
    expect((await exported({ dir: folder.path })).lines).toEqual([good]);
  });

  it('skips and counts torn and damaged lines, other batches and too high indexes', async () => {
    const torn = Buffer.from(line(3)).subarray(0, -20);
    const hole = Buffer.from(lines(line(2)));
    hole.fill(0, 60, 90);
    await layOut(folder.path, manifestOf(4), {
      'a-1': Buffer.concat([Buffer.from(lines(line(0), 'garbage', '', '{"batch":"x"}')), torn]),
      'b-1': lines(line(1), recordLine({ index: 2, batch: 'other' }), line(4), line(1)),
      'c-1': Buffer.concat([hole, Buffer.from(lines(line(0)))]),
      'd-1': lines(line(1), `${line(3).slice(0, -30)}}`),
      'e-1': '',
    });
    // In one range, and index by index.
    for (const maxIndexedRecords of [100, 1]) {
      const result = await exported({ dir: folder.path, maxIndexedRecords });
      expect(result.lines).toEqual([line(0), line(1)]);
      expect(result).toMatchObject({ written: 2, missing: 2, skippedLines: 8 });
    }
  });

  it('takes the total from the option or the highest index if the manifest has none', async () => {
    await layOut(folder.path, manifestOf(0), { 'a-1': lines(line(0), line(3)) });
    expect(await exported({ dir: folder.path, total: 10 })).toMatchObject({ missing: 8 });
    expect(await exported({ dir: folder.path })).toMatchObject({ written: 2, missing: 2 });
  });

  it('needs little memory when a damaged line has an enormous index', async () => {
    await layOut(folder.path, undefined, { 'a-1': lines(line(999_999_999_999_999), line(0)) });
    for (const maxIndexedRecords of [100, 2 ** 30]) {
      const { lines: found } = await exported({ dir: folder.path, maxIndexedRecords });
      expect(found).toEqual([line(0), line(999_999_999_999_999)]);
    }
  });

  it('copies lines longer than any buffer beside short ones', async () => {
    const long = recordLine({ index: 1, body: `"${'ü'.repeat(12_000_000)}"` });
    const cut = Buffer.from(long).subarray(0, 3_000_000);
    await layOut(folder.path, manifestOf(3), {
      'a-1': lines(line(0), long, line(2)),
      'b-1': Buffer.concat([Buffer.from(lines(line(2))), cut]),
    });
    const result = await exported({ dir: folder.path, maxIndexedRecords: 1 });
    expect(result.lines.map((text) => text.length)).toEqual(
      [line(0), long, line(2)].map((text) => text.length),
    );
    expect(result.lines[1] === long).toBe(true);
    expect(result.skippedLines).toBe(1);
  });

  it('reads more parts than it keeps open', async () => {
    const names = Array.from({ length: 150 }, (_, part) => part);
    const parts = names.map((part) => [`w${part}-1`, lines(line(part + 150), line(part))] as const);
    await layOut(folder.path, manifestOf(300), Object.fromEntries(parts));
    const result = await exported({ dir: folder.path });
    expect(result.lines).toEqual(Array.from({ length: 300 }, (_, index) => line(index)));
  });

  it('rejects invalid ids and reports a batch without results', async () => {
    const options = { dir: folder.path, format: 'ndjson', out: new PassThrough() } as const;
    for (const batch of ['../x', '', 'A', 'a/b', '.', 'a\0']) {
      await expect(exportBatch({ ...options, batch })).rejects.toMatchObject({
        code: 'RESULTS_INVALID_ID',
      });
    }
    await expect(exportBatch({ ...options, batch: 'nope' })).rejects.toMatchObject({
      code: 'RESULTS_NOT_FOUND',
    });
  });

  it('waits for a slow reader instead of filling memory, and stops waiting on abort', async () => {
    const body = JSON.stringify('x'.repeat(1_000_000));
    const all = Array.from({ length: 40 }, (_, index) => recordLine({ index, body }));
    await layOut(folder.path, manifestOf(40), { 'a-1': lines(...all) });
    const held: (() => void)[] = [];
    let bytes = 0;
    const out = new Writable({
      write(chunk: Buffer, _encoding, done) {
        bytes += chunk.length;
        held.push(done);
      },
    });
    const abort = new AbortController();
    const running = exportBatch({
      dir: folder.path,
      batch: BATCH,
      format: 'ndjson',
      out,
      signal: abort.signal,
    });
    const settled = Promise.allSettled([running]);
    while (held.length === 0) {
      await turn();
    }
    held.shift()?.();
    while (held.length === 0) {
      await turn();
    }
    expect(bytes).toBeLessThan(20_000_000);
    abort.abort(new Error('enough'));
    expect(await settled).toMatchObject([{ status: 'rejected', reason: { message: 'enough' } }]);
    held.shift()?.();
  });

  it('rejects with EPIPE when the reader of a pipe has exited', async () => {
    const all = Array.from({ length: 20_000 }, (_, index) => line(index));
    await layOut(folder.path, manifestOf(20_000), { 'a-1': lines(...all) });
    const script = fileURLToPath(new URL('./export-to-stdout.ts', import.meta.url));
    const command = `"$0" --conditions=@fetchfleet/source "$1" "$2" ${BATCH} | head -n 1`;
    const shell = await startProcess('sh', ['-c', command, process.execPath, script, folder.path]);
    expect(await shell.exit).toMatchObject({ code: 0 });
    expect(shell.stdout).toBe(`${line(0)}\n`);
    expect(shell.stderr).toBe('rejected: EPIPE\n');
  });

  it('ignores appends during the export and rejects if a part shrinks or disappears', async () => {
    const part = join(folder.path, BATCH, 'part-b-1.ndjson');
    const start = async (act: () => void): ReturnType<typeof exported> => {
      await layOut(folder.path, manifestOf(4), {
        'a-1': lines(line(0), line(2)),
        'b-1': lines(line(1), line(3)),
      });
      // The first call comes after a-1 was scanned and before b-1 is opened.
      let isFirst = true;
      const onProgress = (): void => {
        if (isFirst) {
          act();
        }
        isFirst = false;
      };
      return exported({ dir: folder.path, onProgress });
    };
    const grown = await start(() => appendFileSync(part, lines(line(3, 'ok', 9), 'garbage')));
    expect(grown.lines).toEqual([0, 1, 2, 3].map((index) => line(index)));
    expect(grown.skippedLines).toBe(0);
    const changed = { code: 'RESULTS_CHANGED' };
    await expect(start(() => truncateSync(part, 100))).rejects.toMatchObject(changed);
    await expect(start(() => rmSync(part))).rejects.toMatchObject(changed);
  });

  it('reports its progress up to the end', async () => {
    await layOut(folder.path, manifestOf(3), {
      'a-1': lines(line(0), line(1), line(1), 'garbage'),
    });
    const seen: (readonly [number, number])[] = [];
    await exported({ dir: folder.path, onProgress: (done, of) => seen.push([done, of]) });
    expect(seen.at(-1)?.[0]).toBe(seen.at(-1)?.[1]);
    expect(seen).toEqual(seen.toSorted((one, other) => one[0] - other[0]));
  });

  it('reports its progress while it looks for pages', async () => {
    const page = `${line(0).replace('"params"', '"page":1,"end":"empty","params"')}\n`;
    const parts = Object.fromEntries(Array.from({ length: 4 }, (_, at) => [`a-${at}`, page]));
    await layOut(folder.path, manifestOf(1), parts);
    const seen: (readonly [number, number])[] = [];
    await exported({ dir: folder.path, onProgress: (done, of) => seen.push([done, of]) });
    const steps = Array.from({ length: 12 }, (_, at) => page.length * (at + 1));
    expect(seen.slice(1).map(([done]) => done)).toEqual([
      ...steps.slice(1),
      13 * page.length,
      16 * page.length,
    ]);
    expect(seen.at(-1)).toEqual([16 * page.length, 16 * page.length]);
  });

  it('writes each index once, in order and unchanged, from any mixture of parts', async () => {
    const body = fc.oneof(
      fc.json().map((json) => json.replaceAll('\n', ' ')),
      fc.constantFrom(
        '12345678901234567890.10',
        '{"a" :1,  "body":"x"}',
        '[1e400]',
        '"},\\"url\\":"',
      ),
      fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify(text)),
    );
    const record = fc.record({
      index: fc.nat(30),
      part: fc.nat(4),
      outcome: fc.constantFrom('ok', 'timeout', 'http-error'),
      key: fc.constantFrom('country', 'outcome', 'url', 'body', '},"url":"'),
      value: fc.string({ unit: 'grapheme' }),
      body: fc.option(body, { nil: undefined }),
    });
    const tear = fc.record({ part: fc.nat(4), bytes: fc.nat(200) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(record, { maxLength: 80 }),
        fc.array(tear),
        async (records, tears) => {
          const dir = await temporaryFolder('property');
          const parts = new Map<string, Buffer>();
          const best = new Map<number, { rank: string; text: string }>();
          for (const [
            turnOf,
            { index, part, outcome, key, value, body: raw },
          ] of records.entries()) {
            const startedAt = new Date(1_700_000_000_000 + ((turnOf * 7919) % 9973)).toISOString();
            const text = recordLine({
              index,
              outcome,
              startedAt,
              params: { [key]: value },
              ...(raw === undefined ? {} : { body: raw }),
            });
            const before = parts.get(`w${part}-1`) ?? Buffer.alloc(0);
            parts.set(`w${part}-1`, Buffer.concat([before, Buffer.from(`${text}\n`)]));
            const rank = `${outcome === 'ok' ? 1 : 0}${startedAt}`;
            if (rank > (best.get(index)?.rank ?? '')) {
              best.set(index, { rank, text });
            }
          }
          const torn = new Set<number>();
          for (const { part, bytes } of tears) {
            if (torn.has(part)) {
              continue;
            }
            torn.add(part);
            const tail = Buffer.from(recordLine({ index: 0, body: '{}' })).subarray(0, bytes + 1);
            parts.set(
              `w${part}-1`,
              Buffer.concat([parts.get(`w${part}-1`) ?? Buffer.alloc(0), tail]),
            );
          }
          try {
            await layOut(dir.path, manifestOf(31), Object.fromEntries(parts));
            const result = await exported({ dir: dir.path });
            const expected = [...best].toSorted((one, other) => one[0] - other[0]);
            expect(result.lines).toEqual(expected.map(([, { text }]) => text));
            expect(result).toMatchObject({
              written: best.size,
              missing: 31 - best.size,
              skippedLines: torn.size,
            });
          } finally {
            await dir.remove();
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});
