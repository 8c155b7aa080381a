// Installs what is missing before `npm start` and `npm test`: npm dependencies, Node 24 (through
// its npm package), redis-server, and for the tests Prometheus and two shells. It runs on Node 18
// and newer before anything is installed, so it is plain JavaScript and uses built-in modules only.
// It is quick and prints nothing if nothing is missing.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const ownBinaries = join(root, 'node_modules', '.bin');
const MINIMUM_NODE = [22, 22];
/** A container engine that does not answer in time counts as missing. */
const ENGINE_DEADLINE_MS = 2_000;
const isForTests = process.env.npm_lifecycle_event === 'test' || process.env.CI === 'true';

class SetupError extends Error {}

try {
  installDependencies();
  ensureNode();
  await ensureRedis();
  if (isForTests) {
    ensurePrometheus();
    ensureShells();
  }
} catch (error) {
  if (!(error instanceof SetupError)) {
    throw error;
  }
  say(error.message);
  process.exitCode = 1;
}

function say(line) {
  process.stderr.write(`setup: ${line}\n`);
}

// ---- npm dependencies ----

function installDependencies() {
  if (dependenciesAreCurrent()) {
    return;
  }
  say('installing npm dependencies (about half a minute)');
  npm(['ci', '--include=dev', '--no-progress', '--no-fund', '--no-audit', '--loglevel=error']);
  say('npm dependencies are installed');
}

/**
 * Whether node_modules matches the lockfile. Compares versions, because git sets file times to the
 * time of the checkout. Optional packages of other platforms may be missing.
 */
function dependenciesAreCurrent() {
  const wanted = readLock('package-lock.json');
  const installed = readLock(join('node_modules', '.package-lock.json'));
  if (wanted === undefined) {
    throw new SetupError('package-lock.json is missing: this clone is incomplete');
  }
  if (installed === undefined) {
    return false;
  }
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.includes('node_modules/')) {
      return true;
    }
    const found = installed[path];
    if (found === undefined) {
      return entry.optional === true || entry.devOptional === true || entry.peer === true;
    }
    return found.version === entry.version && found.link === entry.link;
  });
}

function readLock(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8')).packages;
  } catch (error) {
    if (error.code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

/** Runs the npm of the system: ours is in the folder that `npm ci` replaces. */
function npm(args) {
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== ownBinaries);
  const { status, error } = spawnSync('npm', args, {
    cwd: root,
    env: { ...process.env, PATH: path.join(delimiter) },
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (error !== undefined) {
    throw new SetupError(`npm cannot be started: ${error.message}`);
  }
  if (status !== 0) {
    throw new SetupError(`npm ${args[0]} failed: see the lines above`);
  }
}

// ---- Node ----

function ensureNode() {
  if (nodeIsNewEnough()) {
    return;
  }
  // An install script downloads its binary, and npm may be configured to skip install scripts.
  say('installing Node through its npm package');
  npm(['rebuild', 'node', '--ignore-scripts=false', '--no-progress', '--loglevel=error']);
  if (nodeIsNewEnough()) {
    return;
  }
  throw new SetupError(
    `node_modules/.bin/node does not run as Node ${MINIMUM_NODE.join('.')} or newer: npm must be allowed to run the install script of the package "node" (npm config get ignore-scripts)`,
  );
}

/** The `node` of npm scripts: the one in node_modules/.bin, or else the one of the system. */
function nodeIsNewEnough() {
  const path = [ownBinaries, process.env.PATH ?? ''].join(delimiter);
  const { stdout } = spawnSync('node', ['--version'], {
    env: { ...process.env, PATH: path },
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  const [major = 0, minor = 0] = (stdout ?? '').replace(/^v/u, '').split('.').map(Number);
  return major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1]);
}

// ---- Redis and Prometheus ----

async function ensureRedis() {
  if (process.env.REDIS_URL || isOnPath('redis-server') || aptInstall('redis-server')) {
    return;
  }
  // Tests also accept a container; `npm start` needs its own redis-server.
  if (process.env.npm_lifecycle_event === 'test' && (await containerEngineAnswers())) {
    return;
  }
  throw new SetupError(
    'redis-server is missing: apt-get install redis-server (Debian, Ubuntu), brew install redis (macOS), or set REDIS_URL to a Redis that runs',
  );
}

/** Needed to test rules, alerts and dashboards. The other tests run without it. */
function ensurePrometheus() {
  if (isOnPath('prometheus') && isOnPath('promtool')) {
    return;
  }
  if (aptInstall('prometheus')) {
    return;
  }
  say(
    'prometheus is missing, so its tests will fail: apt-get install prometheus (Debian, Ubuntu) or brew install prometheus (macOS)',
  );
}

/** The tests of shell completion run real shells. */
function ensureShells() {
  const missing = ['zsh', 'fish'].filter((shell) => !isOnPath(shell) && !aptInstall(shell));
  if (missing.length === 0) {
    return;
  }
  say(`${missing.join(' and ')} missing, so tests of shell completion will fail: install them`);
}

/** Installs the Debian package of the same name as the program; returns whether that worked. */
function aptInstall(name) {
  const apt = aptCommand();
  if (apt === undefined) {
    return false;
  }
  say(`installing ${name} with apt`);
  const options = ['-qq', '-o', 'DPkg::Lock::Timeout=300'];
  // The installation may work even if the package lists cannot be updated.
  runQuietly([...apt, ...options, 'update']);
  const install = ['install', '-y', '--no-install-recommends', name];
  const output = runQuietly([...apt, ...options, ...install]);
  if (isOnPath(name)) {
    return true;
  }
  say(`apt could not install ${name}: ${output.trim().split('\n').at(-1) ?? ''}`);
  return false;
}

/** The command that runs apt-get without questions; undefined if there is none. */
function aptCommand() {
  if (!isOnPath('apt-get')) {
    return undefined;
  }
  if (process.getuid?.() === 0) {
    return ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get'];
  }
  if (!isOnPath('sudo') || spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status !== 0) {
    return undefined;
  }
  return ['sudo', '-n', 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get'];
}

function runQuietly([command, ...args]) {
  const { stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return `${stdout ?? ''}${stderr ?? ''}`;
}

function isOnPath(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Asks the engine at DOCKER_HOST, or at the default socket. */
async function containerEngineAnswers() {
  const host = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
  const target = host.startsWith('unix://')
    ? { socketPath: host.slice('unix://'.length) }
    : { host: new URL(host).hostname, port: new URL(host).port || 2375 };
  return new Promise((resolve) => {
    const ping = request({ ...target, path: '/_ping', timeout: ENGINE_DEADLINE_MS }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    ping.once('timeout', () => ping.destroy());
    ping.once('error', () => resolve(false));
    ping.end();
  });
}
