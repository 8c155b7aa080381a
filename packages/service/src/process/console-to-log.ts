import { format } from 'node:util';

const METHODS = ['error', 'warn', 'info', 'log', 'debug'] as const;

/**
 * Hands over what is printed with `console`, until the returned function is called: BullMQ and
 * ioredis print warnings, which would be lines between those of the log.
 */
export function redirectConsole(print: (text: string) => void): () => void {
  const originals = METHODS.map((method) => [method, console[method]] as const);
  for (const method of METHODS) {
    console[method] = (...parts: unknown[]) => print(format(...parts));
  }
  return () => {
    for (const [method, original] of originals) {
      console[method] = original;
    }
  };
}
