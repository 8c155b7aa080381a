import * as robotsParserModule from 'robots-parser';
import { PRODUCT_TOKEN } from '../fetcher/user-agent.ts';
import { cutRobotsText } from './robots-text.ts';

/** The rules of one origin. */
export interface RobotsRules {
  /**
   * Whether `product` may fetch a URL. URLs of other origins are allowed: no rule here is for them.
   */
  isAllowed(url: string, product?: string): boolean;
  /** Milliseconds between two fetches that the origin asks for; undefined if it asks for none. */
  crawlDelayMs(product?: string): number | undefined;
}

interface Parser {
  isAllowed(url: string, agent?: string): boolean | undefined;
  getCrawlDelay(agent?: string): number | undefined;
}

// The package is CommonJS, but its types describe an ES module.
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const createParser = robotsParserModule.default as unknown as (url: string, text: string) => Parser;

/**
 * Parses a robots.txt (RFC 9309). Never throws: lines that are not rules are skipped.
 *
 * @param url any URL of the origin
 */
export function parseRobots(text: string, url: string): RobotsRules {
  const { origin } = new URL(url);
  const lines = linesOf(text);
  // Only rules may end a list of user agents, but for the parser a crawl-delay ends one as well.
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

interface Line {
  readonly key: string;
  readonly value: string;
}

const KEYS = new Set(['user-agent', 'allow', 'disallow', 'crawl-delay']);

/** The lines with a known key. Others, like `sitemap`, would split the user agents of a group. */
function linesOf(text: string): Line[] {
  const lines: Line[] = [];
  for (const line of cutRobotsText(text).split(/\r\n|\r|\n/)) {
    const [rule = ''] = line.split('#', 1);
    const colon = rule.indexOf(':');
    const key = rule.slice(0, Math.max(0, colon)).trim().toLowerCase();
    if (KEYS.has(key)) {
      lines.push({ key, value: normaliseValue(key, rule.slice(colon + 1).trim()) });
    }
  }
  // The parser ignores a group without a rule at the end of the file; an empty rule completes it.
  return [...lines, { key: 'disallow', value: '' }];
}

function toText(lines: readonly Line[]): string {
  return lines.map(({ key, value }) => `${key}: ${value}`).join('\n');
}

function normaliseValue(key: string, value: string): string {
  if (key === 'user-agent') {
    // A product token has only these characters; a version or a comment may follow it.
    return /^[a-z_-]+/i.exec(value)?.[0] ?? value;
  }
  // A `$` before the end is a plain character; `#` would start a comment.
  return key === 'crawl-delay' ? value : normaliseEncoding(value).replace(/\$(?=.)/g, '%24');
}

/** `*` and `$` are special only in rules; in a URL they are plain characters. */
function normalisePath(path: string): string {
  return normaliseEncoding(path).replaceAll('*', '%2A').replaceAll('$', '%24');
}

/**
 * One spelling per octet: unreserved octets are decoded, non-ASCII is encoded (RFC 9309, 2.2.2).
 */
function normaliseEncoding(path: string): string {
  // `encodeURI` encodes the `%` of existing escapes again.
  const encoded = encodeURI(path.toWellFormed()).replaceAll('%25', '%');
  return encoded.replace(/%[0-9a-f]{2}/gi, (octet) => {
    const character = String.fromCharCode(Number.parseInt(octet.slice(1), 16));
    return /[a-z0-9\-._~]/i.test(character) ? character : octet.toUpperCase();
  });
}
