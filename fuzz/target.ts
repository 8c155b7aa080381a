import type { Arbitrary } from 'fast-check';

/** What a target needs for its inputs, and what must hold for each of them. */
export interface Probe<T> {
  readonly arbitrary: Arbitrary<T>;
  /** Throws if the input breaks an invariant. */
  check(input: T): void | Promise<void>;
  /** Ends what `open` started. @default nothing */
  close?(): Promise<void>;
}

interface OpenOptions {
  /** An empty folder for the files of the target. What is written elsewhere is a fault. */
  readonly folder: string;
}

/** One reader of foreign input, fed with inputs that are valid in most places. */
export interface Target {
  readonly name: string;
  readonly title: string;
  /**
   * How long one input may take on the wall clock, in milliseconds. It is only for inputs that
   * never end: the process is killed. @default 15 s
   */
  readonly hangMs?: number;
  /** CPU time that one input may take, in milliseconds: it says the same on a busy machine. */
  readonly cpuMs: number;
  open(options: OpenOptions): Promise<Probe<unknown>>;
}

/** An invariant does not hold. */
class InvariantError extends Error {
  override readonly name = 'InvariantError';
  readonly code = 'FUZZ_INVARIANT';
}

/** @throws InvariantError unless the condition holds */
export function holds(condition: boolean, invariant: string, shown?: unknown): asserts condition {
  if (condition) {
    return;
  }
  const seen = shown === undefined ? '' : `: ${JSON.stringify(shown)?.slice(0, 2_000)}`;
  throw new InvariantError(`${invariant}${seen}`);
}

/** Runs a parser. Its own errors are answers; others are thrown again. */
export function attempt<T>(
  run: () => T,
  expected: readonly (abstract new (...args: never[]) => Error)[],
): { readonly value: T } | { readonly error: Error } {
  try {
    return { value: run() };
  } catch (error) {
    return { error: expectedError(error, expected) };
  }
}

/** Like `attempt`, for what answers later. */
export async function attemptAsync<T>(
  run: () => Promise<T>,
  expected: readonly (abstract new (...args: never[]) => Error)[],
): Promise<{ readonly value: T } | { readonly error: Error }> {
  try {
    return { value: await run() };
  } catch (error) {
    return { error: expectedError(error, expected) };
  }
}

function expectedError(
  error: unknown,
  expected: readonly (abstract new (...args: never[]) => Error)[],
): Error {
  if (error instanceof Error && expected.some((type) => error instanceof type)) {
    holds(error.message !== '', 'an error says what is wrong', error.name);
    return error;
  }
  throw error;
}
