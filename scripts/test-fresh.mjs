// `npm run test:fresh`: clones HEAD into an empty folder, runs `npm start` and `npm test` there,
// and checks that both succeed, that the clone stays clean, and that no process is left running.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
/** The embedded Redis ends some seconds after its last client. */
const LEFTOVERS_DEADLINE_MS = 20_000;

const folder = mkdtempSync(join(tmpdir(), 'fetchfleet-fresh-'));
const clone = join(folder, 'fetchfleet');
let child;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => child?.kill(signal));
}

try {
  await run('git', ['clone', '--quiet', root, clone], folder);
  await run('npm', ['start'], clone);
  verified('npm start ended with 0');
  await run('npm', ['test'], clone);
  verified('npm test ended with 0');
  const { stdout } = spawnSync('git', ['status', '--porcelain'], { cwd: clone, encoding: 'utf8' });
  assert.equal(stdout, '', `the clone is no longer clean:\n${stdout}`);
  verified('the clone is clean');
  await untilNoProcessIsLeft();
  verified('no process is left');
} catch (error) {
  process.stderr.write(`fresh: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

function verified(what) {
  process.stdout.write(`✓ ${what}\n`);
}

async function run(program, args, cwd) {
  process.stderr.write(`fresh: ${program} ${args.join(' ')}\n`);
  child = spawn(program, args, {
    cwd,
    env: newcomersEnvironment(),
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code, signal] = await once(child, 'exit');
  assert.equal(code, 0, `${program} ${args.join(' ')} ended with ${code ?? signal}`);
}

/** The environment without what npm and this repository add to it. */
function newcomersEnvironment() {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|INIT_CWD$|NODE$|NODE_OPTIONS$|TURBO_|FETCHFLEET_)/u.test(name),
  );
  const path = (process.env.PATH ?? '').split(delimiter);
  const outside = path.filter((entry) => !entry.includes(`node_modules${sep}`));
  return { ...Object.fromEntries(kept), PATH: outside.join(delimiter) };
}

async function untilNoProcessIsLeft() {
  if (process.platform !== 'linux') {
    return;
  }
  const deadline = Date.now() + LEFTOVERS_DEADLINE_MS;
  let left = processesOfClone();
  while (left.length > 0 && Date.now() < deadline) {
    await sleep(200);
    left = processesOfClone();
  }
  assert.deepEqual(left, [], `processes are still running:\n${left.join('\n')}`);
}

/** Processes that run in the clone or have it in their command. */
function processesOfClone() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/u.test(name))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        const isOfClone =
          command.includes(clone) || readlinkSync(`/proc/${pid}/cwd`).startsWith(clone);
        return isOfClone && !isTurboDaemon(command) ? [`${pid} ${command}`] : [];
      } catch {
        return []; // It has ended, or belongs to another user.
      }
    });
}

/** turbo may leave its daemon running for the next build. */
function isTurboDaemon(command) {
  return /turbo\b.*\bdaemon/u.test(command);
}
