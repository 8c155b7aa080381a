import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { anyText } from '@fetchfleet/testing/any-text';
import { parseCrawlFile } from '../../src/file/crawl-file.ts';
import { writeCrawlFile } from '../../src/file/write-crawl-file.ts';
import { printableLines } from '../../src/model/printable.ts';

const FILE = '/crawls/some.yaml';

const FILES: readonly [string, string][] = [
  ['a single URL', 'url: https://a.example/'],
  [
    'lists, ranges and countries',
    `name: all
contact: me@a.example
url: https://a.example/{a}/{n}/{c}{?q}
params:
  a: ["1", 007, "true", "null", "a: b", " x ", ""]
  n: { from: 10, to: 1, step: -1, pad: 3 }
  c: { countries: alpha2 }
  q: [x]
combine: product`,
  ],
  [
    'files',
    `url: https://a.example/{a}/{b}{?c}
params:
  a: { file: a.txt }
  b: { file: /lists/b.csv, column: id, delimiter: ";", trim: false, blank: skip, comment: "#" }
  c: { file: "https://lists.example/c.ndjson", column: id, encoding: latin1 }
combine: zip`,
  ],
  [
    'rows',
    `url: https://a.example/{id}/{lang}
rows: { file: rows.csv, columns: { id: number, lang: lang }, optional: [lang] }`,
  ],
  [
    'rows of the same names',
    `url: https://a.example/{id}
rows: { file: rows.csv, columns: [id], blank: keep }`,
  ],
  [
    'values of a batch',
    `url: https://a.example/{id}
params: { id: { batch: items, select: "$.items[*].id", unique: true, blank: skip } }`,
  ],
  ['whole URLs', 'name: u\nurls: [https://a.example/1, https://b.example/2]'],
  ['a file of whole URLs', 'name: u\nurls: { file: urls.txt, comment: "#" }'],
  [
    'a body of JSON',
    `url: https://a.example/{id}
params: { id: [1] }
body: { json: { id: "{{id}}", n: 12345678901234567890.10, "k: k": [null, true, "a\\nb"] } }
idempotencyKey: false`,
  ],
  [
    'a form',
    `url: https://a.example/
method: PUT
body: { form: { a: ["1", "2"], b: "true" } }`,
  ],
  ['a text', 'url: https://a.example/\nbody: { text: "a\\n: {} #" }'],
  [
    'settings',
    `url: https://a.example/
method: HEAD
politeness: { rate: 20/m, burst: 3, concurrency: unlimited, robots: ignore, patience: 90s }
retry: { attempts: 2, backoff: 1500ms, maxBackoff: 2h, on: [404, 500-599] }
limits: { timeout: 90s, body: 1500B, redirects: 0 }
network: { allowPrivate: true, allow: [10.0.0.0/8], proxy: ["http://p.example:3128"], tls: { insecure: true } }
priority: low
expect: { status: [200, 300-304] }
keep: { headers: [etag] }`,
  ],
  ['a delay', 'url: https://a.example/\npoliteness: { delay: 700ms }'],
  ['a proxy of the environment', 'url: https://a.example/\nnetwork: { proxy: env }'],
  [
    'what answers must have',
    `url: https://a.example/
expect: { has: "$.a", hasNot: "$.error" }
keep: { headers: all, select: "$.items" }
revalidate: true`,
  ],
  [
    'pages',
    `url: https://a.example/
paginate: { next: { select: "$.cursor", query: cursor }, until: { empty: "$.items" }, max: 20 }`,
  ],
  [
    'counted pages',
    `url: https://a.example/
paginate: { next: { query: page, from: 0, step: 20 } }`,
  ],
  [
    'secrets',
    `url: https://a.example/
headers: { x-api-key: "\${env:KEY}", Accept: "text/html" }
auth: { oauth2: { tokenUrl: "https://a.example/t", clientId: "\${env:ID}", clientSecret: "\${env:S}", scope: "a b" } }
notify:
  - https://hooks.example/\${env:HOOK}
  - { url: "https://a.example/", secret: "\${env:SIGN}", on: [finished, failures], failures: 12.5%, format: slack }
  - { url: "https://b.example/", failures: 100% }`,
  ],
];

describe('a written crawl file', () => {
  it.each(FILES)('means the same: %s', (_, text) => {
    const crawl = parseCrawlFile(text, FILE);
    const written = writeCrawlFile(crawl);
    expect(parseCrawlFile(written, FILE)).toEqual(crawl);
  });

  it('means the same as it is printed, whatever its texts are', () => {
    const unseen = String.raw`\u200c \ufe0f \u2028 \u2029 \ufeff \u200b \u202e \u0085 \t \r \n`;
    const unit = fc.oneof(
      fc.constantFrom(...unseen.split(' ').map((one): string => JSON.parse(`"${one}"`))),
      fc.constantFrom(
        '\u{e0001}',
        'a',
        ' ',
        "'",
        '"',
        '\\',
        ':',
        '#',
        '-',
        '|',
        '>',
        'خ',
        '❤',
        '😀',
      ),
    );
    const texts = fc
      .oneof(fc.string({ unit }), anyText())
      .filter((text) => !/[\0$]|\{\{/u.test(text));
    const key = texts.filter((text) => text.trim() !== '');
    fc.assert(
      fc.property(texts, key, fc.dictionary(key, texts), (text, name, fields) => {
        const crawl = parseCrawlFile(
          JSON.stringify({
            name: 'odd',
            url: 'https://a.example/{a}/{b}',
            params: { a: [text, `${text}x`], b: { file: `/lists/${name}x.csv`, column: name } },
            body: { json: { text, fields: { ...fields } } },
          }),
          FILE,
        );
        for (const one of [
          crawl,
          { ...crawl, plan: { ...crawl.plan, body: { text: `x${text}` } } },
        ]) {
          const written = writeCrawlFile(one);
          expect(printableLines(written)).toBe(written);
          expect(parseCrawlFile(written, FILE)).toEqual(one);
        }
      }),
    );
  });

  it('leaves defaults out', () => {
    const text = 'url: https://a.example/{n}\nretry: { attempts: 5 }\nparams: { n: [1] } # one';
    const written = writeCrawlFile(parseCrawlFile(text, FILE));
    expect(written).toBe('name: some\nurl: https://a.example/{n}\nparams:\n  n:\n    - "1"\n');
  });

  it('says what is chosen, and hides what is a credential', () => {
    const crawl = parseCrawlFile(
      'url: https://a.example/\nheaders: { x-auth-token: abc, cookie: "${env:C}" }',
      FILE,
    );
    const written = writeCrawlFile({ ...crawl, only: { first: 10 } });
    expect(written).toContain('# Only the first 10 of its fetches are made.');
    expect(written).toContain('x-auth-token: hidden');
    expect(written).toContain('cookie: ${env:C}');
    expect(written).not.toContain('abc');
  });
});
