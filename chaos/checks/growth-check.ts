import type { World } from '../fleet/world.ts';

/** What a fleet needs while it does nothing. */
export interface Sample {
  readonly memoryMiB: number;
  readonly descriptors: number;
  readonly redisKeys: number;
}

/** What may be more at the end: caches that fill, and what a busy machine has not cleared yet. */
const MORE: Readonly<Record<keyof Sample, (first: number) => number>> = {
  // V8 collects late while nothing else needs the memory: 15 MiB may be in use of 80. The thread
  // that writes records starts after 8 MiB of them, and takes 80 MiB.
  memoryMiB: (first) => first * 1.4 + 140,
  // A worker keeps up to 64 parts open that may be written again; the rest are connections.
  descriptors: (first) => first + 64 + 40,
  // History of origins and of the schedule, whose length is bounded. Without batches that are kept.
  redisKeys: (first) => first + 60,
};

const most = (values: readonly number[]): number => Math.round(Math.max(0, ...values));

/** Memory, descriptors and keys at quiet moments: they must not grow. */
export class Growth {
  readonly samples: Sample[] = [];

  async sample(world: World): Promise<void> {
    const footprints = world.slots.flatMap((slot) => slot.footprint() ?? []);
    const all = await world.redis.ask(async (client) => client.keys('*'));
    // A schedule of the last release keeps its batches for ever, as it was told.
    const kept = (await world.statuses()).map(({ batch }) => batch);
    const keys = all.filter((key) => !kept.some((batch) => key.includes(batch)));
    const sample = {
      memoryMiB: most(footprints.map(({ memoryMiB }) => memoryMiB)),
      descriptors: most(footprints.map(({ descriptors }) => descriptors)),
      redisKeys: keys.length,
    };
    this.samples.push(sample);
    world.trace.note(`quiet: ${JSON.stringify(sample)}`);
    world.trace.note(`keys: ${families(keys)}`);
  }

  /** Sentences about what has grown between the first and the last sample. */
  get problems(): readonly string[] {
    const [first] = this.samples;
    const last = this.samples.at(-1);
    if (first === undefined || last === undefined) {
      return [];
    }
    return (['memoryMiB', 'descriptors', 'redisKeys'] as const).flatMap((what) =>
      last[what] > MORE[what](first[what])
        ? [`${what} has grown from ${first[what]} to ${last[what]}`]
        : [],
    );
  }
}

/** How many keys there are of each kind: what says most about keys that stay. */
function families(keys: readonly string[]): string {
  const kinds = Map.groupBy(keys, (key) =>
    key.replace(/\{http[^}]*\}/, '{ORIGIN}').replace(/[\w-]+-\d{8}-\d{4}-\w+/, 'BATCH'),
  );
  return [...kinds].map(([kind, own]) => `${own.length} ${kind}`).join(', ');
}
