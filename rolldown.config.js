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
  plugins: [lightBuiltins(), lightCommander(), lightTransliterate(), bundledLicences()],
  output: {
    dir: 'dist',
    cleanDir: true,
    // No hashes: a program that runs while it is built again goes on finding what it loads later.
    chunkFileNames: '[name].js',
    // One byte for each character: V8 reads, checks and keeps such a file in half the memory.
    charset: 'ascii',
    comments: false,
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
 * What an `import` of one of Node's modules exports is read at once, and Node makes some of it only
 * then: for `http`, its own undici (45 ms of CPU); for `process`, a list of flags (12 ms); for
 * `util`, what compares texts (3 ms). These are loaded without that.
 */
function lightBuiltins() {
  return {
    name: 'light-builtins',
    resolveId: {
      filter: { id: /^(node:)?(http|process|util)$/u },
      handler: (id) => `light-${id.replace('node:', '')}`,
    },
    load: {
      filter: { id: /^light-(http|process|util)$/u },
      handler: (id) =>
        `module.exports = process.getBuiltinModule('${id.replace('light-', 'node:')}');`,
    },
  };
}

/**
 * ioredis adds 602 methods to a class, and V8 copies its list of them each time: a twentieth of a
 * start. An object that has lost a property keeps them in a hash table until it is used.
 */
function lightCommander() {
  const name = 'getBuiltinCommands';
  const before = 'commands.forEach(function (commandName) {';
  return {
    name: 'light-commander',
    transform: {
      filter: { id: /ioredis\/built\/utils\/Commander\.js$/u },
      handler: (code) => {
        if (code.split(before).length !== 2) {
          throw new Error('ioredis adds its commands in another way: see lightCommander()');
        }
        // On one line, so that the lines of the source map hold.
        const hashed =
          `{ const kept = Object.getOwnPropertyDescriptor(Commander.prototype, '${name}'); ` +
          `delete Commander.prototype.${name}; ` +
          `Object.defineProperty(Commander.prototype, '${name}', kept); } `;
        return { code: code.replace(before, () => hashed + before), map: null };
      },
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
