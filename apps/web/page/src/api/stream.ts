import type { UnavailableEvent } from '../../../src/api/documents.ts';
import { ApiError, read } from './client.ts';

export interface StreamReader {
  readonly onDocument: (newest: unknown) => void;
  /** Why nothing new comes. */
  readonly onSilence: (reason: string) => void;
}

const GONE = 'The server of this page does not answer';
const RETRY_MS = 2_000;
/** A connection that has ended without a word is noticed after this long. */
const QUIET_MS = 20_000;

/**
 * Reads the event stream of a view, and opens it again for as long as it fails:
 *
 *     open ──error, or quiet and no answer──▶ lost ──2 s, and an answer──▶ open
 *
 * @returns ends it: nothing is sent, asked or reported afterwards
 */
export function follow(view: string, { onDocument, onSilence }: StreamReader): () => void {
  const [, event = view] = /^(\w+)\W/.exec(view) ?? [];
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Of the question that is asked at the moment. */
  let asking = new AbortController();
  const close = (): void => {
    clearTimeout(timer);
    asking.abort();
    source?.close();
  };
  /** Whether the server is there; an answer that says no is one. */
  const ask = async (onAnswer: () => void): Promise<void> => {
    asking = new AbortController();
    const { signal } = asking;
    const isThere = await read('fleet', AbortSignal.any([signal, AbortSignal.timeout(QUIET_MS)]))
      .then(() => true)
      .catch((error: unknown) => error instanceof ApiError);
    if (!signal.aborted) {
      (isThere ? onAnswer : onError)();
    }
  };
  const askIn = (ms: number, onAnswer: () => void): void => {
    clearTimeout(timer);
    asking.abort();
    timer = setTimeout(() => void ask(onAnswer), ms);
  };
  /** Nothing may change for a while, or the connection may be gone. */
  const heard = (): void => askIn(QUIET_MS, heard);
  const onError = (): void => {
    onSilence(GONE);
    close();
    // The browser gives up where an answer is an error: it is asked again here.
    askIn(RETRY_MS, open);
  };
  const open = (): void => {
    source = new EventSource(`api/events?view=${view}`);
    heard();
    source.addEventListener('error', onError);
    source.addEventListener(event, (message) => {
      heard();
      onDocument(documentOf(message));
    });
    source.addEventListener('unavailable', (message) => {
      heard();
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of the same version
      onSilence((documentOf(message) as UnavailableEvent).error);
    });
  };
  open();
  return close;
}

function documentOf(message: Event): unknown {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a stream sends nothing else
  return JSON.parse(String((message as MessageEvent).data));
}
