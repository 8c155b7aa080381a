import { describe, expect, it } from '@jest/globals';
import { type Slice, unpackSlice } from '@fetchfleet/crawl';
import { parseCrawlFile } from '@fetchfleet/crawl/file';
import { enqueue } from '../../src/queue/enqueue.ts';
import { sliceId } from '../../src/queue/slice-queue.ts';

const signal = new AbortController().signal;

function crawlOf(total: number) {
  return parseCrawlFile(
    `url: https://a.example/{n}\nparams: { n: { from: 1, to: ${total} } }\n`,
    'crawl.yaml',
  );
}

const isUnsettled = (index: number): boolean => index % 10 > 7 && index < 50;

/** Collects slices as the queue does, and counts concurrent calls. */
class Collector {
  readonly slices = new Map<string, Slice>();
  mostAtOnce = 0;
  #atOnce = 0;

  async add(slices: readonly Slice[], ids: readonly string[] = slices.map(sliceId)): Promise<void> {
    this.#atOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#atOnce);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    slices.forEach((slice, i) => this.slices.set(ids[i] ?? '', slice));
    this.#atOnce -= 1;
  }

  get indexes(): number[] {
    return [...this.slices.values()]
      .flatMap(unpackSlice)
      .map(({ index }) => index)
      .toSorted((a, b) => a - b);
  }
}

function packingOf(sliceSize: number) {
  return { sliceSize, mixesOrigins: true };
}

describe('enqueueing', () => {
  it('adds every fetch once, in a few pipelines at a time', async () => {
    const queue = new Collector();
    const count = await enqueue({
      queue,
      batch: 'b',
      crawl: crawlOf(100_000),
      packing: packingOf(50),
      signal,
    });
    expect(count).toBe(2_000);
    expect(queue.indexes).toEqual(Array.from({ length: 100_000 }, (_, index) => index));
    expect(queue.mostAtOnce).toBeLessThanOrEqual(3);
  });

  it('adds only unsettled fetches when it is repeated, under the ids of the whole slices', async () => {
    const whole = new Collector();
    const crawl = crawlOf(100);
    await enqueue({ queue: whole, batch: 'b', crawl, packing: packingOf(10), signal });
    const queue = new Collector();
    await enqueue({ queue, batch: 'b', crawl, packing: packingOf(10), isUnsettled, signal });
    expect(queue.indexes).toEqual([8, 9, 18, 19, 28, 29, 38, 39, 48, 49]);
    expect([...queue.slices.keys()]).toEqual([...whole.slices.keys()].slice(0, 5));
  });

  it('rejects with the error of the queue', async () => {
    const queue = { add: async () => Promise.reject(new Error('no room')) };
    const adding = enqueue({
      queue,
      batch: 'b',
      crawl: crawlOf(100_000),
      packing: packingOf(50),
      signal,
    });
    await expect(adding).rejects.toThrow('no room');
  });

  it('stops when its signal aborts', async () => {
    const stop = new AbortController();
    const queue = {
      add: async () => {
        stop.abort(new Error('enough'));
        return Promise.resolve();
      },
    };
    const adding = enqueue({
      queue,
      batch: 'b',
      crawl: crawlOf(1_000_000),
      packing: packingOf(50),
      signal: stop.signal,
    });
    await expect(adding).rejects.toThrow('enough');
  });
});
