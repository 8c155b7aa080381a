export { DEADLINE_MS, eventually, type EventuallyOptions } from './resources/eventually.ts';
export { freePort } from './resources/free-port.ts';
export { closeAfterEach, installLeakGuard } from './resources/leak-guard.ts';
export { type Arrival } from './origin/arrival.ts';
export {
  type CannedResponse,
  type Origin,
  type OriginOptions,
  type RouteHandler,
  startOrigin,
} from './origin/origin.ts';
export { ReadTimes, type ReadTime } from './origin/read-times.ts';
export { type Certificate, selfSigned } from './origin/self-signed.ts';
export {
  type ForwardProxy,
  type ForwardProxyOptions,
  startSquid,
  startTinyproxy,
} from './process/forward-proxy.ts';
export { isAlive } from './process/process-state.ts';
export {
  type Exit,
  binaryPath,
  repositoryRoot,
  type Running,
  startProcess,
  type StartProcessOptions,
} from './process/process.ts';
export { shiftedClock } from './process/shifted-clock.ts';
export {
  type Prometheus,
  type Sample,
  startPrometheus,
  startPrometheusTool,
} from './process/prometheus.ts';
export { type PrivatePostgres, startPostgres } from './postgres/postgres.ts';
export {
  type ClusterNode,
  type RedisCluster,
  type RedisClusterOptions,
  startRedisCluster,
} from './redis/redis-cluster.ts';
export { type CertificateFiles, certificateFiles } from './redis/redis-tls.ts';
export { type RedisSentinels, startRedisSentinels } from './redis/redis-sentinel.ts';
export { type PrivateRedis, redisUrl, startRedis, type StartRedisOptions } from './redis/redis.ts';
export { trackRedis } from './redis/track-redis.ts';
export { closeResources, openResources, track, type Tracked } from './resources/registry.ts';
export { temporaryFolder, type TemporaryFolder } from './resources/temporary-folder.ts';
export { type S3Fault, type S3Request } from './s3/s3-faults.ts';
export { S3Server, type S3ServerOptions, startS3 } from './s3/s3-server.ts';
export { type S3rverServer, startS3rver } from './s3/start-s3rver.ts';
export { type OtlpSink, startOtlpSink } from './traces/otlp-sink.ts';
export { type OtlpSpan } from './traces/otlp-spans.ts';
