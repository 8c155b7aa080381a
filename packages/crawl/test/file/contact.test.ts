import { describe, expect, it } from '@jest/globals';
import { parseCrawlFile } from '../../src/file/crawl-file.ts';
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
  ])('takes %s as it stands', (contact) => {
    expect(crawlOf(`contact: "${contact}"`).plan.contact).toBe(contact);
  });

  it.each([
    ['a name', 'ops', /^crawl\.yaml:2:10 contact: "ops" is no contact; allowed: an email address/],
    ['another scheme', 'ftp://example.org', /is no contact/],
    ['a mailto link', 'mailto:ops@example.org', /is no contact/],
    ['a URL without a host', 'https://', /is no contact/],
    ['an address without a host', 'ops@', /is no contact/],
    ['two addresses', 'a@b.example,c@d.example', /is no contact/],
    ['spaces', '"https://example.org/a b"', /is no contact/],
    ['a line break', '"ops@example.org\\r\\nx: y"', /is no contact/],
    ['a line break in a URL', '"https://example.org/\\nx: y"', /is no contact/],
    ['letters outside ASCII', 'jörg@example.org', /is no contact/],
    ['a closing parenthesis in an address', '"o)s@example.org"', /is no contact/],
    ['nothing', '', /contact: nothing is not allowed; a text is expected/],
    ['an empty text', '""', /an empty text is not allowed/],
    ['a list', '[ops@example.org]', /a list is not allowed/],
    ['something long', `${'a'.repeat(250)}@b.example`, /longer than 254 characters/],
    ['a secret', '"${env:CONTACT}@example.org"', /may stand in headers only/],
  ])('refuses %s', (_, contact, problem) => {
    expect(problemsOf(`contact: ${contact}`)).toEqual([expect.stringMatching(problem)]);
  });

  it('neither takes nor quotes a credential', () => {
    const problems = problemsOf('contact: https://me:hunter2@example.org/');
    expect(problems).toEqual([expect.stringMatching(/a credential must not stand in a contact/)]);
    expect(problems.join()).not.toContain('hunter2');
  });
});

describe('crawlWarnings', () => {
  it.each([
    ['warns where there is no contact', '', [/names no contact.*add contact:/]],
    ['is content with a contact', 'contact: ops@example.org', []],
    ['is content with a User-Agent of its own', 'headers: { User-Agent: mine/1 }', []],
    [
      'says that a contact beside a User-Agent is not sent',
      'contact: ops@example.org\nheaders: { user-agent: mine/1 }',
      [/contact is not sent/],
    ],
  ])('%s', (_, lines, warnings) => {
    const expected = warnings.map((warning) => expect.stringMatching(warning));
    expect(crawlWarnings(crawlOf(lines))).toEqual(expected);
  });
});
