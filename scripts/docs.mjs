// `npm run docs`: builds the site of the documentation in site/dist, after it has checked the pages
// and before it checks all links. `npm run docs -- --serve` shows it then. The site has a lockfile
// of its own, so that a clone without it installs quickly; scripts/setup.mjs installs it.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const site = join(root, 'site');
const astro = join(site, 'node_modules/astro/bin/astro.mjs');

const { values } = parseArgs({
  options: { serve: { type: 'boolean' }, port: { type: 'string', default: '4321' } },
});

const STEPS = [
  [root, 'npm', 'test', '-w', '@fetchfleet/producer', '--silent', '--', 'test/docs.test.ts'],
  [site, 'node', '--test', '--test-reporter=dot', 'test/*.test.mjs'],
  [site, 'node', '--conditions=@fetchfleet/source', 'write-pages.mjs'],
  [site, 'node', astro, 'build', '--silent'],
  [site, 'node', 'check-links.mjs'],
];
const failed = STEPS.find((step) => run(step) !== 0);
if (failed === undefined) {
  process.stderr.write(`the site is in ${site}/dist; npm run docs -- --serve shows it\n`);
  if (values.serve) {
    run([site, 'node', astro, 'preview', '--host', '127.0.0.1', '--port', values.port]);
  }
} else {
  process.stderr.write(`the site is not built: ${failed.slice(1).join(' ')} failed, see above\n`);
  process.exitCode = 1;
}

function run([cwd, command, ...args]) {
  const { status, error } = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ASTRO_TELEMETRY_DISABLED: '1' },
    stdio: ['ignore', 2, 2],
  });
  if (error !== undefined) {
    process.stderr.write(`${command} cannot be started: ${error.message}\n`);
  }
  return status ?? 1;
}
