import type { Paginate } from './paginate.ts';

/** At most `count` starts every `perMs` milliseconds. */
export interface Rate {
  readonly count: number;
  readonly perMs: number;
}

/** The limits of an origin, for the whole fleet together. */
export interface Politeness {
  readonly rate: Rate | 'unlimited';
  /** Starts allowed at once before `rate` spaces them. @default 1 */
  readonly burst: number;
  /** Fetches in flight for one origin over the whole fleet. @default 16 */
  readonly concurrency: number | 'unlimited';
  /** @default 'obey' */
  readonly robots: 'obey' | 'ignore';
  /** How long an origin may refuse a fetch ("not now") before the fetch fails. @default 1 h */
  readonly patienceMs: number;
}

/** Which addresses a crawl may connect to, besides public ones. */
export interface NetworkPolicy {
  /** Allows loopback and private addresses, if the worker allows them too. @default false */
  readonly allowPrivate: boolean;
  /** CIDR ranges that are allowed; the only way to reach link-local addresses. @default [] */
  readonly allow: readonly string[];
}

/** The limits of one fetch, including its redirects and resends. */
export interface Limits {
  /** From the start to the last byte, all redirects together. @default 30 s */
  readonly timeoutMs: number;
  /** Maximum size of the decompressed body. @default 10 MiB */
  readonly maxBodyBytes: number;
  /** Redirects that are followed before the fetch ends as `bad-redirect`. @default 5 */
  readonly redirects: number;
}

export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type Method = (typeof METHODS)[number];

/**
 * The body of a request, with its placeholders.
 *
 * - `json`: as JSON text, because a parsed number would lose its digits
 * - `form`: names and values in their order; a name may come again
 */
export type RequestBody =
  | { readonly json: string }
  | { readonly form: readonly (readonly [name: string, value: string])[] }
  | { readonly text: string };

/**
 * What a worker knows about a batch: the crawl file without the lists. It is stored once in Redis;
 * secrets stay names there (`${env:NAME}`).
 */
export interface Plan {
  readonly name: string;
  /** An email address or an http(s) URL, sent in the User-Agent. @default none, and a warning */
  readonly contact?: string;
  /** RFC 6570 template. */
  readonly url: string;
  /** @default GET. Version 0.1 knew no other */
  readonly method?: Method;
  /** @default none */
  readonly body?: RequestBody;
  /** Whether POST and PATCH carry an `Idempotency-Key`. @default they do */
  readonly idempotencyKey?: false;
  /** Parameter names in the order of the crawl file; the columns of a slice have the same order. */
  readonly params: readonly string[];
  /** By lower-case name, with secrets as names and with placeholders. */
  readonly headers: Readonly<Record<string, string>>;
  readonly politeness: Politeness;
  readonly retry: {
    /** Attempts per fetch, including the first. @default 5 */
    readonly attempts: number;
    /** Upper bound of the first delay; it doubles with every attempt. @default 1 s */
    readonly backoffMs: number;
  };
  readonly limits: Limits;
  readonly network: NetworkPolicy;
  /** @default one request for each fetch */
  readonly paginate?: Paginate;
}

/** How the rows of a list file become values. */
export interface ListRules {
  /** Removes blanks and other invisible characters from both ends of a value. @default true */
  readonly trim: boolean;
  /** A row whose value is empty. @default `skip` for a line of text, `refuse` for a cell */
  readonly blank: 'refuse' | 'keep' | 'skip';
  /** Lines that begin with it are left out. @default none */
  readonly comment?: string;
  /** One character between the cells of a CSV file. @default a comma */
  readonly delimiter?: string;
  /** A name of the Encoding Standard. @default what a byte order mark says, or `utf-8` */
  readonly encoding?: string;
}

/** The source of the values of one parameter. File paths are absolute. */
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
      /** Version 0.1 stored none: its lists keep the meaning that they had. */
      readonly rules?: ListRules;
    };

export const COUNTRY_FORMS = ['slug', 'name', 'alpha2', 'alpha3'] as const;
export type CountryForm = (typeof COUNTRY_FORMS)[number];

/**
 * A validated crawl file. It is a plain JSON value, so a batch can be expanded again from Redis.
 */
export interface Crawl {
  readonly plan: Plan;
  readonly sources: readonly ParameterSource[];
  readonly combine: 'product' | 'zip';
}
