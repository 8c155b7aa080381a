import type { Plan } from '../model/plan.ts';
import { redactUrl } from '../model/url.ts';
import { compileRequest } from '../request/compile-request.ts';
import { hasPlaceholder } from '../request/placeholders.ts';
import { contentHash } from './content-hash.ts';

/** Two requests with another one of these may have another answer, whatever `Vary` says. */
const WHO_ASKS = ['authorization', 'cookie'] as const;

/** Tells which requests are the same, also in other batches. Values of secrets are not used. */
export interface RequestIdentity {
  /**
   * Hash of method, URL, body, who asks, and headers with placeholders.
   *
   * @param values of the parameters
   */
  readonly requestOf: (values: readonly string[]) => string;
  /** Hash of the values that a request has for headers. @param names with commas between them */
  readonly variantOf: (values: readonly string[], names: string) => string;
}

export type IdentityPlan = Pick<
  Plan,
  'url' | 'method' | 'params' | 'headers' | 'body' | 'auth' | 'contact'
>;

/** Compiles it once for all fetches of a batch. @throws TemplateError */
export function compileIdentity(plan: IdentityPlan): RequestIdentity {
  const { method, expand, headersOf, bodyOf } = compileRequest(plan);
  const auth = JSON.stringify(plan.auth ?? null);
  // Headers that differ from fetch to fetch ask for something else, also without a `Vary`.
  const own = Object.keys(plan.headers).filter((name) => hasPlaceholder(plan.headers[name] ?? ''));
  const asked = [...new Set([...WHO_ASKS, ...own])].toSorted();
  return {
    requestOf: (values) => {
      const headers = headersOf(values);
      const asking = asked.map((name) => `${name}: ${headers[name] ?? ''}`);
      const body = bodyOf(values)?.toString() ?? '';
      return hashOf([method, redactUrl(expand(values)), body, auth, ...asking]);
    },
    variantOf: (values, names) => {
      const headers = headersOf(values);
      const valueOf = (name: string): string =>
        headers[name] ?? (name === 'user-agent' ? (plan.contact ?? '') : '');
      return hashOf(names.split(',').map((name) => `${name}: ${valueOf(name)}`));
    },
  };
}

/** As JSON, in which no text can look like the end of another. */
function hashOf(texts: readonly string[]): string {
  return contentHash(JSON.stringify(texts));
}

/**
 * Hash of what a crawl file says of answers. An answer that was ok by other rules would have to be
 * read again, and its record may keep something else of it.
 */
export function answerRulesOf({ expect, keep }: Pick<Plan, 'expect' | 'keep'>): string {
  return contentHash(JSON.stringify([expect ?? null, keep ?? null]));
}
