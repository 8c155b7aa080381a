/** The same message is not printed again within this time. */
const REPEAT_AFTER_MS = 10_000;
const NOTICED_LEVELS: readonly string[] = ['warn', 'error', 'fatal'];
const MAX_REMEMBERED = 200;

/** Prints warnings and errors from the logs of local workers, each message once in a while. */
export class WorkerNotices {
  readonly #print: (message: string) => void;
  readonly #now: () => number;
  readonly #printedAt = new Map<string, number>();

  constructor(print: (message: string) => void, now: () => number = Date.now) {
    this.#print = print;
    this.#now = now;
  }

  /** Ignores lines that are not JSON: they belong to a crash, which `LocalWorker` reports. */
  add(line: string): void {
    const entry = parseLogLine(line);
    if (entry === undefined || !NOTICED_LEVELS.includes(entry.level)) {
      return;
    }
    const now = this.#now();
    const last = this.#printedAt.get(entry.text);
    if (last !== undefined && now - last < REPEAT_AFTER_MS) {
      return;
    }
    if (this.#printedAt.size >= MAX_REMEMBERED) {
      this.#printedAt.clear();
    }
    this.#printedAt.set(entry.text, now);
    this.#print(entry.text);
  }
}

/** Level and `message: cause` of a JSON log line; undefined for other lines. */
export function parseLogLine(line: string): { level: string; text: string } | undefined {
  if (!line.startsWith('{')) {
    return undefined;
  }
  try {
    const entry: unknown = JSON.parse(line);
    const level = field(entry, 'level');
    const msg = field(entry, 'msg');
    if (typeof level !== 'string' || typeof msg !== 'string') {
      return undefined;
    }
    const cause = field(field(entry, 'err'), 'message');
    const isNewText = typeof cause === 'string' && !msg.includes(cause);
    return { level, text: isNewText ? `${msg}: ${cause}` : msg };
  } catch {
    return undefined;
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
