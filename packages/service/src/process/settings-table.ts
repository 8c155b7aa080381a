import { parseDurationMs, parseSize, SecretRules, SecretRulesError } from '@fetchfleet/crawl';
import { z, type ZodType } from 'zod';
import { FETCH_SETTINGS } from './fetch-settings.ts';
import { parseSettings } from './settings.ts';

/** One setting of a program: where it comes from, what it means, and what is allowed. */
export interface Setting {
  /** As commander takes them: `--port <port>`; `--no-x` sets `x` to false. */
  readonly flags: string;
  /** Environment variable that is read where the flag is not given. */
  readonly variable?: string;
  /** For `--help`: a phrase. */
  readonly help: string;
  /**
   * As it would be typed. Without one the setting must be given, unless its schema says otherwise.
   */
  readonly default?: string | boolean;
  readonly schema: ZodType;
}

export type SettingsTable = Readonly<Record<string, Setting>>;

export type SettingsOf<T extends SettingsTable> = {
  readonly [K in keyof T]: z.output<T[K]['schema']>;
};

export interface SettingsSources {
  /** What commander makes of the flags, without defaults of its own. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Every setting of the table: from its flag, else from its variable, else its default.
 *
 * @throws SettingsError with every setting that is wrong
 */
export function readSettingsTable<T extends SettingsTable>(
  table: T,
  sources: SettingsSources,
): SettingsOf<T> {
  const entries = Object.entries(table);
  const shape = Object.fromEntries(entries.map(([key, { schema }]) => [key, schema]));
  const input = Object.fromEntries(
    entries.map(([key, setting]) => [key, valueOf(setting, sources)]),
  );
  const settings = parseSettings(z.object(shape), input, ([key]) => describe(table, key));
  // The schema was made of the table's own schemas, which `fromEntries` cannot express.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return settings as SettingsOf<T>;
}

/**
 * The text of `--help` for a setting: `fetches in flight (default: "50", env:
 * FETCHFLEET_CONCURRENCY)`.
 */
export function settingHelp({ flags, help, default: standard, variable }: Setting): string {
  const isNegated = flags.startsWith('--no-');
  const facts = [
    ...(standard === undefined || isNegated ? [] : [`default: ${JSON.stringify(standard)}`]),
    ...(variable === undefined ? [] : [`env: ${variable}${isNegated ? '=false' : ''}`]),
  ];
  return facts.length === 0 ? help : `${help} (${facts.join(', ')})`;
}

/**
 * `500ms`, `20s`, `1.5m`, `2h`, `1d`; in milliseconds.
 *
 * @param limits.min the shortest that is allowed, as it would be typed. @default '0ms'
 * @param limits.max the longest that is allowed. @default no limit
 */
export function durationMs({
  min = '0ms',
  max,
}: { readonly min?: string; readonly max?: string } = {}): ZodType<number, string> {
  const number = z.number().min(parseDurationMs(min) ?? 0, `must be at least ${min}`);
  const maxMs = max === undefined ? undefined : parseDurationMs(max);
  return z
    .string()
    .transform((text, context) => {
      const ms = parseDurationMs(text);
      if (ms !== undefined) {
        return ms;
      }
      context.addIssue({ code: 'custom', message: 'must be a duration such as 500ms, 20s or 2m' });
      return z.NEVER;
    })
    .pipe(maxMs === undefined ? number : number.max(maxMs, `must be at most ${max}`));
}

/**
 * `64KiB`, `1MB`, `10MiB`; in bytes.
 *
 * @param limits.min the smallest that is allowed, as it would be typed
 * @param limits.max the largest that is allowed
 */
export function sizeInBytes({
  min,
  max,
}: {
  readonly min: string;
  readonly max: string;
}): ZodType<number, string> {
  const size = z
    .number()
    .min(parseSize(min) ?? 0, `must be at least ${min}`)
    .max(parseSize(max) ?? Number.POSITIVE_INFINITY, `must be at most ${max}`);
  return z
    .string()
    .transform((text, context) => {
      const bytes = parseSize(text);
      if (bytes !== undefined) {
        return bytes;
      }
      context.addIssue({ code: 'custom', message: 'must be a size such as 64KiB, 1MB or 10MiB' });
      return z.NEVER;
    })
    .pipe(size);
}

/** `true`, `false`, `1`, `0`; an empty variable is false. */
export function booleanSetting(): ZodType<boolean, boolean | string> {
  return z
    .union([z.boolean(), z.enum(['true', 'false', '1', '0', ''])], 'must be true, false, 1 or 0')
    .transform((value) => value === true || value === 'true' || value === '1');
}

/** Digits only: not `1e3`, `0x10` or nothing at all. */
export function wholeNumber({
  min,
  max,
}: {
  readonly min: number;
  readonly max: number;
}): ZodType<number, string> {
  return z
    .string()
    .regex(/^\d+$/u, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(min).max(max));
}

/** `022`: what others may not do with new files and folders. Their owner may do everything. */
function umaskSetting(): ZodType<number, string> {
  return z
    .string()
    .regex(/^0*[0-7]{1,2}$/u, 'must be octal, from 000 to 077')
    .transform((text) => Number.parseInt(text, 8));
}

/** What `parse` reads. Its own errors say what is wrong with the text. */
export function rulesSetting<T>(
  parse: (text: string) => T,
  OwnError: new (...args: never[]) => Error,
): ZodType<T, string> {
  return z.string().transform((text, context) => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof OwnError)) {
        throw error;
      }
      context.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  });
}

/** What is allowed for the settings that several programs have. */
export const fetchSchemas = {
  concurrency: wholeNumber(FETCH_SETTINGS.concurrency),
  // Before 0.2 the fast one was called after the library that it used.
  transport: z.preprocess(
    (name) => (name === 'undici' ? 'native' : name),
    z.enum(FETCH_SETTINGS.transport.values),
  ),
  compress: z.enum(FETCH_SETTINGS.compress.values),
  umask: umaskSetting(),
  /** Names of variables that crawls may send: `CRAWL_*,API_TOKEN@https://api.example`. */
  secrets: rulesSetting((text) => SecretRules.parse(text), SecretRulesError),
} as const;

function valueOf(setting: Setting, { flags, env }: SettingsSources): unknown {
  const flag = flags[attributeOf(setting)];
  const inherited = setting.variable === undefined ? undefined : env[setting.variable];
  // Commander sets the attribute of `--no-x` to true where the flag is not given.
  const isGiven = setting.flags.startsWith('--no-') ? flag === false : flag !== undefined;
  return isGiven ? flag : (inherited ?? setting.default);
}

/** The name of the flag as commander has it: `drainTimeout` for `--drain-timeout <duration>`. */
function attributeOf({ flags }: Setting): string {
  const [long = ''] = flags.split(' ');
  return long
    .replace(/^--(?:no-)?/, '')
    .replaceAll(/-[a-z]/g, (letters) => letters.slice(1).toUpperCase());
}

function describe(table: SettingsTable, key: PropertyKey | undefined): string {
  const setting = table[String(key)];
  const [long = ''] = setting?.flags.split(' ') ?? [];
  return setting?.variable === undefined ? long : `${long} (${setting.variable})`;
}
