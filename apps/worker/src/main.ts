import { flushCompileCache } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { printable, toError, VERSION } from '@fetchfleet/crawl';
import { RedisRefusedError, RedisUnfitError, RedisUrlError, ShardsError } from '@fetchfleet/fleet';
import { ignoredProxies } from '@fetchfleet/fetcher';
import { openStore, SinkError } from '@fetchfleet/results';
import {
  createLogger,
  currentFolder,
  descriptorShortage,
  isPrettyLog,
  loadPrettyPrinter,
  type Logger,
  onParentEnd,
  onSignals,
  openTracing,
  planDescriptors,
  readDescriptorLimit,
  redirectConsole,
  SettingsError,
} from '@fetchfleet/service';
import { isTlsUnchecked, onUncheckedTls, UNCHECKED_TLS } from '@fetchfleet/service/unchecked-tls';
import { CommanderError } from 'commander';
import { readSettings, redisAddressOf, type WorkerSettings } from './config.ts';
import { readWorkerProxy, type WorkerProxy } from './start/proxies.ts';
import { FleetWorker } from './worker.ts';

const EXIT_INPUT = 2;
const EXIT_UNREACHABLE = 3;
/** The worker was stuck although Redis works: start a new process. */
const EXIT_STUCK = 4;
/** After the drain timeout, for a stuck worker that cannot drain. */
const STUCK_GRACE_MS = 5_000;

/**
 * Objects of a fetch in flight survive one or two collections, so V8 takes them for long-lived and
 * allocates them in the old space, where dead objects keep young ones alive until the next full
 * collection. Without that guess a worker with 1,000 fetches in flight takes 12 % less CPU for a
 * fetch and 30 % less memory.
 */
setFlagsFromString('--no-allocation-site-pretenuring');

/**
 * V8 collects the whole heap after every 25 MB of bodies, because it counts their memory beside the
 * heap, against a limit of its own. Counted as part of the heap, a body of 1 MB takes a third less
 * CPU time. Other versions of Node complain about a flag that they do not know.
 */
if (process.versions.node.startsWith('24.')) {
  setFlagsFromString('--external-memory-accounted-in-global-limit');
}

async function main(): Promise<void> {
  const settings = readSettings(process.argv.slice(2), process.env);
  redisAddressOf(settings); // refused before anything is logged
  const proxy = readWorkerProxy(settings.proxy, process.env); // likewise
  process.umask(settings.umask); // everything that this process creates belongs to the results
  const log = createLogger({
    name: 'fetchfleet-worker',
    level: settings.logLevel,
    pretty: isPrettyLog(settings.logFormat) && (await loadPrettyPrinter()),
  });
  redirectConsole((text) => {
    // The worker has said that itself, once and not for every connection.
    if (!text.includes('Eviction policy')) {
      log.warn({ source: 'console' }, text);
    }
  });
  const limit = await readDescriptorLimit();
  const descriptors = planDescriptors(limit, settings.concurrency);
  const shortage = descriptorShortage(limit, settings.concurrency);
  if (shortage !== undefined) {
    log.warn({ limit, concurrency: descriptors.concurrency }, shortage);
  }
  warnOfProxies(log, { settings, used: proxy, env: process.env });
  warnOfUncheckedTls(log, process.env);
  const onHopeless = (reason: string): void => {
    log.fatal({ reason }, 'new connections did not help: this process ends, start a new one');
    setTimeout(endStuck, settings.drainTimeoutMs + STUCK_GRACE_MS);
    void worker.drain().then(endStuck, endStuck);
  };
  const tracing = await openTracing({
    env: process.env,
    service: 'fetchfleet-worker',
    version: VERSION,
    onProblem: (sentence) => log.warn(sentence),
  });
  const store = await openStore(settings.results.url, {
    env: process.env,
    cwd: currentFolder(),
    compression: settings.compress,
  });
  const worker = new FleetWorker({
    store,
    settings: { ...settings, concurrency: descriptors.concurrency },
    descriptors,
    env: process.env,
    proxy,
    log,
    isOwnProcess: true,
    tracing,
    onHopeless,
    onDrain: () => {
      log.info('somebody has asked this worker to drain');
      endAfter(drain());
    },
  });
  const drain = async (): Promise<void> => {
    await worker.drain();
    await tracing?.stop();
  };
  const endAfter = (drained: Promise<void>): void => {
    drained.then(
      () => {
        signals.stop();
        process.exit(0);
      },
      (error: unknown) => fail(error),
    );
  };
  const signals = onSignals({
    drain,
    force: () => log.warn('forced to end; its slices are claimed again when their claims expire'),
  });
  // `fetchfleet run` has started this worker and has ended: nothing else would stop it.
  onParentEnd(() => {
    log.warn('the parent process has ended');
    endAfter(drain());
  });
  const metricsPort = await worker.start();
  if (metricsPort === undefined) {
    return;
  }
  process.send?.({ type: 'ready', worker: worker.id, metricsPort });
  // Node does this at exit, but a worker ends by a signal.
  flushCompileCache();
}

interface Proxies {
  readonly settings: WorkerSettings;
  readonly used: WorkerProxy | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

function warnOfProxies(log: Logger, { settings, used, env }: Proxies): void {
  if (used !== undefined) {
    log.warn(
      { proxy: used.shown },
      'fetches go through a proxy, which looks names up itself: what it reaches is not checked here',
    );
  }
  const variables = ignoredProxies(env, settings);
  if (variables.length > 0) {
    // Their values may hold passwords.
    log.warn(
      `set but ignored: ${variables.join(', ')}; fetches go through them with --proxy env ` +
        '(FETCHFLEET_PROXY=env)',
    );
  }
}

function warnOfUncheckedTls(log: Logger, env: Readonly<Record<string, string | undefined>>): void {
  if (isTlsUnchecked(env)) {
    log.warn(UNCHECKED_TLS);
    onUncheckedTls(() => undefined); // it is said
  }
}

function endStuck(): void {
  process.exit(EXIT_STUCK);
}

function fail(thrown: unknown): void {
  if (thrown instanceof CommanderError) {
    // Commander has written the help or the problem.
    process.exit(thrown.exitCode === 0 ? 0 : EXIT_INPUT);
  }
  const error = toError(thrown);
  for (const problem of error instanceof SettingsError ? error.problems : [error.message]) {
    process.stderr.write(`fetchfleet-worker: ${printable(problem)}\n`);
  }
  process.exit(exitStatusOf(error));
}

function exitStatusOf(error: Error): number {
  if (error instanceof SinkError || error instanceof RedisRefusedError) {
    return EXIT_UNREACHABLE;
  }
  const inputs = [SettingsError, RedisUrlError, RedisUnfitError, ShardsError];
  return inputs.some((kind) => error instanceof kind) ? EXIT_INPUT : 1;
}

try {
  await main();
} catch (error) {
  fail(error);
}
