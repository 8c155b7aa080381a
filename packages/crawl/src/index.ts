export {
  type Answer,
  type AnswerReader,
  compileAnswerRules,
  type KeptAnswer,
} from './answer/answer-rules.ts';
export { readJson } from './answer/read-json.ts';
export { type AddressClass, classifyAddress, isAddressAllowed } from './model/address.ts';
export { basicAuthorization } from './access/authorization.ts';
export { MAX_CA_BYTES, problemOfCertificates } from './access/certificates.ts';
export {
  isProxyProblem,
  MAX_PROXIES,
  parseProxy,
  type ProxyAddress,
  proxyHosts,
} from './access/proxy-address.ts';
export { ProxyRules, ProxyRulesError, type ProxyVerdict } from './access/proxy-rules.ts';
export { notifyOrigin, problemOfNotifyUrl } from './access/notify-url.ts';
export {
  MAX_NOTIFY_TARGETS,
  NOTIFY_EVENTS,
  type NotifyEvent,
  type NotifyTarget,
  targetOfUrl,
} from './model/notify.ts';
export {
  namedSecrets,
  placeOf,
  type SecretPlan,
  type SecretUse,
  secretUses,
} from './access/secret-uses.ts';
export { backoffMs, type BackoffOptions, MAX_BACKOFF_MS } from './outcome/backoff.ts';
export { isBatchId, NAME_PATTERN, newBatchId } from './model/batch-id.ts';
// Crawl files are read by `@fetchfleet/crawl/file`: workers do not need YAML, which loads in 45 ms.
export { crawlWarnings } from './file/warnings.ts';
export { dispositionOf, type Disposition, type DispositionContext } from './outcome/disposition.ts';
export {
  draftRecord,
  encodeRecord,
  encodeSelection,
  type RecordBody,
} from './record/encode-record.ts';
export { draftLength, encodeDraft, encodeDrafts, type RecordDraft } from './record/record-draft.ts';
export { isJson } from './record/is-json.ts';
export { lineBytes, lineLength, lineText, type RecordLine } from './record/record-line.ts';
export { expandCrawl, type ExpandOptions, type Expansion } from './expand/expand-crawl.ts';
export { fingerprintOf } from './expand/fingerprint.ts';
export { isRemoteList, isStoredList } from './values/list-file.ts';
export { EntryPartitions, PARTITIONS } from './values/entry-partitions.ts';
export { removeAbandonedFolders, TemporaryFolder } from './temporary/temporary-folder.ts';
export { PositionSet } from './values/position-set.ts';
export { integerParams, isListFile, keyOf, type ListFile } from './model/parameter-source.ts';
export { errorOf, type LastReason, lastReasonOf } from './outcome/last-reason.ts';
export { LocalCrawl, type OpenBatch, type OpenList } from './expand/local-crawl.ts';
export {
  codeOf,
  formatProblem,
  InputError,
  type Problem,
  reasonOfFileError,
} from './model/input-error.ts';
export { refuseNamedPipe } from './model/named-pipe.ts';
export { printable, printableLines } from './model/printable.ts';
export { type CrawlSize, measureCrawl } from './expand/measure-crawl.ts';
export { MAX_SPREAD, type OnlyChoice, totalWithOnly, withOnly } from './expand/only.ts';
export {
  type AnswerVerdict,
  type FetchError,
  type FetchFailure,
  type FetchResponse,
  type FetchResult,
  type Outcome,
  OUTCOMES,
} from './outcome/outcome.ts';
export { originErrorOf } from './outcome/origin-error.ts';
export { originVerdictOf, type OriginVerdict } from './outcome/origin-verdict.ts';
export { firstIndex, indexesOf, packSlice, unpackSlice } from './slice/pack-slice.ts';
export { packSlices, type Packing, sliceSizeFor } from './slice/pack-slices.ts';
export { InvalidSliceError, parseSlice } from './slice/parse-slice.ts';
export {
  COUNTRY_FORMS,
  MAX_REFERENCES,
  type CountryForm,
  type Crawl,
  type Auth,
  type ClientCredentials,
  type Comparison,
  type Expectation,
  type Keep,
  type Limits,
  type Method,
  METHODS,
  type Network,
  type NetworkPolicy,
  type Only,
  type ParameterSource,
  type Plan,
  type Politeness,
  type Rate,
  type RequestBody,
} from './model/plan.ts';
export { type Cursor, parseCursor } from './pages/cursor.ts';
export type { BadPage, FirstRequest, PageRequest } from './pages/page-request.ts';
export { nextPageHeader } from './pages/next-page-header.ts';
export { compilePagination, type PageStep, type Pagination } from './pages/pagination.ts';
export { MAX_PAGES, PAGE_ENDS, type PageEnd, type Paginate } from './model/paginate.ts';
export { bodyText, decodeBody, type EncodedBody } from './record/record-body.ts';
export type { FetchRecord } from './record/record.ts';
export { DURATION_EXAMPLES, parseDurationMs } from './model/duration.ts';
export { parseRate, parseSize } from './model/quantity.ts';
export { compileRequest, type RequestTemplate } from './request/compile-request.ts';
export { hasPlaceholder } from './request/placeholders.ts';
export { placeholdersOf } from './request/value-checks.ts';
export { type RequestedDelay, requestedDelayOf } from './outcome/requested-delay.ts';
export {
  DEFAULT_SECRETS,
  isReservedVariable,
  ownSecrets,
  SecretRules,
  SecretRulesError,
} from './access/secret-rules.ts';
export {
  resolveCredential,
  isHeaderValue,
  mentionsSecret,
  repeatsSecret,
  resolveText,
  SecretError,
  secretHeaders,
  secretNames,
  withoutSecrets,
} from './access/secrets.ts';
export { contentHash, contentHashInSteps } from './revalidate/content-hash.ts';
export {
  answerRulesOf,
  compileIdentity,
  type RequestIdentity,
} from './revalidate/request-identity.ts';
export { compileRevalidation, type Revalidation } from './revalidate/revalidation.ts';
export {
  type BodyPlace,
  type KnownAnswer,
  parseBodyPlace,
  parseValidators,
  type Validators,
} from './revalidate/validators.ts';
export { JsonDocument } from './select/json-document.ts';
export { compileSelect, type Select, SelectError } from './select/select.ts';
export {
  isMixed,
  MAX_SLICE,
  type PendingFetch,
  SEVERAL_ORIGINS,
  type Slice,
} from './slice/slice.ts';
export { compileTemplate, type Template, TemplateError } from './request/template.ts';
export { toError } from './model/to-error.ts';
export { fromOctets, isOrigin, isReadableOnTheWay, originOf, redactUrl } from './model/url.ts';
export { VERSION } from './model/version.ts';
