import type { NetworkPolicy } from '../../model/plan.ts';
import { compileTemplate } from '../../request/template.ts';
import { problemOfUrl } from '../../model/url.ts';
import type { Field } from '../../yaml/field.ts';
import { FILE_KEYS } from './list-source.ts';
import { type ParameterFields, readFileSource, readValues } from './params.ts';

/** `urls:` is short for this template and a parameter `url`. */
export const WHOLE_URL = '{+url}';
const NAME = 'url';

interface Surroundings {
  /** The path that `file:` is relative to. */
  readonly crawlFile: string;
  readonly network: NetworkPolicy;
}

/** Reads `urls:`, a list of whole URLs. */
export function readUrls(
  field: Field | undefined,
  { crawlFile, network }: Surroundings,
): ParameterFields {
  if (field === undefined) {
    return { params: [], sources: [] };
  }
  const params = [{ name: NAME, field }];
  if (field.isList) {
    const values = readValues(field);
    checkUrls(field, values, network);
    return { params, sources: [{ source: { name: NAME, kind: 'list', values }, field }] };
  }
  if (!field.isMap) {
    const file = field.text === undefined || field.text === '' ? 'urls.txt' : field.text;
    const forms = `{ file: ${file} } or a list of URLs`;
    field.report(`${field.shown} is not a list of URLs; write ${forms}`);
    return { params, sources: [] };
  }
  const at = field.section([...FILE_KEYS, 'column']);
  if (at('file') === undefined) {
    field.report('urls need a list or a file: { file: urls.txt }');
  }
  const source = readFileSource({ name: NAME, field, at, crawlFile });
  return { params, sources: source === undefined ? [] : [{ source, field }] };
}

/** Those of a file are checked when it is read. */
function checkUrls(field: Field, values: readonly string[], network: NetworkPolicy): void {
  const { expand } = compileTemplate(WHOLE_URL, [NAME]);
  for (const [at, item] of field.items().entries()) {
    const value = values[at] ?? '';
    const problem = value === '' ? undefined : problemOfUrl(expand([value]), network);
    if (problem !== undefined) {
      item.report(problem);
    }
  }
}
