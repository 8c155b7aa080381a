#!/usr/bin/env node
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 22)) {
  process.stderr.write(
    `error: fetchfleet-sample-api needs Node 22.22 or later, but this is ${process.version}; ` +
      'npx fetchfleet-sample-api uses its own Node\n',
  );
  process.exit(2);
}
// Loads the build; under the source condition (development and tests) the source itself.
const isFromSource = process.execArgv.includes('--conditions=@fetchfleet/source');
await import(isFromSource ? '../src/main.ts' : '../dist/main.js');
