#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// A fifth less to do at every start. Where the folder cannot be written, nothing is kept.
enableCompileCache(
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
