/** One thing that is wrong with what the user wrote. */
export interface Problem {
  readonly file: string;
  /** From 1. */
  readonly line?: number;
  /** From 1. */
  readonly column?: number;
  /** Path of the offending key: `politeness.rate`. */
  readonly key?: string;
  readonly message: string;
}

/** The input is wrong: nothing was started. `problems` lists everything at once, in the order of the file. */
export class InputError extends Error {
  override readonly name = 'InputError';
  readonly code = 'INPUT_INVALID';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[], options?: ErrorOptions) {
    super(problems.map(formatProblem).join('\n'), options);
    this.problems = problems;
  }
}

/** `crawl.yaml:7:3 politeness.rate: "20/x" is not a rate; …` */
export function formatProblem(problem: Problem): string {
  const { file, line, column, key, message } = problem;
  const place = [file, line, line === undefined ? undefined : column].filter(
    (part) => part !== undefined,
  );
  if (key === undefined) {
    return `${place.join(':')}: ${message}`;
  }
  return `${place.join(':')} ${key}: ${message}`;
}
