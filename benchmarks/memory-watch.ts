import { residentBytes } from './process-usage.ts';

/** One look at a process: when (ms of the watch) and its resident memory in bytes. */
export type MemorySample = readonly [at: number, bytes: number];

/** Looks at the resident memory of some processes, again and again. */
export class MemoryWatch {
  readonly #samples = new Map<string, MemorySample[]>();
  readonly #pids = new Map<string, number>();
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;

  /** @param extra other sizes in bytes to look at, by name. @param intervalMs @default 200 */
  constructor(extra: Readonly<Record<string, () => Promise<number>>> = {}, intervalMs = 200) {
    const look = async (): Promise<void> => {
      const reads = [
        ...[...this.#pids].map(([name, pid]) => [name, residentBytes(pid)] as const),
        ...Object.entries(extra).map(([name, read]) => [name, read()] as const),
      ];
      await Promise.all(reads.map(async ([name, bytes]) => this.#add(name, await bytes)));
    };
    this.#timer = setInterval(() => void look().catch(() => this.stop()), intervalMs);
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

  /** The most that was seen; undefined if nothing was. */
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
 * By how much memory grew over the second half of the time, as a share of its mean: the slope of a straight line through the samples, so that
 * the teeth of the collector do not count. A worker at full speed takes half a minute until its heap has its size.
 *
 * @returns undefined where there are too few samples
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
