import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { FetchRecord } from '@fetchfleet/crawl';
import { type Origin, startOrigin } from '@fetchfleet/testing';
import { partLines } from './fleet-fixture.ts';

/** The crawl file of each way to the next page, over n. */
export const STYLES = {
  link: ({ url }: Origin) => ({ url: `${url}/link/{n}`, paginate: '{ next: link }' }),
  url: ({ url }: Origin) => ({
    url: `${url}/url/{n}?size=1`,
    paginate: '{ next: { select: "$.next" } }',
  }),
  cursor: ({ url }: Origin) => ({
    url: `${url}/cursor/{n}`,
    paginate: '{ next: { select: "$.meta.after", query: after } }',
  }),
  counter: ({ url }: Origin) => ({
    url: `${url}/counter/{n}`,
    paginate: '{ next: { query: page }, until: { empty: "$.items" } }',
  }),
  'not-found': ({ url }: Origin) => ({
    url: `${url}/not-found/{n}`,
    paginate: '{ next: { query: offset, from: 0, step: 100 } }',
  }),
  json: ({ url }: Origin) => ({
    url: `${url}/json/{n}`,
    body: '{ json: { query: q, variables: { after: null, big: 9007199254740993 } } }',
    paginate: '{ next: { select: "$.meta.after", json: variables.after } }',
  }),
} as const;

export interface PagedOrigin extends Origin {
  /** How often each page was asked for: `/link/3 2` is the second page of the third fetch. */
  readonly asked: ReadonlyMap<string, number>;
}

export interface PagedOptions {
  /** Pages of a fetch. @default 1 to 5 */
  readonly lengthOf?: (n: number) => number;
  /** Milliseconds before an answer. @default 0 */
  readonly delayMs?: number;
  /** Called before an answer. @default nothing */
  readonly onAsked?: (path: string, page: number) => void;
}

/** An origin whose answers have pages: `/STYLE/N`. Cursors are too large for a double. */
export async function startPagedOrigin(options: PagedOptions = {}): Promise<PagedOrigin> {
  const { lengthOf = (n) => 1 + (n % 5), delayMs = 0, onAsked } = options;
  const origin = await startOrigin();
  const asked = new Map<string, number>();
  origin.respond(/^\/(?:link|url|cursor|counter|not-found|json)\//, async (request, response) => {
    const url = new URL(request.url ?? '', origin.url);
    const [, style = '', n = ''] = url.pathname.split('/');
    const page = await pageOf(style, url, request);
    const key = `${url.pathname} ${page}`;
    asked.set(key, (asked.get(key) ?? 0) + 1);
    onAsked?.(url.pathname, page);
    const length = lengthOf(Number(n));
    const isLast = page >= length;
    const next = isLast ? undefined : `${url.pathname}?page=${page + 1}`;
    const items = page > length ? [] : [`${n}.${page}`];
    const after = isLast ? '' : `"after":${cursorOf(page + 1)}`;
    const answer = (): void => {
      if (style === 'not-found' && page > length) {
        response.writeHead(404).end('no such page');
        return;
      }
      response.writeHead(200, {
        'content-type': 'application/json',
        ...(style === 'link' && next !== undefined && { link: `<${next}>; rel="next"` }),
      });
      response.end(
        style === 'cursor' || style === 'json'
          ? `{"items":${JSON.stringify(items)},"meta":{${after}}}`
          : JSON.stringify({ items, ...(style === 'url' && { next }) }),
      );
    };
    if (delayMs > 0) {
      setTimeout(answer, delayMs);
    } else {
      answer();
    }
  });
  return Object.assign(origin, { asked });
}

const BIG = 9_007_199_254_740_993n;

function cursorOf(page: number): string {
  return String(BIG + 2n * BigInt(page));
}

function pageOfCursor(cursor: string): number {
  return Number((BigInt(cursor) - BIG) / 2n);
}

async function pageOf(style: string, url: URL, request: IncomingMessage): Promise<number> {
  const { searchParams } = url;
  switch (style) {
    case 'cursor': {
      const after = searchParams.get('after');
      return after === null ? 1 : pageOfCursor(after);
    }
    case 'json': {
      const body = await text(request);
      const [, after = 'null'] = /"after":(\d+|null),"big":9007199254740993\}/.exec(body) ?? [];
      return after === 'null' ? 1 : pageOfCursor(after);
    }
    case 'not-found':
      return Number(searchParams.get('offset')) / 100 + 1;
    case 'counter':
      return Number(searchParams.get('page'));
    default:
      return Number(searchParams.get('page') ?? 1);
  }
}

/** Every record of a batch as `INDEX.PAGE END`, sorted, repetitions included. */
export async function pagesIn(results: string, batch: string): Promise<string[]> {
  const records = (await partLines(results, batch)).map((line) => JSON.parse(line) as FetchRecord);
  return records
    .toSorted((a, b) => a.index - b.index || (a.page ?? 0) - (b.page ?? 0))
    .map(({ index, page, end = '' }) => `${index}.${page} ${end}`.trimEnd());
}

/** What {@link pagesIn} has to return. */
export function pagesOf(total: number, lengthOf: (n: number) => number, end: string): string[] {
  return Array.from({ length: total }, (_, index) =>
    Array.from({ length: lengthOf(index) }, (__, at) =>
      at + 1 === lengthOf(index) ? `${index}.${at + 1} ${end}` : `${index}.${at + 1}`,
    ),
  ).flat();
}
