import type { Fault } from './nemesis/fault.ts';
import type { Tally } from './nemesis/nemesis.ts';
import type { Breach } from './trace.ts';

export interface Outcome {
  readonly seed: number;
  readonly faults: readonly Fault[];
  /** Reasons why faults were left out, by name. */
  readonly leftOut: ReadonlyMap<string, string>;
  readonly tally: Tally;
  readonly breaches: readonly Breach[];
  /** Whether it was ended before its last round was checked. */
  readonly wasInterrupted: boolean;
  readonly batches: number;
  readonly requests: number;
  /** The folder with logs, if it is kept. */
  readonly folder: string | undefined;
}

/** What was injected and what was found, as lines for a terminal. */
export function report(outcome: Outcome): readonly string[] {
  const { faults, leftOut, tally, breaches, seed, folder } = outcome;
  const width = Math.max(...faults.map(({ name }) => name.length));
  const rows = faults.map(({ name, title }) => {
    const reason = leftOut.get(name);
    const times = reason === undefined ? String(tally.get(name) ?? 0) : '-';
    const left = reason === undefined ? '' : `: left out, ${reason}`;
    return `${name.padEnd(width)} ${times.padStart(5)}  ${title}${left}`;
  });
  const all = [...tally.values()].reduce((sum, times) => sum + times, 0);
  return [
    `${'fault'.padEnd(width)} times`,
    ...rows,
    '',
    `seed ${seed}: ${all} faults, ${outcome.batches} batches, ${outcome.requests} requests`,
    ...(outcome.wasInterrupted ? ['interrupted: the last round was not checked'] : []),
    ...(breaches.length === 0 ? ['every invariant held'] : found(breaches)),
    ...(folder === undefined ? [] : [`trace and logs: ${folder}`]),
  ];
}

function found(breaches: readonly Breach[]): readonly string[] {
  const byInvariant = Map.groupBy(breaches, ({ invariant }) => invariant);
  return [...byInvariant].flatMap(([invariant, own]) => [
    `broken ${own.length} times: ${invariant}`,
    ...own.slice(0, 3).map(({ detail, atMs }) => `  at ${(atMs / 1000).toFixed(0)} s: ${detail}`),
  ]);
}
