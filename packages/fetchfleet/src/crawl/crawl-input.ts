/* Made from crawl.schema.json by scripts/crawl-input.mjs. */
/* oxlint-disable typescript/no-redundant-type-constituents -- they say what is usual */

export type Parameter = Values | Countries | Range | File | Batch;
/**
 * @minItems 1
 */
export type Values = [string | number | boolean, ...(string | number | boolean)[]];
export type Receiver =
  | ReceiverUrl
  | {
      url: ReceiverUrl;
      /**
       * ${env:NAME}: what requests are signed with (Standard Webhooks).
       */
      secret?: string;
      /**
       * What is told. Default: finished, cancelled and failed-to-start.
       */
      on?: NotifyEvent | [NotifyEvent, ...NotifyEvent[]];
      /**
       * The share of all fetches that have failed at which failures is told.
       */
      failures?: string;
      /**
       * Default: slack for hooks.slack.com, else webhook.
       */
      format?: 'webhook' | 'slack';
    };
/**
 * http or https. A URL that is a secret itself is written ${env:NAME}.
 */
export type ReceiverUrl = string;
export type NotifyEvent = 'finished' | 'cancelled' | 'failed-to-start' | 'failures';

/**
 * What to fetch, and how politely.
 */
export interface CrawlInput {
  /**
   * a-z, 0-9 and -, at most 63 characters. Batch ids begin with it. Default: the name of the file.
   */
  name?: string | number;
  /**
   * An email address or http(s) URL of the people behind the crawl, sent in the User-Agent.
   */
  contact?: string;
  /**
   * An RFC 6570 template. Parameters may stand anywhere, also in host and port.
   */
  url?: string;
  /**
   * Whole URLs instead of url and params: a list, or a list file.
   */
  urls?: [string, ...string[]] | File;
  rows?: Rows;
  /**
   * The values of every parameter. The first parameter is the outermost loop.
   */
  params?: {
    [k: string]: Parameter;
  };
  /**
   * product: every combination. zip: lists of equal length, read side by side.
   */
  combine?: 'product' | 'zip';
  /**
   * The method of the requests. Default: GET, or POST with a body.
   */
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /**
   * The body of the requests, with {{name}} for values of parameters: one of json, form and text.
   */
  body?: {
    /**
     * A value that is sent as JSON. {{name|json}} is a value as JSON.
     */
    json?: {
      [k: string]: unknown;
    };
    /**
     * Names with texts, or with lists of texts.
     */
    form?: {
      [k: string]: string | number | boolean | (string | number | boolean)[];
    };
    /**
     * A text.
     */
    text?: string | number | boolean;
  };
  /**
   * false sends no Idempotency-Key with POST and PATCH.
   */
  idempotencyKey?: boolean;
  /**
   * Sent with every fetch. A secret is written ${env:NAME}: workers send the variables that
   * they were told to.
   */
  headers?: {
    [k: string]: string | number | boolean;
  };
  /**
   * The limits of every origin, for the whole fleet together.
   */
  politeness?: {
    /**
     * Starts per origin: N/s, N/m, N/h or unlimited.
     */
    rate?: string;
    /**
     * The same as rate, as the time between two starts: 200ms is 5/s.
     */
    delay?: string;
    /**
     * Starts that may happen at once before rate spaces them.
     */
    burst?: number;
    /**
     * Fetches in flight per origin, or unlimited.
     */
    concurrency?: number | 'unlimited';
    /**
     * Whether robots.txt is obeyed (RFC 9309).
     */
    robots?: 'obey' | 'ignore';
    /**
     * How long an origin may refuse a fetch before the fetch fails. Written 500ms, 30s, 5m or 1h.
     */
    patience?: string;
  };
  /**
   * When a fetch is tried again.
   */
  retry?: {
    /**
     * Attempts of a fetch, the first included.
     */
    attempts?: number;
    /**
     * The upper bound of the first random delay. It doubles with every attempt. Written 500ms,
     * 30s, 5m or 1h.
     */
    backoff?: string;
    /**
     * The most that doubling makes of the delay. Written 500ms, 30s, 5m or 1h.
     */
    maxBackoff?: string;
    /**
     * Statuses that are tried again, instead of 408, 425 and 5xx.
     */
    on?: number | string | [number | string, ...(number | string)[]];
  };
  /**
   * The limits of one fetch.
   */
  limits?: {
    /**
     * From the start to the last byte, redirects included. Written 500ms, 30s, 5m or 1h.
     */
    timeout?: string;
    /**
     * The largest body, decompressed. Written 64KiB, 1MB or 10MiB.
     */
    body?: string;
    /**
     * Redirects that are followed.
     */
    redirects?: number;
  };
  /**
   * Requests of one fetch, one after the other. Each page is a record.
   */
  paginate?: {
    /**
     * Where the next page is: link, a value in the answer, or a counter.
     */
    next:
      | 'link'
      | {
          /**
           * A URL in the answer, or with query or json a value for the next request.
           */
          select?: string;
          /**
           * The parameter of the query that is set to the value.
           */
          query?: string | number | boolean;
          /**
           * The place in the JSON body that is set to the value: variables.cursor.
           */
          json?: string | number | boolean;
          /**
           * The first number of a counter.
           */
          from?: number;
          /**
           * What is added for each page.
           */
          step?: number;
        };
    /**
     * A condition that holds for the last page.
     */
    until?: {
      /**
       * The list that it selects is empty, or missing.
       */
      empty?: string;
      /**
       * It selects nothing, or null.
       */
      missing?: string;
      /**
       * It selects false.
       */
      false?: string;
      /**
       * It selects true.
       */
      true?: string;
    };
    /**
     * Pages of one fetch.
     */
    max?: number;
  };
  /**
   * Which answers are ok.
   */
  expect?: {
    /**
     * Statuses that are ok: [200-299, 404].
     */
    status?: number | string | [number | string, ...(number | string)[]];
    /**
     * Must select something in the body that is not null.
     */
    has?: string;
    /**
     * Must select nothing, or null only.
     */
    hasNot?: string;
  };
  /**
   * What records have of an answer.
   */
  keep?: {
    /**
     * Headers of the answer: a list of names, or all.
     */
    headers?: 'all' | string[];
    /**
     * none leaves the body of an ok answer out.
     */
    body?: 'full' | 'none';
    /**
     * Of the body of an ok answer, records have only what it selects.
     */
    select?: string;
  };
  /**
   * Fetches again only what has changed since the last finished batch of this name.
   */
  revalidate?: boolean;
  /**
   * Which addresses the crawl may connect to, besides public ones.
   */
  network?: {
    /**
     * Allows loopback and private addresses, if the worker allows them too.
     */
    allowPrivate?: boolean;
    /**
     * Further ranges, as CIDR.
     */
    allow?: string[];
    /**
     * One proxy, a list that is used in turn, or env. The worker must allow it.
     */
    proxy?: 'env' | string | [string, ...string[]];
    /**
     * Certificates that are trusted.
     */
    tls?: {
      /**
       * A PEM file with further authorities.
       */
      ca?: string;
      /**
       * true checks no certificate, where the worker allows it.
       */
      insecure?: boolean;
    };
  };
  /**
   * What requests are authorized by: one of basic, bearer and oauth2.
   */
  auth?: {
    /**
     * User and password.
     */
    basic?: {
      /**
       * No colon.
       */
      user: string | number | boolean;
      /**
       * ${env:NAME}: a variable of the workers.
       */
      password: string;
    };
    /**
     * A token that does not expire: ${env:NAME}.
     */
    bearer?: string;
    /**
     * A client that gets tokens (RFC 6749, 4.4).
     */
    oauth2?: {
      tokenUrl: string;
      clientId: string | number | boolean;
      /**
       * ${env:NAME}: a variable of the workers.
       */
      clientSecret: string;
      scope?: string | number | boolean;
      audience?: string | number | boolean;
      /**
       * How the client proves who it is.
       */
      style?: 'basic' | 'form';
    };
  };
  /**
   * Who is told by HTTP when a batch ends: a URL, a receiver, or a list of them.
   */
  notify?:
    | Receiver
    | [Receiver]
    | [Receiver, Receiver]
    | [Receiver, Receiver, Receiver]
    | [Receiver, Receiver, Receiver, Receiver]
    | [Receiver, Receiver, Receiver, Receiver, Receiver]
    | [Receiver, Receiver, Receiver, Receiver, Receiver, Receiver]
    | [Receiver, Receiver, Receiver, Receiver, Receiver, Receiver, Receiver]
    | [Receiver, Receiver, Receiver, Receiver, Receiver, Receiver, Receiver, Receiver]
    | [Receiver, Receiver, Receiver, Receiver, Receiver, Receiver, Receiver, Receiver, Receiver]
    | [
        Receiver,
        Receiver,
        Receiver,
        Receiver,
        Receiver,
        Receiver,
        Receiver,
        Receiver,
        Receiver,
        Receiver,
      ];
  /**
   * How much of the workers the batch gets beside others.
   */
  priority?: 'low' | 'normal' | 'high';
}
/**
 * A list file: a column of a .csv file, a key of the objects of an .ndjson file, or the
 * lines of a .txt file.
 */
export interface File {
  /**
   * A .csv, .txt or .ndjson file, relative to the crawl file, or at an http(s) URL.
   */
  file: string;
  /**
   * Column of a .csv file, or key of the objects of an .ndjson file.
   */
  column?: string | number | boolean;
  /**
   * false keeps the blanks around a value.
   */
  trim?: boolean;
  /**
   * A row whose value is empty: an error with its line, an empty value, or left out.
   */
  blank?: 'refuse' | 'keep' | 'skip';
  /**
   * Lines that begin with this are left out.
   */
  comment?: string | number;
  /**
   * One character between the cells of a CSV file.
   */
  delimiter?: string | number;
  /**
   * A name of the Encoding Standard, such as windows-1252. Default: what a byte order mark
   * says, or UTF-8.
   */
  encoding?: string;
}
/**
 * A list file whose rows give several parameters a value at once.
 */
export interface Rows {
  /**
   * A .csv, .txt or .ndjson file, relative to the crawl file, or at an http(s) URL.
   */
  file: string;
  /**
   * Parameters and their columns, or a list of columns that are named like parameters.
   */
  columns:
    | {
        [k: string]: string | number | boolean;
      }
    | [string | number, ...(string | number)[]];
  /**
   * Parameters that may be blank.
   */
  optional?: (string | number)[];
  /**
   * false keeps the blanks around a value.
   */
  trim?: boolean;
  /**
   * A row whose value is empty: an error with its line, an empty value, or left out.
   */
  blank?: 'refuse' | 'keep' | 'skip';
  /**
   * Lines that begin with this are left out.
   */
  comment?: string | number;
  /**
   * One character between the cells of a CSV file.
   */
  delimiter?: string | number;
  /**
   * A name of the Encoding Standard, such as windows-1252. Default: what a byte order mark
   * says, or UTF-8.
   */
  encoding?: string;
}
/**
 * Every country of ISO 3166-1.
 */
export interface Countries {
  /**
   * How a country is written.
   */
  countries: 'slug' | 'name' | 'alpha2' | 'alpha3';
}
/**
 * Whole numbers, both ends included.
 */
export interface Range {
  from: number;
  to: number;
  /**
   * What is added; a negative number counts down.
   */
  step?: number;
  /**
   * The least number of digits, filled up with zeros.
   */
  pad?: number;
}
/**
 * Values out of the records of an earlier batch.
 */
export interface Batch {
  /**
   * The id of a batch, or the name of a crawl: its latest finished batch.
   */
  batch: string | number;
  /**
   * Selects the values in each body.
   */
  select: string;
  /**
   * true leaves out values that were there before.
   */
  unique?: boolean;
  /**
   * A row whose value is empty: an error with its line, an empty value, or left out.
   */
  blank?: 'refuse' | 'keep' | 'skip';
}
