import { dirname, extname, resolve } from 'node:path';
import type { ListRules } from '../../model/plan.ts';
import type { ListFile } from '../../model/parameter-source.ts';
import type { Field } from '../../yaml/field.ts';
import { LIST_KEYS, readListRules } from './list-rules.ts';
import { readText } from '../../yaml/read-field.ts';

/** Keys of everything that has a list file. */
export const FILE_KEYS = ['file', ...LIST_KEYS] as const;

/** A list file and how it is read, apart from its columns. */
export interface ListPlace extends Pick<ListFile, 'path' | 'format'> {
  readonly rules: ListRules;
}

const FORMATS: readonly ListFile['format'][] = ['csv', 'txt', 'ndjson'];

/**
 * Reads the place of a list file and its rules.
 *
 * @param crawlFile the path that `file:` is relative to
 */
export function readListPlace(
  at: (key: (typeof FILE_KEYS)[number]) => Field | undefined,
  crawlFile: string,
): ListPlace | undefined {
  const file = readText(at('file'));
  if (file === undefined) {
    return undefined;
  }
  const url = /^https?:\/\//i.test(file) ? URL.parse(file) : null;
  const path = url === null ? resolve(dirname(crawlFile), file) : url.href;
  const ending = extname(url?.pathname ?? path).toLowerCase();
  const format = FORMATS.find((known) => ending === `.${known}`);
  if (format === undefined) {
    at('file')?.report(
      `${JSON.stringify(file)} has an unknown extension; allowed: .csv, .txt or .ndjson`,
    );
    return undefined;
  }
  return { path, format, rules: readListRules(at, format) };
}
