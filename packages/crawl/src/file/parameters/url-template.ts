import { problemOfUrl } from '../../model/url.ts';
import type { NetworkPolicy } from '../../model/plan.ts';
import { mentionsSecret } from '../../access/secrets.ts';
import { suggestion } from '../../model/suggestion.ts';
import { compileTemplate, type Template, TemplateError } from '../../request/template.ts';
import type { ParameterField } from './params.ts';
import type { Field } from '../../yaml/field.ts';
import { readText } from '../../yaml/read-field.ts';
import { WHOLE_URL } from './urls.ts';

const MAX_URL_LENGTH = 8192;
/** RFC 6570, 2.4.1. Only here: version 0.1 accepted it, and its stored batches go on. */
const PREFIX_WITH_ZERO = /\{[^{}]*?([^{},?&#+./;]+):(0\d*)[^{}]*\}/u;

interface Surroundings {
  readonly params: readonly ParameterField[];
  readonly network: NetworkPolicy;
}

/**
 * Reads the URL template, and checks its variables and the part that no variable changes.
 *
 * @param field `url:`; `urls:` stands for a template as well
 */
export function readUrl(
  field: Field | undefined,
  { params, network }: Surroundings,
): string | undefined {
  const url = field?.key === 'urls' ? WHOLE_URL : readText(field);
  if (field === undefined || url === undefined) {
    return undefined;
  }
  // Secrets outside of headers are reported for the whole file.
  if (mentionsSecret(url)) {
    return undefined;
  }
  if (url.length > MAX_URL_LENGTH) {
    field.report(`longer than ${MAX_URL_LENGTH} characters`);
  }
  const names = params.map(({ name }) => name);
  const template = readTemplate(field, url, names);
  if (template === undefined) {
    return undefined;
  }
  const [, variable, length] = PREFIX_WITH_ZERO.exec(url) ?? [];
  if (length !== undefined) {
    field.report(
      `not a URL template (RFC 6570): "{${variable}:${length}}" has a length that begins with 0; ` +
        `write {${variable}:${Number(length)}}`,
    );
  }
  checkVariables(field, template, names);
  const problem = problemOfTemplate(url, template, network);
  if (problem !== undefined) {
    field.report(problem);
  }
  return url;
}

function readTemplate(field: Field, url: string, names: readonly string[]): Template | undefined {
  try {
    return compileTemplate(url, names);
  } catch (error) {
    if (!(error instanceof TemplateError)) {
      throw error;
    }
    const hint = url.includes('{{') ? '; in url a parameter is written {name}' : '';
    field.report(hint === '' ? error.message : error.message.replace(/\.$/, '') + hint);
    return undefined;
  }
}

function checkVariables(field: Field, { variables }: Template, names: readonly string[]): void {
  for (const variable of variables) {
    if (names.includes(variable)) {
      continue;
    }
    const unused = names.filter((name) => !variables.includes(name));
    field.report(`{${variable}} is not a parameter under params${suggestion(variable, unused)}`);
  }
}

function problemOfTemplate(
  url: string,
  { constantOrigin, expand }: Template,
  network: NetworkPolicy,
): string | undefined {
  const hasScheme = /^https?:\/\//i.test(url) || url.startsWith('{');
  if (!hasScheme) {
    return `${JSON.stringify(url.slice(0, 80))} does not start with http:// or https://`;
  }
  // If a variable is part of the host, only expanded URLs can be checked.
  if (constantOrigin === undefined) {
    return undefined;
  }
  // The values make no difference then.
  return problemOfUrl(expand([]), network);
}
