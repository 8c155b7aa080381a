// `npm run test:smoke`: the programs of the package that people install do their work on the Node
// that runs this script. Starts the sample API, fetches every country on both transports, exports
// the records and counts them. `.ci/run` runs it on the lowest Node that `engines` names; plain
// JavaScript, so that it needs nothing but the build.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = join(root, 'packages/fetchfleet/bin');
const COUNTRIES = 249;

const folder = mkdtempSync(join(tmpdir(), 'fetchfleet-smoke-'));
const api = spawn(
  process.execPath,
  [join(bin, 'fetchfleet-sample-api.js'), '--port', '0', '--json'],
  {
    stdio: ['ignore', 'pipe', 'inherit'],
  },
);
try {
  writeFileSync(join(folder, 'countries.yaml'), crawlFile(await originOf(api)));
  for (const transport of ['got', 'native']) {
    fetchEveryCountry(transport);
  }
  run('fetchfleet-worker', ['--help']);
  run('fetchfleet-web', ['--help']);
  process.stdout.write(`✓ the programs work on Node ${process.version}\n`);
} finally {
  api.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

async function originOf(child) {
  for await (const line of createInterface({ input: child.stdout })) {
    const origin = /"origin":\s*"([^"]+)"/u.exec(line)?.[1];
    if (origin !== undefined) {
      return origin;
    }
  }
  const [code] = await once(child, 'exit');
  throw new Error(`the sample API ended with ${code}`);
}

function crawlFile(origin) {
  const text = readFileSync(join(root, 'examples/countries.yaml'), 'utf8');
  return text.replace(/http:\/\/127\.0\.0\.1:\d+/u, origin);
}

function fetchEveryCountry(transport) {
  const args = ['run', 'countries.yaml', '--new', '--json', '--transport', transport];
  const { batch } = JSON.parse(run('fetchfleet', args));
  const records = run('fetchfleet', ['export', batch]).trimEnd().split('\n');
  assert.equal(records.length, COUNTRIES, `${transport}: records exported`);
  const isGood = records.every((line) => JSON.parse(line).outcome === 'ok');
  assert.ok(isGood, `${transport}: every record is a success`);
}

/** Runs a program to its end. @returns what it wrote to stdout */
function run(program, args) {
  const env = { ...process.env, REDIS_URL: '' };
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(bin, `${program}.js`), ...args],
    {
      cwd: folder,
      env,
      encoding: 'utf8',
    },
  );
  assert.equal(status, 0, `${program} ${args.join(' ')} ended with ${status}:\n${stderr}`);
  return stdout;
}
