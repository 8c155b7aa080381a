import { compilePagination, packSlice, type PendingFetch } from '@fetchfleet/crawl';
import type { BatchState, ClaimedSlice } from '@fetchfleet/fleet';
import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import type { ActiveBatch } from '../../src/batch/batches.ts';
import type { WaitingSlice } from '../../src/origin/waiting-slice.ts';
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
  dueAt = 0,
  ledger = {},
  known,
}: {
  readonly batch?: Partial<ActiveBatch>;
  readonly state?: BatchState;
  readonly isKnown?: boolean;
  readonly ticket?: number;
  readonly redeliveries?: number;
  readonly dueAt?: number;
  readonly ledger?: Partial<ProcessorOptions['ledger']>;
  readonly known?: PendingFetch['known'];
}) {
  const admitted: WaitingSlice[] = [];
  const left: string[] = [];
  const removed: string[] = [];
  const ends: string[] = [];
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
      state: async () => state,
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
    lost: new AbortController().signal,
    complete: async () => void ends.push('complete'),
    delay: async () => void ends.push('delay'),
    giveBack: async () => void ends.push('giveBack'),
    reject: async () => void ends.push('reject'),
    split: async () => false,
  };
  await processor.process(claim, () => undefined);
  return { ends, left, removed, tickets: admitted.map((slice) => slice.ticket) };
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
    { when: 'its batch is unknown', how: { isKnown: false }, end: 'reject' },
    {
      when: 'it refers to a batch that its own does not name',
      how: { known: KNOWN },
      end: 'reject',
    },
    { when: 'its batch is paused', how: { state: 'paused' }, end: 'delay' },
    { when: 'its batch is cancelled', how: { state: 'cancelled' }, end: 'complete' },
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

  it.each(['paused', 'cancelled'] as const)('takes its whole batch along: %s', async (state) => {
    expect((await process({ ticket: 700, state })).removed).toEqual(['b']);
  });

  it('tells the gate of its arrival itself where it waits for its turn', async () => {
    expect(await process({ ticket: 700 })).toMatchObject({ left: [], tickets: [700] });
  });
});

describe('a slice of a dead worker', () => {
  it.each([undefined, 700])(
    'comes first at its origin, with or without a ticket',
    async (ticket) => {
      const how = ticket === undefined ? {} : { ticket };
      expect((await process({ ...how, redeliveries: 1 })).tickets).toEqual([1]);
    },
  );
});
