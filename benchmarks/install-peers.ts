/** `npm run bench:peers`: installs the programs to compare with. Only the benchmarks need them. */
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
    'bench:peers: install them yourself; the benchmarks leave out what is missing, and say so',
  );
  process.exitCode = 1;
}

function run(program: string, flags: readonly string[], cwd?: string): boolean {
  const { status } = spawnSync(program, flags, { cwd, stdio: ['ignore', 2, 2] });
  return status === 0;
}
