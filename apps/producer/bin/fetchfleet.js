#!/usr/bin/env node
import module from 'node:module';
import { fileURLToPath } from 'node:url';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 22)) {
  process.stderr.write(
    `error: fetchfleet needs Node 22.22 or later, but this is ${process.version}; ` +
      'npx fetchfleet uses its own Node\n',
  );
  process.exit(2);
}
// The compile cache saves a fifth of the start-up time. A read-only folder just has none.
module.enableCompileCache(
  fileURLToPath(new URL('../../../node_modules/.cache/fetchfleet', import.meta.url)),
);
// Stack traces then name source files. Reading the source maps costs 30 ms at every start.
// oxlint-disable-next-line node/no-process-env -- nothing is loaded yet
if (process.env.FETCHFLEET_DEBUG) {
  process.setSourceMapsEnabled(true);
}
// In development, under the source condition, this loads the source instead of the build.
const isFromSource = process.execArgv.includes('--conditions=@fetchfleet/source');
await import(isFromSource ? '../src/main.ts' : '../dist/main.js');
