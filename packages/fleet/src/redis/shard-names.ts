import { createHash } from 'node:crypto';

/** Slots of a cluster. */
const SLOTS = 16_384;
/** How far the slot of a shard may be from its place. A few hundred tags are tried for that. */
const NEAR = 32;
/** Of the id of a batch; random parts of ids are longer. */
const SHARD_IN_ID = /-s([1-9]\d?)$/;

/** More would only be more to ask: a fleet needs one for each core that Redis has for it. */
export const MAX_SHARDS = 64;

/** The shard that a batch id names; 0 if it names none. */
export function shardInId(batch: string): number {
  return Number(SHARD_IN_ID.exec(batch)?.[1] ?? 0);
}

/** A batch id that names its shard. Those of shard 0 are as they are. */
export function idInShard(batch: string, shard: number): string {
  return shard === 0 ? batch : `${batch}-s${shard}`;
}

/** The shard of what has a name and no number in it. */
export function shardOfName(name: string, shards: number): number {
  return shards === 1 ? 0 : createHash('sha256').update(name).digest().readUInt32BE() % shards;
}

/**
 * The hash tags of the shards of a fleet. The first is its name. The slots of the others are spread
 * evenly from there, so that masters with equal shares of the slots have equal shares of the
 * shards: tags that are only numbered may all be on one master.
 */
export function shardTags(fleet: string, shards: number): string[] {
  const first = slotOf(fleet);
  return Array.from({ length: shards }, (_, at) =>
    at === 0 ? fleet : tagNear(`${fleet}:${at}`, first + (at * SLOTS) / shards),
  );
}

function tagNear(prefix: string, place: number): string {
  for (let tries = 0; ; tries += 1) {
    const tag = `${prefix}-${tries}`;
    const distance = Math.abs(slotOf(tag) - (place % SLOTS));
    if (Math.min(distance, SLOTS - distance) <= NEAR) {
      return tag;
    }
  }
}

/** The slot of keys with this hash tag: CRC16 (XMODEM), as the specification of clusters has it. */
function slotOf(tag: string): number {
  let crc = 0;
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
    }
    crc &= 0xffff;
  }
  return crc % SLOTS;
}
