import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type LinearFit, linearFit } from './linear-fit.ts';

const FILE = fileURLToPath(new URL('./slopes.json', import.meta.url));

/** How costs grow with one thing while everything else stays the same. */
export interface Family {
  /** What grows. */
  readonly per: Per;
  /** How it was measured, for people. */
  readonly about: string;
  /** The sizes that were measured. */
  readonly sizes: readonly number[];
  readonly fits: Readonly<Record<string, LinearFit>>;
}

export type Per =
  | 'fetch'
  | 'paced fetch'
  | 'origin'
  | 'HTTPS origin'
  | 'kilobyte of body'
  | 'batch'
  | 'pending fetch'
  | 'worker second'
  | 'fetch in flight';

/** The measured slopes: the one source of figures for the simulation and the documentation. */
export interface Slopes {
  /** ISO 8601. */
  readonly takenAt: string;
  readonly commit: string;
  readonly machine: readonly string[];
  readonly families: readonly Family[];
}

/** Fits a line to every figure. @param points a size, and the figures that were read there */
export function familyOf(
  named: { readonly per: Per; readonly about: string },
  points: readonly (readonly [size: number, figures: Readonly<Record<string, number>>])[],
): Family {
  const names = Object.keys(points[0]?.[1] ?? {});
  const fits = names.map((name) => {
    const own = points.map(([size, figures]) => [size, figures[name] ?? 0] as const);
    return [name, linearFit(own)] as const;
  });
  const sizes = [...new Set(points.map(([size]) => size))].toSorted((a, b) => a - b);
  return { ...named, sizes, fits: Object.fromEntries(fits) };
}

/** @throws Error for a figure that was not measured */
export function slopeOf({ families }: Slopes, per: Per, figure: string): number {
  const fit = families.find((family) => family.per === per)?.fits[figure];
  if (fit === undefined) {
    throw new Error(`slopes.json has no ${figure} per ${per}: measure it with "npm run slopes"`);
  }
  return fit.slope;
}

export async function readSlopes(): Promise<Slopes> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by writeSlopes()
  return JSON.parse(await readFile(FILE, 'utf8')) as Slopes;
}

export async function writeSlopes(slopes: Slopes): Promise<void> {
  await writeFile(FILE, `${JSON.stringify(slopes, undefined, 2)}\n`);
}
