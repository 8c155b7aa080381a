/** The same message is not told again before this is over. */
const REPEAT_AFTER_MS = 10_000;
const WARN = 40;
const MAX_REMEMBERED = 200;

/** What the lines of local workers say to the person who runs them: warnings and errors, each once in a while. */
export class WorkerNotices {
  readonly #tell: (message: string) => void;
  readonly #now: () => number;
  readonly #toldAt = new Map<string, number>();

  constructor(tell: (message: string) => void, now: () => number = Date.now) {
    this.#tell = tell;
    this.#now = now;
  }

  /** Takes one line of a worker's log; what is no JSON log line is somebody's crash, and is the worker's to keep. */
  add(line: string): void {
    const entry = parseLogLine(line);
    if (entry === undefined || entry.level < WARN) return;
    const now = this.#now();
    const last = this.#toldAt.get(entry.text);
    if (last !== undefined && now - last < REPEAT_AFTER_MS) return;
    if (this.#toldAt.size >= MAX_REMEMBERED) this.#toldAt.clear();
    this.#toldAt.set(entry.text, now);
    this.#tell(entry.text);
  }
}

/** `message: cause` of a JSON log line. */
export function parseLogLine(line: string): { level: number; text: string } | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const entry: unknown = JSON.parse(line);
    const level = field(entry, 'level');
    const msg = field(entry, 'msg');
    if (typeof level !== 'number' || typeof msg !== 'string') return undefined;
    const cause = field(field(entry, 'err'), 'message');
    const isNews = typeof cause === 'string' && !msg.includes(cause);
    return { level, text: isNews ? `${msg}: ${cause}` : msg };
  } catch {
    return undefined;
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
