/** A request as tests and faults see it. */
export interface S3Request {
  readonly method: string;
  readonly key: string;
  /** `uploads`, `uploadId=…&partNumber=1`, `list-type=2&…`. */
  readonly query: string;
}

/** Something that goes wrong. */
export interface S3Fault {
  /** @default all */
  readonly method?: string;
  /** What the key matches, without the bucket. @default all */
  readonly key?: RegExp;
  /** What the query matches. @default all */
  readonly query?: RegExp;
  /** Requests that are spared first. @default 0 */
  readonly after?: number;
  /** How often. @default until it is removed */
  readonly times?: number;
  /** Whether the request is carried out all the same. @default false */
  readonly isDone?: boolean;
  /**
   * What the client sees: an error, the end of the connection, no answer at all, or the right
   * answer with its content cut short. `flip` changes the content on its way, in either direction.
   */
  readonly with:
    | { readonly status: number; readonly code: string }
    | 'cut'
    | 'silence'
    | 'half'
    | 'flip';
}

/** The faults that are left, oldest first. */
export class S3Faults {
  /** With the number of requests that each one was about. */
  readonly #faults = new Map<S3Fault, number>();

  /** @returns what removes it */
  add(fault: S3Fault): () => void {
    this.#faults.set(fault, 0);
    return () => {
      this.#faults.delete(fault);
    };
  }

  /** The first fault that is about a request. It is used up by one. */
  take({ method, key, query }: S3Request): S3Fault | undefined {
    for (const [fault, seen] of this.#faults) {
      const isMeant =
        (fault.method ?? method) === method &&
        (fault.key?.test(key) ?? true) &&
        (fault.query?.test(query) ?? true);
      if (!isMeant) {
        continue;
      }
      this.#faults.set(fault, seen + 1);
      const { after = 0, times = Infinity } = fault;
      if (seen >= after && seen < after + times) {
        return fault;
      }
    }
    return undefined;
  }
}
