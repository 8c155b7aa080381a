import {
  compileAnswerRules,
  compileSelect,
  type FetchResponse,
  SelectError,
} from '@fetchfleet/crawl';
import * as fc from 'fast-check';
import { bytesNear, bytesOf, textNear } from '../mutations.ts';
import { attempt, holds, type Target } from '../target.ts';

const PATHS = [
  '$',
  '$.data.items[*].id',
  "$['a b'][-1]",
  '$..id',
  '$..*',
  '$.items[?@.price < 10 && @.kind == "a"].id',
  '$[?match(@.name, "a.*b")]',
  '$[?count(@..x) > 1 || !@.y]',
  '$.items[1:10:2]',
];
const BODIES = [
  '{"data":{"items":[{"id":9007199254740993,"price":1.10},{"id":1e5}]},"errors":null}',
  '[{"name":"a b","x":[{"x":-0}]},{"kind":"a","price":9.50}]',
  '{"items":[[1],[2,[3]],{"id":"x"}],"next":"https://a.example/?page=2"}',
].map((text) => Buffer.from(text));
const TYPES = ['application/json', 'application/json; charset=utf-16', 'text/html', ''];
const SECRET = 'hush-hush';
const HEADERS = ['etag', 'set-cookie', 'link', 'x-echo', 'constructor'];

interface Input {
  readonly path: string;
  readonly body: string;
  readonly type: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

export const answersTarget: Target = {
  name: 'answers',
  title: 'JSONPath of crawl files, bodies and headers of answers: JSON with its digits, no secret',
  cpuMs: 2_000,
  open: async () => ({
    arbitrary: fc.record<Input>({
      path: textNear(PATHS),
      body: bytesNear(BODIES, ['1.10', '-0', '1E400', '\\u0000', '"id":']),
      type: fc.constantFrom(...TYPES),
      status: fc.constantFrom(200, 204, 304, 404, 500),
      headers: fc.dictionary(fc.constantFrom(...HEADERS), textNear([SECRET, '"x"', 'a=1'])),
    }),
    check,
  }),
};

function check({ path, body, type, status, headers: given }: Input): void {
  const select = attempt(() => compileSelect(path), [SelectError]);
  if ('error' in select) {
    return;
  }
  const headers = { ...given, 'content-type': type };
  const exchanged = { startedAt: 0, durationMs: 1 };
  const response: FetchResponse = {
    kind: 'response',
    status,
    headers,
    body: bytesOf(body),
    ...exchanged,
  };
  for (const rule of ['has', 'hasNot'] as const) {
    const keep = { headers: 'all', select: path } as const;
    const answer = compileAnswerRules({ expect: { [rule]: path }, keep }, [SECRET])?.(response);
    const problem = answer?.verdict?.problem;
    holds(problem?.message !== '', 'a problem has a text', problem);
    const kept = answer?.kept('ok');
    const names = JSON.stringify(kept?.headers);
    holds(!names.includes(SECRET) && !names.includes('set-cookie'), 'no secret is kept', names);
    if (kept?.body?.kind === 'selected' && kept.body.json !== undefined) {
      const { json } = kept.body;
      holds(!/[\r\n]/.test(json), 'what is selected is one line', json);
      holds(JSON.parse(json) !== undefined, 'what is selected is JSON', json);
    }
  }
}
