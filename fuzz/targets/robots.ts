import { parseRobots, robotsVerdict } from '@fetchfleet/fetcher';
import * as fc from 'fast-check';
import { bytesNear, bytesOf, textNear } from '../mutations.ts';
import { holds, type Target } from '../target.ts';

const ORIGIN = 'http://origin.example';

const EXAMPLES = [
  'User-agent: *\nDisallow: /private/\nAllow: /private/open$\nCrawl-delay: 2\n',
  'user-agent: fetchfleet\nuser-agent: other\ndisallow: /*.php$\n\nUser-agent: *\nDisallow: /\n',
  '\ufeffUser-Agent : fetchfleet # us\r\nDisallow: /a%2fb*c\rAllow: /%E2%82%AC\nSitemap: /s.xml\n',
  'Disallow: /before\nUser-agent: *\nDisallow:\nDisallow: /*/*/*/*\n',
];
const PATHS = [
  '/',
  '/private/open',
  '/private/x?y=1',
  '/a%2Fb/c',
  '/€',
  '/x.php',
  '/*/$',
  '/robots.txt',
];
/** Text that is kept of a robots.txt, and what escapes make of it: 9 bytes for one character. */
const MAX_SIZE = 9 * 512 * 1_024;

interface Input {
  /** As `bytesNear` gives them. */
  readonly bytes: string;
  readonly path: string;
}

export const robotsTarget: Target = {
  name: 'robots',
  title: 'robots.txt: a verdict on every URL, in bounded time',
  cpuMs: 1_000,
  open: async () => ({
    arbitrary: fc.record<Input>({
      bytes: bytesNear(
        EXAMPLES.map((text) => Buffer.from(text)),
        ['Disallow: /', 'Allow: /', 'User-agent: *\n', 'Crawl-delay: ', '/*a', '$', '%2'],
      ),
      path: textNear(PATHS),
    }),
    check,
  }),
};

function check({ bytes, path }: Input): void {
  const url = URL.parse(path, ORIGIN) ?? new URL(ORIGIN);
  const verdict = robotsVerdict({
    kind: 'response',
    status: 200,
    headers: {},
    body: bytesOf(bytes),
    startedAt: 0,
    durationMs: 0,
  });
  holds(verdict.kind === 'rules', 'a robots.txt that was found has rules', verdict.kind);
  const rules = parseRobots(verdict.text, ORIGIN);
  const { crawlDelayMs, size } = rules;
  holds(crawlDelayMs === undefined || crawlDelayMs > 0, 'a crawl delay is positive', crawlDelayMs);
  holds(size <= MAX_SIZE, 'the rules that are kept are bounded', size);
  holds(typeof rules.isAllowed(url.href) === 'boolean', 'every URL has a verdict');
  const again = parseRobots(verdict.text, ORIGIN).isAllowed(url.href);
  holds(again === rules.isAllowed(url.href), 'a verdict is always the same', url.href);
  holds(rules.isAllowed('http://other.example/'), 'rules are for their own origin only');
}
