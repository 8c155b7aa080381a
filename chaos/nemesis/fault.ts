import type { World } from '../fleet/world.ts';

/** Ends a fault. */
export type Heal = () => Promise<void>;

/** Numbers from 0 to 1 that the seed gives to each injection: what to break, and how long. */
export type Dice = readonly [number, number, number];

/** Something that goes wrong in real fleets. */
export interface Fault {
  readonly name: string;
  readonly title: string;
  /** Two faults of one group are never there together. */
  readonly group: 'process' | 'producer' | 'redis' | 'results' | 'origin' | 'clock' | 'command';
  /** How often it comes, beside the others. 0: only where it is asked for. */
  readonly weight: number;
  /** How long it stays, in ms. */
  readonly holdMs: readonly [from: number, to: number];
  /** For how long nothing else breaks after it began alone, so that recovery can be seen. */
  readonly recoveryMs?: number;
  /** A sentence if it cannot be injected on this machine. */
  readonly impossible?: (world: World) => string | undefined;
  /** @returns what ends it; undefined if there is nothing to break at the moment */
  inject(world: World, dice: Dice): Promise<Heal | undefined>;
}

/** The value that the dice choose; undefined if there is none. */
export function chosen<T>(values: readonly T[], die: number): T | undefined {
  return values[Math.floor(die * values.length)];
}

export const NOTHING: Heal = async () => undefined;
