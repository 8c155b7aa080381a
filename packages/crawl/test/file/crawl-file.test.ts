import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fingerprintOf } from '../../src/expand/fingerprint.ts';
import { measureCrawl } from '../../src/expand/measure-crawl.ts';
import { readCrawlFile } from '../../src/file/crawl-file.ts';
import { formatProblem, InputError } from '../../src/model/input-error.ts';
import { parseCrawlFile } from './judged.ts';

const COMPLETE = `name: covid-confirmed
contact: ops@example.org
url: http://127.0.0.1:8787/country/{country}/status/confirmed     # RFC 6570
params:
  country: { countries: slug }
combine: product
headers: { accept: application/json, Authorization: "Bearer \${env:API_TOKEN}" }
politeness: { rate: 20/m, burst: 2, concurrency: 8, robots: ignore, patience: 10m }
retry: { attempts: 3, backoff: 500ms }
limits: { timeout: 1.5m, body: 64KiB, redirects: 0 }
network: { allowPrivate: true, allow: [169.254.169.254/32, "fe80::/10"] }
`;

function problemsOf(lines: string, fileName = 'crawl.yaml'): string[] {
  try {
    parseCrawlFile(lines, fileName);
    return [];
  } catch (error) {
    if (error instanceof InputError) {
      return error.problems.map(formatProblem);
    }
    throw error;
  }
}

/** A valid crawl file with further lines. */
function withUrl(lines: string): string {
  return `url: http://a.example/{x}\nparams: { x: [1] }\n${lines}`;
}

describe('parseCrawlFile', () => {
  it('reads every key', () => {
    expect(parseCrawlFile(COMPLETE, 'x.yaml')).toEqual({
      plan: {
        name: 'covid-confirmed',
        contact: 'ops@example.org',
        url: 'http://127.0.0.1:8787/country/{country}/status/confirmed',
        params: ['country'],
        headers: { accept: 'application/json', authorization: 'Bearer ${env:API_TOKEN}' },
        politeness: {
          rate: { count: 20, perMs: 60_000 },
          burst: 2,
          concurrency: 8,
          robots: 'ignore',
          patienceMs: 600_000,
        },
        retry: { attempts: 3, backoffMs: 500 },
        limits: { timeoutMs: 90_000, maxBodyBytes: 65_536, redirects: 0 },
        network: { allowPrivate: true, allow: ['169.254.169.254/32', 'fe80::/10'] },
      },
      sources: [{ name: 'country', kind: 'countries', form: 'slug' }],
      combine: 'product',
    });
  });

  it('fills in the defaults', () => {
    expect(parseCrawlFile('url: http://a.example/', '/some/My Crawl_2.yaml')).toEqual({
      plan: {
        name: 'my-crawl-2',
        url: 'http://a.example/',
        params: [],
        headers: {},
        politeness: {
          rate: 'unlimited',
          burst: 1,
          concurrency: 16,
          robots: 'obey',
          patienceMs: 3_600_000,
        },
        retry: { attempts: 5, backoffMs: 1000 },
        limits: { timeoutMs: 30_000, maxBodyBytes: 10_485_760, redirects: 5 },
        network: { allowPrivate: false, allow: [] },
      },
      sources: [],
      combine: 'product',
    });
  });

  it('reads what is expected of answers, what is tried again and what is kept', () => {
    const { plan } = parseCrawlFile(
      withUrl(
        [
          'expect: { status: [200-299, 404], has: $.data, hasNot: "$.errors[0]" }',
          'retry: { backoff: 2s, maxBackoff: 1h, on: [408, 500 - 599] }',
          'keep: { headers: [ETag, link], body: full, select: "$.items[*].id" }',
        ].join('\n'),
      ),
      'crawl.yaml',
    );
    expect(plan).toMatchObject({
      expect: {
        status: [
          [200, 299],
          [404, 404],
        ],
        has: '$.data',
        hasNot: '$.errors[0]',
      },
      retry: {
        attempts: 5,
        backoffMs: 2000,
        maxBackoffMs: 3_600_000,
        on: [
          [408, 408],
          [500, 599],
        ],
      },
      keep: { headers: ['etag', 'link'], select: '$.items[*].id' },
    });
    const others = withUrl('keep: { headers: all, body: none }\nexpect: { status: 204 }');
    expect(parseCrawlFile(others, 'crawl.yaml').plan).toMatchObject({
      keep: { headers: 'all', body: 'none' },
      expect: { status: [[204, 204]] },
    });
  });

  it('makes the same of default values as of none', () => {
    const plain = parseCrawlFile(withUrl(''), 'crawl.yaml');
    const written = 'expect: {}\nkeep: { headers: [], body: full }\nretry: { maxBackoff: 5m }';
    const text = JSON.stringify(parseCrawlFile(withUrl(written), 'crawl.yaml'));
    expect(text).toBe(JSON.stringify(plain));
  });

  it('reads JSON as well, and returns a plain JSON value', () => {
    const crawl = parseCrawlFile(
      JSON.stringify({ url: 'http://a.example/{x}', params: { x: ['1'] } }),
      'x.json',
    );
    expect(JSON.parse(JSON.stringify(crawl))).toEqual(crawl);
  });

  it('reads revalidate, and leaves no trace of false', () => {
    expect(parseCrawlFile(withUrl('revalidate: true'), 'x.yaml').plan.revalidate).toBe(true);
    const off = parseCrawlFile(withUrl('revalidate: false'), 'x.yaml').plan;
    expect(off).toEqual(parseCrawlFile(withUrl(''), 'x.yaml').plan);
  });

  it('keeps numbers as they are written', () => {
    const text =
      'url: http://a.example/{x}\nparams:\n  x: [1.10, 007, 12345678901234567890, 0x1F, 1e3, true, NO, "a b", -0]';
    expect(parseCrawlFile(text, 'x.yaml').sources).toEqual([
      {
        name: 'x',
        kind: 'list',
        values: ['1.10', '007', '12345678901234567890', '0x1F', '1e3', 'true', 'NO', 'a b', '-0'],
      },
    ]);
  });

  it('resolves list files relative to the crawl file, and detects their format', () => {
    const text =
      'url: http://a.example/{x}/{y}/{z}\nparams:\n  x: { file: a.csv, column: id }\n  y: { file: ../b.txt }\n  z: { file: /c.NDJSON, column: k }';
    expect(parseCrawlFile(text, '/base/dir/x.yaml').sources).toMatchObject([
      { name: 'x', kind: 'file', path: '/base/dir/a.csv', format: 'csv', column: 'id' },
      { name: 'y', kind: 'file', path: '/base/b.txt', format: 'txt' },
      { name: 'z', kind: 'file', path: '/c.NDJSON', format: 'ndjson', column: 'k' },
    ]);
  });

  it('reads many aliases, and reports the first hundred of many problems', () => {
    const aliases = `params: { n: [&a x, ${'*a, '.repeat(2_000)}*a] }`;
    const [source] = parseCrawlFile(`url: http://a.example/{n}\n${aliases}`, 'x.yaml').sources;
    expect(source?.kind === 'list' && source.values.length).toBe(2_002);
    const keys = Array.from({ length: 2_000 }, (_, n) => `k${n}: &a${n} x`).join('\n');
    const problems = problemsOf(`url: http://a.example\n${keys}`);
    expect([problems.length, problems.at(-1)]).toEqual([101, 'crawl.yaml: 1900 more problems']);
  });

  it('accepts unlimited for rate and concurrency, and YAML anchors', () => {
    const text = withUrl('politeness: { rate: unlimited, concurrency: unlimited }');
    expect(parseCrawlFile(text, 'x.yaml').plan.politeness).toMatchObject({
      rate: 'unlimited',
      concurrency: 'unlimited',
    });
    const anchored = 'url: http://a.example/{x}/{y}\nparams: { x: &l [1, 2], y: *l }\ncombine: zip';
    expect(parseCrawlFile(anchored, 'x.yaml').sources).toMatchObject([
      { values: ['1', '2'] },
      { values: ['1', '2'] },
    ]);
  });

  it.each([
    ['20/s', { count: 20, perMs: 1000 }],
    ['1/m', { count: 1, perMs: 60_000 }],
    ['500/h', { count: 500, perMs: 3_600_000 }],
  ])('reads the rate %s', (rate, expected) => {
    const { plan } = parseCrawlFile(withUrl(`politeness: { rate: ${rate} }`), 'x.yaml');
    expect(plan.politeness.rate).toEqual(expected);
  });

  it('reports all problems in file order, with line, key and the allowed values', () => {
    const text = `name: Covid
url: http://169.254.169.254/{contry}/x
params:
  country: { countries: slugs }
  b: { from: 5, to: 1 }
combin: zip
politeness: { rate: 20/x, burst: 0 }
network: { allowPrivate: yes }
`;
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(/^crawl\.yaml:1:7 name: "Covid" is not a valid name; allowed: a-z/),
      expect.stringMatching(
        /^crawl\.yaml:2:6 url: \{contry\} is not a parameter under params; did you mean "country"\?$/,
      ),
      expect.stringMatching(/^crawl\.yaml:2:6 url: 169\.254\.169\.254 is a link-local address/),
      expect.stringMatching(/^crawl\.yaml:4:3 params\.country: no request uses this parameter/),
      expect.stringMatching(
        /^crawl\.yaml:4:25 .*"slugs" is not allowed; allowed: slug, name, alpha2 or alpha3; did you mean "slug"\?$/,
      ),
      expect.stringMatching(/^crawl\.yaml:5:3 params\.b: no request uses this parameter/),
      expect.stringMatching(/^crawl\.yaml:5:6 params\.b: the range is reversed/),
      expect.stringMatching(/^crawl\.yaml:6:1 combin: unknown key; did you mean "combine"\?$/),
      'crawl.yaml:7:21 politeness.rate: "20/x" is not a rate; allowed: N/s, N/m, N/h or unlimited',
      expect.stringMatching(/^crawl\.yaml:7:34 politeness\.burst: "0" is not allowed/),
      expect.stringMatching(
        /^crawl\.yaml:8:26 network\.allowPrivate: "yes" is not allowed; allowed: true or false$/,
      ),
    ]);
  });

  it.each<[string, string, RegExp]>([
    ['broken YAML', 'url: [', /^crawl\.yaml:1:7: Flow sequence/],
    [
      'an empty file',
      '',
      /an empty value is not a crawl file; a crawl file is a mapping with the key url/,
    ],
    ['a list', '- url', /a list is not a crawl file/],
    [
      'two documents',
      'url: http://a.example/\n---\nurl: x',
      /^crawl\.yaml:2:1: .*multiple documents/,
    ],
    ['no URL', 'name: x', /^crawl\.yaml:1:1: url is missing$/],
    [
      'half a surrogate pair in a value',
      'url: http://a.example/{x}\nparams: { x: ["\\ud83d\\ude00", "\\ud83dx"] }',
      /^crawl\.yaml:2:31: "\\ud83dx" has half a surrogate pair, which is no character$/,
    ],
    [
      'half a surrogate pair in a header',
      'url: http://a.example/\nheaders: { x-a: "\\udc00" }',
      /^crawl\.yaml:2:17: .* has half a surrogate pair/,
    ],
    [
      'half a surrogate pair in a body',
      'url: http://a.example/\nbody: { text: "x\\udc00" }',
      /^crawl\.yaml:2:15: .* has half a surrogate pair/,
    ],
    [
      'a duplicate key',
      withUrl('combine: zip\ncombine: zip'),
      /^crawl\.yaml:4:1 combine: duplicate key$/,
    ],
    ['another scheme', 'url: ftp://a.example/', /does not start with http/],
    ['no scheme', 'url: a.example/x', /does not start with http/],
    ['a broken host', 'url: http://a b/', /it contains " "; write it %-encoded/],
    ['a broken template', 'url: http://a.example/{x', /not a URL template/],
    ['a broken port', 'url: http://a.example:99999/', /is not a valid URL/],
    [
      'credentials in the URL',
      'url: http://user:secret@a.example/',
      /"http:\/\/a\.example\/" contains credentials/,
    ],
    [
      'a secret in the URL',
      'url: "http://a.example/?k=${env:KEY}"',
      /^crawl\.yaml:1:6 url: secrets .* are allowed in headers, auth, network.proxy and notify only$/,
    ],
    [
      'a secret in a parameter',
      'url: http://a.example/{x}\nparams: { x: ["${env:KEY}"] }',
      /:2:15 params\.x: secrets/,
    ],
    [
      'a value that is a step in the path',
      'url: http://a.example/b/{x}\nparams: { x: [a, ..] }',
      /^crawl\.yaml:2:18 params\.x\[1\]: "\.\." makes "\.\." a segment of the path.*\{\+x\}/,
    ],
    ['a secret in the name', withUrl('name: "${env:X}"'), /name: secrets/],
    [
      'a loopback address',
      'url: http://127.0.0.1/',
      /loopback address, which is refused; to allow it, set network\.allowPrivate: true/,
    ],
    ['a loopback address in disguise', 'url: http://0x7f.1/', /127\.0\.0\.1 is a loopback address/],
    ['a mapped address', 'url: http://[::ffff:10.0.0.1]/', /private address/],
    ['localhost', 'url: http://localhost:8080/', /loopback address/],
    ['a name below localhost', 'url: http://x.localhost./', /loopback address/],
    [
      'a metadata address with allowPrivate',
      'url: http://169.254.169.254/\nnetwork: { allowPrivate: true }',
      /refused; to allow it, list it under network\.allow$/,
    ],
    [
      'parameters that are not a mapping',
      'url: http://a.example/\nparams: 5',
      /"5" is not a mapping of parameter names/,
    ],
    [
      'an odd parameter name',
      'url: http://a.example/\nparams: { "a-b": [1] }',
      /letters, digits and _/,
    ],
    [
      'a parameter called __proto__',
      'url: http://a.example/{__proto__}\nparams: { __proto__: [1] }',
      /letters, digits and _/,
    ],
    [
      'a scalar parameter',
      'url: http://a.example/{x}\nparams: { x: oslo }',
      /for one value write \[oslo\]/,
    ],
    [
      'an empty list',
      'url: http://a.example/{x}\nparams: { x: [] }',
      /^crawl\.yaml:2:14 params\.x: the list is empty$/,
    ],
    [
      'an empty value',
      'url: http://a.example/{x}\nparams:\n  x:\n    - a\n    -\n',
      /^crawl\.yaml:5:\d params\.x\[1\]: an empty value/,
    ],
    ['a nested value', 'url: http://a.example/{x}\nparams: { x: [[1]] }', /a list is not allowed/],
    [
      'an empty parameter',
      'url: http://a.example/{x}\nparams: { x: }',
      /an empty value is not a list of values/,
    ],
    [
      'a parameter without values',
      'url: http://a.example/{x}\nparams: { x: {} }',
      /the parameter has no values/,
    ],
    [
      'two kinds at once',
      'url: http://a.example/{x}\nparams: { x: { countries: slug, from: 1 } }',
      /x\.from: cannot be combined with countries/,
    ],
    [
      'half a range',
      'url: http://a.example/{x}\nparams: { x: { from: 1 } }',
      /needs both from and to/,
    ],
    [
      'a padded range',
      'url: http://a.example/{x}\nparams: { x: { from: 001, to: 9 } }',
      /x\.from: "001" is not allowed; allowed: a whole number/,
    ],
    [
      'a fraction in a range',
      'url: http://a.example/{x}\nparams: { x: { from: 1, to: 9.5 } }',
      /"9\.5" is not allowed/,
    ],
    [
      'an endless range',
      'url: http://a.example/{x}\nparams: { x: { from: 0, to: 4294967295 } }',
      /more than 4294967295 values/,
    ],
    [
      'a product beyond the ledger',
      'url: http://a.example/{x}/{y}\nparams: { x: { from: 1, to: 100000 }, y: { from: 1, to: 100000 } }',
      /too many for one batch/,
    ],
    [
      'zip of unequal lengths',
      'url: http://a.example/{x}/{y}\nparams: { x: [1, 2], y: [1] }\ncombine: zip',
      /^crawl\.yaml:3:10 combine: zip needs lists of equal length, but x has 2, y has 1$/,
    ],
    [
      'an unknown file format',
      'url: http://a.example/{x}\nparams: { x: { file: a.xls } }',
      /allowed: \.csv, \.txt or \.ndjson/,
    ],
    [
      'a CSV without a column',
      'url: http://a.example/{x}\nparams: { x: { file: a.csv } }',
      /needs a column/,
    ],
    [
      'a text file with a column',
      'url: http://a.example/{x}\nparams: { x: { file: a.txt, column: c } }',
      /has no columns/,
    ],
    [
      'a header of the connection',
      withUrl('headers: { Content-Length: 5 }'),
      /headers\.Content-Length: the worker sets this header itself/,
    ],
    ['a header twice', withUrl('headers: { A: 1, a: 2 }'), /duplicate header/],
    ['a bad header name', withUrl('headers: { "a b": 1 }'), /is not a valid header name/],
    [
      'a line break in a header',
      withUrl('headers: { a: "x\\r\\ny: z" }'),
      /not allowed in an HTTP header/,
    ],
    ['a badly written secret', withUrl('headers: { a: "${env:}" }'), /a secret is written/],
    [
      'a credential in the open',
      withUrl('headers: { authorization: Bearer abc }'),
      /a crawl file must not contain credentials/,
    ],
    ['headers that are not a mapping', withUrl('headers: [a]'), /is not a mapping/],
    [
      'a section that is not a mapping',
      withUrl('retry: 5'),
      /"5" is not a mapping; allowed keys: attempts, backoff/,
    ],
    [
      'an empty section',
      withUrl('limits:'),
      /^crawl\.yaml:3:\d limits: an empty value is not a mapping/,
    ],
    [
      'a duration without unit',
      withUrl('limits: { timeout: 30 }'),
      /"30" is not a duration; allowed: 1ms to 1h/,
    ],
    ['a long duration', withUrl('limits: { timeout: 2h }'), /"2h" is out of range/],
    ['an odd size', withUrl('limits: { body: 10mb }'), /"10mb" is not a size/],
    ['a huge size', withUrl('limits: { body: 1GiB }'), /out of range; allowed: 1B to 256MiB/],
    [
      'a fraction of an attempt',
      withUrl('retry: { attempts: 1.5 }'),
      /a whole number from 1 to 100/,
    ],
    [
      'an unknown expectation',
      withUrl('expect: { hasnt: $.a }'),
      /3:11 expect\.hasnt: unknown key/,
    ],
    [
      'a path for an answer without a body',
      withUrl('method: HEAD\nexpect: { has: $.a }'),
      /4:11 expect\.has: the answer to HEAD has no body$/,
    ],
    [
      'revalidate of answers without a body',
      withUrl('method: HEAD\nrevalidate: true'),
      /revalidate: the answer to HEAD has no body that could be compared$/,
    ],
    [
      'revalidate with pages',
      withUrl('paginate: { next: link }\nrevalidate: true'),
      /revalidate: cannot be combined with paginate: where a next page is/,
    ],
    [
      'revalidate with conditions of its own',
      withUrl('headers: { If-None-Match: "x" }\nrevalidate: true'),
      /revalidate: cannot be combined with headers.if-none-match: workers set/,
    ],
    [
      'revalidate that is no boolean',
      withUrl('revalidate: yes please'),
      /revalidate: "yes please" is not allowed/,
    ],
    [
      'a selection of an answer without a body',
      withUrl('method: HEAD\nkeep: { select: $.a }'),
      /4:9 keep\.select: the answer to HEAD has no body$/,
    ],
    [
      'a path without $',
      withUrl('expect: { has: data }'),
      /3:16 expect\.has: "data" is not a JSONPath/,
    ],
    [
      'a path with a mistake',
      withUrl('expect: { hasNot: "$.errors[" }'),
      /expect\.hasNot: .* \(RFC 9535\): unclosed bracketed selection \(character 10\)/,
    ],
    [
      'an empty path',
      withUrl('keep: { select: "" }'),
      /keep\.select: an empty text is not allowed/,
    ],
    ['a list of paths', withUrl('keep: { select: [$.a] }'), /keep\.select: a list is not allowed/],
    [
      'a path without end',
      withUrl(`expect: { has: "$${'.a'.repeat(250)}" }`),
      /the path is longer than 500 characters/,
    ],
    [
      'a pattern of the answer',
      withUrl("keep: { select: '$[?match(@.a, @.b)]' }"),
      /the pattern of match\(\) must be a text in quotes/,
    ],
    ...['2xx', '99', '200-', '299-200', '1000', '[]', 'ok', '200-29', '"200,204"'].map(
      (status): [string, string, RegExp] => [
        `the status ${status}`,
        withUrl(`expect: { status: [${status}] }`),
        /3:20 expect\.status\[0\]: .* is not a status; allowed: a number from 200 to 999, or a range such as 200-299/,
      ],
    ),
    [
      'an empty list of statuses',
      withUrl('expect: { status: [] }'),
      /expect\.status: the list is empty/,
    ],
    [
      'a success that is tried again',
      withUrl('retry: { on: [200, 500] }'),
      /3:15 retry\.on\[0\]: "200" is not a status; allowed: a number from 400 to 999/,
    ],
    [
      'a bound below the first delay',
      withUrl('retry: { backoff: 10s, maxBackoff: 5s }'),
      /3:36 retry\.maxBackoff: maxBackoff is shorter than backoff/,
    ],
    [
      'a bound of nothing',
      withUrl('retry: { maxBackoff: 0s }'),
      /out of range; allowed: 1ms to 24h/,
    ],
    ['cookies', withUrl('keep: { headers: [Set-Cookie] }'), /headers\[0\]: cookies are never kept/],
    [
      'a header twice',
      withUrl('keep: { headers: [etag, ETag] }'),
      /headers\[1\]: duplicate header/,
    ],
    ['no header name', withUrl('keep: { headers: ["a b"] }'), /"a b" is not a valid header name/],
    [
      'one header',
      withUrl('keep: { headers: etag }'),
      /"etag" is not allowed; allowed: all, or a list/,
    ],
    [
      'a half body',
      withUrl('keep: { body: half }'),
      /"half" is not allowed; allowed: full or none/,
    ],
    [
      'a part of no body',
      withUrl('keep: { body: none, select: $.a }'),
      /3:21 keep\.select: cannot be combined with body: none/,
    ],
    [
      'an address for a network',
      withUrl('network: { allow: [10.0.0.1] }'),
      /allow\[0\]: "10\.0\.0\.1" is not a CIDR range/,
    ],
    ['networks that are not a list', withUrl('network: { allow: 10.0.0.0/8 }'), /is not a list/],
    ['an unknown tag', withUrl('name: !secret x'), /Unresolved tag/],
  ])('refuses %s', (_, text, problem) => {
    expect(problemsOf(text)).toEqual(expect.arrayContaining([expect.stringMatching(problem)]));
  });

  it.each([
    ['rate: 0/s', /rate: "0\/s" is not a rate; allowed: N\/s, N\/m, N\/h or unlimited/],
    ['rate: -1/s', /rate: "-1\/s" is not a rate/],
    ['rate: 0.5/s', /rate: "0\.5\/s" is not a rate/],
    ['rate: 5', /rate: "5" is not a rate/],
    ['rate: fast', /rate: "fast" is not a rate/],
    ['rate: 5/d', /rate: "5\/d" is not a rate/],
    ['rate: ', /rate: an empty value is not a rate/],
    ['rate: [5/s]', /rate: a list is not a rate/],
    ['rate: 1000001/s', /rate: "1000001\/s" is out of range/],
    ['concurrency: 0', /concurrency: "0" is not allowed; allowed: a whole number from 1/],
    ['concurrency: -1', /concurrency: "-1" is not allowed/],
    ['concurrency: 1.5', /concurrency: "1\.5" is not allowed/],
    ['burst: 0', /burst: "0" is not allowed; allowed: a whole number from 1/],
    ['burst: 1.5', /burst: "1\.5" is not allowed/],
    ['burst: unlimited', /burst: "unlimited" is not allowed/],
    ['patience: 0s', /patience: "0s" is out of range; allowed: 1ms to 168h/],
    ['patience: -1s', /patience: "-1s" is not a duration/],
    ['patience: 200h', /patience: "200h" is out of range/],
    ['robots: maybe', /robots: "maybe" is not allowed; allowed: obey or ignore/],
  ])('refuses the invalid limit %s', (limit, problem) => {
    const problems = problemsOf(withUrl(`politeness: { ${limit} }`));
    expect(problems).toEqual([expect.stringMatching(problem)]);
  });

  it('never quotes the value of a header', () => {
    const text = withUrl('headers: { authorization: "hunter2", x: "hunter2\\n", "a b": hunter2 }');
    expect(problemsOf(text)).toHaveLength(3);
    expect(problemsOf(text).join()).not.toContain('hunter2');
  });

  it.each([
    [
      'a private address with allowPrivate',
      'url: http://10.0.0.1/\nnetwork: { allowPrivate: true }',
    ],
    ['a listed private address', 'url: http://10.0.0.1/\nnetwork: { allow: [10.0.0.0/8] }'],
    ['listed metadata', 'url: http://169.254.169.254/\nnetwork: { allow: [169.254.0.0/16] }'],
    ['a host from a parameter', 'url: http://{h}/x\nparams: { h: [a.example] }'],
    ['a whole URL from a parameter', 'url: "{+u}"\nparams: { u: ["http://a.example/"] }'],
    ['a duplicate value', 'url: http://a.example/{x}\nparams: { x: [1, 1] }'],
    ['a negative range', 'url: http://a.example/{x}\nparams: { x: { from: -5, to: 0 } }'],
  ])('accepts %s', (_, text) => {
    expect(problemsOf(text)).toEqual([]);
  });

  it('needs a name if the file name cannot be one', () => {
    expect(problemsOf('url: http://a.example/', '/x/!!!.yaml')).toEqual([
      expect.stringMatching(/the file name cannot be used as a name; add name:/),
    ]);
  });
});

describe('readCrawlFile', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'crawl-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  it('reads a file from disk, with a byte order mark too', async () => {
    const path = join(folder, 'c.yaml');
    await writeFile(path, `\ufeff${COMPLETE}`);
    expect((await readCrawlFile(path)).plan.name).toBe('covid-confirmed');
  });

  it('reports missing list files together with all other problems', async () => {
    const path = join(folder, 'c.yaml');
    await writeFile(
      path,
      'url: http://a.example/{x}/{y}\nparams:\n  x: { file: no.txt }\n  y: { file: d.txt }\nretyr: 1',
    );
    const error = await readCrawlFile(path).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InputError);
    expect(String(error)).toMatch(/c\.yaml:3:6 params\.x: the file .*no\.txt does not exist/);
    expect(String(error)).toMatch(/c\.yaml:4:6 params\.y: the file .*d\.txt does not exist/);
    expect(String(error)).toMatch(/c\.yaml:5:1 retyr: unknown key; did you mean "retry"/);
  });

  it('reports a named pipe as a list file or as the crawl file, and does not wait for it', async () => {
    const path = join(folder, 'pipe.txt');
    await promisify(execFile)('mkfifo', [path]);
    await expect(readCrawlFile(path)).rejects.toThrow(/cannot be read: it is a named pipe/);
    const file = join(folder, 'c.yaml');
    await writeFile(file, 'url: http://a.example/{x}\nparams: { x: { file: pipe.txt } }');
    await expect(readCrawlFile(file)).rejects.toThrow(
      /c\.yaml:2:14 params\.x: .*is a named pipe, not a file/,
    );
    const crawl = parseCrawlFile(await readFile(file, 'utf8'), file);
    await expect(measureCrawl(crawl)).rejects.toThrow(/cannot be read: it is a named pipe/);
    await expect(fingerprintOf(crawl)).rejects.toThrow(/cannot be read: it is a named pipe/);
  });

  it.each([
    ['a file that is not there', 'no.yaml', undefined, /it does not exist/],
    ['a folder', '.', undefined, /it is a folder/],
    ['a file that is not text', 'b.yaml', Buffer.from([0x75, 0xff, 0xfe]), /not UTF-8/],
    ['a huge file', 'h.yaml', Buffer.alloc(4 * 2 ** 20 + 1, '#'), /larger than 4 MiB/],
  ])('refuses %s', async (_, name, content, reason) => {
    const path = join(folder, name);
    if (content !== undefined) {
      await writeFile(path, content);
    }
    await expect(readCrawlFile(path)).rejects.toThrow(InputError);
    await expect(readCrawlFile(path)).rejects.toThrow(reason);
  });
});
