import { type ReadonlySignal, signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { follow } from './stream.ts';

/** Why nothing new comes, and since when; undefined while it does. */
export interface Silence {
  readonly since: number;
  readonly reason: string;
}

const lost = signal<Silence | undefined>(undefined);
/** Of the view that is shown. */
export const silence: ReadonlySignal<Silence | undefined> = lost;

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
        : follow(view, {
            onDocument: (newest) => {
              lost.value = undefined;
              setFound({ view, document: newest });
            },
            onSilence: (reason) => {
              lost.value = { since: lost.value?.since ?? Date.now(), reason };
            },
          });
    };
    onVisibility();
    document.addEventListener('visibilitychange', onVisibility);
    return () => {
      document.removeEventListener('visibilitychange', onVisibility);
      end();
      lost.value = undefined; // it was about this view
    };
  }, [view]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the server is of this version
  return found?.view === view ? (found.document as T) : undefined;
}
