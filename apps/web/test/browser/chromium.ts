import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { DEADLINE_MS, track } from '@fetchfleet/testing';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

/** As Debian, Ubuntu, Arch and Google name it. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

export interface TabOptions {
  /** @default 1280 */
  readonly width?: number;
  /** @default 860 */
  readonly height?: number;
  /** @default 'light' */
  readonly scheme?: 'light' | 'dark';
  /** Lines of the console that are no problem: this test makes them happen. @default none */
  readonly expected?: RegExp;
}

/** A tab, and whatever a person with an open console would not want to see there. */
export interface Tab {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors and warnings of the console, exceptions, violations of the policy. */
  readonly problems: readonly string[];
}

/** A real Chromium without a window. */
export class Chromium {
  readonly #browser: Browser;

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async start(): Promise<Chromium> {
    const isRoot = process.getuid?.() === 0;
    const browser = await chromium.launch({
      executablePath: findChromium(),
      // Its sandbox refuses root, who is alone in a container.
      args: isRoot ? ['--no-sandbox'] : [],
      timeout: DEADLINE_MS,
    });
    track({
      what: 'chromium',
      isOpen: () => browser.isConnected(),
      close: async () => browser.close(),
    });
    return new Chromium(browser);
  }

  get isOpen(): boolean {
    return this.#browser.isConnected();
  }

  /** Opens an address in a profile of its own. */
  async open(address: string, options: TabOptions = {}): Promise<Tab> {
    const { width = 1280, height = 860, scheme = 'light' } = options;
    const context = await this.#browser.newContext({
      viewport: { width, height },
      colorScheme: scheme,
      locale: 'en-GB',
      timezoneId: 'Europe/Berlin',
      reducedMotion: 'reduce',
    });
    context.setDefaultTimeout(DEADLINE_MS);
    return openTab(context, address, options.expected);
  }

  /** Another tab of the same profile. */
  async openBeside({ context }: Tab, address: string): Promise<Tab> {
    return openTab(context, address);
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }
}

async function openTab(context: BrowserContext, address: string, expected?: RegExp): Promise<Tab> {
  const page = await context.newPage();
  const problems: string[] = [];
  const note = (text: string): void => {
    if (expected?.test(text) !== true) {
      problems.push(text);
    }
  };
  page.on('pageerror', (error) => note(`exception: ${error.stack ?? error.message}`));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) {
      note(`console: ${message.text()} ${message.location().url}`);
    }
  });
  await page.exposeFunction('noteViolation', (text: string) => note(`policy: ${text}`));
  await page.addInitScript(`addEventListener('securitypolicyviolation', (event) =>
    noteViolation(event.violatedDirective + ' ' + event.blockedURI));`);
  await page.goto(address);
  return { page, context, problems };
}

/** @throws Error that says how to install it */
function findChromium(): string {
  for (const name of NAMES) {
    for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
      const path = join(folder, name);
      if (isExecutable(path)) {
        return path;
      }
    }
  }
  throw new Error('chromium is missing: apt-get install chromium');
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
