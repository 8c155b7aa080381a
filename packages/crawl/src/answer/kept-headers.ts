import type { Keep } from '../model/plan.ts';
import { repeatsSecret } from '../access/secrets.ts';

type Headers = Readonly<Record<string, string>>;

/** Cookies are credentials: whoever reads records could use them. */
const NEVER_KEPT = new Set(['set-cookie', 'set-cookie2']);

/** Whether no record has a header of this name. */
export function isNeverKept(name: string): boolean {
  return NEVER_KEPT.has(name);
}

/**
 * The headers of an answer that its record keeps. A header that repeats a secret is left out.
 *
 * @param secrets values of secrets
 */
export function keptHeaders(
  headers: Headers,
  kept: NonNullable<Keep['headers']>,
  secrets: readonly string[],
): Headers {
  const names = kept === 'all' ? Object.keys(headers) : kept;
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
      const isKept = value !== undefined && !isNeverKept(name) && !repeatsSecret(value, secrets);
      return isKept ? [[name, value]] : [];
    }),
  );
}
