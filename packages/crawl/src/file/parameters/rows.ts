import type { RowColumn } from '../../model/plan.ts';
import { suggestion } from '../../model/suggestion.ts';
import type { Field } from '../../yaml/field.ts';
import { FILE_KEYS, readListPlace } from './list-source.ts';
import { isParameterName, type ParameterField, type ParameterFields } from './params.ts';
import { readText } from '../../yaml/read-field.ts';

const NONE: ParameterFields = { params: [], sources: [] };
const COLUMNS = 'columns: [id, lang] or columns: { parameter: column }';

interface ColumnField extends ParameterField {
  readonly column: string;
}

/**
 * Reads `rows:`, a list file whose rows give several parameters a value at once.
 *
 * @param crawlFile the path that `file:` is relative to
 */
export function readRows(field: Field | undefined, crawlFile: string): ParameterFields {
  if (field === undefined) {
    return NONE;
  }
  const at = field.section([...FILE_KEYS, 'columns', 'optional']);
  if (!field.isMap) {
    return NONE;
  }
  for (const key of ['file', 'columns'] as const) {
    if (at(key) === undefined) {
      field.report(`rows need a file and columns: { file: people.csv, ${COLUMNS} }`);
      break;
    }
  }
  const found = readColumns(at('columns'));
  const optional = readOptional(at('optional'), found);
  const place = readListPlace(at, crawlFile);
  const params = found.map(({ name, field: column }) => ({ name, field: column }));
  if (place === undefined || found.length === 0) {
    return { params, sources: [] };
  }
  const isText = place.format === 'txt';
  if (isText) {
    checkLines(found, at);
  }
  const columns = found.map(({ name, column }): RowColumn => ({
    param: name,
    ...(!isText && { column }),
    ...(optional.has(name) && { optional: true }),
  }));
  return { params, sources: [{ source: { kind: 'rows', ...place, columns }, field }] };
}

/** The lines of a text file are the values of one parameter. */
function checkLines(
  [first, ...others]: readonly ColumnField[],
  at: (key: 'columns' | 'optional') => Field | undefined,
): void {
  if (first !== undefined && (others.length > 0 || first.column !== first.name)) {
    at('columns')?.report(
      `a .txt file has no columns: its lines are the values of one parameter, columns: [${first.name}]`,
    );
  }
  at('optional')?.reportKey(
    'a .txt file has nothing optional; write blank: keep to take blank lines as empty values',
  );
}

function readColumns(field: Field | undefined): ColumnField[] {
  if (field === undefined) {
    return [];
  }
  const found = field.isList ? readNames(field) : readMapping(field);
  if (found.length === 0) {
    field.report(`${field.shown} is not allowed; write ${COLUMNS}`);
  }
  const seen = new Set<string>();
  for (const { name, field: column } of found) {
    if (!isParameterName(name)) {
      column.reportKey(
        `${JSON.stringify(name)} cannot be the name of a parameter, which consists of letters, ` +
          'digits and _; write columns: { parameter: column }',
      );
    } else if (seen.has(name)) {
      column.report(`the columns name ${name} twice`);
    }
    seen.add(name);
  }
  return found;
}

function readNames(field: Field): ColumnField[] {
  return field.items().flatMap((item) => {
    const column = readText(item);
    return column === undefined ? [] : [{ name: column, field: item, column }];
  });
}

function readMapping(field: Field): ColumnField[] {
  return field.entries().map(([name, item]) => {
    return { name, field: item, column: readText(item) ?? '' };
  });
}

/** The parameters that may be blank. */
function readOptional(
  field: Field | undefined,
  columns: readonly ColumnField[],
): ReadonlySet<string> {
  const names = columns.map(({ name }) => name);
  if (field !== undefined && !field.isList) {
    field.report(`${field.shown} is not a list; write it like [${names.join(', ') || 'lang'}]`);
  }
  const optional = new Set<string>();
  for (const item of field?.items() ?? []) {
    const name = readText(item);
    if (name === undefined || names.includes(name)) {
      optional.add(name ?? '');
      continue;
    }
    const byColumn = columns.find(({ column }) => column === name)?.name;
    const hint = byColumn === undefined ? suggestion(name, names) : `; did you mean "${byColumn}"?`;
    item.report(`${item.shown} is not a parameter of columns${hint}`);
  }
  return optional;
}
