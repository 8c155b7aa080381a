import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Crawl,
  expandCrawl,
  InputError,
  measureCrawl,
  packSlices,
  type ListFile,
  parseSlice,
} from '@fetchfleet/crawl';
import { parseCrawlFile } from '@fetchfleet/crawl/file';
import * as fc from 'fast-check';
import { bytesNear, bytesOf } from '../mutations.ts';
import { attemptAsync, holds, type Target } from '../target.ts';

const EXAMPLES = [
  'oslo\nbergen\n# no city\n\ntromsø\n',
  '\ufeffone\r\ntwo\rthree\n  four  \n',
  'city,country\noslo,no\n"new york",us\n"two\nlines",xx\n',
  'city;country\r\n"a ""quoted"" one";no\r\n;\r\n',
  '{"city":"oslo","n":1}\n{"city":7}\n{"city":true}\n\n{"city":"ø"}\n',
].flatMap((text) => [Buffer.from(text), Buffer.from(text, 'utf16le')]);

interface Input {
  /** As `bytesNear` gives them. */
  readonly bytes: string;
  readonly format: ListFile['format'];
  readonly rules: NonNullable<ListFile['rules']> | undefined;
  /** Whether a row has two values, of which one may be blank. */
  readonly isRows: boolean;
}

const listRules = fc.record(
  {
    trim: fc.boolean(),
    blank: fc.constantFrom('refuse' as const, 'keep' as const, 'skip' as const),
    comment: fc.constantFrom('#', '//', '"', '\ufeff'),
    delimiter: fc.constantFrom(';', '\t', '|', '"', ' '),
    encoding: fc.constantFrom('utf-8', 'utf-16le', 'utf-16be', 'windows-1252', 'shift_jis'),
  },
  { requiredKeys: ['trim', 'blank'] },
);

export const listsTarget: Target = {
  name: 'lists',
  title:
    'list files in all formats and encodings: the same values each time, or a list of problems',
  cpuMs: 2_000,
  open: async ({ folder }) => ({
    arbitrary: fc.record<Input>({
      bytes: bytesNear(EXAMPLES, ['city', 'city,country\n', '\u00fe\u00ff', 'x'.repeat(9_000)]),
      format: fc.constantFrom('txt', 'csv', 'ndjson'),
      rules: fc.option(listRules, { nil: undefined }),
      isRows: fc.boolean(),
    }),
    check: async (input: Input) => check(input, join(folder, 'list')),
  }),
};

async function check({ bytes, format, rules, isRows }: Input, path: string): Promise<void> {
  await writeFile(path, bytesOf(bytes));
  const single: ListFile = {
    name: 'city',
    kind: 'file',
    path,
    format,
    ...(format !== 'txt' && { column: 'city' }),
    ...(rules !== undefined && { rules }),
  };
  const several = format !== 'txt' && isRows && rules !== undefined;
  const crawl = several ? rowsOf({ path, format, rules }) : crawlOf(single);
  const measured = await attemptAsync(async () => measureCrawl(crawl), [InputError]);
  if ('error' in measured) {
    return;
  }
  let count = 0;
  const packing = { sliceSize: 50, mixesOrigins: true };
  for await (const slices of packSlices('fuzz', expandCrawl(crawl), packing)) {
    for (const slice of slices) {
      const { ranges } = parseSlice(JSON.parse(JSON.stringify(slice)), crawl.plan.params.length);
      count += ranges.reduce((sum, length, at) => sum + (at % 2 === 0 ? 0 : length), 0);
    }
  }
  holds(count === measured.value.total, 'as many fetches as were counted', count);
}

function crawlOf(source: ListFile): Crawl {
  const text = 'url: http://origin.example/{city}\nparams: { city: [one] }\n';
  return { ...parseCrawlFile(text, 'fuzz.yaml'), sources: [source] };
}

function rowsOf(
  place: Pick<Extract<ListFile, { kind: 'rows' }>, 'path' | 'format' | 'rules'>,
): Crawl {
  const text =
    'url: http://origin.example/{city}{?country}\n' +
    'rows: { file: list.csv, columns: [city, country], optional: [country] }\n';
  const crawl = parseCrawlFile(text, 'fuzz.yaml');
  const columns = ['city', 'country'].map((column, at) => ({
    param: column,
    column,
    ...(at === 1 && { optional: true as const }),
  }));
  return { ...crawl, sources: [{ kind: 'rows', ...place, columns }] };
}
