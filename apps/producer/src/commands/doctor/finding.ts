import { messageOf } from '../../core/errors.ts';

/** From good to bad. `problem`: something will not work. */
export type Verdict = 'ok' | 'warning' | 'problem';

/** What one check has found. */
export interface Finding {
  readonly check: string;
  readonly verdict: Verdict;
  /** What is there if that is fine; else what is wrong and what to do, in one sentence. */
  readonly text: string;
}

export const ok = (check: string, text: string): Finding => ({ check, verdict: 'ok', text });
export const warning = (check: string, text: string): Finding => ({
  check,
  verdict: 'warning',
  text,
});
export const problem = (check: string, text: string): Finding => ({
  check,
  verdict: 'problem',
  text,
});

/** No check takes longer than that, whatever does not answer. */
const TIMEOUT_MS = 10_000;

/**
 * Runs a check to its end. What it throws becomes a problem: the other checks go on.
 *
 * @param options.timeoutMs @default 10_000
 */
export async function findingsOf(
  check: string,
  work: () => Promise<readonly Finding[]>,
  { timeoutMs = TIMEOUT_MS }: { readonly timeoutMs?: number } = {},
): Promise<readonly Finding[]> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`there was no answer for ${timeoutMs / 1_000} s`)),
    timeoutMs,
  );
  try {
    return await Promise.race([work(), late]);
  } catch (error) {
    return [problem(check, messageOf(error))];
  } finally {
    clearTimeout(timer);
  }
}

/** The worst of them. */
export function verdictOf(findings: readonly Finding[]): Verdict {
  const has = (verdict: Verdict): boolean => findings.some((one) => one.verdict === verdict);
  return has('problem') ? 'problem' : has('warning') ? 'warning' : 'ok';
}
