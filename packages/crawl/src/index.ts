export { type AddressClass, classifyAddress, isAddressAllowed } from './address.ts';
export { backoffMs, type BackoffOptions, MAX_BACKOFF_MS } from './backoff.ts';
export { isBatchId, newBatchId } from './batch-id.ts';
export { type Block, blockOf, type BlockReason } from './block.ts';
// Reading crawl files is a path of its own, `@fetchfleet/crawl/file`: workers have no use for YAML, which takes 45 ms to load.
export { crawlWarnings } from './crawl-warnings.ts';
export { dispose, type Disposition, type DispositionContext } from './disposition.ts';
export { encodeRecord, type RecordBody } from './encode-record.ts';
export { expandCrawl, type ExpandOptions } from './expand-crawl.ts';
export type { Expansion } from './expansion.ts';
export { fingerprintOf } from './fingerprint.ts';
export { isStoredList, type ListFile } from './list-file.ts';
export { LocalCrawl, type OpenList } from './local-crawl.ts';
export { formatProblem, InputError, type Problem } from './input-error.ts';
export { type CrawlSize, measureCrawl } from './measure-crawl.ts';
export {
  type FetchFailure,
  type FetchResponse,
  type FetchResult,
  type Outcome,
  OUTCOMES,
} from './outcome.ts';
export { firstIndex, packSlice, unpackSlice } from './pack-slice.ts';
export { packSlices, sliceSizeFor } from './pack-slices.ts';
export { InvalidSliceError, parseSlice } from './parse-slice.ts';
export type {
  CountryForm,
  Crawl,
  Limits,
  NetworkPolicy,
  ParameterSource,
  Plan,
  Politeness,
  Rate,
} from './plan.ts';
export { bodyText, decodeBody, type EncodedBody } from './record-body.ts';
export type { FetchRecord } from './record.ts';
export { parseDuration, parseRate } from './quantity.ts';
export { MAX_RETRY_AFTER_MS, parseRetryAfter } from './retry-after.ts';
export { resolveHeaders, SecretError, secretHeaders, secretNames } from './secrets.ts';
export { MAX_SLICE, type PendingFetch, type Slice } from './slice.ts';
export { compileTemplate, type Template, TemplateError } from './template.ts';
export { originOf, redactUrl } from './url.ts';
