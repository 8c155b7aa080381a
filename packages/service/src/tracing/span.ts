/** Values by name. What is undefined is left out. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

export interface SpanOptions {
  /** The {@link Span.context} of the span that it is a part of. @default it begins a trace */
  readonly parent?: string | undefined;
  /** Contexts of spans elsewhere that it has to do with. What is no context is left out. */
  readonly links?: readonly (string | undefined)[];
  /** Whether it puts work into a queue, or takes it out. @default 'internal' */
  readonly kind?: 'internal' | 'producer' | 'consumer';
  /** Epoch milliseconds. @default now */
  readonly startedAt?: number | undefined;
  readonly attributes?: Attributes;
}

/** Fields of log lines that belong to a span, by the names that collectors look for. */
export interface TraceIds {
  readonly trace_id: string;
  readonly span_id: string;
}

/** Something that takes time, until {@link end}. */
export interface Span {
  /** As it travels: `traceparent` of W3C Trace Context, 55 characters. Holds no secret. */
  readonly context: string;
  readonly ids: TraceIds;
  /** Adds attributes. */
  set(attributes: Attributes): void;
  /** Something that happened in between. */
  event(name: string, attributes?: Attributes): void;
  /** It did not do what it was for. */
  fail(reason: string): void;
  /** @param endedAt epoch milliseconds. @default now */
  end(endedAt?: number): void;
}

/** Where spans go. */
export interface Tracing {
  start(name: string, options?: SpanOptions): Span;
  /**
   * Sends what has ended, and stops. Waits for half a second at most, and not at all where the
   * endpoint has failed before.
   */
  stop(): Promise<void>;
}

type Environment = Readonly<Record<string, string | undefined>>;

export interface TracingOptions {
  readonly env: Environment;
  /** Name of the program, where `OTEL_SERVICE_NAME` gives no other. */
  readonly service: string;
  readonly version: string;
  /** Called once at most: nothing is traced, or spans are not delivered. */
  readonly onProblem: (sentence: string) => void;
}

const CONTEXT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;

/**
 * The ids in the context of a span.
 *
 * @returns undefined if it is no context: it may come from Redis, or from the environment
 */
export function traceIdsOf(context: string | undefined): TraceIds | undefined {
  const [, traceId = '', spanId = ''] = CONTEXT.exec(context ?? '') ?? [];
  // Zeros are for "none".
  return /[^0]/.test(traceId) && /[^0]/.test(spanId)
    ? { trace_id: traceId, span_id: spanId }
    : undefined;
}
