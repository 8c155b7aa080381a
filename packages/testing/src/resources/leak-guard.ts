import { closeResources, openResources } from './registry.ts';

// Origins and processes are also used outside Jest, where `@jest/globals` refuses to load.
const jest =
  process.env['JEST_WORKER_ID'] === undefined ? undefined : await import('@jest/globals');

const CONSOLE_METHODS = ['log', 'info', 'warn', 'error', 'debug'] as const;

/**
 * Fails a test that leaves a resource open or writes a line on the console. Resources are those
 * opened through this package or given to `track`; the guard closes them. Resources opened in
 * `beforeAll` must be closed by the end of the file.
 *
 * Call it at the top level of a test file, below the file's own top-level hooks: Jest runs the
 * `afterEach` hooks of a level in reverse order.
 */
export function installLeakGuard(): void {
  const { beforeEach, afterEach } = jestGlobals();
  let before = new Set<unknown>();
  let restoreConsole: (() => void) | undefined;
  const lines: string[] = [];
  beforeEach(() => {
    before = new Set(openResources());
    lines.length = 0;
    restoreConsole = listenToConsole((line) => lines.push(line));
  });
  afterEach(async () => {
    restoreConsole?.();
    const left = openResources().filter((resource) => !before.has(resource));
    await closeResources(left);
    const complaints = [
      ...left.map(({ what }) => `left open: ${what}`),
      ...lines.map((line) => `wrote on the console: ${line}`),
    ];
    if (complaints.length > 0) {
      throw new Error(`The test ${complaints.join('; ')}`);
    }
  });
  closeAllAtTheEnd();
}

/**
 * Closes after each test the resources that the test left open, without failing it. For files whose
 * tests start many processes.
 */
export function closeAfterEach(): void {
  const { beforeEach, afterEach } = jestGlobals();
  let before = new Set<unknown>();
  beforeEach(() => {
    before = new Set(openResources());
  });
  afterEach(async () => {
    await closeResources(openResources().filter((resource) => !before.has(resource)));
  });
  closeAllAtTheEnd();
}

function closeAllAtTheEnd(): void {
  jestGlobals().afterAll(async () => closeResources(openResources()));
}

function jestGlobals(): NonNullable<typeof jest> {
  if (jest === undefined) {
    throw new Error('the leak guard works only in Jest test files');
  }
  return jest;
}

function listenToConsole(onLine: (line: string) => void): () => void {
  const originals = CONSOLE_METHODS.map((method) => [method, console[method]] as const);
  for (const [method, original] of originals) {
    console[method] = (...args: unknown[]) => {
      onLine(args.map(String).join(' '));
      original.apply(console, args);
    };
  }
  return () => {
    for (const [method, original] of originals) {
      console[method] = original;
    }
  };
}
