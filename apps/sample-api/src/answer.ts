import type { ServerResponse } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly body: Buffer | string;
  /** @default 'application/json' */
  readonly contentType?: string;
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string>>;
}

export function jsonAnswer(status: number, value: object): Answer {
  return { status, body: `${JSON.stringify(value)}\n` };
}

export function send(response: ServerResponse, answer: Answer): void {
  const { status, body, contentType = 'application/json', headers } = answer;
  if (status === 204 || status === 304) {
    // These have no body, and some clients would wait for the one that a length announces.
    response.writeHead(status, headers).end();
    return;
  }
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}
