#!/usr/bin/env node
import module from 'node:module';
import { fileURLToPath } from 'node:url';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 22)) {
  process.stderr.write(
    `error: fetchfleet-web needs Node 22.22 or later, but this is ${process.version}; ` +
      'npx fetchfleet-web uses its own Node\n',
  );
  process.exit(2);
}
// A fifth less to do at every start. Where the folder cannot be written, nothing is kept.
module.enableCompileCache(
  fileURLToPath(new URL('../../../node_modules/.cache/fetchfleet', import.meta.url)),
);
// Stack traces that name sources; reading the maps at every start would cost 30 ms of CPU.
// oxlint-disable-next-line node/no-process-env -- before anything is loaded
if (process.env.FETCHFLEET_DEBUG) {
  process.setSourceMapsEnabled(true);
}
// Loads the build; under the source condition (development and tests) the source itself.
const isFromSource = process.execArgv.includes('--conditions=@fetchfleet/source');
await import(isFromSource ? '../src/main.ts' : '../dist/main.js');
