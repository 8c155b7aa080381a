import type { ValueCheck } from './dot-segments.ts';
import type { Plan } from '../model/plan.ts';
import { isHeaderValue } from '../access/secrets.ts';
import { compileTemplate } from './template.ts';
import { jsonOf, piecesOfBody } from './compile-body.ts';
import { parsePieces, type Placeholder } from './placeholders.ts';

type Texts = Pick<Plan, 'url' | 'headers' | 'body'>;

/**
 * What is wrong with values of a parameter for the request that they become part of, by its name.
 * Parameters without a check take any value.
 *
 * @throws TemplateError
 */
export function valueChecks({ url, headers, body }: Texts): ReadonlyMap<string, ValueCheck> {
  const checks = new Map(compileTemplate(url, []).checks);
  const add = (name: string, check: ValueCheck): void => {
    const before = checks.get(name);
    checks.set(name, (value) => before?.(value) ?? check(value));
  };
  for (const { name } of placeholdersOf({ headers })) {
    add(name, problemInHeader);
  }
  for (const { name, isJson } of placeholdersOf({ headers: {}, body })) {
    if (isJson) {
      add(name, (value) => problemAsJson(name, value));
    }
  }
  return checks;
}

/** The parameters that stand nowhere but in `{{name|json}}`: their values need not be texts. */
export function jsonParameters({ url, headers, body }: Texts): ReadonlySet<string> {
  const placeholders = placeholdersOf({ headers, body });
  const texts = new Set([
    ...compileTemplate(url, []).variables,
    ...placeholders.flatMap(({ name, isJson }) => (isJson ? [] : [name])),
  ]);
  return new Set(placeholders.map(({ name }) => name).filter((name) => !texts.has(name)));
}

/** The placeholders of headers and body, in their order. */
export function placeholdersOf({
  headers,
  body,
}: Pick<Plan, 'headers'> & { readonly body?: Plan['body'] | undefined }): readonly Placeholder[] {
  const pieces = [
    ...Object.values(headers).flatMap((text) => parsePieces(text)),
    ...(body === undefined ? [] : piecesOfBody(body)),
  ];
  return pieces.filter((piece) => typeof piece === 'object');
}

function problemInHeader(value: string): string | undefined {
  return isHeaderValue(value)
    ? undefined
    : `${shown(value)} cannot stand in a header: it has characters that are not allowed there`;
}

function problemAsJson(name: string, value: string): string | undefined {
  try {
    JSON.parse(jsonOf(value));
    return undefined;
  } catch {
    return `${shown(value)} is not JSON, which {{${name}|json}} stands for; for a text write {{${name}}}`;
  }
}

function shown(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
}
