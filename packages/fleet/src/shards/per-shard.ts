import type { FleetKeys, ShardKeys } from '../redis/keys.ts';

/** All of them, beginning with another one each time: none waits for ever behind the others. */
export function inTurn<T>(all: readonly T[], turn: number): readonly T[] {
  const first = turn % all.length;
  return [...all.slice(first), ...all.slice(0, first)];
}

/** One of a kind for each shard, made when it is first asked for. */
export class PerShard<T> {
  readonly #keys: FleetKeys;
  readonly #create: (shard: ShardKeys) => T;
  readonly #made: T[] = [];

  constructor(keys: FleetKeys, create: (shard: ShardKeys) => T) {
    this.#keys = keys;
    this.#create = create;
  }

  /** That of the shard of a batch. */
  of(batch: string): T {
    return this.at(this.#keys.shardOf(batch));
  }

  at(shard: ShardKeys): T {
    return (this.#made[shard.index] ??= this.#create(shard));
  }

  /** Of every shard that the fleet has now. */
  all(): readonly T[] {
    return this.#keys.shards.map((shard) => this.at(shard));
  }

  /** Those that were made. */
  made(): readonly T[] {
    return this.#made.filter((one) => one !== undefined);
  }
}
