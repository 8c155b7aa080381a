import { afterEach, describe, expect, it } from '@jest/globals';
import { startApi, stopApis } from '../api-fixture.ts';

afterEach(stopApis);

type Get = (path: string) => Promise<Response>;

/** How to go from one page to the next: its path, or undefined behind the last one. */
type Follow = (path: string, answer: Response, text: string) => string | undefined;

function withQuery(path: string, name: string, value: string): string {
  const url = new URL(path, 'http://x.example');
  url.searchParams.set(name, value);
  return url.pathname + url.search;
}

const counted =
  (name: string, step: number, first: number): Follow =>
  (path, _answer, text) => {
    const at = new URL(path, 'http://x.example').searchParams.get(name) ?? String(first);
    return text.includes('"items":[]')
      ? undefined
      : withQuery(path, name, String(Number(at) + step));
  };

const STYLES: [string, Follow][] = [
  [
    '/items/link',
    (_path, { headers }) => /<([^>]+)>; rel="next"/u.exec(headers.get('link') ?? '')?.[1],
  ],
  ['/items/next', (_path, _answer, text) => /"next":"([^"]+)"/u.exec(text)?.[1]],
  [
    '/items/cursor',
    (path, _answer, text) => {
      const cursor = /"cursor":"?(\d+)/u.exec(text)?.[1];
      return cursor && withQuery(path, 'cursor', cursor);
    },
  ],
  ['/items/page', counted('page', 1, 1)],
  ['/items/offset', counted('offset', 10, 0)],
];

/** The ids on each page, as they are written. */
async function idsOf(get: Get, first: string, follow: Follow, max = 20): Promise<string[][]> {
  const pages: string[][] = [];
  let path: string | undefined = first;
  while (path !== undefined && pages.length < max) {
    const answer = await get(path);
    const text = await answer.text();
    expect([path, answer.status]).toEqual([path, 200]);
    pages.push([...text.matchAll(/"id":(\d+)/gu)].map(([, id = '']) => id));
    path = follow(path, answer, text);
  }
  return pages;
}

describe.each(STYLES)('%s', (style, follow) => {
  it('has every item once, in pages of the size that was asked for', async () => {
    const { get } = await startApi();
    const pages = await idsOf(get, `${style}?items=25&size=10`, follow);
    const filled = pages.filter((page) => page.length > 0);
    expect(filled.map((page) => page.length)).toEqual([10, 10, 5]);
    expect(filled.flat()).toEqual(Array.from({ length: 25 }, (_, at) => String(at + 1)));
  });

  it('has one page without items for an empty list', async () => {
    expect(await idsOf((await startApi()).get, `${style}?items=0`, follow)).toEqual([[]]);
  });

  it('has ids that no double holds, if they are asked for', async () => {
    const { get } = await startApi();
    const pages = await idsOf(get, `${style}?items=15&size=10&ids=big`, follow);
    const all = pages.flat();
    expect(all.slice(0, 2)).toEqual(['9007199254740993', '9007199254740994']);
    expect(new Set(all).size).toBe(15);
  });

  it('goes round in circles, if that is asked for', async () => {
    const { get } = await startApi();
    const pages = await idsOf(get, `${style}?items=100&size=10&loop=2`, follow, 5);
    expect(pages.map(([first]) => first)).toEqual(['1', '11', '1', '11', '1']);
  });

  it('answers 304 to the tag of the page', async () => {
    const { get } = await startApi();
    const etag = (await get(style)).headers.get('etag') ?? '';
    const again = async (tag: string) =>
      (await get(style, { headers: { 'if-none-match': tag } })).status;
    expect(await again(etag)).toBe(304);
    expect(await again(`"x", W/${etag}`)).toBe(304);
    expect(await again('"x"')).toBe(200);
  });

  it('refuses a page that is none', async () => {
    const { get } = await startApi();
    const name = { '/items/cursor': 'cursor', '/items/offset': 'offset' }[style] ?? 'page';
    expect((await get(`${style}?${name}=x`)).status).toBe(400);
  });
});

it('URLs of next pages are absolute, if that is asked for', async () => {
  const { get, origin } = await startApi();
  const { next } = (await (await get('/items/next?urls=absolute')).json()) as { next: string };
  expect(next).toBe(`${origin}/items/next?urls=absolute&page=2`);
});

it('a cursor may be posted, as a text or as a number, with all of its digits', async () => {
  const { post } = await startApi();
  const page = async (body: string) =>
    (await (await post('/items/cursor?size=10&ids=big', body)).text()).slice(0, 32);
  expect(await page('{}')).toContain('"id":9007199254740993');
  expect(await page('{"cursor":9007199254741002}')).toContain('"id":9007199254741003');
  expect(await page('{"cursor":"9007199254741002"}')).toContain('"id":9007199254741003');
  expect((await post('/items/cursor', 'x')).status).toBe(400);
});

it('one item has a page of its own, with a tag', async () => {
  const { get } = await startApi();
  const answer = await get('/items/17');
  expect(await answer.json()).toEqual({ id: 17, name: 'item 17', price: 18.1 });
  const headers = { 'if-none-match': answer.headers.get('etag') ?? '' };
  expect((await get('/items/17', { headers })).status).toBe(304);
  expect((await get('/items/0')).status).toBe(404);
  expect((await get('/items/251')).status).toBe(404);
});

it('the dials of faults hold for pages as well', async () => {
  const { api, get } = await startApi();
  expect((await get('/items/link?status=503&retryAfter=2')).headers.get('retry-after')).toBe('2');
  expect((await get('/items/link?error=1')).status).toBe(500);
  expect((await get('/items/link?size=0')).status).toBe(400);
  expect(api.stats().statuses).toEqual({ 503: 1, 500: 1, 400: 1 });
});
