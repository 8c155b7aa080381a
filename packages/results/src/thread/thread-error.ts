import { codeOf, toError } from '@fetchfleet/crawl';
import { SinkError } from '../sink/sink.ts';

/** An error on its way between threads, which keeps no classes. */
export interface ThreadError {
  readonly reason: string;
  /** Set for a `SinkError`: what could not be done, and with what. */
  readonly failed?: { readonly operation: string; readonly path: string };
  readonly name: string;
  readonly code?: string | undefined;
}

export function packError(thrown: unknown): ThreadError {
  if (thrown instanceof SinkError) {
    const { name, reason, operation, path } = thrown;
    return { reason, failed: { operation, path }, name };
  }
  const { name, message } = toError(thrown);
  return { reason: message, name, code: codeOf(thrown) };
}

export function unpackError({ reason, failed, name, code }: ThreadError): Error {
  return failed === undefined
    ? Object.assign(new Error(reason), { name, ...(code !== undefined && { code }) })
    : new SinkError(failed.operation, failed.path, reason);
}
