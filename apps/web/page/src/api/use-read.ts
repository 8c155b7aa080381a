import { useEffect, useState } from 'preact/hooks';
import { ApiError, read, toError } from './client.ts';

export interface Reading<T> {
  readonly value: T | undefined;
  readonly error: Error | undefined;
  readonly isReading: boolean;
  readonly again: () => void;
}

type State<T> = Omit<Reading<T>, 'again'> & { readonly path?: string };

/** Between two looks at a copy that is being made. */
const COPYING_MS = 1_000;

const NOTHING: State<never> = { value: undefined, error: undefined, isReading: true };

/**
 * Reads a document once, and again when `path` or `round` changes. What was read before stays until
 * the same in a later round has come. Undefined reads nothing. While records are copied it asks
 * again; the error says how far that is.
 */
export function useRead<T>(path: string | undefined, round?: string | number): Reading<T> {
  const [repeats, setRepeats] = useState(0);
  const [state, setState] = useState<State<T>>(NOTHING);
  useEffect(() => {
    if (path === undefined) {
      setState(NOTHING);
      return undefined;
    }
    const aborter = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    setState((before) => ({ ...before, isReading: true }));
    read<T>(path, aborter.signal).then(
      (value) => setState({ path, value, error: undefined, isReading: false }),
      (error: unknown) => {
        if (!aborter.signal.aborted) {
          setState({ path, value: undefined, error: toError(error), isReading: false });
          if (error instanceof ApiError && error.code === 'RECORDS_COPYING') {
            timer = setTimeout(() => setRepeats((before) => before + 1), COPYING_MS);
          }
        }
      },
    );
    return () => {
      clearTimeout(timer);
      aborter.abort();
    };
  }, [path, round, repeats]);
  const isCurrent = state.path === path;
  return {
    value: isCurrent ? state.value : undefined,
    error: isCurrent ? state.error : undefined,
    isReading: state.isReading,
    again: () => setRepeats((before) => before + 1),
  };
}
