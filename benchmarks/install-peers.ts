/** `npm run bench:peers`: installs what the benchmarks compare with. Nothing of it is needed to build, test or run the project. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const CRAWLEE = fileURLToPath(new URL('./peers/crawlee/', import.meta.url));
const DEBIAN = [
  'curl',
  'libnginx-mod-http-echo',
  'nginx',
  'python3-aiohttp',
  'python3-scrapy',
  'python3-uvloop',
  'wrk',
];

const npm = ['ci', '--no-fund', '--no-audit', '--ignore-scripts', '--loglevel=error'];
if (!run('npm', npm, CRAWLEE)) {
  process.exitCode = 1;
}
const apt = [
  'apt-get',
  'install',
  '-y',
  '-qq',
  '--no-install-recommends',
  '--no-upgrade',
  ...DEBIAN,
];
const [command = '', ...args] = process.getuid?.() === 0 ? apt : ['sudo', '-n', ...apt];
if (!run(command, args)) {
  console.error(`bench:peers: apt-get could not install ${DEBIAN.join(' ')}`);
  console.error(
    'bench:peers: install them by other means; what is absent is left out, and said so',
  );
  process.exitCode = 1;
}

function run(program: string, flags: readonly string[], cwd?: string): boolean {
  const { status } = spawnSync(program, flags, { cwd, stdio: ['ignore', 2, 2] });
  return status === 0;
}
