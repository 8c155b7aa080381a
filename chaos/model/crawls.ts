import { PAGES } from '../origin/origin-messages.ts';
import type { Random } from '../random.ts';
import { CLASSES, type OriginClass } from '../origin/origins.ts';

/** What the record of a fetch has to say. */
export interface Expected {
  readonly url: string;
  readonly outcome: 'ok' | 'http-error' | 'timeout';
  /** Records of the fetch. */
  readonly pages: number;
}

/** A crawl file, and what its batch has to become. */
export interface Crawl {
  /** Ids of its batches begin with it. */
  readonly name: string;
  readonly text: string;
  readonly originClass: OriginClass;
  readonly expected: readonly Expected[];
}

interface Kind {
  readonly name: string;
  readonly weight: number;
  /** The first segments of the paths at the origin. */
  readonly paths: readonly string[];
  readonly classes: readonly OriginClass['name'][];
  /** URLs of each path at each host. */
  readonly sizes: readonly [from: number, to: number];
  /** Version 0.1 keeps all promises for it. */
  readonly isOld: boolean;
}

const KINDS: readonly Kind[] = [
  {
    name: 'plain',
    weight: 5,
    paths: ['ok'],
    classes: ['paced', 'wide', 'slow', 'named'],
    sizes: [20, 120],
    isOld: true,
  },
  {
    name: 'mixed',
    weight: 3,
    paths: ['ok', 'flaky', 'missing', 'hang'],
    classes: ['paced', 'wide'],
    sizes: [3, 10],
    isOld: true,
  },
  {
    name: 'moved',
    weight: 2,
    paths: ['moved'],
    classes: ['paced', 'wide', 'slow'],
    sizes: [10, 40],
    // There, a redirect did not wait for a turn at its target.
    isOld: false,
  },
  {
    name: 'pages',
    weight: 2,
    paths: ['pages'],
    classes: ['paced', 'wide'],
    sizes: [5, 20],
    isOld: false,
  },
  {
    // Fetches that outlive many workers.
    name: 'chain',
    weight: 2,
    paths: ['chain'],
    classes: ['wide', 'slow'],
    sizes: [2, 5],
    isOld: false,
  },
];

/** How the origin server answers `/PATH/…/NUMBER` when all is well. */
function outcomeOf(path: string, number: number): Expected['outcome'] {
  // One of them hangs for each host: more would look like an origin that is down.
  const isSilent = path === 'hang' && number === 1;
  return path === 'missing' ? 'http-error' : isSilent ? 'timeout' : 'ok';
}

/**
 * A crawl that the dice decide.
 *
 * @param options.isOld only what version 0.1 knows
 */
export function makeCrawl(
  random: Random,
  {
    number,
    port,
    isOld,
  }: { readonly number: number; readonly port: number; readonly isOld: boolean },
): Crawl {
  const kind = random.weighted(KINDS.filter((candidate) => candidate.isOld || !isOld));
  // Version 0.1 asks the system for names, which knows no name server with a port.
  const className = random.pick(kind.classes.filter((name) => !isOld || name !== 'named'));
  const originClass = CLASSES.find(({ name }) => name === className);
  if (originClass === undefined) {
    throw new Error(`there is no class ${className}`);
  }
  const size = random.between(...kind.sizes);
  // At slow origins a crawl takes four times as long.
  const count = className === 'slow' ? Math.ceil(size / 4) : size;
  const name = `c${number}-${kind.name}-${className}`;
  return { name, originClass, ...describe({ name, kind, originClass, port, count }) };
}

interface Description {
  readonly name: string;
  readonly kind: Pick<Kind, 'name' | 'paths'>;
  readonly originClass: OriginClass;
  readonly port: number;
  readonly count: number;
}

/** The crawl of the schedule: small, and always the same. */
export function scheduledCrawl(port: number): Crawl {
  const [originClass] = CLASSES;
  if (originClass === undefined) {
    throw new Error('there are no origins');
  }
  const kind = { name: 'ticking', paths: ['ok'] };
  const name = 'ticking';
  return { name, originClass, ...describe({ name, kind, originClass, port, count: 4 }) };
}

function describe({
  name,
  kind,
  originClass,
  port,
  count,
}: Description): Pick<Crawl, 'text' | 'expected'> {
  const { hosts, limits } = originClass;
  const { rate, burst, concurrency } = limits;
  const pace = rate === undefined ? '' : `rate: ${rate}/s, burst: ${burst}, `;
  const text = `
name: ${name}
url: http://{host}:${port}/{path}/${name}/{n}
params:
  host: [${hosts.join(', ')}]
  path: [${kind.paths.join(', ')}]
  n: { from: 1, to: ${count} }
contact: chaos@example.com
politeness: { ${pace}concurrency: ${concurrency} }
retry: { attempts: 4, backoff: 500ms }
limits: { timeout: 3s }
network: { allowPrivate: true }
${kind.paths.some((path) => PAGES.has(path)) ? "paginate: { next: { select: '$.next', query: page } }\n" : ''}`;
  const expected = hosts.flatMap((host) =>
    kind.paths.flatMap((path) =>
      Array.from({ length: count }, (_, at) => ({
        url: `http://${host}:${port}/${path}/${name}/${at + 1}`,
        outcome: outcomeOf(path, at + 1),
        pages: PAGES.get(path) ?? 1,
      })),
    ),
  );
  return { text, expected };
}
