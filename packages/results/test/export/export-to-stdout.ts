// Exports a batch to stdout, for a test that closes the other end of the pipe.
import { exportBatch } from '@fetchfleet/results';

const [dir = '', batch = ''] = process.argv.slice(2);
try {
  await exportBatch({ dir, batch, format: 'ndjson', out: process.stdout });
} catch (error) {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  process.stderr.write(`rejected: ${code}\n`);
}
