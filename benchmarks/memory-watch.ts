import { residentBytes } from './process-usage.ts';

/** One sample: the time (ms since the start of the watch) and the resident memory in bytes. */
export type MemorySample = readonly [at: number, bytes: number];

/** Samples the resident memory of some processes. */
export class MemoryWatch {
  readonly #samples = new Map<string, MemorySample[]>();
  readonly #pids = new Map<string, number>();
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;

  /**
   * @param extra other sizes in bytes to sample, by name
   * @param intervalMs @default 200
   */
  constructor(extra: Readonly<Record<string, () => Promise<number>>> = {}, intervalMs = 200) {
    const sample = async (): Promise<void> => {
      const reads = [
        ...[...this.#pids].map(([name, pid]) => [name, residentBytes(pid)] as const),
        ...Object.entries(extra).map(([name, read]) => [name, read()] as const),
      ];
      await Promise.all(reads.map(async ([name, bytes]) => this.#add(name, await bytes)));
    };
    this.#timer = setInterval(() => void sample().catch(() => this.stop()), intervalMs);
  }

  add(name: string, pid: number): void {
    this.#pids.set(name, pid);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  samples(name: string): readonly MemorySample[] {
    return this.#samples.get(name) ?? [];
  }

  /** The largest sample; undefined without samples. */
  most(name: string): number | undefined {
    const own = this.samples(name);
    return own.length === 0 ? undefined : Math.max(...own.map(([, bytes]) => bytes));
  }

  #add(name: string, bytes: number | undefined): void {
    if (bytes === undefined) {
      return;
    }
    const own = this.#samples.get(name) ?? [];
    this.#samples.set(name, own);
    own.push([performance.now() - this.#startedAt, bytes]);
  }
}

/**
 * The growth of memory in the second half of the time, as a share of its mean: the slope of a
 * straight line through the samples, which ignores the sawtooth of the garbage collector. The heap
 * of a worker at full speed reaches its size after half a minute.
 *
 * @returns undefined with too few samples
 */
export function growthAfterWarmUp(samples: readonly MemorySample[]): number | undefined {
  const first = samples[0]?.[0] ?? 0;
  const last = samples.at(-1)?.[0] ?? 0;
  const from = first + (last - first) / 2;
  const late = samples.filter(([at]) => at >= from);
  if (late.length < 3) {
    return undefined;
  }
  const mean = (pick: 0 | 1): number => late.reduce((sum, one) => sum + one[pick], 0) / late.length;
  const [meanAt, meanBytes] = [mean(0), mean(1)];
  const across = late.reduce((sum, [at, bytes]) => sum + (at - meanAt) * (bytes - meanBytes), 0);
  const along = late.reduce((sum, [at]) => sum + (at - meanAt) ** 2, 0);
  return ((across / along) * (last - from)) / meanBytes;
}
