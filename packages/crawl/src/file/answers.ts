import { validateHeaderName } from 'node:http';
import { isNeverKept } from '../answer/kept-headers.ts';
import type { Expectation, Keep, Plan } from '../model/plan.ts';
import type { StatusRange } from '../model/status-ranges.ts';
import type { Field } from '../yaml/field.ts';
import { readChoice } from '../yaml/read-field.ts';
import { readSelect } from '../yaml/read-select.ts';

/** Parsers accept any three digits, and some servers answer 999. */
const MAX_STATUS = 999;
const NO_BODY = 'the answer to HEAD has no body';
const STATUSES = /^(\d{3})(?:\s*-\s*(\d{3}))?$/;

/** Undefined if nothing is expected: the plan is that of a crawl file without the key. */
export function readExpectation(
  field: Field | undefined,
  { method }: Pick<Plan, 'method'>,
): Expectation | undefined {
  const at = field?.section(['status', 'has', 'hasNot']);
  if (method === 'HEAD') {
    at?.('has')?.reportKey(NO_BODY);
    at?.('hasNot')?.reportKey(NO_BODY);
  }
  const status = readStatuses(at?.('status'), 200);
  const has = readSelect(at?.('has'));
  const hasNot = readSelect(at?.('hasNot'));
  const expect = {
    ...(status !== undefined && { status }),
    ...(has !== undefined && { has }),
    ...(hasNot !== undefined && { hasNot }),
  };
  return orNothing(expect);
}

/** Undefined if records are to be as they are without the key. */
export function readKeep(
  field: Field | undefined,
  { method }: Pick<Plan, 'method'>,
): Keep | undefined {
  const at = field?.section(['headers', 'body', 'select']);
  const headers = readKeptHeaders(at?.('headers'));
  const body = readChoice(at?.('body'), ['full', 'none']);
  const select = readSelect(at?.('select'));
  if (body === 'none' && at?.('select') !== undefined) {
    at('select')?.reportKey('cannot be combined with body: none');
  }
  if (method === 'HEAD') {
    at?.('select')?.reportKey(NO_BODY);
  }
  const keep = {
    ...(headers !== undefined && headers.length > 0 && { headers }),
    ...(body === 'none' && { body }),
    ...(select !== undefined && { select }),
  };
  return orNothing(keep);
}

/**
 * Reads one status or range, or a list of them.
 *
 * @param min the lowest status that makes sense here
 */
export function readStatuses(
  field: Field | undefined,
  min: number,
): readonly StatusRange[] | undefined {
  if (field === undefined) {
    return undefined;
  }
  const items = field.isList ? field.items() : [field];
  if (items.length === 0) {
    field.report('the list is empty');
  }
  return items.flatMap((item): StatusRange[] => {
    const [, first = '', last = first] = STATUSES.exec(item.text ?? '') ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (first !== '' && from >= min && from <= to && to <= MAX_STATUS) {
      return [[from, to]];
    }
    item.report(
      `${item.shown} is not a status; allowed: a number from ${min} to ${MAX_STATUS}, or a range ` +
        `such as ${min}-${min + 99}`,
    );
    return [];
  });
}

function readKeptHeaders(field: Field | undefined): Keep['headers'] {
  if (field === undefined || field.text === 'all') {
    return field && 'all';
  }
  if (!field.isList) {
    field.report(`${field.shown} is not allowed; allowed: all, or a list such as [etag, link]`);
  }
  const names = new Set<string>();
  for (const item of field.items()) {
    const name = item.text?.toLowerCase() ?? '';
    const problem = problemOfName(name, names);
    if (problem !== undefined) {
      item.report(problem);
    }
    names.add(name);
  }
  return [...names];
}

function problemOfName(name: string, seen: ReadonlySet<string>): string | undefined {
  try {
    validateHeaderName(name);
  } catch {
    return `${JSON.stringify(name)} is not a valid header name`;
  }
  if (isNeverKept(name)) {
    return 'cookies are never kept: whoever reads records could use them';
  }
  return seen.has(name) ? 'duplicate header (names are case-insensitive)' : undefined;
}

function orNothing<T extends object>(settings: T): T | undefined {
  return Object.keys(settings).length === 0 ? undefined : settings;
}
