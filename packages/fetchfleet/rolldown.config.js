import { fileURLToPath } from 'node:url';
import programs from '../../rolldown.config.js';

const app = (path) => fileURLToPath(new URL(`../../apps/${path}`, import.meta.url));

/** All programs and the library in one folder: what several of them need is there once. */
// oxlint-disable-next-line import/no-default-export -- what rolldown looks for
export default {
  ...programs,
  input: {
    index: fileURLToPath(new URL('src/index.ts', import.meta.url)),
    producer: app('producer/src/main.ts'),
    'redis-supervisor': app('producer/src/redis-supervisor.ts'),
    'sample-api': app('sample-api/src/main.ts'),
    'sink-thread': app('worker/src/sink-thread.ts'),
    web: app('web/src/main.ts'),
    worker: app('worker/src/main.ts'),
  },
  // Half of the size, for stack traces that only we could read.
  output: { ...programs.output, sourcemap: false },
};
