import { describe, expect, it } from '@jest/globals';
import type { OriginStatus } from '@fetchfleet/fleet';
import type { Span } from '../../../src/core/terminal.ts';
import { originsSummary, originsTable, stateOf } from '../../../src/commands/origins/table.ts';

function status(origin: string, parts: Partial<OriginStatus> = {}): OriginStatus {
  return {
    origin,
    rate: { limit: 'unlimited', source: 'crawl file' },
    burst: 1,
    concurrency: { limit: 16, source: 'crawl file' },
    inUse: 0,
    workers: 0,
    waiting: 0,
    breaker: 'closed',
    ...parts,
  };
}

const plain = { width: 100 };

function textOf(lines: readonly (readonly Span[])[]): string[] {
  return lines.map((spans) =>
    spans.map((span) => (typeof span === 'string' ? span : span[1])).join(''),
  );
}

const some: readonly OriginStatus[] = [
  status('https://idle.example'),
  status('https://busy.example', {
    rate: { limit: '5/s', perSecond: 5, source: 'set' },
    burst: 10,
    inUse: 3,
    waiting: 12_000,
  }),
  status('https://blocked.example', {
    rate: { limit: '47.3/s', perSecond: 47.3, source: 'learned' },
    concurrency: { limit: 7, source: 'learned' },
    waiting: 50,
    blockedUntil: '2027-01-15T08:00:35.000Z',
    blockedMs: 34_200,
    blockedFor: '429',
  }),
  status('https://down.example', {
    breaker: 'open',
    openMs: 3_999,
    waiting: 1,
    lastError: 'refused the connection',
  }),
];

describe('the table of origins', () => {
  it('shows limits and their sources, origins in trouble first', () => {
    expect(textOf(originsTable(some, { ...plain, width: 140 }))).toEqual([
      'origin                   rate              in flight       waiting  state',
      'https://down.example     unlimited         0 of 16               1  down, next try in 4 s: refused the connection',
      'https://blocked.example  47.3/s learned    0 of 7 learned       50  blocked, next try in 35 s: 429',
      'https://busy.example     5/s set burst 10  3 of 16          12,000  fetching',
      'https://idle.example     unlimited         0 of 16               0  idle',
    ]);
  });

  it('never exceeds its width', () => {
    const wide = status(`https://${'long.'.repeat(40)}example`, {
      rate: { limit: '1000000/s', perSecond: 1e6, source: 'robots.txt' },
      concurrency: { limit: 100_000, source: 'learned' },
      inUse: 100_000,
      waiting: 1_000_000,
      blockedMs: 86_400_000,
      blockedFor: 'a reason that goes on and on for much longer than anybody reads',
    });
    const lines = textOf(originsTable([...some, wide], plain));
    for (const line of lines) {
      expect(line.length).toBeLessThanOrEqual(100);
    }
    expect(lines.join('\n')).toMatch(/https:\/\/lo.*….*ample/u);
  });

  it('counts the origins that do not fit on the screen', () => {
    const many = Array.from({ length: 50 }, (_, i) => status(`https://o-${i}.example`));
    const lines = textOf(originsTable([...many, ...some], { ...plain, height: 20 }));
    expect(lines).toHaveLength(20);
    expect(lines[1]).toContain('down.example');
    expect(lines.at(-1)).toBe('… and 36 more');
    expect(originsTable(many, { ...plain, height: 51 })).toHaveLength(51);
  });

  it('colours what is wrong', () => {
    const spans = originsTable(some, plain).flat();
    expect(spans).toContainEqual(['red', 'down, next try in 4 s: refused th…']);
    expect(spans).toContainEqual(['yellow', 'blocked, next try in 35 s: 429']);
  });

  it('shows what is in a name or a reason before it measures it', () => {
    const hostile = status('http://a\u001b[2J', {
      blockedMs: 3_600_000,
      blockedFor: '503\u001b[31m',
    });
    expect(textOf(originsTable([hostile], { width: 120 }))[1]).toBe(
      String.raw`http://a\u001b[2J  unlimited  0 of 16          0  blocked, next try in 1 h: 503\u001b[31m`,
    );
  });

  it.each([
    ['down, one fetch may try', { breaker: 'half-open' }],
    ['down, next try in 2 min 5 s', { breaker: 'open', openMs: 124_100, blockedMs: 5 }],
    ['blocked, next try in 1 s', { blockedMs: 3 }],
    ['waits for its robots.txt: it answered 503', { robotsError: 'it answered 503' }],
    ['fetching', { inUse: 1, waiting: 10 }],
    ['waiting', { waiting: 10 }],
    ['idle', {}],
  ] as const)('says "%s"', (text, parts) => {
    expect(stateOf(status('https://a.example', parts))).toBe(text);
  });

  it('has a summary of one line', () => {
    expect(originsSummary(some)).toBe('4 origins: 3 in flight, 12,051 waiting, 1 blocked, 1 down');
    expect(originsSummary(some.slice(0, 1))).toBe('1 origin: 0 in flight, 0 waiting');
  });
});
