import { flushCompileCache } from 'node:module';
import { printable, toError, VERSION } from '@fetchfleet/crawl';
import { RedisUrlError } from '@fetchfleet/fleet';
import { openStore } from '@fetchfleet/results';
import {
  createLogger,
  currentFolder,
  isPrettyLog,
  loadPrettyPrinter,
  onParentEnd,
  onSignals,
  openTracing,
  redirectConsole,
  SettingsError,
} from '@fetchfleet/service';
import { CommanderError } from 'commander';
import { readSettings, redisAddressOf, type WebSettings } from './config.ts';
import { WebServer } from './web-server.ts';

const EXIT_INPUT = 2;

async function main(): Promise<void> {
  const settings = readSettings(process.argv.slice(2), process.env);
  redisAddressOf(settings); // refused before anything is logged
  process.umask(0o077); // crawl files of viewers are for this user alone
  const log = createLogger({
    name: 'fetchfleet-web',
    level: settings.logLevel,
    pretty: isPrettyLog(settings.logFormat) && (await loadPrettyPrinter()),
  });
  redirectConsole((text) => log.debug({ source: 'console' }, text));
  const { env } = process;
  const tracing = await openTracing({
    env: process.env,
    service: 'fetchfleet-web',
    version: VERSION,
    onProblem: (sentence) => log.warn(sentence),
  });
  const store = await openStore(settings.results.url, { env, cwd: currentFolder() });
  const server = new WebServer({ settings, env, store, log, tracing });
  const stop = async (): Promise<void> => {
    await server.stop();
    await tracing?.stop();
  };
  const signals = onSignals({
    drain: stop,
    force: () => log.warn('forced to end'),
  });
  // A command has started this process and has ended: nothing else would stop it.
  onParentEnd(() => {
    stop().then(
      () => {
        signals.stop();
        process.exit(0);
      },
      (error: unknown) => fail(error),
    );
  });
  const port = await server.start();
  const address = addressOf(settings, port);
  log.info({ address, readOnly: settings.readOnly }, `the page is at ${address}`);
  process.send?.({ type: 'ready', address });
  flushCompileCache();
}

/** Where a browser of this machine finds the page. */
function addressOf({ host, base }: WebSettings, port: number): string {
  const isAny = host === '0.0.0.0' || host === '::';
  const name = isAny ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${port}${base}/`;
}

function fail(thrown: unknown): void {
  if (thrown instanceof CommanderError) {
    // Commander has written the help or the problem.
    process.exit(thrown.exitCode === 0 ? 0 : EXIT_INPUT);
  }
  const error = toError(thrown);
  for (const problem of error instanceof SettingsError ? error.problems : [error.message]) {
    process.stderr.write(`fetchfleet-web: ${printable(problem)}\n`);
  }
  process.exit(error instanceof SettingsError || error instanceof RedisUrlError ? EXIT_INPUT : 1);
}

try {
  await main();
} catch (error) {
  fail(error);
}
