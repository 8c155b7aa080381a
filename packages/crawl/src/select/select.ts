import { jsonpath, JSONPathEnvironment, type JSONPathQuery, JSONPathTypeError } from 'json-p3';
import { JsonDocument, MAX_DEPTH } from './json-document.ts';
import { nodesOf } from './nodes.ts';

/**
 * `$..a` selects what is inside of other selected values as well: of ten million bytes in a
 * thousand levels, ten thousand million.
 */
const MAX_GROWTH = 4;
/** So much may always be selected: characters. */
const SMALL = 65_536;
/** A record is one string, of at most 2^29 characters. */
const MAX_SELECTED = 2 ** 28;

/** A path of a crawl file is no JSONPath. */
export class SelectError extends Error {
  override readonly name = 'SelectError';
  readonly code = 'SELECT_INVALID';
}

/** A compiled JSONPath (RFC 9535). */
export interface Select {
  readonly path: string;
  /** Whether it can select one value at most: it consists of names and indexes only. */
  readonly isSingular: boolean;
  /**
   * What it selects in a text, as JSON texts in which numbers keep their digits. Undefined if the
   * text is not JSON, or if that is more than four times the text, and than 64 Ki characters.
   */
  (json: string | JsonDocument): readonly string[] | undefined;
  /** Whether it selects something that is not null. Undefined if the text is not JSON. */
  finds(json: string | JsonDocument): boolean | undefined;
}

type WellTyped = JSONPathEnvironment['checkWellTypedness'];

/** RFC 9535, except that an answer cannot bring the regular expressions that run over it. */
class Environment extends JSONPathEnvironment {
  override checkWellTypedness(...[token, args]: Parameters<WellTyped>): ReturnType<WellTyped> {
    const takesPattern = token.value === 'match' || token.value === 'search';
    if (takesPattern && !(args[1] instanceof jsonpath.expressions.StringLiteral)) {
      throw new JSONPathTypeError(
        `the pattern of ${token.value}() must be a text in quotes`,
        token,
      );
    }
    return super.checkWellTypedness(token, args);
  }
}

/** The limit is for queries in filters, which count a scalar as a level. */
const environment = new Environment({ maxRecursionDepth: MAX_DEPTH + 2 });

/**
 * Compiles a path once for many texts. Whatever a text holds, selecting from it does not throw.
 *
 * @throws SelectError
 */
export function compileSelect(path: string): Select {
  const query = parsePath(path);
  const select = (json: string | JsonDocument): readonly string[] | undefined => {
    const document = documentOf(json);
    if (document === undefined) {
      return undefined;
    }
    const texts: string[] = [];
    let left = Math.min(Math.max(document.length * MAX_GROWTH, SMALL), MAX_SELECTED);
    for (const { value, place } of nodesOf(query, document.value)) {
      const text = document.textOf(value, place);
      left -= text.length;
      if (left < 0) {
        return undefined;
      }
      texts.push(text);
    }
    return texts;
  };
  const finds = (json: string | JsonDocument): boolean | undefined => {
    const document = documentOf(json);
    if (document === undefined) {
      return undefined;
    }
    for (const { value } of nodesOf(query, document.value)) {
      if (value !== null) {
        return true;
      }
    }
    return false;
  };
  return Object.assign(select, { path, isSingular: query.singularQuery(), finds });
}

function documentOf(json: string | JsonDocument): JsonDocument | undefined {
  return typeof json === 'string' ? JsonDocument.parse(json) : json;
}

function parsePath(path: string): JSONPathQuery {
  if (!path.startsWith('$')) {
    throw new SelectError('a path begins with $, which stands for the whole answer');
  }
  try {
    return environment.compile(path);
  } catch (cause) {
    throw new SelectError(messageOf(cause, path), { cause });
  }
}

/** The library ends its messages with the path and a position: `expected … ('$.a[':4)`. */
function messageOf(error: unknown, path: string): string {
  const text = error instanceof Error ? error.message : String(error);
  const [, reason = text, position] = /^(.*) \('[^]*':(\d+)\)$/.exec(text) ?? [];
  // Where a name is missing at the end the lexer speaks of itself.
  const problem = reason.startsWith("can't backup") ? 'it ends too early' : reason;
  return position === undefined
    ? problem
    : `${problem} (character ${Math.min(Number(position) + 1, path.length + 1)})`;
}
