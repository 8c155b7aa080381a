import type { IncomingMessage } from 'node:http';
import type { Dials } from './dials.ts';

/** Larger bodies are refused. */
export const MAX_BODY_BYTES = 1024 * 1024;

/** One request, read to its end. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  /** Parameters of the page, and the dials again. */
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly dials: Dials;
}

/** @returns undefined if the body is too large, or the client is gone */
export async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) {
        return undefined;
      }
      chunks.push(chunk);
    }
  } catch {
    return undefined; // nobody waits for the answer
  }
  return Buffer.concat(chunks).toString();
}

/** The JSON object in a body; undefined if it is none. */
export function jsonOf(body: string): Readonly<Record<string, unknown>> | undefined {
  const value = objectOrList(body);
  return value === undefined || Array.isArray(value) ? undefined : { ...value };
}

/** The same, or the JSON list. */
export function objectOrList(body: string): object | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
