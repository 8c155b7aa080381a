import { Buffer } from 'node:buffer';

import type { FetchResult, Limits } from '@fetchfleet/crawl';
import * as robotsParserModule from 'robots-parser';

import { PRODUCT_TOKEN } from './user-agent.ts';

/** RFC 9309 asks for at least 500 KiB; the rest of a larger file is not read. */
const MAX_PARSED_BYTES = 500 * 1_024;

/** Limits for fetching a robots.txt: the body limit is far above what is parsed, so that a large file is cut, not failed. */
export const ROBOTS_LIMITS: Limits = {
  timeoutMs: 15_000,
  maxBodyBytes: 4 * 1_024 * 1_024,
  redirects: 5,
};

/** The rules of one origin. */
export interface RobotsRules {
  /** Whether `product` may fetch a URL. URLs of other origins are allowed: these rules say nothing of them. */
  isAllowed(url: string, product?: string): boolean;
  /** What the origin asks to leave between two fetches, in milliseconds; undefined if it does not. */
  crawlDelayMs(product?: string): number | undefined;
}

/** What a fetched robots.txt means. `wait`: unreachable, so nothing may be fetched yet. */
export type RobotsVerdict =
  | { readonly kind: 'rules'; readonly text: string }
  | { readonly kind: 'allow-all' }
  | { readonly kind: 'wait' };

interface Parser {
  isAllowed(url: string, agent?: string): boolean | undefined;
  getCrawlDelay(agent?: string): number | undefined;
}

// The package is CommonJS, and its types describe an ES module.
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const createParser = robotsParserModule.default as unknown as (url: string, text: string) => Parser;

/** Parses a robots.txt as RFC 9309 says. Never throws: what is no rule is skipped. `url` is any URL of its origin. */
export function parseRobots(text: string, url: string): RobotsRules {
  const { origin } = new URL(url);
  const lines = linesOf(text);
  // Only rules end a list of user agents; a crawl-delay between two of them would, in the parser's view.
  const rules = createParser(origin, toText(lines.filter(({ key }) => key !== 'crawl-delay')));
  const delays = createParser(origin, toText(lines));
  return {
    isAllowed: (target, product = PRODUCT_TOKEN) => {
      const parsed = new URL(target);
      if (parsed.origin !== origin || parsed.pathname === '/robots.txt') {
        return true;
      }
      const path = normalisePath(parsed.pathname + parsed.search);
      return rules.isAllowed(origin + path, product) ?? true;
    },
    crawlDelayMs: (product = PRODUCT_TOKEN) => {
      const seconds = delays.getCrawlDelay(product);
      return seconds !== undefined && seconds > 0 ? seconds * 1_000 : undefined;
    },
  };
}

/** What to do after fetching `/robots.txt` (RFC 9309, 2.3.1). */
export function robotsVerdict(result: FetchResult): RobotsVerdict {
  if (result.kind === 'response') {
    if (result.status >= 500) {
      return { kind: 'wait' };
    }
    const isFound = result.status >= 200 && result.status < 300;
    return isFound ? { kind: 'rules', text: textOf(result.body) } : { kind: 'allow-all' };
  }
  // Too many or broken redirects are "unavailable", like 4xx. A refused address refuses the fetch itself
  // too, which must be told as what it is and not as robots-denied.
  const isUnavailable = result.outcome === 'bad-redirect' || result.outcome === 'address-refused';
  return isUnavailable ? { kind: 'allow-all' } : { kind: 'wait' };
}

interface Line {
  readonly key: string;
  readonly value: string;
}

const KEYS = new Set(['user-agent', 'allow', 'disallow', 'crawl-delay']);

/** The lines that matter; others, like `sitemap`, must not come between the user agents of a group. */
function linesOf(text: string): Line[] {
  const lines: Line[] = [];
  for (const line of cut(text).split(/\r\n|\r|\n/)) {
    const [rule = ''] = line.split('#', 1);
    const colon = rule.indexOf(':');
    const key = rule.slice(0, Math.max(0, colon)).trim().toLowerCase();
    if (KEYS.has(key)) {
      lines.push({ key, value: normaliseValue(key, rule.slice(colon + 1).trim()) });
    }
  }
  // A group that ends the file without a rule would be overlooked; an empty rule makes it one.
  return [...lines, { key: 'disallow', value: '' }];
}

function toText(lines: readonly Line[]): string {
  return lines.map(({ key, value }) => `${key}: ${value}`).join('\n');
}

function cut(text: string): string {
  const withoutMark = text.startsWith('\uFEFF') ? text.slice(1) : text;
  if (withoutMark.length * 3 <= MAX_PARSED_BYTES) {
    return withoutMark;
  }
  return textOf(Buffer.from(withoutMark));
}

/** Invalid UTF-8 becomes U+FFFD. A line that the limit cuts is dropped: half a path would forbid too much. */
function textOf(body: Buffer): string {
  if (body.length <= MAX_PARSED_BYTES) {
    return body.toString('utf8');
  }
  const text = body.toString('utf8', 0, MAX_PARSED_BYTES);
  const lastBreak = Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r'));
  return text.slice(0, Math.max(0, lastBreak));
}

function normaliseValue(key: string, value: string): string {
  if (key === 'user-agent') {
    // "The product token MUST contain only …": what follows it (a version, a comment) is no part of it.
    return /^[a-z_-]+/i.exec(value)?.[0] ?? value;
  }
  // A `$` that is not the end is a plain character; `#` would start a comment.
  return key === 'crawl-delay' ? value : normaliseEncoding(value).replace(/\$(?=.)/g, '%24');
}

/** `*` and `$` mean something in a rule only; in a URL they stand for themselves. */
function normalisePath(path: string): string {
  return normaliseEncoding(path).replaceAll('*', '%2A').replaceAll('$', '%24');
}

/** One spelling for each octet: unreserved ones are not encoded, all others outside ASCII are (RFC 9309, 2.2.2). */
function normaliseEncoding(path: string): string {
  // `encodeURI` knows nothing of what is encoded already.
  const encoded = encodeURI(path.toWellFormed()).replaceAll('%25', '%');
  return encoded.replace(/%[0-9a-f]{2}/gi, (octet) => {
    const character = String.fromCharCode(Number.parseInt(octet.slice(1), 16));
    return /[a-z0-9\-._~]/i.test(character) ? character : octet.toUpperCase();
  });
}
