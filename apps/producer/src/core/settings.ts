import { resolve } from 'node:path';
import type { SecretRules } from '@fetchfleet/crawl';
import { booleanSetting, fetchSchemas, parseSettings, wholeNumber } from '@fetchfleet/service';
import { z } from 'zod';
import type { Context } from './context.ts';
import { ALLOW_PRIVATE, type SettingName, SETTINGS, settingText } from './options.ts';

const schema = z.object({
  workers: wholeNumber(SETTINGS.workers),
  ...fetchSchemas,
  secrets: fetchSchemas.secrets.optional(),
});

/** How a command fetches on this machine. `SETTINGS` has ranges and defaults. */
export interface RunSettings {
  readonly workers: number;
  readonly concurrency: number;
  readonly transport: 'got' | 'undici';
  /** Absolute path. */
  readonly results: string;
  /** Of the processes that write results. */
  readonly umask: number;
  /** @default `ownSecrets` of the crawl */
  readonly secrets?: SecretRules | undefined;
  readonly lists: ListAccess;
}

/** Which lists a command may read for a crawl. */
export interface ListAccess {
  /** At private addresses, if the crawl allows them too. */
  readonly allowPrivate: boolean;
  /** Files anywhere on this machine whose paths come from Redis. */
  readonly trustLists: boolean;
  /** Absolute path of the results folder, for values of earlier batches. */
  readonly results: string;
}

export interface ListFlags {
  readonly allowPrivate?: boolean;
  readonly trustLists?: boolean;
  readonly results?: string;
}

/** Flags as they were typed. */
export type RunFlags = ListFlags & { readonly [Name in SettingName]?: string };

/** @throws SettingsError with every problem at once */
export function readRunSettings(flags: RunFlags, { env, cwd }: Context): RunSettings {
  const settings = parseSettings(
    schema,
    {
      workers: settingText('workers', flags.workers, env),
      concurrency: settingText('concurrency', flags.concurrency, env),
      transport: settingText('transport', flags.transport, env),
      results: settingText('results', flags.results, env),
      umask: settingText('umask', flags.umask, env),
      // An empty option allows nothing.
      secrets: flags.secrets ?? (settingText('secrets', undefined, env) || undefined),
    },
    describe,
  );
  const lists = readListAccess(flags, { env, cwd });
  return { ...settings, results: lists.results, lists };
}

/** @throws SettingsError if the variable is neither true nor false */
export function readListAccess(
  { allowPrivate, trustLists = false, results }: ListFlags,
  { env, cwd }: Pick<Context, 'env' | 'cwd'>,
): ListAccess {
  const { flags, variable } = ALLOW_PRIVATE;
  const settings = parseSettings(
    z.object({ allowPrivate: booleanSetting() }),
    { allowPrivate: allowPrivate ?? env[variable] ?? false },
    () => `${flags} (${variable})`,
  );
  const folder = resolve(cwd, settingText('results', results, env));
  return { ...settings, trustLists, results: folder };
}

/** @throws SettingsError */
export function readUmask({ umask }: Pick<RunFlags, 'umask'>, { env }: Context): number {
  const text = settingText('umask', umask, env);
  return parseSettings(schema.pick({ umask: true }), { umask: text }, describe).umask;
}

function describe([setting = '']: readonly PropertyKey[]): string {
  const name = String(setting);
  const known = Object.entries(SETTINGS).find(([key]) => key === name);
  return known === undefined ? name : `--${name} (${known[1].variable})`;
}

/** Absolute paths of the results folders, for commands that may be given several. */
export function readResultsFolders(
  flags: readonly string[] | undefined,
  { env, cwd }: Context,
): readonly string[] {
  const texts = flags ?? [settingText('results', undefined, env)];
  return [...new Set(texts.map((text) => resolve(cwd, text)))];
}
