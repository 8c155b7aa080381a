import { closeResources, openResources } from './registry.ts';

// `@jest/globals` refuses to be loaded outside Jest, where origins and processes are of use too.
const jest =
  process.env['JEST_WORKER_ID'] === undefined ? undefined : await import('@jest/globals');

const CONSOLE_METHODS = ['log', 'info', 'warn', 'error', 'debug'] as const;

/**
 * Call it at the top level of a test file, after the file's own top-level hooks (hooks inside
 * `describe` may stand anywhere: Jest runs the outermost `afterEach` last).
 *
 * After each test everything the test opened through this package (and what it gave to `track`) and
 * left open is closed, and the test fails with its list. So it does for a line on the console. What
 * was opened before the test, in `beforeAll`, must be closed by the end of the file.
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
    if (complaints.length > 0) throw new Error(`The test ${complaints.join('; ')}`);
  });
  closeAllAtTheEnd();
}

/**
 * As the leak guard, but without complaints: whatever a test opened through this package and left
 * open is closed after it. For files whose tests start many processes.
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
  if (jest === undefined) throw new Error('Leaks are guarded in Jest test files only');
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
    for (const [method, original] of originals) console[method] = original;
  };
}
