import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { exportBatch, type ReadOptions } from '@fetchfleet/results';
import { installLeakGuard, type TemporaryFolder, temporaryFolder } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type StoredFetch, storeBatch } from './changes-fixture.ts';

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder('filled');
});
afterEach(async () => folder.remove());
installLeakGuard();

async function exported(options: Partial<ReadOptions> & { readonly format?: 'csv' } = {}) {
  const chunks: Buffer[] = [];
  const out = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  const given = { dir: folder.path, batch: 'list-3', format: 'ndjson', out, ...options } as const;
  const summary = await exportBatch(given);
  const lines = Buffer.concat(chunks).toString().split('\n').slice(0, -1);
  return { summary, lines };
}

const precise: StoredFetch = { id: 'a', body: '{"big": 12345678901234567890.10}' };
const text: StoredFetch = { id: 'b', body: 'no JSON, "quoted"' };

/** The third batch has one body of its own, and refers to two others. */
async function storeThree(refersTo = ['list-1', 'list-2']): Promise<void> {
  await storeBatch(folder.path, 'list-1', [precise, { id: 'x', body: '1' }]);
  await storeBatch(folder.path, 'list-2', [{ id: 'y', body: '2' }, text], { day: 2 });
  const fetches = [
    { ...text, unchanged: { batch: 'list-2', index: 1 } },
    { id: 'own', body: '{"unchanged":{"batch":"list-1","index":0}}' },
    { id: 'failed' },
    { ...precise, unchanged: { batch: 'list-1', index: 0 } },
  ];
  await storeBatch(folder.path, 'list-3', fetches, { refersTo, day: 3 });
}

describe('export', () => {
  it('fills bodies in from where they are, byte for byte', async () => {
    await storeThree();
    const { summary, lines } = await exported();
    expect(summary).toMatchObject({ written: 4, missing: 0, unchanged: 2 });
    expect(summary.missingBodies).toBeUndefined();
    expect(lines[3]).toMatch(
      /"contentType":"application\/json".*,"body":\{"big": 12345678901234567890.10\}\}$/u,
    );
    const [first, own] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(first).toMatchObject({
      batch: 'list-3',
      index: 0,
      status: 304,
      bytes: 0,
      bodyEncoding: 'text',
      body: text.body,
      unchanged: { batch: 'list-2', index: 1 },
    });
    expect(own).not.toHaveProperty('unchanged');
  });

  it('does so in CSV, and without a manifest', async () => {
    await storeThree();
    const { lines } = await exported({ format: 'csv' });
    expect(lines).toHaveLength(5);
    expect(lines[1]).toContain('"no JSON, ""quoted"""');
    await rm(join(folder.path, 'list-3', 'batch.json'));
    expect((await exported()).lines[0]).toContain('no JSON');
  });

  it('leaves unchanged records out, or as they are', async () => {
    await storeThree();
    const changed = await exported({ unchanged: 'leave-out' });
    expect(changed.lines.map((line) => (JSON.parse(line) as { index: number }).index)).toEqual([
      1, 2,
    ]);
    expect(changed.summary).toMatchObject({ written: 2, unchanged: 2, missing: 0 });
    const kept = await exported({ unchanged: 'keep' });
    expect(kept.lines[0]).toMatch(/"unchanged":\{"batch":"list-2","index":1\}\}$/u);
  });

  it('says which bodies are not there, and why', async () => {
    await storeThree();
    await rm(join(folder.path, 'list-1'), { recursive: true });
    const { summary, lines } = await exported();
    expect(lines).toHaveLength(4);
    expect(summary.missingBodies).toEqual([
      { batch: 'list-1', records: 1, reason: `is not in ${folder.path}` },
    ]);
  });

  it.each([
    ['has another body now', [{ id: 'a', body: '{"other":1}' }], {}, 'has no such record any more'],
    ['is of another crawl', [precise], { plan: { name: 'other' } }, 'is a batch of other'],
    [
      'refers to another one itself',
      [{ ...precise, unchanged: { batch: 'list-0', index: 0 } }],
      {},
      'has no such record any more',
    ],
  ])('takes no body of a batch that %s', async (_, fetches, options, reason) => {
    await storeThree();
    await storeBatch(folder.path, 'list-1', fetches, options);
    const { summary } = await exported();
    expect(summary.missingBodies).toEqual([{ batch: 'list-1', records: 1, reason }]);
  });

  it('has the headers that a 304 leaves out, and what was selected of a body', async () => {
    const body = '{"items":[1,2]}';
    const selected = { count: 2, json: '[1,2]' };
    const headers = { link: 'old', etag: '"a"' };
    await storeBatch(folder.path, 'list-1', [{ id: 'a', body, selected, headers }]);
    const unchanged = { batch: 'list-1', index: 0 };
    const own = { id: 'a', body, unchanged, headers: { etag: '"b"' } };
    await storeBatch(folder.path, 'list-3', [own], { refersTo: ['list-1'], day: 3 });
    const [line = ''] = (await exported()).lines;
    expect(JSON.parse(line)).toMatchObject({
      headers: { link: 'old', etag: '"b"' },
      selected: 2,
      body: [1, 2],
    });
    const order = [
      'headers',
      'url',
      'outcome',
      'status',
      'contentType',
      'worker',
      'selected',
      'body',
    ];
    const places = order.map((key) => line.indexOf(`"${key}":`));
    expect(places).toEqual(places.toSorted((one, other) => one - other));
  });

  it('finds the body of a single record', async () => {
    await storeThree();
    const { lines, summary } = await exported({ range: [3, 4] });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('"body":{"big"');
    expect(summary.unchanged).toBe(1);
  });
});

describe('a results folder that others may write to', () => {
  it('cannot hold an export up by an index that no batch has', async () => {
    await storeThree();
    const part = join(folder.path, 'list-1', 'part-w-2.ndjson');
    await writeFile(
      part,
      '{"batch":"list-1","index":999999999999999,"params":{},"url":"","a":1}\n',
    );
    expect((await exported()).summary).toMatchObject({ written: 4, unchanged: 2 });
  });

  it('keeps its memory with bodies that are large', async () => {
    const body = JSON.stringify('x'.repeat(3_000_000));
    const large = ['a', 'b', 'c', 'd', 'e', 'f'].map((id) => ({ id, body }));
    await storeBatch(folder.path, 'list-1', large);
    const fetches = large.map((one, index) => ({
      ...one,
      unchanged: { batch: 'list-1', index },
    }));
    await storeBatch(folder.path, 'list-3', fetches, { refersTo: ['list-1'], day: 3 });
    let largest = 0;
    const out = new Writable({
      write(chunk: Buffer, _encoding, done) {
        largest = Math.max(largest, chunk.length);
        done();
      },
    });
    await exportBatch({ dir: folder.path, batch: 'list-3', format: 'ndjson', out });
    // The records of a window are written before further bodies are read.
    expect(largest).toBeLessThan(10_000_000);
  });
});
