import { describe, expect, it } from '@jest/globals';
import { type BatchStatus, statusDocument } from '@fetchfleet/fleet';
import { statusTable } from '../../src/commands/status.ts';
import { describeStatus } from '../../src/report/describe-status.ts';
import type { Span } from '../../src/core/terminal.ts';
import { describeCounts, describePace } from '../../src/report/progress.ts';
import { exitCodeOf } from '../../src/report/exit-code-of.ts';
import { type SummaryInput, summarize } from '../../src/report/summary.ts';

const finished: BatchStatus = {
  batch: 'covid-confirmed-20261123-0017-k3f9',
  name: 'covid-confirmed',
  state: 'finished',
  total: 249,
  settled: 249,
  ok: 249,
  failed: 0,
  outcomes: { ok: 249 },
  createdAt: '2026-11-23T00:17:00.000Z',
  startedAt: '2026-11-23T00:17:01.000Z',
  finishedAt: '2026-11-23T00:17:02.400Z',
  fetchesPerSecond: 177.86,
  retries: 0,
  durationSumMs: 35_000,
  bytes: 304_400,
  sliceSize: 3,
  source: '/crawls/countries.yaml',
  fingerprint: 'f',
  results: '/crawls/results',
  resultsFolders: ['/crawls/results'],
  missingSecrets: [],
};

const failing: BatchStatus = {
  ...finished,
  ok: 240,
  failed: 9,
  outcomes: { ok: 240, timeout: 2, 'http-error': 7 },
};

function textOf(span: Span): string {
  return typeof span === 'string' ? span : span[1];
}

function plainSummary(input: Partial<SummaryInput>): string {
  return summarize({
    status: finished,
    elapsedMs: 1_400,
    results: 'results/covid-confirmed-20261123-0017-k3f9',
    exportCommand: 'fetchfleet export covid-confirmed-20261123-0017-k3f9 -o out.ndjson',
    failureCommands: ['fetchfleet failures b', 'fetchfleet retry b'],
    ...input,
  })
    .map((line) => (typeof line === 'string' ? line : line.map(textOf).join('')))
    .join('\n');
}

describe('the summary', () => {
  it('shows counts, duration, speed-up and the next command', () => {
    expect(plainSummary({}).split('\n')).toEqual([
      '✔ covid-confirmed: 249 of 249 fetched',
      '',
      '  fetched            249',
      '  failed               0',
      '  took             1.4 s   178/s',
      '  one by one        35 s   25× faster',
      '  received        304 kB',
      '  results     results/covid-confirmed-20261123-0017-k3f9',
      '',
      '  fetchfleet export covid-confirmed-20261123-0017-k3f9 -o out.ndjson',
      '',
    ]);
  });

  it('lists failures by outcome, the most frequent first, with examples cut to the width', () => {
    const url = `http://127.0.0.1/${'long/'.repeat(30)}`;
    const text = plainSummary({
      status: failing,
      examples: new Map([['http-error', { index: 17, url, status: 503 }]]),
    });
    const lines = text.split('\n');
    expect(lines[0]).toBe('✖ covid-confirmed: 240 of 249 fetched, 9 failed');
    expect(lines[4]).toMatch(/^ {4}http-error +7 {2}e\.g\. #17 HTTP 503 http:.*….*\/long\/$/u);
    expect(lines[5]).toMatch(/^ {4}timeout +2$/u);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(lines.slice(-3)).toEqual(['  fetchfleet failures b', '  fetchfleet retry b', '']);
  });

  it('shows a status only where it is what went wrong', () => {
    const url = 'http://127.0.0.1/';
    const text = plainSummary({
      status: { ...failing, outcomes: { ok: 240, 'http-error': 5, unexpected: 4 } },
      examples: new Map([
        ['http-error', { index: 1, url, status: 404, error: { code: 'HTTP_404', message: '' } }],
        [
          'unexpected',
          { index: 2, url, status: 200, error: { code: 'EXPECTED_JSON', message: '' } },
        ],
      ]),
    });
    expect(text).toMatch(/^ {4}unexpected +4 {2}e\.g\. #2 EXPECTED_JSON http:/mu);
    expect(text).toMatch(/^ {4}http-error +5 {2}e\.g\. #1 HTTP 404 http:/mu);
  });

  it('tells what robots.txt forbids apart from failures', () => {
    const outcomes = { ok: 240, 'robots-denied': 9 };
    const text = plainSummary({ status: { ...failing, outcomes } });
    expect(text).toContain('✔ covid-confirmed: 240 of 249 fetched\n');
    expect(text).toMatch(/^ {2}failed +0$/mu);
    expect(text).toMatch(/^ {2}not allowed +9 {3}robots\.txt forbids them$/mu);
    expect(text).not.toContain('fetchfleet retry');
  });

  it('computes the speed of a continued batch from this run only', () => {
    const text = plainSummary({ before: { settled: 200, durationSumMs: 28_000 } });
    expect(text).toContain('35/s  49 fetched now, 200 before');
    expect(text).toContain('one by one       7.0 s   5× faster');
  });

  it('shows no speed-up if there was none', () => {
    expect(plainSummary({ elapsedMs: 40_000 })).not.toContain('faster');
  });
});

describe('the status', () => {
  it('has the same keys, whatever is unknown', () => {
    const { startedAt: _start, finishedAt: _end, results: _results, ...early } = finished;
    const document = statusDocument({ ...early, state: 'expanding' });
    expect(Object.keys(document)).toEqual(Object.keys(statusDocument(finished)));
    expect(document).toMatchObject({ startedAt: null, finishedAt: null, results: null });
  });

  it('gives the exit status of a command that has waited for the batch', () => {
    expect(exitCodeOf(finished)).toBe(0);
    expect(exitCodeOf(failing)).toBe(1);
    expect(exitCodeOf({ state: 'cancelled', failed: 0, outcomes: {} })).toBe(130);
    const denied = { ...failing, outcomes: { ok: 240, 'robots-denied': 9 } };
    expect(exitCodeOf(denied)).toBe(0);
    expect(exitCodeOf({ ...denied, failed: 10 })).toBe(1);
  });

  it.each([
    [{ settled: 100, outcomes: { timeout: 100, ok: 0 } }, true],
    [{ settled: 99, outcomes: { timeout: 99 } }, false],
    [{ settled: 101, outcomes: { timeout: 100, ok: 1 } }, false],
    [{ settled: 100, outcomes: { ok: 100 } }, false],
  ])('says so where all of %j have failed in the same way: %s', (parts, isSaid) => {
    const text = describeStatus({ ...finished, state: 'running', ...parts }, Date.now()).join('\n');
    expect(text.includes('every fetch so far has ended as timeout')).toBe(isSaid);
  });

  it('does not count the hours between the end and a retry', () => {
    const again = {
      activeSince: '2026-11-23T09:00:00.000Z',
      finishedAt: '2026-11-23T09:00:07.000Z',
    };
    const text = describeStatus({ ...finished, retries: 1, ...again }, Date.now()).join('\n');
    expect(text).toContain('went on at 2026-11-23T09:00:00.000Z, took 7.0 s');
    expect(describeStatus(finished, Date.now()).join('\n')).toContain('17:01.000Z, took 1.4 s');
  });

  it('names the variables that no worker has', () => {
    const text = describeStatus({ ...finished, missingSecrets: ['API_TOKEN'] }, Date.now()).join(
      '\n',
    );
    expect(text).toContain('no worker has API_TOKEN');
  });

  it('is a table of aligned columns for several batches', () => {
    const lines = statusTable([finished, { ...failing, batch: 'b', state: 'running' }]);
    expect(lines).toHaveLength(3);
    expect(new Set(lines.map((line) => line.length)).size).toBe(1);
  });
});

describe('progress', () => {
  it('shows counts, pace, failures and remaining time', () => {
    const status = { state: 'running', total: 5_000, settled: 1_234, failed: 3 } as const;
    expect(describeCounts(status)).toBe('1,234 of 5,000 (24%)');
    const pace = { perSecond: 900, steadyPerSecond: 812 };
    expect(describePace(status, pace)).toBe('900/s · 3 failed · 4.6 s left');
    expect(describePace({ ...status, state: 'paused' }, pace)).toBe('paused · 3 failed');
    const still = { perSecond: 0, steadyPerSecond: 0 };
    expect(describePace({ ...status, state: 'expanding', failed: 0 }, still)).toBe(
      '0/s · still enqueueing',
    );
  });
});
