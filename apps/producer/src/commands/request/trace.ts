import { redactUrl } from '@fetchfleet/crawl';
import type { Terminal } from '../../core/terminal.ts';

type Headers = Readonly<Record<string, string>>;

/** Credentials, unless they are a name: `Bearer ${env:API_TOKEN}`. */
const HIDDEN = new Set(['authorization', 'cookie', 'proxy-authorization']);

/** What is sent and answered, on stderr: for `-v`. */
export class Trace {
  readonly #terminal: Terminal;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** @param headers with secrets as names */
  request({ method, url, headers }: { method: string; url: string; headers: Headers }): void {
    const lines = Object.entries(headers).map(
      ([name, value]) => `> ${name}: ${isHidden(name, value) ? '(not shown)' : value}`,
    );
    this.#terminal.say(`> ${method} ${redactUrl(url)}`, ...lines, '>');
  }

  answer({ status, headers }: { readonly status: number; readonly headers: Headers }): void {
    const lines = Object.entries(headers).map(([name, value]) => `< ${name}: ${value}`);
    this.#terminal.say(`< ${status}`, ...lines, '<');
  }

  redirect(target: URL): void {
    this.#terminal.say(`> redirected to ${redactUrl(target.href)}`, '>');
  }

  failure(message: string): void {
    this.#terminal.say(`* ${message}`);
  }
}

function isHidden(name: string, value: string): boolean {
  return HIDDEN.has(name) && !value.includes('${env:');
}
