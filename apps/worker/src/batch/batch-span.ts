import type { BatchStatus } from '@fetchfleet/fleet';
import { type BatchTrace, traceFinishedBatch, traceIdsOf, type Tracing } from '@fetchfleet/service';

/** The span of a batch that was finished here. @returns what log lines say of its trace */
export async function traceBatch(
  tracing: Tracing,
  traceOf: (batch: string) => Promise<BatchTrace | undefined>,
  status: BatchStatus,
): Promise<object | undefined> {
  const trace = await traceOf(status.batch);
  traceFinishedBatch(tracing, trace, status);
  return traceIdsOf(trace?.batch);
}
