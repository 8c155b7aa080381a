import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Answer, Behaviour, Happened, Order } from './origin-messages.ts';

/** The limits that all crawl files name for an origin. */
export interface Limits {
  /** Starts a second; undefined for no limit. */
  readonly rate: number | undefined;
  readonly burst: number;
  readonly concurrency: number;
}

export interface OriginClass {
  readonly name: 'paced' | 'wide' | 'slow' | 'named';
  readonly limits: Limits;
  /** What comes before the colon in the Host header. */
  readonly hosts: readonly string[];
}

const addresses = (block: number, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `127.0.${block}.${at + 1}`);

/** Origins with the same limits. A crawl fetches from one class, and so do its redirects. */
export const CLASSES: readonly OriginClass[] = [
  {
    name: 'paced',
    limits: { rate: 40, burst: 5, concurrency: 8 },
    hosts: addresses(31, 3),
  },
  {
    name: 'wide',
    limits: { rate: undefined, burst: 1, concurrency: 8 },
    hosts: addresses(32, 3),
  },
  { name: 'slow', limits: { rate: 10, burst: 1, concurrency: 4 }, hosts: addresses(33, 2) },
  {
    name: 'named',
    limits: { rate: 30, burst: 1, concurrency: 8 },
    hosts: ['one.chaos.test', 'two.chaos.test', 'three.chaos.test'],
  },
];

/** Addresses of the hosts that have names. */
export const NAMES: ReadonlyMap<string, string> = new Map(
  CLASSES.flatMap(({ name, hosts }) =>
    name === 'named' ? hosts.map((host, at) => [host, `127.0.34.${at + 1}`] as const) : [],
  ),
);

export function addressOf(host: string): string {
  return NAMES.get(host) ?? host;
}

/** The process of the origins. */
export class Origins {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (happened: Happened) => void>();
  #reports = 0;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
    child.on('message', (answer: Answer) => {
      if (answer.kind === 'happened') {
        this.#waiting.get(answer.id)?.(answer.happened);
        this.#waiting.delete(answer.id);
      }
    });
  }

  static async start(): Promise<Origins> {
    const script = fileURLToPath(new URL('origin-server.ts', import.meta.url));
    const child = fork(script, { execArgv: [], serialization: 'advanced' });
    const [ready]: Answer[] = await once(child, 'message');
    if (ready?.kind !== 'ready') {
      throw new Error('the origins do not start');
    }
    return new Origins(child, ready.port);
  }

  behave(host: string, behaviour: Behaviour): void {
    this.#send({ kind: 'behave', address: addressOf(host), behaviour });
  }

  /** What has happened since the last report. */
  async report(): Promise<Happened> {
    const id = this.#reports++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#send({ kind: 'report', id });
    });
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    await ended;
  }

  #send(order: Order): void {
    this.#child.send(order);
  }
}
