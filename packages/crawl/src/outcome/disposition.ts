import { backoffMs } from './backoff.ts';
import type {
  AnswerVerdict,
  FetchFailure,
  FetchResponse,
  FetchResult,
  Outcome,
} from './outcome.ts';
import type { Plan } from '../model/plan.ts';
import { includesStatus } from '../model/status-ranges.ts';
import type { RequestedDelay } from './requested-delay.ts';

/** What happens to a fetch after one exchange. */
export type Disposition =
  /** It has ended: its record is written. */
  | { readonly do: 'settle'; readonly outcome: Outcome }
  /** It runs again after the delay and has used one attempt. */
  | { readonly do: 'retry'; readonly delayMs: number }
  /**
   * The origin refused it ("not now") or has no answer yet: it runs again after the delay and has
   * used no attempt.
   */
  | { readonly do: 'throttle'; readonly delayMs: number };

export interface DispositionContext {
  /** Attempts used before this one. */
  readonly attempts: number;
  /** Epoch milliseconds since which the origin has refused the fetch; 0 if it has not. */
  readonly throttledSince: number;
  /** For how long the origin has accepted nothing. Patience with it begins anew when it does. */
  readonly deniedForMs: number;
  /** Epoch milliseconds. */
  readonly now: number;
  readonly plan: Pick<Plan, 'retry' | 'politeness'>;
  /** From 0 up to but not including 1, as `Math.random`. */
  readonly random: () => number;
  /** What `requestedDelayOf` read from the answer. */
  readonly delay: RequestedDelay | undefined;
  /** What the crawl file says of the answer. @default nothing: below 400 it is ok */
  readonly verdict?: AnswerVerdict | undefined;
}

const FIRST_THROTTLE_MS = 1000;
const MAX_THROTTLE_MS = 60_000;
/** Request Timeout and Too Early: the request itself was not at fault. */
const RETRIED_CLIENT_ERRORS = new Set([408, 425]);

/** Total: every result has exactly one disposition. */
export function dispositionOf(result: FetchResult, context: DispositionContext): Disposition {
  return result.kind === 'response' ? ofResponse(result, context) : ofFailure(result, context);
}

function ofResponse({ status }: FetchResponse, context: DispositionContext): Disposition {
  const { delay, verdict } = context;
  if (status < 400 || verdict?.isListed === true) {
    const outcome = verdict?.problem === undefined ? 'ok' : 'unexpected';
    if (delay?.isNotReady === true) {
      // Patience with an unready answer is that of its URL: the origin accepts fetches.
      return throttle(delay.retryAfterMs, { ...context, deniedForMs: Infinity }, outcome);
    }
    return outcome === 'ok' ? settle(outcome) : retry(outcome, context, delay?.retryAfterMs);
  }
  if (delay?.isRefusal === true) {
    return throttle(delay.blockMs, context, 'http-error');
  }
  if (isRetried(status, context.plan.retry)) {
    return retry('http-error', context, delay?.retryAfterMs);
  }
  return settle('http-error');
}

function isRetried(status: number, { on }: Plan['retry']): boolean {
  return on === undefined
    ? status >= 500 || RETRIED_CLIENT_ERRORS.has(status)
    : includesStatus(on, status);
}

function ofFailure({ outcome }: FetchFailure, context: DispositionContext): Disposition {
  // All other failures would be the same at every attempt.
  const isTransient = outcome === 'network-error' || outcome === 'timeout';
  return isTransient ? retry(outcome, context) : settle(outcome);
}

function settle(outcome: Outcome): Disposition {
  return { do: 'settle', outcome };
}

function retry(outcome: Outcome, context: DispositionContext, atLeastMs = 0): Disposition {
  const { attempts, plan, random } = context;
  if (attempts + 1 >= plan.retry.attempts) {
    return settle(outcome);
  }
  const { backoffMs: baseMs, maxBackoffMs: capMs } = plan.retry;
  const delayMs = backoffMs({ attempt: attempts, baseMs, capMs, random });
  return { do: 'retry', delayMs: Math.max(delayMs, atLeastMs) };
}

/** @param outcome what the answer counts as when patience is over */
function throttle(blockMs: number, context: DispositionContext, outcome: Outcome): Disposition {
  const { throttledSince, deniedForMs, now, plan, random } = context;
  const throttledMs = throttledSince === 0 ? 0 : Math.max(0, now - throttledSince);
  if (Math.min(throttledMs, deniedForMs) > plan.politeness.patienceMs) {
    return settle(outcome);
  }
  // 0 names no time, and asking again at once would be busy polling.
  if (blockMs > 0) {
    return { do: 'throttle', delayMs: blockMs };
  }
  // Waiting as long again as the origin has refused so far doubles the delay without a counter.
  const boundMs = Math.min(Math.max(throttledMs, FIRST_THROTTLE_MS), MAX_THROTTLE_MS);
  return { do: 'throttle', delayMs: Math.round((boundMs / 2) * (1 + random())) };
}
