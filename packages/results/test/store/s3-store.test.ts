import { randomUUID } from 'node:crypto';
import { S3Store } from '@fetchfleet/results/s3';
import { installLeakGuard, startS3 } from '@fetchfleet/testing';
import { useCredentials } from '../s3/s3-environment.ts';
import { describeStore } from './contract.ts';

installLeakGuard();

describeStore('S3', async () => {
  // Listings have several pages, and nothing is tried again by itself.
  const server = await startS3({ pageSize: 2 });
  useCredentials(server, 1);
  const marker = 'results/.fetchfleet-results';
  let mend: (() => void) | undefined;
  return {
    open: async () => new S3Store({ url: 's3://fleet/results', env: server.env }),
    damage: async () => {
      mend = server.fail({ with: { status: 503, code: 'SlowDown' } });
    },
    mend: async () => mend?.(),
    replace: async () => {
      for (const key of server.keys()) {
        server.delete(key);
      }
      server.put(marker, `${randomUUID()}\n`);
    },
    addForeign: async (batch) => server.put(`results/${batch}/notes.txt`, 'mine'),
    stop: async () => server.dispose(),
  };
});
