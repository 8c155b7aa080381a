import { parseCrawlFile } from '@fetchfleet/crawl/file';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  parseScheduledCrawl,
  parseStoredCrawl,
  parseStoredPlan,
} from '../../src/ledger/stored-crawl.ts';
import { StoredStateError } from '../../src/redis/stored-state.ts';

const { plan, ...rest } = parseCrawlFile(
  `
url: https://{host}.example/{country}/{year}/{id}
params:
  host: [a, b]
  country: { countries: slug }
  year: { from: 2015, to: 2024 }
  id: { file: https://lists.example/ids.csv, column: id, delimiter: ';' }
contact: ops@example.com
method: PATCH
headers: { accept: application/json, authorization: 'Bearer \${env:API_TOKEN}' }
body: { form: { country: '{{country}}', year: [1, 2] } }
idempotencyKey: false
politeness: { rate: 20/s, burst: 2, concurrency: unlimited, robots: ignore, patience: 1s }
paginate: { next: { select: "$.next", query: after }, until: { empty: "$.items" }, max: 50 }
`,
  'crawl.yaml',
);
const crawl = { plan, ...rest };

/** Every place of a JSON value. */
function placesOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  const inner =
    typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([key, one]) => placesOf(one, [...path, key]))
      : [];
  return path.length === 0 ? inner : [path, ...inner];
}

/** A copy with another value, or without one, at a place. */
function changed(value: unknown, [key = '', ...more]: readonly string[], to: unknown): unknown {
  if (key === '') {
    return to;
  }
  const copy = Array.isArray(value) ? [...value] : { ...(value as object) };
  const inner = (copy as Record<string, unknown>)[key];
  (copy as Record<string, unknown>)[key] = changed(inner, more, to);
  return copy;
}

/** What becomes of a stored crawl; other errors are thrown. */
function readOf(json: string): string {
  try {
    parseScheduledCrawl(json);
    return 'read';
  } catch (error) {
    if (error instanceof StoredStateError) {
      return error.message;
    }
    throw error;
  }
}

describe('the crawl in Redis', () => {
  it('is read as it was stored', () => {
    expect(parseStoredCrawl(JSON.stringify(plan), JSON.stringify(rest))).toEqual(crawl);
    expect(parseScheduledCrawl(JSON.stringify(crawl))).toEqual(crawl);
    const { combine, sources } = crawl;
    const turned = JSON.stringify({ combine, sources, plan });
    expect(JSON.stringify(parseScheduledCrawl(turned))).toBe(turned);
  });

  it('is read or refused with a sentence, whatever was changed in it', () => {
    const values = fc.constantFrom(undefined, null, -1, 0.5, 1e99, '', '../x', [], {}, true);
    fc.assert(
      fc.property(fc.constantFrom(...placesOf(crawl)), values, (place, value) => {
        const read = readOf(JSON.stringify(changed(crawl, place, value)));
        expect(read).toMatch(/^(?:read|the crawl in Redis (?:is not|names) .*)$/u);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['no network', { ...plan, network: undefined }],
    ['limits that are no numbers', { ...plan, limits: { ...plan.limits, timeoutMs: '30' } }],
    ['a rate of nothing', { ...plan, politeness: { ...plan.politeness, rate: {} } }],
    ['headers that are no texts', { ...plan, headers: { accept: ['x'] } }],
    ['a name with a path', { ...plan, name: '../x' }],
    ['another method', { ...plan, method: 'TRACE' }],
    ['a body for a HEAD', { ...plan, method: 'HEAD' }],
    ['two bodies', { ...plan, body: { text: 'x', json: '1' } }],
    ['a body that is no JSON', { ...plan, body: { json: '{' } }],
    ['a form with half a pair', { ...plan, body: { form: [['a']] } }],
    ['a key that is asked for twice', { ...plan, idempotencyKey: true }],
    ['no object', 7],
  ])('is refused with %s', (_, value) => {
    expect(() => parseStoredPlan(JSON.stringify(value))).toThrow(StoredStateError);
  });

  it('is refused if it is no JSON', () => {
    expect(() => parseStoredPlan('{')).toThrow('not JSON');
  });

  const file = { name: 'id', kind: 'file', format: 'txt' };

  it.each([
    ['a file that is no list', { ...file, path: '/etc/passwd' }],
    ['a format with a path', { ...file, path: '/x/ids.txt', format: '/../../tmp/x.sh' }],
  ])('is refused with %s', (_, source) => {
    const others = JSON.stringify({ ...rest, sources: [source] });
    expect(() => parseStoredCrawl(JSON.stringify(plan), others)).toThrow(StoredStateError);
  });

  it.each(['/home/me/ids.txt', 'ids.txt', 'file:///home/me/ids.csv'])(
    'of a schedule is refused with a list of the machine: %s',
    (path) => {
      const json = JSON.stringify({ ...crawl, sources: [{ ...file, path }] });
      expect(() => parseScheduledCrawl(json)).toThrow('a file of this machine');
    },
  );
});
