import {
  compileRequest,
  type Crawl,
  expandCrawl,
  InputError,
  measureCrawl,
} from '@fetchfleet/crawl';
import { parseCrawlFile } from '@fetchfleet/crawl/file';
import { crawlFileExamples, wordsOf } from '../examples.ts';
import { textNear } from '../mutations.ts';
import { attempt, attemptAsync, holds, type Target } from '../target.ts';
import { parseStoredCrawl } from '../../packages/fleet/src/ledger/stored-crawl.ts';

/** Larger crawls are valid and take their time. */
const MAX_EXPANDED = 2_000;

export const crawlFileTarget: Target = {
  name: 'crawl-file',
  title: 'YAML of crawl files: a crawl that can be stored and expanded, or a list of problems',
  cpuMs: 2_000,
  open: async () => {
    const examples = crawlFileExamples();
    return { arbitrary: textNear(examples, wordsOf(examples)), check };
  },
};

async function check(text: string): Promise<void> {
  const parsed = attempt(() => parseCrawlFile(text, 'fuzz.yaml'), [InputError]);
  if ('error' in parsed) {
    return;
  }
  const { plan, sources, combine } = parsed.value;
  const stored = parseStoredCrawl(JSON.stringify(plan), JSON.stringify({ sources, combine }));
  holds(JSON.stringify(stored.plan) === JSON.stringify(plan), 'a plan is stored as it is', plan);
  if (sources.every(({ kind }) => kind !== 'file') && sizeOf(parsed.value) <= MAX_EXPANDED) {
    await checkExpansion(parsed.value);
  }
}

async function checkExpansion(crawl: Crawl): Promise<void> {
  const measured = await attemptAsync(async () => measureCrawl(crawl), [InputError]);
  if ('error' in measured) {
    return;
  }
  const { expand, headersOf, bodyOf } = compileRequest(crawl.plan);
  const isJson = 'json' in (crawl.plan.body ?? {});
  let count = 0;
  for await (const chunk of expandCrawl(crawl)) {
    for (const { index, values, origin } of chunk) {
      holds(index === count++, 'indexes have no gaps', index);
      const url = new URL(expand(values));
      holds(url.origin === origin, 'a fetch is in the slice of its origin', url.href);
      holds(/^https?:$/.test(url.protocol), 'a URL is http or https', url.href);
      const headers = Object.values(headersOf(values));
      holds(!headers.some((value) => /[\r\n\0]/.test(value)), 'a header is one line', headers);
      if (isJson) {
        attempt((): unknown => JSON.parse(String(bodyOf(values))), []);
      }
      holds(url.username === '' && url.password === '', 'a URL has no credentials', url.href);
    }
  }
  holds(count === measured.value.total, 'as many fetches as were counted', count);
}

/** The number of fetches; a rough one for lists that have to be read. */
export function sizeOf({ sources }: Crawl): number {
  const lengths = sources.map((source): number => {
    if (source.kind === 'list') {
      return source.values.length;
    }
    return source.kind === 'range' ? source.to - source.from + 1 : 300;
  });
  return lengths.reduce((product, length) => product * length, 1);
}
