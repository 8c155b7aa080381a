/** One mistake in what the user wrote. */
export interface Problem {
  readonly file: string;
  /** From 1. */
  readonly line?: number;
  /** From 1. */
  readonly column?: number;
  /** Path of the key: `politeness.rate`. */
  readonly key?: string;
  readonly message: string;
}

/** The input is invalid and nothing was started. `problems` lists all mistakes in file order. */
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

const FILE_ERRORS: Readonly<Partial<Record<string, string>>> = {
  ENOENT: 'it does not exist',
  EISDIR: 'it is a folder',
  EACCES: 'permission denied',
  NAMED_PIPE: 'it is a named pipe',
};

/** The reason for which a file could not be read, for people. */
export function reasonOfFileError(error: unknown): string {
  const code = codeOf(error) ?? 'unknown reason';
  return FILE_ERRORS[code] ?? code;
}

/** The `code` of an error of Node, such as `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) {
    return undefined;
  }
  return typeof error.code === 'string' ? error.code : undefined;
}
