// `npm start`: builds, starts the sample API and fetches every country from it. What stands after
// `npm start --` goes to `fetchfleet run`.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const CRAWL_FILE = 'examples/countries.yaml';
/** With latency, or nobody would see what fetching concurrently is good for. */
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

/** The Node that came with the dependencies, whatever runs this script. */
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

/** The sample API must listen where the crawl file looks for it. */
function portOf(crawlFile) {
  const port = /http:\/\/127\.0\.0\.1:(\d+)/u.exec(
    readFileSync(join(root, crawlFile), 'utf8'),
  )?.[1];
  if (port === undefined) {
    throw new StartError(`${crawlFile} names no port of 127.0.0.1`);
  }
  return port;
}

async function startSampleApi(port) {
  const api = spawn(
    nodePath(),
    ['apps/sample-api/bin/fetchfleet-sample-api.js', '--port', port, '--json', ...SAMPLE_API_DIALS],
    // Detached: Ctrl-C is for the run, which still needs its origin while it drains.
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], detached: true },
  );
  let complaints = '';
  api.stderr.setEncoding('utf8').on('data', (text) => {
    complaints = `${complaints}${text}`.slice(-4_000);
  });
  endWithThisProcess(api, 'KILL');
  const origin = await firstOrigin(api);
  if (origin !== undefined) {
    say(`sample API on ${origin} (100 ms away, as if it were far)`);
    return api;
  }
  await stop(api);
  throw new StartError(
    complaints.includes('EADDRINUSE') || complaints.includes('in use')
      ? `port ${port} is in use, and the sample API needs it: end what listens there (lsof -i :${port}) and try again`
      : `the sample API did not start:\n${complaints}`,
  );
}

/** The end of a pipe that only this process holds tells its end, also by SIGKILL; a line calls it off. */
function endWithThisProcess(child, signal) {
  const script = 'read -r off || kill -s "$1" "$2"';
  const watchdog = spawn('sh', ['-c', script, 'sh', signal, String(child.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  watchdog.on('error', () => undefined); // Without it all else still works.
  watchdog.stdin.on('error', () => undefined);
  child.once('exit', () => watchdog.stdin.end('off\n'));
}

/** What it prints once it listens; undefined where it ended or stayed silent. */
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
 * Signals are the run's: it drains at the first and stops at the second. The terminal sends Ctrl-C to
 * the run as well, so SIGINT is passed on only where no terminal did it.
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
