import type { ServerResponse } from 'node:http';

/** Pieces of a slow answer in a second. */
const PIECES_PER_SECOND = 10;

export interface Answer {
  readonly status: number;
  readonly body: Buffer | string;
  /** @default 'application/json' */
  readonly contentType?: string;
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string | string[]>>;
}

export function jsonAnswer(status: number, value: object): Answer {
  return { status, body: `${JSON.stringify(value)}\n` };
}

/** @param bytesPerSecond of the body. @default all at once */
export function send(response: ServerResponse, answer: Answer, bytesPerSecond?: number): void {
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
  if (bytesPerSecond === undefined || response.req.method === 'HEAD') {
    response.end(body);
  } else {
    drip(response, Buffer.from(body), bytesPerSecond);
  }
}

/** Sends a body in pieces until it is complete or the client is gone. */
function drip(response: ServerResponse, body: Buffer, bytesPerSecond: number): void {
  const bytes = Math.max(1, Math.round(bytesPerSecond / PIECES_PER_SECOND));
  let sent = 0;
  const sendPiece = (): void => {
    const piece = body.subarray(sent, sent + bytes);
    sent += piece.length;
    if (sent < body.length) {
      response.write(piece);
      return;
    }
    clearInterval(timer);
    response.end(piece);
  };
  const timer = setInterval(sendPiece, (bytes / bytesPerSecond) * 1_000);
  response.once('close', () => clearInterval(timer));
  sendPiece();
}
