import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  answerRulesOf,
  type BodyPlace,
  compileIdentity,
  contentHash,
  type Crawl,
  encodeRecord,
  encodeSelection,
  lineText,
  type Plan,
  type Validators,
} from '@fetchfleet/crawl';

/** A fetch of a batch, as its record is to be. */
export interface StoredFetch {
  readonly id: string;
  /** Absent for a failure. */
  readonly body?: string;
  readonly etag?: string;
  /** Where the body is instead. */
  readonly unchanged?: BodyPlace;
  readonly vary?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What was selected of the body. */
  readonly selected?: { readonly count: number; readonly json: string };
}

export interface StoredOptions {
  readonly refersTo?: readonly string[];
  readonly comparedWith?: string;
  readonly plan?: Partial<Plan>;
  readonly day?: number;
}

export function planOf(own: Partial<Plan> = {}): Plan {
  return {
    name: 'list',
    url: 'http://api.example/{id}',
    params: ['id'],
    headers: { 'accept-language': 'de' },
    politeness: {
      rate: 'unlimited',
      burst: 1,
      concurrency: 16,
      robots: 'ignore',
      patienceMs: 1,
    },
    retry: { attempts: 1, backoffMs: 1 },
    limits: { timeoutMs: 1, maxBodyBytes: 1, redirects: 0 },
    network: { allowPrivate: false, allow: [] },
    revalidate: true,
    ...own,
  };
}

export function crawlOf(ids: readonly string[], own: Partial<Plan> = {}): Crawl {
  const sources = [{ name: 'id', kind: 'list', values: ids }] as const;
  return { plan: planOf(own), sources, combine: 'product' };
}

/** Writes a batch as workers write it. */
export async function storeBatch(
  dir: string,
  batch: string,
  fetches: readonly StoredFetch[],
  { refersTo = [], comparedWith, plan: own, day = 1 }: StoredOptions = {},
): Promise<void> {
  const plan = planOf(own);
  const folder = join(dir, batch);
  await mkdir(folder, { recursive: true });
  const manifest = {
    batch,
    name: plan.name,
    total: fetches.length,
    params: plan.params,
    url: plan.url,
    createdAt: new Date(Date.UTC(2026, 0, day)).toISOString(),
    ...(plan.revalidate === true && {
      revalidate: {
        rules: answerRulesOf(plan),
        ...(comparedWith !== undefined && { comparedWith }),
        refersTo,
      },
    }),
  };
  await writeFile(join(folder, 'batch.json'), JSON.stringify(manifest));
  const lines = fetches.map((fetch, index) => `${lineOf(batch, { ...fetch, index }, plan)}\n`);
  await writeFile(join(folder, 'part-w-1.ndjson'), lines.join(''));
}

function lineOf(
  batch: string,
  {
    id,
    index,
    body,
    etag,
    unchanged,
    vary,
    headers,
    selected,
  }: StoredFetch & { readonly index: number },
  plan: Plan,
): string {
  const identity = compileIdentity(plan);
  const isOk = body !== undefined;
  const validators: Validators = {
    request: identity.requestOf([id]),
    hash: contentHash(body ?? ''),
    etag,
    vary: vary === undefined ? undefined : { names: vary, hash: identity.variantOf([id], vary) },
  };
  const record = {
    batch,
    index,
    params: { id },
    url: `http://api.example/${id}`,
    outcome: isOk ? ('ok' as const) : ('timeout' as const),
    status: unchanged === undefined ? 200 : 304,
    attempts: 1,
    startedAt: '2026-01-01T00:00:00.000Z',
    durationMs: 1.5,
    bytes: unchanged === undefined ? (body?.length ?? 0) : 0,
    contentType: unchanged === undefined ? 'application/json' : undefined,
    worker: 'w-1',
    headers,
    selected: selected?.count,
    validators: isOk && plan.revalidate === true ? validators : undefined,
    unchanged,
  };
  if (selected !== undefined) {
    return encodeSelection(record, selected.json);
  }
  const isWhole = isOk && unchanged === undefined;
  return lineText(encodeRecord(record, isWhole ? { bytes: Buffer.from(body) } : undefined));
}
