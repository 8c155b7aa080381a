import { isBatchId } from '../model/batch-id.ts';
import {
  isContentHash,
  isEtag,
  isHttpDate,
  isVaryNames,
  type KnownAnswer,
} from '../revalidate/validators.ts';
import type { KnownEntry, KnownInSlice, PendingFetch } from './slice.ts';

const NONE = -1;

/** Undefined if nothing is known of any fetch. @param sorted in index order */
export function packKnown(sorted: readonly PendingFetch[]): KnownInSlice | undefined {
  const texts: string[] = [];
  const numberOf = (text: string | undefined): number => {
    if (text === undefined) {
      return NONE;
    }
    const found = texts.indexOf(text);
    return found < 0 ? texts.push(text) - 1 : found;
  };
  const answers = sorted.flatMap(({ known }, position): KnownEntry[] => {
    if (known === undefined) {
      return [];
    }
    const { at, hash, etag = '', lastModified, vary } = known;
    const batch = numberOf(at.batch);
    return [[position, batch, at.index, hash, etag, numberOf(lastModified), numberOf(vary)]];
  });
  return answers.length === 0 ? undefined : { texts, answers };
}

/** By position. */
export function unpackKnown({ texts, answers }: KnownInSlice): ReadonlyMap<number, KnownAnswer> {
  return new Map(
    answers.map(([position, batch, index, hash, etag, lastModified, vary]) => [
      position,
      {
        hash,
        ...(etag !== '' && { etag }),
        ...(lastModified !== NONE && { lastModified: texts[lastModified] }),
        ...(vary !== NONE && { vary: texts[vary] }),
        at: { batch: texts[batch] ?? '', index },
      },
    ]),
  );
}

/**
 * Whether it is what {@link packKnown} makes. What it holds becomes headers of requests and part of
 * records, and other programs can write to the same Redis.
 *
 * @param count fetches in the slice
 */
export function isKnownInSlice(value: unknown, count: number): value is KnownInSlice {
  if (typeof value !== 'object' || value === null) {
    return false;
  }
  const { texts, answers } = value as { readonly [Key in keyof KnownInSlice]?: unknown };
  // A batch, a date and a `Vary` for each.
  if (!Array.isArray(texts) || !Array.isArray(answers) || texts.length > 3 * count) {
    return false;
  }
  let previous = -1;
  return answers.every((entry: unknown) => {
    if (!isEntry(entry, texts) || entry[0] <= previous || entry[0] >= count) {
      return false;
    }
    [previous] = entry;
    return true;
  });
}

function isEntry(entry: unknown, texts: readonly unknown[]): entry is KnownEntry {
  if (!Array.isArray(entry) || entry.length !== 7) {
    return false;
  }
  const [position, batch, index, hash, etag, lastModified, vary] = entry as readonly unknown[];
  const isTextOf = (at: unknown, is: (text: string) => boolean): boolean => {
    const text = isCount(at) ? texts[at] : undefined;
    return typeof text === 'string' && is(text);
  };
  return (
    isCount(position) &&
    isTextOf(batch, isBatchId) &&
    isCount(index) &&
    typeof hash === 'string' &&
    isContentHash(hash) &&
    typeof etag === 'string' &&
    (etag === '' || isEtag(etag)) &&
    (lastModified === NONE || isTextOf(lastModified, isHttpDate)) &&
    (vary === NONE || isTextOf(vary, isVaryNames))
  );
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
