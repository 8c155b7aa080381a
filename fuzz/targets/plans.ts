import { compileRequest, isRemoteList, TemplateError } from '@fetchfleet/crawl';
import { parseCrawlFile } from '@fetchfleet/crawl/file';
import { StoredStateError } from '@fetchfleet/fleet';
import * as fc from 'fast-check';
import { crawlFileExamples } from '../examples.ts';
import { type Json, jsonNear, textNear } from '../mutations.ts';
import { attempt, holds, type Target } from '../target.ts';
import {
  parseScheduledCrawl,
  parseStoredCrawl,
  parseStoredPlan,
} from '../../packages/fleet/src/ledger/stored-crawl.ts';
import { unpackFields } from '../../packages/fleet/src/ledger/packed-fields.ts';

export const plansTarget: Target = {
  name: 'plans',
  title: 'what Redis has of a crawl: one within its limits, or an error',
  cpuMs: 1_000,
  open: async () => {
    const crawls = planExamples();
    const texts = crawls.map((crawl) => JSON.stringify(crawl));
    return {
      arbitrary: fc.oneof(
        { weight: 4, arbitrary: jsonNear(crawls, ['/etc/passwd', 'stored:x', 'file']).map(toText) },
        { weight: 1, arbitrary: textNear(texts) },
      ),
      check,
    };
  },
};

/** The crawls of the examples as Redis has them. */
function planExamples(): Json[] {
  return crawlFileExamples().flatMap((text) => {
    const crawl = attempt(() => parseCrawlFile(text, 'fuzz.yaml'), [Error]);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a crawl is plain JSON
    return 'error' in crawl ? [] : [JSON.parse(JSON.stringify(crawl.value)) as Json];
  });
}

function toText(value: Json): string {
  return JSON.stringify(value);
}

function check(text: string): void {
  attempt(() => unpackFields(text), [Error]);
  attempt(() => parseStoredPlan(text), [StoredStateError]);
  const scheduled = attempt(() => parseScheduledCrawl(text), [StoredStateError]);
  if ('error' in scheduled) {
    return;
  }
  const { plan, sources, combine } = scheduled.value;
  parseStoredCrawl(JSON.stringify(plan), JSON.stringify({ sources, combine }));
  const { limits, retry, politeness } = plan;
  const numbers = [...Object.values(limits), ...Object.values(retry), politeness.burst];
  holds(numbers.every(isCount), 'limits are counts', { limits, retry, politeness });
  for (const source of sources) {
    const isLocal = source.kind === 'file' && !isRemoteList(source.path);
    holds(!isLocal, 'workers read no files of their machine', source);
  }
  attempt(() => compileRequest(plan).bodyOf([]), [TemplateError]);
}

function isCount(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}
