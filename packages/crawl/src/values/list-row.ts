import type { ListRules, RowColumn } from '../model/plan.ts';
import type { ValueCheck } from '../request/dot-segments.ts';
import { columnsOf, type ListFile } from '../model/parameter-source.ts';
import { trimInvisible } from './invisible.ts';

/** One value for each parameter of a list. */
export type Row = readonly string[];

/** Called for every row without a valid value. It may throw to stop the reading. */
export type RowProblem = (line: number, message: string) => void;

export interface ReadOptions {
  readonly onProblem: RowProblem;
  /** What is wrong with a value for the template, by parameter. @default nothing */
  readonly checks?: ReadonlyMap<string, ValueCheck> | undefined;
  /** Parameters whose values are JSON instead of texts, see `jsonParameters`. @default none */
  readonly jsonParams?: ReadonlySet<string> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A slice packs 50 values: longer ones would make jobs too large for Redis. */
export const MAX_VALUE_LENGTH = 8192;
/** The same for all values of a row together. */
const MAX_ROW_LENGTH = 65_536;
/** What a text must not have. */
export const HALF_A_PAIR = 'half a surrogate pair, which is no character';

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

/** Turns the cells of a row into values by the rules of its list. */
export class RowReader {
  readonly columns: readonly RowColumn[];
  readonly #rules: ListRules;
  readonly #options: ReadOptions;

  constructor(file: ListFile, options: ReadOptions) {
    this.columns = columnsOf(file);
    this.#rules = rulesOf(file);
    this.#options = options;
  }

  /**
   * The values of a row; undefined if it is left out or reported.
   *
   * @param cells one for each column, as they stand in the file
   */
  read(cells: string[], line: number): string[] | undefined {
    const { trim, blank } = this.#rules;
    const values = trim ? cells.map(trimInvisible) : cells;
    if (blank === 'skip' && this.#hasBlank(values)) {
      return undefined;
    }
    let isUsable = true;
    let length = 0;
    let at = 0;
    for (const column of this.columns) {
      const value = values[at++] ?? '';
      const problem = this.#problemOf(value, column);
      if (problem !== undefined) {
        this.#report(line, column, problem);
        isUsable = false;
      }
      length += value.length;
    }
    if (length > MAX_ROW_LENGTH && isUsable) {
      this.#options.onProblem(line, `the row is longer than ${MAX_ROW_LENGTH} characters`);
      return undefined;
    }
    return isUsable ? values : undefined;
  }

  #report(line: number, { column }: RowColumn, problem: string): void {
    const isOneOfSeveral = this.columns.length > 1 && column !== undefined;
    const place = isOneOfSeveral ? `column ${JSON.stringify(column)}: ` : '';
    this.#options.onProblem(line, place + problem);
  }

  #hasBlank(values: readonly string[]): boolean {
    return this.columns.some(({ optional }, at) => optional !== true && values[at] === '');
  }

  #problemOf(value: string, { param, optional }: RowColumn): string | undefined {
    if (value === '' && optional !== true && this.#rules.blank !== 'keep') {
      return `the value is empty; ${this.#waysForBlanks(param)}`;
    }
    if (value.length > MAX_VALUE_LENGTH) {
      return `the value is longer than ${MAX_VALUE_LENGTH} characters`;
    }
    if (value.includes('\0')) {
      return 'the value has a NUL character; if the file is UTF-16, say so in encoding:';
    }
    if (!value.isWellFormed()) {
      return `the value has ${HALF_A_PAIR}`;
    }
    return this.#options.checks?.get(param)?.(value);
  }

  #waysForBlanks(param: string): string {
    const ways = 'blank: skip leaves such rows out, blank: keep takes them as empty values';
    return this.columns.length > 1 ? `${ways}, optional: [${param}] only here` : ways;
  }
}
