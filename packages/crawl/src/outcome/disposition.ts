import { backoffMs } from './backoff.ts';
import { blockOf, retryAfterOf } from './block.ts';
import type { FetchFailure, FetchResponse, FetchResult, Outcome } from './outcome.ts';
import type { Plan } from '../model/plan.ts';
import { MAX_RETRY_AFTER_MS } from './retry-after.ts';

/** What becomes of a fetch after one exchange. */
export type Disposition =
  /** It is over: its record is written. */
  | { readonly do: 'settle'; readonly outcome: Outcome }
  /** Again after the delay; costs one attempt. */
  | { readonly do: 'retry'; readonly delayMs: number }
  /** The origin said "not now": again after the delay, no attempt used, and the gate is told. */
  | { readonly do: 'throttle'; readonly delayMs: number };

export interface DispositionContext {
  /** Attempts used before this one. */
  readonly attempts: number;
  /** Epoch milliseconds since which the origin has been saying "not now"; 0 is "it has not". */
  readonly throttledSince: number;
  /** Epoch milliseconds. */
  readonly now: number;
  readonly plan: Pick<Plan, 'retry' | 'politeness'>;
  /** From 0 up to but not including 1, as `Math.random`. */
  readonly random: () => number;
  /** The longest an origin may ask to wait. @default 1 h */
  readonly maxBlockMs?: number;
}

const FIRST_THROTTLE_MS = 1000;
const MAX_THROTTLE_MS = 60_000;
/** Request Timeout and Too Early: the request itself was not at fault. */
const RETRIED_CLIENT_ERRORS = new Set([408, 425]);

/** Total: every result has exactly one disposition. */
export function dispositionOf(result: FetchResult, context: DispositionContext): Disposition {
  return result.kind === 'response' ? ofResponse(result, context) : ofFailure(result, context);
}

function ofResponse(result: FetchResponse, context: DispositionContext): Disposition {
  const { status, headers } = result;
  if (status < 400) return settle('ok');
  const { now, maxBlockMs = MAX_RETRY_AFTER_MS } = context;
  const block = blockOf(result, now, maxBlockMs);
  if (block?.isRefusal === true) return throttle(block.blockMs, context);
  if (status >= 500 || RETRIED_CLIENT_ERRORS.has(status)) {
    return retry('http-error', context, retryAfterOf(headers, now, maxBlockMs));
  }
  return settle('http-error');
}

function ofFailure({ outcome }: FetchFailure, context: DispositionContext): Disposition {
  // The others would end the same way however often they were tried.
  const isPassing = outcome === 'network-error' || outcome === 'timeout';
  return isPassing ? retry(outcome, context) : settle(outcome);
}

function settle(outcome: Outcome): Disposition {
  return { do: 'settle', outcome };
}

function retry(outcome: Outcome, context: DispositionContext, atLeastMs = 0): Disposition {
  const { attempts, plan, random } = context;
  if (attempts + 1 >= plan.retry.attempts) return settle(outcome);
  const delayMs = backoffMs({ attempt: attempts, baseMs: plan.retry.backoffMs, random });
  return { do: 'retry', delayMs: Math.max(delayMs, atLeastMs) };
}

function throttle(blockMs: number, context: DispositionContext): Disposition {
  const { throttledSince, now, plan, random } = context;
  const throttledMs = throttledSince === 0 ? 0 : Math.max(0, now - throttledSince);
  if (throttledMs > plan.politeness.patienceMs) return settle('http-error');
  // 0 names no time to wait for, and asking again at once would be busy polling.
  if (blockMs > 0) return { do: 'throttle', delayMs: blockMs };
  // As long again as it has lasted so far: doubles with every answer without counting them.
  const boundMs = Math.min(Math.max(throttledMs, FIRST_THROTTLE_MS), MAX_THROTTLE_MS);
  return { do: 'throttle', delayMs: Math.round((boundMs / 2) * (1 + random())) };
}
