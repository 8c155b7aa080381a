import { parseArgs } from 'node:util';

export interface Options {
  /** Benchmarks, in the order in which they run. */
  readonly names: readonly string[];
  /** Runs of every contender that count. @default 5, and 1 for a look */
  readonly rounds: number;
  /** A look at a quarter of the work; nothing in RESULTS.md changes. @default false */
  readonly isQuick: boolean;
  /** Leave out what was measured at this commit already. @default false */
  readonly isResumed: boolean;
  /** End with status 1 when a bar is missed. @default false */
  readonly isChecked: boolean;
}

export const USAGE = `npm run bench -- [NAME…] [--quick] [--rounds N] [--resume] [--check]

  all (the default) or names of benchmarks; report only writes RESULTS.md again from what was measured
  --quick      a quarter of the work, one round, and only printed
  --rounds N   runs of every contender that count (default: 5)
  --resume     leave out what was measured at this commit already
  --check      exit status 1 if a bar is missed
`;

/** @param known all names there are; @param usual those that "all" stands for. @throws Error with what is wrong, for people */
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
    throw new Error(`there is no benchmark "${unknown}": all, ${known.join(', ')}`);
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
