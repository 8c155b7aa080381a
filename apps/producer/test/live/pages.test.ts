import { describe, expect, it } from '@jest/globals';
import { stripVTControlCharacters, styleText } from 'node:util';
import {
  backlogMs,
  type BatchStatus,
  type OriginStatus,
  Pace,
  type WorkerInfo,
} from '@fetchfleet/fleet';
import { batchPage, type BatchView } from '../../src/live/batch-page.ts';
import { batchesPage } from '../../src/live/batches-page.ts';
import type { ScreenSize } from '../../src/live/screen.ts';
import { fit, type Paint, sparkline } from '../../src/live/styled-text.ts';

const STARTED = '2026-11-23T10:00:00.000Z';
const paint: Paint = (style, part) => styleText(style, part, { validateStream: false });

const status: BatchStatus = {
  batch: 'covid-confirmed-20261123-0552-ipwd',
  name: 'covid-confirmed',
  state: 'running',
  total: 39_840,
  settled: 11_571,
  ok: 11_471,
  failed: 100,
  retries: 0,
  outcomes: { ok: 11_471, 'http-error': 90, timeout: 10 },
  createdAt: STARTED,
  startedAt: STARTED,
  fetchesPerSecond: 134,
  durationSumMs: 1_000,
  bytes: 14_800_000,
  sliceSize: 50,
  source: 'crawl.yaml',
  fingerprint: 'f',
  missingSecrets: [],
  resultsFolders: [],
};

function origin(name: string, parts: Partial<OriginStatus> = {}): OriginStatus {
  return {
    origin: name,
    rate: { limit: 'unlimited', source: 'none' },
    burst: 1,
    concurrency: { limit: 16, source: 'crawl file' },
    inUse: 4,
    workers: 1,
    waiting: 100,
    breaker: 'closed',
    durationMs: 150,
    ...parts,
  };
}

function worker(id: string, parts: Partial<WorkerInfo> = {}): WorkerInfo {
  return {
    id,
    host: 'host-1',
    pid: 7,
    version: '0.1.0',
    transport: 'got',
    concurrency: 100,
    inFlight: 40,
    slices: 2,
    batches: [],
    state: 'working',
    roles: ['fetch'],
    fetchesPerSecond: 66,
    startedAt: STARTED,
    lastSeenAt: STARTED,
    silentMs: 300,
    ...parts,
  };
}

/** 100 fetches per second for 30 seconds. */
function pace(): Pace {
  const made = new Pace();
  for (let at = 0; at <= 30; at += 1) {
    made.add(at * 1_000, 8_571 + at * 100);
  }
  return made;
}

function view(parts: Partial<BatchView> = {}): BatchView {
  return {
    status,
    origins: [
      origin('http://dead.example', { breaker: 'open', openMs: 40_000 }),
      origin('http://refuses.example', {
        blockedMs: 9_500,
        blockedFor: '429 Retry-After\u001B[2J',
      }),
      ...Array.from({ length: 30 }, (_, at) => origin(`https://origin-${at}.example:8443`)),
    ],
    workers: [worker('w-1'), worker('w-2', { state: 'gone', silentMs: 30_000 })],
    pace: pace(),
    nowMs: Date.parse(STARTED) + 87_000,
    silentMs: 0,
    program: 'fetchfleet',
    ...parts,
  };
}

function text(shown: BatchView, size: ScreenSize): string {
  return batchPage(shown, size, paint).map(stripVTControlCharacters).join('\n');
}

describe('the live view of a batch', () => {
  it('fits terminals of any size', () => {
    for (let columns = 1; columns <= 200; columns += 7) {
      for (let rows = 1; rows <= 60; rows += 4) {
        const lines = batchPage(view(), { columns, rows }, paint);
        expect(lines.length).toBeLessThanOrEqual(rows);
        const widths = lines.map((line) => stripVTControlCharacters(line).length);
        expect(Math.max(...widths)).toBeLessThanOrEqual(columns);
      }
    }
  });

  it('shows progress, remaining time, pace and outcomes', () => {
    const shown = text(view(), { columns: 100, rows: 40 });
    expect(shown).toMatch(/running +1 min 27 s/u);
    expect(shown).toMatch(/29\.0%/u);
    expect(shown).toMatch(/11,571 of 39,840 +4 min 43 s left · /u);
    expect(shown).toMatch(/fetches +100\/s · average 134\/s +█+/u);
    expect(shown).toMatch(/ok 11,471 · http-error 90 · timeout 10/u);
  });

  it('shows origins with problems and why, workers, and the number of hidden rows', () => {
    const shown = text(view(), { columns: 100, rows: 24 });
    expect(shown).toMatch(/http:\/\/dead\.example .*down, next try in 40 s/u);
    expect(shown).toMatch(/http:\/\/refuses\.example .*blocked, next try in 10 s: 429/u);
    expect(shown).toMatch(/… and \d+ more/u);
    expect(shown).toMatch(/w-2 .*gone, silent for 30 s/u);
    expect(shown).toMatch(/w-1 +40 of 100/u);
  });

  it('removes control characters from answers of origins', () => {
    expect(batchPage(view(), { columns: 100, rows: 40 }, (_, part) => part).join('')).not.toMatch(
      /\p{Cc}/u,
    );
  });

  it('shows what is in names that others have written, and fits the screen', () => {
    const hostile = '\u001b[2J\u009b31m\u202e\r\n\ud83d';
    const shown = view({
      status: { ...status, batch: hostile, missingSecrets: [hostile] },
      origins: [origin(hostile, { breaker: 'open', openMs: 1, lastError: hostile })],
      workers: [worker(hostile, { host: hostile })],
    });
    for (let columns = 20; columns <= 200; columns += 1) {
      const lines = batchPage(shown, { columns, rows: 40 }, (_, part) => part);
      expect(lines.join('')).not.toMatch(/[\p{Cc}\p{Cs}\p{Bidi_Control}]/u);
      expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(columns);
    }
  });

  it('shows no estimate for a paused batch, but the command to continue', () => {
    const shown = text(view({ status: { ...status, state: 'paused' } }), { columns: 90, rows: 30 });
    expect(shown).toContain(`paused; continue with: fetchfleet resume ${status.batch}`);
    expect(shown).not.toContain(' left ·');
  });

  it('warns if no worker runs, a variable is missing or Redis is silent', () => {
    const warned = { ...status, missingSecrets: ['API_TOKEN'] };
    const shown = text(
      view({ status: warned, workers: [worker('w', { state: 'gone' })], silentMs: 4_000 }),
      { columns: 90, rows: 30 },
    );
    expect(shown).toContain('no worker is running');
    expect(shown).toContain('no worker has API_TOKEN');
    expect(shown).toContain('Redis has not answered for 4.0 s');
  });

  it('shows 100 % only for a complete batch', () => {
    const almost = { ...status, settled: status.total - 1 };
    expect(text(view({ status: almost }), { columns: 80, rows: 24 })).toContain('99.9%');
  });
});

describe('the live view of all batches', () => {
  const batches = Array.from({ length: 50 }, (_, at) => ({
    status: { ...status, batch: `batch-${at}`, state: at < 2 ? 'running' : 'finished' } as const,
    pace: pace(),
  }));

  it('fits terminals of any size', () => {
    for (const columns of [1, 20, 60, 80, 150]) {
      for (const rows of [1, 3, 10, 24]) {
        const lines = batchesPage(
          { batches, workers: [], silentMs: 3_000 },
          { columns, rows },
          paint,
        );
        expect(lines.length).toBeLessThanOrEqual(rows);
        const widths = lines.map((line) => stripVTControlCharacters(line).length);
        expect(Math.max(...widths)).toBeLessThanOrEqual(columns);
      }
    }
  });

  it('adds up the batches under way', () => {
    const [head] = batchesPage(
      { batches, workers: [worker('w-1')], silentMs: 0 },
      { columns: 80, rows: 24 },
      (_, part) => part,
    );
    expect(head).toBe('2 batches under way · 200/s · 40 in flight · workers: 1');
  });
});

describe('the remaining time of an origin', () => {
  it.each([
    ['by its rate', { rate: { limit: '10/s', perSecond: 10, source: 'set' } }, 10_000],
    ['by its concurrency and response time', { durationMs: 160 }, 1_000],
    ['as unknown while it is down', { breaker: 'open' }, undefined],
    ['as unknown while it is blocked', { blockedMs: 1_000 }, undefined],
    [
      'as unknown without limits',
      { concurrency: { limit: 'unlimited', source: 'set' } },
      undefined,
    ],
  ] as const)('is estimated %s', (_by, parts, expected) => {
    const ms = backlogMs(origin('https://a.example', parts));
    expect(ms === undefined ? ms : Math.round(ms)).toBe(expected);
  });

  it('delays the estimated end of a batch', () => {
    const slow = origin('https://slow.example', { waiting: 50_000, durationMs: 16_000 });
    const early = new Pace();
    early.add(0, 0);
    early.add(10_000, 1_000);
    const shown = text(view({ origins: [slow], pace: early }), { columns: 100, rows: 40 });
    // At most the remaining fetches of the batch, one per second.
    expect(shown).toMatch(/11,571 of 39,840 +7 h 51 min left/u);
    // Half a minute tells more than the limits.
    const steady = text(view({ origins: [slow] }), { columns: 100, rows: 40 });
    expect(steady).toMatch(/11,571 of 39,840 +4 min 43 s left/u);
  });
});

describe('styled text', () => {
  it('is cut with an ellipsis, with and without styles', () => {
    expect(fit(['abc', ['red', 'def']], 5)).toEqual(['abc', ['red', 'd'], '…']);
    expect(fit(['abc'], 3)).toEqual(['abc']);
    expect(fit(['abc'], 0)).toEqual([]);
  });

  it('draws a sparkline whose highest value is a full block', () => {
    expect(sparkline([0, 1, 4, 8])).toBe('▁▁▄█');
    expect(sparkline([0, 0])).toBe('▁▁');
    expect(sparkline([])).toBe('');
  });
});
