// `npm start`: builds, starts the sample API and fetches every country from it. Arguments after
// `npm start --` are passed to `fetchfleet run`.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const CRAWL_FILE = 'examples/countries.yaml';
/** Latency shows the effect of concurrency. */
const SAMPLE_API_DIALS = ['--latency', '100ms', '--jitter', '50ms'];
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const START_DEADLINE_MS = 15_000;

class StartError extends Error {}

try {
  build();
  process.exitCode = await fetchEveryCountry(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof StartError)) {
    throw error;
  }
  say(error.message);
  process.exitCode = 1;
}

function say(line) {
  process.stderr.write(`${line}\n`);
}

/** The Node of the dependencies, which may not be the one that runs this script. */
function nodePath() {
  const own = join(root, 'node_modules', '.bin', 'node');
  return existsSync(own) ? own : process.execPath;
}

function build() {
  say('building …');
  const path = [join(root, 'node_modules', '.bin'), process.env.PATH ?? ''].join(delimiter);
  const { status, stdout, stderr, error } = spawnSync(
    'turbo',
    ['run', 'build', '--output-logs=errors-only'],
    {
      cwd: root,
      env: { TURBO_TELEMETRY_DISABLED: '1', ...process.env, PATH: path },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  if (error !== undefined) {
    throw new StartError(`turbo cannot be started: ${error.message}`);
  }
  if (status !== 0) {
    throw new StartError(`${stdout}${stderr}\nthe build failed: see above`);
  }
}

async function fetchEveryCountry(args) {
  const signals = listenToSignals();
  const api = await startSampleApi(portOf(CRAWL_FILE));
  try {
    if (signals.received !== undefined) {
      return 130;
    }
    const run = spawn(
      nodePath(),
      ['--enable-source-maps', 'apps/producer/bin/fetchfleet.js', 'run', CRAWL_FILE, ...args],
      { cwd: root, stdio: 'inherit' },
    );
    signals.passTo(run);
    endWithThisProcess(run, 'TERM');
    const [code, signal] = await once(run, 'exit');
    return code ?? (signal === 'SIGINT' ? 130 : 1);
  } finally {
    await stop(api);
    signals.ignore();
  }
}

/** The port of the crawl file, where the sample API must listen. */
function portOf(crawlFile) {
  const port = /http:\/\/127\.0\.0\.1:(\d+)/u.exec(
    readFileSync(join(root, crawlFile), 'utf8'),
  )?.[1];
  if (port === undefined) {
    throw new StartError(`${crawlFile} contains no URL with a port of 127.0.0.1`);
  }
  return port;
}

async function startSampleApi(port) {
  const api = spawn(
    nodePath(),
    ['apps/sample-api/bin/fetchfleet-sample-api.js', '--port', port, '--json', ...SAMPLE_API_DIALS],
    // Detached, so Ctrl-C does not reach it: the run needs its origin while it drains.
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], detached: true },
  );
  let complaints = '';
  api.stderr.setEncoding('utf8').on('data', (text) => {
    complaints = `${complaints}${text}`.slice(-4_000);
  });
  endWithThisProcess(api, 'KILL');
  const origin = await firstOrigin(api);
  if (origin !== undefined) {
    say(`sample API on ${origin} (with 100 ms latency)`);
    return api;
  }
  await stop(api);
  throw new StartError(
    complaints.includes('EADDRINUSE') || complaints.includes('in use')
      ? `port ${port} is in use, and the sample API needs it: stop the process that uses it (lsof -i :${port}) and try again`
      : `the sample API did not start:\n${complaints}`,
  );
}

/**
 * Starts a watchdog that kills `child` if this process ends, even by SIGKILL: a pipe from this
 * process closes then. A line on the pipe cancels the watchdog.
 */
function endWithThisProcess(child, signal) {
  const script = 'read -r off || kill -s "$1" "$2"';
  const watchdog = spawn('sh', ['-c', script, 'sh', signal, String(child.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  watchdog.on('error', () => undefined); // All else works without it.
  watchdog.stdin.on('error', () => undefined);
  child.once('exit', () => watchdog.stdin.end('off\n'));
}

/** The URL that it prints when it listens; undefined if it ended, or printed nothing in time. */
async function firstOrigin(api) {
  const lines = createInterface({ input: api.stdout });
  const timer = setTimeout(() => lines.close(), START_DEADLINE_MS);
  try {
    for await (const line of lines) {
      const origin = /"origin":\s*"([^"]+)"/u.exec(line)?.[1];
      if (origin !== undefined) {
        return origin;
      }
    }
    return undefined;
  } finally {
    clearTimeout(timer);
    api.stdout.resume();
  }
}

async function stop(api) {
  if (api.exitCode !== null || api.signalCode !== null) {
    return;
  }
  const ended = once(api, 'exit');
  api.kill('SIGTERM');
  const timer = setTimeout(() => api.kill('SIGKILL'), 5_000);
  await ended;
  clearTimeout(timer);
}

/**
 * Passes signals to the run, which drains at the first and stops at the second. A terminal sends
 * Ctrl-C to the run as well, so SIGINT is passed on only without a terminal.
 */
function listenToSignals() {
  const state = { received: undefined, run: undefined };
  const handlers = SIGNALS.map((signal) => {
    const handler = () => {
      state.received = signal;
      if (signal !== 'SIGINT' || !process.stdin.isTTY) {
        state.run?.kill(signal);
      }
    };
    process.on(signal, handler);
    return [signal, handler];
  });
  return {
    get received() {
      return state.received;
    },
    passTo(run) {
      state.run = run;
    },
    ignore() {
      for (const [signal, handler] of handlers) {
        process.off(signal, handler);
      }
    },
  };
}
