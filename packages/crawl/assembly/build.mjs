// Compiles json-scanner.ts into ../src/record/json-scanner-wasm.ts. What comes out is kept in the
// repository, because the compiler takes 100 MB: it is installed here, and only by this script.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('.', import.meta.url)));

const SOURCE = 'json-scanner.ts';
const TARGET = '../src/record/json-scanner-wasm.ts';
/** Three pages: 16 KiB of state, and 128 KiB of input. */
const FLAGS = [
  '-O3',
  '--runtime',
  'stub',
  '--noAssert',
  '--enable',
  'simd',
  '--initialMemory',
  '3',
];
const BINARY = 'node_modules/json-scanner.wasm';

run('npm', ['ci', '--no-fund', '--no-audit', '--ignore-scripts', '--loglevel=error']);
run('node', ['node_modules/assemblyscript/bin/asc.js', SOURCE, ...FLAGS, '--outFile', BINARY]);
const hash = createHash('sha256').update(readFileSync(SOURCE)).digest('hex');
writeFileSync(
  TARGET,
  `// Made by \`npm run assembly\` of assembly/${SOURCE}.

/** SHA-256 of the source. */
export const SOURCE_SHA256 = '${hash}';

/** The module in base64. */
export const JSON_SCANNER_WASM =
  '${readFileSync(BINARY).toString('base64')}';
`,
);

function run(program, args) {
  if (spawnSync(program, args, { stdio: ['ignore', 2, 2] }).status !== 0) {
    process.exit(1);
  }
}
