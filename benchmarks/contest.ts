/** One run of one contender. */
export interface Sample {
  readonly fetches: number;
  readonly seconds: number;
  /** CPU time per fetch, in microseconds: of the process that fetches, and of Redis where it takes part. */
  readonly cpuMicros: number | undefined;
  readonly redisMicros?: number | undefined;
}

export interface Contender {
  readonly name: string;
  /** Fetches of one run: enough for a second or more. */
  readonly fetches: number;
  run(fetches: number): Promise<Sample>;
}

export interface Score {
  readonly name: string;
  /** Medians over the rounds. */
  readonly fetchesPerSecond: number;
  readonly cpuMicros: number | undefined;
  readonly redisMicros: number | undefined;
  readonly slowest: number;
  readonly fastest: number;
}

/** So much of a run goes before the first round: code is compiled, connections are open. */
const WARM_UP_SHARE = 1 / 4;

/** A, B, C, A, B, C, …: what disturbs the machine for a while disturbs all of them. */
export async function compete(contenders: readonly Contender[], rounds: number): Promise<Score[]> {
  const samples = new Map<Contender, Sample[]>();
  for (const contender of contenders) {
    await contender.run(Math.ceil(contender.fetches * WARM_UP_SHARE));
    samples.set(contender, []);
  }
  for (let round = 0; round < rounds; round++) {
    for (const [contender, own] of samples) own.push(await contender.run(contender.fetches));
  }
  return [...samples].map(([{ name }, own]) => scoreOf(name, own));
}

function scoreOf(name: string, samples: readonly Sample[]): Score {
  const rates = samples.map(({ fetches, seconds }) => fetches / seconds);
  return {
    name,
    fetchesPerSecond: median(rates) ?? 0,
    cpuMicros: median(samples.map(({ cpuMicros }) => cpuMicros)),
    redisMicros: median(samples.map(({ redisMicros }) => redisMicros)),
    slowest: Math.min(...rates),
    fastest: Math.max(...rates),
  };
}

function median(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined).toSorted((a, b) => a - b);
  return known[Math.floor(known.length / 2)];
}
