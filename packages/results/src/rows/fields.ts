import { compileSelect, type Select, SelectError } from '@fetchfleet/crawl';
import { bodyOf, bodyTextOf, type Row, type RowJson } from './row.ts';

/** How a value is stored where columns have types. */
export type FieldKind = 'integer' | 'long' | 'double' | 'time' | 'text';

/** A value of every row: a key of NDJSON, a column of CSV and of tables. */
export interface Field {
  /** As `--fields` names it. */
  readonly name: string;
  readonly kind: FieldKind;
  /** Every record has it. @default false */
  readonly isRequired?: boolean;
  /** The value; undefined or null if the row has none. Objects are written as JSON. */
  readonly value: (row: Row) => unknown;
  /** The value as JSON. @default that of `value` */
  readonly json?: (row: Row) => string | undefined;
  /** A text in UTF-8, where a row has it like that. @default that of `value` */
  readonly utf8?: (row: Row) => string | Buffer | undefined;
}

/** What the rows of an export have. */
export interface RowShape {
  /** Parameters of the batch. */
  readonly params: readonly string[];
  /** Kept headers, as the crawl file names them. */
  readonly headers?: readonly string[] | 'all' | undefined;
  /** Bodies may be those of earlier batches. @default false */
  readonly isRevalidated?: boolean | undefined;
  /** Rows are items of the bodies. */
  readonly isExploded: boolean;
  /** Bodies are files beside. */
  readonly hasBodyFiles: boolean;
  /** Parameters whose values are whole numbers. */
  readonly integers: readonly string[];
}

/** `--fields` names something that rows do not have. */
export class FieldsError extends Error {
  override readonly name = 'FieldsError';
  readonly code = 'FIELDS_INVALID';
}

/** What the names of parameters begin with. */
export const PARAMS = 'params.';
const HEADERS = 'headers.';

const HEAD_KINDS = {
  batch: 'text',
  index: 'long',
  page: 'integer',
  end: 'text',
  method: 'text',
  url: 'text',
  outcome: 'text',
  status: 'integer',
  attempts: 'integer',
  startedAt: 'time',
  durationMs: 'double',
  bytes: 'long',
  contentType: 'text',
  worker: 'text',
  finalUrl: 'text',
  selected: 'integer',
  validators: 'text',
  unchanged: 'text',
  headers: 'text',
  error: 'text',
  charset: 'text',
  bodyEncoding: 'text',
} as const satisfies Readonly<Record<string, FieldKind>>;

/** What every worker writes. */
const REQUIRED: ReadonlySet<string> = new Set([
  'batch',
  'index',
  'url',
  'outcome',
  'attempts',
  'startedAt',
  'durationMs',
  'bytes',
  'worker',
]);

/** Between the parameters and the body. */
const TABLE_HEAD = [
  'end',
  'method',
  'url',
  'outcome',
  'status',
  'attempts',
  'startedAt',
  'durationMs',
  'bytes',
  'contentType',
  'worker',
  'finalUrl',
  'headers',
  'selected',
  'error.code',
  'error.message',
  'charset',
] as const;

/** The names of all fields of a table, in order. */
export function tableFields(shape: RowShape): string[] {
  const params = shape.params.map((param) => PARAMS + param);
  if (shape.isExploded) {
    return ['index', 'page', 'position', ...params, 'item'];
  }
  const body = shape.hasBodyFiles ? ['bodyFile'] : ['bodyEncoding', 'body'];
  const unchanged = shape.isRevalidated === true ? ['unchanged'] : [];
  return ['index', 'page', ...params, ...TABLE_HEAD, ...unchanged, ...body];
}

/** Fields by their names. @throws FieldsError */
export function fieldsOf(names: readonly string[], shape: RowShape): Field[] {
  const doubled = names.find((name, at) => names.indexOf(name) !== at);
  if (doubled !== undefined) {
    throw new FieldsError(`--fields has ${shown(doubled)} twice`);
  }
  return names.map((name) => fieldOf(name, shape));
}

function fieldOf(name: string, shape: RowShape): Field {
  const field = isHeadKey(name) ? headField(name) : otherField(name, shape);
  if (field !== undefined) {
    return field;
  }
  const param = name.startsWith(PARAMS) ? name.slice(PARAMS.length) : undefined;
  if (param !== undefined && shape.params.includes(param)) {
    return paramField(name, param, shape.integers.includes(param));
  }
  if (name.startsWith(HEADERS)) {
    return headerField(name, name.slice(HEADERS.length));
  }
  const json = shape.isExploded ? 'item' : 'body';
  if (name.startsWith(`${json}.`) || name.startsWith(`${json}[`)) {
    return insideField(name, json);
  }
  throw new FieldsError(`--fields: there is no ${shown(name)}; ${known(shape)}`);
}

function isHeadKey(name: string): name is keyof typeof HEAD_KINDS {
  return Object.hasOwn(HEAD_KINDS, name);
}

function headField(name: keyof typeof HEAD_KINDS): Field {
  const isRequired = REQUIRED.has(name);
  return { name, kind: HEAD_KINDS[name], isRequired, value: ({ head }) => head[name] };
}

/** What is no key of the head, and has a meaning only in some exports. */
function otherField(name: string, shape: RowShape): Field | undefined {
  switch (name) {
    case 'params':
      return { name, kind: 'text', value: ({ head }) => head.params };
    case 'error.code':
      return { name, kind: 'text', value: ({ head }) => head.error?.code };
    case 'error.message':
      return { name, kind: 'text', value: ({ head }) => head.error?.message };
    case 'position':
      return shape.isExploded
        ? { name, kind: 'integer', value: ({ position }) => position }
        : undefined;
    case 'item':
      return shape.isExploded
        ? { name, kind: 'text', value: ({ item }) => item?.text, json: ({ item }) => item?.text }
        : undefined;
    case 'bodyFile':
      return shape.hasBodyFiles
        ? { name, kind: 'text', value: ({ bodyFile }) => bodyFile }
        : undefined;
    case 'body':
      return shape.isExploded
        ? undefined
        : { name, kind: 'text', value: bodyTextOf, json: ({ body }) => body?.text, utf8: bodyOf };
    default:
      return undefined;
  }
}

function paramField(name: string, param: string, isInteger: boolean): Field {
  const value = ({ head }: Row): unknown => head.params?.[param];
  return { name, kind: isInteger ? 'long' : 'text', value };
}

/** Which headers records have depends on the crawl file. */
function headerField(name: string, header: string): Field {
  const value = ({ head }: Row): unknown => {
    const { headers } = head;
    return isObject(headers) ? headers[header.toLowerCase()] : undefined;
  };
  return { name, kind: 'text', value };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** A value inside of the body or the item: `item.id`, `body.data[0].name`. */
function insideField(name: string, part: 'body' | 'item'): Field {
  const select = compileInside(name, `$${name.slice(part.length)}`);
  const json = (row: Row): string | undefined => firstOf(select, row[part]);
  const value = (row: Row): unknown => {
    const text = json(row);
    const isPlain = text === undefined || text === 'null' || text.startsWith('"');
    return isPlain ? text && JSON.parse(text) : text;
  };
  return { name, kind: 'text', value, json };
}

function firstOf(select: Select, json: RowJson | undefined): string | undefined {
  const document = json?.document;
  return document && select(document)?.[0];
}

function compileInside(name: string, path: string): Select {
  const select = compile(path, `--fields: ${shown(name)}`);
  if (!select.isSingular) {
    throw new FieldsError(`--fields: ${shown(name)} may name several values; name one`);
  }
  return select;
}

/** @throws FieldsError that begins with the option */
export function compile(path: string, option: string): Select {
  try {
    return compileSelect(path);
  } catch (error) {
    if (!(error instanceof SelectError)) {
      throw error;
    }
    throw new FieldsError(`${option}: ${error.message}`, { cause: error });
  }
}

function known(shape: RowShape): string {
  const names = shape.isExploded
    ? [...tableFields(shape), ...TABLE_HEAD]
    : ['batch', ...tableFields(shape), 'params', 'error', 'unchanged', 'validators'];
  const inside = shape.isExploded ? 'item.NAME' : 'body.NAME';
  return `there are ${[...new Set(names)].join(', ')} and ${inside}`;
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 80));
}
