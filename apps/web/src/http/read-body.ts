import type { IncomingMessage } from 'node:http';
import { HttpError } from './http-error.ts';

/**
 * The body of a request as JSON.
 *
 * @throws HttpError if it is none, or has more than `maxBytes`
 */
export async function readJson(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  const type = request.headers['content-type'] ?? '';
  // Forms of other sites cannot send this type without being asked about.
  if (!/^application\/json(?:\s*;|$)/iu.test(type)) {
    throw new HttpError(415, 'BODY_UNFIT', { message: 'the body must be application/json' });
  }
  const text = (await readBytes(request, maxBytes)).toString('utf8');
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HttpError(400, 'BODY_UNFIT', { message: 'the body is no JSON', cause });
  }
}

async function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) {
    throw tooLarge(maxBytes);
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    const piece: Buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    bytes += piece.length;
    if (bytes > maxBytes) {
      throw tooLarge(maxBytes);
    }
    chunks.push(piece);
  }
  return Buffer.concat(chunks);
}

function tooLarge(maxBytes: number): HttpError {
  return new HttpError(413, 'BODY_TOO_LARGE', {
    message: `the body has more than ${maxBytes} bytes`,
    // What is left of it is not read.
    headers: { connection: 'close' },
  });
}
