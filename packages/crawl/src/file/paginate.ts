import {
  type Counter,
  MAX_PAGES,
  type NextPage,
  type Paginate,
  type Until,
} from '../model/paginate.ts';
import type { Plan } from '../model/plan.ts';
import { withJson } from '../pages/page-place.ts';
import type { Field } from '../yaml/field.ts';
import { readInteger } from '../yaml/read-field.ts';
import { readSelect } from '../yaml/read-select.ts';

const NEXT_FORMS =
  'link, { select: "$.next" }, { select: "$.cursor", query: cursor } or { query: page, from: 1 }';
const UNTIL_KEYS = ['empty', 'missing', 'false', 'true'] as const;
/** With the most pages, the last number is exact. */
const MAX_FROM = 1_000_000_000;
const MAX_STEP = 1_000_000;

type Request = Pick<Plan, 'method' | 'body'>;

export function readPaginate(field: Field | undefined, request: Request): Paginate | undefined {
  if (field === undefined) {
    return undefined;
  }
  if (request.method === 'HEAD') {
    field.report('the answer to HEAD has no body, so it has no pages');
  }
  const at = field.section(['next', 'until', 'max']);
  const nextField = at('next');
  if (nextField === undefined && field.isMap) {
    field.report(`next is missing: ${NEXT_FORMS}`);
  }
  const next = nextField && readNext(nextField, request);
  const until = readUntil(at('until'));
  const max = readInteger(at('max'), { min: 1, max: MAX_PAGES }) ?? 1_000;
  return { next: next ?? 'link', ...(until !== undefined && { until }), max };
}

function readNext(field: Field, request: Request): NextPage | undefined {
  if (field.text === 'link') {
    return 'link';
  }
  if (!field.isMap) {
    field.report(`${field.shown} does not say where the next page is: ${NEXT_FORMS}`);
    return undefined;
  }
  const at = field.section(['select', 'query', 'json', 'from', 'step']);
  const [select, query, json] = [at('select'), at('query'), at('json')];
  if (query !== undefined && json !== undefined) {
    json.reportKey('a value goes into the query or into the JSON body, not into both');
    return undefined;
  }
  const place = query === undefined ? readPlace(json, request) : readName(query);
  if (select === undefined) {
    if (query === undefined && json === undefined) {
      field.report(`select, query or json is missing: ${NEXT_FORMS}`);
      return undefined;
    }
    return readCounter(at, place);
  }
  for (const counter of [at('from'), at('step')]) {
    counter?.reportKey('a value that is selected does not count; leave out select or this key');
  }
  return { select: readSelect(select) ?? '$', ...place };
}

type Place = { readonly query: string } | { readonly json: string };

function readCounter(
  at: (key: 'from' | 'step') => Field | undefined,
  place: Place | undefined,
): Counter {
  const from = readInteger(at('from'), { min: 0, max: MAX_FROM }) ?? 1;
  const step = readInteger(at('step'), { min: 1, max: MAX_STEP }) ?? 1;
  return { ...(place ?? { query: '' }), from, step };
}

function readName(field: Field): Place | undefined {
  if (field.text === undefined || field.text === '') {
    field.report(`${field.shown} is not the name of a parameter of the query`);
    return undefined;
  }
  return { query: field.text };
}

function readPlace(field: Field | undefined, { body }: Request): Place | undefined {
  if (field === undefined) {
    return undefined;
  }
  const { text } = field;
  if (text === undefined || text.split('.').includes('')) {
    field.report(`${field.shown} is not a place in the body; write it like variables.cursor`);
    return undefined;
  }
  if (body === undefined || !('json' in body)) {
    field.report('there is no JSON body to put the value into; add body: { json: … }');
  } else if (withJson(body.json, text, 'null') === undefined) {
    field.report(`the JSON body has something else than an object on the way to ${text}`);
  }
  return { json: text };
}

function readUntil(field: Field | undefined): Until | undefined {
  if (field === undefined) {
    return undefined;
  }
  const at = field.section(UNTIL_KEYS);
  const found = UNTIL_KEYS.flatMap((key) => {
    const path = at(key);
    return path === undefined ? [] : [{ key, path }];
  });
  const [first, second] = found;
  if (first === undefined) {
    if (field.isMap) {
      field.report(`one of ${UNTIL_KEYS.join(', ')} is missing, like { empty: "$.items" }`);
    }
    return undefined;
  }
  if (second !== undefined) {
    second.path.reportKey(`there can be one condition only, and there is ${first.key}`);
  }
  const path = readSelect(first.path) ?? '$';
  const untils: Readonly<Record<(typeof UNTIL_KEYS)[number], Until>> = {
    empty: { empty: path },
    missing: { missing: path },
    false: { false: path },
    true: { true: path },
  };
  return untils[first.key];
}
