// Installs what is missing before `npm start` and `npm test`: npm dependencies, Node 24 (through
// its npm package), redis-server, and for the tests Prometheus, two shells and proxies, for long
// ones also PostgreSQL, kubectl and a browser; for `npm run docs` the packages of the site. It runs
// on Node 18 and newer before anything is installed, so it is plain JavaScript and uses built-in
// modules only. It is quick and prints nothing if nothing is missing.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const ownBinaries = join(root, 'node_modules', '.bin');
const MINIMUM_NODE = [22, 22];
/** A container engine that does not answer in time counts as missing. */
const ENGINE_DEADLINE_MS = 2_000;
const isForAll = process.env.CI === 'true';
const isForTests = process.env.npm_lifecycle_event === 'test' || isForAll;
const isForLongTests = process.env.npm_lifecycle_event === 'test:long' || isForAll;
const isForTopologies = process.env.npm_lifecycle_event === 'test:redis-topologies' || isForAll;
const isForDocs = process.env.npm_lifecycle_event === 'docs';
const isForPictures = process.env.npm_lifecycle_event === 'screenshots';
const isForBrowser = isForPictures || isForLongTests;

/** Debian packages, and what for. Each has a program of its name, except for two. */
const PACKAGES = {
  'redis-server': 'holds the queue',
  'redis-sentinel': 'for tests of failovers',
  prometheus: 'for tests of rules and dashboards',
  postgresql: 'for long tests of exports to a database',
  chromium: 'for long tests of the page, and its screenshots',
  tmux: 'for pictures of the terminal',
  nginx: 'for long tests of the page behind a reverse proxy',
  'kubernetes-client': 'for long tests of the manifests for Kubernetes',
  zsh: 'for tests of shell completion',
  fish: 'for tests of shell completion',
  tinyproxy: 'for tests of fetching through a proxy',
  squid: 'for tests of fetching through a proxy',
};
const SHELLS = ['zsh', 'fish'];
/** Each of them will do. */
const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/**
 * Run as root: installs the packages that are its arguments, and starts none of their services, now
 * or when the machine starts. Debian asks the policy about every service that a package would
 * start; one that is there already is the administrator's, and holds. Ours is removed whatever
 * happens, also if it was left by a run that was killed.
 */
const INSTALL = `
policy=/usr/sbin/policy-rc.d
mark='# of fetchfleet, while it installs packages'
if [ ! -e "$policy" ] || grep -qsF "$mark" "$policy"; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 130' HUP INT TERM
  printf '#!/bin/sh\\n%s\\nexit 101\\n' "$mark" > "$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
# The installation may work even if the package lists cannot be updated.
apt-get -qq -o DPkg::Lock::Timeout=300 update
status=0
for name; do
  apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$name" || status=$?
  if command -v systemctl > /dev/null && [ -e "/lib/systemd/system/$name.service" ]; then
    systemctl disable "$name"
  elif [ -e "/etc/init.d/$name" ]; then
    update-rc.d "$name" disable
  fi
done
exit $status
`;

class SetupError extends Error {}

try {
  installDependencies('.');
  if (isForDocs) {
    installDependencies('site');
  }
  ensureNode();
  installWithApt(missingPrograms());
  await checkRedis();
  reportMissing();
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

/** In a folder with a lockfile. The site of the documentation is no workspace, and has its own. */
function installDependencies(folder) {
  if (dependenciesAreCurrent(folder)) {
    return;
  }
  const what = folder === '.' ? 'npm dependencies' : `npm dependencies of ${folder}`;
  say(`installing ${what} (about half a minute)`);
  const quiet = ['--no-progress', '--no-fund', '--no-audit', '--loglevel=error'];
  npm(['ci', '--include=dev', ...quiet], folder);
  say(`${what} are installed`);
}

/**
 * Whether node_modules matches the lockfile. Compares versions, because git sets file times to the
 * time of the checkout. Optional packages of other platforms may be missing.
 */
function dependenciesAreCurrent(folder) {
  const wanted = readLock(join(folder, 'package-lock.json'));
  const installed = readLock(join(folder, 'node_modules', '.package-lock.json'));
  if (wanted === undefined) {
    throw new SetupError(
      `${join(folder, 'package-lock.json')} is missing: this clone is incomplete`,
    );
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
function npm(args, where = '.') {
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== ownBinaries);
  const { status, error } = spawnSync('npm', args, {
    cwd: join(root, where),
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

// ---- Redis, and what tests need ----

function missingPrograms() {
  return Object.keys(PACKAGES).filter((name) => {
    if (name === 'postgresql') {
      return isForLongTests && !hasPostgres();
    }
    if (name === 'chromium') {
      return isForBrowser && !BROWSERS.some(isOnPath);
    }
    if (name === 'tmux') {
      return isForPictures && !isOnPath(name);
    }
    if (name === 'kubernetes-client') {
      return isForLongTests && !isOnPath('kubectl');
    }
    if (name === 'redis-sentinel') {
      return isForTopologies && !isOnPath(name);
    }
    if (name === 'nginx') {
      return isForLongTests && !hasNginx();
    }
    const isNeeded = name === 'redis-server' ? !process.env.REDIS_URL : isForTests;
    return isNeeded && !isOnPath(name);
  });
}

/** Debian keeps its programs out of the path. */
function hasPostgres() {
  const versions = '/usr/lib/postgresql';
  const folders = existsSync(versions) ? readdirSync(versions) : [];
  return (
    isOnPath('initdb') ||
    folders.some((version) => existsSync(join(versions, version, 'bin', 'initdb')))
  );
}

/** Debian keeps it out of the path of users. */
function hasNginx() {
  return isOnPath('nginx') || existsSync('/usr/sbin/nginx');
}

async function checkRedis() {
  if (process.env.REDIS_URL || isOnPath('redis-server')) {
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

/** What fails where something is missing that apt has not installed; everything else works. */
function reportMissing() {
  const needs = [
    [isForTests, isOnPath('prometheus') && isOnPath('promtool'), 'prometheus', 'its tests'],
    [isForTests, SHELLS.every(isOnPath), SHELLS.join(' or '), 'tests of shell completion'],
    [isForLongTests, hasPostgres(), 'postgresql', 'its tests'],
    [isForLongTests, hasNginx(), 'nginx', 'tests of the page behind a reverse proxy'],
    [isForLongTests, isOnPath('kubectl'), 'kubectl', 'tests of the manifests for Kubernetes'],
    [isForPictures, isOnPath('tmux'), 'tmux', 'pictures of the terminal'],
    [isForBrowser, BROWSERS.some(isOnPath), 'chromium', 'tests of the page and its screenshots'],
  ];
  for (const [isNeeded, isThere, name, what] of needs) {
    if (isNeeded && !isThere) {
      const how = 'install it with apt-get (Debian, Ubuntu) or brew (macOS)';
      say(`${name} is missing, so ${what} will fail: ${how}`);
    }
  }
}

/** Says first what it installs. What is missing afterwards is reported by whoever needs it. */
function installWithApt(names) {
  const asRoot = rootCommand();
  if (names.length === 0 || !isOnPath('apt-get') || asRoot === undefined) {
    return;
  }
  const shown = names.map((name) => `${name} (${PACKAGES[name]})`).join(', ');
  say(`going to install with apt, without starting any service: ${shown}`);
  const [command, ...args] = [...asRoot, 'sh', '-c', INSTALL, 'sh', ...names];
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (status === 0) {
    say('apt has installed them');
  } else {
    say(`apt failed: ${`${stdout ?? ''}${stderr ?? ''}`.trim().split('\n').at(-1)}`);
  }
}

/** What a command for root begins with, if that needs no question; undefined if it does. */
function rootCommand() {
  if (process.getuid?.() === 0) {
    return [];
  }
  const isAllowed =
    isOnPath('sudo') && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0;
  return isAllowed ? ['sudo', '-n'] : undefined;
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
