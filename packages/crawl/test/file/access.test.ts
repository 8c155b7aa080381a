import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { selfSigned } from '@fetchfleet/testing';
import { afterAll, describe, expect, it } from '@jest/globals';
import { parseCrawlFile } from './judged.ts';
import { crawlWarnings } from '../../src/file/warnings.ts';
import { formatProblem, InputError } from '../../src/model/input-error.ts';
import type { Plan } from '../../src/model/plan.ts';

const folder = mkdtempSync(join(tmpdir(), 'fetchfleet-access-'));
afterAll(() => rmSync(folder, { recursive: true }));

const { cert, key } = selfSigned();
writeFileSync(join(folder, 'ca.pem'), `An authority of ours\n${cert}`);
writeFileSync(join(folder, 'key.pem'), `${cert}${key}`);
writeFileSync(join(folder, 'odd.pem'), cert.replace(/^M/m, 'A'));
writeFileSync(join(folder, 'big.pem'), cert.repeat(500));
writeFileSync(join(folder, 'empty.pem'), '');

const SECRET = '${env:S}';

function planOf(lines: string): Plan {
  const text = `contact: a@b.example\nurl: https://a.example/{x}\nparams: { x: [1] }\n${lines}\n`;
  return parseCrawlFile(text, join(folder, 'crawl.yaml')).plan;
}

function problemOf(lines: string): string {
  try {
    planOf(lines);
    return '';
  } catch (error) {
    if (error instanceof InputError) {
      return error.problems
        .map((problem) => formatProblem(problem).replaceAll(`${folder}/`, ''))
        .join('\n');
    }
    throw error;
  }
}

describe('network.proxy', () => {
  it.each([
    ['http://proxy.example:3128', ['http://proxy.example:3128']],
    [`"http://ann:${SECRET}@proxy.example"`, [`http://ann:${SECRET}@proxy.example`]],
    [`[https://one.example, "http://${SECRET}@[::1]:8080/"]`, expect.any(Array)],
    ['env', 'env'],
  ])('may be %s', (text, read) => {
    expect(planOf(`network: { proxy: ${text} }`).network.proxy).toEqual(read);
  });

  it.each([
    ['proxy.example:3128', 'a proxy is written http://HOST:PORT or https://HOST:PORT'],
    [
      'socks5://p.example',
      'a proxy is written http://HOST:PORT or https://HOST:PORT; socks5:// is not known',
    ],
    ['http://p.example/path', 'a proxy is written http://HOST:PORT or https://HOST:PORT'],
    ['http://p.example:99999', 'a proxy is written http://HOST:PORT or https://HOST:PORT'],
    ['http://ann:sesame@p.example', 'a crawl file must not contain credentials'],
    ['http://sesame@p.example', 'a crawl file must not contain credentials'],
    ['"http://${env:S x}@p.example"', 'a secret is written ${env:NAME}'],
    ['"http://${env:S}.example"', 'a proxy is written'],
    ['[]', 'a list of 1 to 50 proxies is needed'],
    ['{ http: x }', 'is not a proxy; write it like'],
  ])('is refused as %s', (text, problem) => {
    const found = problemOf(`network: { proxy: ${text} }`);
    expect(found).toContain(`crawl.yaml:4:`);
    expect(found).toContain(problem);
    expect(found).not.toContain('sesame');
  });
});

describe('network.tls', () => {
  it('holds the certificates of a file beside the crawl file, and nothing else of it', () => {
    expect(planOf('network: { tls: { ca: ca.pem } }').network.tls).toEqual({ ca: cert });
    expect(planOf('network: { tls: { insecure: true } }').network.tls).toEqual({ insecure: true });
    expect(planOf('network: { tls: { insecure: false } }').network).not.toHaveProperty('tls');
  });

  it.each([
    ['no.pem', 'no.pem: it does not exist'],
    ['.', 'it is no regular file'],
    ['key.pem', 'key.pem: the file holds a private key'],
    ['odd.pem', 'odd.pem: certificate 1 of the file cannot be read'],
    ['big.pem', 'big.pem: it is larger than 256 KiB'],
    ['empty.pem', 'empty.pem: the file holds no certificate'],
    ['crawl${env:S}', 'secrets (${env:NAME}) are allowed in'],
  ])('is refused with %j as ca', (ca, problem) => {
    expect(problemOf(`network: { tls: { ca: "${ca}" } }`)).toContain(problem);
  });

  it.each([
    ['{ insecure: maybe }', 'network.tls.insecure'],
    ['{ certificate: ca.pem }', 'network.tls.certificate'],
    ['ca.pem', 'network.tls'],
    ['[ca.pem]', 'network.tls'],
  ])('is refused as %s', (text, place) => {
    expect(problemOf(`network: { tls: ${text} }`)).toContain('crawl.yaml:4:');
    expect(problemOf(`network: { tls: ${text} }`)).toContain(place);
  });

  it('warns where certificates are not checked', () => {
    const crawl = parseCrawlFile(
      'contact: a@b.example\nurl: https://a.example\nnetwork: { tls: { insecure: true } }',
      'crawl.yaml',
    );
    expect(crawlWarnings(crawl)).toEqual([
      expect.stringContaining('network.tls.insecure is set, so that certificates are not checked'),
    ]);
  });
});

describe('priority', () => {
  it.each([
    ['high', 'high'],
    ['low', 'low'],
    ['normal', undefined],
  ])('may be %s', (text, read) => {
    expect(planOf(`priority: ${text}`).priority).toBe(read);
  });

  it('is refused as anything else', () => {
    expect(problemOf('priority: hihg')).toContain('allowed: low, normal or high');
  });
});

describe('auth', () => {
  const client = `tokenUrl: "https://login.example/token", clientId: me, clientSecret: "${SECRET}"`;

  it.each([
    [
      `{ basic: { user: ann, password: "${SECRET}" } }`,
      { basic: { user: 'ann', password: SECRET } },
    ],
    [`{ bearer: "${SECRET}" }`, { bearer: SECRET }],
    [
      `{ oauth2: { ${client}, scope: read write, audience: "https://a.example", style: form } }`,
      {
        oauth2: {
          tokenUrl: 'https://login.example/token',
          clientId: 'me',
          clientSecret: SECRET,
          scope: 'read write',
          audience: 'https://a.example',
          style: 'form',
        },
      },
    ],
    [
      `{ oauth2: { ${client}, style: basic } }`,
      {
        oauth2: {
          tokenUrl: 'https://login.example/token',
          clientId: 'me',
          clientSecret: SECRET,
        },
      },
    ],
  ])('may be %s', (text, read) => {
    expect(planOf(`auth: ${text}`).auth).toEqual(read);
  });

  it.each([
    ['{}', 'exactly one of basic, bearer, oauth2 is needed'],
    [`{ bearer: "${SECRET}", basic: { user: a, password: "${SECRET}" } }`, 'exactly one of'],
    ['sesame', 'a mapping is needed'],
    ['{ basic: sesame }', 'a mapping is needed'],
    ['{ oauth2: [sesame] }', 'a mapping is needed'],
    ['{ bearer: sesame }', 'a crawl file must not contain credentials'],
    [`{ bearer: "Bearer ${SECRET}" }`, 'the word Bearer is added to it'],
    ['{ basic: { user: ann, password: sesame } }', 'a crawl file must not contain credentials'],
    [`{ basic: { user: "a:b", password: "${SECRET}" } }`, 'a user has no colon'],
    ['{ basic: { user: ann } }', 'password is missing'],
    [`{ oauth2: { clientId: me, clientSecret: "${SECRET}" } }`, 'tokenUrl is missing'],
    [
      `{ oauth2: { ${client.replace(SECRET, 'sesame')} } }`,
      'a crawl file must not contain credentials',
    ],
    [
      `{ oauth2: { ${client.replace('login.example', SECRET)} } }`,
      'secrets (${env:NAME}) are allowed in',
    ],
    [`{ oauth2: { ${client.replace('login.example', '10.0.0.1')} } }`, 'is a private address'],
    [
      `{ basic: { user: "{{id}}", password: "${SECRET}" } }`,
      'basic.user: {{name}} is the value of',
    ],
    [
      `{ basic: { user: ann, password: "${SECRET}{{id}}" } }`,
      'and password is one for all fetches',
    ],
    [`{ bearer: "${SECRET}{{id}}" }`, 'and bearer is one for all fetches'],
    [
      `{ oauth2: { ${client.replace(': me', ': "{{id}}"')} } }`,
      'and clientId is one for all fetches',
    ],
    [`{ basic: { user: "{{x}}", password: "${SECRET}" } }`, 'user'],
    [`{ basic: { user: "{x}-{{x}}", password: "${SECRET}" } }`, 'user'],
    [`{ oauth2: { ${client}, scope: [read] } }`, 'auth.oauth2.scope'],
    [`{ oauth2: { ${client}, scope: "" } }`, 'auth.oauth2.scope'],
    [`{ oauth2: { ${client}, audience: { a: b } } }`, 'auth.oauth2.audience'],
    [`{ oauth2: { ${client.replace('clientId: me', 'clientId: [me]')} } }`, 'auth.oauth2.clientId'],
    [`{ oauth2: { ${client.replace('clientId: me, ', '')} } }`, 'clientId is missing'],
    [`{ oauth2: { ${client}, style: post } }`, 'allowed: basic or form'],
    [`{ oauth2: { ${client}, tokenURL: x } }`, 'did you mean "tokenUrl"'],
  ])('is refused as %s', (text, problem) => {
    const found = problemOf(`auth: ${text}`);
    expect(found).toContain(problem);
    expect(found).not.toContain('sesame');
  });

  it('stands beside no other authorization', () => {
    const both = `headers: { authorization: "${SECRET}" }\nauth: { bearer: "${SECRET}" }`;
    expect(problemOf(both)).toContain(
      'headers.authorization is set as well; remove one of the two',
    );
  });

  it('leaves the plan of a crawl file without it as it was', () => {
    expect(Object.keys(planOf(''))).not.toContain('auth');
    expect(planOf('').network).toEqual({ allowPrivate: false, allow: [] });
  });
});
