import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { closeAfterEach, eventually } from '@fetchfleet/testing';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  type FoundRecords,
  keyOf,
  type RecordsFilter,
  RecordSearch,
} from '../../page/src/records/use-records.ts';
import { recordLine, writeRecord } from '../fleet-data.ts';
import { Web } from '../web-fixture.ts';

closeAfterEach();

const send = globalThis.fetch;
const ALL: RecordsFilter = {
  outcome: '',
  status: '',
  origin: '',
  text: '',
  index: '',
  from: '',
  before: '',
};

/** A view of the page that is open. */
function look(web: Web, filter: Partial<RecordsFilter> = {}) {
  jest.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) =>
    // The page asks for nothing but paths.
    send(new URL(input as string, `${web.origin}/`), init),
  );
  // The page looks for new records while somebody sees it.
  Object.assign(globalThis, { document: { hidden: false } });
  const seen: FoundRecords[] = [];
  const aborter = new AbortController();
  const search = new RecordSearch({
    path: 'batches/one/records',
    filter: { ...ALL, ...filter },
    signal: aborter.signal,
    newsMs: 50,
    onFound: (found) => seen.push(found),
  });
  const ended = search.run(false).catch(() => undefined);
  return {
    latest: () => seen.at(-1),
    keys: () => seen.at(-1)?.document.records.map(keyOf) ?? [],
    leave: async () => {
      aborter.abort();
      await ended;
      return seen.length;
    },
  };
}

async function write(web: Web, indexes: readonly number[]): Promise<void> {
  await writeRecord(web, { batch: 'one', index: indexes[0] ?? 0 });
  const lines = indexes.slice(1).map((index) => recordLine({ batch: 'one', index }));
  await appendFile(join(web.results, 'one/part-w-1-1.ndjson'), lines.join(''));
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

describe('the records that a view shows', () => {
  afterEach(() => {
    jest.restoreAllMocks();
    Reflect.deleteProperty(globalThis, 'document');
  });

  it('keep their place; those that come are announced', async () => {
    const web = await Web.start();
    await write(web, upTo(250));
    const view = look(web);
    await eventually(() => expect(view.latest()?.document.matched).toBe(250));
    const before = view.keys();
    await writeRecord(web, { batch: 'one', index: 300 }, { worker: 'w-0' });
    await writeRecord(web, { batch: 'one', index: 301 }, { worker: 'w-0' });
    await eventually(() => expect(view.latest()?.news).toBe(2));
    expect(view.keys()).toEqual(before);
    await view.leave();
  });

  it('fill a page backwards and forwards, and count what matches', async () => {
    const web = await Web.start();
    await write(web, upTo(250));
    const last = look(web, { text: 'origin.example/', from: '200.0.200' });
    await eventually(() => expect(last.latest()?.document.counted).toBeNull());
    expect(last.latest()?.document).toMatchObject({ offset: 200, matched: 250, next: null });
    const previous = last.latest()?.document.previous ?? '';
    await last.leave();
    const middle = look(web, { text: 'origin.example/', before: previous });
    await eventually(() => expect(middle.latest()?.document.counted).toBeNull());
    expect(middle.keys()).toEqual(upTo(100).map((at) => String(at + 100)));
    expect(middle.latest()?.document).toMatchObject({ offset: 100, matched: 250 });
    await middle.leave();
  });

  it('end with the view: nothing is asked or shown afterwards', async () => {
    const web = await Web.start();
    await write(web, [0]);
    const view = look(web);
    await eventually(() => expect(view.keys()).toEqual(['0']));
    const shown = await view.leave();
    await writeRecord(web, { batch: 'one', index: 1 });
    expect((await web.json('/api/batches/one/records')).status).toBe(200);
    expect(await view.leave()).toBe(shown);
  });
});
