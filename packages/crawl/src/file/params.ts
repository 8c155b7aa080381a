import { dirname, extname, resolve } from 'node:path';
import { COUNTRY_FORMS, type ParameterSource } from '../model/plan.ts';
import type { ListFile } from '../values/list-row.ts';
import { MAX_TOTAL } from '../values/source-length.ts';
import { trimInvisible } from '../values/invisible.ts';
import type { Field } from './field.ts';
import { LIST_KEYS, readListRules } from './list-rules.ts';
import { readChoice, readInteger, readText } from './read-field.ts';

/** A parameter in the file; `source` is missing if the parameter is invalid. */
export interface ParameterField {
  readonly name: string;
  readonly field: Field;
  readonly source?: ParameterSource;
}

type Section = (key: (typeof KINDS)[number]) => Field | undefined;
type FileFormat = ListFile['format'];

/** RFC 6570 varname. */
const NAME = /^[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*$/;
const FORMS =
  'a list, { countries: slug }, { from: 1, to: 9 } or { file: values.csv, column: name }';
const KINDS = ['countries', 'file', 'column', 'from', 'to', ...LIST_KEYS] as const;
const FORMATS: readonly FileFormat[] = ['csv', 'txt', 'ndjson'];

/** @param crawlFile the path that `file:` is relative to */
export function readParams(field: Field | undefined, crawlFile: string): ParameterField[] {
  if (field === undefined) {
    return [];
  }
  if (!field.isMap) {
    field.report(`${field.shown} is not a mapping of parameter names to values`);
  }
  return field.entries().map(([name, parameter]) => {
    if (!NAME.test(name) || name === '__proto__') {
      parameter.reportKey(
        'a parameter name consists of letters, digits and _, and of dots between them',
      );
    }
    const source = readSource(name, parameter, crawlFile);
    return { name, field: parameter, ...(source === undefined ? {} : { source }) };
  });
}

function readSource(name: string, field: Field, crawlFile: string): ParameterSource | undefined {
  if (field.isList) {
    return { name, kind: 'list', values: readValues(field) };
  }
  if (!field.isMap) {
    const hint = field.text === undefined ? '' : `; for one value write [${field.text}]`;
    field.report(`${field.shown} is not a list of values; allowed: ${FORMS}${hint}`);
    return undefined;
  }
  const at = field.section(KINDS);
  if (at('countries') !== undefined) {
    return readCountries(name, field, at);
  }
  if (at('file') !== undefined) {
    return readFileSource(name, field, { at, crawlFile });
  }
  if (at('from') !== undefined || at('to') !== undefined) {
    return readRange(name, field, at);
  }
  field.report(`the parameter has no values; allowed: ${FORMS}`);
  return undefined;
}

function readValues(field: Field): string[] {
  const items = field.items();
  if (items.length === 0) {
    field.report('the list is empty');
  }
  return items.map((item) => {
    const value = item.isPlain ? trimInvisible(item.text ?? '') : item.text;
    if (item.isEmpty || (item.isPlain && value === '')) {
      item.report('an empty value is not allowed; if it is meant, write ""');
    } else if (value === undefined) {
      item.report(`${item.shown} is not allowed; a value must be a single text`);
    }
    return value ?? '';
  });
}

function readCountries(name: string, field: Field, at: Section): ParameterSource | undefined {
  refuseOthers(field, ['countries']);
  const form = readChoice(at('countries'), COUNTRY_FORMS);
  return form === undefined ? undefined : { name, kind: 'countries', form };
}

function readRange(name: string, field: Field, at: Section): ParameterSource | undefined {
  refuseOthers(field, ['from', 'to']);
  if (at('from') === undefined || at('to') === undefined) {
    field.report('a range needs both from and to');
    return undefined;
  }
  const bounds = { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER };
  const from = readInteger(at('from'), bounds);
  const to = readInteger(at('to'), bounds);
  if (from === undefined || to === undefined) {
    return undefined;
  }
  if (from > to) {
    field.report(`the range is reversed: from (${from}) is greater than to (${to})`);
  }
  if (to - from >= MAX_TOTAL) {
    field.report(`the range has more than ${MAX_TOTAL} values`);
  }
  return { name, kind: 'range', from, to };
}

function readFileSource(
  name: string,
  field: Field,
  { at, crawlFile }: { readonly at: Section; readonly crawlFile: string },
): ParameterSource | undefined {
  refuseOthers(field, ['file', 'column', ...LIST_KEYS]);
  const file = readText(at('file'));
  if (file === undefined) {
    return undefined;
  }
  const url = /^https?:\/\//i.test(file) ? URL.parse(file) : null;
  const path = url === null ? resolve(dirname(crawlFile), file) : url.href;
  const ending = extname(url?.pathname ?? path).toLowerCase();
  const format = FORMATS.find((known) => ending === `.${known}`);
  if (format === undefined) {
    at('file')?.report(
      `${JSON.stringify(file)} has an unknown extension; allowed: .csv, .txt or .ndjson`,
    );
    return undefined;
  }
  const column = readText(at('column'));
  const rules = readListRules(at, format);
  if (format === 'txt') {
    at('column')?.reportKey('a .txt file has no columns: it has one value per line');
    return { name, kind: 'file', path, format, rules };
  }
  if (at('column') === undefined) {
    field.report(`a .${format} file needs a column: { file: ${file}, column: name }`);
  }
  return column === undefined ? undefined : { name, kind: 'file', path, format, column, rules };
}

function refuseOthers(field: Field, own: readonly string[]): void {
  for (const [key, other] of field.entries()) {
    const isForeign = KINDS.some((kind) => kind === key) && !own.includes(key);
    if (isForeign) {
      other.reportKey(`cannot be combined with ${own.slice(0, 2).join(' and ')}`);
    }
  }
}
