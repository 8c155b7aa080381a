import type { ServerResponse } from 'node:http';
import type { HttpError } from './http-error.ts';

/** What a request gets. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
  /** The body, compressed, if it was compressed beforehand. */
  readonly gzip?: Buffer | undefined;
}

/** For answers that are written as they come: events, exports. */
export interface StreamedAnswer {
  /** Writes head and body, and resolves when the answer has ended. */
  stream(response: ServerResponse): Promise<void>;
}

/** Documents are of this moment, and may be of a viewer who logs out. */
export const NO_STORE = { 'cache-control': 'no-store' };

/** One JSON document. */
export function json(
  document: unknown,
  { status = 200, headers = {} }: Partial<Pick<Answer, 'status' | 'headers'>> = {},
): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...NO_STORE, ...headers },
    body: `${JSON.stringify(document)}\n`,
  };
}

export function errorAnswer({ status, code, message, headers }: HttpError): Answer {
  return json({ error: message, code }, { status, headers });
}
