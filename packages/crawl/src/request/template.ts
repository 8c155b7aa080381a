import { parse } from 'uri-template';
import { dotSegmentChecks, type ValueCheck } from './dot-segments.ts';
import { compileExpression, encodeLiteral } from './template-expression.ts';
import { toError } from '../model/to-error.ts';
import { redactUrl } from '../model/url.ts';

/** A compiled RFC 6570 template. */
export interface Template {
  /** Names of the variables, each once, in order of appearance. */
  readonly variables: readonly string[];
  /** The origin, if no variable can change it. */
  readonly constantOrigin?: string;
  /** What values of a variable must not be, by its name. Variables without a check take any. */
  readonly checks: ReadonlyMap<string, ValueCheck>;
  /** @param values one per name in `params` */
  readonly expand: (values: readonly string[]) => string;
}

/** The text is not a valid RFC 6570 template. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
  readonly code = 'TEMPLATE_INVALID';
}

type Parts = ReturnType<typeof parse>['ast']['parts'];

/** An authority is complete if one of `/`, `?` and `#` follows it. */
const AFTER_AUTHORITY = /^[a-z][a-z0-9+.-]*:\/\/[^/?#\\]+[/?#]/i;
const WHOLE_AUTHORITY = /^[a-z][a-z0-9+.-]*:\/\/[^/?#\\]+$/i;
// oxlint-disable-next-line no-control-regex -- matches control characters on purpose
const BAD_LITERAL = /[\x00-\x20\x7f\\}]/;

/**
 * Compiles an RFC 6570 template (level 4) for text values.
 *
 * Parsing uses a library. Expansion does not, because the library deviates from the RFC for texts:
 * `{?x*}` loses the name, `{/x}` of an empty value loses the slash, `{x:3}` cuts surrogate pairs,
 * and `{+x}` encodes the `%` of `%2F` again.
 *
 * @param params the order of the values of `expand`, as in the plan and in the columns of a slice
 * @throws TemplateError
 */
export function compileTemplate(url: string, params: readonly string[]): Template {
  const parts = parseParts(url);
  const variables = [
    ...new Set(
      parts.flatMap((part) =>
        part.type === 'expression' ? part.variables.map(({ name }) => name) : [],
      ),
    ),
  ];
  const order = new Map(params.map((name, at) => [name, at]));
  const pieces = parts.map((part) =>
    part.type === 'literal' ? encodeLiteral(part.value) : compileExpression(part, order),
  );
  const expand = (values: readonly string[]): string => {
    let expanded = '';
    for (const piece of pieces) {
      expanded += typeof piece === 'string' ? piece : piece(values);
    }
    return expanded;
  };
  const constantOrigin = findConstantOrigin(parts);
  const checks = dotSegmentChecks(parts);
  return { variables, checks, expand, ...(constantOrigin === undefined ? {} : { constantOrigin }) };
}

function parseParts(url: string): Parts {
  try {
    const { parts } = parse(url).ast;
    parts.forEach(checkPart);
    return parts;
  } catch (error) {
    if (error instanceof TemplateError) {
      throw error;
    }
    throw new TemplateError(`not a URL template (RFC 6570): ${toError(error).message}`, {
      cause: error,
    });
  }
}

function checkPart(part: Parts[number]): void {
  if (part.type === 'literal') {
    const [found] = BAD_LITERAL.exec(part.value) ?? [];
    if (found === undefined) {
      return;
    }
    const hint =
      found === '}' ? 'a "}" without a "{"' : `${JSON.stringify(found)}; write it %-encoded`;
    throw new TemplateError(`not a URL template (RFC 6570): it contains ${hint}`);
  }
  for (const { name, modifier, extension } of part.variables) {
    if (extension !== undefined && extension !== null) {
      throw new TemplateError(
        `not a URL template (RFC 6570): "{${name}(…)}" has an unknown modifier`,
      );
    }
    if (modifier?.type === 'substr' && (modifier.length < 1 || modifier.length > 9999)) {
      throw new TemplateError(
        `not a URL template (RFC 6570): N of "{${name}:N}" must be from 1 to 9999`,
      );
    }
  }
}

/** Every value is defined, so `{/x}`, `{?x}` and `{#x}` always begin with their operator. */
function findConstantOrigin(parts: Parts): string | undefined {
  const [head, next] = parts;
  if (head?.type !== 'literal') {
    return undefined;
  }
  const text = encodeLiteral(head.value);
  const isComplete =
    AFTER_AUTHORITY.test(text) ||
    (WHOLE_AUTHORITY.test(text) &&
      (next === undefined || (next.type === 'expression' && '/?#'.includes(next.operator || '-'))));
  if (!isComplete) {
    return undefined;
  }
  const url = URL.parse(text);
  if (url === null) {
    throw new TemplateError(`${JSON.stringify(redactUrl(text))} is not a valid URL`);
  }
  return url.origin === 'null' ? undefined : url.origin;
}
