import type { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import { type Logger, pino } from 'pino';
import type { build } from 'pino-pretty';
import { maskLine } from './mask.ts';
import { printableLine, printableStrings } from './printable-line.ts';

/** Allowed levels, from the fewest to the most lines. */
export const LOG_LEVELS = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** Writes lines for people; see {@link loadPrettyPrinter}. */
export type PrettyPrinter = typeof build;

export interface LoggerOptions {
  /** Name of the program, a field of every line. */
  readonly name: string;
  /** @default 'info' */
  readonly level?: LogLevel;
  /** What writes lines for people, coloured on a terminal; `false` writes JSON. */
  readonly pretty: PrettyPrinter | false;
  /**
   * A stream or a file descriptor. @default 2, standard error: standard output belongs to results
   */
  readonly destination?: Writable | number;
  /** Fields of every line, besides `name`, `pid` and `hostname`. */
  readonly base?: object;
}

export type { Logger } from 'pino';

/** Loads it only where it is used: it would delay the start of the workers of a `run`. */
export async function loadPrettyPrinter(): Promise<PrettyPrinter> {
  return (await import('pino-pretty')).default.build;
}

/**
 * A logger that writes synchronously: with a worker thread a short-lived command could lose its
 * last line. Secrets are masked in the finished line, and what no one sees in it becomes escapes:
 * it does not matter which field or message they are in.
 */
export function createLogger(options: LoggerOptions): Logger {
  const { name, level = 'info', pretty, destination = 2, base } = options;
  const stream =
    pretty === false ? plainDestination(destination) : prettyDestination(pretty, destination);
  const toShow = pretty === false ? printableLine : printableStrings;
  const logger = pino(
    {
      name,
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: (line) => toShow(maskLine(line)) },
    },
    stream,
  );
  return base === undefined ? logger : logger.child(base);
}

function plainDestination(destination: Writable | number): { write(line: string): void } {
  return typeof destination === 'number'
    ? pino.destination({ dest: destination, sync: true })
    : destination;
}

function prettyDestination(
  print: PrettyPrinter,
  destination: Writable | number,
): { write(line: string): void } {
  return print({
    destination,
    sync: true,
    colorize: typeof destination === 'number' && isatty(destination),
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,hostname',
  });
}
