import { describe, expect, it } from '@jest/globals';
import { parseCrawlFile } from '../../src/file/crawl-file.ts';
import { formatProblem, InputError } from '../../src/model/input-error.ts';

function read(paginate: string, more = '') {
  const text = `url: http://a.example/{x}\nparams: { x: [1] }\n${more}paginate: ${paginate}\n`;
  return parseCrawlFile(text, 'crawl.yaml').plan.paginate;
}

function problemsOf(paginate: string, more = ''): string[] {
  try {
    read(paginate, more);
    return [];
  } catch (error) {
    if (error instanceof InputError) {
      return error.problems.map(formatProblem);
    }
    throw error;
  }
}

const JSON_BODY = 'body: { json: { q: "{{x}}", variables: { after: null, n: 1 } } }\n';

describe('the pages of a crawl file', () => {
  it.each([
    ['{ next: link }', { next: 'link', max: 1_000 }],
    ['{ next: { select: $.next }, max: 5 }', { next: { select: '$.next' }, max: 5 }],
    [
      '{ next: { select: "$.a[-1]", query: after } }',
      { next: { select: '$.a[-1]', query: 'after' }, max: 1_000 },
    ],
    ['{ next: { query: page } }', { next: { query: 'page', from: 1, step: 1 }, max: 1_000 }],
    [
      '{ next: { query: offset, from: 0, step: 100 }, until: { empty: $.items }, max: 1000000 }',
      {
        next: { query: 'offset', from: 0, step: 100 },
        until: { empty: '$.items' },
        max: 1_000_000,
      },
    ],
    [
      '{ next: link, until: { false: $.more } }',
      { next: 'link', until: { false: '$.more' }, max: 1_000 },
    ],
    [
      '{ next: link, until: { true: $.last } }',
      { next: 'link', until: { true: '$.last' }, max: 1_000 },
    ],
    [
      '{ next: link, until: { missing: $.x } }',
      { next: 'link', until: { missing: '$.x' }, max: 1_000 },
    ],
  ])('are read: %s', (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  it('may have a place in the JSON body', () => {
    for (const place of ['variables.after', 'q', 'page.at.last']) {
      const next = { select: '$.next', json: place };
      expect(read(`{ next: { select: $.next, json: ${place} } }`, JSON_BODY)).toMatchObject({
        next,
      });
    }
    expect(read('{ next: { json: page, from: 0 } }', JSON_BODY)).toMatchObject({
      next: { json: 'page', from: 0, step: 1 },
    });
  });

  it('are absent from a plan without them', () => {
    const { plan } = parseCrawlFile('url: http://a.example/', 'crawl.yaml');
    expect(Object.keys(plan)).not.toContain('paginate');
  });

  it.each([
    ['link', /paginate: "link" is not a mapping; allowed keys: next, until, max/],
    ['{ max: 5 }', /:3:11 paginate: next is missing: link, \{ select: "\$\.next" \}/],
    ['{ next: links }', /paginate\.next: "links" does not say where the next page is: link, /],
    ['{ next: [link] }', /paginate\.next: a list does not say where the next page is/],
    ['{ next: {} }', /paginate\.next: select, query or json is missing/],
    [
      '{ next: { query: page, selct: $.a } }',
      /paginate\.next\.selct: unknown key; did you mean "select"\?/,
    ],
    [
      '{ next: { select: .next } }',
      /paginate\.next\.select: "\.next" is not a JSONPath: a path begins/,
    ],
    ['{ next: { select: "$.a[" } }', /paginate\.next\.select: "\$\.a\[" is not a JSONPath: /],
    ['{ next: { select: [a] } }', /paginate\.next\.select: a list is not a path/],
    ['{ next: { select: $.a, query: a, json: b } }', /json: a value goes into the query or into/],
    [
      '{ next: { select: $.a, from: 1 } }',
      /paginate\.next\.from: a value that is selected does not/,
    ],
    ['{ next: { query: "" } }', /paginate\.next\.query: "" is not the name of a parameter/],
    [
      '{ next: { query: page, from: -1 } }',
      /from: "-1" is not allowed; allowed: a whole number from 0/,
    ],
    [
      '{ next: { query: page, step: 0 } }',
      /step: "0" is not allowed; allowed: a whole number from 1/,
    ],
    [
      '{ next: { json: page } }',
      /paginate\.next\.json: there is no JSON body to put the value into/,
    ],
    [
      '{ next: link, until: $.a }',
      /paginate\.until: "\$\.a" is not a mapping; allowed keys: empty,/,
    ],
    ['{ next: link, until: {} }', /paginate\.until: one of empty, missing, false, true is missing/],
    [
      '{ next: link, until: { empty: $.a, true: $.b } }',
      /until\.true: there can be one condition only/,
    ],
    [
      '{ next: link, max: 0 }',
      /paginate\.max: "0" is not allowed; allowed: a whole number from 1 to/,
    ],
    ['{ next: link, max: 1000001 }', /paginate\.max: "1000001" is not allowed/],
  ])('are refused: %s', (text, problem) => {
    expect(problemsOf(text)).toEqual([expect.stringMatching(problem)]);
  });

  it('are refused where the request cannot have them', () => {
    expect(problemsOf('{ next: link }', 'method: HEAD\n')).toEqual([
      expect.stringContaining('paginate: the answer to HEAD has no body, so it has no pages'),
    ]);
    for (const [place, problem] of [
      [
        'variables.n.x',
        'the JSON body has something else than an object on the way to variables.n.x',
      ],
      ['q.x', 'the JSON body has something else than an object on the way to q.x'],
      ['a..b', '"a..b" is not a place in the body; write it like variables.cursor'],
    ] as const) {
      expect(problemsOf(`{ next: { select: $.a, json: ${place} } }`, JSON_BODY)).toEqual([
        expect.stringContaining(problem),
      ]);
    }
  });
});
