import { compilePagination, encodeDraft, type FetchResult, lineText } from '@fetchfleet/crawl';
import { createLogger, createMetrics } from '@fetchfleet/service';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type RecordEntry, Recorder } from '../../src/record/recorder.ts';
import { type Ending, settle } from '../../src/record/settle.ts';
import { activeBatch } from '../batch/batch-fixture.ts';

const metrics = createMetrics({ worker: 'w-1' });
afterEach(() => metrics.stop());

function nothing(): void {
  // The recorder of these tests flushes nothing.
}

/** A recorder that keeps what it is given. */
class KeepingRecorder extends Recorder {
  readonly kept: RecordEntry[] = [];

  constructor() {
    super({
      sink: { append: async () => undefined },
      ledger: { settle: async () => ({ settled: 1, finished: false }) },
      onSinkError: nothing,
      onComparisonError: nothing,
      onRecovered: nothing,
      onRecorded: nothing,
      onFinished: nothing,
    });
  }

  override record(_batch: string, entry: RecordEntry): void {
    this.kept.push(entry);
  }
}

function recordOf(ending: Ending, changes?: Parameters<typeof activeBatch>[0]) {
  const recorder = new KeepingRecorder();
  const log = createLogger({ name: 'test', level: 'silent', pretty: false });
  const target = { batch: activeBatch(changes), origin: 'http://a.example', slice: 'b.0' };
  const fetch = { index: 7, values: ['5'], attempts: 1, dueAt: 0, throttledSince: 0 };
  const recorded: boolean[] = [];
  settle({ worker: 'w-1', recorder, metrics, log }, target, { fetch, ending }, (isRecorded) =>
    recorded.push(isRecorded),
  );
  const [entry] = recorder.kept;
  if (entry === undefined) {
    throw new Error('nothing was recorded');
  }
  return {
    entry,
    record: JSON.parse(lineText(encodeDraft(entry.draft))) as Record<string, unknown>,
    recorded,
  };
}

function failure(code: string): FetchResult {
  return {
    kind: 'failure',
    outcome: 'timeout',
    code,
    message: 'no answer within 30 s',
    bytes: 12,
    startedAt: Date.UTC(2026, 0, 1),
    durationMs: 30_000.126,
  };
}

async function isCounted(): Promise<boolean> {
  const { body } = await metrics.page();
  return body.includes('fetchfleet_fetches_total{outcome="timeout"');
}

describe('settle', () => {
  it('records a fetch that failed with its code, message, duration and bytes', () => {
    const { record, entry } = recordOf({
      outcome: 'timeout',
      attempts: 2,
      result: failure('FETCH_TIMEOUT'),
    });
    expect(record).toMatchObject({
      batch: 'b',
      index: 7,
      params: { n: '5' },
      url: 'http://a.example/5',
      outcome: 'timeout',
      attempts: 2,
      startedAt: '2026-01-01T00:00:00.000Z',
      durationMs: 30_000.13,
      bytes: 12,
      worker: 'w-1',
      error: { code: 'FETCH_TIMEOUT', message: 'no answer within 30 s' },
    });
    expect(entry.settlement).toEqual({
      index: 7,
      outcome: 'timeout',
      durationMs: 30_000.13,
      bytes: 12,
    });
  });

  it('records a fetch that was never tried with the error it is given', () => {
    const error = { code: 'WORKER_LOST', message: 'five workers vanished' };
    const { record } = recordOf({ outcome: 'worker-lost', attempts: 0, error });
    expect(record).toMatchObject({ outcome: 'worker-lost', durationMs: 0, bytes: 0, error });
  });

  it('counts a fetch only when it is recorded, and passes the answer on', async () => {
    const { entry, recorded } = recordOf({ outcome: 'timeout', attempts: 1, result: failure('X') });
    entry.onRecorded(false);
    expect(await isCounted()).toBe(false);
    entry.onRecorded(true);
    expect(await isCounted()).toBe(true);
    expect(recorded).toEqual([false, true]);
  });
});

describe('the type of a body', () => {
  it.each([
    ['text/plain; k=a', 'text/plain; k=a'],
    ['text/plain; k=HUNTER2-hunter2', undefined],
  ])('is recorded unless it repeats a secret: %s', (type, contentType) => {
    const result: FetchResult = {
      kind: 'response',
      status: 200,
      headers: { 'content-type': type },
      body: Buffer.from('text'),
      startedAt: 0,
      durationMs: 1,
    };
    const changes = { secrets: () => ['hunter2-hunter2'] };
    const { record } = recordOf({ outcome: 'ok', attempts: 1, result }, changes);
    expect(record['contentType']).toBe(contentType);
    // It is read by its type all the same.
    expect(record).toMatchObject({ bodyEncoding: 'text', body: 'text' });
  });
});

const NEXT = '</next?page=2>; rel="prev next"';

function headersOf(link: string, changes?: Parameters<typeof activeBatch>[0]): unknown {
  const result: FetchResult = {
    kind: 'response',
    status: 200,
    headers: { link, etag: '"v1"' },
    body: Buffer.from('[]'),
    startedAt: 0,
    durationMs: 1,
  };
  return recordOf({ outcome: 'ok', attempts: 1, result }, changes).record['headers'];
}

describe('a Link header that nobody asked for', () => {
  it('is recorded where it names a next page', () => {
    expect(headersOf(NEXT)).toEqual({ link: NEXT });
  });

  it.each([
    ['names other pages', '</a>; rel="prev", </b>; rel=last'],
    ['is about something else', '</b>; rel=next; anchor="http://b.example/"'],
    ['is very long', `<${'x'.repeat(2_100)}>; rel=next`],
  ])('is not recorded where it %s', (_what, link) => {
    expect(headersOf(link)).toBeUndefined();
  });

  it('is not recorded where it repeats a secret', () => {
    const link = '</next?key=hunter2-hunter2>; rel=next';
    expect(headersOf(link, { secrets: () => ['hunter2-hunter2'] })).toBeUndefined();
  });

  it('is not recorded where pages are followed', () => {
    const paginate = { next: 'link', max: 3 } as const;
    const { plan } = activeBatch();
    const pagination = compilePagination(paginate, plan);
    expect(headersOf(NEXT, { pagination })).toBeUndefined();
  });
});
