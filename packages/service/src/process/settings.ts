import type { ZodType, core } from 'zod';
import { MASK, maskCredentials } from './mask.ts';

const MAX_SHOWN = 80;
const MUST_BE_SET = 'must be set';
const SECRET_NAME = /pass|secret|token|credential|authorization|api[-_]?key/i;

/** Settings are wrong, or cannot be used on this machine. Print `problems` and exit with 2. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly code = 'SETTINGS_INVALID';
  /** One sentence each, with the option, the value and what is allowed. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[], options?: ErrorOptions) {
    super(problems.join('\n'), options);
    this.problems = problems;
  }
}

/** Names the setting at `path` for people: `--concurrency (FETCHFLEET_CONCURRENCY)`. */
export type DescribeSetting = (path: readonly PropertyKey[]) => string;

/**
 * Checks settings. Messages show the value, except for credentials in a URL and for settings with
 * the name of a secret. A message of the schema takes precedence over the ones made here.
 *
 * @throws SettingsError with every problem at once
 */
export function parseSettings<T>(
  schema: ZodType<T>,
  input: Record<string, unknown>,
  describe: DescribeSetting,
): T {
  const result = schema.safeParse(input, { error: explain });
  if (result.success) {
    return result.data;
  }
  throw new SettingsError(
    result.error.issues.flatMap((issue) => problemsOf(issue, input, describe)),
  );
}

function problemsOf(
  issue: core.$ZodIssue,
  input: Record<string, unknown>,
  describe: DescribeSetting,
): string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${describe([...issue.path, key])}: no such setting`);
  }
  const option = issue.path.length > 0 ? `${describe(issue.path)}: ` : '';
  const value = valueAt(issue.path, input);
  // zod reports a coerced number that is missing as one of the wrong type.
  if (value === undefined && issue.code === 'invalid_type') {
    return [`${option}${MUST_BE_SET}`];
  }
  return [`${option}${issue.message}${shown(issue.path, value)}`];
}

function explain(issue: core.$ZodRawIssue): string | undefined {
  if (issue.input === undefined) {
    return MUST_BE_SET;
  }
  if (issue.code === 'invalid_type') {
    return `must be ${withArticle(issue.expected)}`;
  }
  if (issue.code === 'invalid_value') {
    return `must be one of ${issue.values.map(String).join(', ')}`;
  }
  if (issue.code === 'invalid_union') {
    return alternatives(issue.errors);
  }
  if (issue.code === 'too_small') {
    const least = issue.inclusive === false ? 'more than' : 'at least';
    return `must ${measure(issue.origin)} ${least} ${issue.minimum}`;
  }
  if (issue.code === 'too_big') {
    const most = issue.inclusive === false ? 'less than' : 'at most';
    return `must ${measure(issue.origin)} ${most} ${issue.maximum}`;
  }
  // zod's own message, such as "Invalid URL".
  return undefined;
}

/** "must be a number, or must be one of unlimited" */
function alternatives(branches: readonly (readonly core.$ZodIssue[])[]): string | undefined {
  const messages = branches.flatMap((issues) => issues.slice(0, 1).map((issue) => issue.message));
  return messages.length > 0 ? [...new Set(messages)].join(', or ') : undefined;
}

function withArticle(expected: string): string {
  if (expected === 'int') {
    return 'a whole number';
  }
  return `${/^[aeio]/.test(expected) ? 'an' : 'a'} ${expected}`;
}

function measure(origin: string): string {
  if (origin === 'string') {
    return 'have a length of';
  }
  return origin === 'array' || origin === 'set' ? 'have a number of entries of' : 'be';
}

function valueAt(path: readonly PropertyKey[], input: unknown): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined),
    input,
  );
}

function shown(path: readonly PropertyKey[], value: unknown): string {
  if (!isShowable(value)) {
    return '';
  }
  const name = path.map(String).join('.');
  if (SECRET_NAME.test(name)) {
    return `, got ${MASK}`;
  }
  return `, got ${JSON.stringify(hideUserInfo(name, String(value)).slice(0, MAX_SHOWN))}`;
}

function isShowable(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

/** A text that is no valid URL may still contain the password of one, also as a parameter. */
function hideUserInfo(name: string, value: string): string {
  const masked = maskCredentials(value);
  if (!/ur[il]|redis/i.test(name) && !value.includes(':/')) {
    return masked;
  }
  return masked.replace(/^.*@/s, `${MASK}@`).replaceAll(/([?&][^=&]*=)[^&]*/g, `$1${MASK}`);
}
