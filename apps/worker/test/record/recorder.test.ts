import { type Ledger, type Settlement, UnknownBatchError } from '@fetchfleet/fleet';
import type { Gathering } from '@fetchfleet/results';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Recorder } from '../../src/record/recorder.ts';

const MIB = 1024 * 1024;
const GATHER_MS = 10;
const LAZY_GATHER_MS = 500;
const RETRY_MS = 1_000;
type Settled = Awaited<ReturnType<Ledger['settle']>>;

const never = new Promise<void>(() => undefined);

/** A recorder whose sink and ledger do as the test says, and note their calls. */
function recording(gathering?: Gathering) {
  const events: string[] = [];
  const fleet = {
    append: async (): Promise<void> => undefined,
    settle: async (): Promise<Settled> => ({ settled: 1, finished: false }),
  };
  const recorder = new Recorder({
    sink: {
      ...(gathering !== undefined && { gathering }),
      append: async (batch, drafts) => {
        events.push(`append ${batch} ×${drafts.length}`);
        await fleet.append();
      },
    },
    ledger: {
      settle: async (batch: string, settlements: readonly Settlement[]) => {
        events.push(`settle ${batch} ×${settlements.length}`);
        return fleet.settle();
      },
    },
    onSinkError: (error) => events.push(String(error)),
    onComparisonError: () => events.push('not compared'),
    onRecovered: () => events.push('recovered'),
    onRecorded: (records) => events.push(`durable ×${records}`),
    onFinished: (batch) => events.push(`finished ${batch}`),
  });
  let index = 0;
  return {
    recorder,
    fleet,
    /** Events since the last call. */
    events: () => events.splice(0),
    record: (
      options: {
        readonly batch?: string;
        readonly bytes?: number;
        readonly isAwaited?: boolean;
      } = {},
    ) => {
      const { batch = 'b', bytes = 100, isAwaited = false } = options;
      const settlement = { index: index++, outcome: 'ok', durationMs: 1, bytes: 1 } as const;
      recorder.record(batch, {
        draft: 'x'.repeat(bytes),
        settlement,
        isAwaited,
        onRecorded: (isRecorded) => events.push(isRecorded ? 'recorded' : 'not recorded'),
      });
    },
    pass: async (ms: number) => jest.advanceTimersByTimeAsync(ms),
  };
}

const STORED_ONE = ['append b ×1', 'durable ×1', 'settle b ×1', 'recorded'];

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

describe('a record with a large body that is compared', () => {
  const settlement = { index: 0, outcome: 'ok', durationMs: 1, bytes: 1 } as const;

  it('is recorded when it is compared, and counts as waiting until then', async () => {
    const { recorder, events, pass } = recording();
    const comparing = Promise.withResolvers<string>();
    const recorded: boolean[] = [];
    const onRecorded = (isRecorded: boolean): unknown => recorded.push(isRecorded);
    recorder.recordLater('b', {
      draft: comparing.promise,
      bytes: 32 * MIB,
      settlement,
      onRecorded,
    });
    await pass(LAZY_GATHER_MS);
    expect([recorder.isReady, events()]).toEqual([false, []]);
    comparing.resolve('x');
    await recorder.ready();
    expect(recorder.isReady).toBe(true);
    await pass(LAZY_GATHER_MS);
    expect(events()).toEqual(['append b ×1', 'durable ×1', 'settle b ×1']);
    expect(recorded).toEqual([true]);
  });

  it('that cannot be compared is not recorded, and holds nothing up', async () => {
    const { recorder, events, pass } = recording();
    const recorded: boolean[] = [];
    recorder.recordLater('b', {
      draft: Promise.reject(new Error('gone')),
      bytes: 32 * MIB,
      settlement,
      onRecorded: (isRecorded) => recorded.push(isRecorded),
    });
    await pass(0);
    expect([recorder.isReady, recorded, events()]).toEqual([true, [false], ['not compared']]);
  });
});

describe('when records are flushed', () => {
  it('after 500 ms while nobody waits for them', async () => {
    const { record, events, pass } = recording();
    record();
    await pass(LAZY_GATHER_MS - 1);
    expect(events()).toEqual([]);
    await pass(1);
    expect(events()).toEqual(STORED_ONE);
  });

  it('after 10 ms while a slice waits for its last records', async () => {
    const { recorder, record, events, pass } = recording();
    void recorder.hurry(never);
    record();
    await pass(GATHER_MS - 1);
    expect(events()).toEqual([]);
    await pass(1);
    expect(events()).toEqual(STORED_ONE);
  });

  it('10 ms after one that is awaited, and after 500 ms again when that is flushed', async () => {
    const { record, events, pass } = recording();
    record();
    await pass(100);
    record({ isAwaited: true });
    await pass(GATHER_MS);
    expect(events()).toEqual(['append b ×2', 'durable ×2', 'settle b ×2', 'recorded', 'recorded']);
    record();
    await pass(LAZY_GATHER_MS - 1);
    expect(events()).toEqual([]);
    await pass(1);
    expect(events()).toEqual(STORED_ONE);
  });

  it('10 ms after a slice begins to wait for records that gather already', async () => {
    const { recorder, record, events, pass } = recording();
    record();
    await pass(100);
    void recorder.hurry(never);
    await pass(GATHER_MS);
    expect(events()).toEqual(STORED_ONE);
  });

  it('after 500 ms again once no slice waits any more', async () => {
    const { recorder, record, events, pass } = recording();
    expect(await recorder.hurry(Promise.resolve('done'))).toBe('done');
    record();
    await pass(LAZY_GATHER_MS - 1);
    expect(events()).toEqual([]);
    await pass(1);
    expect(events()).toEqual(STORED_ONE);
  });

  it('at once when 1 MiB has gathered, over all batches', async () => {
    const { record, events, pass } = recording();
    record({ batch: 'a', bytes: MIB - 1 });
    await pass(0);
    expect(events()).toEqual([]);
    record({ batch: 'b', bytes: 1 });
    expect(events()).toEqual(['append a ×1', 'append b ×1']);
    await pass(0);
    expect(events().filter((event) => event === 'recorded')).toHaveLength(2);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('at once when the recorder is stopped', async () => {
    const { recorder, record, events, pass } = recording();
    record();
    recorder.stop();
    await pass(0);
    expect(events()).toEqual(STORED_ONE);
  });

  it('together, one append and one settlement for each batch', async () => {
    const { record, events, pass } = recording();
    record();
    record({ batch: 'a' });
    record();
    await pass(LAZY_GATHER_MS);
    const stored = events();
    expect(stored.filter((event) => event.startsWith('append'))).toEqual([
      'append b ×2',
      'append a ×1',
    ]);
    expect(stored.filter((event) => event.startsWith('settle'))).toEqual([
      'settle b ×2',
      'settle a ×1',
    ]);
  });
});

describe('a sink that wants many records at once', () => {
  const gathering = { ms: 1_000, bytes: 8 * MIB };

  it('gets them after its own time, also those that are awaited', async () => {
    const { recorder, record, events, pass } = recording(gathering);
    void recorder.hurry(never);
    record();
    await pass(600);
    record({ isAwaited: true });
    await pass(399);
    expect(events()).toEqual([]);
    await pass(1);
    expect(events()).toEqual(['append b ×2', 'durable ×2', 'settle b ×2', 'recorded', 'recorded']);
  });

  it('gets them at once when there are as many bytes as it wants', async () => {
    const { recorder, record, events, pass } = recording(gathering);
    record({ bytes: 8 * MIB - 1 });
    await pass(0);
    expect([recorder.isReady, events()]).toEqual([true, []]);
    record({ bytes: 1 });
    expect(events()).toEqual(['append b ×2']);
    await pass(0);
  });

  it('holds fetches back only while 32 MiB wait for it, gathered or not', async () => {
    const { recorder, record, fleet } = recording(gathering);
    fleet.append = async () => never;
    record({ bytes: 25 * MIB });
    record({ bytes: 7 * MIB - 1 });
    expect(recorder.isReady).toBe(true);
    record({ bytes: 1 });
    expect(recorder.isReady).toBe(false);
  });
});

describe('the order of a flush', () => {
  it('settles nothing before the sink has stored it', async () => {
    const { fleet, record, events, pass } = recording();
    const { promise, resolve } = Promise.withResolvers<void>();
    fleet.append = async () => promise;
    record();
    await pass(60_000);
    expect(events()).toEqual(['append b ×1']);
    resolve();
    await pass(0);
    expect(events()).toEqual(['durable ×1', 'settle b ×1', 'recorded']);
  });

  it('calls onRecorded only after the ledger has settled it', async () => {
    const { fleet, record, events, pass } = recording();
    const { promise, resolve } = Promise.withResolvers<Settled>();
    fleet.settle = async () => promise;
    record();
    await pass(60_000);
    expect(events()).toEqual(['append b ×1', 'durable ×1', 'settle b ×1']);
    resolve({ settled: 1, finished: true });
    await pass(0);
    expect(events()).toEqual(['finished b', 'recorded']);
  });
});

describe('a sink that fails', () => {
  it('is tried again every second, keeps its records and holds new fetches back', async () => {
    const { recorder, fleet, record, events, pass } = recording();
    fleet.append = async () => Promise.reject(new Error('disk full'));
    record();
    await pass(LAZY_GATHER_MS);
    expect(events()).toEqual(['append b ×1', 'Error: disk full']);
    expect([recorder.isHealthy, recorder.isReady]).toEqual([false, false]);
    const { promise: ready, resolve } = Promise.withResolvers<void>();
    const isReady = jest.fn(resolve);
    void recorder.ready().then(isReady);
    await pass(RETRY_MS);
    expect(events()).toEqual(['append b ×1', 'Error: disk full']);
    expect(isReady).not.toHaveBeenCalled();
    fleet.append = async () => undefined;
    await pass(RETRY_MS);
    expect(events()).toEqual(['append b ×1', 'recovered', 'durable ×1', 'settle b ×1', 'recorded']);
    expect([recorder.isHealthy, recorder.isReady]).toEqual([true, true]);
    await ready;
  });

  it('is given up when the recorder is stopped: its records are not recorded', async () => {
    const { recorder, fleet, record, events, pass } = recording();
    fleet.append = async () => Promise.reject(new Error('disk full'));
    record();
    await pass(LAZY_GATHER_MS);
    record();
    events();
    recorder.stop();
    await pass(0);
    const left = events();
    expect(left.filter((event) => event === 'not recorded')).toHaveLength(2);
    expect(left).not.toContain('settle b ×1');
    expect(recorder.isReady).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('a sink that is slow', () => {
  it('holds new fetches back while 32 MiB wait for it', async () => {
    const { recorder, fleet, record, pass } = recording();
    const appends: (() => void)[] = [];
    fleet.append = async () =>
      new Promise((resolve) => {
        appends.push(resolve);
      });
    for (let i = 0; i < 31; i++) {
      record({ bytes: MIB });
    }
    expect(recorder.isReady).toBe(true);
    record({ bytes: MIB });
    expect([recorder.isHealthy, recorder.isReady]).toEqual([true, false]);
    appends[0]?.();
    await pass(0);
    expect(recorder.isReady).toBe(true);
    for (const resolve of appends) {
      resolve();
    }
    await pass(0);
  });
});

describe('a ledger that refuses', () => {
  it('leaves the fetches unsettled, for any error', async () => {
    const { fleet, record, events, pass } = recording();
    fleet.settle = async () => Promise.reject(new Error('no script'));
    record();
    await pass(LAZY_GATHER_MS);
    expect(events()).toEqual(['append b ×1', 'durable ×1', 'settle b ×1', 'not recorded']);
  });

  it('does not matter where the batch was removed meanwhile', async () => {
    const { fleet, record, events, pass } = recording();
    fleet.settle = async () => Promise.reject(new UnknownBatchError('b'));
    record();
    await pass(LAZY_GATHER_MS);
    expect(events()).toEqual(STORED_ONE);
  });
});
