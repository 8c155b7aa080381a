import { describe, expect, it } from '@jest/globals';
import { parseCrawlFile } from './judged.ts';
import { fingerprintOf } from '../../src/expand/fingerprint.ts';
import { formatProblem, InputError } from '../../src/model/input-error.ts';
import type { Crawl } from '../../src/model/plan.ts';
import { ownSecrets } from '../../src/access/secret-rules.ts';
import { secretUses } from '../../src/access/secret-uses.ts';

const ENDS = ['finished', 'cancelled', 'failed-to-start'];

function crawlOf(lines: string): Crawl {
  const text = `contact: a@b.example\nurl: https://a.example/{x}\nparams: { x: [1] }\n${lines}\n`;
  return parseCrawlFile(text, 'crawl.yaml');
}

function problemOf(lines: string): string {
  try {
    crawlOf(lines);
    return '';
  } catch (error) {
    if (error instanceof InputError) {
      return error.problems.map(formatProblem).join('\n');
    }
    throw error;
  }
}

describe('notify', () => {
  it.each([
    ['https://hooks.example/x', [{ url: 'https://hooks.example/x', on: ENDS }]],
    ['"${env:HOOK}"', [{ url: '${env:HOOK}', on: ENDS }]],
    ['[https://a.example/1, "https://b.example/${env:T}"]', [expect.anything(), expect.anything()]],
    [
      '{ url: https://a.example, secret: "${env:S}", failures: 2.5%, format: slack }',
      [
        {
          url: 'https://a.example',
          secret: '${env:S}',
          on: [...ENDS, 'failures'],
          failures: 0.025,
          format: 'slack',
        },
      ],
    ],
    [
      '{ url: https://a.example, on: failures }',
      [{ url: 'https://a.example', on: ['failures'], failures: 0.1 }],
    ],
    [
      '{ url: https://a.example, on: [cancelled, finished] }',
      [{ url: 'https://a.example', on: ['finished', 'cancelled'] }],
    ],
  ])('reads %s', (text, read) => {
    expect(crawlOf(`notify: ${text}`).notify).toEqual(read);
  });

  it.each([
    ['ftp://a.example', '"ftp://a.example" is neither http nor https'],
    ['https://ann:sesame@a.example', 'contains credentials'],
    ['http://127.0.0.1/x', '127.0.0.1 is a loopback address, which is refused'],
    ['http://169.254.169.254/x', 'is a link-local address, which is refused'],
    ['[]', '1 to 10 receivers are allowed'],
    ['"https://${env:HOST}/x"', 'a secret in a URL stands behind the host, or is the whole URL'],
    ['"https://a.example/${ env:T }"', 'a secret is written ${env:NAME}'],
    ['{ secret: "${env:S}" }', 'url is missing'],
    ['{ url: https://a.example, secret: sesame }', 'must not contain credentials'],
    ['{ url: https://a.example, secret: "${env:S}x" }', 'a secret is written'],
    ['{ url: https://a.example, on: [] }', 'an empty list is not allowed'],
    ['{ url: https://a.example, on: [ended] }', '"ended" is not allowed'],
    ['{ url: https://a.example, failures: 0.0000% }', '"0.0000%" is not a share'],
    ['{ url: https://a.example, failures: 0.00001% }', 'at most 4 decimals'],
    ['{ url: https://a.example, failures: 100.0001% }', '"100.0001%" is not a share'],
    ['{ url: https://a.example, failures: ten }', '"ten" is not a share'],
    ['{ url: https://a.example, on: finished, failures: 5% }', 'nobody is told'],
    ['{ url: https://a.example, format: teams }', '"teams" is not allowed'],
  ])('refuses %s', (text, problem) => {
    const found = problemOf(`notify: ${text}`);
    expect(found).toContain(problem);
    expect(found).not.toContain('sesame');
  });

  it.each([
    ['receivers', 10, (count: number) => `[${Array(count).fill('https://a.example').join(', ')}]`],
    ['characters', 2_048, (count: number) => 'https://a.example/'.padEnd(count, 'x')],
  ])('may have as many %s as %d, and no more', (_, most, textOf) => {
    expect(problemOf(`notify: ${textOf(most)}`)).toBe('');
    expect(problemOf(`notify: ${textOf(most + 1)}`)).toMatch(/allowed$/);
  });

  it.each([
    ['0.0001%', 0.000001],
    ['100%', 1],
    ['100.0000 %', 1],
  ])('tells of failures from %s', (text, share) => {
    const { notify } = crawlOf(`notify: { url: https://a.example, failures: ${text} }`);
    expect(notify?.[0]?.failures).toBe(share);
  });

  it('may go to a private address where the crawl may', () => {
    const { notify } = crawlOf('notify: http://127.0.0.1/x\nnetwork: { allowPrivate: true }');
    expect(notify).toHaveLength(1);
  });

  it('changes no fetch', async () => {
    const [plain, told] = [crawlOf(''), crawlOf('notify: https://hooks.example')];
    expect(await fingerprintOf(told)).toBe(await fingerprintOf(plain));
  });

  it('names its secrets with the place that they go to', () => {
    const { plan, notify } = crawlOf(
      'notify: [{ url: https://a.example/x, secret: "${env:S}" }, "${env:HOOK}"]',
    );
    expect(secretUses(plan)).toEqual([]);
    const uses = secretUses({ ...plan, ...(notify !== undefined && { notify }) });
    expect(ownSecrets(uses, 'https://crawl.example')).toBe(
      'FETCHFLEET_SECRET_*,S@https://a.example,HOOK',
    );
  });
});
