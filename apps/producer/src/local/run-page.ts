import { toError } from '@fetchfleet/crawl';
import { CommandError } from '../core/errors.ts';
import type { Terminal } from '../core/terminal.ts';
import { openBrowser } from './open-browser.ts';
import { WebProcess } from './web-process.ts';

/** Flags of `run`. Each of them asks for the page. */
export interface PageFlags {
  readonly web?: boolean;
  /** @default that of FETCHFLEET_WEB_PORT, or 8788 */
  readonly port?: string;
  /** Whether a browser opens it. */
  readonly open?: boolean;
}

interface RunPageOptions {
  /** The page begins with it. */
  readonly batch: string;
  /** Of the server: it finds Redis and the results there. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly terminal: Terminal;
}

/** @returns undefined if nobody asked for the page */
export function startPage(flags: PageFlags, options: RunPageOptions): RunPage | undefined {
  const { web, port, open } = flags;
  if (web !== true && open !== true && port === undefined) {
    return undefined;
  }
  const page = new RunPage(flags, options);
  page.start();
  return page;
}

/**
 * The page of the fleet for the length of a run. Nothing waits for it, and whatever happens to it,
 * the run goes on: it only warns.
 */
export class RunPage {
  readonly #flags: PageFlags;
  readonly #options: RunPageOptions;
  #process: WebProcess | undefined;

  constructor(flags: PageFlags, options: RunPageOptions) {
    this.#flags = flags;
    this.#options = options;
  }

  start(): void {
    const { port } = this.#flags;
    const { env, terminal } = this.#options;
    const server = new WebProcess({
      flags: port === undefined ? [] : [`--port=${port}`],
      env,
      terminal,
    });
    this.#process = server;
    void this.#show(server).catch((thrown: unknown) => {
      if (this.#process === server) {
        terminal.warn(`there is no page: ${reasonOf(thrown)}`);
      }
    });
  }

  /** Before the start, or twice, is fine. */
  async stop(): Promise<void> {
    const server = this.#process;
    this.#process = undefined;
    await server?.stop();
  }

  /** Rejects when the server ends. */
  async #show(server: WebProcess): Promise<never> {
    const { batch, env, terminal } = this.#options;
    const address = `${await server.ready()}#/batches/${encodeURIComponent(batch)}`;
    terminal.say(`Watch it at ${address}`);
    if (this.#flags.open === true && !(await openBrowser(address, env))) {
      terminal.warn('there is no browser to open here');
    }
    return server.lost;
  }
}

function reasonOf(thrown: unknown): string {
  const problems = thrown instanceof CommandError ? thrown.problems : [];
  return problems.length > 0 ? problems.join('; ') : toError(thrown).message;
}
