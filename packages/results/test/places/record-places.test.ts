import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { RecordPlaces } from '@fetchfleet/results';
import { closeAfterEach, temporaryFolder } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';

closeAfterEach();

interface Written {
  readonly part: number;
  readonly index: number;
  readonly isOk: boolean;
  readonly second: number;
  /** Longer than what is read of a line at first. */
  readonly isLong: boolean;
}

const written: fc.Arbitrary<Written> = fc.record({
  part: fc.nat(2),
  index: fc.nat(12),
  isOk: fc.boolean(),
  second: fc.nat(59),
  isLong: fc.boolean(),
});

function lineOf({ index, isOk, second, isLong }: Written): string {
  const startedAt = `2026-11-28T06:00:${String(second).padStart(2, '0')}.000Z`;
  return JSON.stringify({
    batch: 'b',
    index,
    params: { n: isLong ? 'x'.repeat(10_000) : '1' },
    url: `http://origin.example/${index}`,
    outcome: isOk ? 'ok' : 'timeout',
    attempts: 1,
    startedAt,
    durationMs: 1,
    bytes: 1,
    worker: 'w',
    body: { index, startedAt },
  });
}

function longLine(index: number): string {
  return `${lineOf({ part: 0, index, isOk: true, second: 1, isLong: true })}\n`;
}

function pageLine(index: number, page: number): string {
  return (
    `{"batch":"b","index":${index},"page":${page},"params":{},"url":"http://a.example/",` +
    `"outcome":"ok","startedAt":"2026-11-28T06:00:00.000Z","durationMs":1,"bytes":1}\n`
  );
}

/** The record of each fetch that an export keeps. */
function best(all: readonly Written[]): Map<number, Written> {
  const kept = new Map<number, Written>();
  for (const one of all) {
    const known = kept.get(one.index);
    const isBetter =
      known === undefined || (one.isOk === known.isOk ? one.second > known.second : one.isOk);
    if (isBetter) {
      kept.set(one.index, one);
    }
  }
  return kept;
}

describe('the places of records', () => {
  it('have the best record of each fetch, however parts grow', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(written), { maxLength: 4 }), async (rounds) => {
        const folder = await temporaryFolder('places');
        await mkdir(join(folder.path, 'b'));
        const places = new RecordPlaces({ dirs: [folder.path], batch: 'b', maxRecords: 1e6 });
        const all: Written[] = [];
        for (const round of rounds) {
          for (const one of round) {
            const part = join(folder.path, 'b', `part-w-${one.part}.ndjson`);
            await appendFile(part, `${lineOf(one)}\n`);
          }
          // In the order of the parts: of equal records the first one stays.
          all.push(...round.toSorted((one, other) => one.part - other.part));
          await places.update();
        }
        const expected = [...best(all).values()].toSorted((one, other) => one.index - other.index);
        const found = [...places.from({ index: 0, page: 0 })].map((place) => places.head(place));
        expect(found.map((one) => [one?.head.index, one?.head.outcome, one?.hasBody])).toEqual(
          expected.map(({ index, isOk }) => [index, isOk ? 'ok' : 'timeout', true]),
        );
        for (const [at, { index }] of expected.entries()) {
          const place = { index, page: 0 };
          expect(places.countBefore(place)).toBe(at);
          expect([...places.before(place)].map((one) => one.index)).toEqual(
            expected
              .slice(0, at)
              .map((one) => one.index)
              .toReversed(),
          );
        }
        const bodies = await Promise.all(
          expected.map(async ({ index }) => places.rawBody({ index, page: 0 })),
        );
        expect(bodies.map((body) => JSON.parse(String(body)).index)).toEqual(
          expected.map(({ index }) => index),
        );
        await places.stop();
        await folder.remove();
      }),
      { numRuns: 30 },
    );
  });

  it('are those of fetches with many pages, too', async () => {
    const folder = await temporaryFolder('places');
    await mkdir(join(folder.path, 'b'));
    const part = join(folder.path, 'b', 'part-w-1.ndjson');
    const places = new RecordPlaces({ dirs: [folder.path], batch: 'b', maxRecords: 1e6 });
    await appendFile(part, pageLine(2, 1) + pageLine(0, 1));
    await places.update();
    await appendFile(part, pageLine(0, 300) + pageLine(2, 17));
    await places.update();
    expect([...places.from({ index: 0, page: 2 })]).toEqual([
      { index: 0, page: 300 },
      { index: 2, page: 1 },
      { index: 2, page: 17 },
    ]);
    expect(places.head({ index: 0, page: 300 })?.head).toMatchObject({ index: 0, page: 300 });
    expect(places.has({ index: 0, page: 299 })).toBe(false);
    expect([places.pagesOf(0), places.pagesOf(1), places.pagesOf(2)]).toEqual([1, 0, 1]);
    expect(places.countBefore({ index: 2, page: 17 })).toBe(3);
    await places.stop();
    await folder.remove();
  });

  it('are known as far as somebody wants them, the first records of all parts first', async () => {
    const folder = await temporaryFolder('places');
    await mkdir(join(folder.path, 'b'));
    const many = Array.from({ length: 500 }, (_, at) => at);
    await appendFile(
      join(folder.path, 'b', 'part-w-1.ndjson'),
      many.map((at) => longLine(at + 1)).join(''),
    );
    await appendFile(join(folder.path, 'b', 'part-w-2.ndjson'), longLine(0));
    const places = new RecordPlaces({ dirs: [folder.path], batch: 'b', maxRecords: 1e6 });
    let windows = 0;
    await places.update(() => (windows += 1) < 2);
    expect([places.isComplete, places.has({ index: 0, page: 0 })]).toEqual([false, true]);
    expect(places.progress.done).toBeLessThan(places.progress.total);
    await places.update();
    expect([places.isComplete, places.size]).toEqual([true, 501]);
    // Read one by one, and out of blocks that are kept.
    for (const round of [0, 1]) {
      const found = [...places.from({ index: 0, page: 0 })].map((place) => places.head(place));
      expect([round, found.map((one) => one?.head.index)]).toEqual([
        round,
        [0, ...many.map((at) => at + 1)],
      ]);
    }
    expect(places.head({ index: 7, page: 0 }, (json) => json.includes('/8"'))).toBeUndefined();
    expect(places.head({ index: 8, page: 0 }, (json) => json.includes('/8"'))?.head.index).toBe(8);
    await places.stop();
    await folder.remove();
  });

  it('end where there are more records than memory', async () => {
    const folder = await temporaryFolder('places');
    await mkdir(join(folder.path, 'b'));
    const all = [0, 70_000, 140_000].map((index) =>
      lineOf({ part: 0, index, isOk: true, second: 1, isLong: false }),
    );
    await appendFile(join(folder.path, 'b', 'part-w-1.ndjson'), `${all.join('\n')}\n`);
    const places = new RecordPlaces({ dirs: [folder.path], batch: 'b', maxRecords: 131_072 });
    await expect(places.update()).rejects.toThrow(/more records than are kept in memory/u);
    await places.stop();
    await folder.remove();
  });
});
