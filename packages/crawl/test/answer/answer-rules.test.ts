import { describe, expect, it } from '@jest/globals';
import { compileAnswerRules } from '../../src/answer/answer-rules.ts';
import type { Plan } from '../../src/model/plan.ts';
import type { FetchResponse } from '../../src/outcome/outcome.ts';

function responseOf(
  status: number,
  body: string | Buffer = '',
  headers: Readonly<Record<string, string>> = {},
): FetchResponse {
  const timing = { startedAt: 0, durationMs: 1 };
  return { kind: 'response', status, headers, body: Buffer.from(body), ...timing };
}

/** An answer, read by these rules. */
function answerOf(
  rules: Pick<Plan, 'expect' | 'keep'>,
  response: FetchResponse,
  secrets: readonly string[] = [],
) {
  const answer = compileAnswerRules(rules, secrets)?.(response);
  if (answer === undefined) {
    throw new Error('there are no rules');
  }
  return answer;
}

const JSON_TYPE = { 'content-type': 'application/json' };

describe('what is expected of an answer', () => {
  const has = { has: '$.data', hasNot: '$.errors[0]' };

  it.each([
    ['{"data":[]}', undefined, undefined],
    ['{"data":{},"errors":[]}', undefined, undefined],
    ['{"data":false,"errors":null}', undefined, undefined],
    ['{"data":{},"errors":[null]}', undefined, undefined],
    ['{"data":null}', 'EXPECTED_PATH_MISSING', '$.data is missing or null (expect.has)'],
    ['[]', 'EXPECTED_PATH_MISSING', '$.data is missing or null (expect.has)'],
    ['{"data":1,"errors":[{}]}', 'UNEXPECTED_PATH', '$.errors[0] is there (expect.hasNot)'],
    ['<html>', 'EXPECTED_JSON', 'the body is not JSON (expect.has: $.data)'],
    ['', 'EXPECTED_JSON', 'the body is not JSON (expect.has: $.data)'],
  ])('of the body %s', (body, code, message) => {
    const { verdict } = answerOf({ expect: has }, responseOf(200, body));
    expect(verdict?.problem).toEqual(code === undefined ? undefined : { code, message });
  });

  it.each([
    [200, true, undefined],
    [299, true, undefined],
    [404, true, undefined],
    [500, false, undefined],
    [304, false, 'status 304 is not in expect.status'],
    [300, false, 'status 300 is not in expect.status'],
  ])('of status %s', (status, isListed, message) => {
    const ranges = [
      [200, 299],
      [404, 404],
    ] as const;
    const { verdict } = answerOf({ expect: { status: ranges } }, responseOf(status));
    const problem = message === undefined ? undefined : { code: 'UNEXPECTED_STATUS', message };
    expect(verdict).toEqual({ isListed, problem });
  });

  it('does not include a body of an error, even of one that is listed', () => {
    const status = [[400, 404]] as const;
    const { verdict } = answerOf({ expect: { ...has, status } }, responseOf(404, 'no'));
    expect(verdict).toEqual({ isListed: true, problem: undefined });
  });

  it.each([
    ['text/html', Buffer.from('{"data":1}')],
    ['', Buffer.from('\ufeff{"data":1}')],
    ['application/json', Buffer.from('\ufeff{"data":1}')],
    ['application/json; charset=utf-16', Buffer.from('\ufeff{"data":1}', 'utf16le')],
    ['application/json; charset=latin1', Buffer.from('{"data":"\xe9"}', 'latin1')],
  ])('is JSON of any type, in any charset: %s', (type, body) => {
    const answer = answerOf({ expect: has }, responseOf(200, body, { 'content-type': type }));
    expect(answer.verdict?.problem).toBeUndefined();
  });
});

describe('what is kept of an answer', () => {
  const items = '{"next":null,"items":[{"id":9007199254740993},{"id":1.10}]}';

  it.each([
    ['$.items', { count: 1, json: '[{"id":9007199254740993},{"id":1.10}]' }],
    ['$.items[0].id', { count: 1, json: '9007199254740993' }],
    ['$.next', { count: 1, json: 'null' }],
    ['$.items[*].id', { count: 2, json: '[9007199254740993,1.10]' }],
    ['$.items[1:].id', { count: 1, json: '[1.10]' }],
    ['$.none', { count: 0, json: undefined }],
    ['$.none[*]', { count: 0, json: undefined }],
  ])('is what %s selects', (select, body) => {
    const answer = answerOf({ keep: { select } }, responseOf(200, items, JSON_TYPE));
    expect(answer.kept('ok')).toEqual({ body: { kind: 'selected', ...body } });
  });

  it('is the whole body where it is not JSON, or not ok', () => {
    const keep = { select: '$.items' };
    expect(answerOf({ keep }, responseOf(200, '<html>', JSON_TYPE)).kept('ok')).toEqual({});
    expect(answerOf({ keep }, responseOf(500, items, JSON_TYPE)).kept('http-error')).toEqual({});
    expect(answerOf({ keep }, responseOf(200, items, JSON_TYPE)).kept('unexpected')).toEqual({});
    const none = answerOf({ keep: { body: 'none' } }, responseOf(404, 'x'));
    expect(none.kept('http-error')).toEqual({});
    expect(none.kept('ok')).toEqual({ body: { kind: 'none' } });
  });

  const headers = {
    etag: '"x"',
    'set-cookie': 'session=1',
    'x-echo': 'Bearer s3cret/token',
    'www-authenticate': 'Bearer',
    location: 'https://a.example/?t=s3cret%2Ftoken',
    link: '<https://a.example/?page=2>; rel="next"',
  };
  const secrets = ['s3cret/token'];

  it('are the headers that are named, also of an answer that has failed', () => {
    const keep = { headers: ['link', 'etag', 'age', 'x-echo', 'set-cookie', 'constructor'] };
    const answer = answerOf({ keep }, responseOf(503, '', headers), secrets);
    const kept = { link: headers.link, etag: '"x"' };
    expect(answer.kept('http-error')).toEqual({ headers: kept });
    expect(Object.keys(answer.kept('http-error').headers ?? {})).toEqual(['link', 'etag']);
  });

  it('are all headers but cookies and those that repeat a secret', () => {
    const answer = answerOf({ keep: { headers: 'all' } }, responseOf(200, '', headers), secrets);
    expect(answer.kept('ok')).toEqual({
      headers: { etag: '"x"', 'www-authenticate': 'Bearer', link: headers.link },
    });
  });

  it('is everything as before without rules', () => {
    expect(compileAnswerRules({}, [])).toBeUndefined();
  });
});
