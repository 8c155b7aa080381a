import { isBatchId } from '../model/batch-id.ts';

/** Longer ones are not used: they wait in Redis, and are sent back. */
const MAX_ETAG = 256;
const MAX_VARY = 256;
/** RFC 9110: characters that may stand in an entity tag, as far as they are ASCII. */
const ETAG = /^(?:W\/)?"[\x21\x23-\x7e]*"$/;
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
const HEADER_NAMES = /^[!#$%&'*+.^_`|~0-9a-z-]+(?:,[!#$%&'*+.^_`|~0-9a-z-]+)*$/;
/** Of SHA-256 in base64url: two contents with the same 132 bits do not happen. */
export const HASH_LENGTH = 22;
const HASH = /^[\w-]{22}$/;

/** The record that has a body. */
export interface BodyPlace {
  readonly batch: string;
  readonly index: number;
}

/** What tells later whether an answer has changed. It is part of the record. */
export interface Validators {
  /** Hash of what was asked for: method, URL, body, and who asked. */
  readonly request: string;
  /** Hash of the whole body, decompressed. */
  readonly hash: string;
  /** As they came. */
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
  /** Headers of the request that the answer depends on. */
  readonly vary?: Varied | undefined;
}

interface Varied {
  /** In lower case, sorted, with commas between them. */
  readonly names: string;
  /** Hash of their values, in which secrets are names. */
  readonly hash: string;
}

/** What is known of the answer to a fetch since an earlier batch. Slices carry it. */
export interface KnownAnswer extends Pick<Validators, 'hash' | 'etag' | 'lastModified'> {
  /** Names of headers. */
  readonly vary?: string | undefined;
  /** Where its body is. */
  readonly at: BodyPlace;
}

export function isEtag(text: string): boolean {
  return text.length <= MAX_ETAG && ETAG.test(text);
}

export function isHttpDate(text: string): boolean {
  return HTTP_DATE.test(text);
}

/** Whether it is how {@link Validators.vary} writes names. */
export function isVaryNames(text: string): boolean {
  return text.length <= MAX_VARY && HEADER_NAMES.test(text);
}

export function isContentHash(text: string): boolean {
  return HASH.test(text);
}

/**
 * The names in a `Vary` header, as {@link Validators.vary} writes them; '' if there are none, and
 * undefined if it says `*` or cannot be read: then nobody can tell which requests are alike.
 */
export function readVary(header: string | undefined): string | undefined {
  const names = (header ?? '').split(',').map((name) => name.trim().toLowerCase());
  const sorted = [...new Set(names)].filter((name) => name !== '').toSorted();
  if (sorted.length === 0) {
    return '';
  }
  const text = sorted.join(',');
  return !sorted.includes('*') && isVaryNames(text) ? text : undefined;
}

/** Whether two entity tags mean the same content. The weak comparison of RFC 9110. */
export function isSameEtag(one: string, other: string): boolean {
  return one.replace(/^W\//, '') === other.replace(/^W\//, '');
}

/**
 * The validators of a record that was read back. Somebody may have edited it.
 *
 * @returns undefined if the record has none that can be used
 */
export function parseValidators(value: unknown): Validators | undefined {
  const { request, hash, etag, lastModified, vary } = fieldsOf(value);
  if (!isText(request, isContentHash) || !isText(hash, isContentHash)) {
    return undefined;
  }
  const { names, hash: values } = fieldsOf(vary);
  const isVaried = isText(names, isVaryNames) && isText(values, isContentHash);
  if (vary !== undefined && !isVaried) {
    return undefined;
  }
  return {
    request,
    hash,
    ...(isText(etag, isEtag) && { etag }),
    ...(isText(lastModified, isHttpDate) && { lastModified }),
    ...(isVaried && { vary: { names, hash: values } }),
  };
}

/** What `unchanged` of a record says that was read back; undefined if that is nothing. */
export function parseBodyPlace(value: unknown): BodyPlace | undefined {
  const { batch, index } = fieldsOf(value);
  const isIndex = typeof index === 'number' && Number.isSafeInteger(index) && index >= 0;
  return isText(batch, isBatchId) && isIndex ? { batch, index } : undefined;
}

function isText(value: unknown, is: (text: string) => boolean): value is string {
  return typeof value === 'string' && is(value);
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
