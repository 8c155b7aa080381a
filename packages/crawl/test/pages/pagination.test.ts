import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { FetchResponse } from '../../src/outcome/outcome.ts';
import type { Paginate } from '../../src/model/paginate.ts';
import { type Cursor, parseCursor } from '../../src/pages/cursor.ts';
import { compilePagination, type PageStep } from '../../src/pages/pagination.ts';

const FIRST = { url: 'https://api.example/items?q=1' };
const POLICY = { network: { allowPrivate: false, allow: [] } };

function paginationOf(paginate: Partial<Paginate>) {
  return compilePagination({ next: 'link', max: 1_000, ...paginate }, POLICY);
}

function answerOf(body: unknown, more: Partial<FetchResponse> = {}): FetchResponse {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const bytes = Buffer.from(text);
  return {
    kind: 'response',
    status: 200,
    headers: {},
    body: bytes,
    startedAt: 0,
    durationMs: 1,
    ...more,
  };
}

/** Follows a chain until it ends. Each cursor goes through its stored text. */
function follow(
  paginate: Partial<Paginate>,
  answer: (url: string, page: number, body: string | undefined) => FetchResponse,
  first: { readonly url: string; readonly body?: Buffer } = FIRST,
  secrets: readonly string[] = [],
) {
  const pagination = compilePagination(
    { next: 'link', max: 1_000, ...paginate },
    { ...POLICY, secrets: () => secrets },
  );
  const asked: string[] = [];
  let cursor: Cursor | undefined;
  for (;;) {
    const request = pagination.request(first, cursor);
    if ('failure' in request) {
      return { asked, end: request.failure.code, url: request.url };
    }
    asked.push(request.body === undefined ? request.url : request.body.toString());
    const result = answer(request.url, asked.length, request.body?.toString());
    const step: PageStep = pagination.after({ cursor, first, request, result });
    if ('end' in step) {
      return { asked, end: step.end, isElsewhere: request.isElsewhere };
    }
    expect(parseCursor(step.stored)).toEqual(step.cursor);
    cursor = step.cursor;
  }
}

function linkTo(target: string, body: unknown): FetchResponse {
  return answerOf(body, { headers: { link: `<${target}>; rel="next"` } });
}

describe('pages by the Link header', () => {
  it('are asked for where the answer says, until it says nothing', () => {
    const { asked, end } = follow({}, (_, page) =>
      page < 3 ? linkTo(`?page=${page + 1}#top`, [page]) : answerOf([page]),
    );
    expect(asked).toEqual([
      FIRST.url,
      'https://api.example/items?page=2',
      'https://api.example/items?page=3',
    ]);
    expect(end).toBe('no-next');
  });

  it('are relative to where redirects led', () => {
    const { asked } = follow({}, (_, page) =>
      page === 1
        ? { ...linkTo('2', [page]), finalUrl: 'https://api.example/v2/items/' }
        : answerOf([page]),
    );
    expect(asked[1]).toBe('https://api.example/v2/items/2');
  });

  it.each([
    ['/à?b=é', 'utf8', '/%C3%A0?b=%C3%A9'],
    ['/à', 'latin1', '/%E0'],
  ] as const)('may have %s in it as %s', (target, encoding, path) => {
    const header = Buffer.from(target, encoding).toString('latin1');
    const { asked } = follow({}, (_, page) => (page === 1 ? linkTo(header, 1) : answerOf(2)));
    expect(asked[1]).toBe(`https://api.example${path}`);
  });

  it('get no credentials any more once another origin had a say', () => {
    const there = 'https://other.example/2';
    const { asked, isElsewhere } = follow({}, (url, page) =>
      page < 4 ? linkTo(url === there ? 'https://api.example/3' : there, [page]) : answerOf([page]),
    );
    expect(asked.slice(0, 3)).toEqual([FIRST.url, there, 'https://api.example/3']);
    expect(isElsewhere).toBe(true);
    const redirected = follow({}, (_, page) =>
      page === 1
        ? { ...linkTo('https://api.example/2', [page]), finalUrl: there }
        : answerOf([page]),
    );
    expect(redirected.isElsewhere).toBe(true);
  });

  it.each([
    ['http://[', 'NEXT_INVALID'],
    ['ftp://api.example/2', 'NEXT_SCHEME'],
    ['javascript:alert(1)', 'NEXT_SCHEME'],
    ['https://user:pass@api.example/2', 'NEXT_CREDENTIALS'],
    ['http://127.0.0.1/2', 'ADDRESS_REFUSED'],
    ['http://169.254.169.254/latest', 'ADDRESS_REFUSED'],
  ])('end with a failure at %s', (target, code) => {
    const { end, url, asked } = follow({}, () => linkTo(target, []));
    expect(end).toBe(code);
    expect(url).toBe(target.replace('user:pass@', ''));
    expect(asked).toHaveLength(1);
  });

  it('end rather than send anything but a GET to another origin', () => {
    const post = { method: 'POST', network: POLICY.network } as const;
    const pagination = compilePagination({ next: 'link', max: 9 }, post);
    const request = { ...FIRST, isElsewhere: false };
    const result = linkTo('https://other.example/', [1]);
    const step = pagination.after({ cursor: undefined, first: FIRST, request, result });
    const cursor = 'cursor' in step ? step.cursor : undefined;
    expect(pagination.request(FIRST, cursor)).toMatchObject({ failure: { code: 'NEXT_METHOD' } });
  });
});

describe('pages by a value in the answer', () => {
  it.each([
    ['"b c"', 'b%20c'],
    ['9007199254740993', '9007199254740993'],
    ['1.10', '1.10'],
    ['true', 'true'],
    ['{"a":1e5}', '%7B%22a%22%3A1e5%7D'],
  ])('put %s into the query', (value, expected) => {
    const next = { select: '$.next', query: 'after' };
    const { asked, end } = follow({ next }, (_, page) =>
      answerOf(page === 1 ? `{"next":${value}}` : '{}'),
    );
    expect(asked).toEqual([FIRST.url, `${FIRST.url}&after=${expected}`]);
    expect(end).toBe('no-next');
  });

  it('put it into the JSON body, and keep the digits of all that is there', () => {
    const first = { ...FIRST, body: Buffer.from('{"n":9007199254740993,"v":{"c":null}}') };
    const next = { select: '$.hits[-1].sort', json: 'v.c' };
    const { asked, end } = follow(
      { next },
      (_, page) => answerOf(page === 1 ? '{"hits":[{"sort":[1.10,"é"]}]}' : '{"hits":[]}'),
      first,
    );
    expect(asked[1]).toBe('{"n":9007199254740993,"v":{"c":[1.10,"é"]}}');
    expect(end).toBe('no-next');
  });

  it.each(['null', 'false', '""', undefined])('end where it is %s', (value) => {
    const next = { select: '$.next' };
    const answer = () => answerOf(value === undefined ? '{}' : `{"next":${value}}`);
    expect(follow({ next }, answer)).toMatchObject({ end: 'no-next', asked: [FIRST.url] });
  });

  it('take a URL, relative or absolute; anything but a text is none', () => {
    const next = { select: '$.next' };
    const following = (value: unknown) =>
      follow({ next }, (_, page) => answerOf(page === 1 ? { next: value } : {}));
    expect(following('/2?x=y').asked[1]).toBe('https://api.example/2?x=y');
    expect(following('https://other.example/').asked[1]).toBe('https://other.example/');
    expect(following(7).end).toBe('NEXT_INVALID');
    expect(following({ href: '/2' }).end).toBe('NEXT_INVALID');
  });

  it('end where the answer is not JSON', () => {
    const next = { select: '$.next', query: 'after' };
    expect(follow({ next }, () => answerOf('<html>')).end).toBe('not-json');
    expect(follow({ next }, () => answerOf('')).end).toBe('empty');
  });

  it('end with a failure where the value must not, or cannot, be stored', () => {
    const next = { select: '$.next', query: 'after' };
    const long = { next: 'é'.repeat(5_000) };
    expect(follow({ next }, () => answerOf(long))).toMatchObject({ end: 'NEXT_TOO_LONG' });
    for (const repeated of ['the+secret', 'x the%2Bsecret y']) {
      const leaking = follow({ next }, () => answerOf({ next: repeated }), FIRST, ['the+secret']);
      expect(leaking).toEqual({ end: 'NEXT_SECRET', url: FIRST.url, asked: [FIRST.url] });
    }
  });

  it.each(['"p\\"w\\\\1"', '["p\\u0022w\\\\1"]', '{"a":{"xp\\"w\\\\1":1}}', '"p%22w%5c1"'])(
    'find a secret behind the escapes of %s',
    (value) => {
      const next = { select: '$.next', query: 'after' };
      const answer = () => answerOf(`{"next":${value}}`);
      expect(follow({ next }, answer, FIRST, ['p"w\\1']).end).toBe('NEXT_SECRET');
    },
  );

  it('read a body in its charset', () => {
    const next = { select: '$.next', query: 'after' };
    const { asked } = follow({ next }, (_, page) => ({
      ...answerOf({}),
      headers: { 'content-type': 'application/json; charset=utf-16' },
      body: Buffer.from(page === 1 ? '\ufeff{"next":"é"}' : '\ufeff{}', 'utf16le'),
    }));
    expect(asked[1]).toBe(`${FIRST.url}&after=%C3%A9`);
  });
});

describe('pages by a counter', () => {
  it('count in the query from the first page on', () => {
    const next = { query: 'offset', from: 0, step: 100 };
    const { asked, end } = follow({ next, until: { empty: '$.items' } }, (_, page) =>
      answerOf({ page, items: page < 3 ? [1] : [] }),
    );
    expect(asked).toEqual([0, 100, 200].map((offset) => `${FIRST.url}&offset=${offset}`));
    expect(end).toBe('until');
  });

  it('count in the JSON body', () => {
    const first = { ...FIRST, body: Buffer.from('{"size":10}') };
    const next = { json: 'page', from: 1, step: 1 };
    const { asked } = follow({ next, max: 2 }, (_, page) => answerOf([page]), first);
    expect(asked).toEqual(['{"size":10,"page":1}', '{"size":10,"page":2}']);
  });

  it('end at a page that does not exist, unless it is the first', () => {
    const pagination = paginationOf({ next: { query: 'page', from: 1, step: 1 } });
    const cursor = { page: 1, body: '', seen: '' };
    expect(pagination.isBeyondLast(cursor, 404)).toBe(true);
    expect(pagination.isBeyondLast(cursor, 500)).toBe(false);
    expect(pagination.isBeyondLast(undefined, 404)).toBe(false);
    expect(paginationOf({}).isBeyondLast(cursor, 404)).toBe(false);
  });
});

describe('the last page', () => {
  it.each([
    [{ empty: '$.a' }, ['{}', '{"a":null}', '{"a":[]}', '{"a":{}}', '{"a":""}'], '{"a":[0]}'],
    [{ empty: '$.a[*]' }, ['{"a":[]}'], '{"a":[1]}'],
    [{ missing: '$.a' }, ['{}', '{"a":null}'], '{"a":[]}'],
    [{ false: '$.a' }, ['{}', '{"a":null}', '{"a":false}'], '{"a":true}'],
    [{ true: '$.a' }, ['{"a":true}'], '{}'],
  ])('is one where %j holds', (until, last, other) => {
    const next = { query: 'page', from: 1, step: 1 };
    for (const body of last) {
      const ends = follow({ next, until }, (_, page) => answerOf(page === 1 ? other : body));
      expect(ends).toMatchObject({ end: 'until' });
      expect(ends.asked).toHaveLength(2);
    }
    expect(follow({ next, until }, () => answerOf('<html>')).end).toBe('not-json');
  });

  it('is the last of as many as are allowed', () => {
    const { asked, end } = follow({ max: 5 }, (_, page) => linkTo(`?page=${page + 1}`, [page]));
    expect([asked.length, end]).toEqual([5, 'max']);
    // Five pages of five are no reason to say so.
    const five = follow({ max: 5 }, (_, page) =>
      page < 5 ? linkTo(`?page=${page + 1}`, [page]) : answerOf([page]),
    );
    expect([five.asked.length, five.end]).toEqual([5, 'no-next']);
  });

  it('is one that brings nothing new', () => {
    const { asked, end } = follow({}, (_, page) => linkTo(`?page=${page + 1}`, [page < 3]));
    expect([asked.length, end]).toEqual([2, 'same-body']);
  });

  it('is one whose next page is itself, or the first one', () => {
    const { asked, end } = follow({}, (_, page) => linkTo(FIRST.url, [page]));
    expect([asked.length, end]).toEqual([1, 'loop']);
    const back = follow({}, (_, page) => linkTo(page < 5 ? `?page=${page}` : FIRST.url, [page]));
    expect([back.asked.length, back.end]).toEqual([5, 'loop']);
  });

  it('is found in every loop, before three times as many pages as lead through it', () => {
    fc.assert(
      fc.property(
        fc.nat(60),
        fc.integer({ min: 2, max: 60 }),
        fc.boolean(),
        (tail, length, byUrl) => {
          // Page n + 1 of a chain that leads into a circle.
          const placeOf = (page: number): number =>
            page < tail ? page : tail + ((page - tail) % length);
          const { asked, end } = follow({ max: 1_000 }, (_, page) => {
            // Either the URLs come again or the bodies; the other is always new.
            const target = byUrl ? placeOf(page) : page;
            return linkTo(`?page=${target}`, [byUrl ? page : placeOf(page - 1)]);
          });
          expect(end).toBe('loop');
          expect(asked.length).toBeLessThanOrEqual(3 * Math.max(tail, length) + 2);
        },
      ),
    );
  });
});

describe('a cursor in Redis', () => {
  it.each([
    '',
    'x',
    '0 {"body":"AAAAAAAAAAAAAAAA","seen":"AAAAAAAAAAAAAAAA"}',
    '1000001 {"body":"AAAAAAAAAAAAAAAA","seen":"AAAAAAAAAAAAAAAA"}',
    '1 {"body":"A","seen":"AAAAAAAAAAAAAAAA"}',
    '1 {"body":"AAAAAAAAAAAAAAAA","seen":"AAAAAAAAAAAAAAAA","next":7}',
    '1 {"body":"AAAAAAAAAAAAAAAA","seen":"AAAAAAAAAAAAAAAA","isElsewhere":false}',
    '1 {"body":"AAAAAAAAAAAAAAAA","seen":"AAAAAAAAAAAAAAAA"',
    '1 []',
    `1 {"body":"AAAAAAAAAAAAAAAA","seen":"AAAAAAAAAAAAAAAA","next":"${'x'.repeat(9_000)}"}`,
  ])('is not believed: %s', (text) => {
    expect(parseCursor(text)).toBeUndefined();
  });

  it('is refused where it has no value, or one that is not JSON', () => {
    const digests = { body: 'A'.repeat(16), seen: 'A'.repeat(16) };
    for (const next of [
      { select: '$.a', query: 'a' },
      { select: '$.a', json: 'a' },
    ]) {
      for (const value of [{}, { next: '' }, { next: '"x' }, { next: 'x' }]) {
        const cursor = { page: 1, ...digests, ...value };
        expect(paginationOf({ next }).request(FIRST, cursor)).toMatchObject({
          failure: { code: 'NEXT_INVALID' },
        });
      }
    }
    expect(paginationOf({}).request(FIRST, { page: 1, ...digests })).toMatchObject({
      failure: { code: 'NEXT_INVALID' },
    });
  });

  it('passes the checks of a URL in an answer', () => {
    const cursor = parseCursor(
      '1 {"next":"http://10.0.0.1/","body":"AAAAAAAAAAAAAAAA","seen":"AAAAAAAAAAAAAAAA"}',
    );
    expect(paginationOf({}).request(FIRST, cursor)).toMatchObject({
      failure: { outcome: 'address-refused' },
    });
  });
});
