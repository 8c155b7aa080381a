import type { SecretRules } from '@fetchfleet/crawl';
import type { Compression } from '@fetchfleet/results';
import { Place, PlaceError } from '@fetchfleet/results/place';
import {
  booleanSetting,
  fetchSchemas,
  parseSettings,
  rulesSetting,
  SettingsError,
  wholeNumber,
} from '@fetchfleet/service';
import { COMPRESS_FOLDERS } from '@fetchfleet/service/fetch-settings';
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
  readonly transport: 'got' | 'native';
  /** Where workers write records. */
  readonly results: Place;
  /** Of results in a folder. */
  readonly compress: Compression;
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
  /** Where the values of earlier batches are. */
  readonly results: Place;
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
    schema.extend({ results: placeSetting(cwd) }),
    {
      workers: settingText('workers', flags.workers, env),
      concurrency: settingText('concurrency', flags.concurrency, env),
      transport: settingText('transport', flags.transport, env),
      results: settingText('results', flags.results, env),
      compress: settingText('compress', flags.compress, env),
      umask: settingText('umask', flags.umask, env),
      // An empty option allows nothing.
      secrets: flags.secrets ?? (settingText('secrets', undefined, env) || undefined),
    },
    describe,
  );
  const lists = readListAccess(flags, { env, cwd });
  if (settings.compress !== 'none' && settings.results.kind !== 'folder') {
    throw new SettingsError([COMPRESS_FOLDERS]);
  }
  return { ...settings, lists };
}

/** @throws SettingsError */
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
  const place = parsePlace(settingText('results', results, env), cwd);
  return { ...settings, trustLists, results: place };
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

/**
 * The places of results, for commands that may be given several.
 *
 * @throws SettingsError
 */
export function readPlaces(
  flags: readonly string[] | undefined,
  { env, cwd }: Pick<Context, 'env' | 'cwd'>,
): readonly Place[] {
  const texts = flags ?? [settingText('results', undefined, env)];
  const places = texts.map((text) => parsePlace(text, cwd));
  return [...new Map(places.map((place) => [place.url, place])).values()];
}

function parsePlace(text: string, cwd: string): Place {
  const results = placeSetting(cwd);
  return parseSettings(z.object({ results }), { results: text }, describe).results;
}

function placeSetting(cwd: string) {
  return rulesSetting((text) => Place.parse(text, cwd), PlaceError);
}
