import { type Answer, jsonAnswer } from '../http/answer.ts';
import { type Asked, jsonOf } from '../http/asked.ts';
import { idText, itemTexts, numberOf, withETag } from './items.ts';

/** A page of the list of items. */
interface Page {
  /** From 1 on. */
  readonly number: number;
  readonly items: string;
  /** Undefined for the last page. */
  readonly next: number | undefined;
}

/**
 * The list of items in pages, as APIs serve them:
 *
 *     /items/link     Link: <…>; rel="next"
 *     /items/next     { "items": […], "next": "/items/next?page=2" }, null at the end
 *     /items/cursor   { "items": […], "meta": { "cursor": "200" } }, null at the end; the cursor is
 *                     sent as ?cursor=200, or posted as { "cursor": "200" }
 *     /items/page     ?page=1, 2, …; without items behind the end
 *     /items/offset   ?offset=0, 100, …; likewise
 */
export const PAGE_STYLES: ReadonlyMap<string, (asked: Asked) => Answer> = new Map([
  ['/items/link', linkAnswer],
  ['/items/next', nextAnswer],
  ['/items/cursor', cursorAnswer],
  ['/items/page', counterAnswer],
  ['/items/offset', offsetAnswer],
]);

function linkAnswer(asked: Asked): Answer {
  const page = pageOf(asked, asked.query.get('page') ?? '1');
  if (page === undefined) {
    return noPage();
  }
  const links = [`<${urlOf(asked, 'page', '1')}>; rel="first"`];
  if (page.next !== undefined) {
    links.unshift(`<${urlOf(asked, 'page', String(page.next))}>; rel="next"`);
  }
  return withETag(asked, `{"items":${page.items}}\n`, { link: links.join(', ') });
}

function nextAnswer(asked: Asked): Answer {
  const page = pageOf(asked, asked.query.get('page') ?? '1');
  if (page === undefined) {
    return noPage();
  }
  const next = page.next === undefined ? null : urlOf(asked, 'page', String(page.next));
  return withETag(asked, `{"items":${page.items},"next":${JSON.stringify(next)}}\n`);
}

/** A cursor is the number of the last item of a page. */
function cursorAnswer(asked: Asked): Answer {
  const { dials, query } = asked;
  const after = asked.method === 'POST' ? postedCursor(asked.body) : query.get('cursor');
  if (after === undefined) {
    return jsonAnswer(400, { error: 'the body must be a JSON object' });
  }
  const last = after === null ? 0 : numberOf(after, dials);
  const page = last === undefined ? undefined : pageOf(asked, String(last / dials.pageSize + 1));
  if (page === undefined) {
    return jsonAnswer(400, { error: 'unknown cursor' });
  }
  const { next } = page;
  const id = next === undefined ? undefined : idText((next - 1) * dials.pageSize, dials);
  const cursor = id === undefined ? 'null' : dials.ids === 'big' ? id : `"${id}"`;
  return withETag(asked, `{"items":${page.items},"meta":{"cursor":${cursor}}}\n`);
}

/** Null without one; undefined if the body is no JSON object. Its digits are kept. */
function postedCursor(body: string): string | null | undefined {
  if (jsonOf(body) === undefined) {
    return undefined;
  }
  return /"cursor"\s*:\s*"?(\d+)/u.exec(body)?.[1] ?? null;
}

function counterAnswer(asked: Asked): Answer {
  const page = pageOf(asked, asked.query.get('page') ?? '1');
  return page === undefined ? noPage() : totalAnswer(asked, page);
}

function offsetAnswer(asked: Asked): Answer {
  const { query, dials } = asked;
  const offset = Number(query.get('offset') ?? '0');
  const page = pageOf(asked, String(offset / dials.pageSize + 1));
  return page === undefined
    ? jsonAnswer(400, { error: `offset must be a multiple of the page size, ${dials.pageSize}` })
    : totalAnswer(asked, page);
}

function totalAnswer(asked: Asked, { items }: Page): Answer {
  return withETag(asked, `{"items":${items},"total":${asked.dials.items}}\n`);
}

/** @returns undefined if the number is none */
function pageOf({ dials }: Asked, text: string): Page | undefined {
  if (!/^[1-9]\d{0,9}$/u.test(text)) {
    return undefined;
  }
  const { items, pageSize, loop } = dials;
  const asked = Number(text);
  const number = loop === undefined ? asked : ((asked - 1) % loop) + 1;
  const from = (number - 1) * pageSize + 1;
  const following = number * pageSize < items ? number + 1 : undefined;
  return {
    number,
    items: itemTexts(from, from + pageSize, dials),
    next: number === loop ? 1 : following,
  };
}

function noPage(): Answer {
  return jsonAnswer(400, { error: 'page must be a whole number from 1 on' });
}

/** This URL with another parameter; the dials stay. */
function urlOf({ path, query, headers, dials }: Asked, name: string, value: string): string {
  const changed = new URLSearchParams(query);
  changed.set(name, value);
  const origin = dials.urls === 'absolute' ? `http://${headers.host ?? 'localhost'}` : '';
  return `${origin}${path}?${changed.toString()}`;
}
