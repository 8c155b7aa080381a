// Appends records to S3 and prints the index behind the last one of each append that resolved. It
// goes on after errors of the sink until all records are acknowledged.
import { writeSync } from 'node:fs';
import { SinkError } from '@fetchfleet/results';
import { S3Store } from '@fetchfleet/results/s3';
import { BATCH, manifestOf, recordLine } from '../record-lines.ts';

/** Records of an append. */
const GROUP = 10;
const [from = '0', to = '0'] = process.argv.slice(2);
const total = Number(to);
const store = new S3Store({ url: 's3://fleet/results', env: process.env });
const sink = store.sink({ worker: 'w-1', manifest: async () => ({ ...manifestOf(total) }) });

async function persistently(action: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      await action();
      return;
    } catch (error) {
      if (!(error instanceof SinkError)) {
        throw error;
      }
    }
  }
}

await persistently(async () => sink.start());
for (let index = Number(from); index < total; index += GROUP) {
  const lines = Array.from({ length: GROUP }, (_, at) =>
    recordLine({ index: index + at, batch: BATCH }),
  );
  await persistently(async () => sink.append(BATCH, lines));
  writeSync(1, `${index + GROUP}\n`);
}
await sink.stop();
