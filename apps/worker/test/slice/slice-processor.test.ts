import {
  compilePagination,
  packSlice,
  type PendingFetch,
  SEVERAL_ORIGINS,
} from '@fetchfleet/crawl';
import type { BatchState, ClaimedSlice } from '@fetchfleet/fleet';
import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import type { ActiveBatch } from '../../src/batch/batches.ts';
import type { Deferral, WaitingSlice } from '../../src/origin/waiting-slice.ts';
import { type ProcessorOptions, SliceProcessor } from '../../src/slice/slice-processor.ts';
import { batchOf, fetchOf, requestOf, responseOf, startTools } from './slice-fixture.ts';

closeAfterEach();

const ORIGIN = 'http://origin.example';
const KNOWN = { hash: 'x'.repeat(22), at: { batch: 'other', index: 0 } };
const LACKED = [{ name: 'T', why: 'not-allowed' }] as const;

/** Runs a slice of one fetch, and returns what the waitlist and the scheduler saw of it. */
async function process({
  batch = {},
  state = 'running',
  isKnown = true,
  ticket,
  redeliveries = 0,
  lost = redeliveries,
  dueAt = 0,
  ledger = {},
  known,
}: {
  readonly batch?: Partial<ActiveBatch>;
  readonly state?: BatchState;
  readonly isKnown?: boolean;
  readonly ticket?: number;
  readonly redeliveries?: number;
  /** How many of them got no further. */
  readonly lost?: number;
  readonly dueAt?: number;
  readonly ledger?: Partial<ProcessorOptions['ledger']>;
  readonly known?: PendingFetch['known'];
}) {
  const admitted: WaitingSlice[] = [];
  const left: string[] = [];
  const removed: string[] = [];
  const ends: string[] = [];
  const stands: string[] = [];
  const { tools, started } = startTools({
    admit: (slice, grant) => {
      admitted.push(slice);
      slice.start(grant);
      started[0]?.listener.onResult(responseOf(200));
      return { kind: 'started' };
    },
  });
  const processor = new SliceProcessor({
    ...tools,
    schedulers: {
      ...tools.schedulers,
      afterDeferral: async () => undefined,
      leaveWaitlist: async (_origin, slice) => void left.push(slice),
      removeBatch: async (_origin, id) => void removed.push(id),
    },
    batches: {
      use: async (_id, work) => work(isKnown ? batchOf({ state, ...batch }) : undefined),
    },
    ledger: {
      areSettled: async (_id, indexes) => indexes.map(() => false),
      cursors: async (_id, indexes) => indexes.map(() => null),
      reportMissingSecrets: async () => undefined,
      ...ledger,
    },
    pausedSlices: { withdrawOne: async () => undefined },
    onTaken: () => undefined,
  });
  const packed = packSlice('b', ORIGIN, [fetchOf(0, { dueAt, known })]);
  const claim: ClaimedSlice = {
    id: 'b.0',
    data: ticket === undefined ? packed : { ...packed, ticket },
    redeliveries,
    lostInVain: async (stand) => {
      stands.push(stand);
      return lost;
    },
    lost: new AbortController().signal,
    complete: async () => void ends.push('complete'),
    drop: async () => void ends.push('drop'),
    delay: async () => void ends.push('delay'),
    giveBack: async () => void ends.push('giveBack'),
    reject: async () => void ends.push('reject'),
    split: async () => false,
  };
  await processor.process(claim, () => undefined);
  return { ends, left, removed, stands, tickets: admitted.map((slice) => slice.ticket) };
}

describe('a redelivered slice with pages', () => {
  it('starts nothing that the lost worker settles while the slice is read', async () => {
    const pagination = compilePagination({ next: 'link', max: 100 }, batchOf().plan);
    let reads = 0;
    const isSettled = (): boolean => reads++ > 0;
    const seen = await process({
      batch: { pagination },
      redeliveries: 1,
      ledger: {
        areSettled: async () => [isSettled()],
        cursors: async () => [isSettled() ? null : '4 {}'],
      },
    });
    expect(seen).toMatchObject({ ends: ['complete'], tickets: [] });
  });
});

describe('a slice that was deferred', () => {
  it.each([
    { when: 'its batch is unknown', how: { isKnown: false }, end: 'complete' },
    {
      when: 'it refers to a batch that its own does not name',
      how: { known: KNOWN },
      end: 'reject',
    },
    { when: 'its batch is paused', how: { state: 'paused' }, end: 'delay' },
    { when: 'its batch is cancelled', how: { state: 'cancelled' }, end: 'drop' },
    { when: 'secrets are missing', how: { batch: { lackingSecrets: () => LACKED } }, end: 'delay' },
    {
      when: 'its URLs have another origin than the slice says',
      how: { batch: { request: requestOf('http://other.example/{n}') } },
      end: 'reject',
    },
    {
      when: 'a secret would leave for another origin than the slice says',
      how: {
        batch: { secretHeaders: ['x-key'], request: requestOf('https://origin.{no}example/') },
      },
      end: 'reject',
    },
    { when: 'nothing of it is due', how: { dueAt: Date.now() + 3_600_000 }, end: 'delay' },
    { when: 'it has lost too many workers', how: { redeliveries: 6 }, end: 'complete' },
  ] as const)('leaves the waitlist when $when', async ({ how, end }) => {
    const seen = await process({ ticket: 700, ...how });
    expect(seen).toMatchObject({ ends: [end], left: ['b.0'], tickets: [] });
  });

  it('leaves it also if its worker died before it had stored the ticket', async () => {
    expect((await process({ redeliveries: 6 })).left).toEqual(['b.0']);
  });

  it.each([{ state: 'paused' }, { state: 'cancelled' }, { isKnown: false }] as const)(
    'takes its whole batch along: %j',
    async (how) => {
      expect((await process({ ticket: 700, ...how })).removed).toEqual(['b']);
    },
  );

  it('tells the gate of its arrival itself where it waits for its turn', async () => {
    expect(await process({ ticket: 700 })).toMatchObject({ left: [], tickets: [700] });
  });
});

describe('a slice of a dead worker', () => {
  it('is not abandoned for workers that have done their part', async () => {
    expect(await process({ redeliveries: 60, lost: 1 })).toMatchObject({ tickets: [1] });
    expect(await process({ redeliveries: 6, lost: 6 })).toMatchObject({ tickets: [] });
  });

  it('is further when fewer fetches or more pages are left behind', async () => {
    const [body, seen] = ['b'.repeat(16), 's'.repeat(16)];
    const pagination = compilePagination({ next: 'link', max: 100 }, batchOf().plan);
    const cursor = `4 ${JSON.stringify({ body, seen, next: `${ORIGIN}/5` })}`;
    const ledger = { cursors: async () => [cursor] };
    const paged = await process({ redeliveries: 1, batch: { pagination }, ledger });
    const whole = await process({ redeliveries: 1 });
    expect([whole.stands, paged.stands]).toEqual([['1 left, 0 pages'], ['1 left, 4 pages']]);
  });

  it.each([undefined, 700])(
    'comes first at its origin, with or without a ticket',
    async (ticket) => {
      const how = ticket === undefined ? {} : { ticket };
      expect((await process({ ...how, redeliveries: 1 })).tickets).toEqual([1]);
    },
  );
});

describe('a slice of several origins', () => {
  const fetches = ['a', 'b', 'c', 'b'].map((n, index) => fetchOf(index, { values: [n] }));
  const HELD = { kind: 'deferred', dueInMs: 60_000, ticket: 9, isRefused: false, deniedForMs: 0 };

  /** Runs one whose origin `b` lets nothing start. */
  async function processMixed({ redeliveries = 0, url = 'http://{n}.example/' }) {
    const { tools, started, lines } = startTools({
      admit: (slice, grant) => {
        if (slice.id.endsWith('-1')) {
          return HELD as Deferral;
        }
        slice.start(grant);
        started.at(-1)?.listener.onResult(responseOf(200));
        return { kind: 'started' };
      },
    });
    const ends: unknown[] = [];
    const processor = new SliceProcessor({
      ...tools,
      schedulers: {
        ...tools.schedulers,
        afterDeferral: async (origin, slice) => void ends.push(['deferred', origin, slice]),
        leaveWaitlist: async (_origin, slice) => void ends.push(['left', slice]),
        removeBatch: async () => undefined,
      },
      batches: { use: async (_id, work) => work(batchOf({ request: requestOf(url) })) },
      ledger: {
        areSettled: async (_id, indexes) => indexes.map((index) => index === 2),
        cursors: async (_id, indexes) => indexes.map(() => null),
        reportMissingSecrets: async () => undefined,
      },
      pausedSlices: { withdrawOne: async () => undefined },
      onTaken: () => undefined,
    });
    let waits = 0;
    const claim: ClaimedSlice = {
      id: 'b.0',
      data: packSlice('b', SEVERAL_ORIGINS, fetches),
      redeliveries,
      lostInVain: async () => 0,
      lost: new AbortController().signal,
      complete: async () => void ends.push('complete'),
      drop: async () => void ends.push('drop'),
      delay: async () => void ends.push('delay'),
      giveBack: async () => void ends.push('giveBack'),
      reject: async (reason) => void ends.push(reason.message),
      split: async ({ id, slice: { origin, ranges, ticket }, dueInMs }) => {
        // It counts from now: rounded, because some milliseconds have passed.
        const minutes = dueInMs === undefined ? undefined : Math.ceil(dueInMs / 60_000);
        ends.push([id, origin, ranges, ticket, minutes]);
        return true;
      },
    };
    await processor.process(claim, () => {
      waits += 1;
    });
    return { ends, waits, urls: lines.map((line) => (JSON.parse(line) as { url: string }).url) };
  }

  it('has the fetches of one origin wait while those of the others end', async () => {
    const { ends, waits, urls } = await processMixed({});
    expect(urls.toSorted()).toEqual(['http://a.example/', 'http://c.example/']);
    expect(ends).toEqual([
      ['b.0-1', 'http://b.example', [1, 1, 3, 1], 9, 1],
      ['deferred', 'http://b.example', 'b.0-1'],
      'complete',
    ]);
    expect(waits).toBe(1);
  });

  it('is taken apart if its worker died, without what is settled', async () => {
    const { ends, urls } = await processMixed({ redeliveries: 1 });
    expect(urls).toEqual([]);
    expect(ends).toEqual([
      ['b.0-0', 'http://a.example', [0, 1], 1, undefined],
      ['b.0-1', 'http://b.example', [1, 1, 3, 1], 1, undefined],
    ]);
  });

  it('is rejected if there is an address in it at which nothing can be fetched', async () => {
    const { ends } = await processMixed({ url: 'mailto:{n}' });
    expect(ends).toEqual(['one of its URLs has no origin']);
  });
});
