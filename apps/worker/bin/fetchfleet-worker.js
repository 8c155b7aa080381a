#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// A fifth less to do at every start. Where the folder cannot be written, nothing is kept.
enableCompileCache(
  fileURLToPath(new URL('../../../node_modules/.cache/fetchfleet', import.meta.url)),
);
// Loads the build; under the source condition (development and tests) the source itself.
const isFromSource = process.execArgv.includes('--conditions=@fetchfleet/source');
await import(isFromSource ? '../src/main.ts' : '../dist/main.js');
