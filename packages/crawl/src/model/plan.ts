import type { NotifyTarget } from './notify.ts';
import type { Paginate } from './paginate.ts';
import type { StatusRange } from './status-ranges.ts';

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

/** How the fetches of a crawl connect. */
export interface Network extends NetworkPolicy {
  /**
   * Proxies, taken in turn, with secrets as names; or those that the environment of a worker names.
   * @default none, or what the worker sends everything through
   */
  readonly proxy?: readonly string[] | 'env';
  readonly tls?: {
    /** Certificates (PEM) of authorities that are trusted besides those that Node knows. */
    readonly ca?: string;
    /** Whether any certificate is accepted, if the worker allows that. @default false */
    readonly insecure?: true;
  };
}

/**
 * What every request to the crawl's own URLs is authorized by. Secrets are names.
 *
 * - `oauth2`: the client credentials of RFC 6749, section 4.4
 */
export type Auth =
  | { readonly basic: { readonly user: string; readonly password: string } }
  | { readonly bearer: string }
  | { readonly oauth2: ClientCredentials };

export interface ClientCredentials {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope?: string;
  readonly audience?: string;
  /** Where the client names itself. @default HTTP Basic, which every server must know */
  readonly style?: 'form';
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
    /** The most that doubling makes of it. @default 5 min */
    readonly maxBackoffMs?: number;
    /** Statuses that are tried again. @default 408, 425 and 5xx */
    readonly on?: readonly StatusRange[];
  };
  readonly limits: Limits;
  readonly network: Network;
  /** @default none */
  readonly auth?: Auth;
  /** How much of the fleet it gets beside other batches. @default as much as they */
  readonly priority?: 'low' | 'high';
  /** @default one request for each fetch */
  readonly paginate?: Paginate;
  /** @default every answer with a status below 400 is ok */
  readonly expect?: Expectation;
  /** @default the whole body and no headers */
  readonly keep?: Keep;
  /** Fetches again only what has changed since the last batch of this name. @default all */
  readonly revalidate?: true;
  /** What it is compared with; added when the batch is started. @default nothing */
  readonly comparedWith?: Comparison;
}

/**
 * Batches that the records of one batch may refer to. Each of them is kept as long as the records
 * are; what only further ones have is fetched anew.
 */
export const MAX_REFERENCES = 64;

/** An earlier batch, and where the bodies of its answers are. */
export interface Comparison {
  readonly batch: string;
  /** Batches that records may refer to, the one above included. */
  readonly refersTo: readonly string[];
}

/** Which answers are ok. Paths are JSONPath (RFC 9535). */
export interface Expectation {
  /** @default below 400 */
  readonly status?: readonly StatusRange[];
  /** Selects something that is not null. */
  readonly has?: string;
  /** Selects nothing but null. */
  readonly hasNot?: string;
}

/** What records keep of an answer. */
export interface Keep {
  /** Lower-case names. @default none */
  readonly headers?: readonly string[] | 'all';
  /** Leaves out the bodies of answers that are ok. */
  readonly body?: 'none';
  /** JSONPath of what is kept of the bodies of answers that are ok. */
  readonly select?: string;
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

/** Where the rows of a list file give a parameter its values. */
export interface RowColumn {
  readonly param: string;
  /** CSV column or NDJSON key; undefined for `.txt`. */
  readonly column?: string;
  /** Whether it may be blank, whatever the rules say; the value is empty then. @default false */
  readonly optional?: true;
}

/** The source of the values of one parameter, or of several. File paths are absolute. */
export type ParameterSource =
  | { readonly name: string; readonly kind: 'list'; readonly values: readonly string[] }
  | { readonly name: string; readonly kind: 'countries'; readonly form: CountryForm }
  | {
      readonly name: string;
      readonly kind: 'range';
      readonly from: number;
      readonly to: number;
      /** Not 0; negative counts down. @default 1 */
      readonly step?: number;
      /** Zeros fill numbers up to this many characters, the sign included. @default none */
      readonly pad?: number;
    }
  | {
      readonly name: string;
      readonly kind: 'file';
      readonly path: string;
      readonly format: 'csv' | 'txt' | 'ndjson';
      /** CSV column or NDJSON key; undefined for `.txt`. */
      readonly column?: string;
      /** Version 0.1 stored none: its lists keep the meaning that they had. */
      readonly rules?: ListRules;
    }
  | {
      /** Values that are taken out of the records of an earlier batch. */
      readonly name: string;
      readonly kind: 'batch';
      /** An id; in a crawl file also the name of a crawl, for its latest finished batch. */
      readonly batch: string;
      /** JSONPath. */
      readonly select: string;
      /** Whether a value that comes again is left out. @default false */
      readonly unique?: true;
      /** What is done with an empty text and null. @default 'refuse' */
      readonly blank?: ListRules['blank'];
    }
  | {
      /** Each row gives a value to every parameter of `columns`. */
      readonly kind: 'rows';
      readonly path: string;
      readonly format: 'csv' | 'txt' | 'ndjson';
      readonly columns: readonly RowColumn[];
      readonly rules: ListRules;
    };

export const COUNTRY_FORMS = ['slug', 'name', 'alpha2', 'alpha3'] as const;
export type CountryForm = (typeof COUNTRY_FORMS)[number];

/**
 * A part of the fetches: the first ones, or some of a total, spread evenly from the first to the
 * last one.
 */
export type Only = { readonly first: number } | { readonly spread: number; readonly of: number };

/**
 * A validated crawl file. It is a plain JSON value, so a batch can be expanded again from Redis.
 */
export interface Crawl {
  readonly plan: Plan;
  readonly sources: readonly ParameterSource[];
  readonly combine: 'product' | 'zip';
  /** The fetches to make; they are numbered anew. @default all */
  readonly only?: Only;
  /** Who is told of its batches. It changes no fetch. @default nobody */
  readonly notify?: readonly NotifyTarget[];
}
