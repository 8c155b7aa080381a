import { globSync } from 'node:fs';
import { bundledLicences } from './scripts/bundled-licences.mjs';

/**
 * How producer and worker are built: from the sources of all packages and of what these depend on,
 * into one file that is needed at once and one for each thing that is loaded later (a command, a
 * transport). Loading 835 modules one by one took a worker 390 ms of CPU, and `fetchfleet run`
 * starts several; this takes 145.
 */
// oxlint-disable-next-line import/no-default-export -- what rolldown looks for
export default {
  // Of the app that is built.
  input: globSync('src/{main,redis-supervisor,sink-thread}.ts'),
  platform: 'node',
  external: isOutside,
  // And `import` or `require`, by what a module does: many packages have something else for each.
  resolve: { conditionNames: ['@fetchfleet/source', 'node', 'default'] },
  // The lowest Node that `engines` names does not know `using`.
  transform: { target: 'node22' },
  plugins: [lightHttp(), lightTransliterate(), bundledLicences()],
  output: {
    dir: 'dist',
    cleanDir: true,
    // No hashes: a program that runs while it is built again goes on finding what it loads later.
    chunkFileNames: '[name].js',
    sourcemap: true,
    sourcemapExcludeSources: true,
  },
};

/**
 * What is loaded where it is needed, if it is there: who wants DuckDB, traces, or the faster client
 * of PostgreSQL that ours asks for, installs it. The SDK of OpenTelemetry and we have to have the
 * same API of it. BullMQ asks for PostgreSQL where it works without
 * Redis, which has our queue.
 */
function isOutside(id, importer = '') {
  return (
    id === '@duckdb/node-api' ||
    id === 'pg-native' ||
    (id.startsWith('@opentelemetry/') && importer.includes('/packages/service/')) ||
    (id === 'pg' && importer.includes('/node_modules/bullmq/'))
  );
}

/**
 * An `import` of Node's `http` reads all that it exports; for one of these, WebSocket, Node loads
 * its own undici: 45 ms of CPU.
 */
function lightHttp() {
  const name = 'light-http';
  return {
    name,
    resolveId: { filter: { id: /^(node:)?http$/u }, handler: () => name },
    load: {
      filter: { id: /^light-http$/u },
      handler: () => "module.exports = process.getBuiltinModule('node:http');",
    },
  };
}

/**
 * Names of files and countries are written in ASCII without regard to a language. The tables of
 * single languages become one regular expression each, at every start: 25 ms of CPU.
 */
function lightTransliterate() {
  return {
    name: 'light-transliterate',
    load: {
      filter: { id: /transliterate\/locale-replacements\.js$/u },
      handler: () => 'export default {};',
    },
  };
}
