// Appends groups of records to a database, again and again until it is killed. Prints the first
// index after each group that was acknowledged.
import { SinkError } from '@fetchfleet/results';
import { PostgresStore } from '@fetchfleet/results/postgres';
import { BATCH, manifestOf, recordLine } from '../record-lines.ts';

const [url = '', from = '0'] = process.argv.slice(2);
const store = new PostgresStore({ url, env: {} });
const sink = store.sink({ worker: `w-${from}`, manifest: async () => manifestOf(0) });
await sink.start();
for (let next = Number(from); ;) {
  const indexes = Array.from({ length: 50 }, (_, offset) => next + offset);
  try {
    await sink.append(
      BATCH,
      indexes.map((index) => recordLine({ index, body: JSON.stringify('x'.repeat(2_000)) })),
    );
    next += indexes.length;
    process.stdout.write(`${next}\n`);
  } catch (error) {
    if (!(error instanceof SinkError)) {
      throw error;
    }
  }
}
