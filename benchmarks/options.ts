import { parseArgs } from 'node:util';

const PARTS = ['speed', 'latency', 'enqueue'];

export interface Options {
  /** Runs of every contender that count. @default 3 */
  readonly rounds: number;
  /** Any of speed, latency and enqueue. @default all of them */
  readonly parts: readonly string[];
  /** Fetches of the batch that is enqueued; four times as many for the memory. @default 1,000,000 */
  readonly enqueue: number;
}

/** @throws Error with what is wrong, for people */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      part: { type: 'string', multiple: true, default: PARTS },
      enqueue: { type: 'string', default: '1000000' },
    },
  });
  const unknown = values.part.find((part) => !PARTS.includes(part));
  if (unknown !== undefined) {
    throw new Error(`--part is one of ${PARTS.join(', ')}, not "${unknown}"`);
  }
  return {
    parts: values.part,
    rounds: positive('--rounds', values.rounds),
    enqueue: positive('--enqueue', values.enqueue),
  };
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new Error(`${flag} is a whole number from 1, not "${text}"`);
}
