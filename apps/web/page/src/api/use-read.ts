import { useEffect, useState } from 'preact/hooks';
import { read, toError } from './client.ts';

export interface Reading<T> {
  readonly value: T | undefined;
  readonly error: Error | undefined;
  readonly isReading: boolean;
  readonly again: () => void;
}

/** Reads a document once, and again when `path` changes. Undefined reads nothing. */
export function useRead<T>(path: string | undefined): Reading<T> {
  const [round, setRound] = useState(0);
  const [state, setState] = useState<Omit<Reading<T>, 'again'> & { readonly path?: string }>({
    value: undefined,
    error: undefined,
    isReading: true,
  });
  useEffect(() => {
    if (path === undefined) {
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
  }, [path, round]);
  // What differs only in `round` is the same, newer: it stays until it has come.
  const isCurrent = withoutRound(state.path) === withoutRound(path);
  return {
    value: isCurrent ? state.value : undefined,
    error: isCurrent ? state.error : undefined,
    isReading: state.isReading,
    again: () => setRound((before) => before + 1),
  };
}

function withoutRound(path: string | undefined): string | undefined {
  return path?.replace(/[?&](?:round|step)=\d+$/, '');
}
