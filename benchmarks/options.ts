import { parseArgs } from 'node:util';

export interface Options {
  /** Benchmarks in the order in which they run. */
  readonly names: readonly string[];
  /** Measured runs per contender. @default 5, or 1 with --quick */
  readonly rounds: number;
  /** A quarter of the work, without a change of RESULTS.md. @default false */
  readonly isQuick: boolean;
  /** Skips the benchmarks that were measured at this commit. @default false */
  readonly isResumed: boolean;
  /** Exits with status 1 if a bar is missed. @default false */
  readonly isChecked: boolean;
}

export const USAGE = `npm run bench -- [NAME…] [--quick] [--rounds N] [--resume] [--check]

  all (the default) or names of benchmarks; report writes RESULTS.md again from the stored results
  --quick      a quarter of the work, one round, results are only printed
  --rounds N   measured runs per contender (default: 5)
  --resume     skip benchmarks that were measured at this commit
  --check      exit status 1 if a bar is missed
`;

/**
 * @param known all benchmark names
 * @param usual the names that "all" stands for
 * @throws Error with a message for people
 */
export function readOptions(
  args: readonly string[],
  { known, usual }: { readonly known: readonly string[]; readonly usual: readonly string[] },
): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      resume: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
    },
  });
  const unknown = positionals.find((name) => name !== 'all' && !known.includes(name));
  if (unknown !== undefined) {
    throw new Error(`there is no benchmark "${unknown}"; allowed: all, ${known.join(', ')}`);
  }
  const isAll = positionals.length === 0 || positionals.includes('all');
  return {
    names: isAll ? usual : positionals,
    rounds: positive('--rounds', values.rounds ?? (values.quick ? '1' : '5')),
    isQuick: values.quick,
    isResumed: values.resume,
    isChecked: values.check,
  };
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) {
    return value;
  }
  throw new Error(`${flag} is a whole number from 1, not "${text}"`);
}
