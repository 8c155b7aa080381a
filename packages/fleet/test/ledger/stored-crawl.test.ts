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
url: https://{host}.example/{country}/{year}/{id}/{person}{?lang}
rows:
  file: https://lists.example/people.ndjson
  columns: { person: id, lang: language }
  optional: [lang]
params:
  host: [a, b]
  country: { countries: slug }
  year: { from: 2024, to: 2015, step: -1, pad: 6 }
  id: { file: https://lists.example/ids.csv, column: id, delimiter: ';' }
contact: ops@example.com
headers: { accept: application/json, x-key: '\${env:API_TOKEN}' }
auth: { oauth2: { tokenUrl: https://login.example/token, clientId: me, clientSecret: '\${env:S}' } }
method: PATCH
body: { form: { country: '{{country}}', year: [1, 2] } }
idempotencyKey: false
politeness: { rate: 20/s, burst: 2, concurrency: unlimited, robots: ignore, patience: 1s }
paginate: { next: { select: "$.next", query: after }, until: { empty: "$.items" }, max: 50 }
retry: { maxBackoff: 1m, on: [408, 500-599] }
expect: { status: [200-299, 404], has: $.data, hasNot: '$.errors[0]' }
keep: { headers: [etag, link], select: '$.items[*]' }
network: { proxy: ['http://\${env:S}@one.example', http://two.example], tls: { insecure: true } }
`,
  'crawl.yaml',
);
const crawl = { plan, ...rest };
const client = { clientId: 'me', clientSecret: 'x' };
const some = { ...crawl, only: { spread: 3, of: 9 } };

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

/** What is stored of a crawl besides its plan. */
function restOf(source: object): string {
  return JSON.stringify({ sources: [source], combine: 'zip' });
}

describe('the crawl in Redis', () => {
  it('is read as it was stored', () => {
    expect(parseStoredCrawl(JSON.stringify(plan), JSON.stringify(rest))).toEqual(crawl);
    expect(parseScheduledCrawl(JSON.stringify(crawl))).toEqual(crawl);
    const { combine, sources } = crawl;
    const few = { ...rest, only: some.only };
    expect(parseStoredCrawl(JSON.stringify(plan), JSON.stringify(few))).toEqual(some);
    const turned = JSON.stringify({ combine, sources, plan });
    expect(JSON.stringify(parseScheduledCrawl(turned))).toBe(turned);
  });

  it('is read or refused with a sentence, whatever was changed in it', () => {
    const values = fc.constantFrom(undefined, null, -1, 0.5, 1e99, '', '../x', [], {}, true);
    fc.assert(
      fc.property(fc.constantFrom(...placesOf(some)), values, (place, value) => {
        const read = readOf(JSON.stringify(changed(some, place, value)));
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
    ['a path that is none', { ...plan, expect: { has: 'data' } }],
    ['a selection that is none', { ...plan, keep: { select: '$[' } }],
    ['statuses that are no ranges', { ...plan, expect: { status: [200] } }],
    ['a name with a path', { ...plan, name: '../x' }],
    ['a proxy of another kind', { ...plan, network: { ...plan.network, proxy: ['socks5://x'] } }],
    ['a token URL that is none', { ...plan, auth: { oauth2: { ...client, tokenUrl: 'http://' } } }],
    ['certificates that are none', { ...plan, network: { ...plan.network, tls: { ca: 'x' } } }],
    ['another method', { ...plan, method: 'TRACE' }],
    ['a body for a HEAD', { ...plan, method: 'HEAD' }],
    ['two bodies', { ...plan, body: { text: 'x', json: '1' } }],
    ['a body that is no JSON', { ...plan, body: { json: '{' } }],
    ['a form with half a pair', { ...plan, body: { form: [['a']] } }],
    ['a key that is asked for twice', { ...plan, idempotencyKey: true }],
    ['pages that are revalidated', { ...plan, revalidate: true }],
    ['a comparison with a path', { ...plan, comparedWith: { batch: '../x', refersTo: [] } }],
    ['a reference to a path', { ...plan, comparedWith: { batch: 'a', refersTo: ['a', '/x'] } }],
    [
      'more references than a batch has',
      { ...plan, comparedWith: { batch: 'a', refersTo: Array.from({ length: 65 }, () => 'a') } },
    ],
    ['no object', 7],
  ])('is refused with %s', (_, value) => {
    expect(() => parseStoredPlan(JSON.stringify(value))).toThrow(StoredStateError);
  });

  it('is refused if it is no JSON', () => {
    expect(() => parseStoredPlan('{')).toThrow('not JSON');
  });

  const file = { name: 'id', kind: 'file', format: 'txt' };
  const rows = { ...rest.sources[0], path: '/x/people.csv' };

  it.each([
    ['a file that is no list', { ...file, path: '/etc/passwd' }],
    ['a format with a path', { ...file, path: '/x/ids.txt', format: '/../../tmp/x.sh' }],
    ['rows without columns', { ...rows, columns: [] }],
    ['rows of a file that is no list', { ...rows, path: '/etc/passwd' }],
    ['a range without steps', { name: 'n', kind: 'range', from: 1, to: 2, step: 0 }],
  ])('is refused with %s', (_, source) => {
    const others = JSON.stringify({ ...rest, sources: [source] });
    expect(() => parseStoredCrawl(JSON.stringify(plan), others)).toThrow(StoredStateError);
  });

  it.each([{ first: 0 }, { first: '3' }, { spread: 2 }, { spread: 1e9, of: 1e10 }, {}, 7])(
    'is refused with a part of its fetches that is none: %j',
    (only) => {
      const others = JSON.stringify({ ...rest, only });
      expect(() => parseStoredCrawl(JSON.stringify(plan), others)).toThrow(StoredStateError);
    },
  );
  it('of a schedule is refused with values of a batch, and read for a batch', () => {
    const source = { name: 'id', kind: 'batch', batch: 'list-1', select: '$', unique: true };
    const json = JSON.stringify({ ...crawl, sources: [source] });
    expect(() => parseScheduledCrawl(json)).toThrow('a file of this machine for params.id');
    expect(parseStoredCrawl(JSON.stringify(plan), restOf(source)).sources).toEqual([source]);
    for (const wrong of [{ batch: '../x' }, { select: 7 }, { unique: false }, { blank: 'no' }]) {
      expect(() => parseStoredCrawl(JSON.stringify(plan), restOf({ ...source, ...wrong }))).toThrow(
        StoredStateError,
      );
    }
  });

  it.each(['/home/me/ids.txt', 'ids.txt', 'file:///home/me/ids.csv'])(
    'of a schedule is refused with a list of the machine: %s',
    (path) => {
      for (const source of [file, rows]) {
        const json = JSON.stringify({ ...crawl, sources: [{ ...source, path }] });
        expect(() => parseScheduledCrawl(json)).toThrow('a file of this machine');
      }
    },
  );
});
