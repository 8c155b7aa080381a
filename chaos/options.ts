import { parseArgs } from 'node:util';

export interface Options {
  /** How long faults are injected. The checks at the end take some time more. */
  readonly minutes: number;
  readonly seed: number;
  /** Worker processes. */
  readonly workers: number;
  /** Names of the faults that may be injected; empty for all usual ones. */
  readonly faults: readonly string[];
  /** Folder of a built clone of the last release; without it nothing is upgraded. */
  readonly previous: string | undefined;
  /** Keeps logs and results of a run that has broken nothing as well. */
  readonly isKept: boolean;
  /** Prints the faults and ends. */
  readonly isList: boolean;
}

export const USAGE = `npm run chaos -- [--minutes N] [--seed S] [--fault NAME]… [--previous DIR] [--list]

  --minutes N      how long faults are injected (default: 5)
  --seed S         a whole number; it decides faults, times and batches (default: a random one)
  --fault NAME     only this fault; may be given several times
  --workers N      worker processes, 1 to 8 (default: 3)
  --previous DIR   a built clone of the last release: its workers are upgraded one by one
  --keep           keeps the folder with logs and results also if nothing was broken
  --list           print the faults
`;

const MAX_SEED = 2 ** 31 - 1;

/**
 * @param known the names of all faults
 * @throws Error with a message for people
 */
export function readOptions(args: readonly string[], known: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '5' },
      seed: { type: 'string' },
      fault: { type: 'string', multiple: true, default: [] },
      workers: { type: 'string', default: '3' },
      previous: { type: 'string' },
      keep: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
    },
  });
  const unknown = values.fault.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new Error(`there is no fault "${unknown}"; allowed: ${known.join(', ')}`);
  }
  const minutes = Number(values.minutes);
  if (!(minutes > 0 && minutes <= 24 * 60)) {
    throw new Error(`--minutes is a number above 0, at most 1440, not "${values.minutes}"`);
  }
  return {
    minutes,
    seed:
      values.seed === undefined
        ? Math.floor(Math.random() * MAX_SEED)
        : wholeNumber('--seed', values.seed, { from: 0, to: MAX_SEED }),
    workers: wholeNumber('--workers', values.workers, { from: 1, to: 8 }),
    faults: values.fault,
    previous: values.previous,
    isKept: values.keep,
    isList: values.list,
  };
}

function wholeNumber(
  flag: string,
  text: string,
  { from, to }: { readonly from: number; readonly to: number },
): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= from && value <= to) {
    return value;
  }
  throw new Error(`${flag} is a whole number from ${from} to ${to}, not "${text}"`);
}
