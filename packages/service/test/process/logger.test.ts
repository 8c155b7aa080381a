import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { installLeakGuard, startProcess } from '@fetchfleet/testing';
import { createLogger, loadPrettyPrinter, type LoggerOptions } from '../../src/process/logger.ts';

installLeakGuard();

function logging(
  options: Partial<LoggerOptions>,
  use: (logger: ReturnType<typeof createLogger>) => void,
): string {
  const destination = new PassThrough();
  use(createLogger({ name: 'test', pretty: false, destination, ...options }));
  return String(destination.read() ?? '');
}

const print = await loadPrettyPrinter();

describe('createLogger', () => {
  it('writes one line of JSON with name, base fields and an ISO time', () => {
    const line = logging({ base: { worker: 'w-1' } }, (logger) =>
      logger.info({ total: 3 }, 'done'),
    );
    expect(JSON.parse(line)).toMatchObject({ name: 'test', worker: 'w-1', total: 3, msg: 'done' });
    expect(line).toMatch(/"time":"\d{4}-\d\d-\d\dT/);
  });

  it('keeps secrets out of fields, messages, errors and bindings of children', () => {
    const text = logging({ base: { redis: 'redis://:hunter2@host' } }, (logger) => {
      logger.info({ headers: { authorization: 'hunter2' } }, 'to redis://me:hunter2@host');
      logger.error(new Error('cannot reach redis://:hunter2@host'));
      logger.child({ password: 'hunter2' }).warn({ a: { b: { c: { d: { Cookie: 'hunter2' } } } } });
    });
    expect(text.trim().split('\n')).toHaveLength(3);
    expect(text).not.toContain('hunter2');
  });

  it('writes pretty lines with secrets masked as well', () => {
    const text = logging({ pretty: print }, (logger) =>
      logger.warn({ token: 'hunter2' }, 'careful'),
    );
    expect(text).toContain('WARN (test): careful');
    expect(text).not.toContain('hunter2');
  });

  const HOSTILE = '\u001b[2J\u009b31m\u202e\r\nfaked';

  it.each([
    ['pretty lines', print],
    ['JSON', false],
  ] as const)('writes no control characters of others to a terminal, as %s', (_as, pretty) => {
    const text = logging({ pretty, base: { base: HOSTILE } }, (logger) => {
      logger.warn({ field: HOSTILE, deep: [{ [HOSTILE]: HOSTILE }] }, HOSTILE);
      logger.error(new Error(HOSTILE), `cannot read ${HOSTILE}`);
    });
    // oxlint-disable-next-line no-control-regex -- none of them may be left
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    expect(text).toContain(String.raw`\u001b[2J\u009b31m\u202e`);
    expect(text).not.toMatch(/^faked/m);
  });

  it('writes JSON that means what was logged', () => {
    const line = logging({}, (logger) => logger.warn({ field: HOSTILE }, HOSTILE));
    expect(JSON.parse(line)).toMatchObject({ field: HOSTILE, msg: HOSTILE });
  });

  it('keeps the lines of a stack in pretty lines', () => {
    const text = logging({ pretty: print }, (logger) => logger.error(new Error('broken')));
    expect(text).toMatch(/^ +at .*logger\.test/m);
  });

  it.each(['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const)(
    'names the level %s as the settings and docs do',
    (level) => {
      const line = logging({ level: 'trace', base: { worker: 'w' } }, (logger) =>
        logger[level]('x'),
      );
      expect(JSON.parse(line)).toMatchObject({ level, worker: 'w' });
    },
  );

  it('omits lines below its level', () => {
    expect(logging({ level: 'warn' }, (logger) => logger.info('quiet'))).toBe('');
  });

  it.each([true, false])(
    'loses nothing when the process exits at once (pretty: %p)',
    async (pretty) => {
      const code = `import { createLogger, loadPrettyPrinter } from '@fetchfleet/service';
      const logger = createLogger({ name: 'short', pretty: ${pretty} && await loadPrettyPrinter() });
      for (let i = 0; i < 2000; i += 1) logger.info('line ' + i);
      logger.fatal('last words');
      process.exit(0);`;
      const child = await startProcess('node', [
        '--conditions=@fetchfleet/source',
        '--input-type=module',
        '--eval',
        code,
      ]);
      await child.exit;
      expect(child.stdout).toBe('');
      expect(child.stderr.trim().split('\n')).toHaveLength(2_001);
      expect(child.stderr).toContain('last words');
    },
  );
});
