import { parse } from 'uri-template';
import { redactUrl } from './url.ts';
import { compileExpression, encodeLiteral } from './template-expression.ts';

/** A compiled RFC 6570 template. */
export interface Template {
  /** Each once, in order of appearance. */
  readonly variables: readonly string[];
  /** Present if no variable can change scheme, host or port. */
  readonly constantOrigin?: string;
  /** @param values one per name in `params` */
  readonly expand: (values: readonly string[]) => string;
}

/** The text is no RFC 6570 template. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
  readonly code = 'TEMPLATE_INVALID';
}

type Parts = ReturnType<typeof parse>['ast']['parts'];

/** The authority is complete once one of these follows it. */
const AFTER_AUTHORITY = /^[a-z][a-z0-9+.-]*:\/\/[^/?#\\]+[/?#]/i;
const WHOLE_AUTHORITY = /^[a-z][a-z0-9+.-]*:\/\/[^/?#\\]+$/i;
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const BAD_LITERAL = /[\x00-\x20\x7f\\}]/;

/**
 * RFC 6570, level 4, for text values. Throws `TemplateError`.
 *
 * The parser is the library's. The expansion is ours, because the library's one strays from the RFC for
 * texts: `{?x*}` loses the name, `{/x}` of an empty value the slash, `{x:3}` cuts surrogate pairs, and
 * `{+x}` encodes the `%` of `%2F` again.
 *
 * @param params the order in which `expand` takes its values: that of the plan and of a slice's columns
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
  return { variables, expand, ...(constantOrigin === undefined ? {} : { constantOrigin }) };
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
    throw new TemplateError(`not a URL template (RFC 6570): ${reasonOf(error)}`, { cause: error });
  }
}

function checkPart(part: Parts[number]): void {
  if (part.type === 'literal') {
    const [found] = BAD_LITERAL.exec(part.value) ?? [];
    if (found === undefined) {
      return;
    }
    const hint =
      found === '}' ? 'a "}" without its "{"' : `${JSON.stringify(found)}, write it %-encoded`;
    throw new TemplateError(`not a URL template (RFC 6570): it holds ${hint}`);
  }
  for (const { name, modifier, extension } of part.variables) {
    if (extension !== undefined && extension !== null) {
      throw new TemplateError(`not a URL template (RFC 6570): "{${name}(…)}" is no modifier`);
    }
    if (modifier?.type === 'substr' && (modifier.length < 1 || modifier.length > 9999)) {
      throw new TemplateError(
        `not a URL template (RFC 6570): "{${name}:N}" takes N from 1 to 9999`,
      );
    }
  }
}

/** peg errors read: Expected "}" but "x" found. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Every value is present, so `{/x}`, `{?x}` and `{#x}` always begin with their operator. */
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
    throw new TemplateError(`${JSON.stringify(redactUrl(text))} is no URL`);
  }
  return url.origin === 'null' ? undefined : url.origin;
}
