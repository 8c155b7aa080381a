import { type ReadonlySignal, signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';

/** Since when the server of the page has not answered; undefined while it does. */
const lost = signal<number | undefined>(undefined);
export const lostSince: ReadonlySignal<number | undefined> = lost;

/** The server sends a comment or a document at least this often. */
const SILENCE_MS = 40_000;
const RETRY_MS = 2_000;

/**
 * The newest document of a view, sent by the server as it changes. Undefined before the first one
 * has come.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- each view has its document
export function useLive<T>(view: string): T | undefined {
  const [found, setFound] = useState<{ readonly view: string; readonly document: unknown }>();
  useEffect(() => follow(view, (document) => setFound({ view, document })), [view]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the server is of this version
  return found?.view === view ? (found.document as T) : undefined;
}

/** @returns ends it */
function follow(view: string, onDocument: (document: unknown) => void): () => void {
  let source: EventSource | undefined;
  let timer: number | undefined;
  const close = (): void => {
    clearTimeout(timer);
    source?.close();
  };
  const open = (): void => {
    close();
    source = new EventSource(`api/events?view=${encodeURIComponent(view)}`);
    const onHeard = (): void => {
      lost.value = undefined;
      clearTimeout(timer);
      timer = setTimeout(onSilence, SILENCE_MS);
    };
    const onSilence = (): void => {
      lost.value ??= Date.now();
      clearTimeout(timer);
      source?.close();
      // The browser gives up where an answer is an error: it is asked again here.
      timer = setTimeout(open, RETRY_MS);
    };
    source.addEventListener('open', onHeard);
    source.addEventListener('alive', onHeard);
    source.addEventListener('error', onSilence);
    source.addEventListener('document', ({ data }: MessageEvent<string>) => {
      onHeard();
      onDocument(JSON.parse(data));
    });
  };
  open();
  return close;
}
