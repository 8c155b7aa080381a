import { hash } from 'node:crypto';
import { MAX_PAGES } from '../model/paginate.ts';

/** Where a chain of pages stands. It is stored in Redis when a page is durable. */
export interface Cursor {
  /** The last durable page. */
  readonly page: number;
  /**
   * What leads to the next page: an absolute URL, or a value as JSON. Absent for a counter, which
   * follows from the number of the page.
   */
  readonly next?: string;
  /** Why what leads to the next page is not here: the chain ends with this failure. */
  readonly problem?: CursorProblem;
  /** Digest of the body of the last page. */
  readonly body: string;
  /** Digests of an earlier page, which would come again in a loop: of its body … */
  readonly seen: string;
  /** … and of the URL of the page after it, where pages have URLs of their own. */
  readonly seenUrl?: string;
  /** Another origin had a say in where the chain goes on: it gets no credentials any more. */
  readonly isElsewhere?: true;
}

const CURSOR_PROBLEMS = ['NEXT_SECRET', 'NEXT_TOO_LONG'] as const;
export type CursorProblem = (typeof CURSOR_PROBLEMS)[number];

/** Bytes of a stored cursor: Redis holds one for each fetch whose pages are being fetched. */
const MAX_BYTES = 8_192;

/** For comparing only: pages that a person wants to tell apart never have the same one. */
export function digestOf(data: string | Buffer): string {
  return hash('sha256', data, 'base64url').slice(0, 16);
}

/**
 * The text to store; undefined if it is too long. It begins with the number of the page, which the
 * ledger compares: a chain never goes back.
 */
export function encodeCursor({ page, ...rest }: Cursor): string | undefined {
  const text = `${page} ${JSON.stringify(rest)}`;
  return Buffer.byteLength(text) > MAX_BYTES ? undefined : text;
}

/** Undefined for anything but what {@link encodeCursor} writes: others can write to Redis, too. */
export function parseCursor(text: string): Cursor | undefined {
  const [, digits = '', json = ''] = /^([1-9]\d{0,6}) (\{.*\})$/s.exec(text) ?? [];
  const page = Number(digits);
  const value = parseJson(json);
  if (page < 1 || page > MAX_PAGES || text.length > MAX_BYTES || !isObject(value)) {
    return undefined;
  }
  const { next, problem, body, seen, seenUrl, isElsewhere } = value;
  const isValid =
    isOptional(next, isText) &&
    isOptional(problem, isProblem) &&
    isDigest(body) &&
    isDigest(seen) &&
    isOptional(seenUrl, isDigest) &&
    (isElsewhere === undefined || isElsewhere === true);
  if (!isValid) {
    return undefined;
  }
  return {
    page,
    ...(next !== undefined && { next }),
    ...(problem !== undefined && { problem }),
    body,
    seen,
    ...(seenUrl !== undefined && { seenUrl }),
    ...(isElsewhere === true && { isElsewhere }),
  };
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isProblem(value: unknown): value is CursorProblem {
  return CURSOR_PROBLEMS.some((one) => one === value);
}

function isDigest(value: unknown): value is string {
  return typeof value === 'string' && /^[\w-]{16}$/.test(value);
}

function isOptional<T>(value: unknown, is: (value: unknown) => value is T): value is T | undefined {
  return value === undefined || is(value);
}
