export { ignoredProxies, ProxySettingError, readRoutes } from './connect/proxy-settings.ts';
export {
  type LackedPermission,
  type NetworkAccess,
  type ResolvedNetwork,
  resolveNetwork,
} from './connect/resolve-network.ts';
export { type FetchNetwork, type Proxy, type ProxyRoutes, shownProxy } from './connect/proxy.ts';
export { type Abortable, AbortListeners } from './fetcher/abort-listeners.ts';
export { fetchList, ListFetchError } from './fetcher/fetch-list.ts';
export type {
  FetchListener,
  FetchRequest,
  HeldFetch,
  RedirectedFetch,
} from './fetcher/fetch-request.ts';
export { createFetcher, type Fetcher, type FetcherOptions } from './fetcher/fetcher.ts';
export { USER_AGENT, userAgentFor } from './fetcher/user-agent.ts';
export { prepareHeaders } from './exchange/request-headers.ts';
export { type ExaminedNames, examineNames } from './lookup/examine-names.ts';
export { LOOKUP_RESULTS, type LookupResult } from './lookup/name-lookup.ts';
export { parseRobots, type RobotsRules } from './robots/robots-rules.ts';
export { ROBOTS_LIMITS, robotsVerdict, type RobotsVerdict } from './robots/robots-verdict.ts';
