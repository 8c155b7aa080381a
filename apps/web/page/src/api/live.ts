import { type ReadonlySignal, signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import type { UnavailableEvent } from '../../../src/api/documents.ts';
import { read } from './client.ts';

/** Why nothing new comes, and since when; undefined while it does. */
export interface Silence {
  readonly since: number;
  readonly reason: string;
}

const lost = signal<Silence | undefined>(undefined);
export const silence: ReadonlySignal<Silence | undefined> = lost;

function lose(reason: string): void {
  lost.value = { since: lost.value?.since ?? Date.now(), reason };
}

const GONE = 'The server of this page does not answer';
const RETRY_MS = 2_000;
/** A connection that has ended without a word is noticed after this long. */
const QUIET_MS = 20_000;

/**
 * The newest document of a view, sent by the server as it changes. Undefined before the first one
 * has come. Nothing is sent to a tab that nobody sees: a browser has few connections for a server.
 *
 * @param view `overview`, `batch:ID`, or another with its query: `origins&text=example`
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- each view has its document
export function useLive<T>(view: string): T | undefined {
  const [found, setFound] = useState<{ readonly view: string; readonly document: unknown }>();
  useEffect(() => {
    let end = (): void => undefined;
    const onVisibility = (): void => {
      end();
      end = document.hidden
        ? () => undefined
        : follow(view, (newest) => setFound({ view, document: newest }));
    };
    onVisibility();
    document.addEventListener('visibilitychange', onVisibility);
    return () => {
      document.removeEventListener('visibilitychange', onVisibility);
      end();
    };
  }, [view]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the server is of this version
  return found?.view === view ? (found.document as T) : undefined;
}

/** @returns ends it */
function follow(view: string, onDocument: (newest: unknown) => void): () => void {
  const [, event = view] = /^(\w+)\W/.exec(view) ?? [];
  let source: EventSource | undefined;
  let timer: number | undefined;
  const close = (): void => {
    clearTimeout(timer);
    source?.close();
  };
  const heard = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void check(), QUIET_MS);
  };
  /** Nothing may have changed for a while, or the connection may be gone. */
  const check = async (): Promise<void> => {
    try {
      await read('fleet', AbortSignal.timeout(QUIET_MS));
      heard();
    } catch {
      onError();
    }
  };
  const onError = (): void => {
    lose(GONE);
    close();
    // The browser gives up where an answer is an error: it is asked again here.
    timer = setTimeout(open, RETRY_MS);
  };
  const open = (): void => {
    close();
    source = new EventSource(`api/events?view=${view}`);
    heard();
    source.addEventListener('error', onError);
    source.addEventListener(event, ({ data }: MessageEvent<string>) => {
      lost.value = undefined;
      heard();
      onDocument(JSON.parse(data));
    });
    source.addEventListener('unavailable', ({ data }: MessageEvent<string>) => {
      heard();
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of the same version
      lose((JSON.parse(data) as UnavailableEvent).error);
    });
  };
  open();
  return close;
}
