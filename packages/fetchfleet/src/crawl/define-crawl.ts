import { join } from 'node:path';
import { type Crawl, InputError } from '@fetchfleet/crawl';
import { parseCrawlFile } from '@fetchfleet/crawl/file';
import type { CrawlInput } from './crawl-input.ts';

/** Names of the parameters of a crawl. */
type ParamsOf<Input extends CrawlInput> = Input extends { readonly params: infer Params }
  ? Extract<keyof Params, string>
  : string;

/**
 * A valid crawl.
 *
 * @typeParam Params names of its parameters
 */
export class CrawlDefinition<Params extends string = string> {
  readonly name: string;
  /** Relative paths of lists begin at the folder of this one, which need not exist. */
  readonly path: string;
  readonly #crawl: Crawl;
  /** For the types of records. */
  declare readonly params: Params;

  /** @throws InputError with all problems */
  constructor(input: CrawlInput, path: string) {
    this.#crawl = parse(input, path);
    this.name = this.#crawl.plan.name;
    this.path = path;
  }

  /** @internal */
  static crawlOf(definition: CrawlDefinition): Crawl {
    return definition.#crawl;
  }
}

export interface DefineOptions {
  /** Where relative paths of lists begin. @default the current folder */
  readonly folder?: string;
}

/**
 * Checks a crawl by the rules of crawl files, whose keys and values it has:
 *
 *     const crawl = defineCrawl({
 *       name: 'countries',
 *       url: 'https://api.example/country/{country}',
 *       params: { country: ['france', 'italy'] },
 *       politeness: { rate: '20/s' },
 *     });
 *
 * Secrets are named (`${env:API_TOKEN}`), never written. Without a name, the crawl is `crawl`.
 *
 * @throws InputError (`INPUT_INVALID`), whose `problems` name the key of each mistake
 */
export function defineCrawl<Input extends CrawlInput>(
  input: Input,
  { folder = process.cwd() }: DefineOptions = {},
): CrawlDefinition<ParamsOf<Input>> {
  return new CrawlDefinition<ParamsOf<Input>>(input, join(folder, 'crawl.json'));
}

/** Problems name keys only: nobody has written the lines and columns of this text. */
function parse(input: CrawlInput, path: string): Crawl {
  try {
    return parseCrawlFile(JSON.stringify(input), path);
  } catch (error) {
    if (!(error instanceof InputError)) {
      throw error;
    }
    const file = 'crawl';
    throw new InputError(
      error.problems.map(({ key, message }) => ({
        file,
        ...(key !== undefined && { key }),
        message,
      })),
    );
  }
}
