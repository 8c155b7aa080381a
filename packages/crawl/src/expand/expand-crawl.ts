import type { Expansion } from './expansion.ts';
import { InputError } from '../model/input-error.ts';
import type { Crawl, ParameterSource } from '../model/plan.ts';
import { compileTemplate } from '../model/template.ts';
import { originOf } from '../model/url.ts';
import { openCursor } from '../values/value-cursor.ts';
import type { ValueCursor } from '../values/value-cursor.ts';
import { ProductWalk, ZipWalk } from '../values/value-walk.ts';
import type { ValueWalk } from '../values/value-walk.ts';

const CHUNK = 1000;
/** Origins remembered by the text they come from, because parsing a URL is the slowest part. */
const MAX_KNOWN_ORIGINS = 1000;
const AUTHORITY = /^[^/?#]*\/\/[^/?#\\]*/;

export interface ExpandOptions {
  /** Ends the expansion with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * All fetches of a crawl in chunks of up to 1,000, always in the same order: the first parameter is the
 * outermost loop, the last one changes fastest; `zip` takes one value of each. Constant memory, however
 * long the lists are. Throws `InputError` where a list file is no longer what was measured.
 */
export async function* expandCrawl(
  crawl: Crawl,
  { signal }: ExpandOptions = {},
): AsyncGenerator<Expansion[], void, undefined> {
  const cursors: ValueCursor[] = [];
  const originFor = originFinder(crawl);
  let index = 0;
  try {
    for (const source of crawl.sources) {
      cursors.push(await openSource(source, signal));
    }
    const walk = walkOf(crawl, cursors);
    let chunk: Expansion[] = [];
    let values = await walk.first();
    while (values !== undefined) {
      chunk.push({ index, values, origin: originFor(values) });
      index++;
      if (chunk.length === CHUNK) {
        signal?.throwIfAborted();
        yield chunk;
        chunk = [];
      }
      values = walk.next() ?? (await walk.read());
    }
    signal?.throwIfAborted();
    if (chunk.length > 0) {
      yield chunk;
    }
  } finally {
    await Promise.all(cursors.map(async (cursor) => cursor.stop()));
  }
}

async function openSource(source: ParameterSource, signal?: AbortSignal): Promise<ValueCursor> {
  return openCursor(source, {
    signal,
    onProblem: (line, message) => {
      const file = source.kind === 'file' ? source.path : source.name;
      throw new InputError([{ file, line, message }]);
    },
  });
}

function walkOf({ plan, combine }: Crawl, cursors: readonly ValueCursor[]): ValueWalk {
  if (combine === 'product' || cursors.length === 0) {
    return new ProductWalk(cursors);
  }
  const message = 'the lists that zip combines are no longer of equal length';
  return new ZipWalk(cursors, () => new InputError([{ file: plan.name, message }]));
}

function originFinder({ plan }: Crawl): (values: readonly string[]) => string {
  const { constantOrigin, expand } = compileTemplate(plan.url, plan.params);
  if (constantOrigin !== undefined) {
    return () => constantOrigin;
  }
  const known = new Map<string, string>();
  return (values) => {
    const url = expand(values);
    const authority = AUTHORITY.exec(url)?.[0] ?? url;
    const found = known.get(authority);
    if (found !== undefined) {
      return found;
    }
    const origin = originOf(url);
    if (known.size >= MAX_KNOWN_ORIGINS) {
      known.clear();
    }
    known.set(authority, origin);
    return origin;
  };
}
