import { setImmediate } from 'node:timers/promises';
import { InputError } from '../model/input-error.ts';
import type { Crawl, ParameterSource } from '../model/plan.ts';
import { isListFile } from '../model/parameter-source.ts';
import { jsonParameters } from '../request/value-checks.ts';
import type { ReadOptions } from '../values/list-row.ts';
import { compileTemplate } from '../request/template.ts';
import { originOf } from '../model/url.ts';
import { positionsOf } from './only.ts';
import { openValues, type ValueIterator } from '../values/value-iterator.ts';
import { ProductCombinations, type Combinations, ZipCombinations } from '../values/combinations.ts';

const CHUNK = 1000;
/** Left-out fetches between two yields to the event loop. */
const SKIPPED_PER_TURN = 100_000;
/** Origins cached by the text before the path, because parsing a URL is the slowest step. */
const MAX_KNOWN_ORIGINS = 1000;
const AUTHORITY = /^[^/?#]*\/\/[^/?#\\]*/;

/** One fetch of an expanded crawl. */
export interface Expansion {
  readonly index: number;
  /** One value per parameter, in the order of the plan. */
  readonly values: readonly string[];
  readonly origin: string;
}

export interface ExpandOptions {
  /** Aborts the expansion, which throws its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Yields all fetches of a crawl in chunks of up to 1,000, always in the same order: the first
 * parameter is the outermost loop and the last one changes fastest; `zip` takes one value of each.
 * Memory does not grow with the lists. Throws `InputError` if a list has changed since it was
 * measured.
 */
export async function* expandCrawl(
  crawl: Crawl,
  { signal }: ExpandOptions = {},
): AsyncGenerator<Expansion[], void, undefined> {
  const iterators: ValueIterator[] = [];
  const originFor = originFinder(crawl);
  const positionOf = positionsOf(crawl.only);
  let wanted = positionOf(0);
  let position = 0;
  let index = 0;
  try {
    const jsonParams = jsonParameters(crawl.plan);
    for (const source of crawl.sources) {
      iterators.push(await openSource(source, { signal, jsonParams }));
    }
    const combinations = combinationsOf(crawl, iterators);
    let chunk: Expansion[] = [];
    let values = await combinations.first();
    while (values !== undefined && wanted !== undefined) {
      if (position === wanted) {
        chunk.push({ index, values, origin: originFor(values) });
        index++;
        wanted = positionOf(index);
      } else if (position % SKIPPED_PER_TURN === 0) {
        await setImmediate();
        signal?.throwIfAborted();
      }
      position++;
      if (chunk.length === CHUNK) {
        signal?.throwIfAborted();
        yield chunk;
        chunk = [];
      }
      values = combinations.next() ?? (await combinations.read());
    }
    signal?.throwIfAborted();
    if (chunk.length > 0) {
      yield chunk;
    }
  } finally {
    await Promise.all(iterators.map(async (iterator) => iterator.stop()));
  }
}

async function openSource(
  source: ParameterSource,
  options: Omit<ReadOptions, 'onProblem'>,
): Promise<ValueIterator> {
  return openValues(source, {
    ...options,
    onProblem: (line, message) => {
      const file = isListFile(source) ? source.path : source.name;
      throw new InputError([{ file, line, message }]);
    },
  });
}

function combinationsOf(
  { plan, combine }: Crawl,
  iterators: readonly ValueIterator[],
): Combinations {
  if (combine === 'product' || iterators.length === 0) {
    return new ProductCombinations(iterators);
  }
  const message = 'the lists that zip combines are no longer of equal length';
  return new ZipCombinations(iterators, () => new InputError([{ file: plan.name, message }]));
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
