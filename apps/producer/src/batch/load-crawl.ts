import { resolve } from 'node:path';
import { crawlWarnings, type LocalCrawl, secretNames } from '@fetchfleet/crawl';
import { readCrawlFile } from '@fetchfleet/crawl/file';
import type { MeasuredCrawl } from '@fetchfleet/fleet';
import type { Context } from '../core/context.ts';
import { localCrawl } from './local-lists.ts';
import type { Problems } from '../core/problems.ts';

/** A crawl file that is all right, and what has to be known before it is enqueued. */
export interface LoadedCrawl extends MeasuredCrawl {
  /** What can be expanded here: lists at URLs have been read. */
  readonly local: LocalCrawl;
  /** Variables the crawl names that are not set here. */
  readonly missingSecrets: readonly string[];
}

/** Reads the crawl file and streams its lists once. What is wrong goes to `problems`, and then there is no result. */
export async function loadCrawl(
  file: string,
  problems: Problems,
  { env, cwd, terminal }: Pick<Context, 'env' | 'cwd' | 'terminal'>,
): Promise<LoadedCrawl | undefined> {
  const path = resolve(cwd, file);
  const crawl = await problems.collect(async () => readCrawlFile(path));
  if (crawl === undefined) return undefined;
  const local = await problems.collect(async () => localCrawl(crawl));
  const measure = await problems.collect(async () => local?.measure());
  const missingSecrets = secretNames(crawl.plan.headers).filter((name) => !env[name]);
  if (local === undefined || measure === undefined) return undefined;
  for (const warning of crawlWarnings(crawl)) terminal.warn(warning);
  return {
    crawl,
    source: path,
    total: measure.total,
    fingerprint: await local.fingerprint(),
    local,
    missingSecrets,
  };
}
