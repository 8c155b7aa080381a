import { type Spread, spreadOf, spreadOfKnown } from './statistics.ts';

/** One run of one contender. CPU time is in microseconds for all fetches; undefined if unknown. */
export interface Sample {
  readonly fetches: number;
  readonly seconds: number;
  /** CPU time of the fetching processes. */
  readonly cpuMicros?: number | undefined;
  readonly redisMicros?: number | undefined;
  /** Resident memory of the fetching processes at the end. */
  readonly rssBytes?: number | undefined;
}

export interface Contender {
  readonly name: string;
  /** Fetches per run: enough for at least a second. */
  readonly fetches: number;
  run(fetches: number): Promise<Sample>;
  /**
   * Fetches before every round, not measured. @default a quarter of a run; 0 if it warms itself up
   */
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
  /** Called after every run. */
  readonly onRun?: (name: string, sample: Sample) => void;
}

/**
 * Runs the contenders in turns (A, B, C, A, B, C, …), so a temporary disturbance affects all of
 * them. Every run starts with a warm-up, because idle connections are closed by then.
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

/** Microseconds of CPU per fetch. */
export function cpuOf(score: Score): Spread | undefined {
  return spreadOfKnown(score.samples.map(({ cpuMicros, fetches }) => each(cpuMicros, fetches)));
}

export function redisCpuOf(score: Score): Spread | undefined {
  return spreadOfKnown(score.samples.map(({ redisMicros, fetches }) => each(redisMicros, fetches)));
}

export function rssOf(score: Score): Spread | undefined {
  return spreadOfKnown(score.samples.map(({ rssBytes }) => rssBytes));
}

/** The ratio of two speeds for each round, so that only neighbours in time are compared. */
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

/** The speed as a share of the ideal for each round. @param ideal fetches per second */
export function shareOf(score: Score | undefined, ideal: number): Spread | undefined {
  return score && spreadOf(score.samples.map((sample) => speed(sample) / ideal));
}

function speed({ fetches, seconds }: Sample): number {
  return fetches / seconds;
}

function each(whole: number | undefined, fetches: number): number | undefined {
  return whole === undefined ? undefined : whole / fetches;
}
