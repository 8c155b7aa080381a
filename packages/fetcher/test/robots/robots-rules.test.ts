import { describe, expect, it } from '@jest/globals';
import type { FetchResult } from '@fetchfleet/crawl';
import { parseRobots, robotsVerdict } from '../../src/index.ts';

const ORIGIN = 'https://site.example';

function isAllowed(lines: readonly string[], path: string, product?: string): boolean {
  const rules = parseRobots(lines.join('\n'), `${ORIGIN}/robots.txt`, product);
  return rules.isAllowed(`${ORIGIN}${path}`);
}

describe('parseRobots', () => {
  it.each([
    ['/', [], true],
    ['/a', ['disallow: /a'], false],
    ['/b', ['disallow: /a'], true],
    ['/a', ['DISALLOW :  /a  # why'], false],
    ['/a', ['disallow:'], true],
    // The longest match wins, and allow wins a tie.
    ['/a/b', ['disallow: /', 'allow: /a'], true],
    ['/a/b', ['allow: /a', 'disallow: /a/b'], false],
    ['/a', ['disallow: /a', 'allow: /a'], true],
    [
      '/example/page/disallowed.gif',
      ['allow: /example/page/', 'disallow: /example/page/disallowed.gif'],
      false,
    ],
    // Wildcards and the end of a path.
    ['/x/y.php', ['disallow: *.php'], false],
    ['/x/y.php?z', ['disallow: /*.php$'], true],
    ['/x/y.php', ['disallow: /*.php$'], false],
    ['/foo/bar/baz', ['disallow: /foo/*/baz'], false],
    ['/a$b', ['disallow: /a$b'], false],
    ['/a', ['disallow: /a$b'], true],
    ['/a*b', ['disallow: /a%2Ab'], false],
    ['/a-x-b', ['disallow: /a%2Ab'], true],
    ['/a%24', ['disallow: /a%24'], false],
    // Case matters in paths, and queries belong to them.
    ['/A', ['disallow: /a'], true],
    ['/a?q=1', ['disallow: /a?q='], false],
    // The examples of RFC 9309, 2.2.2.
    ['/foo/bar?baz=quz', ['disallow: /foo/bar?baz=quz'], false],
    ['/foo/bar?baz=https%3A%2F%2Ffoo.bar', ['disallow: /foo/bar?baz=https%3A%2F%2Ffoo.bar'], false],
    ['/foo/bar/%E3%83%84', ['disallow: /foo/bar/ツ'], false],
    ['/foo/bar/%E3%83%84', ['disallow: /foo/bar/%e3%83%84'], false],
    ['/foo/bar/baz', ['disallow: /foo/bar/%62%61%7A'], false],
    ['/foo/bar/%62%61%7A', ['disallow: /foo/bar/baz'], false],
    ['/~a/[b]', ['disallow: /%7Ea/[b]'], false],
    // The file itself is always allowed.
    ['/robots.txt', ['disallow: /'], true],
  ])('decides about %s under %j: %p', (path, lines, allowed) => {
    expect(isAllowed(['user-agent: *', ...lines], path)).toBe(allowed);
  });

  it.each([
    [
      'its own group replaces the group of all agents',
      ['User-agent: *', 'Disallow: /', 'User-agent: FetchFleet', 'Disallow: /x'],
      true,
    ],
    [
      'the group of all agents, without its own',
      ['User-agent: other', 'Allow: /', 'User-agent: *', 'Disallow: /'],
      false,
    ],
    ['no group at all', ['User-agent: other', 'Disallow: /'], true],
    ['rules before any group', ['Disallow: /'], true],
    [
      'groups of the same name are merged',
      ['User-agent: fetchfleet', 'Allow: /x', '', 'User-agent: fetchfleet', 'Disallow: /'],
      false,
    ],
    [
      'several names for a group',
      ['User-agent: a', 'User-agent: fetchfleet', '', 'User-agent: b', 'Disallow: /'],
      false,
    ],
    [
      'a sitemap among the names of a group',
      ['User-agent: fetchfleet', 'Sitemap: https://site.example/s', 'User-agent: b', 'Disallow: /'],
      false,
    ],
    [
      'a crawl-delay among the names of a group',
      ['User-agent: fetchfleet', 'Crawl-delay: 3', 'User-agent: b', 'Disallow: /'],
      false,
    ],
    ['a version after its name', ['User-agent: fetchfleet/1.0 (crawler)', 'Disallow: /'], false],
    ['a name that begins with its own', ['User-agent: fetchfleetbot', 'Disallow: /'], true],
    [
      'its own group without a rule, at the end',
      ['User-agent: *', 'Disallow: /', 'User-agent: fetchfleet'],
      true,
    ],
    ['a page of HTML', ['<html><body>Disallow: /</body></html>'], true],
  ])('finds the group of a product: %s', (_name, lines, allowed) => {
    expect(isAllowed(lines, '/a')).toBe(allowed);
  });

  it.each(['\n', '\r\n', '\r'])('reads lines that end with %j, and a byte order mark', (end) => {
    const text = `\uFEFF${['User-agent: *', 'Disallow: /a'].join(end)}${end}`;
    expect(parseRobots(text, ORIGIN).isAllowed(`${ORIGIN}/a`)).toBe(false);
  });

  it('reads 500 KiB, and drops the line that the limit cuts', () => {
    const head = 'User-agent: *\nDisallow: /first\n';
    const filler = '#'.repeat(500 * 1_024 - head.length - 'Disallow: /'.length - 1);
    const rules = parseRobots(`${head}${filler}\nDisallow: /last\n`, ORIGIN);
    expect(rules.isAllowed(`${ORIGIN}/first`)).toBe(false);
    expect(rules.isAllowed(`${ORIGIN}/last`)).toBe(true);
    expect(rules.isAllowed(`${ORIGIN}/other`)).toBe(true);
  });

  it('allows URLs of other origins', () => {
    const rules = parseRobots('User-agent: *\nDisallow: /', ORIGIN);
    expect(rules.isAllowed('http://site.example/a')).toBe(true);
    expect(rules.isAllowed('https://site.example:444/a')).toBe(true);
  });

  it('returns the crawl delay of a product in milliseconds', () => {
    const text = 'User-agent: *\nCrawl-delay: 2.5\nUser-agent: slow\nCrawl-delay: soon\n';
    expect(parseRobots(text, ORIGIN).crawlDelayMs).toBe(2_500);
    expect(parseRobots(text, ORIGIN, 'slow').crawlDelayMs).toBeUndefined();
    expect(parseRobots('', ORIGIN).crawlDelayMs).toBeUndefined();
    const two =
      'User-agent: *\nCrawl-delay: 1\nUser-agent: fetchfleet\nCrawl-delay: 9\nDisallow: /';
    expect(parseRobots(two, ORIGIN, 'other').crawlDelayMs).toBe(1_000);
    expect(parseRobots(two, ORIGIN).crawlDelayMs).toBe(9_000);
  });

  it.each([
    ['10', 10_000],
    ['0.5', 500],
    ['007', 7_000],
    ['9'.repeat(400), Infinity],
    ['0', undefined],
    ['Infinity', undefined],
    ['1e400', undefined],
    ['1e3', undefined],
    ['0x10', undefined],
    ['-1', undefined],
    ['+1', undefined],
    ['.5', undefined],
    ['5.', undefined],
    ['10s', undefined],
    ['', undefined],
  ])('reads the crawl delay %j as %p ms', (value, ms) => {
    const text = `User-agent: *\nCrawl-delay: ${value}`;
    expect(parseRobots(text, ORIGIN).crawlDelayMs).toBe(ms);
  });

  it('keeps little of a hostile file, and decides quickly', () => {
    const long = `/${'a'.repeat(5_000)}`;
    const rows: readonly (readonly [what: string, text: string, path: string, allowed: boolean])[] =
      [
        ['stars', `disallow: /${'*'.repeat(490_000)}x`, '/ax', false],
        ['stars and letters', `disallow: /${'*a'.repeat(240_000)}`, long, false],
        ['a long disallow', `disallow: ${long}b`, long, false],
        ['a long allow', `disallow: /\nallow: ${long}`, long, false],
        [
          'many rules',
          Array.from({ length: 30_000 }, (_, n) => `disallow: /*a${n}$`).join('\n'),
          long,
          true,
        ],
        ['many agents', `user-agent: ${'x'.repeat(9)}\n`.repeat(25_000), long, true],
      ];
    for (const [, text, path] of rows) {
      const rules = parseRobots(`user-agent: *\n${text}`, ORIGIN);
      expect(rules.size).toBeLessThan(60_000);
      rules.isAllowed(`${ORIGIN}${path}`);
    }
    const decided = rows.map(([what, text, path]) => [
      what,
      parseRobots(`user-agent: *\n${text}`, ORIGIN).isAllowed(`${ORIGIN}${path}`),
    ]);
    expect(decided).toEqual(rows.map(([what, , , allowed]) => [what, allowed]));
  });
});

describe('robotsVerdict', () => {
  const timing = { startedAt: 0, durationMs: 1 };
  const response = (status: number, body = Buffer.from('x')): FetchResult => ({
    kind: 'response',
    ...timing,
    status,
    headers: {},
    body,
  });
  const failure = (
    outcome: 'network-error' | 'timeout' | 'bad-redirect' | 'address-refused' | 'too-large',
  ): FetchResult => ({
    kind: 'failure',
    ...timing,
    outcome,
    code: 'X',
    message: 'x',
    bytes: 0,
  });

  it.each([
    ['status 200', response(200), { kind: 'rules', text: 'x' }],
    ['invalid UTF-8', response(200, Buffer.from([0x61, 0xff])), { kind: 'rules', text: 'a\uFFFD' }],
    ['status 304', response(304), { kind: 'allow-all' }],
    ['status 404', response(404), { kind: 'allow-all' }],
    ['status 429', response(429), { kind: 'wait' }],
    ['status 500', response(500), { kind: 'wait' }],
    ['status 503', response(503), { kind: 'wait' }],
    ['an unreachable origin', failure('network-error'), { kind: 'wait' }],
    ['a timeout', failure('timeout'), { kind: 'wait' }],
    ['a file beyond every limit', failure('too-large'), { kind: 'wait' }],
    ['too many redirects', failure('bad-redirect'), { kind: 'allow-all' }],
    ['a refused address', failure('address-refused'), { kind: 'allow-all' }],
  ])('decides about %s', (_name, result, verdict) => {
    expect(robotsVerdict(result)).toEqual(verdict);
  });
});
