import { anyText } from '@fetchfleet/testing/any-text';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { Plan } from '../../src/model/plan.ts';
import { compileRequest, type RequestOptions } from '../../src/request/compile-request.ts';
import { jsonParameters } from '../../src/request/value-checks.ts';

const PARAMS = ['a', 'b.c', 'n'];

function compile(plan: Partial<Plan>, options?: RequestOptions) {
  return compileRequest({ url: 'http://h/', params: PARAMS, headers: {}, ...plan }, options);
}

function bodyOf(body: Plan['body'], values: readonly string[]): string | undefined {
  return compile({ ...(body && { body }) })
    .bodyOf(values)
    ?.toString();
}

/** What a value must not become: another placeholder, a secret, the end of its place. */
const value = fc.oneof(
  anyText(),
  fc.constantFrom('{{a}}', '{{n|json}}', '${env:KEY}', '"', '","x":"', '\\', '&a=1', '\r\n', '}}'),
);
const values = fc.tuple(value, value, value);

function withKey(text: string): string {
  return text.replaceAll('${env:KEY}', '{{a}}{');
}

describe('the body of a request', () => {
  it.each<[string, Plan['body'], string]>([
    ['json', { json: '{"a":"{{a}}","n":"{{n|json}}"}' }, '{"a":"x","n":1.10}'],
    ['json, around text', { json: '["<{{a}}-{{ b.c }}>"]' }, '["<x-y \\"z\\">"]'],
    ['json, constant', { json: '{"a":[12345678901234567890,1.10,1e5]}' }, ''],
    ['json, in a key', { json: '{"{{a}}":"{{a}}"}' }, '{"{{a}}":"x"}'],
    ['json, as a whole', { json: '"{{ n | json }}"' }, '1.10'],
    ['json, escaped', { json: '["{{\\"{{\\"}}a}}"]' }, '["{{a}}"]'],
    [
      'form',
      {
        form: [
          ['q', '{{b.c}}'],
          ['q', '&'],
          ['ü', '{{a}} {{a}}'],
        ],
      },
      'q=y+%22z%22&q=%26&%C3%BC=x+x',
    ],
    ['an empty form', { form: [] }, ''],
    ['text', { text: '{{a}};{{n|json}}\r\n' }, 'x;1.10\r\n'],
    ['text, escaped', { text: '{{"{{"}}a}} { {{a}} }' }, '{{a}} { x }'],
    ['text, as version 0.1 sent it', { text: '{{ {{a b}} {{no}} {{no|json}}' }, ''],
  ])('is made of %s', (_, body, expected) => {
    const constant = body && Object.values(body)[0];
    const sent = bodyOf(body, ['x', 'y "z"', '1.10']);
    expect(sent).toBe(expected === '' && typeof constant === 'string' ? constant : expected);
  });

  it('has null for an empty value as JSON', () => {
    expect(bodyOf({ json: '["{{n|json}}","{{n}}"]' }, ['', '', ''])).toBe('[null,""]');
  });

  it('is JSON that says what the values say, whatever they are', () => {
    fc.assert(
      fc.property(values, fc.jsonValue(), (given, json) => {
        const [a, , c] = given;
        const body = { json: JSON.stringify({ is: ['{{a}}', '<{{n}}>', '{{b.c|json}}'] }) };
        const asJson = JSON.stringify(json);
        const sent: unknown = JSON.parse(bodyOf(body, [a, asJson, c]) ?? '');
        expect(sent).toEqual({ is: [a, `<${c}>`, JSON.parse(asJson)] });
      }),
    );
  });

  it('is a form that says what the values say, whatever they are', () => {
    fc.assert(
      fc.property(values, (given) => {
        const [a, , c] = given.map((text) => text.toWellFormed());
        const body = {
          form: [
            ['x', '{{a}}'],
            ['y', 'n={{n}}'],
            ['x', '{{a}}&'],
          ] as const,
        };
        const sent = new URLSearchParams(bodyOf(body, given));
        expect([...sent]).toEqual([
          ['x', a],
          ['y', `n=${c}`],
          ['x', `${a}&`],
        ]);
      }),
    );
  });

  it('is the same bytes for all fetches where no value makes a difference', () => {
    const { bodyOf: same } = compile({ body: { text: 'x' } });
    expect(same(['1', '2', '3'])).toBe(same([]));
    expect(compile({}).bodyOf([])).toBeUndefined();
  });

  it('is compiled in one pass, however long its texts are', () => {
    const text = `{{a}}${'\\"{{'.repeat(100_000)}`;
    expect(bodyOf({ json: JSON.stringify([text]) }, ['x'])).toBe(
      JSON.stringify([text.replace('{{a}}', 'x')]),
    );
  });
});

describe('the headers of a request', () => {
  it('are one object where they have no placeholder', () => {
    const { headersOf } = compile({ headers: { accept: '*/*' } }, { userAgent: 'me' });
    expect(headersOf(['1'])).toBe(headersOf([]));
    expect(headersOf([])).toEqual({ 'user-agent': 'me', accept: '*/*' });
  });

  it('have no values in what a contact and auth add', () => {
    const auth = { basic: { user: 'ann', password: '{{a}}' } };
    const { headersOf } = compile({ auth }, { userAgent: 'me (https://h/{{a}})' });
    expect(headersOf(['1', '2', '3'])).toEqual({
      'user-agent': 'me (https://h/{{a}})',
      authorization: 'Basic ann:{{a}}',
    });
  });

  it('have the values of a fetch, in the order of the crawl file', () => {
    const headers = { 'x-a': '{{a}}/{{n}}', accept: '*/*', 'user-agent': 'own', 'x-no': '{{no}}' };
    const sent = compile({ headers }, { userAgent: 'me' }).headersOf(['1', '2', '3']);
    expect(Object.entries(sent)).toEqual([
      ['user-agent', 'own'],
      ['x-a', '1/3'],
      ['accept', '*/*'],
      ['x-no', '{{no}}'],
    ]);
  });

  it('have secrets only where the crawl file names them', () => {
    const options = { resolve: withKey };
    const headers = { x: '${env:KEY}{n}} ${{a}} {{n}}' };
    fc.assert(
      fc.property(values, ([a, b, n]) => {
        const sent = compile({ headers }, options).headersOf([a, b, n]);
        expect(sent).toEqual({ x: `{{a}}{{n}} $${a} ${n}` });
      }),
    );
  });

  it.each<[Plan['body'], string]>([
    [{ json: '1' }, 'application/json'],
    [{ form: [] }, 'application/x-www-form-urlencoded'],
    [{ text: 'x' }, 'text/plain;charset=UTF-8'],
  ])('say what a body is, unless the crawl file does: %j', (body, type) => {
    const own = { 'content-type': 'text/csv' };
    expect(compile({ ...(body && { body }) }).headersOf([])).toEqual({ 'content-type': type });
    expect(compile({ ...(body && { body }), headers: own }).headersOf([])).toEqual(own);
  });
});

describe('jsonParameters', () => {
  it('are those that stand nowhere but in {{name|json}}', () => {
    const body = { json: '["{{a|json}}","{{b.c|json}}","{{n|json}}","{{n}}"]' };
    const names = jsonParameters({ url: 'http://h/{b.c}', headers: {}, body });
    expect([...names]).toEqual(['a']);
  });
});

describe('a request', () => {
  it.each<[Partial<Plan>, boolean]>([
    [{}, false],
    [{ method: 'PUT' }, false],
    [{ method: 'DELETE' }, false],
    [{ method: 'POST' }, true],
    [{ method: 'PATCH' }, true],
    [{ method: 'POST', idempotencyKey: false }, false],
    [{ method: 'POST', headers: { 'idempotency-key': '{{a}}' } }, false],
  ])('carries an Idempotency-Key where it may be sent twice: %j', (plan, isSent) => {
    expect(compile(plan).hasIdempotencyKey).toBe(isSent);
    expect(compile(plan).method).toBe(plan.method ?? 'GET');
  });
});
