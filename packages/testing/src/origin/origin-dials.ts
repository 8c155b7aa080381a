import type { ServerResponse } from 'node:http';
import type { Arrival } from './arrival.ts';

/** Length of the text that `?cut=1` announces; half of it is sent. */
const CUT_BYTES = 10_000;

interface Answering {
  readonly response: ServerResponse;
  /** Requests for exactly this URL so far, this one included. */
  readonly times: number;
  /** Milliseconds before every answer, on top of `?delay=`. */
  readonly delayMs: number;
}

/**
 * The built-in answer to every path without a route: JSON that says what arrived. The query dials:
 *
 * | query | what happens |
 * | --- | --- |
 * | `delay=MS` | the answer waits |
 * | `status=N` | that status instead of 200 |
 * | `retryAfter=S` | a Retry-After header, and 429 unless `status` says otherwise |
 * | `failTimes=K` | the first K requests for exactly this URL are answered with `status` (500) |
 * | `cut=1` | the connection is cut in mid-body |
 * | `hang=1` | no answer, ever |
 * | `bytes=N` | a text body of N bytes |
 */
export async function answerByQuery(arrival: Arrival, answering: Answering): Promise<void> {
  const query = new URL(arrival.url, 'http://origin').searchParams;
  if (query.has('hang')) {
    return;
  }
  const delayMs = answering.delayMs + Number(query.get('delay') ?? 0);
  if (delayMs > 0 && !(await waitWhileOpen(answering.response, delayMs))) {
    return;
  }
  if (query.has('cut')) {
    cutInMidBody(answering.response);
  } else {
    send(arrival, query, answering);
  }
}

/** Resolves with false as soon as the client or the origin closes the connection. */
export async function waitWhileOpen(response: ServerResponse, delayMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(true), delayMs);
    response.once('close', () => {
      clearTimeout(timer);
      resolve(false);
    });
  });
}

function send(arrival: Arrival, query: URLSearchParams, { response, times }: Answering): void {
  const failTimes = Number(query.get('failTimes') ?? 0);
  const failing = failTimes === 0 || times <= failTimes;
  const retryAfter = failing ? query.get('retryAfter') : null;
  const usual = failTimes > 0 ? 500 : retryAfter === null ? 200 : 429;
  const status = failing ? Number(query.get('status') ?? usual) : 200;
  const bytes = query.get('bytes');
  response.writeHead(status, {
    'content-type': bytes === null ? 'application/json' : 'text/plain',
    ...(retryAfter === null ? {} : { 'retry-after': retryAfter }),
  });
  const { url, path, method } = arrival;
  response.end(
    bytes === null ? JSON.stringify({ url, path, method, times }) : 'x'.repeat(Number(bytes)),
  );
}

function cutInMidBody(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/plain', 'content-length': CUT_BYTES });
  response.write('x'.repeat(CUT_BYTES / 2), () => response.destroy());
}
