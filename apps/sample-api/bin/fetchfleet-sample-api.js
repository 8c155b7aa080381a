#!/usr/bin/env node
// Loads the build; under the source condition (development and tests) the source itself.
const isFromSource = process.execArgv.includes('--conditions=@fetchfleet/source');
await import(isFromSource ? '../src/main.ts' : '../dist/main.js');
