import { createHash } from 'node:crypto';
import { type Answer, jsonAnswer } from '../http/answer.ts';
import type { Asked } from '../http/asked.ts';
import type { Dials } from '../http/dials.ts';

/** What `ids=big` adds: doubles have gaps from here on. */
const BIG = 2n ** 53n;

/** The number of an item, as it is written in JSON. */
export function idText(number: number, { ids }: Dials): string {
  return ids === 'big' ? String(BIG + BigInt(number)) : String(number);
}

/** The number behind an id or a cursor; undefined if it is none. */
export function numberOf(id: string, { ids }: Dials): number | undefined {
  if (!/^\d{1,20}$/u.test(id)) {
    return undefined;
  }
  const number = Number(ids === 'big' ? BigInt(id) - BIG : BigInt(id));
  return number >= 0 && Number.isSafeInteger(number) ? number : undefined;
}

/** JSON of one item. Numbers are from 1 on. */
function itemText(number: number, dials: Dials): string {
  const id = idText(number, dials);
  return `{"id":${id},"name":"item ${number}","price":${(number % 100) + 1}.10}`;
}

/** JSON of the items from one number up to the one before another. */
export function itemTexts(from: number, to: number, dials: Dials): string {
  const texts: string[] = [];
  for (let number = from; number < Math.min(to, dials.items + 1); number += 1) {
    texts.push(itemText(number, dials));
  }
  return `[${texts.join(',')}]`;
}

/** `/items/{id}`: one item of the lists. */
export function itemAnswer(asked: Asked): Answer {
  const { path, dials } = asked;
  const number = numberOf(path.slice(path.lastIndexOf('/') + 1), dials);
  if (number === undefined || number < 1 || number > dials.items) {
    return jsonAnswer(404, { error: 'unknown item', items: dials.items });
  }
  return withETag(asked, `${itemText(number, dials)}\n`);
}

/** 304 for a client that names the tag of what it would get. */
export function withETag(
  { headers }: Asked,
  body: string,
  more: Readonly<Record<string, string>> = {},
): Answer {
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 16)}"`;
  const known = (headers['if-none-match'] ?? '').split(',').map((tag) => tag.trim());
  const isKnown = known.some((tag) => tag === '*' || tag.replace(/^W\//u, '') === etag);
  return { status: isKnown ? 304 : 200, body: isKnown ? '' : body, headers: { etag, ...more } };
}
