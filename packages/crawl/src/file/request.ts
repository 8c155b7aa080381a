import { type Method, METHODS, type Plan, type RequestBody } from '../model/plan.ts';
import { compileTemplate } from '../request/template.ts';
import { MAX_REQUEST_BYTES, sizeWithoutValues } from '../request/body-size.ts';
import { isJsonPlace } from '../request/compile-body.ts';
import { hasPlaceholder } from '../request/placeholders.ts';
import { placeholdersOf } from '../request/value-checks.ts';
import type { Field } from '../yaml/field.ts';
import { hintFor } from '../yaml/hints.ts';
import { readJson } from '../yaml/json-value.ts';
import type { ParameterField } from './parameters/params.ts';
import { checkPlaceholders, type JsonRule } from './placeholders.ts';
import { readBoolean, readChoice, readText } from '../yaml/read-field.ts';

const KINDS = ['json', 'form', 'text'] as const;

const IN_JSON: JsonRule = (pieces) =>
  isJsonPlace(pieces) ? undefined : 'is JSON, so nothing else can stand in its text';
const IN_FORM: JsonRule = () => 'cannot stand in a form, whose values are texts';
const ANYWHERE: JsonRule = () => undefined;

type RequestSection = (key: 'method' | 'body' | 'idempotencyKey') => Field | undefined;

/**
 * Reads method and body. What is not given, or is the default, is left out: a plan without them is
 * that of version 0.1.
 *
 * @param params the names of all parameters
 */
export function readRequest(
  at: RequestSection,
  params: readonly string[],
): Pick<Plan, 'method' | 'body' | 'idempotencyKey'> {
  const given = readChoice(at('method'), METHODS);
  const method = given ?? (at('body') === undefined ? 'GET' : 'POST');
  if (method === 'GET' || method === 'HEAD') {
    at('body')?.reportKey(`a ${method} has no body; write method: POST, or remove the body`);
  }
  const body = readBody(at('body'), params);
  return {
    ...(method !== 'GET' && { method }),
    ...(body !== undefined && { body }),
    ...(readIdempotencyKey(at('idempotencyKey'), method) === false && { idempotencyKey: false }),
  };
}

/** Reports the parameters that make no difference to any request. */
export function checkUse(params: readonly ParameterField[], plan: Plan): void {
  const used = new Set([
    ...compileTemplate(plan.url, []).variables,
    ...placeholdersOf(plan).map(({ name }) => name),
  ]);
  for (const { name, field } of params) {
    if (!used.has(name)) {
      field.reportKey(
        `no request uses this parameter; write {${name}} in url, or {{${name}}} in headers or ` +
          `body, or remove the parameter${hintFor(name)}`,
      );
    }
  }
}

function readIdempotencyKey(field: Field | undefined, method: Method): boolean | undefined {
  const isSent = readBoolean(field);
  if (isSent !== undefined && method !== 'POST' && method !== 'PATCH') {
    field?.reportKey(`a ${method} carries no Idempotency-Key; remove this key`);
  }
  return isSent;
}

function readBody(field: Field | undefined, params: readonly string[]): RequestBody | undefined {
  if (field === undefined) {
    return undefined;
  }
  const at = field.section(KINDS);
  const [kind, another] = KINDS.filter((key) => at(key) !== undefined);
  const content = kind && at(kind);
  if (kind === undefined || content === undefined || another !== undefined) {
    if (field.isMap) {
      field.report('a body is one of json, form and text');
    }
    return undefined;
  }
  const body = READERS[kind](content, params);
  if (body !== undefined && sizeWithoutValues(body) > MAX_REQUEST_BYTES) {
    content.report('the body is larger than 1 MiB');
  }
  return body;
}

type BodyReader = (field: Field, params: readonly string[]) => RequestBody | undefined;

const READERS: Readonly<Record<(typeof KINDS)[number], BodyReader>> = {
  json: readJsonBody,
  form: readForm,
  text: readTextBody,
};

function readJsonBody(field: Field, params: readonly string[]): RequestBody | undefined {
  const json = readJson(field, {
    maxLength: MAX_REQUEST_BYTES,
    onText: (place, text) => checkPlaceholders(place, text, { params, jsonRule: IN_JSON }),
    onKey: refuseInKey,
  });
  return json === undefined ? undefined : { json };
}

function readForm(field: Field, params: readonly string[]): RequestBody | undefined {
  if (!field.isMap) {
    field.report(`${field.shown} is not a mapping; write it like { name: value }`);
    return undefined;
  }
  const form = field.entries().flatMap(([name, content]) => {
    refuseInKey(content, name);
    const values = content.isList ? content.items() : [content];
    return values.map((value): [string, string] => {
      const text = value.isEmpty ? undefined : value.text;
      if (text === undefined) {
        const hint = value.isEmpty ? '; if an empty text is meant, write ""' : '';
        value.report(`${value.shown} is not allowed; a value of a form is a text${hint}`);
      }
      checkPlaceholders(value, text ?? '', { params, jsonRule: IN_FORM });
      return [name, text ?? ''];
    });
  });
  return { form };
}

function readTextBody(field: Field, params: readonly string[]): RequestBody | undefined {
  const text = readText(field);
  if (text === undefined) {
    return undefined;
  }
  // JSON may be written by hand.
  checkPlaceholders(field, text, { params, jsonRule: ANYWHERE });
  return { text };
}

function refuseInKey(field: Field, key: string): void {
  if (hasPlaceholder(key)) {
    field.reportKey('a placeholder cannot stand in a key; only values have them');
  } else if (key === '<<') {
    // YAML 1.2 has no such key, but many readers do: it would be sent as it is.
    field.reportKey('mappings are not merged; write the keys out');
  }
}
