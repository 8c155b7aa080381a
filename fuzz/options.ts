import { parseArgs } from 'node:util';

export interface Options {
  /** Targets, in the order in which they take turns. */
  readonly names: readonly string[];
  /** Of the first turn; those that follow are counted up from it. */
  readonly seed: number;
  /** Minutes for all targets together; undefined if `runs` counts. */
  readonly minutes: number | undefined;
  /** Inputs for each target; undefined if `minutes` counts. */
  readonly runs: number | undefined;
  /** Where in the inputs of a seed to begin: what a failure prints. */
  readonly path: string | undefined;
  /** Prints the targets and ends. */
  readonly isList: boolean;
}

export const USAGE = `npm run fuzz -- [--minutes N] [--target NAME]… [--seed S] [--list]

  --minutes N      how long, for all targets together (default: 5)
  --target NAME    only this target; may be given several times
  --seed S         a whole number; the same seed gives the same inputs (default: a random one)
  --path P         with one --target and --seed: only the input that a failure has printed
  --runs N         so many inputs for each target, instead of --minutes
  --list           print the targets
`;

const MAX_SEED = 2 ** 31 - 1;

/**
 * @param known the names of all targets
 * @throws Error with a message for people
 */
export function readOptions(args: readonly string[], known: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string' },
      target: { type: 'string', multiple: true, default: [] },
      seed: { type: 'string' },
      path: { type: 'string' },
      runs: { type: 'string' },
      list: { type: 'boolean', default: false },
    },
  });
  const { target: wanted, seed, path } = values;
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new Error(`there is no target "${unknown}"; allowed: ${known.join(', ')}`);
  }
  if (values.minutes !== undefined && values.runs !== undefined) {
    throw new Error('--minutes and --runs exclude each other');
  }
  if (path !== undefined && (wanted.length !== 1 || seed === undefined)) {
    throw new Error('--path needs one --target and the --seed of the failure');
  }
  if (path !== undefined && !/^\d+(?::\d+)*$/.test(path)) {
    throw new Error(`--path is numbers with ":" between them, not "${path}"`);
  }
  const isCounted = values.runs !== undefined || path !== undefined;
  return {
    names: wanted.length === 0 ? known : wanted,
    seed:
      seed === undefined
        ? Math.floor(Math.random() * MAX_SEED)
        : wholeNumber('--seed', seed, { from: 0, to: MAX_SEED }),
    minutes: isCounted ? undefined : positive('--minutes', values.minutes ?? '5'),
    runs: isCounted ? wholeNumber('--runs', values.runs ?? '1', { from: 1, to: 1e9 }) : undefined,
    path,
    isList: values.list,
  };
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) {
    return value;
  }
  throw new Error(`${flag} is a number above 0, not "${text}"`);
}

function wholeNumber(
  flag: string,
  text: string,
  { from, to }: { readonly from: number; readonly to: number },
): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= from && value <= to) {
    return value;
  }
  throw new Error(`${flag} is a whole number from ${from} to ${to}, not "${text}"`);
}
