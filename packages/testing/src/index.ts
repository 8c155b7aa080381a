export { eventually, type EventuallyOptions } from './eventually.ts';
export { freePort } from './free-port.ts';
export { closeAfterEach, installLeakGuard } from './leak-guard.ts';
export {
  type Arrival,
  type CannedResponse,
  type Origin,
  type OriginOptions,
  type RouteHandler,
  startOrigin,
} from './origin.ts';
export { isAlive } from './process-state.ts';
export {
  type Exit,
  repositoryRoot,
  type Running,
  startProcess,
  type StartProcessOptions,
} from './process.ts';
export { type PrivateRedis, redisUrl, startRedis, type StartRedisOptions } from './redis.ts';
export { track, type Tracked } from './registry.ts';
export { temporaryFolder, type TemporaryFolder } from './temporary-folder.ts';
