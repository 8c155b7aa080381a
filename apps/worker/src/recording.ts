import { toError } from '@fetchfleet/crawl';
import { Ledger } from '@fetchfleet/fleet';
import { FileSink, type Manifest } from '@fetchfleet/results';
import { BatchLog } from './batch/batch-log.ts';
import { Batches } from './batch/batches.ts';
import { Recorder } from './record/recorder.ts';
import type { WorkerBase } from './worker-base.ts';

/** The parts of a worker that know of batches and keep their records. */
export interface Recording {
  readonly ledger: Ledger;
  readonly batches: Batches;
  readonly batchLog: BatchLog;
  readonly sink: FileSink;
  readonly recorder: Recorder;
}

/** `env` is where secrets are. */
export function createRecording(
  base: WorkerBase,
  env: Readonly<Record<string, string | undefined>>,
): Recording {
  const { id, redis, keys, settings, metrics, log } = base;
  const { results } = settings;
  const ledger = new Ledger(redis, keys);
  const batchLog = new BatchLog({ log, status: async (batch) => ledger.status(batch) });
  const onError = (error: unknown): void => log.error({ err: toError(error) }, 'failed');
  const batches = new Batches({ ledger, results, env, onError });
  const sink = new FileSink({
    dir: results,
    worker: id,
    manifest: async (batch) => manifestOf(batches, batch),
    observe: ({ durationMs, bytes }) => {
      metrics.sinkFlush.observe(durationMs / 1000);
      metrics.recordBytes.inc(bytes);
    },
  });
  const recorder = createRecorder(base, { sink, ledger, batchLog });
  return { ledger, batches, batchLog, sink, recorder };
}

async function manifestOf(batches: Batches, id: string): Promise<Manifest> {
  return batches.use(id, async (batch) => {
    if (batch === undefined) throw new Error(`batch ${id} is unknown`);
    return {
      batch: id,
      name: batch.plan.name,
      total: batch.total,
      params: batch.plan.params,
      url: batch.plan.url,
      createdAt: new Date(batch.createdAt).toISOString(),
    };
  });
}

function createRecorder(
  { metrics, log, progress }: WorkerBase,
  { sink, ledger, batchLog }: Pick<Recording, 'sink' | 'ledger' | 'batchLog'>,
): Recorder {
  return new Recorder({
    sink,
    ledger,
    onRecorded: (records) => {
      progress.recorded += records;
      metrics.recordsWritten.inc(records);
    },
    onSinkError: (error) => {
      metrics.sinkErrors.inc();
      log.error({ err: toError(error) }, 'results cannot be written; fetching waits');
    },
    onRecovered: () => log.info('results can be written again'),
    onFinished: (batch) => {
      batchLog.finished(batch).catch((error: unknown) => {
        log.info({ batch, err: toError(error) }, 'batch finished');
      });
    },
  });
}
