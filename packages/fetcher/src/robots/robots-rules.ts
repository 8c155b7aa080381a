import { PRODUCT_TOKEN } from '../fetcher/user-agent.ts';
import { cutRobotsText } from './robots-text.ts';
import { comparePatterns, normalisePath, RobotsPattern } from './robots-pattern.ts';

/** The rules of one origin, for one product. */
export interface RobotsRules {
  /** Whether the product may fetch a URL. Those of other origins are allowed. */
  isAllowed(url: string): boolean;
  /**
   * Milliseconds between two fetches that the origin asks for; undefined if it asks for none. There
   * is no upper bound: `Infinity` is possible.
   */
  readonly crawlDelayMs: number | undefined;
  /** Characters of all rules that were kept. */
  readonly size: number;
}

/** Further rules of a group are ignored, so that deciding about a URL takes a few ms at most. */
const MAX_RULES = 5_000;

/** How a crawl-delay is written. `Number` reads more: exponents, hexadecimal digits, `Infinity`. */
const SECONDS = /^\d+(?:\.\d+)?$/;

/** What a robots.txt says to some user agent. */
interface Group {
  readonly patterns: RobotsPattern[];
  crawlDelayMs: number | undefined;
}

/**
 * Parses a robots.txt (RFC 9309). Never throws: lines that are not rules are skipped.
 *
 * @param url any URL of the origin
 * @param product the product token whose group counts; without one, that of `*` does
 */
export function parseRobots(text: string, url: string, product = PRODUCT_TOKEN): RobotsRules {
  const { origin } = new URL(url);
  const groups = new Map<string, Group>();
  const groupsOf = (agents: readonly string[]): Group[] =>
    agents.map((agent) => {
      const group = groups.get(agent) ?? { patterns: [], crawlDelayMs: undefined };
      groups.set(agent, group);
      return group;
    });
  // A rule ends a list of user agents; a crawl-delay is only for those that are named before it.
  let agents: string[] = [];
  let delayed: string[] = [];
  let isRuleLast = false;
  let isDelayLast = false;
  const wanted = new Set([product.toLowerCase(), '*']);
  for (const { key, value } of linesOf(text)) {
    if (key === 'user-agent') {
      const agent = agentOf(value);
      agents = isRuleLast ? [] : agents;
      delayed = isRuleLast || isDelayLast ? [] : delayed;
      isRuleLast = false;
      isDelayLast = false;
      if (wanted.has(agent)) {
        agents.push(agent);
        delayed.push(agent);
        groupsOf([agent]);
      }
    } else if (key === 'crawl-delay') {
      isDelayLast = true;
      const ms = SECONDS.test(value) ? Number(value) * 1_000 : 0;
      for (const group of groupsOf(delayed)) {
        group.crawlDelayMs = ms > 0 ? ms : group.crawlDelayMs;
      }
    } else {
      isRuleLast = true;
      for (const { patterns } of value === '' ? [] : groupsOf(agents)) {
        if (patterns.length < MAX_RULES) {
          const pattern = new RobotsPattern(value, key === 'allow');
          // An `allow` that was cut would allow too much.
          patterns.push(...(pattern.isAllow && pattern.isCut ? [] : [pattern]));
        }
      }
    }
  }
  const { patterns = [], crawlDelayMs } =
    groups.get(product.toLowerCase()) ?? groups.get('*') ?? {};
  patterns.sort(comparePatterns);
  return {
    isAllowed: (target) => isAllowed(target, origin, patterns),
    crawlDelayMs,
    size: patterns.reduce((sum, { length }) => sum + length, 0),
  };
}

/** @param patterns the strongest first */
function isAllowed(url: string, origin: string, patterns: readonly RobotsPattern[]): boolean {
  const parsed = new URL(url);
  if (parsed.origin !== origin || parsed.pathname === '/robots.txt') {
    return true;
  }
  const path = normalisePath(parsed.pathname + parsed.search);
  return patterns.find((pattern) => pattern.matches(path))?.isAllow ?? true;
}

interface Line {
  readonly key: string;
  readonly value: string;
}

const KEYS = new Set(['user-agent', 'allow', 'disallow', 'crawl-delay']);

/** The lines with a known key. Others, like `sitemap`, would split the user agents of a group. */
function* linesOf(text: string): Generator<Line> {
  for (const line of cutRobotsText(text).split(/\r\n|\r|\n/)) {
    const [rule = ''] = line.split('#', 1);
    const colon = rule.indexOf(':');
    const key = rule.slice(0, Math.max(0, colon)).trim().toLowerCase();
    if (KEYS.has(key)) {
      yield { key, value: rule.slice(colon + 1).trim() };
    }
  }
}

/** A product token has only these characters; a version or a comment may follow it. */
function agentOf(value: string): string {
  return (/^[a-z_-]+/i.exec(value)?.[0] ?? value).toLowerCase();
}
