import { COUNTRY_FORMS, type ParameterSource } from '../../model/plan.ts';
import { trimInvisible } from '../../values/invisible.ts';
import { BATCH_KEYS, readBatchValues } from './batch-values.ts';
import type { Field } from '../../yaml/field.ts';
import { FILE_KEYS, readListPlace } from './list-source.ts';
import { RANGE_KEYS, readRange } from './range.ts';
import { readChoice, readText } from '../../yaml/read-field.ts';

/** A parameter in the file. */
export interface ParameterField {
  readonly name: string;
  readonly field: Field;
}

/** Where values come from, in the file. */
export interface SourceField {
  readonly source: ParameterSource;
  readonly field: Field;
}

/** What a part of the crawl file says of parameters. Invalid ones have no source. */
export interface ParameterFields {
  readonly params: readonly ParameterField[];
  readonly sources: readonly SourceField[];
}

type Section = (key: (typeof KINDS)[number]) => Field | undefined;

/** RFC 6570 varname. */
const NAME = /^[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*$/;
const FORMS =
  'a list, { countries: slug }, { from: 1, to: 9 }, { file: values.csv, column: name } or ' +
  '{ batch: name, select: $.path }';
const KINDS = [
  ...new Set(['countries', 'column', ...FILE_KEYS, ...RANGE_KEYS, ...BATCH_KEYS] as const),
];

/** @param crawlFile the path that `file:` is relative to */
export function readParams(field: Field | undefined, crawlFile: string): ParameterFields {
  if (field === undefined) {
    return { params: [], sources: [] };
  }
  if (!field.isMap) {
    field.report(`${field.shown} is not a mapping of parameter names to values`);
  }
  const params = field.entries().map(([name, parameter]) => {
    if (!isParameterName(name)) {
      parameter.reportKey(
        'a parameter name consists of letters, digits and _, and of dots between them',
      );
    }
    return { name, field: parameter };
  });
  const sources = params.flatMap(({ name, field: parameter }) => {
    const source = readSource(name, parameter, crawlFile);
    return source === undefined ? [] : [{ source, field: parameter }];
  });
  return { params, sources };
}

export function isParameterName(name: string): boolean {
  return NAME.test(name) && name !== '__proto__';
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
    refuseOthers(field, ['file', 'column', ...FILE_KEYS]);
    return readFileSource({ name, field, at, crawlFile });
  }
  if (at('batch') !== undefined || at('select') !== undefined) {
    refuseOthers(field, BATCH_KEYS);
    return readBatchValues(name, field, at);
  }
  if (at('from') !== undefined || at('to') !== undefined) {
    refuseOthers(field, RANGE_KEYS);
    return readRange(name, field, at);
  }
  field.report(`the parameter has no values; allowed: ${FORMS}`);
  return undefined;
}

/** Reads the values of a list that stands in the crawl file. */
export function readValues(field: Field): string[] {
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

interface FileField extends ParameterField {
  readonly at: (key: 'column' | (typeof FILE_KEYS)[number]) => Field | undefined;
  readonly crawlFile: string;
}

/** Reads a list file with the values of one parameter. */
export function readFileSource({
  name,
  field,
  at,
  crawlFile,
}: FileField): ParameterSource | undefined {
  const place = readListPlace(at, crawlFile);
  if (place === undefined) {
    return undefined;
  }
  const { path, format, rules } = place;
  const column = readText(at('column'));
  if (format === 'txt') {
    at('column')?.reportKey('a .txt file has no columns: it has one value per line');
    return { name, kind: 'file', path, format, rules };
  }
  if (at('column') === undefined) {
    const file = at('file')?.text ?? '';
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
