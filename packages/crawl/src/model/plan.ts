/** At most `count` starts every `perMs` milliseconds. */
export interface Rate {
  readonly count: number;
  readonly perMs: number;
}

/** What an origin may be asked to bear, by the whole fleet together. */
export interface Politeness {
  readonly rate: Rate | 'unlimited';
  /** Starts allowed at once before `rate` spaces them. @default 1 */
  readonly burst: number;
  /** Fetches in flight for one origin over the whole fleet. @default 16 */
  readonly concurrency: number | 'unlimited';
  /** @default 'obey' */
  readonly robots: 'obey' | 'ignore';
  /** How long an origin may go on saying "not now" before a fetch is settled as failed. @default 1 h */
  readonly patienceMs: number;
}

/** Which addresses a crawl may connect to, besides public ones. */
export interface NetworkPolicy {
  /** Opens loopback and private ranges, where the worker's own setting allows it too. @default false */
  readonly allowPrivate: boolean;
  /** CIDRs that stay open even when link-local: the only way to reach them. @default [] */
  readonly allow: readonly string[];
}

/** The bounds of one fetch, redirects and retries of connections included. */
export interface Limits {
  /** From start to last byte, all redirects together. @default 30 s */
  readonly timeoutMs: number;
  /** Of the decompressed body, counted as it arrives. @default 10 MiB */
  readonly maxBodyBytes: number;
  /** Hops followed before the fetch ends as `bad-redirect`. @default 5 */
  readonly redirects: number;
}

/**
 * All that a worker knows of a batch: the crawl file without the lists. It is stored once in Redis,
 * where secrets stay names (`${env:NAME}`).
 */
export interface Plan {
  readonly name: string;
  /** An email address or an http(s) URL, sent in the User-Agent. @default none, and a warning */
  readonly contact?: string;
  /** RFC 6570 template. */
  readonly url: string;
  /** Parameter names in the order of the crawl file; the columns of a slice have the same order. */
  readonly params: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly politeness: Politeness;
  readonly retry: {
    /** Tries of one fetch, the first included. @default 5 */
    readonly attempts: number;
    /** Upper bound of the first wait; doubles with every attempt. @default 1 s */
    readonly backoffMs: number;
  };
  readonly limits: Limits;
  readonly network: NetworkPolicy;
}

/** Where the values of one parameter come from. File paths are absolute. */
export type ParameterSource =
  | { readonly name: string; readonly kind: 'list'; readonly values: readonly string[] }
  | { readonly name: string; readonly kind: 'countries'; readonly form: CountryForm }
  | { readonly name: string; readonly kind: 'range'; readonly from: number; readonly to: number }
  | {
      readonly name: string;
      readonly kind: 'file';
      readonly path: string;
      readonly format: 'csv' | 'txt' | 'ndjson';
      /** CSV column or NDJSON key; undefined for `.txt`. */
      readonly column?: string;
    };

export const COUNTRY_FORMS = ['slug', 'name', 'alpha2', 'alpha3'] as const;
export type CountryForm = (typeof COUNTRY_FORMS)[number];

/** A validated crawl file: a plain JSON value, so that a batch can be expanded again from Redis alone. */
export interface Crawl {
  readonly plan: Plan;
  readonly sources: readonly ParameterSource[];
  readonly combine: 'product' | 'zip';
}
