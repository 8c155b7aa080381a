import { parseRate } from '@fetchfleet/crawl';
import type { OriginSettings } from '@fetchfleet/fleet';
import { maskCredentials, parseSettings } from '@fetchfleet/service';
import { z } from 'zod';
import { Problems } from '../../core/errors.ts';

/** The limits as they were typed. */
export interface OriginFlags {
  readonly rate?: string;
  readonly burst?: string;
  readonly concurrency?: string;
  /** What the fleet has learned of the origin is forgotten. */
  readonly forget?: boolean;
}

const MAX_RATE = 1_000_000;

// The same bounds as in a crawl file.
const schema = z
  .object({
    rate: z.string().transform((text, issues) => {
      const rate = text === 'unlimited' ? text : parseRate(text);
      if (rate === 'unlimited' || (rate !== undefined && rate.count <= MAX_RATE)) {
        return rate;
      }
      issues.addIssue('must be N/s, N/m or N/h with N from 1 to 1000000, or unlimited');
      return z.NEVER;
    }),
    burst: wholeNumber(10_000, ''),
    concurrency: z.union([z.literal('unlimited'), wholeNumber(100_000, ', or unlimited')]),
  })
  .partial();

/**
 * Reads the arguments of `origins set`.
 *
 * @throws CommandError (exit 2) with all problems of origin and limits
 */
export async function readOriginSettings(
  origin: string,
  flags: OriginFlags,
): Promise<{ readonly origin: string; readonly settings: OriginSettings }> {
  const problems = new Problems();
  const parsed = readOrigin(origin, problems);
  const { rate, burst, concurrency } = flags;
  const typed = { rate, burst, concurrency };
  const isForgotten = flags.forget === true;
  if (!isForgotten && Object.values(typed).every((flag) => flag === undefined)) {
    problems.add(
      'nothing to set: name --rate, --burst, --concurrency or --forget; unset removes limits',
    );
  }
  const settings = await problems.collect(() =>
    parseSettings(schema, typed, (path) => `--${path.map(String).join('.')}`),
  );
  problems.throwIfAny('nothing was set');
  return { origin: parsed ?? origin, settings: withoutUndefined(settings ?? {}) };
}

/**
 * The origin as workers write it; undefined, and one more problem, if the text is not an origin.
 */
export function readOrigin(text: string, problems: Problems): string | undefined {
  const shown = JSON.stringify(maskCredentials(text).slice(0, 80));
  const url = URL.parse(text);
  const isWeb = url?.protocol === 'http:' || url?.protocol === 'https:';
  if (url === null || !isWeb) {
    const bare = /^[\w.-]+(?::\d+)?(?:\/.*)?$/u.exec(text);
    const hint = bare === null ? '' : `; did you mean https://${text.split('/', 1)[0]}?`;
    problems.add(`${shown} is not an origin; write http://HOST or https://HOST[:PORT]${hint}`);
  } else if (url.username !== '' || url.password !== '') {
    problems.add(`${shown} has a user name or password in it; limits hold for ${url.origin}`);
  } else if (/[{}*]/u.test(url.host)) {
    problems.add(`${shown} is a pattern; limits are set for one origin at a time`);
  } else if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    problems.add(`${shown} is more than an origin; limits hold for all of ${url.origin}`);
  } else {
    return url.origin;
  }
  return undefined;
}

function wholeNumber(max: number, or: string) {
  const message = `must be a whole number from 1 to ${max}${or}`;
  return z
    .string()
    .regex(/^\d{1,9}$/u, message)
    .transform(Number)
    .refine((value) => value >= 1 && value <= max, message);
}

/** zod returns flags that were not typed as undefined; in settings they are absent. */
function withoutUndefined({
  rate,
  burst,
  concurrency,
}: {
  readonly [Name in keyof OriginSettings]?: OriginSettings[Name] | undefined;
}): OriginSettings {
  return {
    ...(rate !== undefined && { rate }),
    ...(burst !== undefined && { burst }),
    ...(concurrency !== undefined && { concurrency }),
  };
}
