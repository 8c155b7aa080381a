import { describe, expect, it } from '@jest/globals';
import { parseCrawlFile } from './judged.ts';
import { formatProblem, InputError } from '../../src/model/input-error.ts';
import type { Plan } from '../../src/model/plan.ts';

const HEAD = 'url: http://a.example/{x}\nparams: { x: [1], lang: [de] }\n';

function planOf(lines: string): Plan {
  return parseCrawlFile(HEAD + lines, 'crawl.yaml').plan;
}

function problemsOf(lines: string): string[] {
  try {
    planOf(lines);
    return [];
  } catch (error) {
    if (error instanceof InputError) {
      return error.problems.map(formatProblem);
    }
    throw error;
  }
}

const USES_LANG = 'headers: { accept-language: "{{lang}}" }\n';

describe('the request in a crawl file', () => {
  it.each<[string, Pick<Plan, 'method' | 'body' | 'idempotencyKey'>]>([
    ['', {}],
    ['method: GET', {}],
    ['method: HEAD', { method: 'HEAD' }],
    ['method: DELETE', { method: 'DELETE' }],
    ['body: { text: x }', { method: 'POST', body: { text: 'x' } }],
    ['method: PUT\nbody: { text: 1.10 }', { method: 'PUT', body: { text: '1.10' } }],
    ['method: POST\nidempotencyKey: true', { method: 'POST' }],
    ['method: PATCH\nidempotencyKey: false', { method: 'PATCH', idempotencyKey: false }],
    [
      'body: { form: { b: "{{x}}", a: [1.10, true, ""], 1: z } }',
      {
        method: 'POST',
        body: {
          form: [
            ['b', '{{x}}'],
            ['a', '1.10'],
            ['a', 'true'],
            ['a', ''],
            ['1', 'z'],
          ],
        },
      },
    ],
  ])('is read, without what is the default: %j', (lines, request) => {
    const { method, body, idempotencyKey } = planOf(USES_LANG + lines);
    expect({ method, body, idempotencyKey }).toEqual(request);
  });

  it.each([
    [
      '{ a: 12345678901234567890, b: 1.10, c: -1e5 }',
      '{"a":12345678901234567890,"b":1.10,"c":-1e5}',
    ],
    ['{ 2: b, 1: a }', '{"2":"b","1":"a"}'],
    [
      '[true, False, null, ~, "1", 2024-01-01, "a\\"b"]',
      '[true,false,null,null,"1","2024-01-01","a\\"b"]',
    ],
    ['{ a: }', '{"a":null}'],
    ['"{{x|json}}"', '"{{x|json}}"'],
    ['[&a { b: 1 }, *a]', '[{"b":1},{"b":1}]'],
    ['{ "{{\\"{{\\"}}": ["{{\\"{{\\"}}x}}"] }', '{"{{\\"{{\\"}}":["{{\\"{{\\"}}x}}"]}'],
    ['|\n    query {\n      {{x}} }', '"query {\\n  {{x}} }\\n"'],
  ])('keeps JSON as it is written: %s', (yaml, json) => {
    const { body } = planOf(`${USES_LANG}body:\n  json: ${yaml}\n`);
    expect(body).toEqual({ json });
  });

  it('has no other keys of a plan than version 0.1 where it gives none', () => {
    expect(Object.keys(planOf(USES_LANG))).toEqual([
      'name',
      'url',
      'params',
      'headers',
      'politeness',
      'retry',
      'limits',
      'network',
    ]);
  });

  it.each<[string, RegExp]>([
    ['', /:2:19 params\.lang: no request uses this parameter; write \{lang\} in url, or \{\{lang/],
    ['headers: { a: "{lang}" }', /params\.lang: no request uses this parameter/],
    ['method: get\n', /3:9 method: "get" is not allowed; allowed: .* did you mean "GET"\?/],
    ['method: GET\nbody: { text: "{{lang}}" }', /4:1 body: a GET has no body; write method: POST/],
    ['method: HEAD\nbody: { text: "{{lang}}" }', /body: a HEAD has no body/],
    ['body: x', /body: "x" is not a mapping; allowed keys: json, form, text/],
    ['body: {}', /body: a body is one of json, form and text/],
    ['body: { json: 1, text: x }', /body: a body is one of json, form and text/],
    ['body: { jsn: 1 }', /body\.jsn: unknown key; did you mean "json"\?/],
    ['body: { text: "" }', /body\.text: an empty text is not allowed/],
    ['body: { text: [a] }', /body\.text: a list is not allowed/],
    ['body: { form: [a] }', /body\.form: a list is not a mapping/],
    ['body: { form: { a: { b: 1 } } }', /body\.form\.a: a mapping is not allowed; a value of a/],
    ['body: { form: { a: } }', /body\.form\.a: an empty value .*; if an empty text is meant, wr/],
    ['body: { form: { a: [[]] } }', /body\.form\.a\[0\]: a list is not allowed/],
    [
      'body: { form: { "{{x}}": 1 } }',
      /body\.form\.\{\{x\}\}: a placeholder cannot stand in a key/,
    ],
    [
      'body: { json: { "{{x}}": 1 } }',
      /body\.json\.\{\{x\}\}: a placeholder cannot stand in a key/,
    ],
    ['body: { json: [&a { b: 1 }, { <<: *a }] }', /json\[1\]\.<<: mappings are not merged/],
    ['body: { json: 007 }', /body\.json: "007" is a number of YAML, not of JSON; for a text write/],
    ['body: { json: [.inf, 0x1F] }', /body\.json\[0\]: ".inf" is a number of YAML/],
    ['body: { json: &a [*a] }', /body\.json: deeper than 100 levels/],
    [
      'body: { json: { a: "{{lan}}" } }',
      /3:20 body\.json\.a: \{\{lan\}\} is not a parameter under params; did you mean "lang"\?/,
    ],
    ['headers: { a: "{{lan}}" }', /headers\.a: \{\{lan\}\} is not a parameter .* mean "lang"\?/],
    ['headers: { a: "{{lang" }', /headers\.a: "\{\{" begins no placeholder such as \{\{name\}\}/],
    ['headers: { a: "{{lang|text}}" }', /headers\.a: "\{\{" begins no placeholder/],
    ['headers: { a: "{{lang|json}}" }', /headers\.a: \{\{lang\|json\}\} cannot stand in a header/],
    [
      'body: { form: { a: "{{lang|json}}" } }',
      /form\.a: \{\{lang\|json\}\} cannot stand in a form/,
    ],
    [
      'body: { json: ["a {{x|json}}"] }',
      /json\[0\]: \{\{x\|json\}\} is JSON, so nothing else can .*; for a text write \{\{x\}\}/,
    ],
    [
      'body: { json: "{{lang|json}}" }',
      /2:26 params\.lang\[0\]: "de" is not JSON, which \{\{lang\|json\}\} stands for; for a text write \{\{lang\}\}/,
    ],
    ['body: { text: "{{lang|json}}" }', /params\.lang\[0\]: "de" is not JSON/],
    ['idempotencyKey: false', /idempotencyKey: a GET carries no Idempotency-Key; remove this key/],
    ['method: POST\nidempotencyKey: no', /idempotencyKey: "no" is not allowed/],
    [
      'body: { text: "${env:KEY}" }',
      /body\.text: secrets .* are allowed in headers, auth, network.proxy and notify only/,
    ],
    [
      'body: { json: { "${env:KEY}": 1 } }',
      /secrets .* are allowed in headers, auth, network.proxy and notify only/,
    ],
  ])('is refused: %j', (lines, message) => {
    expect(problemsOf(lines).join('\n')).toMatch(message);
  });

  it.each(['url: *s', 'body: { json: [*s] }', 'params: { x: [*s] }', 'body: { form: *h }'])(
    'has no secrets behind an alias: %s',
    (lines) => {
      const headers = 'headers: &h { a: &s "${env:KEY}", b: *s }\n';
      const rest = lines.startsWith('url') ? lines : `url: http://a.example/\n${lines}`;
      const read = (): unknown => parseCrawlFile(`${headers}${rest}\n`, 'crawl.yaml');
      expect(read).toThrow(
        /:\d+ .*secrets \(\$\{env:NAME\}\) are allowed in headers, auth, network.proxy and notify only/,
      );
      expect(() => parseCrawlFile(`${headers}url: http://a.example/\n`, 'a.yaml')).not.toThrow();
    },
  );

  it('says how a parameter is written in a URL', () => {
    const lines = 'url: http://a/{{x}}\nparams: {x: [1]}';
    expect(() => parseCrawlFile(lines, 'a.yaml')).toThrow(
      /not a URL template.*; in url a parameter is written \{name\}/,
    );
  });

  it('is refused where it is larger than 1 MiB, however short aliases make the file', () => {
    const large = 'x'.repeat(2 ** 20 + 1);
    expect(problemsOf(`${USES_LANG}body: { text: ${large} }`)).toEqual([
      expect.stringContaining('body.text: the body is larger than 1 MiB'),
    ]);
    const levels = Array.from({ length: 12 }, (_, at) =>
      at === 0 ? '&l0 []' : `&l${at} [${`*l${at - 1},`.repeat(10)}]`,
    );
    expect(problemsOf(`${USES_LANG}body: { json: [${levels.join(', ')}] }`)).toEqual([
      expect.stringContaining('body.json: longer than 1048576 characters'),
    ]);
  });
});
