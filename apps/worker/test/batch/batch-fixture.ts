import { compileRequest } from '@fetchfleet/crawl';
import { parseCrawlFile } from '@fetchfleet/crawl/file';
import type { ActiveBatch } from '../../src/batch/batches.ts';

/** A running batch `b` of `http://a.example/{n}`, with changes. */
export function activeBatch(changes: Partial<ActiveBatch> = {}): ActiveBatch {
  const { plan } = parseCrawlFile(
    'name: numbers\nurl: http://a.example/{n}\nparams: { n: { from: 1, to: 20 } }\n',
    'numbers.yaml',
  );
  return {
    id: 'b',
    plan,
    total: 20,
    createdAt: 0,
    request: compileRequest(plan),
    secretHeaders: [],
    secrets: () => [],
    lackingSecrets: () => [],
    network: plan.network,
    lackingPermissions: [],
    state: 'running',
    cancelled: new AbortController().signal,
    paused: new AbortController().signal,
    ...changes,
  };
}
