import {
  type Context,
  diag,
  DiagLogLevel,
  type Link,
  ROOT_CONTEXT,
  type Span as SdkSpan,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Tracer,
} from '@opentelemetry/api';
import { NodeSDK } from '@opentelemetry/sdk-node';
import {
  type Attributes,
  type Span,
  type SpanOptions,
  type TraceIds,
  traceIdsOf,
  type Tracing,
  type TracingOptions,
} from './span.ts';

/** Ends of processes wait for their last spans. */
const STOP_MS = 500;

const KINDS = {
  internal: SpanKind.INTERNAL,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

const DETECTORS = 'OTEL_NODE_RESOURCE_DETECTORS';
/** All but `process`: command lines of users may hold passwords. */
const SAFE_DETECTORS = ['env', 'host', 'os', 'serviceinstance'];

interface SdkOptions extends TracingOptions {
  /** The variable that asks for it. */
  readonly endpoint: string;
}

/**
 * Starts the SDK of OpenTelemetry, which reads the variables `OTEL_*` itself: endpoint, protocol,
 * headers, sampler, name, resource, size of its queue. That queue is bounded: spans for which it
 * has no room are dropped.
 */
export async function startSdk(options: SdkOptions): Promise<Tracing> {
  const { env, service, version, endpoint, onProblem } = options;
  // oxlint-disable-next-line node/no-process-env -- the SDK has no other way to be told
  process.env[DETECTORS] = detectorsOf(env[DETECTORS]);
  const isNamed =
    (env['OTEL_SERVICE_NAME'] ?? '') !== '' ||
    /(?:^|,)\s*service\.name=/.test(env['OTEL_RESOURCE_ATTRIBUTES'] ?? '');
  const sdk = new NodeSDK({
    ...(!isNamed && { serviceName: service }),
    textMapPropagator: null,
    instrumentations: [],
    metricReaders: [],
    logRecordProcessors: [],
  });
  sdk.start();
  let hasFailed = false;
  const report = (...said: readonly unknown[]): void => {
    if (!hasFailed) {
      hasFailed = true;
      // Only a code of it: what it says may quote headers and addresses.
      const code = /\b(?:E[A-Z]{4,}|HTTP \d{3})\b/.exec(said.map(String).join(' '))?.[0];
      const why = code === undefined ? '' : ` (${code})`;
      onProblem(`spans are not delivered to the endpoint of ${endpoint}, and are dropped${why}`);
    }
  };
  diag.setLogger(
    { error: report, warn: report, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const tracer = trace.getTracerProvider().getTracer('fetchfleet', version);
  return {
    start: (name, spanOptions = {}) => startSpan(tracer, name, spanOptions),
    stop: async () => {
      const stopped = sdk.shutdown().catch(ignore);
      if (!hasFailed) {
        await Promise.race([stopped, late()]);
      }
    },
  };
}

function ignore(): void {
  // It says nothing that somebody could act on.
}

function detectorsOf(wanted = 'all'): string {
  const names = wanted.split(',').map((name) => name.trim());
  return [...new Set(names.flatMap((name) => (name === 'all' ? SAFE_DETECTORS : [name])))]
    .filter((name) => name !== 'process' && name !== '')
    .join(',');
}

async function late(): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, STOP_MS).unref();
  });
}

function startSpan(tracer: Tracer, name: string, options: SpanOptions): Span {
  const { parent, links = [], kind = 'internal', startedAt, attributes = {} } = options;
  const span = tracer.startSpan(
    name,
    {
      kind: KINDS[kind],
      links: links.flatMap((context): Link[] => {
        const found = spanContextOf(context);
        return found === undefined ? [] : [{ context: found }];
      }),
      ...(startedAt !== undefined && { startTime: startedAt }),
      attributes,
    },
    contextOf(parent),
  );
  return new TracedSpan(span);
}

function contextOf(parent: string | undefined): Context {
  const found = spanContextOf(parent);
  return found === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, found);
}

function spanContextOf(context: string | undefined): SpanContext | undefined {
  const ids = traceIdsOf(context);
  return (
    ids && {
      traceId: ids.trace_id,
      spanId: ids.span_id,
      traceFlags: Number.parseInt(context?.slice(-2) ?? '', 16) & TraceFlags.SAMPLED,
      isRemote: true,
    }
  );
}

class TracedSpan implements Span {
  readonly context: string;
  readonly ids: TraceIds;
  readonly #span: SdkSpan;

  constructor(span: SdkSpan) {
    const { traceId, spanId, traceFlags } = span.spanContext();
    this.#span = span;
    this.ids = { trace_id: traceId, span_id: spanId };
    this.context = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
  }

  set(attributes: Attributes): void {
    this.#span.setAttributes(attributes);
  }

  event(name: string, attributes: Attributes = {}): void {
    this.#span.addEvent(name, attributes);
  }

  fail(reason: string): void {
    this.#span.setStatus({ code: SpanStatusCode.ERROR, message: reason });
  }

  end(endedAt?: number): void {
    this.#span.end(endedAt);
  }
}
