import { compileTemplate, TemplateError } from '@fetchfleet/crawl';
import * as fc from 'fast-check';
import { textNear } from '../mutations.ts';
import { attempt, holds, type Target } from '../target.ts';

const TEMPLATES = [
  'https://api.example/country/{country}/status{?page,size}',
  'http://{country}.example:8080/{+page}{#size}',
  'https://api.example{/country*,page:3}{;size}{&page}',
  'https://api.example/x{.country}?q={page}&{size*}',
  'https://api.example{?country*}',
];
const PIECES = ['{country}', '{+page}', '{#size}', '{/page*}', '{?size:2}', '{&', ':10000}', '|'];
const PARAMS = ['country', 'page', 'size'];
const VALUES = [
  'norway',
  'a/b',
  '//evil.example/',
  '@evil.example',
  '\\evil.example',
  '%2e%2e',
  '',
];

/** Nothing bounds how often a template names a long value: their author would wait for them. */
const MAX_PRODUCT = 2_000_000;

export const templatesTarget: Target = {
  name: 'templates',
  title: 'URL templates and values: URLs of the origin that the crawl means, or an error',
  cpuMs: 1_000,
  open: async () => ({
    arbitrary: fc.record<Input>({
      template: textNear(TEMPLATES, PIECES),
      values: fc.array(textNear(VALUES), { minLength: 3, maxLength: 3 }),
    }),
    check,
  }),
};

interface Input {
  readonly template: string;
  readonly values: readonly string[];
}

function check({ template, values }: Input): void {
  const longest = Math.max(...values.map(({ length }) => length));
  if (template.length * longest > MAX_PRODUCT) {
    return;
  }
  const compiled = attempt(() => compileTemplate(template, PARAMS), [TemplateError]);
  if ('error' in compiled || compiled.value.variables.some((name) => !PARAMS.includes(name))) {
    return;
  }
  const { constantOrigin, expand } = compiled.value;
  const url = expand(values);
  holds(expand(values) === url, 'a URL is always the same', url);
  holds(/^[\x21-\x7e]*$/.test(url), 'a URL is printable ASCII', url);
  if (constantOrigin !== undefined) {
    holds(URL.parse(url)?.origin === constantOrigin, 'no value changes the origin', url);
  }
}
