// `npm run test:containers`: builds the images, starts the fleet of docker-compose.yml with two
// workers, the page and Prometheus, runs a batch, checks counts, rules and alerts in Prometheus,
// looks at the batch by the page, runs another batch into PostgreSQL, checks the dashboards in
// Grafana (if its image can be pulled), and stops everything. `-- --keep` leaves the containers
// running.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const WORKERS = 2;
/** A command sees the services of a profile only if it names the profile. */
const PROFILES = ['--profile', 'observability', '--profile', 'postgres'];
const DASHBOARDS = ['fetchfleet-batches', 'fetchfleet-fleet', 'fetchfleet-origins'];
const CRAWL_FILE = 'examples/containers.yaml';
/** Prometheus scrapes and discovers replicas every 5 s. */
const PROMETHEUS_DEADLINE_MS = 60_000;

class TestError extends Error {}

if (!engineAnswers()) {
  say(
    'no container engine answers: start Docker ("docker version" shows what is wrong) and try again',
  );
  process.exit(1);
}
const compose = findCompose();
if (compose === undefined) {
  say('neither "docker compose" nor docker-compose is installed');
  process.exit(1);
}
const env = {
  ...process.env,
  // A separate project, because another one may be in use.
  COMPOSE_PROJECT_NAME: `fetchfleet-test-${process.pid}`,
  REDIS_PASSWORD: randomBytes(24).toString('hex'),
  WEB_PORT: String(await freePort()),
  SAMPLE_API_PORT: String(await freePort()),
  PROMETHEUS_PORT: String(await freePort()),
  GRAFANA_PORT: String(await freePort()),
};
let child;
const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    interruption.abort(signal);
    child?.kill(signal);
  });
}

try {
  await testFleet();
  say('passed');
} catch (error) {
  process.exitCode = 1;
  if (interruption.signal.aborted) {
    say(`interrupted by ${interruption.signal.reason}`);
  } else {
    say(
      error instanceof TestError || error instanceof assert.AssertionError
        ? error.message
        : error.stack,
    );
    await run([...PROFILES, 'ps'], { isQuiet: false }).catch(() => undefined);
    await run([...PROFILES, 'logs', '--tail=50', '--no-color'], { isQuiet: false }).catch(
      () => undefined,
    );
  }
} finally {
  if (process.argv.includes('--keep')) {
    say(`still running: project ${env.COMPOSE_PROJECT_NAME}`);
  } else {
    await takeDown();
  }
}

function say(line) {
  process.stderr.write(`containers: ${line}\n`);
}

async function testFleet() {
  say('building the images');
  await run(['build', 'sample-api', 'worker', 'web', 'producer']);
  say(`starting Redis, the sample API, the page, Prometheus and ${WORKERS} workers`);
  const services = ['redis', 'sample-api', 'worker', 'web', 'prometheus'];
  await run([...PROFILES, 'up', '-d', '--no-build', '--scale', `worker=${WORKERS}`, ...services]);
  await untilPrometheusSays('sum(up{job="fetchfleet-worker"})', WORKERS);
  verified(`Prometheus scrapes ${WORKERS} replicas`);

  const status = JSON.parse(await produce(['start', CRAWL_FILE, '--wait', '--json']));
  assert.equal(status.state, 'finished');
  assert.ok(status.total > 0, 'the batch has fetches');
  assert.deepEqual(
    [status.settled, status.ok, status.failed],
    [status.total, status.total, 0],
    `not every fetch succeeded: ${JSON.stringify(status)}`,
  );
  verified(`batch ${status.batch} finished: ${status.ok} of ${status.total} fetches succeeded`);

  await untilPrometheusSays('sum(fetchfleet_fetches_total)', status.total);
  verified(`Prometheus counts ${status.total} fetches`);
  const perWorker = 'count(sum by (instance) (fetchfleet_fetches_total) > 0)';
  await untilPrometheusSays(perWorker, WORKERS);
  verified(`all ${WORKERS} workers took part`);
  await untilPrometheusSays('sum(fetchfleet_exporter)', 1);
  await untilPrometheusSays('count(job:fetchfleet_fetches:rate5m)', 1);
  await untilPrometheusSays('count(ALERTS{alertstate="firing"}) or vector(0)', 0);
  verified('one worker exports the fleet metrics, recording rules have data, no alert fires');

  const records = (await produce(['export', status.batch])).trimEnd().split('\n');
  const indexes = records.map((line) => JSON.parse(line).index);
  assert.deepEqual(
    indexes,
    Array.from({ length: status.total }, (_, index) => index),
  );
  verified(`export gives every index from 0 to ${status.total - 1} once, in order`);
  await untilHealthy();
  verified('every health check passes');
  await testPage(status);
  await testPostgres(status.total);
  await testConfinement();
  await testGrafana();
}

/** Through the published port, as a browser of this machine asks. */
async function testPage({ batch, total }) {
  const page = await ask('/');
  assert.match(page.text, /<title>fetchfleet/u);
  assert.equal((await ask('/api/overview')).status, 401);
  assert.equal((await ask('/api/overview', { host: 'evil.example' })).status, 421);
  const token = { authorization: `Bearer ${env.REDIS_PASSWORD}` };
  const overview = JSON.parse((await ask('/api/overview', token)).text);
  assert.equal(overview.workers, WORKERS, JSON.stringify(overview));
  const { text } = await ask(`/api/batches/${batch}/records?limit=500`, token);
  assert.equal(JSON.parse(text).records.length, total);
  const command = { command: 'fetch-again', target: batch, options: { index: '0' } };
  const own = { ...token, 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' };
  const again = await ask('/api/commands', own, JSON.stringify(command));
  assert.equal(JSON.parse(again.text).ok, true, again.text);
  verified(`the page shows ${total} records to whoever knows the token, and runs commands`);
}

async function ask(path, headers = {}, body) {
  const method = body === undefined ? 'GET' : 'POST';
  const sent = request({ host: '127.0.0.1', port: env.WEB_PORT, path, method, headers });
  sent.end(body);
  const [response] = await once(sent, 'response');
  const chunks = await response.setEncoding('utf8').toArray();
  return { status: response.statusCode, text: chunks.join('') };
}

async function testPostgres(total) {
  await run([...PROFILES, 'up', '-d', '--no-build', 'postgres-worker']);
  // As `up` does it: the batch waits for its worker.
  await run([...PROFILES, 'run', '--rm', '-T', 'postgres-batch']);
  const count = "SELECT count(*) FROM fetches WHERE outcome = 'ok'";
  const psql = ['psql', '-U', 'fetchfleet', '-h', '127.0.0.1', '-At', '-c', count];
  const found = await run([...PROFILES, 'exec', '-T', 'postgres', ...psql]);
  assert.equal(found.trim(), String(total));
  verified(`a batch of ${total} fetches is in PostgreSQL`);
}

/** What an intruder in one of the containers would find. */
async function testConfinement() {
  const answer = await run([
    'exec',
    '-T',
    'redis',
    'env',
    '-u',
    'REDISCLI_AUTH',
    'redis-cli',
    'ping',
  ]);
  assert.match(answer, /^NOAUTH/u);
  verified('Redis answers nobody without the password');
  const ids = await run([...PROFILES, 'ps', '-q']);
  const { stdout } = spawnSync('docker', ['inspect', ...ids.split('\n').filter(Boolean)], {
    encoding: 'utf8',
  });
  for (const { Name, Config, HostConfig } of JSON.parse(stdout)) {
    const { CapDrop, SecurityOpt, ReadonlyRootfs, Memory, NanoCpus, PidsLimit } = HostConfig;
    assert.deepEqual([CapDrop, ReadonlyRootfs], [['ALL'], true], Name);
    assert.ok(SecurityOpt.includes('no-new-privileges:true'), Name);
    assert.ok(Memory > 0 && NanoCpus > 0 && PidsLimit > 0, Name);
    assert.notEqual(Config.User, '', `${Name} runs as root`);
    assert.doesNotMatch(Config.Cmd?.join(' ') ?? '', new RegExp(env.REDIS_PASSWORD, 'u'), Name);
  }
  verified('every container is read-only, unprivileged and limited');
}

async function testGrafana() {
  const isHad = await run([...PROFILES, 'pull', 'grafana']).then(
    () => true,
    () => false,
  );
  if (!isHad) {
    say('the image of Grafana cannot be pulled: its dashboards were not checked');
    return;
  }
  await run([...PROFILES, 'up', '-d', '--no-build', '--no-recreate', 'grafana']);
  const url = `http://127.0.0.1:${env.GRAFANA_PORT}/api/search?type=dash-db`;
  const deadline = Date.now() + PROMETHEUS_DEADLINE_MS;
  let found = [];
  while (
    Date.now() < deadline &&
    found.length < DASHBOARDS.length &&
    !interruption.signal.aborted
  ) {
    await sleep(500);
    const response = await fetch(url, { signal: AbortSignal.timeout(3_000) }).catch(
      () => undefined,
    );
    if (response?.ok) {
      found = (await response.json()).map(({ uid }) => uid);
    }
  }
  assert.deepEqual(found.toSorted(), DASHBOARDS);
  verified('Grafana shows its dashboards without a login');
}

function verified(what) {
  process.stdout.write(`✓ ${what}\n`);
}

/** Runs one command of the producer in a new container; resolves with its stdout. */
async function produce(args) {
  return run(['run', '--rm', '-T', 'producer', ...args]);
}

async function untilPrometheusSays(query, expected) {
  const url = `http://127.0.0.1:${env.PROMETHEUS_PORT}/api/v1/query?query=${encodeURIComponent(query)}`;
  const deadline = Date.now() + PROMETHEUS_DEADLINE_MS;
  let last;
  while (Date.now() < deadline && !interruption.signal.aborted) {
    last = await valueAt(url);
    if (last === expected) {
      return;
    }
    await sleep(500);
  }
  throw new TestError(`Prometheus says ${query} = ${last}, not ${expected}`);
}

/** The value of a query with one result, or the reason for having none. */
async function valueAt(url) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(3_000) });
    const { data } = await response.json();
    const value = data?.result?.[0]?.value?.[1];
    return value === undefined ? 'nothing yet' : Number(value);
  } catch (error) {
    return `no answer (${error.cause?.code ?? error.name})`;
  }
}

async function untilHealthy() {
  const filter = ['--filter', `label=com.docker.compose.project=${env.COMPOSE_PROJECT_NAME}`];
  const deadline = Date.now() + PROMETHEUS_DEADLINE_MS;
  let states = '';
  while (Date.now() < deadline && !interruption.signal.aborted) {
    states = spawnSync('docker', ['ps', '-a', ...filter, '--format', '{{.Names}}: {{.Status}}'], {
      encoding: 'utf8',
    }).stdout;
    if (!/unhealthy|starting|Exited|Restarting/u.test(states)) {
      return;
    }
    await sleep(500);
  }
  throw new TestError(`not every container is healthy:\n${states}`);
}

/** Runs a compose command; its output is shown only when it fails (or when not quiet). */
async function run(args, { isQuiet = true } = {}) {
  if (interruption.signal.aborted) {
    throw new TestError('interrupted');
  }
  const [program, ...before] = compose;
  child = spawn(program, [...before, ...args], {
    cwd: root,
    env,
    stdio: ['ignore', isQuiet ? 'pipe' : 2, isQuiet ? 'pipe' : 2],
    // Detached, so Ctrl-C reaches only this process, which stops everything in order.
    detached: true,
  });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr']) {
    child[stream]?.setEncoding('utf8').on('data', (text) => {
      output[stream] += text;
    });
  }
  const [code, signal] = await once(child, 'close');
  child = undefined;
  if (code === 0) {
    return output.stdout;
  }
  const end = `${output.stdout}\n${output.stderr}`.slice(-6_000);
  throw new TestError(`${[...compose, ...args].join(' ')} failed (${code ?? signal}):\n${end}`);
}

async function takeDown() {
  say('taking everything down');
  const [program, ...before] = compose;
  const down = spawnSync(
    program,
    [...before, ...PROFILES, 'down', '--volumes', '--remove-orphans', '--timeout', '20'],
    {
      cwd: root,
      env,
      encoding: 'utf8',
    },
  );
  if (down.status === 0) {
    return;
  }
  say(`could not stop everything:\n${down.stderr}`);
  process.exitCode = 1;
}

function engineAnswers() {
  const version = ['version', '--format', '{{.Server.Version}}'];
  const { status } = spawnSync('docker', version, { stdio: 'ignore', timeout: 10_000 });
  return status === 0;
}

/** Compose 2 as a plugin, or docker-compose. */
function findCompose() {
  return [['docker', 'compose'], ['docker-compose']].find(([program, ...args]) => {
    return spawnSync(program, [...args, 'version'], { stdio: 'ignore' }).status === 0;
  });
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
