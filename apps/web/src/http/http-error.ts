/** A request gets no answer but an error document. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  /** Stable, for programs. */
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  /** @param details.message a sentence for people, without secrets */
  constructor(
    status: number,
    code: string,
    details: {
      readonly message: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly cause?: unknown;
    },
  ) {
    super(details.message, { cause: details.cause });
    this.status = status;
    this.code = code;
    this.headers = details.headers ?? {};
  }
}
