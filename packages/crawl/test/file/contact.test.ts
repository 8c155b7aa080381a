import { describe, expect, it } from '@jest/globals';
import { measureCrawl } from '../../src/expand/measure-crawl.ts';
import { parseCrawlFile } from './judged.ts';
import { crawlWarnings } from '../../src/file/warnings.ts';
import { formatProblem, InputError } from '../../src/model/input-error.ts';

function crawlOf(lines: string) {
  return parseCrawlFile(`url: http://a.example/\n${lines}`, 'crawl.yaml');
}

function problemsOf(lines: string): string[] {
  try {
    crawlOf(lines);
    return [];
  } catch (error) {
    if (error instanceof InputError) {
      return error.problems.map(formatProblem);
    }
    throw error;
  }
}

describe('contact', () => {
  it.each([
    'ops@example.org',
    "o'neil+crawl@sub.example.co.uk",
    'root@localhost',
    'https://example.org',
    'http://example.org:8080/bot?x=1#y',
    'HTTPS://en.wikipedia.org/wiki/Bot_(disambiguation)',
  ])('accepts %s unchanged', (contact) => {
    expect(crawlOf(`contact: "${contact}"`).plan.contact).toBe(contact);
  });

  it.each([
    [
      'a name',
      'ops',
      /^crawl\.yaml:2:10 contact: "ops" is not a valid contact; allowed: an email address/,
    ],
    ['another scheme', 'ftp://example.org', /is not a valid contact/],
    ['a mailto link', 'mailto:ops@example.org', /is not a valid contact/],
    ['a URL without a host', 'https://', /is not a valid contact/],
    ['an address without a host', 'ops@', /is not a valid contact/],
    ['two addresses', 'a@b.example,c@d.example', /is not a valid contact/],
    ['spaces', '"https://example.org/a b"', /is not a valid contact/],
    ['a line break', '"ops@example.org\\r\\nx: y"', /is not a valid contact/],
    ['a line break in a URL', '"https://example.org/\\nx: y"', /is not a valid contact/],
    ['letters outside ASCII', 'jörg@example.org', /is not a valid contact/],
    ['a closing parenthesis in an address', '"o)s@example.org"', /is not a valid contact/],
    ['nothing', '', /contact: an empty value is not allowed; expected a text/],
    ['an empty text', '""', /an empty text is not allowed/],
    ['a list', '[ops@example.org]', /a list is not allowed/],
    ['something long', `${'a'.repeat(250)}@b.example`, /longer than 254 characters/],
    [
      'a secret',
      '"${env:CONTACT}@example.org"',
      /allowed in headers, auth, network.proxy and notify only/,
    ],
  ])('refuses %s', (_, contact, problem) => {
    expect(problemsOf(`contact: ${contact}`)).toEqual([expect.stringMatching(problem)]);
  });

  it('neither accepts nor quotes credentials', () => {
    const problems = problemsOf('contact: https://me:hunter2@example.org/');
    expect(problems).toEqual([expect.stringMatching(/a contact must not contain credentials/)]);
    expect(problems.join()).not.toContain('hunter2');
  });
});

describe('crawlWarnings', () => {
  it.each([
    ['warn about a missing contact', '', [/names no contact.*add contact:/]],
    ['accept a contact', 'contact: ops@example.org', []],
    ['accept a User-Agent', 'headers: { User-Agent: mine/1 }', []],
    [
      'warn that a contact next to a User-Agent is not sent',
      'contact: ops@example.org\nheaders: { user-agent: mine/1 }',
      [/contact is not sent/],
    ],
  ])('%s', (_, lines, warnings) => {
    const expected = warnings.map((warning) => expect.stringMatching(warning));
    expect(crawlWarnings(crawlOf(lines))).toEqual(expected);
  });

  const KEY = '{ x-key: "${env:A}" }';
  it.each([
    ['http://api.example/{n}', KEY, 'http://api.example'],
    ['http://10.0.0.1:8080/{n}', KEY, 'http://10.0.0.1:8080'],
    ['http://{n}.api.example/', KEY, 'http://1.api.example'],
    ['{+url}', KEY, 'http://b.example'],
    ['https://api.example/{n}', KEY, undefined],
    ['http://127.1.2.3/{n}', KEY, undefined],
    ['http://[::1]:80/{n}', KEY, undefined],
    ['http://api.localhost/{n}', KEY, undefined],
    ['http://api.example/{n}', '{ x-key: open }', undefined],
  ])('say which origin of %s gets a secret of %s unencrypted: %s', async (url, headers, origin) => {
    const params = url.includes('url')
      ? 'url: ["https://a.example/", "http://localhost/", "http://b.example/x", "http://c.example"]'
      : 'n: [1, 2]';
    const crawl = parseCrawlFile(
      [
        `url: "${url}"`,
        `params: { ${params} }`,
        'contact: ops@example.org',
        `headers: ${headers}`,
        'network: { allowPrivate: true }',
      ].join('\n'),
      'crawl.yaml',
    );
    const warnings = crawlWarnings(crawl, await measureCrawl(crawl));
    const told = warnings.map((text) => /^A travels to (\S+) over plain http/u.exec(text)?.[1]);
    expect(told).toEqual(origin === undefined ? [] : [origin]);
  });
});
