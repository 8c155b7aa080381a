import { access } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { fleetKeys, openRedis, redactRedisUrl, ShardsWatch } from '@fetchfleet/fleet';
import type { ResultsStore } from '@fetchfleet/results';
import {
  diskOf,
  type Logger,
  type Part,
  startAll,
  stopAll,
  type Tracing,
} from '@fetchfleet/service';
import { Gatekeeper } from './access/gatekeeper.ts';
import { Commands } from './commands/commands.ts';
import { Exports } from './commands/export-records.ts';
import { Program } from './commands/program.ts';
import { redisAddressOf, type WebSettings } from './config.ts';
import { EventStreams } from './http/event-stream.ts';
import { StaticFiles } from './http/static-files.ts';
import { WebEndpoint } from './http/web-endpoint.ts';
import { FleetLooks } from './looks/fleet-looks.ts';
import { FailuresReader } from './records/failures-reader.ts';
import { recordsOf } from './records/latency.ts';
import { RecordFolders } from './records/record-folders.ts';
import { RecordStore } from './records/record-store.ts';
import { HealthPaths } from './routes/health.ts';
import { fleetDocument, openRoutes, routes } from './routes/routes.ts';
import { Site } from './routes/site.ts';

export interface WebServerOptions {
  readonly settings: WebSettings;
  /**
   * Of this process: it opens S3 and databases, and commands get it, with the settings of this
   * server in it.
   */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the workers' records are. */
  readonly store: ResultsStore;
  readonly log: Logger;
  /** Where spans go. It is stopped by whoever has opened it. @default nothing is traced */
  readonly tracing?: Tracing | undefined;
  /** Folder of the built page. @default the one beside this program */
  readonly page?: string;
  /** Path of `fetchfleet`. @default the one of this installation */
  readonly program?: string;
}

/** The server of the page: the one place that joins its parts. */
export class WebServer {
  readonly #parts: readonly Part[];
  #port = 0;

  constructor(options: WebServerOptions) {
    const { settings, env, store, log, tracing, page, program: path } = options;
    const { fleet, base, results, readOnly, trustProxy, token, host, allowHost } = settings;
    const folder = results.kind === 'folder' ? results.url : undefined;
    const redis = openRedis(redisAddressOf(settings), (error) => {
      log.debug({ err: error }, 'Redis');
    });
    const onError = (error: Error): void => log.error({ err: error }, 'a request has failed');
    const program = new Program({ ...(path !== undefined && { path }), env: envOf(settings, env) });
    const commands = new Commands({
      program,
      log,
      readOnly,
      temporaryFolder: env['TMPDIR'],
      tracing,
    });
    const folders = new RecordFolders({ store, maxBytes: settings.maxCopy, onError });
    const keys = fleetKeys(fleet);
    const shards = new ShardsWatch(redis, keys);
    const looks = new FleetLooks({
      redis,
      keys,
      onPassedOver: (sentence) => log.debug(sentence),
      isPrivate: settings.privateRedis,
      resultsDisk: async () => (folder === undefined ? null : diskOf(folder)),
      records: async (batch) => recordsOf(folders, batch),
    });
    const gatekeeper = new Gatekeeper({ host, allowHost, token, readOnly, base });
    const streams = new EventStreams();
    const records = new RecordStore(folders);
    const services = {
      fleet,
      readOnly,
      gatekeeper,
      looks,
      streams,
      commands,
      exports: new Exports(program),
      records,
      failures: new FailuresReader(folders),
      onError,
      hasResults: async () => folder === undefined || (await isThere(folder)),
    };
    const files = new StaticFiles(page ?? fileURLToPath(new URL('page', import.meta.url)));
    if (!files.isBuilt) {
      log.warn('the page was not built: only the API is served');
    }
    const site = new Site({
      base,
      trustProxy,
      gatekeeper,
      files,
      health: new HealthPaths(async () => redis.ping()),
      given: async () => fleetDocument(services),
      openRoutes: openRoutes(services),
      routes: routes(services),
    });
    const endpoint = new WebEndpoint({
      port: settings.port,
      host,
      handle: async (request) => site.handle(request),
      onError,
    });
    log.debug(`Redis is ${redactRedisUrl(redisAddressOf(settings))}`);
    this.#parts = [
      { name: 'Redis connection', stop: () => redis.disconnect() },
      {
        name: 'number of shards',
        start: async () => shards.startWithLook(),
        stop: () => shards.stop(),
      },
      {
        name: 'copies of records',
        start: async () => folders.start(),
        stop: async () => folders.stop(),
      },
      { name: 'records', stop: async () => records.stop() },
      {
        name: 'HTTP server',
        start: async () => {
          this.#port = await endpoint.start();
        },
        stop: async () => endpoint.stop(),
      },
      { name: 'commands', stop: async () => commands.stop() },
      { name: 'event streams', stop: () => streams.stop() },
    ];
  }

  /** @returns the port. @throws SettingsError where the address cannot be used */
  async start(): Promise<number> {
    await startAll(this.#parts);
    return this.#port;
  }

  /** Twice is fine. */
  async stop(): Promise<void> {
    await stopAll(this.#parts);
  }
}

async function isThere(folder: string): Promise<boolean> {
  return access(folder).then(
    () => true,
    () => false,
  );
}

/** The environment of commands: they find the same fleet, and the same results. */
function envOf(
  settings: WebSettings,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const { redisUrl, redisTlsCa, redisTlsCert, redisTlsKey, fleet, results } = settings;
  const { redisSentinelUsername, redisSentinelPassword, redisNatMap } = settings;
  return {
    ...env,
    REDIS_URL: redisUrl,
    REDIS_TLS_CA: redisTlsCa,
    REDIS_TLS_CERT: redisTlsCert,
    REDIS_TLS_KEY: redisTlsKey,
    REDIS_SENTINEL_USERNAME: redisSentinelUsername,
    REDIS_SENTINEL_PASSWORD: redisSentinelPassword,
    REDIS_NAT_MAP: redisNatMap,
    FETCHFLEET_FLEET: fleet,
    FETCHFLEET_RESULTS: results.url,
  };
}
