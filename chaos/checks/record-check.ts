import type { Expected } from '../model/crawls.ts';

/** The fields of a record that are checked. */
export interface CheckedRecord {
  readonly index: number;
  readonly page?: number;
  readonly url: string;
  readonly outcome: string;
  readonly worker?: string;
  readonly error?: { readonly code: string; readonly message: string };
  readonly body?: unknown;
}

export interface RecordRules {
  /** Whether fetches may have failed because their origin did. */
  readonly wasOriginFaulty: boolean;
  /** Whether fetches may be missing: of a cancelled batch. */
  readonly mayBeMissing: boolean;
}

const MAX_PROBLEMS = 5;

/** What is wrong with the export of a batch: at most a few sentences. */
export function recordProblems(
  records: readonly CheckedRecord[],
  expected: readonly Expected[],
  rules: RecordRules,
): readonly string[] {
  const seen = new Map<number, CheckedRecord[]>();
  for (const record of records) {
    seen.set(record.index, [...(seen.get(record.index) ?? []), record]);
  }
  const problems = expected.flatMap((fetch, index) =>
    problemsOf(index, fetch, seen.get(index), rules),
  );
  const foreign = records.filter(({ index }) => expected[index] === undefined);
  return [...foreign.map(({ index }) => `index ${index} is not of this batch`), ...problems].slice(
    0,
    MAX_PROBLEMS,
  );
}

function problemsOf(
  index: number,
  { url, outcome, pages }: Expected,
  records: readonly CheckedRecord[] = [],
  { wasOriginFaulty, mayBeMissing }: RecordRules,
): readonly string[] {
  const [first] = records;
  const last = records.at(-1);
  if (first === undefined || last === undefined) {
    return mayBeMissing ? [] : [`index ${index} has no record (${url})`];
  }
  if (first.url !== url) {
    return [`index ${index} is ${first.url} instead of ${url}`];
  }
  const numbers = records.map(({ page = 1 }) => page);
  if (numbers.some((page, at) => page !== at + 1)) {
    return [`index ${index} has pages ${numbers.join(', ')}`];
  }
  if (last.outcome !== outcome) {
    // An origin that fails costs fetches; a worker or a Redis that does costs none.
    const isExcused = wasOriginFaulty && last.outcome !== 'worker-lost';
    const reason = `${last.outcome} (${last.error?.code}: ${last.error?.message})`;
    return isExcused ? [] : [`index ${index} is ${reason} instead of ${outcome} (${url})`];
  }
  if (outcome === 'ok' && records.length !== pages) {
    return mayBeMissing ? [] : [`index ${index} has ${records.length} pages instead of ${pages}`];
  }
  return outcome === 'ok' ? records.flatMap((record) => bodyProblem(record, url)) : [];
}

/** The origins say what they were asked for: no answer may end in the record of another URL. */
function bodyProblem({ index, page = 1, body }: CheckedRecord, url: string): readonly string[] {
  const [, , , , batch, number] = url.split('/');
  const answer: Record<string, unknown> = { ...(typeof body === 'object' ? body : {}) };
  return answer['batch'] === batch && answer['index'] === number && answer['page'] === page
    ? []
    : [`index ${index} has the body of ${String(answer['batch'])}/${String(answer['index'])}`];
}
