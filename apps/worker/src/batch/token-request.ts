import {
  basicAuthorization,
  type FetchFailure,
  type FetchResponse,
  type FetchResult,
  originOf,
  originVerdictOf,
  readJson,
  requestedDelayOf,
} from '@fetchfleet/crawl';
import type { Fetcher, FetchRequest } from '@fetchfleet/fetcher';
import { GatedFetch, LeaseLostError } from '../origin/gated-fetch.ts';
import { isGranted, turnAt, type TurnSchedulers } from '../origin/single-request.ts';
import type { StartGrant } from '../origin/waiting-slice.ts';
import type { ActiveBatch } from './batches.ts';
import type { Robots } from './robots.ts';
import type { Client } from './token-client.ts';
import type { TokenResult } from './token.ts';

/** A redirect would take the secret elsewhere. */
const LIMITS = { timeoutMs: 15_000, maxBodyBytes: 262_144, redirects: 0 };
/** Of a token without `expires_in`. */
const DEFAULT_LIFE_MS = 3_600_000;
const MAX_LIFE_MS = 30 * 86_400_000;

const TOKEN = /^[\x21-\x7e]{1,16384}$/;
/**
 * The error codes that are shown: those of RFC 6749 (4.1.2.1, 5.2), 8707, 9396 and 9449. Any other
 * text may be a secret in some form.
 */
const ERROR_CODES: ReadonlySet<unknown> = new Set([
  'access_denied',
  'invalid_authorization_details',
  'invalid_client',
  'invalid_dpop_proof',
  'invalid_grant',
  'invalid_request',
  'invalid_scope',
  'invalid_target',
  'server_error',
  'temporarily_unavailable',
  'unauthorized_client',
  'unsupported_grant_type',
  'unsupported_response_type',
  'use_dpop_nonce',
]);
/** Request Timeout, Too Early and Too Many Requests say "not now". */
const NOT_NOW = new Set([408, 425, 429]);

export interface TokenTools {
  readonly fetcher: Pick<Fetcher, 'start'>;
  readonly schedulers: TurnSchedulers;
  readonly robots: Pick<Robots, 'ask'>;
  /** Aborts what is in flight. */
  readonly stop: AbortSignal;
  /** The longest wait of a token server that is obeyed, ms. */
  readonly maxRetryAfterMs: number;
  /** Called for every request that has been answered or has failed. */
  readonly onRequested: (result: 'granted' | 'refused' | 'failed') => void;
}

/**
 * Asks for a token (RFC 6749, 4.4) like for any other URL: robots.txt of the token origin has to
 * allow it, and it waits for its turn there.
 */
export async function requestToken(
  tools: TokenTools,
  batch: ActiveBatch,
  client: Client,
): Promise<TokenResult> {
  const { tokenUrl } = client;
  const origin = originOf(tokenUrl);
  const answer = await tools.robots.ask(batch, origin);
  if (answer.kind === 'wait') {
    return answer;
  }
  if (answer.kind === 'unreachable') {
    return { kind: 'down', dueInMs: answer.dueInMs, reason: answer.reason };
  }
  if (answer.kind === 'lost') {
    return refused(origin, answer.result.message);
  }
  if (!answer.isAllowed(tokenUrl)) {
    return refused(origin, 'its robots.txt forbids the token URL');
  }
  const { id, plan } = batch;
  const turn = await turnAt(tools.schedulers, origin, {
    id: `${id} token`,
    limits: { batch: id, politeness: plan.politeness },
    // The fetches of the batch wait for it.
    comesFirst: true,
    signal: tools.stop,
    hasPatienceFor: (deniedForMs) => deniedForMs < plan.politeness.patienceMs,
  });
  if (turn === undefined) {
    return { kind: 'wait', dueInMs: 0 };
  }
  if (!isGranted(turn)) {
    const { dueInMs, isRefused } = turn;
    const reason = `${origin} gives no token: it went on failing or refusing`;
    return isRefused ? { kind: 'down', dueInMs, reason } : { kind: 'wait', dueInMs };
  }
  const result = await send(tools, { batch, origin, client, grant: turn });
  if (result === undefined) {
    return { kind: 'wait', dueInMs: 0 };
  }
  const read = readAnswer(result, client, tools.maxRetryAfterMs);
  tools.onRequested(RESULTS[read.kind]);
  return read;
}

const RESULTS = { token: 'granted', refused: 'refused', down: 'failed' } as const;

async function send(
  { fetcher, stop, maxRetryAfterMs }: TokenTools,
  {
    batch,
    origin,
    client,
    grant,
  }: {
    readonly batch: ActiveBatch;
    readonly origin: string;
    readonly client: Client;
    readonly grant: StartGrant;
  },
): Promise<FetchResult | undefined> {
  const message = messageOf(client);
  const secrets = (): readonly string[] => [
    ...batch.secrets(),
    client.clientSecret,
    message.headers['authorization'] ?? '',
  ];
  return new Promise((resolve, reject) => {
    GatedFetch.start(fetcher, {
      request: { ...message, network: batch.network, secrets, signal: stop },
      origin,
      grant,
      isFirstAttempt: true,
      maxRetryAfterMs,
      context: undefined,
      owner: {
        turnOf: async () => Promise.reject(new Error('a token request follows no redirect')),
        onResult: (_, ended) => resolve(ended.result),
        onAborted: (_, reason) =>
          stop.aborted || reason instanceof LeaseLostError ? resolve(undefined) : reject(reason),
      },
    });
  });
}

function messageOf(client: Client): Omit<FetchRequest, 'network' | 'signal'> {
  const { tokenUrl, clientId, clientSecret, scope, audience, isInForm } = client;
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    ...(scope !== undefined && { scope }),
    ...(audience !== undefined && { audience }),
    ...(isInForm && { client_id: clientId, client_secret: clientSecret }),
  });
  return {
    url: tokenUrl,
    method: 'POST',
    headers: {
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
      ...(!isInForm && {
        authorization: basicAuthorization(formEncoded(clientId), formEncoded(clientSecret)),
      }),
    },
    secretHeaders: ['authorization'],
    body: Buffer.from(form.toString()),
    limits: LIMITS,
    isOnNewConnection: true,
  };
}

/** What an answer of a token server means. @param maxMs the longest wait that is obeyed */
export function readAnswer(
  result: FetchResult,
  client: Client,
  maxMs: number,
): Exclude<TokenResult, { readonly kind: 'wait' }> {
  const origin = originOf(client.tokenUrl);
  if (result.kind === 'failure') {
    return originVerdictOf(result, false) === 'down'
      ? down(result, `${origin} gives no token: ${result.message}`, maxMs)
      : refused(origin, result.message, result.outcome);
  }
  const { status } = result;
  if (status >= 500 || NOT_NOW.has(status)) {
    return down(result, `${origin} gives no token: it answered ${status}`, maxMs);
  }
  const answer = objectIn(result);
  if (status < 200 || status > 299) {
    return refused(origin, `it answered ${status}${errorIn(answer)}`);
  }
  const { access_token: token, token_type: type = 'bearer', expires_in: seconds } = answer;
  if (typeof token !== 'string' || !TOKEN.test(token)) {
    return refused(origin, `its answer holds no token${errorIn(answer)}`);
  }
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer') {
    return refused(origin, 'its token is no bearer token');
  }
  const lifeMs = Number(seconds ?? Number.NaN) * 1_000;
  const expiresInMs = lifeMs > 0 ? Math.min(lifeMs, MAX_LIFE_MS) : DEFAULT_LIFE_MS;
  return { kind: 'token', token, expiresInMs };
}

function down(
  result: FetchResult,
  reason: string,
  maxMs: number,
): Extract<TokenResult, { kind: 'down' }> {
  const asked = requestedDelayOf(result, Date.now(), maxMs);
  return { kind: 'down', dueInMs: Math.max(asked?.blockMs ?? 0, asked?.retryAfterMs ?? 0), reason };
}

function refused(
  origin: string,
  why: string,
  outcome: FetchFailure['outcome'] = 'network-error',
): Extract<TokenResult, { kind: 'refused' }> {
  return {
    kind: 'refused',
    result: {
      kind: 'failure',
      startedAt: Date.now(),
      durationMs: 0,
      // The fetch itself has nothing that would be too large, or lead elsewhere.
      outcome: outcome === 'address-refused' ? outcome : 'network-error',
      code: 'AUTH_FAILED',
      message: `${origin} gives no token: ${why}`,
      bytes: 0,
    },
  };
}

function errorIn({ error }: Readonly<Record<string, unknown>>): string {
  return ERROR_CODES.has(error) ? ` (${String(error)})` : '';
}

function objectIn(response: FetchResponse): Readonly<Record<string, unknown>> {
  const value = readJson(response)?.value;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its values are checked
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** RFC 6749, 2.3.1: both are form-encoded first, so that a colon in them is no end. */
function formEncoded(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}
