import { type Spread, spreadOf, spreadOfKnown } from './statistics.ts';

/** One run of one contender. CPU time is in microseconds, of all its fetches together; undefined where it cannot be read. */
export interface Sample {
  readonly fetches: number;
  readonly seconds: number;
  /** Of the processes that fetch. */
  readonly cpuMicros?: number | undefined;
  readonly redisMicros?: number | undefined;
  /** Resident memory of the processes that fetch, at the end. */
  readonly rssBytes?: number | undefined;
}

export interface Contender {
  readonly name: string;
  /** Fetches of one run: enough for a second or more. */
  readonly fetches: number;
  run(fetches: number): Promise<Sample>;
  /** Fetches before every round, which do not count. @default a quarter of a run; 0 for what warms up by itself */
  readonly warmUp?: number;
}

/** All runs of one contender, in the order of the rounds. */
export interface Score {
  readonly name: string;
  readonly samples: readonly Sample[];
}

const WARM_UP_SHARE = 1 / 4;

export interface ContestOptions {
  readonly rounds: number;
  /** Told of every run. */
  readonly onRun?: (name: string, sample: Sample) => void;
}

/**
 * A, B, C, A, B, C, …: what disturbs the machine for a while disturbs all of them. Whoever has rested meanwhile is warmed up again:
 * its connections are closed by then.
 */
export async function compete(
  contenders: readonly Contender[],
  { rounds, onRun }: ContestOptions,
): Promise<Score[]> {
  const samples = new Map(contenders.map((contender) => [contender, [] as Sample[]]));
  for (let round = 0; round < rounds; round++) {
    for (const [contender, own] of samples) {
      const warmUp = contender.warmUp ?? Math.ceil(contender.fetches * WARM_UP_SHARE);
      if (warmUp > 0) {
        await contender.run(warmUp);
      }
      const sample = await contender.run(contender.fetches);
      onRun?.(contender.name, sample);
      own.push(sample);
    }
  }
  return [...samples].map(([{ name }, own]) => ({ name, samples: own }));
}

export function scoreNamed(scores: readonly Score[], name: string): Score | undefined {
  return scores.find((score) => score.name === name);
}

export function rateOf(score: Score): Spread | undefined {
  return spreadOf(score.samples.map(speed));
}

/** Microseconds of CPU for each fetch. */
export function cpuOf(score: Score): Spread | undefined {
  return spreadOfKnown(score.samples.map(({ cpuMicros, fetches }) => each(cpuMicros, fetches)));
}

export function redisCpuOf(score: Score): Spread | undefined {
  return spreadOfKnown(score.samples.map(({ redisMicros, fetches }) => each(redisMicros, fetches)));
}

export function rssOf(score: Score): Spread | undefined {
  return spreadOfKnown(score.samples.map(({ rssBytes }) => rssBytes));
}

/** How many times as fast, round by round: neighbours in time are compared. */
export function ratioOf(score: Score | undefined, base: Score | undefined): Spread | undefined {
  if (score === undefined || base === undefined) {
    return undefined;
  }
  return spreadOf(
    score.samples.flatMap((sample, round) => {
      const other = base.samples[round];
      return other === undefined ? [] : [speed(sample) / speed(other)];
    }),
  );
}

/** The speed as a share of what would be ideal, round by round. @param ideal fetches per second */
export function shareOf(score: Score | undefined, ideal: number): Spread | undefined {
  return score && spreadOf(score.samples.map((sample) => speed(sample) / ideal));
}

function speed({ fetches, seconds }: Sample): number {
  return fetches / seconds;
}

function each(whole: number | undefined, fetches: number): number | undefined {
  return whole === undefined ? undefined : whole / fetches;
}
