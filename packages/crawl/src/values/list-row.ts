import type { ListRules, ParameterSource } from '../model/plan.ts';
import type { ValueCheck } from '../model/dot-segments.ts';
import { trimInvisible } from './invisible.ts';

export type ListFile = Extract<ParameterSource, { kind: 'file' }>;

/** Called for every row without a valid value. It may throw to stop the reading. */
export type RowProblem = (line: number, message: string) => void;

export interface ReadOptions {
  readonly onProblem: RowProblem;
  /** What is wrong with a value for the template. @default nothing */
  readonly problemOf?: ValueCheck | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A slice packs 50 values: longer ones would make jobs too large for Redis. */
export const MAX_VALUE_LENGTH = 8192;

/**
 * How version 0.1 read every list. A batch or schedule that it stored names no rules, and must go
 * on to mean the same fetches.
 */
const RULES_OF_0_1: ListRules = { trim: false, blank: 'refuse' };

export function rulesOf({ rules }: ListFile): ListRules {
  return rules ?? RULES_OF_0_1;
}

/** Whether version 0.1 stored the list: it split lines at \n, and CSV rows like the first one. */
export function isFromVersion01({ rules }: ListFile): boolean {
  return rules === undefined;
}

interface RowRules extends Pick<ReadOptions, 'onProblem' | 'problemOf'> {
  readonly rules: ListRules;
}

/**
 * The value of a row by the rules of its list; undefined if it is left out or reported.
 *
 * @param text as it stands in the file
 */
export function valueOf(
  text: string,
  line: number,
  { rules, onProblem, problemOf }: RowRules,
): string | undefined {
  const value = rules.trim ? trimInvisible(text) : text;
  if (value === '' && rules.blank !== 'keep') {
    if (rules.blank === 'refuse') {
      const ways = 'blank: skip leaves such rows out, blank: keep takes them as empty values';
      onProblem(line, `the value is empty; ${ways}`);
    }
    return undefined;
  }
  if (value.length > MAX_VALUE_LENGTH) {
    onProblem(line, `the value is longer than ${MAX_VALUE_LENGTH} characters`);
    return undefined;
  }
  if (value.includes('\0')) {
    onProblem(line, 'the value has a NUL character; if the file is UTF-16, say so in encoding:');
    return undefined;
  }
  const problem = problemOf?.(value);
  if (problem !== undefined) {
    onProblem(line, problem);
    return undefined;
  }
  return value;
}
