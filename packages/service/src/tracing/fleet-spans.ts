import type { Attributes, Tracing } from './span.ts';

/** What is stored with a batch: the span that enqueued it, and the run of its schedule. */
export interface BatchTrace {
  readonly batch: string;
  readonly schedule: string | undefined;
}

/** @param stored both contexts with a blank between; what is none is left out when it is used */
export function parseBatchTrace(stored: string | undefined): BatchTrace | undefined {
  const [batch, schedule] = stored?.split(' ') ?? [];
  return batch === undefined ? undefined : { batch, schedule };
}

/** A batch that is finished, as the ledger has it. */
interface FinishedBatch {
  readonly batch: string;
  readonly name: string;
  readonly total: number;
  readonly ok: number;
  readonly failed: number;
  readonly bytes: number;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly startedAt?: string | undefined;
  readonly finishedAt?: string | undefined;
}

/** The span of a whole batch, when it is finished: from the start of its first slice. */
export function traceFinishedBatch(
  tracing: Tracing,
  trace: BatchTrace | undefined,
  { batch, name, total, ok, failed, bytes, createdAt, startedAt, finishedAt }: FinishedBatch,
): void {
  const span = tracing.start('batch', {
    parent: trace?.batch,
    links: [trace?.schedule],
    startedAt: Date.parse(startedAt ?? createdAt),
    attributes: {
      ...batchAttributes(batch, name),
      'fetchfleet.batch.total': total,
      'fetchfleet.batch.ok': ok,
      'fetchfleet.batch.failed': failed,
      'fetchfleet.batch.bytes': bytes,
    },
  });
  span.end(finishedAt === undefined ? undefined : Date.parse(finishedAt));
}

interface EnqueuedBatch {
  /** @default its id is not known yet */
  readonly batch?: string;
  readonly name: string;
  /** Of a run of a schedule. */
  readonly schedule?: string;
  /** The span that it is a part of: of that run, or of what has called the command. */
  readonly parent?: string | undefined;
  readonly total: number;
}

/** What an expansion stores and calls. */
interface TracedExpansion {
  readonly context: string;
  readonly onEnd: (finished: FinishedBatch | undefined, error?: unknown) => void;
}

/** The span of enqueueing a batch. It puts slices into the queue, which workers take out. */
export function traceExpansion(
  tracing: Tracing,
  { batch, name, schedule, parent, total }: EnqueuedBatch,
): TracedExpansion {
  const span = tracing.start('enqueue batch', {
    kind: 'producer',
    parent,
    attributes: {
      ...batchAttributes(batch, name),
      'fetchfleet.schedule.id': schedule,
      'fetchfleet.batch.total': total,
    },
  });
  // A schedule has a part of its own in the links of slices.
  const ofRun = schedule === undefined ? undefined : parent;
  return {
    context: ofRun === undefined ? span.context : `${span.context} ${ofRun}`,
    onEnd: (finished, error) => {
      if (error !== undefined) {
        span.fail(error instanceof Error ? error.name : 'error');
      }
      span.end();
      if (finished !== undefined) {
        const trace = { batch: span.context, schedule: ofRun };
        traceFinishedBatch(tracing, trace, finished);
      }
    },
  };
}

export function batchAttributes(id: string | undefined, name?: string): Attributes {
  return { 'fetchfleet.batch.id': id, 'fetchfleet.batch.name': name };
}
