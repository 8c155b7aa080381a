import {
  type AnswerVerdict,
  encodeRecord,
  errorOf,
  type FetchRecord,
  type FetchResult,
  lineText,
  lastReasonOf,
  type Limits,
  type Method,
  type Outcome,
  redactUrl,
} from '@fetchfleet/crawl';
import { createFetcher, type FetchNetwork, prepareHeaders, USER_AGENT } from '@fetchfleet/fetcher';
import type { Context } from '../../core/context.ts';
import { EXIT, type ExitCode } from '../../core/errors.ts';
import { proxyRoutes } from '../../core/proxy-routes.ts';
import type { RunSettings } from '../../core/settings.ts';
import { Trace } from './trace.ts';

type Headers = Readonly<Record<string, string>>;

/** One request as a worker would send it. */
export interface OneRequest {
  readonly method: Method;
  readonly url: string;
  /** Secrets are names here. */
  readonly shownHeaders: Headers;
  /** The values of secrets are in it: never print it. */
  readonly headers: Headers;
  /** Names of the headers that hold a secret. */
  readonly secretHeaders: readonly string[];
  /** Gives what its record must not repeat: never print it. */
  readonly secrets: () => readonly string[];
  readonly body: Buffer | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly limits: Limits;
  readonly network: FetchNetwork;
}

export interface SendOptions {
  readonly settings: Pick<RunSettings, 'transport' | 'lists'>;
  /** Show what is sent and answered. */
  readonly isVerbose: boolean;
  readonly context: Context;
}

/**
 * Sends one request through the fetcher of the workers, to addresses that they could reach, and
 * follows redirects. Asks neither robots.txt nor the limits of the fleet: it is one request, by
 * hand.
 *
 * @throws the reason of an interruption
 */
export async function sendOnce(request: OneRequest, options: SendOptions): Promise<FetchResult> {
  const { settings, isVerbose, context } = options;
  const { shownHeaders, ...sent } = request;
  const { drain: signal } = context.interrupts.takeOver();
  const fetcher = createFetcher({
    transport: settings.transport,
    allowPrivate: settings.lists.allowPrivate,
    routes: await proxyRoutes(context.env),
    userAgent: USER_AGENT,
  });
  const trace = isVerbose ? new Trace(context.terminal) : undefined;
  trace?.request({
    method: request.method,
    url: request.url,
    headers: {
      ...prepareHeaders(shownHeaders, USER_AGENT),
      ...(request.idempotencyKey !== undefined && { 'idempotency-key': request.idempotencyKey }),
    },
  });
  try {
    const result = await new Promise<FetchResult>((resolve, reject) => {
      fetcher.start(
        { ...sent, signal },
        {
          onResult: resolve,
          onAborted: reject,
          onRedirect: (held) => {
            trace?.answer(held.answer);
            trace?.redirect(held.target);
            held.follow();
          },
        },
      );
    });
    if (result.kind === 'response') {
      trace?.answer(result);
    } else {
      trace?.failure(result.message);
    }
    return result;
  } finally {
    await fetcher.stop();
  }
}

/** What stands in a record beside the result. */
export type RecordStart = Pick<FetchRecord, 'batch' | 'index' | 'params'> &
  Pick<OneRequest, 'method' | 'url'>;

/**
 * The record of a result, as one line of NDJSON.
 *
 * @param verdict what `expect` of a crawl file says of the answer
 */
export function recordOf(
  { batch, index, params, method, url }: RecordStart,
  result: FetchResult,
  verdict?: AnswerVerdict,
): string {
  const response = result.kind === 'response' ? result : undefined;
  const outcome = outcomeOf(result, verdict);
  const record: FetchRecord = {
    batch,
    index,
    params,
    url: redactUrl(url),
    method: method === 'GET' ? undefined : method,
    outcome,
    status: result.status,
    attempts: 1,
    startedAt: new Date(result.startedAt).toISOString(),
    durationMs: Math.round(result.durationMs * 100) / 100,
    bytes: response?.body.length ?? (result.kind === 'failure' ? result.bytes : 0),
    contentType: response?.headers['content-type'],
    worker: 'fetchfleet',
    finalUrl: result.finalUrl,
    error: outcome === 'ok' ? undefined : (verdict?.problem ?? errorOf(result)),
  };
  return lineText(encodeRecord(record, response && { bytes: response.body }));
}

/** As of a batch with this one fetch. */
export function exitCodeOf(result: FetchResult, verdict?: AnswerVerdict): ExitCode {
  return outcomeOf(result, verdict) === 'ok' ? EXIT.ok : EXIT.someFailed;
}

function outcomeOf(result: FetchResult, verdict: AnswerVerdict | undefined): Outcome {
  if (verdict?.problem !== undefined) {
    return 'unexpected';
  }
  return verdict?.isListed === true ? 'ok' : (lastReasonOf(result)?.outcome ?? 'ok');
}
