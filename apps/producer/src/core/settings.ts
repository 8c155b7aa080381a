import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { parseSettings } from '@fetchfleet/service';
import { z } from 'zod';
import type { Context } from './context.ts';

const wholeNumber = (max: number) =>
  z
    .string()
    .regex(/^\d+$/u, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(1).max(max));

const schema = z.object({
  workers: wholeNumber(64),
  concurrency: wholeNumber(10_000),
  transport: z.enum(['got', 'undici']),
  results: z.string().min(1),
});

/** How `run` fetches. */
export interface RunSettings {
  /** Processes, 1 to 64. Each takes about 80 MB. @default 4, or the number of cores where that is less */
  readonly workers: number;
  /** Fetches in flight in one worker, 1 to 10,000. Memory for bodies grows with it. @default 50 */
  readonly concurrency: number;
  /** @default 'got' */
  readonly transport: 'got' | 'undici';
  /** Absolute path of the results folder. @default ./results */
  readonly results: string;
}

/** Flags as they were typed. */
export type RunFlags = { readonly [Name in keyof RunSettings]?: string };

/** A flag wins over its variable, and that over the default. Throws SettingsError with every problem. */
export function readRunSettings(flags: RunFlags, { env, cwd }: Context): RunSettings {
  const settings = parseSettings(
    schema,
    {
      workers:
        flags.workers ?? (env['FETCHFLEET_WORKERS'] || String(Math.min(4, availableParallelism()))),
      concurrency: flags.concurrency ?? (env['FETCHFLEET_CONCURRENCY'] || '50'),
      transport: flags.transport ?? (env['FETCHFLEET_TRANSPORT'] || 'got'),
      results: flags.results ?? (env['FETCHFLEET_RESULTS'] || 'results'),
    },
    (path) =>
      `--${path.map(String).join('.')} (FETCHFLEET_${path.map(String).join('_').toUpperCase()})`,
  );
  return { ...settings, results: resolve(cwd, settings.results) };
}

/** The results folder for commands that only read it. */
export function readResultsFolder(flag: string | undefined, { env, cwd }: Context): string {
  return resolve(cwd, flag ?? (env['FETCHFLEET_RESULTS'] || 'results'));
}
