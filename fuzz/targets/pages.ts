import { isDeepStrictEqual } from 'node:util';
import { compilePagination, type FetchResponse, parseCursor } from '@fetchfleet/crawl';
import * as fc from 'fast-check';
import { textNear } from '../mutations.ts';
import { holds, type Target } from '../target.ts';

const FIRST = { url: 'https://api.example/items?q=1', body: Buffer.from('{"v":{"n":1.10}}') };
const POLICY = { network: { allowPrivate: false, allow: [] } };

const LINKS = [
  '</2>; rel="next"',
  '<https://b.example/2>; rel="next last"; title="a, \\"b\\""',
  '</1>; rel=prev, </2>; rel=next; anchor="?q=1"',
  '<http://169.254.169.254/>; rel=next',
];
const BODIES = [
  '{"next":"/2"}',
  '{"next":9007199254740993}',
  '{"next":{"a":[1e5]}}',
  '{"next":"https://u:p@a.example/"}',
  '{"next":null}',
];
const CURSORS = [
  '1 {"next":"https://api.example/2","body":"AAAAAAAAAAAAAAAA","seen":"BBBBBBBBBBBBBBBB"}',
  '1000000 {"problem":"NEXT_SECRET","body":"AAAAAAAAAAAAAAAA","seen":"BBBBBBBBBBBBBBBB"}',
  '7 {"next":"\\"x\\"","body":"AAAAAAAAAAAAAAAA","seen":"BBBBBBBBBBBBBBBB","isElsewhere":true}',
];
const PAGINATIONS = [
  'link' as const,
  { select: '$.next' },
  { select: '$.next', query: 'after' },
  { select: '$.next', json: 'v.after' },
  { query: 'page', from: 0, step: 100 },
].map((next) => compilePagination({ next, max: 1_000_000 }, POLICY));

interface Input {
  readonly link: string;
  readonly body: string;
  readonly cursor: string;
}

export const pagesTarget: Target = {
  name: 'pages',
  title: 'next pages by Link headers, bodies and cursors of Redis: asked for, or refused by name',
  cpuMs: 1_000,
  open: async () => ({
    arbitrary: fc.record<Input>({
      link: textNear(LINKS),
      body: textNear(BODIES),
      cursor: textNear(CURSORS),
    }),
    check,
  }),
};

function check({ link, body, cursor: stored }: Input): void {
  const result: FetchResponse = {
    kind: 'response',
    status: 200,
    headers: { link },
    body: Buffer.from(body),
    startedAt: 0,
    durationMs: 1,
  };
  const cursor = parseCursor(stored);
  for (const pagination of PAGINATIONS) {
    const request = pagination.request(FIRST, cursor);
    if ('failure' in request) {
      continue;
    }
    const url = URL.parse(request.url);
    holds(url !== null && /^https?:$/u.test(url.protocol), 'a page has an http(s) URL', request);
    holds(url?.username === '', 'a page has no credentials', request);
    const isOwn = url?.origin === 'https://api.example';
    holds(isOwn || request.isElsewhere, 'credentials stay at the origin', request);
    const step = pagination.after({ cursor, first: FIRST, request, result });
    if ('cursor' in step) {
      holds(Buffer.byteLength(step.stored) <= 8_192, 'a cursor has at most 8 kB', step.stored);
      const isSame = isDeepStrictEqual(parseCursor(step.stored), step.cursor);
      holds(isSame, 'a cursor is read as it was stored', step);
    }
  }
}
