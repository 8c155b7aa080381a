export { fetchList, ListFetchError } from './fetch-list.ts';
export {
  createFetcher,
  type Fetcher,
  type FetcherOptions,
  type FetchListener,
  type FetchRequest,
} from './fetcher.ts';
export {
  parseRobots,
  ROBOTS_LIMITS,
  type RobotsRules,
  robotsVerdict,
  type RobotsVerdict,
} from './robots.ts';
export { USER_AGENT, userAgentFor } from './user-agent.ts';
