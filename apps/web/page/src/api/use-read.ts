import { useEffect, useState } from 'preact/hooks';
import { read, toError } from './client.ts';

export interface Reading<T> {
  readonly value: T | undefined;
  readonly error: Error | undefined;
  readonly isReading: boolean;
  readonly again: () => void;
}

type State<T> = Omit<Reading<T>, 'again'> & { readonly path?: string };

const NOTHING: State<never> = { value: undefined, error: undefined, isReading: true };

/**
 * Reads a document once, and again when `path` or `round` changes. What was read before stays until
 * the same in a later round has come. Undefined reads nothing.
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
    setState((before) => ({ ...before, isReading: true }));
    read<T>(path, aborter.signal).then(
      (value) => setState({ path, value, error: undefined, isReading: false }),
      (error: unknown) => {
        if (!aborter.signal.aborted) {
          setState({ path, value: undefined, error: toError(error), isReading: false });
        }
      },
    );
    return () => aborter.abort();
  }, [path, round, repeats]);
  const isCurrent = state.path === path;
  return {
    value: isCurrent ? state.value : undefined,
    error: isCurrent ? state.error : undefined,
    isReading: state.isReading,
    again: () => setRepeats((before) => before + 1),
  };
}
